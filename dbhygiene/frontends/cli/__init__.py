"""The command line: options to settings, findings to text, outcome to exit status.

0: nothing found, or all of it fixed; 1: something is left; 2: wrong options or settings, or an error of ours.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from dbhygiene import __version__


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words in (["--version"], ["-V"]):  # what scripts ask first: to import click takes three times as long
        sys.stdout.write(f"dbhygiene {__version__}\n")
        return 0
    from dbhygiene.frontends.cli.commands import run

    return run(words)
