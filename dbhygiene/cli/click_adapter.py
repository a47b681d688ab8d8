"""Options and commands for click, which prints help, completes words, and reports invalid options."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from dbhygiene.cli.options import RUN, Option, above_zero
from dbhygiene.cli.output import Target, parse_target
from dbhygiene.config.errors import did_you_mean
from dbhygiene.config.settings import FORMATS


class Command(click.Command):
    """A command that suggests the closest option for an unknown one."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        args = [f"{arg}=" if arg == "--add-ignore" else arg for arg in args]  # its reason is not what comes next
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            known = [name for parameter in self.params for name in parameter.opts]
            raise click.UsageError(
                f"no such option `{error.option_name}`{did_you_mean(error.option_name, known)}"
            ) from None


if TYPE_CHECKING:
    _TargetType = click.ParamType[Target]
else:
    _TargetType = click.ParamType  # which older versions of click do not let be subscripted


class TargetType(_TargetType):
    """`FORMAT`, or `FORMAT:FILE`."""

    name = "format"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Target:
        return parse_target(str(value))

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return [CompletionItem(name) for name in FORMATS if name.startswith(incomplete)]


_TYPES: dict[object, click.ParamType[Any]] = {
    str: click.STRING,
    Path: click.Path(path_type=Path, readable=False),
    above_zero: click.IntRange(min=1),
    parse_target: TargetType(),
}


def with_options(
    options: Sequence[Option], metavar: str = "[PATHS]..."
) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Return a decorator that adds these options, and paths, to a command."""

    def decorate(command: Callable[..., int]) -> Callable[..., int]:
        for option in reversed(options):
            command = _decorator(option)(command)
        return click.argument("paths", nargs=-1, type=click.Path(readable=False), metavar=metavar)(command)

    return decorate


def _decorator(option: Option) -> Callable[[Any], Any]:
    names = (*option.names, option.dest)
    if option.kind is bool:
        return click.option(*names, is_flag=True, help=option.help)
    kind = click.Choice(option.kind) if isinstance(option.kind, tuple) else _TYPES[option.kind]
    shown = option.metavar or None
    return click.option(
        *names, type=kind, metavar=shown, help=option.help, multiple=option.many, default=option.default
    )


run_options = with_options(RUN)
