"""`HelperIndex`: the functions of the project that return connections, and the files that mention one.

def get_db():                    # in shop/db.py: a helper, with the file that defines it
    return pymysql.connect()
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Hashable, Mapping
from pathlib import Path
from typing import TypeAlias, TypeVar

from dbhygiene.library.drivers import PACKAGES
from dbhygiene.library.prefilter import SQLALCHEMY
from dbhygiene.lifetimes.acquire_filter import AcquireFilter
from dbhygiene.source.file import File, ProjectView, file_query, readable_file
from dbhygiene.source.inputs import IMPORTS
from dbhygiene.source.queries import consult

# Functions that return connections: their names, with the files that define them; no files for those of the settings.
_ASKED = "asked"  # an input that never changes: a file that was tested for uses of helpers
Helpers: TypeAlias = Mapping[str, Collection[Path]]
ValueT = TypeVar("ValueT")


class HelperIndex:
    """The names of the helpers, and which files may use them, by their texts and imports."""

    def __init__(self, project: ProjectView) -> None:
        self.project = project
        self.names: Helpers = {}
        self.acquire_filter = AcquireFilter()
        self.asked: dict[Path, File] = {}  # files that were tested for uses of helpers
        self._using: set[Path] = set()  # those for which it was true
        self._state = ""  # the helpers, as a key for answers that depend on them

    def set_names(self, helpers: Helpers, others: Collection[str] = ()) -> tuple[bool, bool]:
        """Set the only functions that return connections; files that mention one may define more.

        Return whether further files use helpers now, and whether the names have changed.

        Arguments:
            others: further names of such functions, which too many files mention to be evidence.
        """
        self.names = helpers
        self._state = repr((sorted((name, sorted(map(str, paths))) for name, paths in helpers.items()), sorted(others)))
        fresh = {path for path, file in self.asked.items() if path not in self._using and self._may_use_helpers(file)}
        self._using |= fresh
        names = frozenset((*helpers, *others))
        changed = names != self.acquire_filter.names
        if fresh or changed:
            self.acquire_filter = AcquireFilter(names)
        return bool(fresh), changed

    def needs_helpers(self, file: File) -> bool:
        """Whether a file does not mention SQLAlchemy, from which most helpers' connections come."""
        return not _mentions_sqlalchemy(file)

    def may_define_helpers(self, file: File) -> bool:
        """Whether a function of the file may open anything for its caller, by the text."""
        return self.names_library(file) or self.uses_helpers(file)

    def names_library(self, file: File) -> bool:
        """Whether a file names a library that returns connections."""
        return _names_library(file)

    def uses_helpers(self, file: File) -> bool:
        """Whether a file mentions helpers, and imports from a file that defines one."""
        if self.names:  # even if the answer is known
            consult(self.project.inputs.bit(IMPORTS, str(file.path)))
        if self.project.inputs.is_open:
            consult(self.project.inputs.bit(_ASKED, str(file.path)))
            _ = [file.mentions(word) for word in self.names]
        if file.path not in self.asked:
            self.asked[file.path] = file
            if self._may_use_helpers(file):
                self._using.add(file.path)
        return file.path in self._using

    def kept(self, kind: Hashable, file: File, node: ast.AST, ask: Callable[[], ValueT]) -> ValueT:
        """Return an answer about a function or a class of a file, which is kept while the project is edited.

        It depends on the helpers. What asks for them again is the same as without it: see `uses_helpers`.
        """
        inputs = self.project.inputs
        if not inputs.is_open or self.project.loaded_file(file.path) is not file:  # the changed text of a fix
            return ask()

        def answer() -> tuple[object, ValueT]:
            file.hold(node)
            return file.marks, file.movable(ask)

        name = file.name_of(node)
        (marks, value), consulted = inputs.kept((kind, str(file.path), name, self._state), answer)
        for _, path in inputs.keys_of(consulted & inputs.of_kind[_ASKED]):
            if (other := readable_file(self.project, str(path))) is not None:
                self.uses_helpers(other)
        return file.moved(value, marks)  # type: ignore[no-any-return]

    def _may_use_helpers(self, file: File) -> bool:
        definers = [paths for word, paths in self.names.items() if file.mentions(word)]
        if not all(definers):
            return True
        others = {path for paths in definers for path in paths} - {file.path}
        return bool(others) and self.project.imports_any(file, others)


@file_query
def _names_library(file: File) -> bool:
    return any(word in file.text for word in (*SQLALCHEMY, *PACKAGES))


@file_query
def _mentions_sqlalchemy(file: File) -> bool:
    return any(word in file.text for word in SQLALCHEMY)
