"""What is known of a project's own functions, from module to module: seen through the findings in `app.py`."""

from __future__ import annotations

import ast
import gc
import textwrap
import weakref
from pathlib import Path

import pytest

from dbhygiene.checker.project_check import check
from dbhygiene.checker.selection import selected_rules
from dbhygiene.config.settings import Settings
from dbhygiene.lifetimes.summaries import Summaries
from dbhygiene.program.definitions import Definition
from dbhygiene.project.project import Project
from dbhygiene.source.file import File

DB = """
    import contextlib
    import functools
    import pymysql

    def connect(host):
        return pymysql.connect(host=host)

    def indirectly(host):
        conn = connect(host)
        return conn

    def maybe(host):
        return connect(host) if host else None

    def pair(host):
        conn = connect(host)
        return conn, conn.cursor()

    def close(conn):
        conn.close()

    def close_all(*conns):
        for conn in conns:
            conn.close()

    def query(conn, sql):
        cursor = conn.cursor()
        cursor.execute(sql)
        return cursor.fetchall()

    def even(conn, n):
        return odd(conn, n - 1) if n else conn.close()

    def odd(conn, n):
        return even(conn, n - 1) if n else None

    def fail(message):
        raise SystemExit(message)

    def harmless(conn):
        return None

    def finish(conn, commit=False, *, close=True):
        if commit:
            conn.commit()
        if close:
            conn.close()

    def verify(host, strict=False):
        if strict and not host:
            raise ValueError

    @contextlib.contextmanager
    def managed(host):
        conn = connect(host)
        try:
            yield conn
        finally:
            conn.close()

    @functools.lru_cache
    def shared(host):
        return connect(host)

    class Store:
        def __init__(self, conn):
            self.conn = conn

        def close(self):
            self.conn.close()
    """

FALLBACK = """
try:
    import tool
except ImportError as missing:
    tool = None
"""


def found(root: Path, body: str, layout: str = "db", imports: str = "from db import *") -> list[str]:
    """The codes of the findings in a function of `app.py` with this body."""
    path = root / f"{layout.replace('.', '/')}.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(DB))
    program = f"{imports}\n\ndef main(host):\n{textwrap.indent(textwrap.dedent(body).strip(), '    ')}\n"
    (root / "app.py").write_text(program)
    project = Project(root, Settings(select=("HYG101", "HYG102")))
    files = project.discover([root]).files
    return [
        finding.code
        for finding in check(project, files, selected_rules(project.settings))
        if finding.path.name == "app.py"
    ]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("conn = connect(host)\nconn.cursor()", ["HYG101"]),
        ("conn = indirectly(host)\nconn.cursor()", ["HYG101"]),
        ("conn = maybe(host)\nif conn: conn.close()", []),
        ("conn, cursor = pair(host)\ncursor.close()", ["HYG101"]),
        ("conn, cursor = pair(host)\nconn.close()", []),
        ("conn = connect(host)\nclose(conn)", []),
        ("conn = connect(host)\nclose_all(conn, None)", []),
        ("conn = connect(host)\nrows = query(conn, 'select 1')\nconn.close()", ["HYG102"]),
        ("conn = connect(host)\nreturn query(conn, 'select 1')", ["HYG101"]),
        ("conn = connect(host)\neven(conn, 3)", ["HYG101"]),
        ("if not host: fail('no host')\nelse: conn = connect(host)\nconn.close()", []),
        ("conn = connect(host)\nharmless(conn)\nconn.close()", []),
        ("conn = connect(host)\nfinish(conn)", []),
        ("conn = connect(host)\nfinish(conn, True)", ["HYG102"]),
        ("conn = connect(host)\nfinish(conn, close=False)", ["HYG101"]),
        ("conn = connect(host)\nfinish(conn, close=host)", ["HYG101"]),
        ("conn = connect(host)\nverify(host)\nconn.close()", []),
        ("conn = connect(host)\nverify(host, strict=True)\nconn.close()", ["HYG102"]),
        ("conn = connect(host)\nflag = False\nif flag: query(conn, '')\nconn.close()", []),
        (f"{FALLBACK}\nconn = connect(host)\nif tool: query(conn, '')\nconn.close()", ["HYG102"]),
        (f"{FALLBACK}\nconn = connect(host)\nif missing: query(conn, '')\nconn.close()", ["HYG102"]),
        ("with managed(host) as conn: conn.cursor()", []),
        ("shared(host).cursor()", []),
        ("return Store(connect(host))", []),
        ("return connect(host)", []),
    ],
)
def test_functions_of_another_module(tmp_path: Path, body: str, expected: list[str]) -> None:
    assert found(tmp_path, body) == expected


@pytest.mark.parametrize(
    ("layout", "imports", "call"),
    [
        ("db", "import db", "db.connect(host)"),
        ("shop.db", "from shop.db import connect as open_it", "open_it(host)"),
        ("shop.db", "import shop.db as database", "database.connect(host)"),
        ("src.shop.db", "from shop import db", "db.connect(host)"),
        ("shop.db", "from shop import connect", "connect(host)"),
        ("shop.inner.db", "from shop import connect", "connect(host)"),
    ],
)
def test_layouts(tmp_path: Path, layout: str, imports: str, call: str) -> None:
    for package in list(Path(layout.replace(".", "/")).parents)[:-1]:
        (tmp_path / package).mkdir(parents=True, exist_ok=True)
        if package.name != "src":
            (tmp_path / package / "__init__.py").write_text("")
    if "import connect" in imports and layout != "db":
        handed_on = layout.removeprefix("shop.")
        (tmp_path / "shop" / "__init__.py").write_text(f"from .{handed_on} import connect\n")
    assert found(tmp_path, f"conn = {call}\nconn.cursor()", layout, imports) == ["HYG101"]


def test_what_objects_own_is_asked_again_once_more_is_known(tmp_path: Path) -> None:
    """Which files are worth a look depends on names that are learned later."""
    (tmp_path / "c.py").write_text("import pymysql\n\ndef make_conn():\n    return pymysql.connect()\n")
    box = "import c\n\nclass Box:\n    def __init__(self):\n        self.kept = c.make_conn()\n\n"
    (tmp_path / "b.py").write_text(box + "    def close(self):\n        self.kept.close()\n")
    project = Project(tmp_path, Settings())
    summaries = Summaries(project)
    file = project.file(tmp_path / "b.py")
    cls = Definition(file, file.classes["Box"].node, "Box")
    assert summaries.model_of_definition(cls) is None
    summaries.set_helpers({"make_conn": ()})
    assert summaries.model_of_definition(cls) is not None


def test_an_analysis_is_gone_with_its_last_user_though_no_garbage_is_collected(tmp_path: Path) -> None:
    file = File(tmp_path / "app.py", "import pymysql\n\ndef f():\n    conn = pymysql.connect()\n    conn.ping()\n")
    summaries = Summaries(file.project)
    (function,) = file.tree.body[1:]
    assert isinstance(function, ast.FunctionDef)
    gc.disable()
    try:
        analysis = summaries.analysis(file, function)
        assert analysis is not None
        left = weakref.ref(analysis.transfer)
        summaries.release(file)
        del analysis
        assert left() is None
    finally:
        gc.enable()


def test_helpers_may_call_each_other_in_a_chain_of_any_length(tmp_path: Path) -> None:
    helpers = "".join(f"def open_{n}(host):\n    return open_{n + 1}(host)\n\n" for n in range(60))
    last = "def open_60(host):\n    return pymysql.connect(host=host)\n\n"
    closers = "".join(f"def close_{n}(conn):\n    close_{n + 1}(conn)\n\n" for n in range(60))
    ends = "def close_60(conn):\n    conn.close()\n\n"
    leaky = "def leaky():\n    conn = open_0('db')\n    conn.ping()\n\n"
    tidy = "def tidy():\n    conn = open_0('db')\n    close_0(conn)\n"
    (tmp_path / "app.py").write_text(f"import pymysql\n\n{helpers}{last}{closers}{ends}{leaky}{tidy}")
    project = Project(tmp_path, Settings())
    found = check(project, [tmp_path / "app.py"], selected_rules(project.settings))
    assert [(finding.code, finding.context) for finding in found if finding.code == "HYG101"] == [("HYG101", "leaky")]


@pytest.mark.parametrize(("end", "raises"), [("pass", False), ("work()", True)])
def test_whether_a_helper_can_raise_is_known_however_long_the_chain_of_calls(
    tmp_path: Path, end: str, raises: bool
) -> None:
    """The last function of the chain may also lead back to the first."""
    helpers = "".join(f"def step_{n}():\n    step_{n + 1}()\n\n" for n in range(30))
    last = f"def step_30():\n    if done:\n        step_0()\n    {end}\n\n"
    app = "def app():\n    conn = pymysql.connect()\n    step_0()\n    conn.close()\n"
    (tmp_path / "app.py").write_text(f"import pymysql\n\n{helpers}{last}{app}")
    project = Project(tmp_path, Settings())
    found = check(project, [tmp_path / "app.py"], selected_rules(project.settings))
    assert bool([*found]) is raises
