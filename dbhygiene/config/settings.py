"""What the user may set, as plain data; `config` reads it from `pyproject.toml`."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import NamedTuple

from dbhygiene.source.records import Record


class Confidence(IntEnum):
    """How sure a finding is; the default report begins at `LIKELY`."""

    POSSIBLE = 1  # a careful reader may want to hear of it: only on request
    LIKELY = 2
    CERTAIN = 3  # it fails, or leaks, as written

    def __str__(self) -> str:
        return self.name.lower()


class Declared(Record):
    """What the user says of a function that the analysis cannot see into.

    `returns` names a driver (`pymysql`), or is `connection`, where the caller is to close what it gets. Arguments are
    named, or numbered from 0: the function closes them, keeps them for good, or only borrows them.
    """

    returns: str = ""
    closes: tuple[str | int, ...] = ()
    keeps: tuple[str | int, ...] = ()
    borrows: tuple[str | int, ...] = ()
    may_raise: bool = True


class Lasting(NamedTuple):
    """How long the user says that a function waits: seconds, at least and at most."""

    least: float
    most: float


FORMATS = ("full", "concise", "json", "json-lines", "sarif", "github", "gitlab", "junit", "rdjson", "pylint", "azure")

EXCLUDED = (
    *(".bzr", ".direnv", ".eggs", ".git", ".hg", ".nox", ".pyenv", ".svn", ".tox", ".venv", ".vscode", "venv"),
    *(".dbhygiene_cache", ".ipynb_checkpoints", ".mypy_cache", ".pytest_cache", ".ruff_cache", "__pycache__"),
    *("__pypackages__", "_build", "buck-out", "build", "dist", "node_modules", "site-packages"),
)


class Settings(Record):
    """One project's settings.

    `server_timeout` is the server's `wait_timeout` in seconds, None where the project does not say:
    a gap is then measured against 300 s, what hosted MySQL gives, and a pool's or a framework's
    lifetime against 28800 s, MySQL's own default, so that neither shouts.
    """

    select: tuple[str, ...] = ()
    extend_select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    extend_ignore: tuple[str, ...] = ()
    per_file_ignores: Mapping[str, tuple[str, ...]] = {}
    min_confidence: Confidence = Confidence.LIKELY
    server_timeout: int | None = None
    databases: tuple[str, ...] = ()
    exclude: tuple[str, ...] = EXCLUDED
    extend_exclude: tuple[str, ...] = ()
    src: tuple[str, ...] = ()
    functions: Mapping[str, Declared] = {}  # by dotted name
    gaps: Mapping[str, Lasting] = {}  # likewise
    fix_style: str = ""  # `with` or `finally`; empty: as the code has it
    require_reason: bool = False
    cache_dir: str = ".dbhygiene_cache"  # below the root
    baseline: str = ""  # below the root; none where it is empty
    output_format: str = "full"
    required_version: str = ""
    sources: Mapping[str, str] = {}  # key -> where it was said, for messages

    def place(self, key: str) -> str:
        """`file:line: `, for a key that was said in a file or a variable."""
        return f"{self.sources[key]}: " if key in self.sources else ""

    @property
    def gap_limit(self) -> int:
        """Seconds that a connection may stay idle before the server is taken to close it."""
        return 300 if self.server_timeout is None else self.server_timeout

    @property
    def lifetime_limit(self) -> int:
        """Seconds that a pool may keep a connection before the server is taken to close it."""
        return 28800 if self.server_timeout is None else self.server_timeout

    @property
    def safe_lifetime(self) -> int:
        """Seconds that a fix writes: a little below the server's timeout, 280 for 300."""
        return max(1, self.gap_limit - max(1, min(20, self.gap_limit // 10)))
