"""`ImportGraph`: the project's files that a file imports, directly or indirectly, by their text.

A file is not parsed for that: the lines `import x` and `from x import y` are searched in its bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from dbhygiene.source.lazy_pattern import lazy_pattern

_REST = rb"(?:[^\n\\;#]|\\\r?\n)*"  # of a statement that may go on after a backslash
_IMPORT = lazy_pattern(
    rb"[ \t]*(?:from[ \t]+(?P<module>[.\w]+)[ \t]*import\b[ \t]*(?P<names>\([^)]*\)|%b)|import[ \t]+(?P<modules>%b))"
    % (_REST, _REST)
)
_COMMENT = lazy_pattern(rb"#[^\n]*")
_NAME = lazy_pattern(rb"(?:^|,)[\s(\\]*([.\w]+)")


class ImportStatement(NamedTuple):
    """An import: its module, with the dots of a relative import, and the imported names."""

    module: str
    names: tuple[str, ...] = ()


def parse_imports(data: bytes) -> Iterator[ImportStatement]:
    """Return the imports in a text, at any level; one that does not begin its line is missed."""
    for found in _import_statements(data):
        names = _NAME.findall(_COMMENT.sub(b"", found["names"] or found["modules"] or b""))
        imported = tuple(name.decode() for name in names)
        if found["module"]:
            yield ImportStatement(found["module"].decode(), imported)
        else:
            yield from map(ImportStatement, imported)


def _import_statements(data: bytes) -> Iterator[re.Match[bytes]]:
    """Return the statements, by a search for their keyword: many times faster than a pattern tried at each line."""
    end, word = 0, data.find(b"import")
    while word >= 0:
        start = data.rfind(b"\n", 0, word) + 1
        found = _IMPORT.match(data, start) if start >= end else None
        if found is not None:
            end = found.end()
            yield found
        word = data.find(b"import", max(end, word + 1))


class ImportGraph:
    """The files that each file of a project imports, directly and transitively.

    A set of files is an integer, of which each file is a bit: thousands of files import thousands each.
    """

    def __init__(
        self,
        read: Callable[[Path], bytes],
        name: Callable[[Path], str],
        find: Callable[[str, str], Path | None],
        note: Callable[[Path, dict[tuple[str, str], str]], None],
    ) -> None:
        """`name` returns a file's own dotted name, `find` the file of a module that is imported from a directory.

        `note` records the files of all modules that a file imports, by name and directory; "": none.
        """
        self._read, self._name, self._find, self._note = read, name, find, note
        self._numbers: dict[Path, int] = {}
        self._files: list[Path] = []
        self._imported: dict[int, list[int]] = {}
        self._drawn: dict[int, int] = {}
        self._digests: dict[int, str] = {}  # by set of files

    def transitive_imports(self, paths: Iterable[Path]) -> set[Path]:
        """Return all files that these import, directly or indirectly, and these themselves."""
        drawn = 0
        for path in paths:
            drawn |= self._transitive(self._number(path))
        return {file for number, file in enumerate(self._files) if drawn >> number & 1}

    def imports_any(self, path: Path, others: Iterable[Path]) -> bool:
        """Whether a file imports one of these, directly or indirectly."""
        drawn = self._transitive(self._number(path))
        return any(drawn >> self._numbers[other] & 1 for other in others if other in self._numbers)

    def direct_imports(self, path: Path) -> list[Path]:
        """Return the files that a file imports directly, with the packages around them."""
        return [self._files[number] for number in self._imports(self._number(path))]

    def known_imports(self) -> Iterator[tuple[Path, list[Path]]]:
        """Yield the files that have been looked at, each with those that it imports directly."""
        for number, imported in self._imported.items():
            yield self._files[number], [self._files[other] for other in imported]

    def supply(self, path: Path, imported: Iterable[Path]) -> None:
        """Use these files as those that a file imports directly."""
        self._imported[self._number(path)] = [self._number(other) for other in imported]

    def digest(self, path: Path) -> str:
        """Return a digest of all files that a file imports, directly or indirectly."""
        from dbhygiene.source.digests import digest  # few runs need it

        drawn = self._transitive(self._number(path))
        if drawn not in self._digests:
            names = sorted(str(file) for number, file in enumerate(self._files) if drawn >> number & 1)
            text = "\0".join(names).encode(errors="surrogateescape")
            self._digests[drawn] = digest(text, 8)
        return self._digests[drawn]

    def forget(self, path: Path) -> None:
        """Forget the imports of a file whose text has changed."""
        self._imported.pop(self._number(path), None)
        self._drawn.clear()

    def look_again(self, path: Path) -> bool:
        """Return whether a file whose text has changed imports other files than before."""
        number = self._number(path)
        before = self._imported.pop(number, None)
        if self._imports(number) == before:
            return False
        self._drawn.clear()
        return True

    def _number(self, path: Path) -> int:
        if path not in self._numbers:
            self._numbers[path] = len(self._files)
            self._files.append(path)
        return self._numbers[path]

    def _transitive(self, start: int) -> int:
        """Compute the strongly connected components by Tarjan's algorithm: their files import the same."""
        if start in self._drawn:
            return self._drawn[start]
        order, low = {start: 0}, {start: 0}
        entered = [start]  # and not computed yet
        ways = [(start, iter(self._imports(start)))]
        while ways:
            number, rest = ways[-1]
            for other in rest:
                if other not in order and other not in self._drawn:
                    order[other] = low[other] = len(order)
                    entered.append(other)
                    ways.append((other, iter(self._imports(other))))
                    break
                if other not in self._drawn:
                    low[number] = min(low[number], order[other])
            else:
                ways.pop()
                if ways:
                    low[ways[-1][0]] = min(low[ways[-1][0]], low[number])
                if low[number] == order[number]:
                    self._settle(entered, number)
        return self._drawn[start]

    def _settle(self, entered: list[int], first: int) -> None:
        """Close the component of the files from `first` on: all of their imports are in it or known."""
        group = [entered.pop()]
        while group[-1] != first:
            group.append(entered.pop())
        drawn = 0
        for number in group:
            drawn |= 1 << number
            for other in self._imports(number):
                drawn |= self._drawn.get(other, 0)
        self._drawn.update(dict.fromkeys(group, drawn))

    def _imports(self, number: int) -> list[int]:
        """Return the project's files that a file imports directly, with the packages around them."""
        if number not in self._imported:
            path = self._files[number]
            directory = str(path.parent)
            package: list[str] | None = None
            found: dict[str, Path | None] = {}
            for module, names in parse_imports(self._read(path)):
                if module.startswith("."):
                    package = package or self._name(path).split(".")
                    module = _absolute(module, package, path.name == "__init__.py")
                parts = module.split(".")
                prefixes = [".".join(parts[:length]) for length in range(1, len(parts) + 1)]
                found.update((name, self._find(name, directory)) for name in prefixes if name not in found)
                if (last := found[prefixes[-1]]) is None or last.name == "__init__.py":
                    inner = (f"{prefixes[-1]}.{name}" for name in names)
                    found.update((name, self._find(name, directory)) for name in inner if name not in found)
            self._note(path, {(name, directory): str(other or "") for name, other in found.items()})
            self._imported[number] = [self._number(other) for other in found.values() if other is not None]
        return self._imported[number]


def _absolute(module: str, name: list[str], is_package: bool) -> str:
    """Return the absolute name of a module that is imported by a relative one; `name` is that of the file."""
    inner = module.lstrip(".")
    level = len(module) - len(inner) - is_package
    return ".".join([*name[: len(name) - level], *filter(None, [inner])])
