"""`dbhygiene config`."""

from __future__ import annotations

import sys
import textwrap

import click

from dbhygiene.cli.click_adapter import Command
from dbhygiene.config.errors import ALL_KEYS, UsageError, did_you_mean
from dbhygiene.config.schema import BY_NAME, KEYS, Key, schema, toml_value


def _names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Return the keys with this prefix, for completion."""
    return [name for name in BY_NAME if name.startswith(incomplete)]


@click.command("config", cls=Command)
@click.argument("names", nargs=-1, metavar="[KEY]...", shell_complete=_names)
@click.option("--schema", "as_schema", is_flag=True, help="Print the JSON schema of the table `[tool.dbhygiene]`.")
def command(names: tuple[str, ...], as_schema: bool) -> int:
    """List the settings. Prints each key of `[tool.dbhygiene]`, or only each KEY that you name, with an example."""
    if as_schema:
        import json

        sys.stdout.write(json.dumps(schema(), indent=2) + "\n")
        return 0
    for name in names:
        if name not in BY_NAME:
            raise UsageError(f"unknown key `{name}`{did_you_mean(name, BY_NAME, otherwise=ALL_KEYS)}")
    sys.stdout.write("\n".join(_describe(key) for key in KEYS if not names or key.name in names))
    return 0


def _describe(key: Key) -> str:
    import json

    default = "" if key.default is None or key.default == "" else f", {json.dumps(toml_value(key.default))} if not set"
    lines = [f"{key.kind.name}{default}".replace("`", ""), key.meaning]
    body = [textwrap.fill(line, 100, break_on_hyphens=False) for line in lines]
    example = textwrap.indent(key.example, "    ")
    return f"{key.name}\n" + textwrap.indent("\n".join([*body, "", example]), "    ") + "\n"
