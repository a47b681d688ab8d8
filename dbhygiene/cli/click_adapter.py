"""`Command` and `GroupedOption`: click prints help, completes words, and reports invalid options."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from glob import glob
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from dbhygiene.cli.options import RULES, Option, above_zero
from dbhygiene.cli.output import OutputTarget, parse_target
from dbhygiene.config.errors import did_you_mean
from dbhygiene.config.settings import FORMATS


class GroupedOption(click.Option):
    """An option with the heading of its group in the help."""

    def __init__(self, *args: Any, group: str = "", **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.group = group


class Command(click.Command):
    """A command that suggests the closest option for an unknown one, and groups its options in the help."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        groups: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            row = parameter.get_help_record(ctx)
            if row is not None and isinstance(parameter, click.Option):
                groups.setdefault(getattr(parameter, "group", "Options"), []).append(row)
        own = groups.pop("Options")
        has_more = len(own) > 1  # than `--help`, which alone comes last
        ordered = {"Options": own, **groups} if has_more else {**groups, "Options": own}
        for group, rows in ordered.items():
            with formatter.section(group):
                formatter.write_dl(rows)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        args = [f"{arg}=" if arg == "--add-ignore" else arg for arg in args]  # its reason is not what comes next
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            known = [name for parameter in self.params for name in parameter.opts]
            listing = f"run `dbhygiene {self.name} --help` to list all options"
            hint = did_you_mean(error.option_name, known, otherwise=listing)
            raise click.UsageError(f"no such option `{error.option_name}`{hint}") from None


if TYPE_CHECKING:
    _TargetType = click.ParamType[OutputTarget]
else:
    _TargetType = click.ParamType  # which older versions of click do not let be subscripted


class TargetType(_TargetType):
    """`FORMAT`, or `FORMAT:FILE`."""

    name = "format"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> OutputTarget:
        return parse_target(str(value))

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        name, colon, start = incomplete.partition(":")
        if colon:
            return [CompletionItem(f"{name}:{path}") for path in sorted(glob(f"{start}*"))]
        return [CompletionItem(name) for name in FORMATS if name.startswith(incomplete)]


class NumberType(click.IntRange):
    """A whole number from 1 on."""

    def __init__(self) -> None:
        super().__init__(min=1)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            int(str(value))
        except ValueError:
            is_time = param is not None and param.metavar == "SECONDS"
            self.fail(f"`{value}` is not a number {'of seconds, such as 300' if is_time else 'from 1 on'}")
        return int(super().convert(value, param, ctx))


_TYPES: dict[object, click.ParamType[Any]] = {
    str: click.STRING,
    Path: click.Path(path_type=Path, readable=False),
    above_zero: NumberType(),
    parse_target: TargetType(),
}


def with_options(
    options: Sequence[Option], metavar: str = "[PATHS]...", *, unused: Collection[str] = (), **helps: str
) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Return a decorator that adds these options, and paths, to a command.

    Arguments:
        unused: options that the command accepts, so that all commands can be given the same ones; its help omits them.
        helps: by their names, what options do that do not do what they do in `check`.
    """

    def decorate(command: Callable[..., int]) -> Callable[..., int]:
        for option in reversed(options):
            text = helps.get(option.dest, option.help)
            command = _decorator(option, text, hidden=any(name in unused for name in option.names))(command)
        return click.argument("paths", nargs=-1, type=click.Path(readable=False), metavar=metavar)(command)

    return decorate


def _rules(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the rules that complete the last of several selectors."""
    from dbhygiene.checker.registry import all_rules

    before, comma, start = incomplete.rpartition(",")
    words = {word: rule.summary for rule in all_rules() for word in (rule.code, rule.name) if word.startswith(start)}
    return [CompletionItem(f"{before}{comma}{word}", help=summary.rstrip(".")) for word, summary in words.items()]


def _revisions(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the branches and tags of the repository."""
    from subprocess import run

    command = ["git", "for-each-ref", "--format=%(refname:short)", "refs/heads", "refs/remotes", "refs/tags"]
    names = run(command, capture_output=True, text=True).stdout.split()
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def _assignments(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return configuration files, and the keys of settings."""
    from dbhygiene.config.schema import KEYS

    files = [CompletionItem(path) for path in sorted(glob(f"{incomplete}*.toml"))]
    return [*files, *(CompletionItem(f"{key.name}=") for key in KEYS if key.name.startswith(incomplete))]


_COMPLETIONS = {RULES: _rules, "REVISION": _revisions, "FILE|KEY=VALUE": _assignments}


def _decorator(option: Option, text: str, *, hidden: bool) -> Callable[[Any], Any]:
    names = (*option.names, option.dest)
    common: dict[str, Any] = {"cls": GroupedOption, "group": option.group, "help": text, "hidden": hidden}
    if option.kind is bool:
        return click.option(*names, is_flag=True, **common)
    kind = click.Choice(option.kind) if isinstance(option.kind, tuple) else _TYPES[option.kind]
    shown = option.metavar or None
    return click.option(
        *names,
        type=kind,
        metavar=shown,
        multiple=option.many,
        default=option.default,
        shell_complete=_COMPLETIONS.get(option.metavar),
        **common,
    )
