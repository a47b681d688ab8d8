"""`Store`: the results of a run, kept for the next one in an SQLite file below `.dbhygiene_cache/`."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing, suppress
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, TypeVar
from zlib import crc32

from dbhygiene.config.settings import Confidence
from dbhygiene.diagnostics import edits, model
from dbhygiene.diagnostics.model import Finding
from dbhygiene.source.nodes import Span
from dbhygiene.source.records import Row

_TAG = """Signature: 8a477f597d28d172789f06886806bc55
# This file marks a cache directory, made by dbhygiene; see https://bford.info/cachedir/
"""
_TABLES = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE files (
    path BLOB PRIMARY KEY, mtime INTEGER, size INTEGER, digest TEXT NOT NULL, lookups TEXT NOT NULL,
    imports TEXT NOT NULL, inputs BLOB NOT NULL, helpers TEXT NOT NULL, named INTEGER, listed INTEGER,
    found TEXT NOT NULL, content TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX times ON files (path, mtime, size);
CREATE TABLE fixes (path BLOB, fingerprint TEXT, outcome TEXT NOT NULL, PRIMARY KEY (path, fingerprint)) WITHOUT ROWID;
"""
_NO_FINDINGS = '[""]'  # as `Store._text` writes it


Answer = TypeVar("Answer")
Lookups: TypeAlias = "dict[tuple[str, str], str]"
FixOutcomes: TypeAlias = "dict[tuple[str, str], str]"  # path and fingerprint -> what the fix does, as JSON


class RelativePaths:
    """Paths as they are stored: relative to the root, so that a moved project or a fresh checkout can use them."""

    def __init__(self, root: Path) -> None:
        self._root = str(root)
        self._start = os.path.join(self._root, "")

    def to_stored(self, path: str) -> str:
        if path.startswith(self._start):
            return f"./{path[len(self._start) :]}"
        return "." if path == self._root else path

    def to_absolute(self, path: str) -> str:
        if path.startswith("./"):
            return self._start + path[2:]
        return self._root if path == "." else path

    def plain_to_stored(self, value: Any) -> Any:
        """Return plain data with the paths in it as they are stored; other texts that look the same are marked."""
        if isinstance(value, str):
            if value == self._root or value.startswith(self._start):
                return self.to_stored(value)
            return f"={value}" if value[:1] in (".", "=") else value
        if isinstance(value, (list, tuple)):
            return [*map(self.plain_to_stored, value)]
        if isinstance(value, dict):
            return {self.plain_to_stored(key): self.plain_to_stored(each) for key, each in value.items()}
        return value

    def plain_to_absolute(self, value: Any) -> Any:
        """Return the same as `plain_to_stored` got it, but for tuples, which are lists now."""
        if isinstance(value, str):
            if value[:1] not in (".", "="):
                return value
            return value[1:] if value[0] == "=" else self.to_absolute(value)
        if isinstance(value, list):
            return [*map(self.plain_to_absolute, value)]
        if isinstance(value, dict):
            return {self.plain_to_absolute(key): self.plain_to_absolute(each) for key, each in value.items()}
        return value


class FileRecord(NamedTuple):
    """The stored results of one file.

    `content` is the digest of its bytes, if they were at hand. A file without a `digest`, which then is the same, was
    only searched for words. `lookups` are the modules that it looks up, as written by `format_lookups`, and `imports`
    the files that it imports directly, if they are known, both as JSON; most runs need not read them. `helpers` are the
    names of its functions that return connections. `findings` are None if the file was not checked: nothing in it can
    have a finding, or no run asked for them (the fact `unchecked`); they, and the helpers, depend on `inputs`, numbers
    of `source.inputs`. `listed` are the project's own files; others are modules that it imports.
    """

    mtime: int
    size: int
    digest: str = ""
    lookups: str = ""
    imports: str = ""
    inputs: int = 0
    helpers: tuple[str, ...] | None = None
    named: bool = False
    listed: bool = True
    findings: tuple[Finding, ...] | None = None
    content: str = ""

    def read_lookups(self, paths: RelativePaths) -> Lookups:
        """Return the modules that were looked up, by name and directory, with their files ("": none)."""
        loaded = paths.to_absolute
        found = json.loads(self.lookups) if self.lookups else ()
        return {(name, loaded(directory)): loaded(file) for name, directory, file in found}


def format_lookups(lookups: Lookups, paths: RelativePaths) -> str:
    if not lookups:
        return ""
    stored = paths.to_stored
    return json.dumps([(name, stored(directory), stored(file)) for (name, directory), file in lookups.items()])


class StoredRun(Row):
    """The stored results of a run; `writes` counts the writes so far."""

    facts: Mapping[str, str] = {}
    rows: Mapping[str, FileRecord] = {}
    writes: int = 0


class FileTimes(Row):
    """The files of an earlier run: path, time in nanoseconds, size."""

    facts: Mapping[str, str] = {}
    files: Sequence[tuple[str, int, int]] = ()


class Store:
    """The file of one project and one configuration; `warning` describes a failure in one line."""

    def __init__(self, directory: Path, key: str, paths: RelativePaths) -> None:
        self._directory = directory
        self._paths = paths
        self._key = key = ascii(key)  # a path in it may hold any byte
        self._path = directory / f"{crc32(key.encode()):08x}.sqlite"
        self.warning = ""
        self._writes = 0  # the number of the write after which this was read, or which this made

    def times(self) -> FileTimes:
        """Return the files of the stored run, with their times only."""
        return self._query(self._times) or FileTimes()

    def _times(self, connection: sqlite3.Connection, facts: Mapping[str, str]) -> FileTimes:
        rows = connection.execute("SELECT path, mtime, size FROM files INDEXED BY times")
        return FileTimes(facts, [(self._decode_path(path), mtime, size) for path, mtime, size in rows])

    def _decode_path(self, path: bytes) -> str:
        return self._paths.to_absolute(os.fsdecode(path))

    def _encode_path(self, path: str) -> bytes:
        return os.fsencode(self._paths.to_stored(path))

    def findings(self, before: FileTimes) -> Mapping[str, Sequence[Finding]] | None:
        """Return the findings by file, None if another run has written since these times were read."""
        return self._query(lambda connection, facts: self._read_findings(connection, facts, before))

    def _read_findings(
        self, connection: sqlite3.Connection, facts: Mapping[str, str], before: FileTimes
    ) -> Mapping[str, Sequence[Finding]] | None:
        if facts["writes"] != before.facts.get("writes"):
            return None
        rows = connection.execute("SELECT path, found FROM files WHERE found NOT IN ('', ?)", (_NO_FINDINGS,))
        return {self._decode_path(path): self._value(json.loads(found)) for path, found in rows}

    def read(self) -> StoredRun:
        """Return the stored run; an empty one if it cannot be read or is of another version."""
        return self._query(self._read_run) or StoredRun()

    def _read_run(self, connection: sqlite3.Connection, facts: Mapping[str, str]) -> StoredRun:
        rows = connection.execute("SELECT * FROM files")
        return StoredRun(
            facts, {self._decode_path(path): self._row(*rest) for path, *rest in rows}, int(facts["writes"])
        )

    def _query(self, question: Callable[[sqlite3.Connection, Mapping[str, str]], Answer]) -> Answer | None:
        try:
            with closing(self._connect("ro")) as connection:
                connection.execute("BEGIN")  # or another run might write between two queries
                facts = dict(connection.execute("SELECT name, value FROM facts"))
                if facts.get("key") != self._key:
                    return None
                self._writes = int(facts["writes"])
                return question(connection, facts)
        except sqlite3.OperationalError as error:
            if self._path.exists() and "locked" not in str(error):
                self.warning = f"{self._path}: cache not read: {error}"
        except (sqlite3.DatabaseError, ValueError, KeyError, TypeError, SyntaxError) as error:
            self.warning = f"{self._path}: cache deleted: {error}"
            with suppress(OSError):
                self._path.unlink()
        return None

    def write(self, facts: Mapping[str, str], rows: Mapping[str, FileRecord], gone: Iterable[str], writes: int) -> None:
        """Replace these rows and all facts, unless another run wrote after `writes` was read; with 0, replace all."""
        try:
            self.prepare()
            with closing(self._connect("rwc")) as connection, connection:
                connection.execute("BEGIN IMMEDIATE")
                there = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'facts'").fetchone()[0]
                known = dict(connection.execute("SELECT name, value FROM facts")) if there else {}
                if writes and int(known.get("writes", -1)) != writes:
                    return
                if not writes:
                    for (table,) in connection.execute(
                        "SELECT name FROM sqlite_master WHERE type = 'table'"
                    ).fetchall():
                        connection.execute(f'DROP TABLE "{table}"')
                    for statement in _TABLES.split(";"):
                        connection.execute(statement)
                stored = {**facts, "key": self._key, "writes": str(int(known.get("writes", 0)) + 1)}
                connection.executemany("REPLACE INTO facts VALUES (?, ?)", stored.items())
                changed = [(self._encode_path(path),) for path in (*gone, *rows)]
                for table in ("files", "fixes"):
                    connection.executemany(f"DELETE FROM {table} WHERE path = ?", changed)
                columns = ", ".join("?" * (1 + len(FileRecord._fields)))
                connection.executemany(f"INSERT INTO files VALUES ({columns})", self._values(rows))
                self._writes = int(stored["writes"])
        except (sqlite3.DatabaseError, OSError) as error:
            if "locked" not in str(error):
                self.warning = self.warning or f"{self._path}: cache not written: {error}"

    def fixes(self) -> FixOutcomes:
        """Return the outcomes of fixes that were tried on the files as they are stored."""
        rows = self._query(lambda connection, _: connection.execute("SELECT * FROM fixes").fetchall()) or ()
        return {(self._decode_path(path), fingerprint): outcome for path, fingerprint, outcome in rows}

    def add_fixes(self, outcomes: FixOutcomes) -> None:
        """Add outcomes of fixes, unless another run has written since this one read or wrote."""
        rows = [(self._encode_path(path), fingerprint, text) for (path, fingerprint), text in outcomes.items()]
        try:
            with closing(self._connect("rw")) as connection, connection:
                connection.execute("BEGIN IMMEDIATE")
                known = dict(connection.execute("SELECT name, value FROM facts"))
                if known.get("key") == self._key and int(known["writes"]) == self._writes:
                    connection.executemany("REPLACE INTO fixes VALUES (?, ?, ?)", rows)
        except (sqlite3.DatabaseError, OSError) as error:
            if self._writes and "locked" not in str(error):
                self.warning = self.warning or f"{self._path}: cache not written: {error}"

    def _values(self, rows: Mapping[str, FileRecord]) -> Iterable[tuple[Any, ...]]:
        for path, row in rows.items():
            *plain, inputs, helpers, named, listed, findings, content = row
            number = inputs.to_bytes((inputs.bit_length() + 7) // 8, "little")
            names = "" if helpers is None else json.dumps(helpers)
            found = "" if findings is None else self._text(findings)
            yield self._encode_path(path), *plain, number, names, named, listed, found, content

    def _row(self, *values: Any) -> FileRecord:
        *plain, number, names, named, listed, found, content = values
        inputs, helpers = int.from_bytes(number, "little"), tuple(json.loads(names)) if names else None
        row = *plain, inputs, helpers, bool(named), bool(listed), self._findings(found), content
        return FileRecord._make(row)

    def _findings(self, text: str) -> tuple[Finding, ...] | None:
        if text in ("", _NO_FINDINGS):
            return () if text else None
        found: tuple[Finding, ...] = self._value(json.loads(text))
        return found

    # -- findings as JSON: a cache that came with a project must not run code, as with `pickle` ----------------

    def _text(self, value: object) -> str:
        return json.dumps(self._plain(value), separators=(",", ":"))

    def _plain(self, value: object) -> object:
        """Return the same as lists, strings and numbers: the first item of a list is its class, "" for a tuple."""
        if isinstance(value, Enum):
            return [type(value).__name__, value.value]
        if isinstance(value, Path):
            return ["Path", self._paths.to_stored(str(value))]
        if isinstance(value, tuple):
            name = type(value).__name__ if type(value) is not tuple else ""
            return [name, *map(self._plain, value)]
        if value is None or isinstance(value, (str, int, float)):
            return value
        raise TypeError(f"{type(value).__name__} is not kept")

    def _value(self, plain: Any) -> Any:
        if not isinstance(plain, list):
            return plain
        name, *rest = plain
        if name == "Path":
            return Path(self._paths.to_absolute(*rest))
        values = (self._value(each) if type(each) is list else each for each in rest)
        return _CLASSES[name](*values) if name else tuple(values)

    def _connect(self, mode: str) -> sqlite3.Connection:
        uri = f"{self._path.absolute().as_uri()}?mode={mode}"
        connection = sqlite3.connect(uri, uri=True, timeout=1.0, isolation_level=None)
        connection.execute("PRAGMA synchronous = NORMAL")
        return connection

    def prepare(self) -> None:
        """Create the directory, marked for git and backup tools to ignore; `write` reports if that fails."""
        with suppress(OSError):
            self._directory.mkdir(parents=True, exist_ok=True)
            for name, text in ((".gitignore", "*\n"), ("CACHEDIR.TAG", _TAG)):
                path = self._directory / name
                if not path.exists():
                    path.write_text(text)


def clean(directory: Path) -> bool:
    """Remove a cache; return whether there was one. Other directories are left alone."""
    if not (directory / "CACHEDIR.TAG").is_file():
        return False
    import shutil

    shutil.rmtree(directory)
    return True


# What a stored finding is made of.
_CLASSES: dict[str, Any] = {
    each.__name__: each
    for each in (
        *(Span, Confidence, model.Safety, model.Impact, model.Step, model.Fix, model.NoFix, model.Finding),
        *(each for each in vars(edits).values() if isinstance(each, type) and each.__module__ == edits.__name__),
    )
}
