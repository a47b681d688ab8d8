"""`Project`: its files, each read once, and its modules, found as Python would find them."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cached_property, partial
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from dbhygiene.config.settings import Settings
from dbhygiene.project.discovery import MARKS_DISTRIBUTION, DiscoveredFiles, Files, Listing
from dbhygiene.project.import_graph import ImportGraph
from dbhygiene.source.file import NOTEBOOK, ClassText, File
from dbhygiene.source.inputs import ALIASES, DEPLOYMENT, FILE, IMPORTS, SEARCH, TREE, Answer, Inputs, Key
from dbhygiene.source.nodes import NOT_PYTHON
from dbhygiene.source.queries import Memo, consult, drop_dependent
from dbhygiene.source.regular_files import read_bytes, read_text

if TYPE_CHECKING:
    from dbhygiene.project.other_parts import OtherParts
    from dbhygiene.project.requirements import Requirements
    from dbhygiene.project.text_search import TextSearch
    from dbhygiene.source.deployment import Deployment
    from dbhygiene.source.notebook import Notebook
    from dbhygiene.source.open_file import OpenFile

FEW = 16  # so many files are tested one by one, before the import graph of the project is built
MANY = 100  # if more files mention a name, the answer is None
LARGEST = 10 << 20  # bytes; larger files are tables of data, and their trees would need gigabytes
LARGEST_NOTEBOOK = 100 << 20  # most of it are pictures, which are not parsed
HELD = 64 << 20  # bytes of files that are kept, so that the next search need not read them again


Lookups: TypeAlias = "dict[str, dict[tuple[str, str], str]]"  # file -> name, directory -> path of the module, or ""


class _Aside:
    """Answers of the time when a file still parsed, and the inputs that have changed since, apart from the file."""

    def __init__(self, file: OpenFile, answers: dict[Key, Answer]) -> None:
        self.file, self.answers, self.changed = file, answers, 0


class Project:
    """The files below a root, and their relations; implements `source.ProjectView`."""

    def __init__(self, root: Path, settings: Settings | None = None, *, is_edited: bool = False) -> None:
        """`is_edited`: its files will change one by one, see `update`."""
        self._is_edited = is_edited
        self._root = root
        self._settings = settings or Settings()
        self._files: dict[Path, File] = {}
        self._open: dict[Path, type[File]] = {}  # files that are edited
        self._aside: dict[Path, _Aside] = {}  # for files that do not parse now
        self._modules: dict[tuple[str, str], Path | None] = {}
        self._in_bases: dict[tuple[str, str], Path | Literal[""] | None] = {}
        self._bases: dict[str, tuple[str, ...]] = {}
        self._sites: dict[str, bool] = {}  # whether a directory holds a site that changes `sys.path`
        self._listed: dict[str, frozenset[str]] = {}
        self.imports = ImportGraph(self._data, self.module_name, self.find_module, self._note)
        self._speaking: dict[str, list[File]] = {}
        self._class_texts: Memo[tuple[str, str], Sequence[ClassText]] = Memo()
        self._mentions: dict[str, list[File]] = {}
        self._calling: dict[str, list[File]] = {}
        self._naming: dict[tuple[str, ...], list[File]] = {}
        self.aliases: dict[str, Sequence[str]] = {}  # name -> itself and its aliases
        self._searched: dict[tuple[Key, bool, bool], int] = {}  # the inputs of searches
        self.inputs = Inputs(is_open=is_edited)
        self.lookups: Lookups | None = None  # the modules that each file has looked up; None: they are not recorded
        self.found: dict[tuple[str, ...], Sequence[Path]] = {}  # the results of searches, by kind and words
        self._bytes: dict[Path, bytes] = {}
        self._held = 0
        self._lengths: dict[str, int | None] = {}
        self._others: list[str] = []  # files that are no Python by their names, known with `everything`

    @property
    def root(self) -> Path:
        return self._root

    @property
    def settings(self) -> Settings:
        return self._settings

    # -- files ----------------------------------------------------------------------------------------

    def listing(self, paths: Iterable[Path], *, force_exclude: bool = False) -> Listing:
        """Start listing the Python files and notebooks of these absolute paths."""
        return Listing(paths, self.root, (*self.settings.exclude, *self.settings.extend_exclude), force=force_exclude)

    def collect(self, listing: Listing, there: Collection[str] = ()) -> DiscoveredFiles:
        """Return these files; see `Listing.collect`."""
        found = listing.collect(there)
        if listing.is_all:
            self.__dict__["everything"] = found.files  # a cached property, filled in
            self._others = found.others
        return found

    def discover(self, paths: Iterable[Path], *, force_exclude: bool = False) -> DiscoveredFiles:
        """Return the Python files and notebooks below these absolute paths."""
        return self.collect(self.listing(paths, force_exclude=force_exclude))

    def limit_to(self, path: Path) -> None:
        """Take a file for the whole project, whatever else is below the root."""
        self.__dict__["everything"] = Files([str(path)])

    def is_all(self, paths: Sequence[Path]) -> bool:
        """Whether these are all files of the project; False if its files have not been listed yet."""
        return "everything" in self.__dict__ and self.everything == paths

    def read(self, path: Path) -> bytes:
        """Return the bytes of a file; raise OSError if it cannot be read, or is too large to be a program."""
        if (data := self._bytes.get(path)) is None:
            data = read_bytes(str(path), largest=LARGEST_NOTEBOOK if path.suffix == NOTEBOOK else LARGEST)
            if self._held + len(data) <= HELD:
                self._held += len(data)
                self._bytes[path] = data
        return data

    def cached_bytes(self, path: Path) -> bytes | None:
        """Return the bytes of a file if they are kept."""
        return self._bytes.get(path)

    def supply(self, path: Path, data: bytes) -> None:
        """Use these bytes as those of a file, which need not exist."""
        self._held += len(data) - len(self._bytes.get(path, b""))
        self._bytes[path] = data

    def loaded_file(self, path: Path) -> File | None:
        """Return the file at a path if it has been read already."""
        return self._files.get(path)

    def file(self, path: Path, data: bytes | None = None) -> File:
        """Return the file at an absolute path; raise OSError, SyntaxError or UnicodeError if it is no Python text.

        `data` are its bytes, if they have been read already.
        """
        if (file := self._files.get(path)) is None:
            kind = self._open.get(path, File)
            try:
                file = kind.decode(path, self.read(path) if data is None else data, self.module_name(path), self)
            except BaseException:
                consult(self.inputs.bit(FILE, str(path)))
                raise
            self._files[path] = file
        consult(file.query_input)
        return file

    def _input(self, path: Path) -> int:
        """Return the input of what depends on a file, and records itself what it reads of it."""
        file = self._files.get(path)
        return self.inputs.bit(FILE, str(path)) if file is None else file.query_input

    def notebook_at(self, path: Path) -> Notebook | None:
        """Return the notebook at a path; None if there is none that can be read."""
        try:
            return self.file(path).notebook
        except (OSError, *NOT_PYTHON):
            return None

    def files_in_use(self) -> Iterator[File]:
        """Return the files that have been loaded so far."""
        yield from self._files.values()

    def replace(self, file: File) -> None:
        """Replace the text of a file."""
        self._files[file.path] = file
        if file.path in self._bytes:
            self._bytes[file.path] = file.encode()
        self.imports.forget(file.path)
        self._class_texts.clear()
        self.inputs.forget(self.inputs.bit(FILE, str(file.path)))
        self.forget_results()  # some are about the old text

    def update(self, path: Path, data: bytes | None) -> None:
        """Use these bytes for a file, which need not exist; None: those on disk.

        All results that depend on the file, or on a search that finds other files now, are forgotten.
        """
        from dbhygiene.project.text_search import KeptTextSearch
        from dbhygiene.source.open_file import OpenFile

        old = self._files.pop(path, None)
        self._held -= len(self._bytes.pop(path, b""))
        if data is not None:
            self.supply(path, data)
        assert isinstance(self._search, KeptTextSearch), "the files of an edited project"
        self._search.forget(path)
        self._open[path] = OpenFile
        changed = self.inputs.bit(FILE, str(path)) | self.inputs.bit(TREE, str(path)) | self._changed_searches(path)
        for memo in (self._speaking, self._class_texts, self._mentions, self._calling, self._naming, self._searched):
            memo.clear()
        left = drop_dependent(map(attrgetter("query_results"), self._read_files()), changed)
        forgotten = self._forget_answers(path, old, changed)
        if left & forgotten:
            drop_dependent(map(attrgetter("query_results"), self._read_files()), forgotten & ~changed)

    def _forget_answers(self, path: Path, old: File | None, changed: int) -> int:
        """Forget the answers that depend on these inputs, or on parts of a file that have changed; return all of them.

        While its new text does not parse, the answers before are set aside: most hold again when it does.
        """
        from dbhygiene.source.open_file import OpenFile

        inputs, new, aside, parts = self.inputs, self._read_again(path), self._aside.pop(path, None), 0
        has_parts = isinstance(new, OpenFile) and new.has_parts
        if isinstance(old, OpenFile):
            if aside is None and old.has_parts and not has_parts:
                aside = _Aside(old, dict(inputs.answers))
            parts = old.changed_parts(new, inputs.used())
        forgotten = inputs.forget(changed | parts)
        for each in self._aside.values():
            each.changed |= forgotten
        if aside is not None:
            aside.changed |= changed
            if has_parts:
                parts = aside.file.changed_parts(new, inputs.used(aside.answers))
                inputs.restore(aside.answers, aside.changed | parts)
                aside.file.close()
            else:
                self._aside[path] = aside
        if old is not None and (path not in self._aside or self._aside[path].file is not old):
            old.close()
        return forgotten

    def _read_again(self, path: Path) -> File | None:
        try:
            return self.file(path)
        except (OSError, *NOT_PYTHON):
            return None

    def _changed_searches(self, path: Path) -> int:
        """Return the searches that find others than before, since a file has changed; and forget what they found."""
        changed = 0
        for search, paths in [*self.found.items()]:
            if (path in paths) != (path in self._own and self.finds(path, search)):
                changed |= self.inputs.bit(SEARCH, *search)
                del self.found[search]
        for name, names in [*self.aliases.items()]:
            if self._search.names_for(name) != names:
                changed |= self.inputs.bit(ALIASES, name)
                del self.aliases[name]
        if self.imports.look_again(path):
            for key in self.inputs.keys:
                changed |= self.inputs.bit(*key) if key[0] == IMPORTS else 0
        return changed

    @cached_property
    def _own(self) -> frozenset[Path]:
        return frozenset(self.everything)

    def forget_results(self) -> None:
        """Forget the results of all queries."""
        for file in self._read_files():
            file.query_results.clear()

    def _read_files(self) -> Iterable[File]:
        return (*self._files.values(), *self.__dict__.get("_scripts", ()))

    def paths_containing(self, word: str) -> Sequence[Path]:
        """Return the paths of the files that contain a word: what asks depends on which they are, not on texts."""
        return self._look_for(lambda: self._search.containing(word), "containing", word, files=False)

    def files_containing(self, word: str) -> Sequence[File]:
        """Return the project's files that contain a word, unparsed."""
        paths = self._look_for(lambda: self._search.containing(word), "containing", word)
        if word not in self._speaking:
            self._speaking[word] = list(self._decode(paths))
        return self._speaking[word]

    def parsed_files_containing(self, word: str) -> Sequence[File]:
        """Return the project's files that contain a word; without those that are no Python text."""
        speaking = self.files_containing(word)
        if word not in self._mentions:
            self._mentions[word] = [file for file in speaking if file.is_program]
        return self._mentions[word]

    def files_calling(self, name: str) -> Sequence[File]:
        """Return the project's files that call something of this name, unparsed."""
        paths = self._look_for(lambda: self._search.calling(name), "calling", name)
        if name not in self._calling:
            self._calling[name] = list(self._decode(paths))
        return self._calling[name]

    def class_texts_deriving(self, name: str) -> Sequence[ClassText]:
        """Return the classes that may have one of this name, or of an alias of it, among their bases, by their text."""
        return self._class_texts.of(("deriving", name), lambda: self._find_deriving(name))

    def _find_deriving(self, name: str) -> Sequence[ClassText]:
        found: dict[ClassText, None] = {}
        for base in self.names_for(name):
            paths = self._look_for(partial(self._search.naming_base, base), "naming_base", base, texts=True)
            found.update((each, None) for path in paths for each in self._search.classes_in(path) if base in each.bases)
        return [*found]

    def class_texts_below(self, name: str) -> Sequence[ClassText]:
        """Return the classes that may derive from one of this name, directly or not, likewise."""
        return self._class_texts.of(("below", name), lambda: self._find_below(name))

    def _find_below(self, name: str) -> Sequence[ClassText]:
        found, names = dict[ClassText, None](), {name: None}
        for each in (todo := [name]):  # grows during the loop
            for below in self.class_texts_deriving(each):
                found[below] = None
                if below.name not in names:
                    names[below.name] = None
                    todo.append(below.name)
        return [*found]

    def class_texts_beside(self, name: str) -> Sequence[ClassText]:
        """Return the classes that may be further bases of those, directly or not, likewise."""
        return self._class_texts.of(("beside", name), lambda: self._find_beside(name))

    def _find_beside(self, name: str) -> Sequence[ClassText]:
        below = self.class_texts_below(name)
        known = {name, *(each.name for each in below)}
        words = [base for each in below for base in sorted(each.bases)]
        found: list[ClassText] = []
        for base in words:  # grows during the loop
            if base not in known:
                known.add(base)
                find = partial(self._search.declaring_class, base)
                paths = self._look_for(find, "declaring_class", base, texts=True)
                declared = [each for path in paths for each in self._search.classes_in(path) if each.name == base]
                found += declared
                words += [further for each in declared for further in sorted(each.bases)]
        return found

    def may_bind(self, path: Path, name: str) -> bool:
        """Whether a file may define or assign a name, or an attribute of this name, by its text."""
        consult(self.inputs.bit(FILE, str(path)))
        return self._search.may_bind(path, name)

    def files_setting(self, attribute: str) -> Sequence[File]:
        """Return the project's files that set an attribute of this name of an object other than `self`, unparsed."""
        return list(self._decode(self._look_for(lambda: self._search.setting(attribute), "setting", attribute)))

    def files_defining_property(self, name: str) -> Sequence[File]:
        """Return the project's files that may define a property of this name."""
        return self._parse_files(
            self._look_for(lambda: self._search.defining_property(name), "defining_property", name)
        )

    def names_for(self, name: str) -> Sequence[str]:
        """Return a name, and the other names that any file of the project gives to what it stands for."""
        consult(self.inputs.bit(ALIASES, name))
        if (names := self.aliases.get(name)) is None:
            names = self.aliases[name] = self._search.names_for(name)
        return names

    def files_mentioning_all(self, *names: str) -> Sequence[File] | None:
        """Return the project's files that contain all of these names, as whole words; None if these are too many.

        Some names occur in half the files of a project: searching so many files would take too long.
        """

        def find() -> Iterable[Path]:
            return self._search.mentioning_all(names)

        if len(paths := self._look_for(find, "mentioning_all", *names, files=False)) > MANY:
            return None
        self._look_for(find, "mentioning_all", *names)
        if names not in self._naming:
            self._naming[names] = self._parse_files(paths)
        return self._naming[names]

    def _look_for(
        self, find: Callable[[], Iterable[Path]], *search: str, files: bool = True, texts: bool = False
    ) -> Sequence[Path]:
        """Return the files that a search finds; what asks depends on these `files`, too, or on their whole `texts`."""
        if (paths := self.found.get(search)) is None:
            paths = self.found[search] = list(find())
        if (inputs := self._searched.get((search, files, texts))) is None:
            inputs = self.inputs.bit(SEARCH, *search)
            for path in paths if files else ():
                inputs |= self.inputs.bit(FILE, str(path)) if texts else self._input(path)
            self._searched[search, files, texts] = inputs
        consult(inputs)
        return paths

    def finds(self, path: Path, search: tuple[str, ...]) -> bool:
        """Whether a search finds a file."""
        kind, *words = search
        return self._search.finds(path, kind, words)

    def aliases_in(self, path: Path) -> set[tuple[str, str]]:
        """Return the pairs of a name and an alias of it in a file."""
        return self._search.aliases_in(path)

    def alias_sources(self, names: Collection[str]) -> list[Path]:
        """Return the files that give one of these names to what another one stands for."""
        return self._search.alias_sources(names) if len(names) > 1 else []

    @cached_property
    def _search(self) -> TextSearch:
        from dbhygiene.project.text_search import KeptTextSearch, TextSearch

        return (KeptTextSearch if self._is_edited else TextSearch)(lambda: self.everything, self._data)

    def _data(self, path: Path) -> bytes:
        """Return the bytes of a program; none if it cannot be read: the check of the file itself reports that."""
        is_notebook = str(path).endswith(NOTEBOOK)
        if not is_notebook and (known := self._bytes.get(path)) is not None:
            return known
        try:
            if is_notebook:
                return self.file(path).text.encode(errors="surrogatepass")
            return self.read(path)
        except (OSError, *NOT_PYTHON):
            return b""

    def _decode(self, paths: Iterable[Path]) -> Iterator[File]:
        for path in paths:
            with suppress(OSError, *NOT_PYTHON):  # likewise
                yield self.file(path)

    def _parse_files(self, paths: Iterable[Path]) -> list[File]:
        """Return those of these files that parse."""
        return [file for file in self._decode(paths) if file.is_program]

    @cached_property
    def everything(self) -> Files:
        """Return all files of the project."""
        return self.discover([self.root]).files

    def deployment(self) -> Deployment:
        """Return the files that say how the project's servers run."""
        consult(self.inputs.bit(DEPLOYMENT))
        return self.deployment_files

    @cached_property
    def deployment_files(self) -> Deployment:
        """These files; not recorded as a dependency."""
        from dbhygiene.library.deployment import describes_tests, is_deployment_file
        from dbhygiene.source.deployment import Deployment

        _ = self.everything  # lists the others, too
        names, for_tests = filter(is_deployment_file, self._others), filter(describes_tests, self._others)
        return Deployment(self.root, tuple(sorted(names)), tuple(sorted(for_tests)))

    def scripts_mentioning(self, name: str) -> Sequence[File]:
        """Return the Python scripts without an ending that contain a name, as a whole word."""
        consult(self.inputs.bit(DEPLOYMENT))
        return [file for file in self._scripts if re.search(rf"\b{name}\b", file.text)]

    @cached_property
    def _scripts(self) -> list[File]:
        """The Python scripts without an ending that parse; they are read, but not checked."""
        found = []
        for name in self._script_names:
            path = self.root / name
            with suppress(OSError, *NOT_PYTHON):
                data = read_bytes(str(path), largest=LARGEST)
                found.append(File.decode(path, data, path.name.replace(".", " "), self))
        return [file for file in found if file.is_program]

    @cached_property
    def _script_names(self) -> tuple[str, ...]:
        """The files without an ending that begin as a Python script does; relative to the root."""
        from dbhygiene.project.discovery import is_python_script

        _ = self.everything  # lists the others, too
        without_ending = (name for name in self._others if "." not in name.rpartition("/")[2])
        return tuple(sorted(name for name in without_ending if is_python_script(os.path.join(self.root, name))))

    @cached_property
    def files_beside(self) -> Deployment:
        """The files on which findings may depend although they are not checked: those about servers, and scripts."""
        from dbhygiene.source.deployment import Deployment

        found = self.deployment_files
        return Deployment(self.root, tuple(sorted({*found.names, *found.for_tests, *self._script_names})))

    def imports_any(self, file: File, others: Collection[Path]) -> bool:
        """Whether a file imports one of these, directly or indirectly, by the text of the import statements."""
        consult(self.inputs.bit(IMPORTS, str(file.path)))
        return self.imports.imports_any(file.path, others)

    def _note(self, path: Path, imported: dict[tuple[str, str], str]) -> None:
        if self.lookups is not None:
            self.lookups[str(path)].update(imported)

    def transitive_imports(self, paths: Iterable[Path]) -> set[Path]:
        """Return the project's files that these import, directly or indirectly, and these themselves."""
        return self.imports.transitive_imports(paths)

    # -- modules --------------------------------------------------------------------------------------

    def _sources(self, directory: str) -> tuple[str, ...]:
        """Return the directories in which imports of a file in this one are looked up, the most likely first.

        A part of the project has its own `src`, and it does not depend on whether the part is checked alone.
        """
        root = str(self.root)
        named = [os.path.normpath(os.path.join(root, each)) for each in self.settings.src]
        named = [each for each in named if f"{each}{os.sep}".startswith(root)]  # what lies outside is not read
        while directory.startswith(root) and directory != root:
            if os.path.basename(directory) == "src":
                named.append(directory)
            directory = os.path.dirname(directory)
        named += [os.path.join(root, "src"), root]
        return tuple(each for each in dict.fromkeys(named) if os.path.isdir(each))

    def module_name(self, path: Path) -> str:
        """Return the dotted name under which this file is imported; of a notebook, one that no import can name."""
        if path.suffix == NOTEBOOK:
            return path.name.replace(".", " ")
        base = _outside_packages(str(path.parent))
        if base == str(path.parent):  # in no package: a script, or perhaps a namespace package
            base = next((each for each in self._sources(base) if base.startswith(each.rstrip("/") + "/")), base)
        parts = path.relative_to(base).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)

    def module(self, name: str, near: File) -> File | None:
        """Return the file that `import name` loads from `near`; None if it is not the project's own."""
        path = self.module_path(name, near)
        if path is None:
            return None
        try:
            file = self.file(path)
        except (OSError, *NOT_PYTHON):
            return None
        return file if file.is_program else None  # a module that does not parse has no names

    def module_path(self, name: str, near: File) -> Path | None:
        """Return the path of the file that `import name` loads from `near`, readable or not."""
        path = self.find_module(name, near.directory)
        consult(near.query_input)  # a lookup is part of the file that makes it
        if path is not None:
            consult(self._input(path))
        if self.lookups is not None:
            self.lookups[str(near.path)][(name, near.directory)] = str(path or "")
        return path

    def find_module(self, name: str, directory: str) -> Path | None:
        """Return the path of a module that a file in this directory imports by this name; memoised."""
        key = (name, directory)
        if key not in self._modules:
            self._modules[key] = self.search_module(name, directory)
        return self._modules[key]

    def search_module(self, name: str, directory: str) -> Path | None:
        """Return the same, without the memo."""
        parts = name.split(".")
        if not all(part.isidentifier() for part in parts):
            return None
        for base in self.bases(directory):
            if self._names(base).isdisjoint((parts[0], f"{parts[0]}.py")):
                continue
            if (base, name) not in self._in_bases:  # most directories share most of their bases
                self._in_bases[base, name] = _find_in(base, parts)
            if (path := self._in_bases[base, name]) is not None:
                return path or None
        return None if parts[0] in sys.stdlib_module_names else self._other_parts.find(parts, directory)

    @cached_property
    def _other_parts(self) -> OtherParts:
        from dbhygiene.project.other_parts import OtherParts

        requires = lambda name, directory: self._requirements.names(name, directory)  # noqa: E731
        return OtherParts(self.root, self.everything.names, self.markers, requires)

    @property
    def markers(self) -> list[str]:
        """Return the files, relative to the root, that mark the distributions of the project, but for `setup.py`."""
        _ = self.everything  # lists the others, too
        return sorted(name for name in self._others if name.endswith(MARKS_DISTRIBUTION))

    def _names(self, directory: str) -> frozenset[str]:
        """Return the names in a directory; most imported names are in no directory of the project."""
        if directory not in self._listed:
            try:
                self._listed[directory] = frozenset(os.listdir(directory))
            except OSError:
                self._listed[directory] = frozenset()
        return self._listed[directory]

    def bases(self, directory: str) -> tuple[str, ...]:
        """Return where an import is looked up: beside a script, beside the package, in the source directories.

        Then in the directories between: a part of a project is often run from a directory of its own.
        """
        if directory not in self._bases:
            self._bases[directory] = tuple(self._look(directory))
        return self._bases[directory]

    def _look(self, directory: str) -> Iterator[str]:
        seen = set()
        outside = _outside_packages(directory)
        between = [directory] if directory != outside else []  # within a package, its own modules come last
        here, root = outside, str(self.root)
        while here.startswith(root) and here != root:
            here = os.path.dirname(here)
            between.append(here)
        if directory != outside:
            from dbhygiene.project.apps_on_path import directories_of_parts, directories_on_path

            between += directories_on_path(directory, outside, self._sites)
            between += directories_of_parts(directory, outside)
        for base in (outside, *self._sources(directory), *between):
            if base not in seen:
                seen.add(base)
                yield base

    # -- distributions --------------------------------------------------------------------------------

    @cached_property
    def _requirements(self) -> Requirements:
        from dbhygiene.project.requirements import Requirements

        return Requirements(self.root)

    def version_of(self, distribution: str) -> tuple[int, ...] | None:
        """Return the version that the project pins or bounds below; None if it does neither."""
        bounds = self._requirements.bounds_of(distribution)
        return bounds.lowest if bounds is not None else None

    def version_below(self, distribution: str) -> tuple[int, ...] | None:
        """Return the version that the project stays below, by a pin or a bound; None if it has neither."""
        bounds = self._requirements.bounds_of(distribution)
        return bounds.below if bounds is not None else None

    def requires(self, distribution: str, near: File) -> bool:
        """Whether the requirements that apply to a file name this distribution."""
        return self._requirements.names(distribution, near.directory)

    def line_length(self, near: File) -> int | None:
        """Return the maximum length of a line of a file; None if no tool configures one."""
        if near.directory not in self._lengths:
            from dbhygiene.project.line_length import line_length

            self._lengths[near.directory] = line_length(Path(near.directory), self.root)
        return self._lengths[near.directory]

    @cached_property
    def is_distributed(self) -> bool:
        """Whether the project is built as a package, which other projects may import."""
        return (self.root / "setup.py").is_file() or any(self._has(name, words) for name, words in _DISTRIBUTED.items())

    @cached_property
    def programs(self) -> frozenset[str]:
        """Return the programs that the project installs: functions, as `module:function`, and files."""
        from dbhygiene.project.requirements import programs

        return programs(self.root)

    def _has(self, name: str, words: Iterable[str]) -> bool:
        """Whether a file at the root of the project contains one of these words."""
        with suppress(OSError):
            text = read_text(self.root / name, "replace")
            return any(word in text for word in words)
        return False


# Files at the root, and words in them, of a project that is built as a package, or was unpacked from one.
_DISTRIBUTED = {
    "pyproject.toml": ("[build-system]", "classifiers"),
    "setup.cfg": ("[metadata]", "[egg_info]"),
    "PKG-INFO": ("Name:",),
}


def _find_in(base: str, parts: Sequence[str]) -> Path | Literal[""] | None:
    """Return the path of a module in a directory; "" if only its package is here: Python then looks no further."""
    stem = os.path.join(base, *parts)
    for candidate in (os.path.join(stem, "__init__.py"), stem + ".py"):
        if os.path.isfile(candidate):
            return Path(candidate)
    return "" if os.path.isfile(os.path.join(base, parts[0], "__init__.py")) else None


def _outside_packages(directory: str) -> str:
    """Return the nearest directory, this one or above, that is no regular package."""
    while os.path.isfile(os.path.join(directory, "__init__.py")):
        above = os.path.dirname(directory)
        if above == directory:
            break
        directory = above
    return directory
