"""Formats and files of one run; `explain`; what a run would look at; completion."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from .test_cli import run

APP = """\
import pymysql
from contextlib import closing


def good():
    with closing(pymysql.connect()) as conn:
        conn.ping()


def handed(pool):
    conn = pymysql.connect()
    pool.register(conn)


def returned():
    return pymysql.connect()


class Store:
    def __init__(self):
        self.conn = pymysql.connect()

    def close(self):
        self.conn.close()


def bad(rows):
    conn = pymysql.connect()
    if not rows:
        return
    conn.ping()
    conn.close()


def quiet():
    conn = pymysql.connect()  # dbhygiene: ignore[connection-not-closed] the process ends here
    conn.ping()
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "pyproject.toml").write_text("[tool.dbhygiene]\nignore = ['HYG2']\n")
    (tmp_path / "app.py").write_text(APP)
    monkeypatch.chdir(tmp_path)
    return tmp_path


# -- several outputs ------------------------------------------------------------------------------------


def test_several_formats_at_once(project: Path) -> None:
    outputs = ["-o", "sarif:report.sarif", "-o", "concise", "--output-format=junit:report.xml"]
    status, out, err = run("check", *outputs)
    assert status == 1
    assert out.startswith("app.py:28:12: HYG101 [*] ")
    assert err == "1 finding in 1 file, 1 fixable with `dbhygiene fix`\n"
    assert len(json.loads((project / "report.sarif").read_text("utf-8"))["runs"][0]["results"]) == 1
    assert (project / "report.xml").read_text("utf-8").startswith("<?xml")


def test_what_is_written_to_files_is_printed_in_full_too(project: Path) -> None:
    _, out, _ = run("check", "-o", "json:found.json", "--color=always")
    assert "\033[1;31merror[connection-not-closed]" in out
    assert len(json.loads((project / "found.json").read_text())) == 1


def test_output_file_takes_the_place_of_standard_output(project: Path) -> None:
    _, out, err = run("check", "--output-file", "out.txt", "--color=always")
    assert out == ""
    assert err.startswith("1 finding")
    assert (project / "out.txt").read_text().startswith("error[connection-not-closed]: ")
    run("check", "-o", "gitlab", "--output-file", "out.json")
    assert json.loads((project / "out.json").read_text())[0]["check_name"] == "connection-not-closed"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-o", "jsn"], "no such format `jsn` (did you mean `json`?)"),
        (["-o", "json", "-o", "full"], "cannot print both json and full"),
        (["-o", "json:nowhere/x.json"], "nowhere/x.json: the directory does not exist"),
        (["--output-file", "."], "."),
    ],
)
def test_wrong_outputs_are_mistakes(project: Path, arguments: list[str], words: str) -> None:
    status, _, err = run("check", *arguments)
    assert status == 2
    assert err.startswith(f"dbhygiene: {words}")


def test_a_job_of_github_gets_a_summary(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(project / "summary.md"))
    (project / "summary.md").write_text("before\n")
    _, out, _ = run("check", "-o", "github")
    assert out.startswith("::error title=connection-not-closed")
    assert (project / "summary.md").read_text().startswith("before\n### dbhygiene: 1 finding\n\n| ")


def test_machines_get_paths_below_the_repository(project: Path) -> None:
    (project / ".git").mkdir()
    inner = project / "inner"
    inner.mkdir()
    (inner / "app.py").write_text(APP)
    (inner / "pyproject.toml").touch()
    os.chdir(inner)
    assert "file=inner/app.py," in run("check", "-o", "github")[1]
    assert run("check", "-o", "concise")[1].startswith("app.py:")


def test_names_of_files_do_not_command_the_terminal(project: Path) -> None:
    (project / "\033[2J.py").write_text("import pymysql\n\npymysql.connect().ping()\n")
    assert "\033" not in run("check")[1]


def test_the_fixes_of_the_first_findings_are_shown(project: Path) -> None:
    (project / "app.py").write_text(APP + APP[APP.index("def bad") : APP.index("def quiet")] * 11)
    out = run("check")[1]
    assert out.count("safe fix:") == 12
    assert out.count(" +     try:\n") == 10


# -- explain --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (6, "app.py:6: PyMySQL connection `conn`: it is closed on every path\n"),
        (6, "  6  closed when this `with` ends  with closing"),
        (7, "  before line 7, it is open\n"),
        (11, "  12  passed to `pool.register`, which is not analysed  pool.register(conn)\n"),
        (12, "it escapes to code that is not analysed, so it is not reported\n"),
        (16, "it is returned to the caller, which must close it\n"),
        (21, "it is kept in `self.conn`: the object must close it\n"),
        (28, "app.py:28: PyMySQL connection `conn`: it stays open on some path, without any exception\n"),
        (28, "  29  open, this is true  if not rows:\n"),
        (30, "error[connection-not-closed]: "),
        (36, "not reported: a comment silences it\n"),
        (2, "app.py:2: no finding and no connection here.\n"),
    ],
)
def test_explain(project: Path, line: int, words: str) -> None:
    status, out, err = run("explain", f"app.py:{line}")
    assert (status, err) == (0, "")
    assert words in out


def test_explain_says_why_a_finding_is_not_reported(project: Path) -> None:
    text = 'from sqlalchemy import create_engine\n\nengine = create_engine("mysql://db/app")\n'
    (project / "engine.py").write_text(text)
    hidden = "not reported: `engine-without-protection` is not selected\n"
    assert hidden in run("explain", "engine.py:3:10")[1]
    (project / "pyproject.toml").write_text("[tool.dbhygiene]\nper-file-ignores = { 'engine.py' = ['HYG2'] }\n")
    assert "not reported: `per-file-ignores` ignores this rule in this file\n" in run("explain", "engine.py:3")[1]
    (project / "engine.py").write_text(text.replace('"mysql://db/app"', "url"))
    why = "not reported: its confidence is likely, and `min-confidence` is certain\n"
    assert why in run("explain", "--isolated", "--min-confidence=certain", "engine.py:3")[1]


def test_explain_knows_the_baseline(project: Path) -> None:
    run("check", "--update-baseline", "--baseline", "known.txt")
    out = run("explain", "--baseline", "known.txt", "app.py:28")[1]
    assert "not reported: the baseline lists it\n" in out
    assert "not reported" not in run("explain", "app.py:28")[1]


def test_explain_knows_helpers_of_other_files(project: Path) -> None:
    (project / "helpers.py").write_text("import pymysql\n\n\ndef open_database():\n    return pymysql.connect()\n")
    user = "from helpers import open_database\n\n\ndef f():\n    db = open_database()\n    db.ping()\n"
    (project / "user.py").write_text(user)
    assert "error[connection-not-closed]: connection `db` is never closed" in run("explain", "user.py:6")[1]


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("app.py", "app.py: not in the form FILE:LINE, such as `orders.py:12`"),
        ("nowhere.py:1", "nowhere.py: no such file"),
        ("app.py:99", "app.py has 37 lines; name a line from 1 to 37"),
        ("app.py:0", "app.py has 37 lines; name a line from 1 to 37"),
    ],
)
def test_explain_of_a_wrong_place(project: Path, target: str, words: str) -> None:
    assert run("explain", target) == (2, "", f"dbhygiene: {words}\n")
    assert run("explain")[0] == 2


# -- what would be looked at, completion ----------------------------------------------------------------


def test_files_and_settings_are_shown(project: Path) -> None:
    assert run("check", "--show-files") == (0, "app.py\n", "")
    status, out, _ = run("check", "--show-settings", "--server-timeout=60")
    assert status == 0
    rows = dict(line.split("  # ") for line in out.splitlines()[1:])
    told = {text.rstrip(): source for text, source in rows.items()}
    assert told['ignore = ["HYG2"]'] == "pyproject.toml:2"
    assert told["server-timeout = 60"] == "command line"
    assert told['min-confidence = "likely"'] == "default"


def test_shown_settings_can_be_read_again(project: Path) -> None:
    gaps = 'gaps = { "shop.listen" = "unbounded", "shop.reindex" = [60.0, 600.0] }'
    (project / "pyproject.toml").write_text(f"[tool.dbhygiene]\n{gaps}\n")
    _, out, _ = run("check", "--show-settings")
    assert next(line for line in out.splitlines() if line.startswith("gaps")).startswith(gaps)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_a_script(shell: str) -> None:
    status, out, _ = run("completion", shell)
    assert status == 0
    assert f"_DBHYGIENE_COMPLETE={shell}_complete" in out


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("dbhygiene expl", "plain,explain"),
        ("dbhygiene check -o sar", "plain,sarif"),
        ("dbhygiene rule HYG10", "HYG101"),
    ],
)
def test_the_shell_completes(words: str, found: str) -> None:
    asked = {"COMP_WORDS": words, "COMP_CWORD": str(words.count(" ")), "_DBHYGIENE_COMPLETE": "bash_complete"}
    command = [sys.executable, "-m", "dbhygiene"]
    assert found in subprocess.run(command, capture_output=True, text=True, env=os.environ | asked).stdout
