"""Which of a project's files a file may draw in: what it imports, what that imports, and so on, by their text alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

_REST = rb"(?:[^\n\\;#]|\\\r?\n)*"  # of a statement that may go on after a backslash
_IMPORT = re.compile(
    rb"^[ \t]*(?:from[ \t]+(?P<module>[.\w]+)[ \t]*import\b[ \t]*(?P<names>\([^)]*\)|%b)|import[ \t]+(?P<modules>%b))"
    % (_REST, _REST),
    re.M,
)
_COMMENT = re.compile(rb"#[^\n]*")
_NAME = re.compile(rb"(?:^|,)[\s(\\]*([.\w]+)")


class Import(NamedTuple):
    """A module that is imported, with the dots of a relative import, and the names that are taken from it."""

    module: str
    names: tuple[str, ...] = ()


def imports(data: bytes) -> Iterator[Import]:
    """The imports in a text, wherever they stand; one that does not begin its line is not seen."""
    for found in _IMPORT.finditer(data) if b"import" in data else ():
        names = _NAME.findall(_COMMENT.sub(b"", found["names"] or found["modules"] or b""))
        told = tuple(name.decode() for name in names)
        if found["module"]:
            yield Import(found["module"].decode(), told)
        else:
            yield from map(Import, told)


class Reach:
    """The files that each file of one project imports, and all that it draws in so, each found once."""

    def __init__(
        self, read: Callable[[Path], bytes], name: Callable[[Path], str], find: Callable[[str, str], Path | None]
    ) -> None:
        """`name` is a file's own dotted name; `find` tells where a module lies that is imported from a directory."""
        self._read, self._name, self._find = read, name, find
        self._imported: dict[Path, dict[tuple[str, str], Path]] = {}
        self._reached: dict[Path, frozenset[Path]] = {}

    def of(self, path: Path) -> frozenset[Path]:
        """All that a file draws in, itself included."""
        if (known := self._reached.get(path)) is None:
            found, todo = {path}, [path]
            while todo:
                fresh = set(self.imported(todo.pop()).values()) - found
                found |= fresh
                todo += fresh
            known = self._reached[path] = frozenset(found)
        return known

    def imported(self, path: Path) -> dict[tuple[str, str], Path]:
        """The project's files that a file imports itself, with the packages around them, by name and directory."""
        if (known := self._imported.get(path)) is None:
            directory = str(path.parent)
            found: dict[str, Path | None] = {}
            for module, names in imports(self._read(path)):
                parts = self._absolute(path, module).split(".")
                prefixes = [".".join(parts[:length]) for length in range(1, len(parts) + 1)]
                found.update((name, self._find(name, directory)) for name in prefixes if name not in found)
                if (last := found[prefixes[-1]]) is None or last.name == "__init__.py":
                    inner = (f"{prefixes[-1]}.{name}" for name in names)
                    found.update((name, self._find(name, directory)) for name in inner if name not in found)
            known = {(name, directory): other for name, other in found.items() if other is not None}
            self._imported[path] = known
        return known

    def _absolute(self, path: Path, module: str) -> str:
        """The absolute name of a module that a file imports by this name."""
        name = module.lstrip(".")
        if (level := len(module) - len(name)) == 0:
            return name
        package = self._name(path).split(".")
        if path.name == "__init__.py":
            level -= 1
        return ".".join([*package[: len(package) - level], *filter(None, [name])])

    def forget(self, path: Path) -> None:
        """A file has another text from now on."""
        self._imported.pop(path, None)
        self._reached.clear()
