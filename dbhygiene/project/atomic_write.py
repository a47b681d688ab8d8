"""`replace_file`: write a file atomically: as a whole, or not at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from dbhygiene.config.errors import UsageError


def replace_file(path: Path, data: bytes, *, was: bytes) -> None:
    """Give a file new bytes, if it still has the old ones; raises UsageError where it cannot be done.

    The bytes are written to a file beside it, which then replaces it: a reader sees the old or the new file, and an
    interruption leaves the old one. A link stays a link: its target is written.
    """
    target = Path(os.path.realpath(path))
    try:
        if target.read_bytes() != was:
            raise UsageError(f"{path}: not written: the file changed during the run; run dbhygiene again")
        _replace(target, data, target.stat().st_mode)
    except OSError as error:
        raise UsageError(f"{path}: not written: {(error.strerror or str(error)).lower()}") from None


def write_file(path: Path, data: bytes) -> None:
    """Write a whole file or nothing. A pipe or another special file is written directly."""
    target = Path(os.path.realpath(path))
    try:
        mode = target.stat().st_mode
    except FileNotFoundError:
        mask = os.umask(0)
        os.umask(mask)
        mode = stat.S_IFREG | 0o666 & ~mask
    if stat.S_ISREG(mode) and os.access(target.parent, os.W_OK):
        _replace(target, data, mode)
    else:
        target.write_bytes(data)


def _replace(target: Path, data: bytes, mode: int) -> None:
    import tempfile

    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(name, mode & 0o7777)
        os.replace(name, target)
    except BaseException:
        os.unlink(name)
        raise
