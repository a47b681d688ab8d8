"""The project's functions and classes by their absolute names; which classes are models."""

from __future__ import annotations

import ast

from dbhygiene.flow.calls import Definition, bases, find
from dbhygiene.flow.names import origin
from dbhygiene.flow.once import once
from dbhygiene.frozen import Record
from dbhygiene.library import django
from dbhygiene.source import FUNCTION, File, Function, Scope


class FunctionAt(Record):
    """A function of the project."""

    file: File
    node: Function


def function_of(file: File, name: str) -> FunctionAt | None:
    """The project's function of this absolute name; a method may be a base class's."""
    found = find(file, name)
    return FunctionAt(found.file, found.node) if found and isinstance(found.node, FUNCTION) else None


def class_of(file: File, name: str) -> Definition | None:
    """The project's class of this absolute name."""
    found = find(file, name)
    return found if found and isinstance(found.node, ast.ClassDef) else None


def lineage(cls: Definition) -> tuple[Definition, ...]:
    """A class, and those of its bases that are the project's own."""
    return (cls, *bases(cls))


def ancestry(cls: Definition) -> list[tuple[File, Scope]]:
    """The scopes of a class, and of those of its bases that are the project's own."""
    return [(each.file, each.file.classes[each.name]) for each in lineage(cls) if each.name in each.file.classes]


def foreign_bases(cls: Definition) -> tuple[str, ...]:
    """The names of the bases of a class, direct and indirect, that are not the project's own."""
    known = cls.file.answers[foreign_bases]
    if cls.node not in known:
        resolved = [
            (each.file, name)
            for each in lineage(cls)
            if isinstance(each.node, ast.ClassDef)
            for base in each.node.bases
            if (name := each.file.resolve(base)) is not None
        ]
        known[cls.node] = tuple(origin(file, name) for file, name in resolved if find(file, name) is None)
    return known[cls.node]  # type: ignore[no-any-return]


@once
def is_model(file: File, name: str) -> bool:
    """Whether a class is a Django model, as far as its bases tell."""
    name = origin(file, name)
    found = class_of(file, name)
    return is_foreign_model(name) if found is None else any(map(is_foreign_model, foreign_bases(found)))


def is_command(cls: Definition) -> bool:
    """Whether a class is a management command: by its bases, or since Django would take it for one."""
    if cls.name == "Command" and cls.file.path.parts[-3:-1] == ("management", "commands"):
        return True
    return any(name in django.COMMANDS for name in foreign_bases(cls))


def is_foreign_model(name: str) -> bool:
    """Whether a name that is not ours to read is a model's: one of `models`, where Django projects keep theirs."""
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
