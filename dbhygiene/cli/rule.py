"""`dbhygiene rule`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from textwrap import fill, indent
from typing import NamedTuple

import click

from dbhygiene.checker.own_findings import OWN_CODES
from dbhygiene.checker.own_pages import PAGES
from dbhygiene.checker.registry import all_rules
from dbhygiene.cli.click_adapter import Command
from dbhygiene.cli.terminal import terminal_style
from dbhygiene.config.errors import ALL_RULES, UsageError, did_you_mean

FORMATS = ("text", "markdown", "json")


class _Page(NamedTuple):
    """The data of the page of a rule."""

    code: str
    name: str
    summary: str
    default: bool
    fix: str  # `safe`, `unsafe` or `none`
    explanation: str


def _names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Return the names and codes with this prefix, for completion."""
    words = list(pages_by_name())
    return [word for word in words if word.startswith(incomplete)]


@click.command("rule", cls=Command)
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=_names)
@click.option("--all", "every", is_flag=True, help="Print the pages of all rules.")
@click.option(
    "-o", "--output-format", type=click.Choice(FORMATS), default="text", show_default=True, help="Choose the format."
)
def command(names: tuple[str, ...], every: bool, output_format: str) -> int:
    """Print the page of a rule, or a table of rules. NAME is a name, a code or a prefix; all rules by default.

    The column "fix" of the table gives the safest fix that a rule has: safe, unsafe or none. A
    single finding may have no fix.
    """
    known = pages_by_name()
    pages = sorted(dict.fromkeys(known.values()))
    by_lower = {word.lower(): page for word, page in known.items()}
    as_table = not names
    picked = [] if names else pages
    for name in names:
        if (page := by_lower.get(name.lower())) is not None:
            picked.append(page)
        elif below := [page for page in pages if page.code.startswith(name.upper())] if name else []:
            as_table = True
            picked += below
        else:
            raise UsageError(f"unknown rule `{name}`{did_you_mean(name, known, otherwise=ALL_RULES)}")
    picked = pages if every else list(dict.fromkeys(picked))
    if output_format == "text" and as_table and not every:
        sys.stdout.writelines(_table(picked, terminal_style(sys.stdout).width))
    elif output_format == "json":
        import json

        sys.stdout.write(json.dumps([page._asdict() for page in picked], indent=2) + "\n")
    else:
        formatted = _markdown if output_format == "markdown" else _text
        sys.stdout.write("\n".join(map(formatted, picked)))
    return 0


def pages_by_name() -> dict[str, _Page]:
    """Return all pages, by the name and by the code of the rule."""
    pages = [
        _Page(rule.code, rule.name, rule.summary, rule.default, _fix(rule.doc), rule.doc.strip())
        for rule in all_rules()
    ]
    pages += [
        _Page(code, OWN_CODES[code], text.partition("\n")[0], True, "none", text.strip())
        for code, text in PAGES.items()
    ]
    return {word: page for page in pages for word in (page.name, page.code)}


def _fix(page: str) -> str:
    """Return the safest kind of fix that a rule has: its page shows one of each kind, and the tests run these."""
    if "```python fixed\n" in page:
        return "safe"
    return "unsafe" if "```python fixed unsafe\n" in page else "none"


def _table(pages: Sequence[_Page], columns: int | None) -> Iterator[str]:
    """Yield the table of rules; on a terminal that is too narrow for it, summaries are below their rules."""
    width = max(len(page.name) for page in pages)
    rows = [(f"{'code':6}  {'name':{width}}  {'on':3}  {'fix':6}", "what it finds")]
    rows += [
        (f"{page.code}  {page.name:{width}}  {'yes' if page.default else 'no ':3}  {page.fix:6}", page.summary)
        for page in pages
    ]
    widest = max(len(start) + 2 + len(summary) for start, summary in rows)
    for start, summary in rows:
        if columns is not None and columns < widest:
            yield f"{start.rstrip()}\n{indent(fill(summary, max(20, columns - 8)), ' ' * 8)}\n"
        else:
            yield f"{start}  {summary}\n"


def _markdown(page: _Page) -> str:
    """Return the page as Markdown, with a heading."""
    off = "\nOff by default.\n" if not page.default else ""
    return f"# {page.name} ({page.code})\n{off}\n{page.explanation}\n"


def _text(page: _Page) -> str:
    """Return the page for a terminal: see `plain_text`."""
    from dbhygiene.cli.pages import plain_text

    return plain_text(_markdown(page))
