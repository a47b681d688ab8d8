"""`HelperIndex`: the functions of the project that return connections, and the files that mention one.

def get_db():                    # in shop/db.py: a helper, with the file that defines it
    return pymysql.connect()
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TypeAlias

from dbhygiene.library.drivers import PACKAGES
from dbhygiene.library.prefilter import SQLALCHEMY
from dbhygiene.lifetimes.acquire_filter import AcquireFilter
from dbhygiene.source.file import File, ProjectView
from dbhygiene.source.inputs import IMPORTS
from dbhygiene.source.queries import consult

# Functions that return connections: their names, with the files that define them; no files for those of the settings.
Helpers: TypeAlias = Mapping[str, Collection[Path]]


class HelperIndex:
    """The names of the helpers, and which files may use them, by their texts and imports."""

    def __init__(self, project: ProjectView) -> None:
        self.project = project
        self.names: Helpers = {}
        self.acquire_filter = AcquireFilter()
        self._naming: dict[Path, bool] = {}  # whether a file names a library that returns connections
        self._taking: dict[Path, bool] = {}  # whether it mentions SQLAlchemy
        self.asked: dict[Path, File] = {}  # files that were tested for uses of helpers
        self._using: set[Path] = set()  # those for which it was true

    def set_names(self, helpers: Helpers, others: Collection[str] = ()) -> tuple[bool, bool]:
        """Set the only functions that return connections; files that mention one may define more.

        Return whether further files use helpers now, and whether the names have changed.

        Arguments:
            others: further names of such functions, which too many files mention to be evidence.
        """
        self.names = helpers
        fresh = {path for path, file in self.asked.items() if path not in self._using and self._may_use_helpers(file)}
        self._using |= fresh
        names = frozenset((*helpers, *others))
        changed = names != self.acquire_filter.names
        if fresh or changed:
            self.acquire_filter = AcquireFilter(names)
        return bool(fresh), changed

    def needs_helpers(self, file: File) -> bool:
        """Whether a file does not mention SQLAlchemy, from which most helpers' connections come."""
        if file.path not in self._taking:
            self._taking[file.path] = any(word in file.text for word in SQLALCHEMY)
        return not self._taking[file.path]

    def may_define_helpers(self, file: File) -> bool:
        """Whether a function of the file may open anything for its caller, by the text."""
        return self.names_library(file) or self.uses_helpers(file)

    def names_library(self, file: File) -> bool:
        """Whether a file names a library that returns connections."""
        if file.path not in self._naming:
            self._naming[file.path] = any(word in file.text for word in (*SQLALCHEMY, *PACKAGES))
        return self._naming[file.path]

    def uses_helpers(self, file: File) -> bool:
        """Whether a file mentions helpers, and imports from a file that defines one."""
        if self.names:
            consult(self.project.inputs.bit(IMPORTS, str(file.path)))  # even if the answer is known
        if file.path not in self.asked:
            self.asked[file.path] = file
            if self._may_use_helpers(file):
                self._using.add(file.path)
        return file.path in self._using

    def _may_use_helpers(self, file: File) -> bool:
        definers = [paths for word, paths in self.names.items() if word in file.text]
        if not all(definers):
            return True
        others = {path for paths in definers for path in paths} - {file.path}
        return bool(others) and self.project.imports_any(file, others)
