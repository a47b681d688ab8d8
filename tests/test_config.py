"""Settings from `pyproject.toml` and `dbhygiene.toml`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dbhygiene import config
from dbhygiene.mistakes import Mistake
from dbhygiene.settings import Confidence, Settings


def load(tmp_path: Path, text: str, name: str = "pyproject.toml") -> Settings:
    (tmp_path / name).write_text(text, "utf-8")
    return config.load(tmp_path)


def test_every_key(tmp_path: Path) -> None:
    text = """
        [tool.dbhygiene]
        select = ["HYG1"]
        extend-select = ["HYG202"]
        ignore = ["connection-not-closed-on-error"]
        per-file-ignores = { "tests/*" = ["HYG1", "HYG3"] }
        min-confidence = "possible"
        server-timeout = 60
        databases = ["mysql"]
        exclude = ["generated/"]
        src = ["lib"]
    """
    assert load(tmp_path, text) == Settings(
        select=("HYG1",),
        extend_select=("HYG202",),
        ignore=("connection-not-closed-on-error",),
        per_file_ignores={"tests/*": ("HYG1", "HYG3")},
        min_confidence=Confidence.POSSIBLE,
        server_timeout=60,
        databases=("mysql",),
        exclude=("generated/",),
        src=("lib",),
    )


def test_nothing_said(tmp_path: Path) -> None:
    assert config.load(tmp_path) == Settings()
    assert load(tmp_path, "[project]\nname = 'x'\n") == Settings()
    assert load(tmp_path, "[project]\ndependencies = ['dbhygiene']\n") == Settings()


def test_a_file_of_its_own_comes_first(tmp_path: Path) -> None:
    load(tmp_path, "[tool.dbhygiene]\nserver-timeout = 1\n")
    assert load(tmp_path, "server-timeout = 2\n", "dbhygiene.toml").server_timeout == 2


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("servertimeout = 1", "unknown key `servertimeout` (did you mean `server-timeout`?)"),
        ("server_timeout = 1", "unknown key `server_timeout` (did you mean `server-timeout`?)"),
        ("qqq = 1", "unknown key `qqq`"),
        ("server-timeout = 0", "`server-timeout` must be a number of seconds above 0"),
        ("server-timeout = true", "`server-timeout` must be a number of seconds above 0"),
        ("select = 'HYG1'", "`select` must be a list of strings"),
        ("min-confidence = 'sure'", "`min-confidence` must be `certain`, `likely` or `possible`"),
        ("per-file-ignores = ['a']", '`per-file-ignores` must be a table such as { "tests/*" = ["HYG1"] }'),
    ],
)
def test_mistakes_are_told_in_one_line(tmp_path: Path, line: str, words: str) -> None:
    with pytest.raises(Mistake) as caught:
        load(tmp_path, f"[tool.dbhygiene]\n{line}\n")
    assert str(caught.value) == f"{tmp_path / 'pyproject.toml'}: {words}"


def test_broken_toml(tmp_path: Path) -> None:
    with pytest.raises(Mistake, match=r"pyproject\.toml: "):
        load(tmp_path, "[tool.dbhygiene\n")


def test_no_parser_is_imported_for_a_file_that_is_not_about_us(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    code = (
        "import sys, pathlib; from dbhygiene import config; config.load(pathlib.Path(sys.argv[1]));"
        "assert not {'tomllib', 'tomli'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
