"""The classes below a class are found by text; all of them, whichever way a file writes them."""

from __future__ import annotations

import ast
import random
from pathlib import Path

import pytest

from dbhygiene.program.callees import find_callees
from dbhygiene.program.definitions import Definition, base_classes, find_definition
from dbhygiene.program.hierarchy import is_of_family, subclasses, subclasses_binding
from dbhygiene.project.project import Project

MEMBERS = (
    "def work(self): ...",
    "async def work(self): ...",
    "work = None",
    "work: object = None",
    "other, work = 1, 2",
    "(other, work) = 1, 2",
    "work = other = 1",
    "class work: ...",
    "from os import path, walk as work",
    "import os, work",
    "for work in (): ...",
    "def other(self):\n        self.work = 1",
    "def other(self):\n        self.first, self.work = 1, 2",
    "def other(self): self.work()",
    "pass",
)


def write_classes(root: Path, seed: int) -> Project:
    """Write some modules with classes that derive from earlier ones, by any way to write that."""
    chance = random.Random(seed)
    texts: dict[str, list[str]] = {f"m{number}": [] for number in range(4)}
    known: list[tuple[str, str]] = []
    for number in range(12):
        module = chance.choice(sorted(texts))
        bases = []
        for other, name in chance.sample(known, min(len(known), chance.choice((0, 1, 1, 1, 2)))):
            if other == module:
                bases.append(chance.choice((name, f"{name}[int]")))
            else:
                way = chance.choice(("from", "as", "dotted", "variable"))
                lines = {
                    "from": (f"from {other} import {name}", name),
                    "as": (f"from {other} import {name} as N{number}", f"N{number}"),
                    "dotted": (f"import {other}", f"{other}.{name}"),
                    "variable": (f"from {other} import {name} as V{number}\nW{number} = V{number}", f"W{number}"),
                }[way]
                texts[module].insert(0, lines[0])
                bases.append(lines[1])
        name = f"C{number}" if chance.random() < 0.8 else "Same"
        if (module, name) in known:
            continue
        written = f"({', '.join(dict.fromkeys(bases))})" if bases else ""
        texts[module].append(f"class {name}{written}:\n    {chance.choice(MEMBERS)}")
        known.append((module, name))
    for module, lines in texts.items():
        (root / f"{module}.py").write_text("\n".join(lines) + "\n")
    return Project(root)


def all_classes(project: Project) -> list[Definition]:
    files = [project.file(path) for path in project.everything]
    return [
        Definition(file, scope.node, name)
        for file in files
        for name, scope in file.classes.items()
        if isinstance(scope.node, ast.ClassDef)
    ]


@pytest.mark.parametrize("seed", range(60))
def test_subclasses_are_those_that_have_the_class_among_their_bases(seed: int, tmp_path: Path) -> None:
    project = write_classes(tmp_path, seed)
    known = all_classes(project)
    for cls in known:
        below = {each.place for each in known if any(cls.is_same(base) for base in base_classes(each))}
        assert {each.place for each in subclasses(cls)} == below
        binding = {each.place for each in subclasses_binding(cls, "work")}
        assert binding <= below
        bound = {
            each.place
            for each in known
            if each.place in below
            and "work" in each.file.classes[each.name].bound | each.file.classes[each.name].imports.keys()
        }
        assert bound <= binding
        for other in known:
            family = any(
                {cls.place, other.place} <= {each.place for each in (one, *base_classes(one))} for one in known
            )
            assert is_of_family(cls, other) is family


def test_a_mixin_of_a_subclass_may_run(tmp_path: Path) -> None:
    (tmp_path / "store.py").write_text("class Store:\n    def run(self): self.open()\n    def open(self): return 1\n")
    (tmp_path / "mixin.py").write_text("class Quiet:\n    def open(self): return 2\n\nclass Loud(Quiet): ...\n")
    (tmp_path / "cache.py").write_text(
        "from mixin import Loud\nfrom store import Store as Base\n\nclass Cache(Loud, Base): ...\n"
    )
    project = Project(tmp_path)
    found = find_callees(project.file(tmp_path / "store.py"), "store.Store.open")
    assert [each.dotted_name for each in found.definitions] == ["store.Store.open", "mixin.Quiet.open"]
    store = find_definition(project.file(tmp_path / "store.py"), "store.Store")
    assert store is not None
    assert not subclasses_binding(store, "open")  # `cache.py` binds no such name, and was not parsed
