"""`python -m dbhygiene`."""

import os
import sys


def drop_current_directory() -> None:
    """Take the current directory, which `python -m` puts before the standard library, from `sys.path`.

    Otherwise a project's own `threading.py` would be imported, and its code would run. Only if this package itself lies
    there, the directory is needed.
    """
    try:
        here = os.getcwd()
    except OSError:  # it has been deleted: nothing is imported from there
        return
    if sys.path[:1] in ([""], [here]) and os.path.dirname(os.path.dirname(__file__)) != here:
        del sys.path[0]


if __name__ == "__main__":
    drop_current_directory()
    from dbhygiene.cli import main

    raise SystemExit(main())
