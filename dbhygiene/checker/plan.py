"""`HelperUse`: how a run uses helpers, and from how many files on it reads the whole project."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TypeAlias

from dbhygiene.diagnostics.model import Finding
from dbhygiene.source.file import File

MANY = 100  # files: for more, the whole project is read, not only their imports
LARGE_PART = 4  # if this share of the files of a project is checked, the whole project is read

LoadedFiles: TypeAlias = "dict[Path, File | Finding | None]"  # None: so far, nothing in it can have a finding


class HelperUse(Enum):
    """How a run uses helpers: project functions that return connections."""

    NONE = "none"  # no function returns a connection
    UNNEEDED = "unneeded"  # every file names what it uses itself
    KNOWN = "known"
