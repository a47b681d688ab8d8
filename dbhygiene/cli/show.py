"""`dbhygiene check --show-files` and `--show-settings`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping

from dbhygiene.cli.run import printable_path
from dbhygiene.config.schema import KEYS, toml_value
from dbhygiene.config.settings import Declared
from dbhygiene.project.workspace import Member
from dbhygiene.servers.descriptions import describe_servers
from dbhygiene.servers.facts import server_facts


def files(members: Iterable[Member]) -> None:
    """Print the files, a line each."""
    for member in members:
        sys.stdout.writelines(f"{printable_path(path)}\n" for path in member.files)


def settings(members: Iterable[Member]) -> None:
    """Print the settings of each project as TOML, with the place of each as a comment."""
    for number, (project, *_) in enumerate(members):
        found = project.settings
        rows = []
        for key in KEYS:
            value = getattr(found, key.field)
            source = found.sources.get(key.name) or ("default" if value == key.default else "command line")
            rows.append((f"{key.name} = {_toml(value)}" if value is not None else f"# {key.name} is not set", source))
        width = min(60, max(len(text) for text, _ in rows))
        sys.stdout.write(f"{'' if number == 0 else chr(10)}# {printable_path(project.root)}\n")
        sys.stdout.writelines(f"{text.ljust(width)}  # {source}\n" for text, source in rows)
        sys.stdout.writelines(f"# server: {line}\n" for line in describe_servers(server_facts(project)))


def _toml(value: object) -> str:
    """Return a value as the configuration writes it."""
    if isinstance(value, Declared):
        said = ((name, getattr(value, name)) for name in Declared.__match_args__)
        value = {name.replace("_", "-"): each for name, each in said if each != getattr(Declared(), name)}
    if isinstance(value, Mapping):
        pairs = ", ".join(f"{json.dumps(key)} = {_toml(each)}" for key, each in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    return json.dumps(toml_value(value), ensure_ascii=False)
