"""The command line: options to settings, findings to text, outcome to exit status.

0: no findings, or all of them fixed; 1: findings; 2: invalid options, settings or paths, or an internal error.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence

from dbhygiene import __version__


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command, and return the exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words in (["--version"], ["-V"]):
        sys.stdout.write(f"dbhygiene {__version__}\n")
        return 0
    for stream in (sys.stdout, sys.stderr):  # the name of a file may contain any byte
        getattr(stream, "reconfigure", lambda **_: None)(errors="backslashreplace")
    collects = gc.isenabled()
    gc.disable()  # trees are millions of objects that live until the end, and next to nothing else is left in cycles
    try:
        status = _run(words)
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        sys.stderr.write("\n")  # ends the line with `^C`
        return 130
    except BrokenPipeError:
        _drop_output()
        return 141
    except OSError as error:  # a full disk
        _drop_output()
        sys.stderr.write(f"dbhygiene: not written: {(error.strerror or str(error)).lower()}\n")
        return 2
    finally:
        if arguments is None:
            gc.freeze()  # the process ends: collecting reference cycles would take a tenth of its time
        elif collects:
            gc.enable()


def _drop_output() -> None:
    """Discard the rest of the output: otherwise the interpreter reports an error when it exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(words: Sequence[str]) -> int:
    from dbhygiene.config.errors import UsageError

    try:
        if words[:1] == ["check"]:
            from dbhygiene.cli import options

            if (given := options.parse_plain(words[1:], options.CHECK)) is not None:
                from dbhygiene.cli.check_paths import check

                return check(**given)
        from dbhygiene.cli.commands import run

        return run(words)
    except UsageError as error:
        sys.stderr.write(f"dbhygiene: {error}\n")
        return 2
