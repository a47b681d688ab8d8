"""`FunctionAt`: a function of the project, found by its absolute name; and the bases of the project's classes.

class Order(models.Model): ...           # `is_model(file, "shop.models.Order")`
class Paid(Order): ...                   # `lineage`: Paid, Order; `foreign_bases`: django.db.models.Model
"""

from __future__ import annotations

import ast

from dbhygiene.library import django
from dbhygiene.library.calls import STORING_BASES
from dbhygiene.program.definitions import Definition, base_classes, find_definition, find_method
from dbhygiene.program.names import canonical_name
from dbhygiene.source.file import File
from dbhygiene.source.nodes import FUNCTION, Function
from dbhygiene.source.queries import query
from dbhygiene.source.records import Record
from dbhygiene.source.scopes import Scope


class FunctionAt(Record):
    """A function of the project."""

    file: File
    node: Function


def function_named(file: File, name: str) -> FunctionAt | None:
    """Return the project's function of this absolute name; a method may be a base class's."""
    found = find_definition(file, name)
    return FunctionAt(found.file, found.node) if found and isinstance(found.node, FUNCTION) else None


def class_named(file: File, name: str) -> Definition | None:
    """Return the project's class of this absolute name."""
    found = find_definition(file, name)
    return found if found and isinstance(found.node, ast.ClassDef) else None


def lineage(cls: Definition) -> tuple[Definition, ...]:
    """Return a class, and those of its bases that are the project's own."""
    return (cls, *base_classes(cls))


def ancestry(cls: Definition) -> list[tuple[File, Scope]]:
    """Return the scopes of a class, and of those of its bases that are the project's own."""
    return [(each.file, each.file.classes[each.name]) for each in lineage(cls) if each.name in each.file.classes]


@query
def foreign_bases(cls: Definition) -> tuple[str, ...]:
    """Return the names of the direct and indirect bases of a class that are not the project's own."""
    resolved = [
        (each.file, name)
        for each in lineage(cls)
        if isinstance(each.node, ast.ClassDef)
        for base in each.node.bases
        if (name := each.file.resolve(base)) is not None
    ]
    return tuple(canonical_name(file, name) for file, name in resolved if find_definition(file, name) is None)


@query
def functions_that_make(cls: Definition) -> tuple[Definition, ...] | None:
    """Return the functions that run when an object of a class is made; None if code runs that is not the project's."""
    classes = lineage(cls)
    if not all(map(_is_plain_class, classes)) or find_method(cls, "__new__"):
        return None
    for each in classes:
        scope = each.file.classes.get(each.name)
        if scope is None:
            return None
        if "__init__" in scope.bound:
            made = find_method(each, "__init__")
            return (made,) if made is not None else None
        if _DATACLASS in each.decorators:
            made = find_method(cls, "__post_init__")
            return None if _has_factory(scope) else (made,) if made is not None else ()
    return ()


@query
def may_give_older_object(cls: Definition) -> bool:
    """Whether a call of a class may return an object that it has returned before: by `__new__`, or by a metaclass."""
    return find_method(cls, "__new__") is not None or not all(map(_has_plain_call, lineage(cls)))


def _has_plain_call(cls: Definition) -> bool:
    """Whether no decorator of a class changes what a call of it does, and no metaclass but that of abstract classes."""
    assert isinstance(cls.node, ast.ClassDef)
    metaclasses = [keyword.value for keyword in cls.node.keywords if keyword.arg == "metaclass"]
    return _PLAIN_DECORATORS.issuperset(cls.decorators) and all(
        cls.file.resolve(each) in {"abc.ABCMeta", "type"} for each in metaclasses
    )


def _is_plain_class(cls: Definition) -> bool:
    """Whether no decorator or metaclass takes part in making objects, and no base but those that store arguments."""
    assert isinstance(cls.node, ast.ClassDef)
    bases = [base.value if isinstance(base, ast.Subscript) else base for base in cls.node.bases]
    metaclasses = [keyword.value for keyword in cls.node.keywords]
    return (
        _PLAIN_DECORATORS.issuperset(cls.decorators)
        and all(cls.file.resolve(each) == "abc.ABCMeta" for each in metaclasses)
        and all((name := cls.file.resolve(each)) in _PLAIN_BASES or _is_own(cls.file, name) for each in bases)
    )


def _is_own(file: File, name: str | None) -> bool:
    return name is not None and class_named(file, name) is not None


def _has_factory(dataclass: Scope) -> bool:
    """Whether a field of a dataclass has a default that a function makes, other than an empty container."""
    fields = [value for values in dataclass.aliases.values() for value in values if isinstance(value, ast.Call)]
    factories = [word.value for each in fields for word in each.keywords if word.arg == "default_factory"]
    return any(not (isinstance(each, ast.Name) and each.id in {"list", "dict", "set"}) for each in factories)


_DATACLASS = "dataclasses.dataclass"
_PLAIN_DECORATORS = frozenset({_DATACLASS, "functools.total_ordering", "typing.final", "typing.runtime_checkable"})
_PLAIN_BASES = STORING_BASES | {"typing.NamedTuple"}


@query
def is_model(file: File, name: str) -> bool:
    """Whether a class is a Django model, by its bases."""
    name = canonical_name(file, name)
    found = class_named(file, name)
    return is_foreign_model(name) if found is None else any(map(is_foreign_model, foreign_bases(found)))


def is_command(cls: Definition) -> bool:
    """Whether a class is a management command: by its bases, or because Django would load it as one."""
    if cls.name == "Command" and cls.file.path.parts[-3:-1] == ("management", "commands"):
        return True
    return any(name in django.COMMANDS for name in foreign_bases(cls))


def is_foreign_model(name: str) -> bool:
    """Whether a name outside of the project is likely a model's: one in `models`, where Django projects keep theirs."""
    module, _, word = name.rpartition(".")
    if name in django.MODELS:
        return True
    return "models" in module.split(".")[1:] and word[:1].isupper() and not name.startswith(_NOT_DJANGO)


_NOT_DJANGO = (
    "django.db.models",
    "openai.",
    "pydantic.",
    "torch.",
    "transformers.",
    "docker.",
    "keras.",
    "tensorflow.",
    "gensim.",
    "torchvision.",
    "ultralytics.",
)
