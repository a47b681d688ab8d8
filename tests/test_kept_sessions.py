"""Which sessions of a registry threads keep, and that this parses only the files that may decide it."""

from __future__ import annotations

import textwrap
from pathlib import Path

from dbhygiene.project.project import Project
from dbhygiene.recovery.kept_sessions import kept_sessions

DATABASE = """
from sqlalchemy import create_engine
from sqlalchemy.orm import scoped_session, sessionmaker

Session = scoped_session(sessionmaker(create_engine("postgresql://shop")))
"""
WORKERS = """
from threading import Thread

class Worker(Thread):
    def __init__(self, work):
        super().__init__()
        self.work = work

    def run(self):
        self.work()
"""
LATER = "def notify(order): ...\n"
UNRELATED = "class Invoice: ...\nclass Thread: ...\n"


def checked(root: Path, program: str) -> tuple[int, set[str]]:
    """Return how many sessions `app.py` keeps, and the names of the files that were parsed for that."""
    others = {"database": DATABASE, "workers": WORKERS, "later": LATER, "unrelated": UNRELATED}
    for name, text in {**others, "app": program}.items():
        (root / f"{name}.py").write_text(textwrap.dedent(text))
    project = Project(root)
    found = kept_sessions(project.file(root / "app.py"))
    return len(found), {file.path.stem for file in project.files_in_use() if "tree" in vars(file)}


def test_what_other_code_is_given_is_not_looked_for_if_the_work_itself_ends_the_session(tmp_path: Path) -> None:
    program = """
    import threading
    from database import Session
    from later import notify

    def work(queue):
        queue.watch(notify)
        Session.execute("SELECT 1")
        Session.remove()

    threading.Thread(target=work).start()
    """
    assert checked(tmp_path, program) == (0, {"app", "database"})
    assert checked(tmp_path, program.replace("Session.remove()", "")) == (1, {"app", "database", "later"})


def test_a_class_is_looked_up_only_if_its_name_may_be_that_of_a_thread(tmp_path: Path) -> None:
    program = """
    import later
    from database import Session
    from unrelated import Invoice
    from workers import Worker as Hand

    def work():
        Session.execute("SELECT 1")

    Invoice()
    Hand(work).start()
    """
    (tmp_path / "more.py").write_text("from workers import Worker as Other")
    assert checked(tmp_path, program)[1] == {"app", "workers"}
