"""What decides which files a run reads, and what it knows of helpers."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TypeAlias

from dbhygiene.diagnostics.model import Finding
from dbhygiene.source.file import File

MANY = 100  # files: what so many draw in is a project
LARGE_PART = 4  # a part of a project that has every fourth of its files, at least, is as good as the whole

LoadedFiles: TypeAlias = "dict[Path, File | Finding | None]"  # None: nothing in it can have a finding so far


class HelperUse(Enum):
    """What a run knows of helpers: project functions that return connections."""

    NONE = "none"  # no function returns a connection
    UNNEEDED = "unneeded"  # every file names what it uses itself
    KNOWN = "known"
