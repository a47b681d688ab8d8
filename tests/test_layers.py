"""Who may import whom: each layer only those on lines above its own."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import dbhygiene

LAYERS = [  # a package, or modules of one that stand lower than the rest of it
    {"source.records", "source.submodules", "config.errors"},
    {"config.settings"},
    {"source"},
    {"dataflow", "library"},
    {"config"},
    {"program"},
    {"diagnostics"},
    {"servers"},
    {"pools"},
    {"project"},
    {"lifetimes"},
    {"gaps"},
    {"recovery"},
    {"rules"},
    {"reports"},
    {"checker"},
    {"fixes"},
    {"lsp"},
    {"api", "cli", "flake8"},
    {"__main__"},
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
ONLY_IN = {"libcst": {"fixes"}, "yaml": {"servers"}, "click": {"cli"}, "flake8": {"flake8"}}
ONLY_IN |= {"pygls": {"lsp"}, "lsprotocol": {"lsp"}}
READS_ONLY = {  # rooms with fewer rights than their level gives
    "reports": {"diagnostics", "source", "config.settings"},
    "rules": {
        "source",
        "config",
        "library",
        "dataflow",
        "program",
        "diagnostics",
        "servers",
        "pools",
        "lifetimes",
        "gaps",
        "recovery",
    },
}
ROOT = Path(dbhygiene.__file__).parent
FILES = [path for path in sorted(ROOT.rglob("*.py")) if path != ROOT / "__init__.py"]


MODULES = {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in FILES}


def level(module: str) -> int:
    """The number of the layer of a module: its own, or that of the package around it."""
    while module not in LEVEL:
        module, dot, _ = module.rpartition(".")
        assert dot, "each room has a layer"
    return LEVEL[module]


@cache
def imported(path: Path) -> tuple[str, ...]:
    """The dotted names of the modules that a file imports, at its start or later."""
    return tuple(_imported(path))


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports are absolute"
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield name if name.removeprefix("dbhygiene.") in MODULES else node.module or ""


def imported_modules(path: Path) -> set[str]:
    """Our own modules among them."""
    return {name.removeprefix("dbhygiene.") for name in imported(path)} & MODULES.keys()


@pytest.mark.parametrize("module", MODULES)
def test_imports_run_one_way(module: str) -> None:
    room = module.partition(".")[0]
    for name in imported(MODULES[module]):
        if (package := name.partition(".")[0]) in ONLY_IN:
            assert room in ONLY_IN[package], f"{module} imports {name}"
    for name in imported_modules(MODULES[module]):
        if name.partition(".")[0] != room:
            assert level(name) < level(module), f"{module} imports {name}"
            rooms = READS_ONLY.get(room, {name})
            assert name in rooms or name.partition(".")[0] in rooms, f"{module} imports {name}"
        else:
            assert level(name) <= level(module), f"{module} imports {name}"


def test_no_front_end_imports_another() -> None:
    ends = {"api", "cli", "flake8", "lsp"}
    for module, path in MODULES.items():
        if (room := module.partition(".")[0]) in ends and module != "cli.server":  # the command that starts another
            assert not {name.partition(".")[0] for name in imported_modules(path)} & ends - {room}, module


def test_no_file_imports_itself_through_others() -> None:
    below = {module: imported_modules(path) - {module} for module, path in MODULES.items()}
    circles: list[set[str]] = []
    above = {module: _reached(below, module) for module in below}
    for module, reached in above.items():
        if module in reached:
            circles.append({each for each in reached if module in above[each]})
    assert circles == []


def _reached(below: dict[str, set[str]], module: str) -> set[str]:
    """The modules that a module imports, directly or through others."""
    reached: set[str] = set()
    todo = [module]
    while todo:
        fresh = below[todo.pop()] - reached
        reached |= fresh
        todo += fresh
    return reached


def test_the_house_has_few_rooms() -> None:
    assert len({module.partition(".")[0] for module in MODULES}) <= 21


@pytest.mark.parametrize("module", [module for module in MODULES if module.startswith("rules.")])
def test_rules_do_no_input_or_output(module: str) -> None:
    used = {name.partition(".")[0] for name in imported(MODULES[module])}
    assert not {"os", "io", "subprocess", "socket", "logging"} & used


ANALYSIS = {"source", "library", "program", "dataflow", "pools", "lifetimes", "gaps", "recovery"}
TWO_MEANINGS = {"Attempt"}  # of the graph, to enter a handler; of a program, to run a query again


def test_each_question_is_answered_in_one_place() -> None:
    """No two modules of the analyses define a public function or class of the same name."""
    places: dict[str, list[str]] = {}
    for module, path in MODULES.items():
        if module.partition(".")[0] in ANALYSIS and not module.startswith("library.drivers."):
            for node in ast.parse(path.read_text("utf-8")).body:
                if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
                    places.setdefault(node.name, []).append(module)
    assert {name: each for name, each in places.items() if len(each) > 1 and name not in TWO_MEANINGS} == {}
