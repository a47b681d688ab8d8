"""`python -m tests.golden`: print how findings and fixes differ from those in `findings.txt`; exit 1 where they do.

Read each difference. `--update` takes them over. Projects are looked at if they are here: `--fetch` downloads them.
"""

from __future__ import annotations

import argparse
import os
import sys
from concurrent.futures import ProcessPoolExecutor

from . import record, units
from .projects import PINS, fetch


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.golden", description=__doc__)
    parser.add_argument("units", nargs="*", metavar="UNIT", help="such as `examples`, `programs/0100`; all by default")
    parser.add_argument("--update", action="store_true", help="write what is found now")
    parser.add_argument("--fetch", action="store_true", help="download the projects that are not here, and stop")
    parser.add_argument("--show", metavar="KEY", help="print one example or program, such as `programs/0100/0117`")
    parser.add_argument("--generate", action="store_true", help="write the oracle's programs anew, and stop")
    options = parser.parse_args()
    if options.fetch:
        for pin in PINS:
            fetch(pin)
            print(f"{pin.name} {pin.version}: {pin.directory}")
        return 0
    if options.generate:
        units.PROGRAMS.write_text(units.generate(), "utf-8", newline="\n")
        return 0
    if options.show:
        return _show(*options.show.rpartition("/")[::2])
    return _compare(tuple(options.units), update=options.update)


def _show(unit: str, key: str) -> int:
    text = units.texts(unit).get(key) if unit in units.names() else None
    print(text or f"no such example or program: {unit}/{key}")
    return 0 if text else 2


def _compare(wanted: tuple[str, ...], *, update: bool) -> int:
    before = record.read()
    names = [name for name in units.names() if not wanted or name.startswith(wanted)]
    missing = [name for name in names if not units.is_here(name)]
    for name in missing:
        print(f"{name} is not here: not compared; --fetch downloads it", file=sys.stderr)
    here = [name for name in names if name not in missing]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        now = dict(zip(here, pool.map(units.look, here), strict=True))
    gone = [name for name in before if name not in units.names() and (not wanted or name.startswith(wanted))]
    differences = [record.difference(name, before.get(name), now.get(name)) for name in sorted([*here, *gone])]
    for lines in differences:
        print(*lines, sep="\n", end="\n" if lines else "")
    if update:
        record.write({name: blocks for name, blocks in (before | now).items() if name not in gone})
        return 0
    return int(any(differences))


if __name__ == "__main__":
    sys.exit(main())
