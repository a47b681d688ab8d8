"""`Progress`: the progress of a long run, on a terminal only."""

from __future__ import annotations

import os
import sys
import time

_PATIENCE = 1.0  # seconds before the first output
_PAUSE = 0.1  # seconds between two updates


class Progress:
    """One line on standard error, which is overwritten until it is removed."""

    def __init__(self) -> None:
        self._next = time.monotonic() + _PATIENCE
        self._shown = False

    @classmethod
    def on_terminal(cls) -> Progress | None:
        """Return a progress bar if standard error is a terminal."""
        hidden = any(os.environ.get(name) for name in ("PRE_COMMIT", "CI")) or os.environ.get("TERM") == "dumb"
        return cls() if not hidden and sys.stderr.isatty() else None

    def __call__(self, done: int, of: int, found: int) -> None:
        now = time.monotonic()
        if now >= self._next and done < of:
            sys.stderr.write(f"\r{done} of {of} files, {found} finding{'' if found == 1 else 's'} so far\x1b[K")
            sys.stderr.flush()
            self._next, self._shown = now + _PAUSE, True
        elif done == of:
            self.wipe()

    def wipe(self) -> None:
        """Remove the line."""
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._shown = False
