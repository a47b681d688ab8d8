"""The command line, in a process of its own where that matters."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest

import dbhygiene
from dbhygiene import cli
from dbhygiene.config.errors import UsageError
from dbhygiene.project import atomic_write
from dbhygiene.reports import TerminalStyle

ENGINE = 'from sqlalchemy import create_engine\n\nengine = create_engine("mysql://db/app")\n'
FIXED = ENGINE.replace('app")', 'app", pool_pre_ping=True, pool_recycle=280)')
LEAK = "import psycopg2\n\ndef f(dsn, g):\n    a = b = psycopg2.connect(dsn)\n    g()"  # with two names: no fix
PING = """\
import pymysql


def ping():
    connection = pymysql.connect()
    connection.ping()


"""
COPY = """\
import pymysql


def copy():
    source = pymysql.connect()
    target = pymysql.connect()
    target.query(source.query("select 1"))


"""
NAMES = """\
def names():
    first = second = pymysql.connect()
    second.query("select 1")
"""
WAITS = """\
import helper
from django.core.management.base import BaseCommand
from django.db import transaction
from shop.models import Order


class Command(BaseCommand):
    def handle(self, *args, **options):
        with transaction.atomic():
            Order.objects.update(seen=True)
            helper.rest()
            Order.objects.filter(late=True).delete()
"""
CLEAN = "print('no database here')\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'app'\n")
    (tmp_path / "app.py").write_text(ENGINE)
    (tmp_path / "clean.py").write_text(CLEAN)
    monkeypatch.chdir(tmp_path)
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def run(*arguments: str, text: bytes = b"", **environment: str) -> tuple[int, str, str]:
    """Exit status, standard output and standard error."""
    streams = [io.TextIOWrapper(io.BytesIO(data), "utf-8", newline="") for data in (text, b"", b"")]
    names = dict(zip(("stdin", "stdout", "stderr"), streams, strict=True))
    with mock.patch.multiple(sys, **names), mock.patch.dict(os.environ, environment):
        status = cli.main(arguments)
    for stream in streams:
        stream.flush()
    out, err = (stream.buffer.getvalue().decode() for stream in streams[1:])  # type: ignore[attr-defined]
    return status, out, err


def process(*arguments: str) -> tuple[int, str, str]:
    """The same of a process of its own."""
    done = subprocess.run([sys.executable, "-m", "dbhygiene", *arguments], capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


# -- check ----------------------------------------------------------------------------------------------


def test_a_function_that_is_given_up_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dbhygiene.dataflow.cfg.MAX_NODES", 50)
    lines = "".join(f"    conn.cursor().execute('SELECT {n}')\n" for n in range(100))
    path = tmp_path / "app.py"
    path.write_text(f"import pymysql\n\ndef report(host):\n    conn = pymysql.connect(host=host)\n{lines}")
    words = f"{path}: not analysed: `report`: it is too large"
    file, _, given_up, time = run("check", "--isolated", "--no-cache", "-q", "-v", str(path))[2].splitlines()
    assert (file, given_up) == (str(path), words)
    assert time.startswith("checked in ")
    assert run("check", "--isolated", "--no-cache", "-q", str(path)) == (0, "", "")


@pytest.mark.parametrize("command", [["check"], ["fix", "--diff"], ["check", "--add-ignore"]])
def test_python_tells_nothing_of_the_files(command: list[str], project: Path) -> None:
    (project / "app.py").write_text(f"PATTERN = '\\d'\n{ENGINE}")
    (project / "setup.py").write_text("PATTERN = '\\d'\n")
    done = subprocess.run([sys.executable, "-W", "always", "-m", "dbhygiene", *command], capture_output=True, text=True)
    assert "Warning" not in done.stderr
    assert done.returncode < 2


def test_check_reports_and_exits_with_1(project: Path) -> None:
    status, out, err = process("check")
    assert (status, err) == (1, "")
    assert out.startswith("error[engine-without-protection]: ")
    assert "\n --> app.py:3:10\n" in out
    assert out.endswith("\n1 finding in 2 files, 1 fixable with `dbhygiene fix`\n")


def test_check_of_clean_files(project: Path) -> None:
    assert run("check", "clean.py") == (0, "0 findings in 1 file\n", "")
    assert run("check", "-q", "clean.py") == (0, "", "")


def test_exit_zero(project: Path) -> None:
    assert run("check", "--exit-zero")[0] == 0


def test_concise_goes_to_standard_output_and_the_summary_to_standard_error(project: Path) -> None:
    _, out, err = run("check", "--output-format", "concise", "app.py")
    assert re.fullmatch(r"app\.py:3:10: HYG201 \[\*\] .*\n", out)
    assert err == "1 finding in 1 file, 1 fixable with `dbhygiene fix`\n"


def test_json(project: Path) -> None:
    _, out, _ = run("check", "--output-format", "json", ".")
    (finding,) = json.loads(out)
    assert finding["filename"] == str(project / "app.py")
    assert json.loads(run("check", "--output-format=json", "clean.py")[1]) == []


def test_select_and_ignore(project: Path) -> None:
    assert run("check", "--select", "HYG1")[0] == 0
    assert run("check", "--select", "HYG1,HYG201")[0] == 1
    assert run("check", "--ignore", "engine-without-protection")[0] == 0
    assert run("check", "--extend-ignore", "HYG2", "--ignore", "HYG1")[0] == 0


def test_settings_of_the_project_of_a_file_and_of_none(project: Path) -> None:
    (project / "pyproject.toml").write_text("[tool.dbhygiene]\nignore = ['HYG201']\n")
    assert run("check")[0] == 0
    assert run("check", "--isolated")[0] == 1
    (project / "other.toml").write_text("select = ['HYG201']\n")
    assert run("check", "--config", "other.toml")[0] == 1


def test_settings_from_variables_and_assignments(project: Path) -> None:
    assert run("check", DBHYGIENE_IGNORE="HYG2")[0] == 0
    assert run("check", "--config", "ignore=['HYG2']")[0] == 0
    assert run("check", "--config", "ignore=HYG1", DBHYGIENE_IGNORE="HYG2")[0] == 1
    assert run("check", "--config", "output-format=concise")[1].startswith("app.py:3:10: HYG201")


def test_a_directory_with_settings_of_its_own(project: Path) -> None:
    (project / "part").mkdir()
    (project / "part" / "b.py").write_text(ENGINE)
    (project / "part" / "dbhygiene.toml").write_text("ignore = ['HYG201']\n")
    status, out, err = run("check", "--output-format=concise")
    assert (status, out.partition(":")[0], out.count("\n")) == (1, "app.py", 1)
    assert err.startswith("1 finding in 3 files")
    assert run("check", "--output-format=concise", "part/b.py")[0] == 0


def test_the_place_of_an_unknown_rule(project: Path) -> None:
    (project / "pyproject.toml").write_text("[tool.dbhygiene]\n\nselect = ['HYG22']\n")
    assert run("check")[2] == "dbhygiene: pyproject.toml:3: unknown rule `HYG22` (did you mean `HYG212`?)\n"
    assert run("check", DBHYGIENE_SELECT="HYG22")[2].startswith("dbhygiene: DBHYGIENE_SELECT: unknown rule `HYG22`")


def test_another_version_is_asked_for(project: Path) -> None:
    status, _, err = run("check", "--config", "required-version=>=99")
    assert (status, err) == (
        2,
        f"dbhygiene: --config: this is dbhygiene {dbhygiene.__version__}, but the project requires >=99;"
        " install such a version\n",
    )


def test_config_tells_what_can_be_set(project: Path) -> None:
    assert run("config", "server-timeout")[1].startswith("server-timeout\n    a number of seconds\n")
    assert json.loads(run("config", "--schema")[1])["additionalProperties"] is False


def test_standard_input(project: Path) -> None:
    status, out, _ = run("check", "--output-format=concise", "--stdin-filename", "sub/x.py", "-", text=ENGINE.encode())
    assert (status, out.partition(":")[0]) == (1, os.path.join("sub", "x.py"))
    assert run("check", "-", text=b"def f(:\n")[0] == 1
    assert run("check", "-", text=b"")[0] == 0


def test_force_exclude(project: Path) -> None:
    (project / "pyproject.toml").write_text("[tool.dbhygiene]\nexclude = ['app.py']\n")
    assert run("check", "app.py")[0] == 1
    assert run("check", "--force-exclude", "app.py")[0] == 0
    assert run("check", "--force-exclude", "--stdin-filename", "app.py", "-", text=ENGINE.encode())[0] == 0


def test_no_color_beats_force_color(project: Path) -> None:
    assert "\033[" not in run("check")[1]
    assert "\033[" in run("check", FORCE_COLOR="1")[1]
    assert "\033[" not in run("check", FORCE_COLOR="1", NO_COLOR="1")[1]


def test_without_a_command_the_help_is_told(project: Path) -> None:
    status, out, err = run()
    assert (status, out, err.partition("\n")[0]) == (2, "", "Usage: dbhygiene [OPTIONS] COMMAND [ARGS]...")
    assert "..." not in err.partition("Commands:")[2]  # each command is told in full


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["check", "--selct", "x"], "no such option `--selct` (did you mean `--select`?)"),
        (["chek"], "no such command `chek` (did you mean `check`?)"),
        (["check", "--qqqqqqqq"], "no such option `--qqqqqqqq`; run `dbhygiene check --help` to list all options"),
        (["--xyz"], "no such option `--xyz`; run `dbhygiene --help` to list all commands and options"),
        (["xyz"], "no such command `xyz`; run `dbhygiene --help` to list all commands"),
        (["completion"], "Missing argument '{bash|zsh|fish}'. Choose from: bash, zsh, fish"),
        (["check", "nowhere.py"], "nowhere.py: no such file or directory"),
        (["check", "--select", "HYG102,HYG22"], "unknown rule `HYG22` (did you mean `HYG212`?)"),
        (["check", "--select", "hyg102"], "unknown rule `hyg102` (did you mean `HYG102`?)"),
        (["check", "--ignore", "HYG001"], "`HYG001` is not a rule: it is always reported"),
        (["check", "--config", "per-file-ignores={'*'=['HYG777']}"], "--config: unknown rule `HYG777`"),
        (["check", "--select", "XYZ"], "unknown rule `XYZ`; run `dbhygiene rule` to list all rules"),
        (["rule", "XYZ"], "unknown rule `XYZ`; run `dbhygiene rule` to list all rules"),
        (["check", "--config", "nowhere.toml"], "nowhere.toml: no such file"),
        (["check", "--server-timeout", "0"], "Invalid value for '--server-timeout': 0 is not in the range x>=1."),
        (
            ["check", "--server-timeout", "5min"],
            "Invalid value for '--server-timeout': `5min` is not a number of seconds, such as 300",
        ),
        (["rule", "engine-without-protecton"], "unknown rule `engine-without-protecton` (did you mean"),
        (["config", "xyz"], "unknown key `xyz`; run `dbhygiene config` to list all keys"),
        (["config", "selct"], "unknown key `selct` (did you mean `select`?)"),
        (["check", "--config", "selct=x"], "--config: unknown key `selct` (did you mean `select`?)"),
    ],
)
def test_mistakes_take_one_line_and_exit_with_2(project: Path, arguments: list[str], words: str) -> None:
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert err.startswith(f"dbhygiene: {words}")
    assert err.count("\n") == 1


def test_an_error_of_ours_exits_with_2_whatever_is_asked(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise LookupError("oops")

    monkeypatch.setattr("dbhygiene.checker.file_check._to_finding", fail)
    assert cli.main(["check", "--exit-zero", "app.py"]) == 2
    assert "internal error in the rule `engine-without-protection`: LookupError: oops" in capsys.readouterr().out


def test_a_syntax_error_does_not_stop_the_rest(project: Path) -> None:
    (project / "broken.py").write_text("import pymysql\ndef f(:\n")
    status, out, _ = run("check", "--output-format=concise")
    assert status == 1
    assert [line.split()[1] for line in out.splitlines()] == ["HYG201", "HYG001"]


def test_the_last_line_counts_the_files_that_could_not_be_parsed(project: Path) -> None:
    (project / "broken.py").write_text("import pymysql\ndef f(:\n")
    assert "2 findings in 3 files (1 not parsed), 1 fixable with" in run("check", "-o", "concise")[2]


def test_a_file_with_two_names_is_checked_once(project: Path) -> None:
    (project / "link.py").symlink_to("app.py")
    (project / "sub").symlink_to(".", target_is_directory=True)
    assert run("check", "-q", "-o", "concise", ".", "sub", "link.py")[1].count("\n") == 1
    assert run("check", "-q", "-o", "concise", "link.py")[1].startswith("link.py:")
    status, _, err = run("fix", "-q")
    assert (status, err) == (0, "")
    assert (project / "link.py").is_symlink()


def test_the_name_of_standard_input_stands_for_it(project: Path) -> None:
    assert run("check", "-q", "-o", "concise", "--stdin-filename", "x.py", text=ENGINE.encode())[1].startswith("x.py:")
    assert run("fix", "--stdin-filename", "x.py", text=ENGINE.encode())[1] == FIXED
    assert run("check", "--stdin-filename", "x.py", "app.py")[0] == 2


def test_an_empty_revision_is_a_mistake(project: Path) -> None:
    for command in ("check", "fix", "baseline"):
        assert run(command, "--since", "")[0] == 2


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no full disk here")
def test_a_full_disk_takes_one_line(project: Path) -> None:
    for words in (["check"], ["check", "-o", "json"], ["check", "--output-file", "/dev/full"], ["rule", "HYG101"]):
        with open("/dev/full", "w") as full:
            command = [sys.executable, "-m", "dbhygiene", *words]
            done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
        assert done.returncode == 2
        assert done.stderr.count("\n") == 1
        assert done.stderr.endswith("not written: no space left on device\n")


def in_time(*words: str) -> tuple[int, str]:
    """The exit status and the output of a run that must not wait for anything."""
    command = [sys.executable, "-m", "dbhygiene", *words]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def pipe(project: Path) -> Path:
    if not hasattr(os, "mkfifo"):
        pytest.skip("no pipes here")
    os.mkfifo("pipe.py")
    return project / "pipe.py"


@pytest.mark.parametrize("command", [["check"], ["fix"], ["check", "--no-cache", "-j2"]])
def test_a_pipe_and_a_device_are_not_read_and_the_others_are(pipe: Path, command: list[str]) -> None:
    Path("endless.py").symlink_to("/dev/zero")
    status, out = in_time(*command, "-o", "concise", "pipe.py", "endless.py", "app.py")
    assert status == 1
    for name in ("pipe.py", "endless.py"):
        assert f"{name}:1:1: HYG003 cannot read: not a regular file\n" in out
    assert "HYG201" in out


def test_a_pipe_in_a_directory_is_no_python_file(pipe: Path) -> None:
    Path("imports.py").write_text("import pymysql\nfrom pipe import connect\nconn = connect()\n")
    Path("requirements.txt").symlink_to(pipe)
    Path("setup.cfg").symlink_to(pipe)
    status, out = in_time("check", "-o", "concise", ".")
    assert (status, "HYG201" in out, "pipe" in out) == (1, True, False)
    assert in_time("doctor")[0] == 0
    assert in_time("fix")[0] == 0
    assert Path("app.py").read_text() == FIXED


@pytest.mark.parametrize(
    "words",
    [
        ["explain", "pipe.py:1"],
        ["check", "--config", "pipe.py"],
        ["check", "--baseline", "pipe.py"],
        ["baseline", "--baseline", "pipe.py"],
        ["check", "below/app.py"],
        ["fix", "below"],
        ["explain", "below/app.py:3"],
    ],
)
def test_a_pipe_that_must_be_read_is_a_mistake(pipe: Path, words: list[str]) -> None:
    Path("below").mkdir()
    shutil.copy("app.py", "below")
    Path("below", "dbhygiene.toml").symlink_to(pipe)
    status, out = in_time(*words)
    assert (status, out.count("\n")) == (2, 1)
    assert out.endswith(": not a regular file\n")


def test_a_report_that_cannot_be_written_leaves_the_old_one(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "report.json").write_text("old")
    monkeypatch.setattr(os, "replace", mock.Mock(side_effect=OSError(28, "No space left on device")))
    before = sorted(os.listdir())
    assert run("check", "--no-cache", "-o", "json:report.json")[0] == 2
    assert ((project / "report.json").read_text(), sorted(os.listdir())) == ("old", before)


def test_a_closed_pipe_is_silent(project: Path) -> None:
    command = [sys.executable, "-m", "dbhygiene", "rule", "--all"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout
    assert process.stderr
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    process.wait()


def test_an_interrupt_is_silent(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("dbhygiene.cli.run.check", interrupt)
    assert cli.main(["check"]) == 130
    assert capsys.readouterr().err.strip() == ""


def test_what_check_imports(project: Path) -> None:
    code = (
        "import sys; from dbhygiene.cli import main; main(['check', '-o', 'concise', 'app.py']);"
        "print({'libcst', 'asyncio', 'importlib.metadata', 'pathspec', 'tomllib', 'rich'} & set(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.endswith("set()\n")


# -- fix ------------------------------------------------------------------------------------------------


def test_fix(project: Path) -> None:
    told = "app.py:3: HYG201 fixed: Test connections before use, and replace old ones\n"
    assert process("fix") == (0, f"{told}1 finding fixed; left: 0 findings in 2 files\n", "")
    assert (project / "app.py").read_text() == FIXED
    assert run("fix", "--exit-non-zero-on-fix")[0] == 0


def test_fix_may_tell_by_its_status(project: Path) -> None:
    assert run("fix", "--exit-non-zero-on-fix")[0] == 1


def test_fix_diff_writes_nothing(project: Path) -> None:
    status, out, err = run("fix", "--diff")
    assert status == 1
    assert out.splitlines()[:2] == ["--- a/app.py", "+++ b/app.py"]
    assert err.splitlines() == [
        "app.py:3: HYG201 would be fixed: Test connections before use, and replace old ones",
        "1 finding would be fixed; left: 0 findings in 2 files",
    ]
    assert (project / "app.py").read_text() == ENGINE


def test_what_is_left_is_shown_where_it_stands(project: Path) -> None:
    """An import comes in above: a diff speaks of the file as it is, `fix` of the file as it has become."""
    (project / "app.py").write_text(PING + NAMES)
    _, _, err = run("fix", "--diff")
    assert err.startswith("app.py:5: HYG101 would be fixed: ")
    assert "\n  --> app.py:10:22\n   |\n10 |     first = second = pymysql.connect()\n" in err
    _, out, _ = run("fix")
    assert out.startswith("app.py:5: HYG101 fixed: ")
    assert "\n  --> app.py:12:22\n   |\n12 |     first = second = pymysql.connect()\n" in out


def test_what_is_left_is_told_by_its_old_lines_after_several_rounds(project: Path) -> None:
    """The second fix of a function begins where the first has already inserted lines."""
    (project / "app.py").write_text(COPY + NAMES)
    _, _, err = run("fix", "--diff")
    assert re.findall(r"^app.py:(\d+): ", err, re.MULTILINE) == ["5", "6"]
    assert "\n  --> app.py:11:22\n" in err


def test_what_is_left_tells_of_another_file_as_it_has_become(project: Path) -> None:
    (project / "app.py").write_text(WAITS)
    (project / "helper.py").write_text(f"import time\n{PING}def rest():\n    time.sleep(900)\n")
    _, _, err = run("fix", "--diff")
    assert "helper.py:11:5\n11 |     time.sleep(900)\n" in err
    _, out, _ = run("fix")
    assert "helper.py:12:5\n12 |     time.sleep(900)\n" in out
    assert out.endswith("1 finding fixed; left: 1 finding in 3 files\n")


def test_a_step_outside_of_the_root_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a directory by itself, nobody knows the root; its package may reach further up."""
    for directory in ("shop", "shop/commands"):
        (tmp_path / directory).mkdir()
        (tmp_path / directory / "__init__.py").touch()
    (tmp_path / "shop" / "helper.py").write_text("import time\n\n\ndef rest():\n    time.sleep(900)\n")
    (tmp_path / "shop" / "commands" / "app.py").write_text(WAITS.replace("import helper", "from shop import helper"))
    monkeypatch.chdir(tmp_path)
    _, out, _ = run("check", "shop/commands/app.py")
    assert "shop/helper.py:5:5\n 5 |     time.sleep(900)\n" in out


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("app.py", ENGINE.encode(), FIXED.encode()),
        ("an app.py", ENGINE.encode(), FIXED.encode()),
        ("app.py", b"\xef\xbb\xbf" + ENGINE.encode(), b"\xef\xbb\xbf" + FIXED.encode()),
        ("app.py", ENGINE.replace("\n", "\r\n").encode(), FIXED.replace("\n", "\r\n").encode()),
        ("app.py", ENGINE.rstrip("\n").encode(), FIXED.rstrip("\n").encode()),
        ("app.py", ENGINE.encode() + b"\n\n  \n", FIXED.encode() + b"\n\n  \n"),
        ("app.py", f"# a\x0c b\n{ENGINE}".encode(), f"# a\x0c b\n{FIXED}".encode()),
        (
            "\u00e4pp.py",
            f"# coding: latin-1\n# \xe4\n{ENGINE}".encode("latin-1"),
            f"# coding: latin-1\n# \xe4\n{FIXED}".encode("latin-1"),
        ),
    ],
    ids=["plain", "space", "BOM", "CRLF", "no newline at the end", "blank end", "form feed", "latin-1"],
)
def test_a_diff_can_be_applied(project: Path, name: str, before: bytes, after: bytes) -> None:
    path = project / name
    patching = [["patch", "-p1", "--binary", "--quiet"]] if shutil.which("patch") else []
    path.write_bytes(before)
    command = [sys.executable, "-m", "dbhygiene", "fix", "--diff", name]
    patch = subprocess.run(command, capture_output=True, check=False).stdout
    for tool in (["git", "apply", "-p1"], *patching):
        path.write_bytes(before)
        subprocess.run(tool, input=patch, check=True)
        assert path.read_bytes() == after


def test_check_may_fix(project: Path) -> None:
    (project / "more.py").write_text(f"{LEAK}\n")
    status, out, _ = run("check", "--fix")
    assert (project / "app.py").read_text() == FIXED
    assert status == 1
    assert out.startswith("app.py:3: HYG201 fixed: ")
    assert "HYG101" in out
    assert out.endswith("1 finding fixed; left: 1 finding in 3 files\n")
    assert run("check", "--fix", "--exit-zero")[0] == 0


def test_statistics(project: Path) -> None:
    (project / "more.py").write_text(f"{LEAK}\n")
    (project / "again.py").write_text(ENGINE)
    assert run("check", "--statistics")[:2] == (
        1,
        "2  HYG201  engine-without-protection  [*] 2\n"
        "1  HYG101  connection-not-closed\n"
        "3 findings in 4 files, 2 fixable with `dbhygiene fix`\n",
    )
    assert run("check", "clean.py", "--statistics")[:2] == (0, "0 findings in 1 file\n")


def test_a_file_that_changes_while_it_is_fixed_is_told_and_left_alone(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "more.py").write_text(ENGINE)
    write = atomic_write.replace_file

    def late(path: Path, data: bytes, *, was: bytes) -> None:
        if path.name == "app.py":
            path.write_text(CLEAN)
        write(path, data, was=was)

    monkeypatch.setattr(atomic_write, "replace_file", late)
    status, out, err = run("fix")
    assert status == 2
    assert "app.py: not written: the file changed during the run" in err
    assert "1 finding fixed; left: 1 finding in 3 files" in out
    assert (project / "app.py").read_text() == CLEAN
    assert (project / "more.py").read_text() == FIXED


def test_fix_of_standard_input(project: Path) -> None:
    assert run("fix", "-", text=ENGINE.encode())[:2] == (0, FIXED)
    assert run("fix", "-", text=CLEAN.encode())[:2] == (0, CLEAN)
    assert run("fix", "-", text=b"def f(:\n")[:2] == (1, "def f(:\n")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (ENGINE.replace("\n", "\r\n").encode(), FIXED.replace("\n", "\r\n").encode()),
        (b"\xef\xbb\xbf" + ENGINE.encode(), b"\xef\xbb\xbf" + FIXED.encode()),
        (
            f"# coding: latin-1\n# \xe4\n{ENGINE}".encode("latin-1"),
            f"# coding: latin-1\n# \xe4\n{FIXED}".encode("latin-1"),
        ),
        (ENGINE.rstrip("\n").encode(), FIXED.rstrip("\n").encode()),
    ],
    ids=["CRLF", "BOM", "latin-1", "no newline at the end"],
)
def test_fix_keeps_bytes(project: Path, before: bytes, after: bytes) -> None:
    (project / "app.py").write_bytes(before)
    (project / "app.py").chmod(0o754)
    assert run("fix", "app.py")[0] == 0
    assert (project / "app.py").read_bytes() == after
    assert (project / "app.py").stat().st_mode & 0o777 == 0o754
    assert sorted(path.name for path in project.iterdir()) == ["app.py", "clean.py", "pyproject.toml"]


def test_a_link_stays_a_link(project: Path) -> None:
    (project / "link.py").symlink_to("app.py")
    assert run("fix", "link.py")[0] == 0
    assert (project / "link.py").is_symlink()
    assert (project / "app.py").read_text() == FIXED


def test_a_file_that_changed_meanwhile_is_left_alone(project: Path) -> None:
    with pytest.raises(UsageError, match="the file changed during the run"):
        atomic_write.replace_file(project / "app.py", b"new", was=b"older")
    assert (project / "app.py").read_text() == ENGINE


def test_an_interrupted_write_leaves_the_old_file(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        atomic_write.replace_file(project / "app.py", b"new", was=ENGINE.encode())
    assert (project / "app.py").read_text() == ENGINE
    assert sorted(path.name for path in project.iterdir()) == ["app.py", "clean.py", "pyproject.toml"]


# -- settings without effect ----------------------------------------------------------------------------


def warnings(*arguments: str) -> list[str]:
    """What `check` warns of, when nothing is found."""
    status, out, err = run("check", "-q", *arguments)
    assert (status, out) == (0, "")
    assert all(line.startswith("dbhygiene: warning: ") for line in err.splitlines())
    return [line.removeprefix("dbhygiene: warning: ") for line in err.splitlines()]


@pytest.fixture
def clean(project: Path) -> Path:
    """A project of one file, which git knows."""
    (project / "app.py").unlink()
    subprocess.run(["git", "init", "-q"], check=True)
    return project


@pytest.mark.parametrize(
    "table",
    ["tool.dbhygeine", "tool.db-hygiene", "tool.DBHygiene.gaps", "dbhygiene", "tool.dbhygine", 'tool."dbhygene"'],
)
def test_a_misspelt_table_is_named(project: Path, table: str) -> None:
    (project / "pyproject.toml").write_text(f"[project]\nname = 'app'\n\n[{table}]\n[{table}.x]\n")
    named = table.replace('"', "").removesuffix(".gaps")
    words = f"pyproject.toml:4: the table `[{named}]` is not read; write `[tool.dbhygiene]`"
    assert warnings("clean.py") == [words]
    assert warnings("clean.py", "--isolated") == []
    assert "problem  settings" in run("doctor")[1]


def test_tables_of_other_tools_are_not_misspelt(project: Path) -> None:
    others = ("project", "build-system", "tool.hypothesis", "tool.django-stubs", "tool.dbhygiene", "tool.deptry")
    (project / "pyproject.toml").write_text("".join(f"[{each}]\n" for each in others) + "[tool.dbhygiene.gaps]\n")
    assert warnings("clean.py") == []
    (project / "setup.cfg").write_text("[metadata]\n[dbhygiene]\n")
    assert warnings("clean.py") == [
        "setup.cfg:2: the table `[dbhygiene]` is not read; write `[tool.dbhygiene]` in pyproject.toml"
    ]


def test_a_directory_of_imports_that_is_not_there_is_named(project: Path) -> None:
    (project / "lib").mkdir()
    (project / "pyproject.toml").write_text(f"[tool.dbhygiene]\nsrc = ['lib', 'lob', '..', '{project}/lib', '.']\n")
    assert warnings("clean.py") == [
        "pyproject.toml:2: `src`: there is no directory `lob`",
        "pyproject.toml:2: `src`: `..` lies outside of the project, and no import is found there",
    ]


def test_patterns_that_match_nothing_are_named(clean: Path) -> None:
    for name in ("tests/a.py", "docs/a.md", "x/snap/a.md"):
        (clean / name).parent.mkdir(parents=True, exist_ok=True)
        (clean / name).touch()
    (clean / ".gitignore").write_text("gen/\n*_pb2.py\n")
    (clean / "pyproject.toml").write_text("""
[tool.dbhygiene]
extend-exclude = ["docs", "snap", "genrated/", "gen/*.py", "*_pb2.py", "build", "tests", "!x"]
per-file-ignores = { "tests/*" = ["HYG1"], "test/*" = ["HYG1"], "gen/*" = ["HYG1"], "clean.py" = ["HYG1"] }
""")
    named = [
        "pyproject.toml:3: `extend-exclude`: `genrated/` matches no file",
        "pyproject.toml:4: `per-file-ignores`: `test/*` matches no file",
    ]
    assert warnings() == warnings(".") == named
    assert warnings("clean.py") == warnings("tests", "clean.py") == []  # of a part, nobody knows
    shutil.rmtree(".git")
    assert warnings() == []  # nor where git does not say what is there


def test_patterns_of_a_root_may_match_in_a_project_within(clean: Path) -> None:
    (clean / "part" / "tests").mkdir(parents=True)
    (clean / "part" / "tests" / "a.py").touch()
    (clean / "part" / "dbhygiene.toml").write_text("extend-exclude = ['nothing']")
    (clean / "pyproject.toml").write_text("[tool.dbhygiene]\nper-file-ignores = { 'part/tests/*' = ['HYG1'] }\n")
    assert warnings() == []


def test_a_directory_that_git_cannot_list_is_named(clean: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = b"warning: could not open directory 'sub/data/': Permission denied\n"  # the tests may be run by root
    communicate = subprocess.Popen.communicate
    monkeypatch.setattr("subprocess.Popen.communicate", lambda *given, **named: (communicate(*given, **named)[0], said))
    assert warnings() == ["sub/data: not read: permission denied"]
    (clean / "pyproject.toml").write_text("[tool.dbhygiene]\nextend-exclude = ['sub/data/']\n")
    (clean / "sub" / "data").mkdir(parents=True)
    assert warnings() == []


def test_wrong_settings_are_not_read_in_isolation(project: Path) -> None:
    for text in ("[tool.dbhygiene]\nselct = 1\n", "[tool.dbhygiene\n", "tool = 1\n[tool]\n"):
        (project / "pyproject.toml").write_text(text)
        assert run("check", "clean.py")[0] == 2
        assert run("check", "--isolated", "clean.py") == (0, "0 findings in 1 file\n", "")
        assert run("explain", "--isolated", "clean.py:1")[0] == 0
        assert run("doctor", "--isolated")[0] == 0


def test_no_file_at_all_is_named(project: Path) -> None:
    (project / "empty").mkdir()
    assert warnings("empty") == ["no Python file found; name another directory, or check what git ignores"]
    assert warnings("--force-exclude", "--config", "exclude=['clean.py']", "clean.py") == []  # a hook's list


# -- rule, version --------------------------------------------------------------------------------------


def test_rule_pages(project: Path) -> None:
    by_code, by_name = run("rule", "HYG201"), run("rule", "engine-without-protection")
    assert by_code == by_name
    assert by_code[1].startswith("engine-without-protection (HYG201)\n====")
    assert "```" not in by_code[1]
    assert run("rule", "HYG201", "-o", "markdown")[1].startswith("# engine-without-protection (HYG201)\n\n")
    pages = json.loads(run("rule", "--all", "--output-format", "json")[1])
    assert {"code", "name", "summary", "default", "fix", "explanation"} == set(pages[0])


def test_what_the_run_reports_itself_has_a_page(project: Path) -> None:
    for code in ("HYG000", "HYG001", "HYG003"):
        assert run("rule", code)[1].partition("\n")[0].endswith(f"({code})")
    assert run("rule", "hyg101") == run("rule", "HYG101")
    heads, *lines = run("rule")[1].splitlines()
    assert heads.split() == ["code", "name", "on", "fix", "what", "it", "finds"]
    assert [line[:6] for line in lines] == sorted({line[:6] for line in lines})
    assert any(line.startswith("HYG202  engine-without-pre-ping") and "  no   " in line for line in lines)
    fixes = {line[:6]: line.split()[3] for line in lines}
    assert [fixes[code] for code in ("HYG000", "HYG101", "HYG104", "HYG105", "HYG310")] == [
        *("none", "safe", "unsafe", "none", "unsafe")
    ]
    assert len(lines) == len(json.loads(run("rule", "-o", "json")[1]))


def test_the_table_of_rules_fits_a_narrow_terminal(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wide = run("rule")[1]
    monkeypatch.setattr("dbhygiene.cli.rule.terminal_style", lambda _: TerminalStyle(width=80))
    narrow = run("rule")[1]
    assert max(map(len, wide.splitlines())) > 80
    assert max(map(len, narrow.splitlines())) <= 80
    assert narrow.split() == wide.split()


def test_a_prefix_lists_the_rules_below_it(project: Path) -> None:
    codes = [line.split()[0] for line in run("rule", "hyg10")[1].splitlines()]
    assert codes == ["code", *(f"HYG10{number}" for number in (1, 2, 3, 4, 5, 6, 7, 8))]
    both = [line.split()[0] for line in run("rule", "HYG31", "HYG104", "HYG3", "-o", "text")[1].splitlines()]
    assert both[:3] == ["code", "HYG310", "HYG104"]
    assert len(both) == len(set(both))
    assert {page["code"] for page in json.loads(run("rule", "HYG11", "-o", "json")[1])} == {"HYG110"}
    assert [run("rule", name)[0] for name in ("", "HYG9", "HYG1011")] == [2, 2, 2]


def test_the_version_is_written_down_once_more_and_is_the_same(project: Path) -> None:
    assert process("--version") == (0, f"dbhygiene {dbhygiene.__version__}\n", "")
    text = (Path(dbhygiene.__file__).parent.parent / "pyproject.toml").read_text()
    assert f'\nversion = "{dbhygiene.__version__}"\n' in text
