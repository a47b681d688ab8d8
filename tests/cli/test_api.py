"""The Python API; and that it, the command and the flake8 plugin say the same of a file."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import dbhygiene
from dbhygiene import cli
from dbhygiene.config.errors import UsageError
from dbhygiene.flake8 import Plugin
from tests.test_examples import CASES

LEAK = "import pymysql\n\n\ndef f():\n    conn = pymysql.connect()\n    conn.ping()\n"
OF_THE_PROJECT = {"HYG001", "HYG002"}  # a syntax error is flake8's own; a comment may mean what only `check` sees


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text("[tool.dbhygiene]\nmin-confidence = 'possible'\n")
    (tmp_path / "app.py").write_text(LEAK)
    return tmp_path


def test_check_finds_what_the_command_finds(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (finding,) = dbhygiene.check()
    assert (finding.code, finding.path, finding.span.line) == ("HYG101", project / "app.py", 5)
    assert dbhygiene.check("app.py", project) == [finding]
    cli.main(["check", "-q", "-o", "json"])
    (told,) = json.loads(capsys.readouterr().out)
    assert told["fingerprint"] == finding.fingerprint


def test_settings_take_the_place_of_the_configuration(project: Path) -> None:
    assert dbhygiene.check(settings=dbhygiene.Settings(ignore=("HYG1",))) == []
    (project / "pyproject.toml").write_text("[tool.dbhygiene]\nignore = ['HYG1']\n")
    assert dbhygiene.check() == []


def test_a_text_is_checked_by_itself() -> None:
    file = dbhygiene.File(Path("x.py"), LEAK)
    (finding,) = dbhygiene.check(file)
    assert finding.path == Path("x.py")
    assert dbhygiene.check(file, settings=dbhygiene.Settings(select=("HYG2",))) == []
    (broken,) = dbhygiene.check(dbhygiene.File(Path("x.py"), "pymysql ("))
    assert broken.code == "HYG001"


def test_a_command_by_itself_may_call_another() -> None:
    """What it calls cannot be seen: nothing is said, and no error of ours either."""
    text = """
from django.core.management import BaseCommand, call_command
from shop.models import Order

class Command(BaseCommand):
    def handle(self, *args, **options):
        print(Order.objects.count())
        input()
        call_command("reindex")
        print(Order.objects.count())
"""
    found = dbhygiene.check(dbhygiene.File(Path("close_day.py"), text))
    assert {finding.code for finding in found} <= {"HYG301"}


def test_fix_returns_a_text_and_writes_nothing(project: Path) -> None:
    fixed = dbhygiene.fix("app.py")
    assert [finding.code for finding in fixed.fixed] == ["HYG101"]
    assert "with closing(pymysql.connect()) as conn:" in fixed.text
    assert (project / "app.py").read_text() == LEAK
    assert dbhygiene.fix(dbhygiene.File(Path("x.py"), LEAK)).text == fixed.text
    assert dbhygiene.fix("app.py", settings=dbhygiene.Settings(ignore=("HYG1",))).text == LEAK


def test_mistakes_are_raised(project: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        dbhygiene.check("nowhere")
    with pytest.raises(UsageError, match="unknown rule"):
        dbhygiene.check(settings=dbhygiene.Settings(select=("HYG9",)))


def test_what_is_exported_is_there_and_nothing_else_is_imported() -> None:
    for name in dbhygiene.__all__:
        assert getattr(dbhygiene, name) is not None
    assert dir(dbhygiene) == sorted(dbhygiene.__all__)
    with pytest.raises(AttributeError):
        _ = dbhygiene.nonsense  # type: ignore[attr-defined]
    code = "import sys, dbhygiene; print([name for name in sys.modules if name.startswith('dbhygiene.')])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_command_plugin_and_api_find_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each file is a project of its own, as flake8 sees it: what other files say, only the command knows."""
    files: dict[Path, str] = {}
    for number, case in enumerate(CASES[::3]):  # each three times: all together would take a minute
        path, text = tmp_path / str(number) / "app.py", case.values[1].code
        if '"__main__.' in text:
            continue  # a file names itself in an import string: only its project knows by which name
        path.parent.mkdir()
        path.with_name("dbhygiene.toml").write_text("min-confidence = 'possible'\n")
        path.with_name("manage.py").write_text("import django\n")  # a project without Django has no gaps
        path.write_text(text, "utf-8")
        files[path] = text
    said = dbhygiene.check(*files)
    assert len(said) > 100
    cli.main(["check", "-q", "-o", "json", *map(str, files)])
    told = [
        (Path(i["filename"]), i["code"], i["message"], i["fingerprint"]) for i in json.loads(capsys.readouterr().out)
    ]
    assert told == [(f.path, f.code, f.message, f.fingerprint) for f in said]
    broken = {f.path for f in said if f.code == "HYG001"}
    for path in files.keys() - broken:
        linted = Plugin(ast.parse(files[path]), str(path), files[path].splitlines(keepends=True)).run()
        own = [f for f in said if f.path == path and f.code not in OF_THE_PROJECT]
        for problem, f in zip(linted, own, strict=True):
            message = f"{f.code} {' '.join(f.message.split())}"
            assert problem[2] == message or problem[2].startswith(f"{message} (")  # the lines of the path
