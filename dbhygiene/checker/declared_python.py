"""`needs_python`: whether a project says that it needs a version of Python, or a newer one.

requires-python = ">=3.14"           # pyproject.toml; likewise `python_requires` and `.python-version`
"""

from __future__ import annotations

import re
from pathlib import Path

from dbhygiene.source.file import File
from dbhygiene.source.regular_files import read_bytes

_LARGEST = 1 << 20  # bytes
_FILES = (".python-version", "pyproject.toml", "setup.cfg", "setup.py")
_DECLARED = re.compile(r"""^\s*(?:requires-python|python_requires|python)\s*=\s*["']?([^"'\n]+)""", re.MULTILINE)
_AT_LEAST = re.compile(r"(?:(?<![<!=])>=?|~=|===?|\^|~|^(?:[a-z]+-)?)\s*(\d+)\.(\d+)")


def needs_python(file: File, version: tuple[int, int]) -> bool:
    """Whether the nearest directory around a file that declares a version of Python declares this, or a newer one."""
    root = file.project.root
    if root is None or not file.path.is_relative_to(root):
        return False
    for directory in file.path.parents:
        declared = [least for name in _FILES if (least := _least_in(directory / name)) is not None]
        if declared or directory == root:
            return any(least >= version for least in declared)
    return False


def _least_in(path: Path) -> tuple[int, int] | None:
    """Return the oldest version that a file allows; None if it says none."""
    try:
        text = read_bytes(str(path), largest=_LARGEST).decode("utf-8", "replace")
    except OSError:
        return None
    said = [text.strip()] if path.suffix == "" else _DECLARED.findall(text)
    found = [(int(match[1]), int(match[2])) for each in said if (match := _AT_LEAST.search(each.strip())) is not None]
    return max(found, default=None)
