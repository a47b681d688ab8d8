"""The commands take notebooks: places name the cell in every format."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

import dbhygiene
from dbhygiene.source.file import File
from tests.cli.test_cli import run
from tests.notebooks.samples import cell, document

CELLS = (
    cell("# Shop", "markdown"),
    "import pymysql\n%load_ext sql",
    "conn = pymysql.connect()",
    "conn = pymysql.connect(host='other')",
)
LOST = "other = pymysql.connect()\nother = pymysql.connect()"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "shop.ipynb").write_text(document(*CELLS))
    return tmp_path


def test_directories_are_searched_for_notebooks(project: Path) -> None:
    (project / ".ipynb_checkpoints").mkdir()
    (project / ".ipynb_checkpoints" / "shop-checkpoint.ipynb").write_text(document(*CELLS))
    status, out, err = run("check", "-o", "concise")
    assert (status, err) == (1, "1 finding in 1 file\n")
    assert out == (
        "shop.ipynb:cell 3:1:8: HYG105 connection `conn` is replaced while it is open, and can no longer be closed"
        " (lines 1, cell 4:1)\n"
    )


def test_text_shows_the_lines_of_each_cell(project: Path) -> None:
    out = run("check", "-q", "shop.ipynb")[1]
    assert " --> shop.ipynb:cell 3:1:8\n" in out
    assert " ::: shop.ipynb:cell 4:1:1\n1 | conn = pymysql.connect(host='other')\n" in out


def test_json_has_the_cell(project: Path) -> None:
    (item,) = json.loads(run("check", "-q", "-o", "json")[1])
    assert (item["cell"], item["location"]) == (3, {"row": 1, "column": 8})
    assert [(step["cell"], step["location"]["row"]) for step in item["steps"]] == [(3, 1), (4, 1)]


@pytest.mark.parametrize("form", ["github", "gitlab", "sarif", "rdjson", "azure", "pylint"])
def test_tools_get_the_line_of_the_file(project: Path, form: str) -> None:
    number = next(n for n, line in enumerate(document(*CELLS).split("\n"), 1) if "conn = pymysql.connect()" in line)
    out = run("check", "-q", "-o", form)[1]
    assert any(
        word in out for word in (f"line={number},", f'ine": {number},', f"linenumber={number};", f"ipynb:{number}:")
    )
    if form not in {"azure", "pylint"}:  # these show no notes
        assert "in cell 3, line 1 of the notebook" in out


@pytest.mark.parametrize("form", ["junit", "html", "agent", "json-lines"])
def test_readers_get_the_cell(project: Path, form: str) -> None:
    out = run("check", "-q", "-o", form)[1]
    assert "cell 3:1" in out or '"cell": 3' in out


def test_standard_input(project: Path) -> None:
    out = run("check", "-q", "-o", "concise", "--stdin-filename", "x.ipynb", text=document(*CELLS).encode())[1]
    assert out.startswith("x.ipynb:cell 3:1:8: HYG105")


def test_what_does_not_parse_is_named_and_the_rest_goes_on(project: Path) -> None:
    (project / "bad.ipynb").write_text('{"cells": [\n1,,]}')
    cells = ("import pymysql", "x = 1\nprint 'done'", CELLS[2], CELLS[3], "print 'done'")
    (project / "old.ipynb").write_text(document(*cells))
    status, out, _ = run("check", "-q", "-o", "concise", ".", "bad.ipynb")
    assert status == 1
    assert "bad.ipynb:2:3: HYG001 invalid JSON: Expecting value\n" in out
    assert "old.ipynb:cell 2:2:1: HYG001 Missing parentheses in call to 'print'" in out
    assert "old.ipynb:cell 3:1:8: HYG105" in out
    assert "shop.ipynb:cell 3:1:8: HYG105" in out
    assert "= note: cell 5 does not parse, either\n" in run("check", "-q", "old.ipynb")[1]


def test_a_cell_that_does_not_parse_is_reported_where_no_rule_applies(project: Path) -> None:
    (project / "plain.ipynb").write_text(document("x = 1", "def f(:"))
    assert run("check", "-q", "-o", "concise", "plain.ipynb")[1].startswith("plain.ipynb:cell 2:1:7: HYG001")
    assert "plain" not in run("check", "-q", "-o", "concise")[1]


@pytest.mark.parametrize("target", ["shop.ipynb:3:1", "shop.ipynb:cell 3:1", "shop.ipynb:cell 3:1:8"])
def test_explain_takes_the_place_of_a_cell(project: Path, target: str) -> None:
    status, out, _ = run("explain", target)
    assert (status, out.splitlines()[:2]) == (
        0,
        [
            "shop.ipynb:cell 3:1: PyMySQL connection `conn`: no path through the function closes it",
            "  cell 3:1  opened  conn = pymysql.connect()",
        ],
    )


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("shop.ipynb:3", "shop.ipynb:3: not in the form NOTEBOOK:CELL:LINE, such as `orders.ipynb:2:5`"),
        ("shop.ipynb:1:1", "shop.ipynb: cell 1 is no code cell; name another one"),
        ("shop.ipynb:3:2", "shop.ipynb: cell 3 has 1 line; name line 1"),
    ],
)
def test_explain_names_what_is_missing(project: Path, target: str, words: str) -> None:
    assert run("explain", target) == (2, "", f"dbhygiene: {words}\n")


def test_settings_for_files_hold_for_notebooks(project: Path) -> None:
    (project / "pyproject.toml").write_text('[tool.dbhygiene]\nper-file-ignores = {"*.ipynb" = ["HYG1"]}\n')
    assert run("check")[0] == 0


def test_comments_are_added_to_their_cell(project: Path) -> None:
    """Above a long line of a cell, and at the end of a short one; no other byte changes."""
    path = project / "shop.ipynb"
    long = f"other = pymysql.connect(host='{'h' * 70}')"
    text = document(*CELLS, long, "other = pymysql.connect(host='a')")
    path.write_text(text)
    assert run("check", "--add-ignore=why")[0] == 0
    ignore = "# dbhygiene: ignore[connection-replaced-while-open] why"
    short = text.replace('"conn = pymysql.connect()"', f'"conn = pymysql.connect()  {ignore}"', 1)
    above = f'"{ignore}\\n",\n    "other = pymysql.connect(host'
    assert path.read_text() == short.replace('"other = pymysql.connect(host', above, 1)
    assert run("check")[0] == 0


def test_fix_writes_the_file(project: Path) -> None:
    path = project / "shop.ipynb"
    path.write_text(document(*CELLS[:2], "with pymysql.connect(host='db') as cursor:\n    cursor.execute('select 1')"))
    diff = run("fix", "--diff")[1]
    status, out, _ = run("fix")
    assert (status, out) == (
        0,
        "shop.ipynb:cell 3:1: HYG103 fixed: Close the connection after the transaction\n"
        "1 finding fixed; left: 0 findings in 1 file\n",
    )
    assert all(line[1:] + "\n" in path.read_text() for line in diff.splitlines() if line.startswith("+ "))
    text = document("import pymysql", "def f():\n    conn = pymysql.connect()\n    conn.ping()")
    out = run("fix", "-q", "--stdin-filename", "x.ipynb", text=text.encode())[1]
    assert "closing(pymysql.connect())" in "".join(json.loads(out)["cells"][1]["source"])


def test_a_baseline_lists_findings_of_notebooks(project: Path) -> None:
    (project / "pyproject.toml").write_text('[tool.dbhygiene]\nbaseline = "known"\n')
    assert run("baseline")[0] == 0
    assert run("check")[0] == 0
    (project / "shop.ipynb").write_text(document("x = 1", *CELLS))  # lines and cells move
    assert run("check")[0] == 0
    (project / "shop.ipynb").write_text(document("x = 1", *CELLS, LOST))
    assert run("check", "-o", "concise", "-q")[1].startswith("shop.ipynb:cell 6:1:9: HYG105")


def test_since_a_commit(project: Path) -> None:
    def git(*words: str) -> None:
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *words], check=True, capture_output=True)

    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "a")
    assert run("check", "--since", "HEAD")[0] == 0
    (project / "shop.ipynb").write_text(document("x = 1", *CELLS, LOST))
    assert run("check", "--since", "HEAD", "-o", "concise", "-q")[1].startswith("shop.ipynb:cell 6:1:9: HYG105")


def test_the_cache_knows_notebooks(project: Path) -> None:
    for number in range(20):
        (project / f"a{number}.py").write_text("import pymysql\n")
    first = run("check", "-o", "json", "-q")
    assert (project / ".dbhygiene_cache").is_dir()
    assert run("check", "-o", "json", "-q") == first
    (project / "shop.ipynb").write_text(document("x = 1", *CELLS))
    assert '"cell": 4' in run("check", "-o", "json", "-q")[1]


def test_the_python_api_gives_lines_of_cells(project: Path) -> None:
    (found,) = dbhygiene.check(project)
    assert (found.cell, found.span.line) == (3, 1)
    assert [(step.cell, step.span.line) for step in found.steps] == [(3, 1), (4, 1)]
    assert dbhygiene.check(File.decode(project / "shop.ipynb", document(*CELLS).encode()))[0].cell == 3
    with_leak = document(*CELLS, "def f():\n    conn = pymysql.connect()\n    conn.ping()")
    (project / "shop.ipynb").write_text(with_leak)
    fixed = dbhygiene.fix(project / "shop.ipynb")
    assert [(each.cell, each.span.line) for each in fixed.fixed] == [(5, 2)]
    assert [(each.finding.cell, each.was.cell) for each in fixed.left] == [(3, 3)]
    assert json.loads(fixed.text)["cells"][:4] == json.loads(with_leak)["cells"][:4]


def test_doctor_counts_notebooks(project: Path) -> None:
    (project / "app.py").write_text("import pymysql\n")
    assert "Python files: 1; notebooks: 1; excluded" in run("doctor")[1]


def test_the_language_server_leaves_notebooks_out(project: Path) -> None:
    """It would have to map their places to cells."""
    pytest.importorskip("lsprotocol")
    from dbhygiene.config.settings import Settings
    from dbhygiene.lsp.open_project import OpenProject

    (project / "app.py").touch()
    opened = OpenProject(project, Settings())
    assert [opened.includes(project / name) for name in ("app.py", "shop.ipynb", "new.ipynb")] == [True, False, False]
