"""Comments that silence findings."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbhygiene.model import Finding
from dbhygiene.source import File, Span
from dbhygiene.suppressions import Suppression, suppressions, unsuppressed

LINE = "conn = connect()"


def silenced(text: str, line: int = 1, *, code: str = "HYG101", name: str = "connection-not-closed") -> bool:
    finding = Finding(Path("app.py"), Span(line, 7, line, 16), code, name, "open")
    return not unsuppressed(File(Path("app.py"), text), [finding])


@pytest.mark.parametrize(
    "comment",
    [
        "# dbhygiene: ignore[connection-not-closed]",
        "# dbhygiene: ignore[HYG101]",
        "# dbhygiene:ignore[HYG102, connection-not-closed] kept for the whole run",
        "# dbhygiene: ignore",
        "# type: ignore  # dbhygiene: ignore[HYG101]",
        "# noqa",
        "# NOQA",
        "# noqa: HYG101",
        "# noqa:E501,HYG101",
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


def test_reasons_are_kept() -> None:
    (found,) = suppressions(File(Path("app.py"), f"{LINE}  # dbhygiene: ignore[HYG101] kept by the pool\n"))
    assert found == Suppression(1, ("HYG101",), "kept by the pool")
