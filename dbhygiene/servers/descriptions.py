"""`describe_servers`: lines that describe the servers of a repository: for `doctor` and `check --show-settings`.

MySQL `db` (compose.yml:3): 600 s (`wait_timeout`, compose.yml:4), 151 connections (...)
"""

from __future__ import annotations

from collections.abc import Iterator
from math import inf

from dbhygiene.diagnostics.quantities import number_text
from dbhygiene.servers.model import Facts, Limit, ServingCommand

_TITLES = {"mysql": "MySQL", "postgresql": "PostgreSQL"}


def describe_servers(facts: Facts) -> Iterator[str]:
    """Yield a line for each server, proxy, pooler and command, with the places; each line once."""
    yield from dict.fromkeys(_lines(facts))


def _lines(facts: Facts) -> Iterator[str]:
    for server in facts.servers:
        names = f" `{'`, `'.join(sorted(server.hosts))}`" if server.hosts else ""
        known = [
            _number_with_source(number, noun)
            for number, noun in ((server.idle, "s"), (server.connections, "connections"))
            if number and number.value != inf
        ]
        yield f"{_TITLES[server.database]}{names} ({server.place}): {', '.join(known) or 'no limits known'}"
    for proxy in facts.proxies:
        if proxy.idle is not None:
            yield f"proxy of {_TITLES[proxy.database]}: {_number_with_source(proxy.idle, 's')}"
    for pooler in facts.poolers:
        kept = ", keeps prepared statements" if pooler.keeps_prepared else ""
        yield f"PgBouncer ({pooler.place}): may give each {pooler.mode} another session{kept}"
    for command in facts.commands:
        if command.application and not command.is_development:
            yield _command(command)


def _number_with_source(number: Limit, noun: str) -> str:
    return f"{number_text(number.value)} {noun} ({number.source})"


def _command(command: ServingCommand) -> str:
    threads = f"at least {number_text(command.threads)}"
    if command.threads == inf:
        threads = "any number of" if command.interface else "an unknown number of"
    nouns = "process" if command.processes == 1 else "processes"
    containers = f"{command.replicas} containers with " if command.replicas > 1 else ""
    return (
        f"{command.program} runs `{command.application}` ({command.place}):"
        f" {containers}at least {command.processes} {nouns}, each with {threads} requests or tasks at a time"
    )
