"""The file of all findings: read, written, compared."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import unified_diff
from pathlib import Path

from .units import Blocks

FILE = Path(__file__).with_name("findings.txt")
_UNIT, _BLOCK = "# ", "## "


def read() -> dict[str, Blocks]:
    """Unit -> key of a file -> lines."""
    units: dict[str, Blocks] = {}
    unit, lines = "", list[str]()
    text = FILE.read_text("utf-8") if FILE.exists() else ""
    for line in text.split("\n")[:-1]:
        if line.startswith(_BLOCK):
            lines = units[unit].setdefault(line.removeprefix(f"{_BLOCK}{unit}/"), [])
        elif line.startswith(_UNIT):
            unit = line.removeprefix(_UNIT)
            units[unit] = {}
        else:
            lines.append(line)
    return units


def write(units: Mapping[str, Blocks]) -> None:
    text = "".join(f"{line}\n" for unit in sorted(units) for line in _lines(unit, units[unit]))
    FILE.write_text(text, "utf-8", newline="\n")


def difference(unit: str, before: Blocks | None, after: Blocks | None) -> list[str]:
    """A unified diff; None: there is no such unit."""
    old, new = ([] if each is None else _lines(unit, each) for each in (before, after))
    return list(unified_diff(old, new, FILE.name, f"{FILE.name}: {unit}", lineterm=""))


def _lines(unit: str, blocks: Blocks) -> list[str]:
    return [f"{_UNIT}{unit}", *(line for key, lines in blocks.items() for line in (f"{_BLOCK}{unit}/{key}", *lines))]
