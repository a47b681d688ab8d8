"""The acquire filter: spares questions, and changes no answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbhygiene.checker.project_check import load
from dbhygiene.checker.selection import selected_rules
from dbhygiene.checker.subjects import Analyses
from dbhygiene.config.settings import Settings
from dbhygiene.library import drivers
from dbhygiene.library.calls import TAKING
from dbhygiene.lifetimes import Lifetimes
from dbhygiene.lifetimes.acquire_filter import AcquireFilter
from dbhygiene.project.project import Project
from dbhygiene.source.file import File

POOL = "import pymysql\n\ndef seize():\n    return pymysql.connect(host='db')\n"
OWNER = """
class Box:
    def __init__(self):
        self.kept = seize()

    def close(self):
        self.kept.close()

    @classmethod
    def make(cls):
        return cls()
"""


def test_whatever_a_library_gives_connections_by_is_let_through() -> None:
    sieve = AcquireFilter(())
    named = [name for driver in drivers.drivers() for name in (*driver.opens, *driver.opens_async)]
    taken = [pool.takes for driver in drivers.drivers() for pool in driver.pools]
    for word in (*named, *taken, *TAKING, "raw_connection", "Session", "AsyncSession", "sessionmaker", "make_db"):
        assert sieve.is_acquire_name(word.rpartition(".")[2]), word


def test_a_word_that_nobody_hands_a_connection_out_by_is_not() -> None:
    file = File(Path("app.py"), "import x\n\ndef f():\n    x.load(1).strip()\n    x.cursor()\n    print(1)\n")
    (function,) = file.tree.body[1:]
    assert AcquireFilter().may_acquire_in(file, function)  # nobody has looked
    assert not AcquireFilter(("dump",)).may_acquire_in(file, function)
    assert AcquireFilter(("load",)).may_acquire_in(file, function)


@pytest.mark.parametrize(
    "body",
    [
        "x = seize()",
        "other = seize\nx = other()",
        "other = again = seize\nlast = again\nx = last()",
        "from pool import seize as other\nx = other()",
        "import pool as p\nx = p.seize()",
        "import pool as p\nq = p\nx = q.seize()",
        "from pool import *\nx = seize()",
        "from handed import fetched\nx = fetched()",
        "import handed\nx = handed.fetched()",
        "from handed import got\nx = got()",
        "import pymysql\nother = pymysql.connect\nx = other()",
        "from pymysql import connect as other\nx = other()",
        "x = Box()",
        "Other = Box\nx = Other()",
        "x = Box.make()",
        "x = Sub()",
        "x = Sub.make()",
        "x = f3()",
        "def inner():\n    return seize()\nx = inner()",
        "x = y = seize()",
    ],
)
def test_what_is_found_is_what_is_found_without_it(tmp_path: Path, body: str) -> None:
    (tmp_path / "pool.py").write_text(f"{POOL}\ndef f3():\n    return seize()\n{OWNER}\nclass Sub(Box):\n    pass\n")
    (tmp_path / "handed.py").write_text("import pool\nfrom pool import seize as fetched\ngot = pool.seize\n")
    head = "import pymysql\nfrom pool import Box, Sub, f3, seize\n\ndef run():\n"
    (tmp_path / "app.py").write_text(head + "".join(f"    {line}\n" for line in [*body.split("\n"), "x.ping()"]))
    (tmp_path / "bare.py").write_text("print(1)\n")  # speaks of nothing: so what the others hand out is learnt

    project = Project(tmp_path, Settings())
    lives = Lifetimes(project)
    without = [(life.birth.lineno, str(life.leak)) for life in lives.of(project.file(tmp_path / "app.py"))]

    project, rules = Project(tmp_path, Settings()), selected_rules(Settings())
    analyses = Analyses(project)
    load(project, [tmp_path / "app.py", tmp_path / "bare.py"], rules, analyses)
    assert analyses.handed is not None
    subjects = analyses.subjects("Lifetime", project.file(tmp_path / "app.py"))
    assert [(life.birth.lineno, str(life.leak)) for life in subjects] == without
    assert without
