"""`dbhygiene rule`."""

from __future__ import annotations

import sys

import click

from dbhygiene.catalogue import all_rules
from dbhygiene.frontends.cli.options import Command
from dbhygiene.mistakes import Mistake, did_you_mean
from dbhygiene.model import AnyRule


@click.command("rule", cls=Command)
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--all", "every", is_flag=True, help="All rules.")
@click.option("--output-format", type=click.Choice(("text", "json")), default="text", show_default=True)
def command(names: tuple[str, ...], every: bool, output_format: str) -> int:
    """Print the page of a rule, given by name or code."""
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
        sys.stdout.write("\n".join(f"# {rule.name} ({rule.code})\n\n{rule.doc.strip()}\n" for rule in picked))
    return 0


def _page(rule: AnyRule) -> dict[str, object]:
    return {
        "code": rule.code,
        "name": rule.name,
        "summary": rule.summary,
        "default": rule.default,
        "explanation": rule.doc.strip(),
    }
