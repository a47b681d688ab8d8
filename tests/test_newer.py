"""Syntax errors that come of a newer or a much older syntax say which Python parses it; warnings count such files."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

import dbhygiene
from dbhygiene.checker.newer import needed_python
from dbhygiene.checker.own_findings import not_parsed
from tests.test_python_2 import refused, run


def newer(error: SyntaxError, here: tuple[int, ...] = sys.version_info[:2]) -> str:
    return str(needed_python(error, here) or "")


@pytest.mark.skipif(sys.version_info >= (3, 11), reason="it parses")
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("try:\n    pass\nexcept* ValueError:\n    pass\n", "`except*` needs Python 3.11 or newer"),
        ("try:\n    pass\nexcept *OSError as e:\n    pass\n", "`except*` needs Python 3.11 or newer"),
        ("x = a[*b]\n", "`*` in an index or an annotation needs Python 3.11 or newer"),
        ("def f(*args: *Ts): pass\n", "`*` in an index or an annotation needs Python 3.11 or newer"),
    ],
)
def test_what_python_3_11_reads(text: str, words: str) -> None:
    assert newer(refused(text)) == words


QUOTES = "an f-string whose own quotes stand between its braces needs Python 3.12 or newer"


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="it parses")
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("class Page[T](Base):\n    pass\n", "`class Page[...]` needs Python 3.12 or newer"),
        ("class Page[T: Mapping[str, int], *Ts, **P]:\n    pass\n", "`class Page[...]` needs Python 3.12 or newer"),
        ("if x:\n    async def f[T](x): pass\n", "`async def f[...]` needs Python 3.12 or newer"),
        ("def f[\n    T,\n](x): pass\n", "`def f[...]` needs Python 3.12 or newer"),
        ("type Row = dict\n", "a `type` statement needs Python 3.12 or newer"),
        ("type Row[T: dict[str, int]] = dict[T, int]\n", "a `type` statement needs Python 3.12 or newer"),
        ("x = f'{a['b']}'\n", QUOTES),
        ('run(\n    f"select {names["b"]} from t",\n    x)\n', QUOTES),
        ("run(f'select {','.join(names)} from t')\n", QUOTES),
        ("x = f'{f'{f'{1}'}'}'\n", QUOTES),
        ("x = f'{{{a['b']}}}'\n", QUOTES),
        ("""x = f"'{name.replace("'", "''")}'"  # an own ' in it\n""", QUOTES),
        (
            "x = f'{\"\\n\".join(a)}'\n",
            "a backslash between the braces of an f-string needs Python 3.12 or newer",
        ),
    ],
)
def test_what_python_3_12_reads(text: str, words: str) -> None:
    assert newer(refused(text)) == words


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="it parses")
def test_what_python_3_14_reads() -> None:
    words = "`except` with several types and no parentheses needs Python 3.14 or newer"
    for types in ("OSError, ValueError", "db.Error, socket.timeout", "A, B, c"):
        assert newer(refused(f"try:\n    pass\nexcept {types}:\n    pass\n")) == words
    if sys.version_info >= (3, 11):
        assert newer(refused("try:\n    pass\nexcept* OSError, ValueError:\n    pass\n")) == words
    assert newer(refused("x = t'{a}'\n")) == "a template string needs Python 3.14 or newer"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("print x\n", "the `print` statement is Python 2"),
        ("def f():\n    print 'x' % y, z\n", "the `print` statement is Python 2"),
        ("exec 'a = 1'\n", "the `exec` statement is Python 2"),
        ("exec code in names\n", "the `exec` statement is Python 2"),
        ("raise ValueError, 'x'\n", "`raise` with a comma is Python 2"),
        ("x = `y`\n", "a backtick is Python 2"),
        ("if a <> b: pass\n", "`<>` is Python 2"),
        ("x = ur'a'\n", "the prefix `ur` is Python 2"),
        ("x = f(10L)\n", "a number with `L` is Python 2"),
    ],
)
def test_python_2(text: str, words: str) -> None:
    assert newer(refused(text)) == words


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="it parses")
@pytest.mark.parametrize("types", ["OSError, e", "(OSError, db.Error), e"])
def test_a_name_after_the_comma_is_python_2(types: str) -> None:
    assert newer(refused(f"try:\n    pass\nexcept {types}:\n    pass\n")) == "`except ..., e` is Python 2"


@pytest.mark.parametrize(
    "text",
    [
        "class A(:\n",
        "type X\n",
        "x = 't'a\n",
        "def f(x[1]): pass\n",
        "print = = 3\n",
        "x = f'{a b}'\n",
        "x = f'{a'\n",
        "x = f'}'\n",
        "x = 'it's'\n",
        "x = f'it's {a}'\n",
        "x = f'{a['b']}' + 'it's'\n",
        "x = 'it's'  # f'{a['b']}'\n",
        "```python\n",
        "x = a ** * b\n",
        "except = 1\n",
    ],
)
def test_plain_errors_say_nothing_of_a_version(text: str) -> None:
    assert newer(refused(text)) == ""


def test_the_running_python_is_not_asked_for() -> None:
    error = SyntaxError("invalid syntax", ("app.py", 1, 11, "class Page[T]:\n"))
    assert newer(error, (3, 11))
    assert not newer(error, (3, 12))
    if sys.version_info < (3, 12):
        message = not_parsed(Path("app.py"), error).message
        assert message.endswith("): `class Page[...]` needs Python 3.12 or newer")


CONNECTS = "import pymysql\n\nconn = pymysql.connect()\n"
HANDLER = "try:\n    conn.close()\nexcept OSError, ValueError:\n    pass\n"
OLD_HANDLER = HANDLER.replace("ValueError", "error")
before_3_14 = pytest.mark.skipif(sys.version_info >= (3, 14), reason="it parses")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("setup.cfg", ".git"):
        (tmp_path / name).touch()
    (tmp_path / "app").mkdir()
    return tmp_path


@before_3_14
def test_files_of_a_directory_that_need_a_newer_python_are_counted_in_one_line(project: Path) -> None:
    (project / "app/a.py").write_text(CONNECTS + HANDLER)
    (project / "app/b.py").write_text(CONNECTS + "query = t'select {conn}'\n")
    warning = (
        "dbhygiene: warning: 2 files need Python 3.14 or newer and were not checked, for example `app/a.py` (line 6);"
        " install dbhygiene with it\n"
    )
    assert run("check", "-q", "-o", "concise") == (0, "", warning)
    assert run("fix", "-q") == (0, "", warning)
    assert dbhygiene.check(project) == []
    assert "in 2 files (2 not parsed)" in run("check")[1]
    (log,) = json.loads(run("check", "-q", "-o", "sarif")[1])["runs"]
    assert log["results"] == []
    assert len(log["invocations"][0]["toolExecutionNotifications"]) == 2


@before_3_14
def test_each_python_that_files_need_is_one_line(project: Path) -> None:
    (project / "app/a.py").write_text(CONNECTS + HANDLER)
    (project / "app/b.py").write_text(CONNECTS + 'print "done"\n')
    lines = run("check", "-q", "-o", "concise")[2].splitlines()
    assert [line.removeprefix("dbhygiene: warning: ") for line in lines] == [
        "`app/a.py` (line 6) needs Python 3.14 or newer and was not checked; install dbhygiene with it",
        "`app/b.py` (line 4) is written for Python 2 and was not checked",
    ]


@before_3_14
def test_a_named_file_that_needs_a_newer_python_is_a_finding(project: Path) -> None:
    (project / "app/a.py").write_text(CONNECTS + HANDLER)
    status, out, err = run("check", "-q", "-o", "concise", "app/a.py")
    assert (status, err) == (1, "")
    assert "`except` with several types and no parentheses needs Python 3.14 or newer" in out


@before_3_14
@pytest.mark.parametrize(
    ("name", "declared"),
    [
        ("pyproject.toml", '[project]\nrequires-python = ">=3.14"\n'),
        ("pyproject.toml", '[project]\nrequires-python = ">=3.14,<3.16"\n'),
        ("pyproject.toml", '[tool.poetry.dependencies]\npython = "^3.14"\n'),
        ("app/pyproject.toml", '[project]\nrequires-python = "~=3.15"\n'),
        ("setup.py", 'setup(\n    python_requires=">= 3.14.1",\n)\n'),
        ("setup.cfg", "[options]\npython_requires = >=3.14\n"),
        (".python-version", "3.14.0\n"),
        (".python-version", "pypy-3.14\n"),
    ],
)
def test_a_project_that_needs_python_3_14_is_not_written_for_python_2(project: Path, name: str, declared: str) -> None:
    (project / "app/a.py").write_text(CONNECTS + OLD_HANDLER)
    assert "is written for Python 2" in run("check", "-q")[2]
    (project / name).write_text(declared)
    assert "needs Python 3.14 or newer" in run("check", "-q")[2]
    assert "Python 2" not in run("check", "-q", "app/a.py")[1]


@before_3_14
@pytest.mark.parametrize(
    ("name", "declared"),
    [
        ("pyproject.toml", '[project]\nrequires-python = ">=3.9,<3.14"\n'),
        ("pyproject.toml", '[project]\nrequires-python = "!=3.14"\n'),
        ("setup.cfg", "[options]\npython_requires = >=2.7\n"),
        (".python-version", "2.7.18\n"),
        (".python-version", "\n"),
    ],
)
def test_a_project_of_another_python_may_be_written_for_python_2(project: Path, name: str, declared: str) -> None:
    (project / "app/a.py").write_text(CONNECTS + OLD_HANDLER)
    (project / name).write_text(declared)
    assert "is written for Python 2" in run("check", "-q")[2]


@before_3_14
def test_other_code_of_python_2_decides(project: Path) -> None:
    (project / ".python-version").write_text("3.14\n")
    (project / "app/a.py").write_text(CONNECTS + OLD_HANDLER + 'print "done"\n')
    assert "is written for Python 2" in run("check", "-q")[2]


@pytest.mark.parametrize(
    "line", ["#!/bin/bash", "#!/usr/bin/env bash", "#! /bin/sh -e", "#!/usr/bin/env -S perl -w", "#!/usr/bin/node"]
)
def test_a_program_of_another_interpreter_is_no_finding(project: Path, line: str) -> None:
    text = f"{line}\n# loads pymysql.connect\nfor name in a b c; do\n    echo $name\ndone\n"
    (project / "app/load.py").write_text(text)
    assert run("check", "-q") == (0, "", "")
    assert dbhygiene.check(project) == []
    assert "load.py" not in run("doctor")[1]
    status, out, _ = run("check", "-q", "-o", "concise", "app/load.py")
    assert status == 1
    assert "the first line names another interpreter" in out


@pytest.mark.parametrize("line", ["#!/usr/bin/env python3", "#!/opt/bash/bin/python", "# /bin/bash", "#!/usr/bin/pypy"])
def test_a_program_of_python_that_does_not_parse_is_a_finding(project: Path, line: str) -> None:
    (project / "app/load.py").write_text(f"{line}\nimport pymysql\nx = (1 2)\n")
    assert run("check", "-q")[0] == 1


def test_a_program_of_a_shell_and_of_python_is_checked(project: Path) -> None:
    text = "#!/bin/sh\n'''exec' python3 \"$0\" \"$@\"\n'''\nimport pymysql\n"
    text += "\n\ndef f():\n    pymysql.connect().cursor().execute('select 1')\n"
    (project / "app/load.py").write_text(text)
    assert "HYG101" in run("check", "-q", "-o", "concise")[1]
