"""Notebooks for tests, made of the sources of their cells."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dbhygiene.checker.file_check import check_file
from dbhygiene.checker.registry import all_rules
from dbhygiene.diagnostics.model import Finding
from dbhygiene.source.file import File

PYTHON = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
PATH = Path("shop.ipynb")


def lines(source: str) -> list[str]:
    """A source as nbformat writes it."""
    return source.splitlines(keepends=True)


def cell(source: str | Sequence[str], kind: str = "code", **more: Any) -> dict[str, Any]:
    plain = {"cell_type": kind, "metadata": {}, "source": lines(source) if isinstance(source, str) else source}
    return {**plain, **({"execution_count": None, "outputs": []} if kind == "code" else {}), **more}


def document(*cells: str | Mapping[str, Any], metadata: Mapping[str, Any] = PYTHON) -> str:
    """The JSON text of a notebook with these cells."""
    made = [cell(each) if isinstance(each, str) else each for each in cells]
    return json.dumps({"cells": made, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}, indent=1) + "\n"


def notebook(*cells: str | Mapping[str, Any], metadata: Mapping[str, Any] = PYTHON) -> File:
    return File.decode(PATH, document(*cells, metadata=metadata).encode())


def findings(file: File) -> list[Finding]:
    return check_file(file, [rule for rule in all_rules() if rule.default])


def found(*cells: str) -> list[tuple[str, str]]:
    """The codes of the findings in these cells, with their places."""
    file = notebook(*cells)
    return [(each.code, file.line_label(each.span.line)) for each in findings(file)]
