"""`--baseline`, `--since` and `--add-ignore`, as they are used."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from .test_cli import run

LEAK = "import pymysql\n\n\ndef {}(host):\n    conn = pymysql.connect(host=host)\n    conn.ping()\n"
CONCISE = "--output-format=concise"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "pyproject.toml").write_text('[tool.dbhygiene]\nbaseline = "known.txt"\n')
    (tmp_path / "app.py").write_text(LEAK.format("f"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def git(*arguments: str) -> None:
    identity = ("-c", "user.name=x", "-c", "user.email=x@example.org")
    subprocess.run(["git", *identity, *arguments], check=True, capture_output=True)


def grow(path: Path, text: str) -> None:
    path.write_text(path.read_text() + text)


# -- baseline -------------------------------------------------------------------------------------------


def test_a_baseline_hides_what_is_known_and_nothing_else(project: Path) -> None:
    assert run("check")[2] == f"dbhygiene: {project / 'known.txt'}: no such file; `dbhygiene baseline` writes it\n"
    assert run("baseline") == (0, "known.txt: 1 listed (1 added, 0 removed)\n", "")
    assert run("check", CONCISE) == (0, "", "0 findings in 1 file; 1 not new, not reported\n")
    (project / "app.py").write_text("# moved\n\n" + LEAK.format("f") + LEAK.format("g"))
    status, out, _ = run("check", CONCISE)
    assert (status, out.partition(" ")[0]) == (1, "app.py:13:12:")
    assert run("check", "--update-baseline") == (0, "known.txt: 2 listed (1 added, 0 removed)\n", "")
    assert run("check")[0] == 0


def test_stale_entries_are_told_and_pruned(project: Path) -> None:
    run("baseline")
    (project / "app.py").write_text(LEAK.format("g"))
    status, _, err = run("check", CONCISE)
    assert status == 1
    entry = "HYG101 app.py::f pymysql.connect(host=host)"
    assert (
        f"known.txt: no longer found: {entry}\nknown.txt: `dbhygiene baseline --prune` removes these entries\n" in err
    )
    assert run("baseline", "--prune")[1] == "known.txt: 0 listed (0 added, 1 removed)\n"
    assert run("check", CONCISE)[2].startswith("1 finding in 1 file, ")


def test_a_baseline_has_no_passwords_and_old_ones_with_some_still_hold(project: Path) -> None:
    grow(project / "app.py", "\n\ndef g():\n    c = pymysql.connect(passwd='s3cret')\n    c.ping()\n")
    old = "HYG101 app.py::f pymysql.connect(host=host)\nHYG101 app.py::g pymysql.connect(passwd='s3cret')\n"
    (project / "known.txt").write_text(old)
    assert run("check", CONCISE) == (0, "", "0 findings in 1 file; 2 not new, not reported\n")
    assert run("baseline", "--prune")[1] == "known.txt: 2 listed (0 added, 0 removed)\n"
    assert "s3cret" not in (project / "known.txt").read_text()
    assert run("check", CONCISE) == (0, "", "0 findings in 1 file; 2 not new, not reported\n")


def test_what_is_not_sure_enough_today_is_not_stale(project: Path) -> None:
    (project / "app.py").write_text(
        "import pymysql\n\n\ndef f():\n    conn = pymysql.connect()\n    conn.query('x')\n    conn.close()\n"
    )
    assert run("baseline")[1] == "known.txt: 1 listed (1 added, 0 removed)\n"
    assert run("check", "--min-confidence", "certain", CONCISE)[2] == "0 findings in 1 file\n"


def test_an_update_keeps_what_it_did_not_look_at(project: Path) -> None:
    (project / "other.py").write_text(LEAK.format("f"))
    run("baseline")
    (project / "app.py").write_text("")
    assert run("baseline", "--select", "HYG2", "app.py")[1] == "known.txt: 2 listed (0 added, 0 removed)\n"
    assert run("baseline", "app.py")[1] == "known.txt: 1 listed (0 added, 1 removed)\n"


def test_a_baseline_by_option(project: Path) -> None:
    (project / "pyproject.toml").write_text("")
    assert (
        run("baseline")[1].splitlines()[1]
        == 'to use it, set `baseline = "dbhygiene-baseline.txt"` in `[tool.dbhygiene]` of pyproject.toml'
    )
    assert run("check", "--baseline", "dbhygiene-baseline.txt")[0] == 0
    assert run("check")[0] == 1


def test_no_other_file_is_overwritten(project: Path) -> None:
    status, _, err = run("baseline", "--baseline", "app.py")
    assert (status, err) == (
        2,
        f"dbhygiene: {project / 'app.py'}:1: not an entry of a baseline; remove the line, or name another file\n",
    )
    assert (project / "app.py").read_text() == LEAK.format("f")


def test_fix_fixes_what_is_known(project: Path) -> None:
    run("baseline")
    assert run("fix", "-q")[0] == 0
    assert "closing" in (project / "app.py").read_text()


# -- since ----------------------------------------------------------------------------------------------


@pytest.fixture
def repository(project: Path) -> Path:
    (project / "pyproject.toml").write_text("")
    git("init", "-q", "-b", "main")
    git("add", ".")
    git("commit", "-q", "-m", "first")
    return project


def test_only_what_is_new_since_a_commit(repository: Path) -> None:
    assert run("check", "--since", "main", CONCISE)[:2] == (0, "")
    (repository / "app.py").write_text("# moved\n" + LEAK.format("f") + LEAK.format("g"))
    status, out, _ = run("check", "--since", "main", CONCISE)
    assert (status, out.partition(" ")[0], out.count("\n")) == (1, "app.py:12:12:", 1)


def test_renamed_and_new_files(repository: Path) -> None:
    (repository / "pack").mkdir()
    git("mv", "app.py", "pack/moved.py")
    assert run("check", "--since", "HEAD")[0] == 0
    (repository / "fresh.py").write_text(LEAK.format("f"))
    assert run("check", "--since", "HEAD", CONCISE)[1].startswith("fresh.py:5:")


def test_a_helper_that_changed_makes_findings_elsewhere_new(repository: Path) -> None:
    (repository / "db.py").write_text("def fetch():\n    pass\n")
    (repository / "use.py").write_text("import db\n\n\ndef f():\n    conn = db.fetch()\n    conn.ping()\n")
    git("add", ".")
    git("commit", "-q", "-m", "second")
    (repository / "db.py").write_text("import pymysql\n\n\ndef fetch():\n    return pymysql.connect()\n")
    assert run("check", "--since", "HEAD", CONCISE)[1].startswith("use.py:5:")
    assert run("check", "--since", "HEAD", "app.py")[0] == 0


def test_a_branch_is_held_against_where_it_began(repository: Path) -> None:
    git("checkout", "-q", "-b", "work")
    git("checkout", "-q", "main")
    (repository / "app.py").write_text("")
    git("commit", "-qam", "fixed on main")
    git("checkout", "-q", "work")
    assert run("check", "--since", "main")[0] == 0


def test_a_part_of_a_repository(repository: Path) -> None:
    (repository / "part").mkdir()
    (repository / "part" / "pyproject.toml").touch()
    git("mv", "app.py", "part/app.py")
    git("add", ".")
    git("commit", "-qam", "second")
    assert run("check", "--since", "HEAD", "part")[0] == 0


def test_the_repository_stays_as_it_is(repository: Path) -> None:
    (repository / "app.py").write_text(LEAK.format("g"))
    git("add", ".")
    before = subprocess.run(["git", "status", "--porcelain=v2"], capture_output=True, check=True).stdout
    assert run("check", "--since", "HEAD")[0] == 1
    assert subprocess.run(["git", "status", "--porcelain=v2"], capture_output=True, check=True).stdout == before


def test_mistakes(repository: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("check", "--since", "nowhere", "--select", "HYG2")[0] == 2  # whatever is found
    assert run("check", "--since", "nowhere") == (2, "", "dbhygiene: --since: no commit `nowhere`\n")
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "app.py").write_text(LEAK.format("f"))
    monkeypatch.chdir(elsewhere)
    words = f"dbhygiene: --since: {elsewhere} is not in a git repository; use a baseline\n"
    assert run("check", "--since", "HEAD") == (2, "", words)


def test_a_shallow_clone_is_told_of(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clone = tmp_path / "clone"
    command = ["git", "clone", "-q", "--depth", "1", repository.as_uri(), str(clone)]
    subprocess.run(command, check=True)
    monkeypatch.chdir(clone)
    status, _, err = run("check", "--since", "nowhere")
    assert (status, err.count("\n"), "fetch-depth: 0" in err) == (2, 1, True)


# -- ignore ---------------------------------------------------------------------------------------------


def test_add_ignore(repository: Path) -> None:
    assert run("check", "--add-ignore=kept", "app.py") == (
        0,
        "1 finding silenced; left: 0 findings in 1 file\n",
        "",
    )
    line = "    conn = pymysql.connect(host=host)  # dbhygiene: ignore[connection-not-closed] kept\n"
    assert (repository / "app.py").read_text().splitlines(keepends=True)[4] == line
    assert run("check", "--add-ignore")[1] == "0 findings silenced; left: 0 findings in 1 file\n"
    grow(repository / "app.py", LEAK.format("g"))
    assert run("check", "--add-ignore", "app.py")[0] == 0
    assert run("check", "--config", "require-reason=true", CONCISE)[1].startswith("app.py:11:")


def test_a_reason_that_cannot_be_written(repository: Path) -> None:
    (repository / "app.py").write_text("# coding: latin-1\n" + LEAK.format("f"))
    assert (
        run("check", "--add-ignore=\u65e5\u672c")[2]
        == "dbhygiene: app.py: the reason cannot be written in iso-8859-1\n"
    )
    assert run("check", "--add-ignore=two\nlines")[2] == "dbhygiene: --add-ignore: the reason must be one line\n"
