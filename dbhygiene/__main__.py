"""`python -m dbhygiene`."""

from dbhygiene.frontends.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
