"""`KnownFindings`: a file of known findings, which are not reported: one line each, sorted, and without line numbers.

An entry has the rule, path, function and expression of a finding, as in `fingerprints.key`. Strings in the expression
are masked, since a password must not get into a second file. Entries of older files are masked when they are read, so
they still match. If a function contains the same expression twice, the file contains the line twice. If there are more
findings than entries, the last ones in the checked file count as new.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Iterable, Iterator
from pathlib import Path

from dbhygiene.config.errors import UsageError
from dbhygiene.diagnostics.fingerprints import Key, key
from dbhygiene.diagnostics.model import Finding

DEFAULT = "dbhygiene-baseline.txt"
NEVER_KNOWN = "HYG000"  # an internal error: never silenced
_HEADER = "# Findings that dbhygiene does not report. `dbhygiene baseline` writes this file.\n"
_ENTRY = re.compile(r"(?P<code>HYG\d{3}) (?P<path>.*?)::(?P<context>\S*)(?: (?P<expression>.*))?")
_MODULE = "<module>"
_NO_ENTRY = "not an entry of a baseline; remove the line, or name another file"
_CONFLICT = "unresolved merge conflict: keep the entries of both sides, then run `dbhygiene baseline`"
_STRING = re.compile(r"""('\'\'|"{3}|'|")(?:\\.|(?!\1).)*\1""", re.S)
_ESCAPED = {"%": "%25", "\n": "%0A", "\r": "%0D", "::": "%3A%3A"}


def parse_entries(text: str, path: Path) -> Counter[Key]:
    """Return the entries and their counts; raise UsageError, with the line, if a line is not an entry."""
    entries: Counter[Key] = Counter()
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        found = _ENTRY.fullmatch(line)
        if found is None:
            conflict = line.startswith(("<<<<", "====", ">>>>", "||||"))
            raise UsageError(f"{path}:{number}: {_CONFLICT if conflict else _NO_ENTRY}")
        context = "" if found["context"] == _MODULE else found["context"]
        entries[mask((found["code"], _unescape(found["path"]), context, found["expression"] or ""))] += 1
    return entries


def format_entries(entries: Counter[Key]) -> str:
    """Return the text of a baseline with these entries."""
    return _HEADER + "".join(
        f"{format_entry(entry)}\n" for entry in sorted(entries.elements(), key=lambda e: (e[1], e))
    )


def format_entry(entry: Key) -> str:
    """Return the line of an entry."""
    code, path, context, expression = entry
    for raw, escaped in _ESCAPED.items():
        path = path.replace(raw, escaped)
    return f"{code} {path}::{context or _MODULE} {expression}".rstrip()


def mask(entry: Key) -> Key:
    """Return an entry with its strings masked: they may be passwords, or URLs with passwords."""
    *place, expression = entry
    return (*place, _STRING.sub("'...'", expression))  # type: ignore[return-value]


def _unescape(path: str) -> str:
    for raw, escaped in reversed(_ESCAPED.items()):
        path = path.replace(escaped, raw)
    return path


class KnownFindings:
    """Known findings: a multiset of entries, each of which hides one finding; `hidden` are those so far."""

    def __init__(self, entries: Counter[Key], source: str) -> None:
        self._entries = entries
        self._left = entries.copy()
        self._source = source  # for words such as "the baseline knows 2 like it"
        self.hidden: list[Finding] = []

    def new(self, findings: Iterable[Finding], root: Path) -> Iterator[Finding]:
        """Yield the findings that are not known. If a new one equals known ones, a note says so."""
        for finding in findings:
            about = key(finding, root)
            about = about if about in self._entries else mask(about)  # entries of a file are masked
            if finding.code == NEVER_KNOWN or about not in self._entries:
                yield finding
            elif self._left[about]:
                self._left[about] -= 1
                self.hidden.append(finding)
            else:
                note = f"{self._source} lists {self._entries[about]} like this one: cannot tell which of them is new"
                yield finding._replace(notes=(*finding.notes, note))

    def stale(self, root: Path, files: Container[Path], codes: Container[str]) -> Counter[Key]:
        """Return the entries that match no finding, although these files were checked by these rules."""
        return Counter(
            {entry: left for entry, left in self._left.items() if left and is_gone(entry, root, files, codes)}
        )


def is_gone(entry: Key, root: Path, files: Container[Path], codes: Container[str]) -> bool:
    """Whether an entry must match a finding of these files and rules, or its file no longer exists."""
    path = root / entry[1]
    return (path in files and entry[0] in codes) or not path.exists()
