"""`read_bytes`: read regular files only: a read from a pipe without a writer would block, and a device may have no end.

`change_mark` shows whether a file has changed, without reading it.
"""

from __future__ import annotations

import errno
import os
import stat

_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)  # else opening a pipe waits
_AT_ONCE = 1 << 20


def read_bytes(path: str | os.PathLike[str], *, largest: int | None = None) -> bytes:
    """Return the bytes of a file; raise OSError if it cannot be read, is no regular file, or has more than `largest`.

    This takes half the time of `Path.read_bytes`, for tens of thousands of files.
    """
    handle = os.open(path, _FLAGS)
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            is_directory = stat.S_ISDIR(status.st_mode)
            raise (
                OSError(errno.EISDIR, "is a directory") if is_directory else OSError(errno.EINVAL, "not a regular file")
            )
        size = status.st_size
        if largest is not None and size > largest:
            raise OSError(errno.EFBIG, f"{size >> 20} MiB; the limit is {largest >> 20} MiB")
        data = os.read(handle, size + 1)
        while more := os.read(handle, _AT_ONCE) if len(data) > size else b"":  # it grows, or has no size, as in /proc
            data += more
        return data
    finally:
        os.close(handle)


def read_text(path: str | os.PathLike[str], errors: str = "strict") -> str:
    """Return the text of a UTF-8 file with `\\n` at the ends of its lines; raise OSError as `read_bytes` does."""
    return read_bytes(path).decode("utf-8", errors).replace("\r\n", "\n").replace("\r", "\n")


def change_mark(path: str | os.PathLike[str]) -> tuple[int, int] | None:
    """Return the time of the last change of a file, in nanoseconds, and its size; None if it cannot be found."""
    try:
        found = os.stat(path)
    except OSError:  # removed meanwhile, or a link that leads nowhere
        return None
    return found.st_mtime_ns, found.st_size


def own_change_mark(path: str | os.PathLike[str]) -> tuple[int, int] | None:
    """Return the same of a file that is no link; None for a link."""
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return None if stat.S_ISLNK(found.st_mode) else (found.st_mtime_ns, found.st_size)
