"""What a command line means, read by our own table, is what click reads in it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete

from dbhygiene.cli.check import command
from dbhygiene.cli.commands import commands
from dbhygiene.cli.options import CHECK, parse_plain

from .test_cli import run

PLAIN = [
    "",
    "a.py -",
    "a.py -q b.py",
    "--select HYG101,HYG102 --select=HYG2 a.py",
    "-oconcise -o json:out.json --output-format=sarif:x",
    "-j2 src",
    "-j 3 --jobs 4 src",
    "--config a=1 --config dbhygiene.toml --isolated",
    "--add-ignore a.py",
    "--add-ignore=why a.py",
    "--cache-dir c --no-cache --paths all --color never --min-confidence possible",
    "--server-timeout 60 --stdin-filename x.py --since main --baseline b.json --output-file o",
    "--exclude a,b --extend-exclude c --per-file-ignores a.py:HYG1 --fixable HYG1 --unfixable HYG2 --fail-on error",
    "--show-fixes --diff --rule-times",
    "--fix --unsafe-fixes --exit-zero --update-baseline --show-files --show-settings --statistics -v --force-exclude",
]
UNUSUAL = [
    "--help",
    "-h",
    "-qv a.py",
    "-o nope --help",
    "-- -a.py",
    "--no-such",
    "--jobs 0",
    "-j x",
    "--color blue",
    "--fail-on nothing",
    "-o report.json",
    "--select",
    "--fix=1",
]


@pytest.mark.parametrize("line", PLAIN)
def test_a_plain_line_means_the_same(line: str) -> None:
    assert parse_plain(line.split(), CHECK) == command.make_context("check", line.split()).params


@pytest.mark.parametrize("line", UNUSUAL)
def test_what_is_not_plain_is_left_to_click(line: str) -> None:
    assert parse_plain(line.split(), CHECK) is None


UNUSED = {
    "fix": "--cache-dir --jobs --no-cache",
    "baseline": "--cache-dir --color --exit-zero --fail-on --fixable --jobs --no-cache --output-file --output-format"
    " --paths --quiet --show-fixes --since --statistics --stdin-filename --unfixable",
    "explain": "--cache-dir --exit-zero --fail-on --fixable --force-exclude --jobs --no-cache --output-file"
    " --output-format --paths --quiet --show-fixes --since --statistics --stdin-filename --unfixable",
}


@pytest.mark.parametrize("name", UNUSED)
def test_help_omits_options_that_a_command_does_not_use(name: str) -> None:
    command = commands.get_command(click.Context(commands), name)
    assert command is not None
    hidden = [each.opts[-1] for each in command.params if getattr(each, "hidden", False)]
    assert sorted(hidden) == UNUSED[name].split()


# -- what they do ---------------------------------------------------------------------------------------

HEAD = "import pymysql\n\n\ndef f(rows):\n    conn = pymysql.connect()\n"
LEAK = f"{HEAD}    if not rows:\n        return\n    conn.close()\n"
DOUBT = f"{HEAD}    conn.cursor().execute('SELECT 1')\n    conn.close()\n"  # a warning: only if it raises


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "pyproject.toml").write_text("[tool.dbhygiene]\nextend-exclude = ['old']\n")
    for name, text in {"app.py": LEAK, "old/app.py": LEAK, "tests/helper.py": LEAK, "doubt.py": DOUBT}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def found(*words: str) -> list[str]:
    """The files with findings, by the options."""
    return [line.partition(":")[0] for line in run("check", "-q", "-o", "concise", *words)[1].splitlines()]


def test_paths_are_excluded_by_options(project: Path) -> None:
    assert found() == ["app.py", "doubt.py"]
    assert found("--min-confidence=possible") == ["app.py", "doubt.py", "tests/helper.py"]
    assert found("--extend-exclude", "doubt.py,tests") == ["app.py"]  # besides those of the settings
    assert found("--exclude", "app.py") == ["doubt.py"]


def test_rules_are_ignored_in_files_by_an_option(project: Path) -> None:
    assert found("--per-file-ignores", "app.py:HYG1") == ["doubt.py"]
    assert found("--per-file-ignores", "app.py:HYG101,doubt.py:connection-not-closed-on-error") == []
    assert found("--per-file-ignores", "app.py:HYG102") == ["app.py", "doubt.py"]
    assert run("check", "--per-file-ignores", "app.py")[2].endswith(
        "`app.py` must be PATTERN:RULE, such as `tests/*:HYG1`\n"
    )
    assert run("check", "--per-file-ignores", "app.py:nope")[0] == 2


def test_a_run_fails_from_a_level_on(project: Path) -> None:
    assert run("check", "doubt.py")[0] == run("check", "--fail-on", "warning", "doubt.py")[0] == 1
    assert run("check", "--fail-on", "error", "doubt.py")[0] == 0
    assert run("check", "--fail-on", "error")[0] == 1
    assert run("fix", "--fail-on", "error", "--unfixable", "ALL", "doubt.py")[0] == 0
    assert run("check")[1].splitlines()[-1] == (
        "2 findings (1 error, 1 warning) in 3 files, 2 fixable with `dbhygiene fix`;"
        " 1 less certain, not shown: `--min-confidence possible`"
    )


def test_fixes_of_some_rules_only(project: Path) -> None:
    status, out, _ = run("fix", "-o", "concise", "--unfixable", "connection-not-closed")
    assert status == 1
    assert (
        out
        == "app.py:5:12: HYG101 connection `conn` is not closed on every path (opened 5, left at 7 when `not rows`)\n"
    )
    assert (project / "app.py").read_text() == LEAK
    assert (project / "doubt.py").read_text() != DOUBT
    assert "(no fix: the settings `fixable` and `unfixable` exclude this rule)" in run("check", "--fixable=HYG2")[1]
    assert run("fix", "-q", "--fixable=HYG101", "app.py")[0] == 0
    assert run("fix", "--fixable", "HYG999")[0] == 2


def test_check_shows_the_diff_of_fix(project: Path) -> None:
    assert run("check", "--diff", "app.py") == run("fix", "--diff", "app.py")
    assert (project / "app.py").read_text() == LEAK
    assert run("fix", "--diff", "--exit-zero", "app.py")[0] == 0
    assert run("fix", "--exit-zero", "--unfixable=ALL", "app.py")[0] == 0


def test_fixes_beyond_the_first_ten(project: Path) -> None:
    body = LEAK.partition("\n\n\n")[2]
    (project / "app.py").write_text("import pymysql\n" + "".join(f"\n\n{body}" for _ in range(12)))
    out = run("check", "app.py")[1]
    assert out.count(" +     try:\n") == 10
    assert "the fixes of 2 more findings are not shown; `--show-fixes` shows them\n" in out
    out = run("check", "--show-fixes", "app.py")[1]
    assert out.count(" +     try:\n") == 12
    assert "more are not shown" not in out


def test_a_file_instead_of_a_format(project: Path) -> None:
    assert run("check", "-o", "report.sarif")[2] == (
        "dbhygiene: no such format `report.sarif`: `-o sarif:report.sarif` writes sarif to this file\n"
    )


def test_times_of_rules(project: Path) -> None:
    _, out, err = run("check", "-q", "--rule-times", "-o", "concise")
    assert len(out.splitlines()) == 2
    rows = [re.fullmatch(r" *(\d+\.\d{3}) s  (.*)", line) for line in err.splitlines()]
    assert {"connection-not-closed", "Lifetime (subjects)"} <= {row[2] for row in rows if row}
    times = [float(row[1]) for row in rows if row]
    assert times == sorted(times, reverse=True)


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("check --select HYG101,connection-not-closed-on", "HYG101,connection-not-closed-on-error"),
        ("check --config server-t", "server-timeout="),
        ("config per-f", "per-file-ignores"),
        ("check -o sarif:ap", "sarif:app.py"),
        ("check --since ma", "main"),
    ],
)
def test_values_are_completed(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: str, completed: str
) -> None:
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run([*git, "init", "-q", "-b", "main"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "x"], check=True)
    name, *arguments = words.split()
    completion = ShellComplete(commands, {}, "dbhygiene", "_DBHYGIENE_COMPLETE")
    found = completion.get_completions([name, *arguments[:-1]], arguments[-1])
    assert completed in [item.value for item in found]
