"""A file of known findings, and what is new since a commit."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from dbhygiene.config.errors import UsageError
from dbhygiene.diagnostics import baseline
from dbhygiene.diagnostics.baseline import KnownFindings
from dbhygiene.diagnostics.fingerprints import Key
from dbhygiene.diagnostics.model import Finding
from dbhygiene.source.nodes import Span

ROOT = Path("/root-of-it")
KEY: Key = ("HYG101", "app/db.py", "Pool.open", "pymysql.connect(host=host)")


def finding(line: int = 1, *, key: Key = KEY) -> Finding:
    code, path, context, expression = key
    span = Span(line, 0, line, 1)
    return Finding(ROOT / path, span, code, "a-rule", "a fault", context=context, expression=expression)


def new(entries: Counter[Key], *findings: Finding) -> list[Finding]:
    return list(KnownFindings(entries, "the baseline").new(findings, ROOT))


@pytest.mark.parametrize(
    "key",
    [
        KEY,
        ("HYG201", "app.py", "", "create_engine('mysql://db/app', connect_args={'init_command': 'set x = \"::\"'})"),
        ("HYG101", "dir with blanks/a::b 100%.py", "f.<locals>.g", "connect()"),
        ("HYG001", "broken.py", "", ""),
        ("HYG101", "two\nlines.py", "f", "connect('\u65e5\u672c')"),
    ],
)
def test_an_entry_is_read_as_it_was_written(key: Key) -> None:
    assert "\n" not in baseline.format_entry(key)
    assert baseline.parse_entries(baseline.format_entries(Counter({key: 2})), Path("b.txt")) == {baseline.mask(key): 2}


@pytest.mark.parametrize(
    ("expression", "masked"),
    [
        ("connect(host=host, passwd='s3cret')", "connect(host=host, passwd='...')"),
        ("connect('', 's3cret', \"s3cret's\", b's3cret')", "connect('...', '...', '...', b'...')"),
        ("create_engine(f'mysql://{user}:s3cret@db/app', echo=True)", "create_engine(f'...', echo=True)"),
        ("create_engine('s3\\'cret', {'a': 's3cret'})", "create_engine('...', {'...': '...'})"),
        ("connect('...')", "connect('...')"),
        ("connect(host=host)", "connect(host=host)"),
    ],
)
def test_strings_are_not_written(expression: str, masked: str) -> None:
    key: Key = ("HYG101", "app.py", "f", expression)
    assert baseline.mask(key)[3] == masked
    (entry,) = old = baseline.parse_entries(f"HYG101 app.py::f {expression}\n", Path("b.txt"))  # as it once was written
    assert entry[3] == masked
    assert new(old, finding(key=key)) == []
    assert len(new(old, finding(key=key), finding(2, key=key))) == 1


def test_entries_are_lines_in_the_order_of_their_paths() -> None:
    other: Key = ("HYG201", "app/a.py", "", "create_engine()")
    assert baseline.format_entries(Counter({KEY: 2, other: 1})).splitlines()[1:] == [
        "HYG201 app/a.py::<module> create_engine()",
        "HYG101 app/db.py::Pool.open pymysql.connect(host=host)",
        "HYG101 app/db.py::Pool.open pymysql.connect(host=host)",
    ]


@pytest.mark.parametrize(
    ("line", "words"),
    [("HYG101 app.py", "not an entry"), ("<<<<<<< HEAD", "unresolved merge conflict"), ("import os", "not an entry")],
)
def test_what_is_no_entry_is_told_with_its_line(line: str, words: str) -> None:
    with pytest.raises(UsageError, match=rf"^b\.txt:3: {words}"):
        baseline.parse_entries(f"# comment\n\n{line}\n", Path("b.txt"))


def test_lines_do_not_matter() -> None:
    assert new(Counter([KEY]), finding(99)) == []


def test_of_more_findings_than_entries_the_last_are_new() -> None:
    findings = [finding(line) for line in (3, 7, 12)]
    (last,) = new(Counter({KEY: 2}), *findings)
    assert last.span.line == 12
    assert last.notes == ("the baseline lists 2 like this one: cannot tell which of them is new",)


@pytest.mark.parametrize("place", range(4))
def test_a_difference_in_any_part_is_new(place: int) -> None:
    changed = list(KEY)
    changed[place] = "HYG102" if place == 0 else "another"
    assert len(new(Counter([KEY]), finding(key=tuple(changed)))) == 1  # type: ignore[arg-type]


def test_an_error_of_ours_is_never_known() -> None:
    key: Key = ("HYG000", "app.py", "", "")
    assert len(new(Counter([key]), finding(key=key))) == 1


def test_stale_entries(tmp_path: Path) -> None:
    (tmp_path / "here.py").touch()
    (tmp_path / "other.py").touch()
    keys: list[Key] = [("HYG101", f"{name}.py", "f", "connect()") for name in ("here", "other", "gone")]
    known = KnownFindings(Counter(keys), "the baseline")
    assert list(known.stale(tmp_path, {tmp_path / "here.py"}, {"HYG101"})) == [keys[0], keys[2]]
    assert list(known.stale(tmp_path, {tmp_path / "here.py"}, {"HYG102"})) == [keys[2]]
