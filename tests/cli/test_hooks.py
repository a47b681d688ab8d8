"""The hooks, as pre-commit reads and runs them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from dbhygiene import cli

MANIFEST = Path(__file__).parent.parent.parent / ".pre-commit-hooks.yaml"
HOOKS = yaml.safe_load(MANIFEST.read_text("utf-8"))


def test_pre_commit_accepts_the_manifest() -> None:
    subprocess.run([sys.executable, "-m", "pre_commit", "validate-manifest", str(MANIFEST)], check=True)


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: str(hook["id"]))
def test_entries_are_commands(hook: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "clean.py"
    path.write_text("print('no database here')\n")
    name, *arguments = hook["entry"].split()
    assert name == "dbhygiene"
    assert cli.main([*arguments, str(path)]) == 0
