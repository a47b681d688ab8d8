"""Options that commands share, and the command that knows a mistyped one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from dbhygiene.frontends.cli.output import TargetType
from dbhygiene.frontends.cli.terminal import WHEN
from dbhygiene.mistakes import did_you_mean
from dbhygiene.settings import FORMATS, Confidence

CONFIDENCES = tuple(str(confidence) for confidence in Confidence)


class Command(click.Command):
    """A command, whose options are told with the one that was probably meant."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        args = [f"{arg}=" if arg == "--add-ignore" else arg for arg in args]  # its reason is not what comes next
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            known = [name for parameter in self.params for name in parameter.opts]
            raise click.UsageError(
                f"no such option `{error.option_name}`{did_you_mean(error.option_name, known)}"
            ) from None


_SHARED: tuple[Callable[[Any], Any], ...] = (
    click.argument("paths", nargs=-1, type=click.Path()),
    click.option("--select", multiple=True, metavar="RULES", help="Only these rules: names, codes, prefixes, ALL."),
    click.option("--extend-select", multiple=True, metavar="RULES", help="These rules too."),
    click.option("--ignore", multiple=True, metavar="RULES", help="Not these rules."),
    click.option("--extend-ignore", multiple=True, metavar="RULES", help="Nor these."),
    click.option("--min-confidence", type=click.Choice(CONFIDENCES), help="Report only what is at least this sure."),
    click.option(
        "--server-timeout", type=click.IntRange(min=1), metavar="SECONDS", help="The server's `wait_timeout`."
    ),
    click.option(
        "--config",
        "config_values",
        multiple=True,
        metavar="FILE|KEY=VALUE",
        help="Read settings from this file; or set one, its value as in TOML.",
    ),
    click.option("--isolated", is_flag=True, help="Read no settings from files."),
    click.option("--stdin-filename", metavar="PATH", help="The name of what `-` reads from standard input."),
    click.option("--force-exclude", is_flag=True, help="Exclude files even if they are given by name."),
    click.option("--no-cache", is_flag=True, help="Keep nothing for the next run, and use nothing of the last one."),
    click.option("--cache-dir", type=click.Path(path_type=Path), metavar="DIR", help="Keep it there."),
    click.option(
        *("-j", "--jobs"), type=click.IntRange(min=1), metavar="N", help="Processes; as many as processors by default."
    ),
    click.option(
        *("-o", "--output-format", "asked"),
        multiple=True,
        type=TargetType(),
        metavar="FORMAT[:FILE]",
        help=f"What to print, or write to a file; as often as wanted. {', '.join(FORMATS)}.  [default: full]",
    ),
    click.option(
        "--output-file", type=click.Path(path_type=Path), metavar="FILE", help="Write there what would be printed."
    ),
    click.option(
        "--baseline", type=click.Path(path_type=Path), metavar="FILE", help="Do not report what this file knows."
    ),
    click.option("--since", metavar="REVISION", help="Report only what is new since this git commit or branch."),
    click.option("--color", type=click.Choice(WHEN), default="auto", help="Paint: on terminals, always, never."),
    click.option("--paths", "steps", type=click.Choice(("short", "all")), default="short", help="Show every step."),
    click.option("--statistics", is_flag=True, help="Print how often each rule finds something, instead of findings."),
    click.option("-q", "--quiet", is_flag=True, help="Print findings only, no summary."),
    click.option("-v", "--verbose", is_flag=True, help="Tell on standard error what is looked at."),
)


def run_options(command: Callable[..., int]) -> Callable[..., int]:
    """The options of a run: what to look at, by which rules and settings, and how to tell it."""
    for option in reversed(_SHARED):
        command = option(command)
    return command
