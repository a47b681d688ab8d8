"""`subclasses`: the classes below a class; by the text of the project, so that few of its files are parsed.

class Store: ...                # of the classes below it, only those whose files define or assign `connect` matter
class Cache(Store): ...         # to the question which functions `store.connect()` may run
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

from dbhygiene.library.test_files import is_test_file
from dbhygiene.program.classes import lineage
from dbhygiene.program.definitions import Definition, base_classes, derives_from
from dbhygiene.source.closure import closure
from dbhygiene.source.file import ClassText, File, ProjectView, readable_file, with_others
from dbhygiene.source.inputs import answer
from dbhygiene.source.queries import query

Places = list[list[str]]  # path and name of classes


@query
def subclasses(cls: Definition) -> tuple[Definition, ...]:
    """Return the project's subclasses of a class, direct and indirect."""
    return tuple(closure(cls, _direct_subclasses))[1:]


@query
def _direct_subclasses(cls: Definition) -> tuple[Definition, ...]:
    return _deriving(cls, cls.file.project.class_texts_deriving(cls.last_name))


@query
def subclasses_binding(cls: Definition, member: str) -> tuple[Definition, ...]:
    """Return the project's subclasses of a class, direct and indirect, whose files may bind a member."""
    return _deriving(cls, _texts(classes_below(cls.file.project, cls.last_name, member)))


def _deriving(cls: Definition, texts: Iterable[ClassText]) -> tuple[Definition, ...]:
    return tuple(each for each in _classes_of(cls, texts) if derives_from(each, cls))


def mixins_binding(cls: Definition, member: str) -> Iterator[Definition]:
    """Yield the classes that may be further bases of those below a class, whose files may bind a member; `is_mixin`."""
    return _classes_of(cls, _texts(classes_beside(cls.file.project, cls.last_name, member)))


@query
def is_mixin(cls: Definition, other: Definition) -> bool:
    """Whether a class of the project has both classes among its bases."""
    project = cls.file.project
    few, many = sorted((cls, other), key=lambda each: len(project.class_texts_below(each.last_name)))
    return any(many.is_same(base) for each in subclasses(few) for base in base_classes(each))


@query
def is_of_family(cls: Definition, other: Definition) -> bool:
    """Whether a method of a class may be called on objects of another: a base, a class below, or a base of one."""
    if other.is_same(cls) or any(other.is_same(base) for base in base_classes(cls)):
        return True
    return any(cls.is_same(base) for base in base_classes(other)) or is_mixin(cls, other)


def names_of_family(cls: Definition) -> set[str]:
    """Return the names of the classes on whose objects a method of a class may be called, by the text of files."""
    project, name = cls.file.project, cls.last_name
    texts = (*project.class_texts_below(name), *project.class_texts_beside(name))
    return {each.last_name for each in lineage(cls)} | {each.name for each in texts}


@answer
def classes_below(project: ProjectView, name: str, member: str) -> Places:
    """Return the classes that may derive from one of this name, directly or not, whose files may bind a member."""
    return _places_that_bind(project, project.class_texts_below(name), member)


@answer
def classes_beside(project: ProjectView, name: str, member: str) -> Places:
    """Return the classes that may be further bases of those, likewise."""
    return _places_that_bind(project, project.class_texts_beside(name), member)


def _places_that_bind(project: ProjectView, classes: Iterable[ClassText], member: str) -> Places:
    has = {path: project.may_bind(path, member) for path in dict.fromkeys(each.path for each in classes)}
    return [[str(each.path), each.name] for each in classes if has[each.path]]


def _texts(places: Places) -> Iterator[ClassText]:
    return (ClassText(Path(path), name, frozenset()) for path, name in places)


def _classes_of(near: Definition, texts: Iterable[ClassText]) -> Iterator[Definition]:
    """Yield the classes with these texts, and all of the file of `near`, whose text may differ from the project's.

    Those of tests are left out, which the program never makes, unless that file is one.
    """
    names: dict[Path, set[str]] = {}
    for text in texts:
        names.setdefault(text.path, set()).add(text.name)
    read = (readable_file(near.file.project, str(path)) for path in names)
    others = (file for file in read if file is not None and file.is_program)
    for file in with_others(near.file, without_tests(near.file, others)):
        for name, scope in file.classes.items():
            assert isinstance(scope.node, ast.ClassDef)
            if file is near.file or name.rpartition(".")[2] in names[file.path]:
                yield Definition(file, scope.node, name)


def without_tests(asker: File, others: Iterable[File]) -> Iterator[File]:
    """Yield the files that are no tests, if the asking file is none either."""
    return (each for each in others if not is_test_file(each) or is_test_file(asker))
