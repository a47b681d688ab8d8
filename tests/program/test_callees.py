"""What a call may run where subclasses, branches and assignments have a say in it."""

from __future__ import annotations

import ast
import textwrap
from pathlib import Path

import pytest

from dbhygiene.program.callees import callees
from dbhygiene.project.project import Project
from dbhygiene.source.file import function_around

ELSEWHERE = {
    "jobs.py": """
        class Job:
            def run(self):
                self.end(1)
            def end(self, conn):
                conn.use()
        class Patched:
            def end(self, conn):
                conn.use()
        """,
    "middle.py": "from jobs import Job as Task\nimport jobs\nclass Between(Task): ...\njobs.Patched.end = print\n",
    "leaf.py": "from middle import Between\nclass Leaf(Between):\n    def end(self, conn): ...\n",
    "kept.py": "from jobs import Job\njob = Job()\n",
    "fast.py": "def end(conn): conn.close()",
    "slow.py": "def end(conn): conn.use()",
    "either.py": "try:\n    from fast import end\nexcept ImportError:\n    from slow import end\n",
}


def written(root: Path, files: dict[str, str]) -> Project:
    for name, text in files.items():
        (root / name).write_text(textwrap.dedent(text))
    return Project(root)


def may_run(root: Path, program: str) -> tuple[set[str], bool]:
    """What the call in the line marked `# here` may run, and whether that is all."""
    text = textwrap.dedent(program)
    file = written(root, {**ELSEWHERE, "main.py": text}).file(root / "main.py")
    line = next(n for n, each in enumerate(text.splitlines(), 1) if each.endswith("# here"))
    call = next(call for call in file.nodes(ast.Call) if call.lineno == line and isinstance(call, ast.Call))
    found = callees(file, call, file.functions[function_around(file, call) or file.tree])
    return {each.dotted_name for each in found.definitions}, found.complete


@pytest.mark.parametrize(
    ("program", "expected", "complete"),
    [
        pytest.param(
            """
            class A:
                def run(self):
                    self.end()  # here
                def end(self): work()
            class B(A):
                def end(self): other()
            """,
            {"main.A.end", "main.B.end"},
            True,
            id="overridden",
        ),
        pytest.param(
            """
            class A:
                def run(self):
                    self.end()  # here
                def end(self): work()
            class Mixin:
                def end(self): other()
            class B(Mixin, A): ...
            """,
            {"main.A.end", "main.Mixin.end"},
            True,
            id="by a mixin",
        ),
        pytest.param(
            """
            class A:
                def end(self): work()
            class B(A):
                def end(self):
                    super().end()  # here
            class C(B):
                def end(self): other()
            """,
            {"main.A.end"},
            True,
            id="super is static",
        ),
        pytest.param(
            """
            class A:
                def end(self): work()
            class B(A):
                def end(self): other()
            def run(b):
                A.end(b)  # here
            """,
            {"main.A.end"},
            True,
            id="by the name of the class",
        ),
        pytest.param(
            """
            class A:
                def end(self): pass
            class B(A):
                def end(self): other()
            def run():
                A().end()  # here
            """,
            {"main.A.end"},
            True,
            id="on an object that is made here",
        ),
        pytest.param(
            """
            class A:
                one = None
                @classmethod
                def only(cls):
                    if cls.one is None:
                        cls.one = cls()
                    return cls.one
                def end(self): other()
            class B(A):
                def end(self): work()
            def run():
                A.only().end()  # here
            """,
            {"main.A.end", "main.B.end"},
            True,
            id="on the object that a function returns",
        ),
        pytest.param(
            """
            from kept import job
            def run():
                job.run()  # here
            """,
            {"jobs.Job.run"},
            True,
            id="on the object that another module keeps",
        ),
        pytest.param(
            """
            class A:
                def end(self): other()
            async def one():
                return A()
            async def run():
                (await one()).end()  # here
            """,
            {"main.A.end"},
            True,
            id="on the object that a coroutine returns",
        ),
        pytest.param(
            """
            class A:
                def end(self): other()
            def one(given):
                return A() if given else given
            def run():
                one(3).end()  # here
            """,
            set(),
            False,
            id="on an object of a class that is not known",
        ),
        pytest.param(
            """
            class A:
                def run(self):
                    self.end()  # here
                def end(self):
                    \"\"\"Nothing to do.\"\"\"
            """,
            {"main.A.end"},
            False,
            id="a hook",
        ),
        pytest.param(
            """
            from jobs import Job
            def run(job: Job):
                job.end(1)  # here
            """,
            {"jobs.Job.end", "leaf.Leaf.end"},
            False,  # the one in leaf.py is a hook
            id="in another file, below a renamed class",
        ),
        pytest.param(
            """
            from jobs import Patched
            class Mine(Patched):
                def run(self):
                    self.end(1)  # here
            """,
            {"jobs.Patched.end"},
            False,
            id="replaced by an assignment elsewhere",
        ),
        pytest.param(
            """
            class A:
                def __init__(self, end=None):
                    if end: self.end = end
                def run(self):
                    self.end()  # here
                def end(self): work()
            """,
            {"main.A.end"},
            False,
            id="replaced in an instance",
        ),
        pytest.param(
            "from either import end\nend(1)  # here\n", {"fast.end", "slow.end"}, True, id="imported from here or there"
        ),
        pytest.param(
            """
            def end(): work()
            def change():
                global end
                end = print
            end()  # here
            """,
            set(),
            False,
            id="global",
        ),
        pytest.param(
            """
            if check:
                def end(): work()
            else:
                def end(): other()
            end()  # here
            """,
            {"main.end"},
            True,
            id="defined in branches",
        ),
        pytest.param(
            """
            def run():
                def end(): work()
                end()  # here
            """,
            {"main.run.<locals>.end"},
            True,
            id="within a function",
        ),
        pytest.param("def end(): ...\ndef end(): work()\nend()  # here\n", {"main.end"}, True, id="defined again"),
        pytest.param(
            """
            class One:
                def end(self): work()
            class A:
                def __init__(self):
                    self.one = One()
                def run(self):
                    self.one.end()  # here
            class B(A):
                def __init__(self):
                    self.one = other()
            """,
            set(),
            False,
            id="a field that a subclass gives another value",
        ),
        pytest.param(
            """
            class One:
                def end(self): work()
            def run(one=None):
                if one is None:
                    one = One()
                one.end()  # here
            """,
            set(),
            False,
            id="a parameter with a default",
        ),
    ],
)  # fmt: skip
def test_what_a_call_may_run(tmp_path: Path, program: str, expected: set[str], complete: bool) -> None:
    assert may_run(tmp_path, program) == (expected, complete)


def test_a_subclass_or_an_assignment_in_a_test_does_not_count(tmp_path: Path) -> None:
    test = "import main\nclass Fake(main.Job):\n    def end(self): ...\nmain.Job.end = print\n"
    written(tmp_path, {"test_jobs.py": test})
    program = """
        class Job:
            def run(self):
                self.end()  # here
            def end(self): work()
        """
    assert may_run(tmp_path, program) == ({"main.Job.end"}, True)


def test_both_definitions_in_branches_count(tmp_path: Path) -> None:
    text = "if check:\n    def end(): work()\nelse:\n    def end(): other()\nend()\n"
    file = written(tmp_path, {"main.py": text}).file(tmp_path / "main.py")
    (call,) = file.calls["end"]
    lines = [each.node.lineno for each in callees(file, call, file.scope).definitions]
    assert lines == [2, 4]
