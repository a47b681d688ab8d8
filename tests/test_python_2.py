"""Files that are written for Python 2 are no findings, unless the user names them: a warning counts them."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

import dbhygiene
from dbhygiene import cli
from dbhygiene.checker.python_2 import is_python_2

OLD = "import pymysql\n\nconn = pymysql.connect()\n"


def refused(text: str) -> SyntaxError:
    with pytest.raises(SyntaxError) as caught:
        compile(text, "app.py", "exec")
    return caught.value


@pytest.mark.parametrize(
    "line",
    [
        'print "done"',
        "print done",
        'print"done"',
        'if done: print "done", done',
        'done(); print u"done" % (\n    1,\n    2)',
        "print {1: 2}[1]",
        "print `done`",
        'exec "done()"',
        "exec code in names",
        "raise IOError, 'gone'",
        'raise IOError("gone"), None, trace',
        "x = `done`",
        "if x <> 1: pass",
        'x = ur"done"',
        "x = 10L",
        "x = 0xFFL",
        "os.chmod(path, 0644)",
        "def f(a, (b, c)): pass",
        "def f(\n    a,\n    (b, c)\n): pass",
        "x = sorted(y, key=lambda (a, b): b)",
        "def f():\n        x = 1\n\ty = 2",
        'print done\npath = "C:\\Users"',
        "print done\nd = date(2020, 01, 31)",
        "print done\nx = 0644",
    ],
)
def test_the_line_with_the_error_says_that_a_file_is_for_python_2(line: str) -> None:
    text = f"{OLD}{line}\n"
    assert is_python_2(text, refused(text))


@pytest.mark.parametrize(
    "line", ["except E, e:", "except (E, F), e:", "except socket.error, (n, m):", "except E, e: pass"]
)
def test_a_handler_of_python_2(line: str) -> None:
    """Python 3.14 reads the handler, and stops at the next line."""
    text = f"try:\n    pass\n{line}\n    print e\n".replace("pass\n    print e", "print e")
    assert is_python_2(text, refused(text))


@pytest.mark.parametrize(
    "text",
    [
        "f(a b)\nprint 'done'\n",
        "x = {'a': 1\n 'b': 2}\nprint 'done'\n",
        "x = f(1,\nprint 'done'\n",
        "print 'done'\nx = 'done\n",
        "d = date(2020, 01, 31)\n",
        'path = "C:\\Users"\n',
        "async def f():\n    print 'done'\n",
        "x = f'{y}'\nprint x\n",
        "def f(x: int):\n    print x\n",
        "def f():\n        print('done', end='')\n\ty = 2\n",
        "def f(:\n    x = 'print x'\n",
        '"""\nprint \'done\'\n""" x\n',
        "class A:\npass\n",
    ],
)
def test_an_error_in_every_python(text: str) -> None:
    assert not is_python_2(text, refused(text))


def run(*arguments: str) -> tuple[int, str, str]:
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
        status = cli.main([*arguments])
    return status, out.getvalue(), err.getvalue()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("setup.cfg", ".git"):
        (tmp_path / name).touch()
    (tmp_path / "old").mkdir()
    (tmp_path / "old/a.py").write_text(f'{OLD}\n\ndef f():\n    print "done"\n')
    (tmp_path / "old/b.py").write_text(f"{OLD}raise IOError, 'gone'\n")
    return tmp_path


WARNING = "dbhygiene: warning: 2 files are written for Python 2 and were not checked, for example `old/a.py` (line 7)\n"


def test_files_of_a_directory_are_counted_in_one_line(project: Path) -> None:
    assert run("check", "-q", "-o", "concise") == (0, "", WARNING)
    assert run("check", "-q", "-o", "json", "old") == (0, "[]\n", WARNING)
    assert "no findings in 2 files (2 not parsed)" in run("check")[1].replace("0 findings", "no findings")
    assert run("fix", "-q") == (0, "", WARNING)
    assert dbhygiene.check(project) == []


def test_a_named_file_is_a_finding(project: Path) -> None:
    status, out, err = run("check", "-q", "-o", "concise", "old", "old/b.py")
    assert (status, out.count("\n")) == (1, 1)
    assert out.startswith("old/b.py:4:")
    assert "`raise` with a comma is Python 2" in out
    assert err == ("dbhygiene: warning: `old/a.py` (line 7) is written for Python 2 and was not checked\n")
    (found,) = dbhygiene.check(project / "old/b.py")
    assert found.code == "HYG001"


def test_an_error_in_every_python_stays_a_finding(project: Path) -> None:
    (project / "old/c.py").write_text("import pymysql\nx = (1 2)\nprint x\n")
    assert [line.split(":")[0] for line in run("check", "-q", "-o", "concise")[1].splitlines()] == ["old/c.py"]


def test_a_cached_run_says_the_same(project: Path) -> None:
    for number in range(25):
        (project / f"new_{number}.py").write_text(OLD)
    first = run("check", "-q", "-o", "concise")
    assert first[2] == WARNING
    assert (project / ".dbhygiene_cache").is_dir()
    assert run("check", "-q", "-o", "concise") == first
    (project / "new_1.py").write_text("x = 1\n")
    assert run("check", "-q", "-o", "concise") == first


def test_sarif_lists_them_as_notifications(project: Path) -> None:
    (log,) = json.loads(run("check", "-q", "-o", "sarif")[1])["runs"]
    assert log["results"] == []
    (invocation,) = log["invocations"]
    assert invocation["executionSuccessful"]
    found = invocation["toolExecutionNotifications"]
    places = [each["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for each in found]
    assert [(each["level"], each["descriptor"]["id"]) for each in found] == [("warning", "HYG001")] * 2
    assert [place.rpartition("old/")[2] for place in places] == ["a.py", "b.py"]
    assert log["tool"]["driver"]["notifications"][0]["id"] == "HYG001"
