"""`Settings` of a project, as plain data; `config.loading` reads them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

from dbhygiene.source.records import Record, Row

LEVELS = ("error", "warning", "note")  # the highest first


class Confidence(IntEnum):
    """How sure a finding is; by default, findings from `LIKELY` on are reported."""

    POSSIBLE = 1  # reported only on request
    LIKELY = 2
    CERTAIN = 3  # the code fails or leaks as written

    def __str__(self) -> str:
        return self.name.lower()

    @property
    def level(self) -> str:
        """The level of a finding of this confidence."""
        return LEVELS[Confidence.CERTAIN - self]


class Declared(Record):
    """The user's description of a function whose source is not part of the project.

    `returns` is a driver (`pymysql`) or `connection`: the caller must close the result. Arguments are named, or
    numbered from 0: the function closes them, keeps them, or only borrows them.
    """

    returns: str = ""
    closes: tuple[str | int, ...] = ()
    keeps: tuple[str | int, ...] = ()
    borrows: tuple[str | int, ...] = ()
    may_raise: bool = True


class Lasting(Row):
    """The time that a function takes, as the user describes it: seconds, at least and at most."""

    least: float
    most: float


FORMATS = (
    *("full", "concise", "agent", "json", "json-lines", "sarif", "html"),
    *("github", "gitlab", "junit", "rdjson", "pylint", "azure"),
)

EXCLUDED = (
    *(".bzr", ".direnv", ".eggs", ".git", ".hg", ".nox", ".pyenv", ".svn", ".tox", ".venv", ".vscode", "venv"),
    *(".dbhygiene_cache", ".ipynb_checkpoints", ".mypy_cache", ".pytest_cache", ".ruff_cache", "__pycache__"),
    *("__pypackages__", "_build", "buck-out", "build", "dist", "node_modules", "site-packages"),
)


class Settings(Record):
    """One project's settings.

    `server_timeout` is the server's `wait_timeout` in seconds. If it is None, waits are compared with 300 s, a common
    value of hosted MySQL, and lifetimes of pooled connections with 28800 s, MySQL's default.
    """

    select: tuple[str, ...] = ()
    extend_select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    extend_ignore: tuple[str, ...] = ()
    per_file_ignores: Mapping[str, tuple[str, ...]] = {}
    fixable: tuple[str, ...] = ()  # empty: all rules
    unfixable: tuple[str, ...] = ()
    min_confidence: Confidence = Confidence.LIKELY
    server_timeout: int | None = None
    max_connections: int | None = None  # of the account; None: by the files of the repository
    databases: tuple[str, ...] = ()
    exclude: tuple[str, ...] = EXCLUDED
    extend_exclude: tuple[str, ...] = ()
    src: tuple[str, ...] = ()
    functions: Mapping[str, Declared] = {}  # by dotted name
    gaps: Mapping[str, Lasting] = {}  # likewise
    fix_style: str = ""  # `with` or `finally`; empty: depends on the code
    require_reason: bool = False
    cache_dir: str = ".dbhygiene_cache"  # below the root
    baseline: str = ""  # below the root; empty: no baseline
    output_format: str = "full"
    required_version: str = ""
    sources: Mapping[str, str] = {}  # key -> the place where it was set, for messages

    def place(self, key: str) -> str:
        """Return `file:line: ` for a key that was set in a file or a variable; empty for others."""
        return f"{self.sources[key]}: " if key in self.sources else ""

    @property
    def gap_limit(self) -> int:
        """Seconds after which we assume that the server closes an idle connection."""
        return 300 if self.server_timeout is None else self.server_timeout

    @property
    def lifetime_limit(self) -> int:
        """Seconds after which we assume that the server closes a connection that a pool keeps."""
        return 28800 if self.server_timeout is None else self.server_timeout

    @property
    def safe_lifetime(self) -> int:
        """Seconds that a fix writes as `pool_recycle`: a little below the server's timeout, 280 for 300."""
        return max(1, self.gap_limit - max(1, min(20, self.gap_limit // 10)))
