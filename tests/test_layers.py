"""Who may import whom: each layer only those on lines above its own."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import dbhygiene

LAYERS = [
    {"records", "mistakes", "newer", "submodules"},
    {"settings"},
    {"source"},
    {"edits"},
    {"model"},
    {"flow"},
    {"library"},
    {"config_schema"},
    {"config", "suppressions", "fingerprints", "examples", "discovery", "import_graph", "reports", "atomic_write"},
    {"line_length", "requirements"},
    {"project", "annotate", "baseline", "git"},
    {"lifetimes"},
    {"gaps"},
    {"rules"},
    {"store", "registry", "workspace"},
    {"checker"},
    {"fixes", "ineffective"},
    {"doctor"},
    {"frontends"},
    {"__main__"},
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
ONLY_IN = {"libcst": "fixes", "click": "frontends", "flake8": "frontends"}
READS_ONLY = {  # rooms with fewer rights than their level gives
    "reports": {"edits", "records", "model", "settings", "source", "reports"},
    "rules": LEVEL.keys()
    - {"project", "config", "discovery", "import_graph", "registry", "workspace", "checker", "fixes", "frontends"},
}
ROOT = Path(dbhygiene.__file__).parent
FILES = [path for path in sorted(ROOT.rglob("*.py")) if path != ROOT / "__init__.py"]


def room(path: Path) -> str:
    return path.relative_to(ROOT).with_suffix("").parts[0]


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports are absolute"
            module = node.module or ""
            yield from (f"{module}.{alias.name}" for alias in node.names) if module == "dbhygiene" else [module]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_one_way(path: Path) -> None:
    here = room(path)
    for name in imported(path):
        top, _, rest = name.partition(".")
        if top == "dbhygiene" and rest and rest != "__version__":
            there = rest.partition(".")[0]
            assert there == here or LEVEL[there] < LEVEL[here], f"{here} imports {name}"
            assert there in READS_ONLY.get(here, LEVEL), f"{here} imports {name}"
        elif top in ONLY_IN:
            assert here == ONLY_IN[top], f"{here} imports {name}"


@pytest.mark.parametrize("path", [p for p in FILES if room(p) == "frontends"], ids=lambda path: path.name)
def test_no_frontend_imports_another(path: Path) -> None:
    own = path.relative_to(ROOT / "frontends").with_suffix("").parts[0]
    for name in imported(path):
        assert not name.startswith("dbhygiene.frontends.") or name.split(".")[2] == own, name


@pytest.mark.parametrize("path", [p for p in FILES if room(p) == "rules"], ids=lambda path: path.name)
def test_rules_do_no_input_or_output(path: Path) -> None:
    assert not {"os", "io", "subprocess", "socket", "logging"} & {name.partition(".")[0] for name in imported(path)}
