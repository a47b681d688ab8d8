"""`python -m dbhygiene`."""

import os
import sys

# Python puts the current directory first on `sys.path`: a project's own `threading.py` would be imported, and its code
# would run, in place of the standard library's. Only if this package itself lies there, the directory is needed.
if sys.path[:1] in ([""], [os.getcwd()]) and os.path.dirname(os.path.dirname(os.path.abspath(__file__))) != os.getcwd():
    del sys.path[0]

from dbhygiene.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
