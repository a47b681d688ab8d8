"""Comments that silence findings."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbhygiene.checker.file_check import check_file
from dbhygiene.checker.project_check import check
from dbhygiene.checker.selection import selected_rules
from dbhygiene.config.settings import Confidence, Settings
from dbhygiene.diagnostics.model import Finding
from dbhygiene.diagnostics.suppressions import is_silenced, suppressions
from dbhygiene.project.project import Project
from dbhygiene.source.file import File, NoProject
from dbhygiene.source.nodes import Span

LINE = "conn = connect()"


def silenced(text: str, line: int = 1, *, code: str = "HYG101", name: str = "connection-not-closed") -> bool:
    finding = Finding(Path("app.py"), Span(line, 7, line, 16), code, name, "open")
    file = File(Path("app.py"), text)
    return is_silenced(file, suppressions(file), finding)


@pytest.mark.parametrize(
    "comment",
    [
        "# dbhygiene: ignore[connection-not-closed]",
        "# dbhygiene: ignore[HYG101]",
        "# dbhygiene:ignore[HYG102, connection-not-closed] kept for the whole run",
        "# dbhygiene: ignore",
        "# type: ignore  # dbhygiene: ignore[HYG101]",
        "# noqa: HYG101",
        "# NOQA: hyg101",
        "# noqa:E501,HYG101",
        "# noqa: E501, HYG",
        "# noqa: E501 HYG101",
        "# noqa: HYG",
        "# noqa: HYG101 kept for the whole run",
    ],
)
def test_silent(comment: str) -> None:
    assert silenced(f"{LINE}  {comment}\n")


@pytest.mark.parametrize(
    "comment",
    [
        "# dbhygiene: ignore[HYG102]",
        "# dbhygiene: ignore[HYG10]",
        "# dbhygiene: ignored",
        "# noqa: E501",
        "# noqa: HYG102",
        "# noqa",  # of another linter
        "# NOQA: the line is long",
        "# noqa HYG101",  # flake8 takes it for a bare one
        "# noqa: H",  # of the plugin `hacking`
        "# noqa: E501, HYGIENE",
        "# noqas",
        "",
    ],
)
def test_loud(comment: str) -> None:
    assert not silenced(f"{LINE}  {comment}\n")


def test_a_string_is_no_comment() -> None:
    assert not silenced("conn = connect('# noqa # dbhygiene: ignore')\n")


def test_first_and_last_line_of_the_statement_count() -> None:
    text = "conn = (\n    connect(\n        1,\n    )\n){}\n"
    assert silenced(text.format("  # dbhygiene: ignore[HYG101]"), 2)
    assert silenced("conn = (  # noqa: HYG101\n    connect()\n)\n", 2)
    assert not silenced("conn = (\n    connect(),\n    1,  # noqa: HYG101\n    2,\n)\n", 2)


def test_of_a_block_only_the_head_counts() -> None:
    assert silenced("with connect(  # noqa: HYG101\n) as conn:\n    pass\n")
    assert not silenced("with connect() as conn:\n    pass  # noqa: HYG101\n")


def test_a_comment_alone_on_its_line_counts_for_the_next_line_of_code() -> None:
    assert silenced(f"# dbhygiene: ignore[HYG101] for ever\n\n# more\n{LINE}\n", 4)
    assert not silenced(f"# dbhygiene: ignore[HYG101]\npass\n{LINE}\n", 3)
    assert not silenced(f"# noqa: HYG101\n{LINE}\n", 2)


def test_a_whole_file() -> None:
    assert silenced(f'"""Page."""\n# dbhygiene: ignore-file[HYG101] generated\n\n\n{LINE}\n', 5)
    assert not silenced(f"# dbhygiene: ignore-file[HYG102]\n{LINE}\n", 2)


def reasons(comment: str) -> list[str]:
    return [found.reason for found in suppressions(File(Path("app.py"), f"{LINE}  {comment}\n"))]


def test_reasons_end_where_the_next_comment_begins() -> None:
    assert reasons("# dbhygiene: ignore[HYG101] kept by the pool") == ["kept by the pool"]
    assert reasons("# dbhygiene: ignore[HYG101] see #12  # pylint: disable=x") == ["see #12"]
    assert reasons("# dbhygiene: ignore[HYG101] one  # noqa: HYG102 two") == ["one", "two"]


# -- comments that silence nothing ----------------------------------------------------------------------

CODE = "import pymysql\n\n\ndef leak():\n    conn = pymysql.connect(){}\n    conn.ping()\n"


def found(comment: str, *, settings: Settings | None = None) -> list[str]:
    """What is said of a comment on the line of a leak, or elsewhere, when every rule that is on is run."""
    settings = settings or Settings()
    text = comment if "\n" in comment else CODE.format(f"  {comment}")
    return [f"{f.code} {f.message}" for f in check_file(alone(text, settings), selected_rules(settings))]


def alone(text: str, settings: Settings | None = None) -> File:
    return File(Path("app.py"), text, project=NoProject(settings or Settings()))


@pytest.mark.parametrize(
    "comment",
    [
        "# dbhygiene: ignore[HYG101]",
        "# dbhygiene: ignore",
        "# noqa: HYG",
        "# noqa: E501,HYG1",
        "# dbhygiene: ignore[HYG101, cursor-not-closed] the second is off",
        "# dbhygiene: ignore[HYG101, syntax-error] the second is no rule's",
    ],
)
def test_needed(comment: str) -> None:
    assert found(comment) == []


@pytest.mark.parametrize(
    ("comment", "words"),
    [
        ("# dbhygiene: ignore[HYG101, HYG201]", "HYG002 comment silences no finding of `HYG201` here"),
        ("# dbhygiene: ignore[HYG101, HYG10]", "HYG002 `HYG10` is not a rule"),
        ("# noqa: HYG101,HYG999", "HYG002 `HYG999` is not a rule"),
        ("# noqa: HYG1, HYG2, E1", "HYG002 comment silences no finding of `HYG2` here"),
    ],
)
def test_in_vain(comment: str, words: str) -> None:
    (message,) = found(comment)
    assert message.startswith(words)


def test_what_was_not_looked_for_may_be_needed() -> None:
    assert found("pass  # dbhygiene: ignore[HYG101]\n") == ["HYG002 comment silences no finding of `HYG101` here"]
    assert found("pass  # dbhygiene: ignore\n") == ["HYG002 comment silences nothing here"]
    assert found("# dbhygiene: ignore-file\n") == ["HYG002 comment silences nothing in this file"]
    only = Settings(select=("HYG2", "HYG002"))
    assert found("pass  # dbhygiene: ignore[HYG101]\n", settings=only) == []
    assert found("pass  # dbhygiene: ignore\n", settings=only) == []
    assert found("pass  # noqa\n") == []
    assert found("# noqa") == ["HYG101 connection `conn` is never closed"]


def test_a_finding_that_is_not_sure_enough_to_be_reported_needs_its_comment() -> None:
    assert found("# dbhygiene: ignore[HYG101]", settings=Settings(min_confidence=Confidence.CERTAIN)) == []
    ignored = Settings(per_file_ignores={"app.py": ("HYG101",)})
    assert found("# dbhygiene: ignore[HYG101]", settings=ignored) == []


def test_only_its_name_silences_what_is_said_of_a_comment() -> None:
    assert found("# dbhygiene: ignore-file[HYG002]\npass  # dbhygiene: ignore[HYG101]\n") == []
    assert found("# dbhygiene: ignore-file[unused-suppression]\npass  # dbhygiene: ignore\n") == []


def test_a_comment_is_judged_in_a_file_that_speaks_of_no_driver(tmp_path: Path) -> None:
    (tmp_path / "db.py").write_text("import pymysql\n\n\ndef fetch():\n    return pymysql.connect()\n")
    app = tmp_path / "app.py"
    app.write_text("import db\n\n\ndef f():\n    c = db.fetch()  # dbhygiene: ignore[HYG101] ends\n    c.ping()\n")
    rules = selected_rules(Settings())
    assert list(check(Project(tmp_path), [app], rules)) == []
    assert list(check(Project(tmp_path), [app, tmp_path / "db.py"], rules)) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x = 1  # dbhygiene: ignore[HYG101] why\ny = 2\n", "x = 1\ny = 2\n"),
        ("# dbhygiene: ignore[HYG101] why\r\nx = 1\r\n", "x = 1\r\n"),
        ("x = 1\n    # dbhygiene: ignore[HYG101]", "x = 1\n"),
        ("x = 1  # \u65e5\u672c  # dbhygiene: ignore # noqa: E1\n", "x = 1  # \u65e5\u672c  # noqa: E1\n"),
        ("x = 1  # noqa: E501,HYG101, W1\n", "x = 1  # noqa: E501,W1\n"),
        ("x = 1  # noqa: HYG101\n", "x = 1\n"),
        ("x = 1  # dbhygiene: ignore[HYG101]\ny = 2  # dbhygiene: ignore[HYG201]\n", "x = 1\ny = 2\n"),
        ("x = (  # dbhygiene: ignore[HYG101,HYG102, nonsense]\n)\n", "x = (  # dbhygiene: ignore[nonsense]\n)\n"),
    ],
)
def test_fix_takes_away_what_is_in_vain(before: str, after: str) -> None:
    from dbhygiene.fixes.apply import fix

    rules = selected_rules(Settings())
    assert fix(alone(before), lambda file: check_file(file, rules)).text == after


def test_a_fix_takes_the_comment_with_it_that_is_not_needed_any_more() -> None:
    from dbhygiene.fixes.apply import fix

    rules = [rule for rule in selected_rules(Settings()) if rule.code in ("HYG002", "HYG101")]
    text = CODE.format("  # dbhygiene: ignore[HYG101]") + "\n\n" + CODE.format("")
    fixed = fix(alone(text), lambda file: check_file(file, rules))
    assert fixed.text.count("ignore[HYG101]") == 1
    assert len(fixed.fixed) == 1
