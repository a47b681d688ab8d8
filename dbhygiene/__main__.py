"""`python -m dbhygiene`."""

from dbhygiene.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
