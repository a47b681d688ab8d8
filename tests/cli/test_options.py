"""What a command line means, read by our own table, is what click reads in it."""

from __future__ import annotations

import pytest

from dbhygiene.cli.check import command
from dbhygiene.cli.options import CHECK, parse_plain

PLAIN = [
    "",
    "a.py -",
    "a.py -q b.py",
    "--select HYG101,HYG102 --select=HYG2 a.py",
    "-oconcise -o json:out.json --output-format=sarif:x",
    "-j2 src",
    "-j 3 --jobs 4 src",
    "--config a=1 --config dbhygiene.toml --isolated",
    "--add-ignore a.py",
    "--add-ignore=why a.py",
    "--cache-dir c --no-cache --paths all --color never --min-confidence possible",
    "--server-timeout 60 --stdin-filename x.py --since main --baseline b.json --output-file o",
    "--fix --unsafe-fixes --exit-zero --update-baseline --show-files --show-settings --statistics -v --force-exclude",
]
UNUSUAL = [
    "--help",
    "-h",
    "-qv a.py",
    "-o nope --help",
    "-- -a.py",
    "--no-such",
    "--jobs 0",
    "-j x",
    "--color blue",
    "--select",
    "--fix=1",
]


@pytest.mark.parametrize("line", PLAIN)
def test_a_plain_line_means_the_same(line: str) -> None:
    assert parse_plain(line.split(), CHECK) == command.make_context("check", line.split()).params


@pytest.mark.parametrize("line", UNUSUAL)
def test_what_is_not_plain_is_left_to_click(line: str) -> None:
    assert parse_plain(line.split(), CHECK) is None
