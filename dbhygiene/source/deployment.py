"""`Deployment`: the files of a repository that say how its servers run: compose files, option files, commands."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable
from functools import cached_property
from pathlib import Path
from typing import Any

from dbhygiene.source.records import Frozen
from dbhygiene.source.regular_files import read_bytes

_LARGEST = 1 << 20  # bytes: a file beyond is data


class Deployment(Frozen):
    """The names of these files, relative to the root and with slashes; each is read when it is first needed.

    `for_tests` are those that say which servers the project's tests use.
    """

    root: Path = Path()
    names: tuple[str, ...] = ()
    for_tests: tuple[str, ...] = ()

    @cached_property
    def query_results(self) -> dict[Any, dict[Any, Any]]:
        """The results of queries about the files."""
        return defaultdict(dict)

    @property
    def query_key(self) -> Hashable:
        return ""

    @property
    def query_input(self) -> int:
        return 0  # that of the project's `deployment()`, by which it is found

    @cached_property
    def _texts(self) -> dict[str, str]:
        return {}

    def text(self, name: str) -> str:
        """Return the text of a file; empty if it cannot be read."""
        if name not in self._texts:
            try:
                data = read_bytes(str(self.root / name), largest=_LARGEST)
            except OSError:
                data = b""
            self._texts[name] = data.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
        return self._texts[name]
