"""`TextSearch`: the files of a project that contain a word, by their bytes: most are never parsed.

An index is built when it is first needed: one pass over all files answers any number of questions.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from operator import itemgetter
from pathlib import Path
from typing import Any, TypeVar

from dbhygiene.source.file import ClassText
from dbhygiene.source.records import Row

Found = TypeVar("Found")

_FEW_CALLS = 5  # so many searches through the files take as long as building the index of all called names

# Found by their first letters, which is quick in a large text; compiled when a project is first searched.
_BASES = rb"class\s+(\w+)\s*(?:\[[^\]]*\])?\s*\(([^()]*(?:\([^()]*\)[^()]*)*)\)"
_CLASS = rb"class\s+(\w+)\s*[:(\[]"
# Names that are bound: patterns that begin with fixed letters are fast, so assignments are found in the reversed text.
_BOUND = (rb"def\s+(\w+)", rb"class\s+(\w+)", rb" as\s+(\w+)", rb"for\s+(\w+)")
_ASSIGNED_BACKWARDS = rb"[:=][ \t]*(\w+)"
_IMPORTED = rb"import\s+([\w, \t]+)"
_SEVERAL_BACKWARDS = rb"=[ \t]*[)\]]?([\w., \t]*,[\w., \t]*)"
_AS = rb" as (\w+)"
_STANDS_FOR = rb"\n(?P<new>\w+) *= *(?:\w+\.)*(?P<old>\w+)(?=[ \t]*(?:#|\r|\n|\Z))"
_PROPERTIES = rb"property\b[^\n]*\n(?:\s*[@#][^\n]*\n)*\s*(?:async\s+)?def\s+(\w+)"
_PROPERTY_BY_ANOTHER_NAME = b"property as "
_DEFINED = rb"\bdef\s+(\w+)"
_WORD = rb"\w+"
_LAST_WORD = rb"\w+\Z"
# In the reversed text: a pattern that begins with a fixed letter is ten times faster.
_CALLED_BACKWARDS = rb"\((\w+)\b(?! (?:fed|ssalc)\b)"
_SET_BACKWARDS = rb"=(?<!==)\s*(\w+)\.(?!fles\b)"


class _FileWords(Row):
    """What a file is found by, besides its text."""

    attributes_set: frozenset[str]
    properties: frozenset[str]
    bases: frozenset[str]
    classes: frozenset[str]
    aliases: set[tuple[str, str]]


class _ClassNames(Row):
    """Word -> the files with it among the bases of a class; class -> its files; name -> its aliases -> their files."""

    bases: Mapping[str, list[Path]]
    classes: Mapping[str, list[Path]]
    aliases: Mapping[str, dict[str, list[Path]]]


class TextSearch:
    """The text of all files of a project; `read` returns the bytes of one, none if it cannot be read."""

    def __init__(self, files: Callable[[], Iterable[Path]], read: Callable[[Path], bytes]) -> None:
        self._all = files
        self._read = read
        self._calls: dict[str, list[Path]] = {}
        self._words_of_files: dict[Path, _FileWords] = {}  # of single files
        self._classes: dict[Path, list[ClassText]] = {}
        self._bound: dict[Path, frozenset[bytes]] = {}

    def containing(self, word: str) -> Iterator[Path]:
        """Return the files that contain a word, or a part of a word."""
        needle = word.encode()
        return (path for path in self._all() if needle in self._read(path))

    def mentioning_all(self, names: Iterable[str]) -> list[Path]:
        """Return the files that contain all of these names, as whole words."""
        first, *others = [name.encode() for name in names]
        found = [(path, data) for path in self._all() if first in (data := self._read(path))]
        return [path for path, data in found if all(_has_word(data, word) for word in (first, *others))]

    def calling(self, name: str) -> list[Path]:
        """Return the files that call something of this name."""
        if name not in self._calls:
            few = "_called_names" not in vars(self) and len(self._calls) < _FEW_CALLS
            if few or not name.isascii():
                self._calls[name] = [path for path in self._all() if _calls(self._read(path), name.encode())]
            else:
                self._calls[name] = self._called_names.get(name.encode()[::-1], [])
        return self._calls[name]

    @cached_property
    def _called_names(self) -> Mapping[bytes, list[Path]]:
        """Return, for each name before a parenthesis, spelt backwards, the files that contain it."""
        return self._index(self._called_in)

    def _called_in(self, path: Path) -> Collection[bytes]:
        return set(re.findall(_CALLED_BACKWARDS, self._read(path)[::-1]))

    def setting(self, attribute: str) -> list[Path]:
        """Return the files that set an attribute of this name of an object other than `self`."""
        return self._attributes_set.get(attribute, [])

    @cached_property
    def _attributes_set(self) -> Mapping[str, list[Path]]:
        return self._index(self._set_in)

    def _set_in(self, path: Path) -> Collection[str]:
        names = set(re.findall(_SET_BACKWARDS, self._read(path)[::-1]))
        return [name[::-1].decode("utf-8", "replace") for name in names]

    def defining_property(self, name: str) -> list[Path]:
        """Return the files that may define a property of this name."""
        return self._properties.get(name, [])

    @cached_property
    def _properties(self) -> Mapping[str, list[Path]]:
        return self._index(self._properties_in)

    def _properties_in(self, path: Path) -> Collection[str]:
        data = self._read(path)
        pattern = _DEFINED if _PROPERTY_BY_ANOTHER_NAME in data else _PROPERTIES
        return set(map(_decode, re.findall(pattern, data)))

    def _index(self, names_in: Callable[[Path], Collection[Found]]) -> Mapping[Found, list[Path]]:
        """Return the files by the names that are found in each."""
        files: dict[Found, list[Path]] = defaultdict(list)
        for path in self._all():
            for name in names_in(path):
                files[name].append(path)
        return files

    def finds(self, path: Path, kind: str, words: Sequence[str]) -> bool:
        """Whether a search of this kind, by the name of its method, finds a file."""
        match kind, words:
            case "containing", [word]:
                return word.encode() in self._read(path)
            case "mentioning_all", names:
                return all(_has_word(self._read(path), name.encode()) for name in names)
            case "calling", [name]:
                return _calls(self._read(path), name.encode())
            case "setting", [attribute]:
                return attribute in self._of_file(path).attributes_set
            case "defining_property", [name]:
                return name in self._of_file(path).properties
            case "naming_base", [name]:
                return name in self._of_file(path).bases
            case "declaring_class", [name]:
                return name in self._of_file(path).classes
        return False

    def aliases_in(self, path: Path) -> set[tuple[str, str]]:
        """Return the pairs of a name and an alias of it in a file."""
        return self._of_file(path).aliases

    def _of_file(self, path: Path) -> _FileWords:
        if path not in self._words_of_files:
            bases, classes, aliases = self._class_names_in(path)
            self._words_of_files[path] = _FileWords(
                frozenset(self._set_in(path)),
                frozenset(self._properties_in(path)),
                frozenset(bases),
                frozenset(classes),
                {*aliases},
            )
        return self._words_of_files[path]

    def naming_base(self, name: str) -> list[Path]:
        """Return the files with a class that has this word among its bases."""
        return self._class_names.bases.get(name, [])

    def declaring_class(self, name: str) -> list[Path]:
        """Return the files with a class of this name."""
        return self._class_names.classes.get(name, [])

    def classes_in(self, path: Path) -> list[ClassText]:
        """Return the classes of a file."""
        if path not in self._classes:
            data = self._read(path)
            bases = {
                (_decode(name), frozenset(map(_decode, re.findall(_WORD, given))))
                for name, given in re.findall(_BASES, data)
            }
            without = {_decode(name) for name in re.findall(_CLASS, data)} - {name for name, _ in bases}
            self._classes[path] = [
                ClassText(path, *each)
                for each in sorted([*bases, *((name, frozenset()) for name in without)], key=itemgetter(0))
            ]
        return self._classes[path]

    def may_bind(self, path: Path, name: str) -> bool:
        """Whether a file may define or assign a name, or an attribute of this name."""
        if path not in self._bound:
            self._bound[path] = self._bound_in(path)
        return name.encode() in self._bound[path]

    def _bound_in(self, path: Path) -> frozenset[bytes]:
        data = self._read(path)
        backwards = data[::-1]
        names = {name for pattern in _BOUND for name in re.findall(pattern, data)}
        names |= {name for names in re.findall(_IMPORTED, data) for name in re.findall(_WORD, names)}
        names |= {name[::-1] for name in re.findall(_ASSIGNED_BACKWARDS, backwards)}
        several = re.findall(_SEVERAL_BACKWARDS, backwards)
        return frozenset(names | {name[::-1] for names in several for name in re.findall(_WORD, names)})

    def names_for(self, name: str) -> list[str]:
        """Return a name, and the other names that any file gives to what it stands for."""
        renamed = self._class_names.aliases
        found = [name]
        for each in found:  # grows during the loop
            found += [new for new in sorted(renamed.get(each, ())) if new not in found]
        return found

    def alias_sources(self, names: Collection[str]) -> list[Path]:
        """Return the files in which one of these names is an alias of another one."""
        renamed = self._class_names.aliases
        found = (path for old in names for new, paths in renamed.get(old, {}).items() if new in names for path in paths)
        return [*dict.fromkeys(found)]

    @cached_property
    def _class_names(self) -> _ClassNames:
        index = _ClassNames(defaultdict(list), defaultdict(list), defaultdict(dict))
        for path in self._all():
            bases, names, aliases = self._class_names_in(path)
            for word in bases:
                index.bases[word].append(path)
            for name in names:
                index.classes[name].append(path)
            for old, new in aliases:
                index.aliases[old].setdefault(new, []).append(path)
        return index

    def _class_names_in(self, path: Path) -> tuple[Collection[str], Collection[str], Collection[tuple[str, str]]]:
        """Return the words among the bases of the classes of a file, their names, and its pairs of name and alias."""
        data, words, names = self._read(path), set[bytes](), set[bytes]()
        if b"class" in data:
            words = {word for _, bases in re.findall(_BASES, data) for word in re.findall(_WORD, bases)}
            names = set(re.findall(_CLASS, data))
        pairs = (*_import_aliases(data), *((old, new) for new, old in re.findall(_STANDS_FOR, data)))
        return (
            {_decode(word) for word in words},
            {_decode(name) for name in names},
            {(_decode(old), _decode(new)) for old, new in pairs},
        )


class KeptTextSearch(TextSearch):
    """The same for files that change one by one: the results of the others are kept."""

    def __init__(self, files: Callable[[], Iterable[Path]], read: Callable[[Path], bytes]) -> None:
        super().__init__(files, read)
        self._known: defaultdict[Path, dict[object, Any]] = defaultdict(dict)

    def forget(self, path: Path) -> None:
        """Forget the results of a file that has changed, and the indexes to which it adds other names than before."""
        before = self._known.pop(path, {})
        self._words_of_files.pop(path, None)
        self._classes.pop(path, None)
        self._bound.pop(path, None)
        self._calls.clear()
        for index, about, find in (
            ("_called_names", "called", self._called_in),
            ("_attributes_set", "set", self._set_in),
            ("_properties", "properties", self._properties_in),
            ("_class_names", "class", self._class_names_in),
        ):
            if index in self.__dict__ and (about not in before or find(path) != before[about]):
                del self.__dict__[index]

    def containing(self, word: str) -> Iterator[Path]:
        needle = word.encode()
        return (path for path in self._all() if self._once(path, needle, lambda data: needle in data))

    def mentioning_all(self, names: Iterable[str]) -> list[Path]:
        paths = [*self._all()]
        for name in names:
            word = name.encode()
            paths = [path for path in paths if self._once(path, (word,), partial(_has_word, word=word))]
        return paths

    def _called_in(self, path: Path) -> Collection[bytes]:
        return self._once(path, "called", lambda _: super(KeptTextSearch, self)._called_in(path))

    def _set_in(self, path: Path) -> Collection[str]:
        return self._once(path, "set", lambda _: super(KeptTextSearch, self)._set_in(path))

    def _properties_in(self, path: Path) -> Collection[str]:
        return self._once(path, "properties", lambda _: super(KeptTextSearch, self)._properties_in(path))

    def _class_names_in(self, path: Path) -> tuple[Collection[str], Collection[str], Collection[tuple[str, str]]]:
        return self._once(path, "class", lambda _: super(KeptTextSearch, self)._class_names_in(path))

    def _once(self, path: Path, about: object, find: Callable[[bytes], Found]) -> Found:
        known = self._known[path]
        if about not in known:
            known[about] = find(self._read(path))
        return known[about]  # type: ignore[no-any-return]


def _decode(word: bytes) -> str:
    return word.decode("utf-8", "replace")


def _has_word(data: bytes, word: bytes) -> bool:
    """Whether a text contains a whole word; many times faster than a pattern that begins with a boundary."""
    start = data.find(word)
    while start >= 0:
        end = start + len(word)
        if _is_between(data[max(0, start - 1) : start], word[:1]) and _is_between(data[end : end + 1], word[-1:]):
            return True
        start = data.find(word, start + 1)
    return False


def _calls(data: bytes, name: bytes) -> bool:
    """Whether a text may call something of this name: not if it only defines it."""
    found = data.count(name + b"(")
    return found > 0 and found > data.count(b"def %b(" % name) + data.count(b"class %b(" % name)


def _is_between(outside: bytes, inside: bytes) -> bool:
    """Whether no word goes on from a byte of a text to the one beside it."""
    return not (_is_letter(outside) and _is_letter(inside))


def _is_letter(byte: bytes) -> bool:
    return byte.isalnum() or byte == b"_"


def _import_aliases(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the old and the new name of each `old as new`."""
    for found in re.finditer(_AS, data):
        start = max(0, found.start() - 80)
        if (old := re.search(_LAST_WORD, data[start : found.start()])) is not None:
            yield old[0], found[1]
