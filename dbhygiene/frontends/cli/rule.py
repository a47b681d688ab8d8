"""`dbhygiene rule`."""

from __future__ import annotations

import sys
from typing import NamedTuple

import click

from dbhygiene.catalogue import all_rules
from dbhygiene.engine import INTERNAL_ERROR, NOT_READ, OWN_CODES, SYNTAX_ERROR
from dbhygiene.frontends.cli.clicked import Command
from dbhygiene.mistakes import Mistake, did_you_mean

FORMATS = ("text", "markdown", "json")
_OWN = {  # what the run itself reports: no rule, so that nothing selects or ignores it
    INTERNAL_ERROR: """dbhygiene failed to check a file, because of an error of its own.

The finding names the line of dbhygiene that raised the error. The other files are checked, and the exit status is 2.
This finding cannot be silenced. Please report it.
""",
    SYNTAX_ERROR: """The Python that runs dbhygiene cannot parse a file.

The message is the one of Python's parser, and names its version. If the file uses newer syntax, install dbhygiene with
a newer Python. Files for Python 2 cannot be checked: exclude them with `extend-exclude`. A file with a syntax error is
reported if it is named on the command line, or if it mentions a database library.
""",
    NOT_READ: """A file or a directory cannot be read.

The message gives the reason, such as missing permissions. To skip the path, add it to `extend-exclude`.
""",
}


class _Page(NamedTuple):
    """What is told of a rule."""

    code: str
    name: str
    summary: str
    default: bool
    explanation: str


def _names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Names and codes that begin like this, for the shell."""
    words = list(_known())
    return [word for word in words if word.startswith(incomplete)]


@click.command("rule", cls=Command)
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=_names)
@click.option("--all", "every", is_flag=True, help="Print the pages of all rules.")
@click.option(
    "-o", "--output-format", type=click.Choice(FORMATS), default="text", show_default=True, help="Choose the format."
)
def command(names: tuple[str, ...], every: bool, output_format: str) -> int:
    """Print the page of a rule, or a table of all rules."""
    known = _known()
    pages = sorted(dict.fromkeys(known.values()))
    by_lower = {word.lower(): page for word, page in known.items()}
    for name in names:
        if name.lower() not in by_lower:
            raise Mistake(f"unknown rule `{name}`{did_you_mean(name, known)}")
    picked = pages if every or not names else [by_lower[name.lower()] for name in names]
    if not names and not every and output_format == "text":
        width = max(len(page.name) for page in pages)
        sys.stdout.writelines(
            f"{page.code}  {page.name:{width}}  {'on ' if page.default else 'off'}  {page.summary}\n" for page in pages
        )
    elif output_format == "json":
        import json

        sys.stdout.write(json.dumps([page._asdict() for page in picked], indent=2) + "\n")
    else:
        told = _markdown if output_format == "markdown" else _text
        sys.stdout.write("\n".join(map(told, picked)))
    return 0


def _known() -> dict[str, _Page]:
    """Every page, by the name and by the code of its rule."""
    pages = [_Page(rule.code, rule.name, rule.summary, rule.default, rule.doc.strip()) for rule in all_rules()]
    pages += [_Page(code, OWN_CODES[code], text.partition("\n")[0], True, text.strip()) for code, text in _OWN.items()]
    return {word: page for page in pages for word in (page.name, page.code)}


def _markdown(page: _Page) -> str:
    """The page as it is written, with its head."""
    off = "\nOff by default.\n" if not page.default else ""
    return f"# {page.name} ({page.code})\n{off}\n{page.explanation}\n"


def _text(page: _Page) -> str:
    """The page as a terminal shows it best: headings underlined, code indented, links as addresses."""
    from dbhygiene.frontends.cli.pages import plain

    return plain(_markdown(page))
