"""`dbhygiene rule`."""

from __future__ import annotations

import sys

import click

from dbhygiene.catalogue import all_rules
from dbhygiene.frontends.cli.clicked import Command
from dbhygiene.mistakes import Mistake, did_you_mean
from dbhygiene.model import AnyRule

FORMATS = ("text", "markdown", "json")


def _names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Names and codes that begin like this, for the shell."""
    words = [word for rule in all_rules() for word in (rule.name, rule.code)]
    return [word for word in words if word.startswith(incomplete)]


@click.command("rule", cls=Command)
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=_names)
@click.option("--all", "every", is_flag=True, help="All rules.")
@click.option("-o", "--output-format", type=click.Choice(FORMATS), default="text", show_default=True)
def command(names: tuple[str, ...], every: bool, output_format: str) -> int:
    """Print the page of a rule. It is given by name or code."""
    rules = all_rules()
    if not names and not every:
        raise Mistake("which rule? Give a name or a code, or --all")
    known = {word: rule for rule in rules for word in (rule.name, rule.code)}
    for name in names:
        if name not in known:
            raise Mistake(f"unknown rule `{name}`{did_you_mean(name, known)}")
    picked = list(rules) if every else [known[name] for name in names]
    if output_format == "json":
        import json

        sys.stdout.write(json.dumps([_page(rule) for rule in picked], indent=2) + "\n")
    else:
        told = _markdown if output_format == "markdown" else _text
        sys.stdout.write("\n".join(map(told, picked)))
    return 0


def _markdown(rule: AnyRule) -> str:
    """The page as it is written, with its head."""
    off = "\nOff unless it is selected.\n" if not rule.default else ""
    return f"# {rule.name} ({rule.code})\n{off}\n{rule.doc.strip()}\n"


def _text(rule: AnyRule) -> str:
    """The page as a terminal shows it best: headings underlined, code indented, links as addresses."""
    from dbhygiene.frontends.cli.pages import plain

    return plain(_markdown(rule))


def _page(rule: AnyRule) -> dict[str, object]:
    return {
        "code": rule.code,
        "name": rule.name,
        "summary": rule.summary,
        "default": rule.default,
        "explanation": rule.doc.strip(),
    }
