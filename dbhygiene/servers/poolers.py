"""`pooler_of_file`: what PgBouncer does with sessions, by its file; `proxies`: what HAProxy does.

pool_mode = transaction              # in pgbouncer.ini: a `Pooler` with this mode
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from dbhygiene.library.deployment import MYSQL, POSTGRESQL, split_image
from dbhygiene.servers.model import FileLine, Limit, Origin, Pooler, Proxy
from dbhygiene.servers.option_files import ProxySection, haproxy_sections, ini_options, seconds
from dbhygiene.source.deployment import Deployment
from dbhygiene.source.lazy_pattern import lazy_pattern

_KEEPS_PREPARED = (1, 24)  # the first version of PgBouncer in which `max_prepared_statements` is on by default


def pooler_of_file(name: str, files: Deployment, hosts: frozenset[str], image: str = "") -> Pooler | None:
    """Return the pooler that a `pgbouncer.ini` describes; None if the file is none."""
    options = {each.name: each for each in ini_options(files.text(name)) if each.group in ("pgbouncer", "")}
    if not options:
        return None
    named = {key: (each.value, FileLine(name, each.line)) for key, each in options.items()}
    return _pooler(named.get("pool_mode", ("session", FileLine(name, 1))), named, hosts, image)


def pooler_of_environment(
    environment: Mapping[str, tuple[str, FileLine]], hosts: frozenset[str], image: str
) -> Pooler | None:
    """Return the pooler of an image that is set up by variables; None if they do not name its mode."""
    named = {key.removeprefix("PGBOUNCER_").lower(): value for key, value in environment.items()}
    mode = named.get("pool_mode")
    if mode is None:
        return None
    return _pooler(mode, named, hosts, image)


def _pooler(
    mode: tuple[str, FileLine], named: Mapping[str, tuple[str, FileLine]], hosts: frozenset[str], image: str
) -> Pooler:
    prepared = named.get("max_prepared_statements", ("", mode[1]))[0]
    return Pooler(
        mode[0].lower(),
        mode[1],
        hosts,
        _keeps_prepared_statements(prepared, image),
        image != "" and split_image(image)[1] in ("", "latest"),
        _number("max_client_conn", named),
        _number("client_idle_timeout", named),
    )


def _keeps_prepared_statements(written: str, image: str) -> bool | None:
    """Whether prepared statements survive, by the setting, or else by the version in the image; None if unknown."""
    if written:
        return not re.fullmatch(r"0+", written)
    version = re.match(r"v?(\d+)\.(\d+)", split_image(image)[1])
    return None if version is None else (int(version[1]), int(version[2])) >= _KEEPS_PREPARED


def _number(setting: str, options: Mapping[str, tuple[str, FileLine]]) -> Limit | None:
    value, place = options.get(setting, ("", None))
    found = seconds(value)
    return Limit(found, setting, Origin.PROXY, place) if found else None


# -- HAProxy ------------------------------------------------------------------------------------------------

_PORTS = {MYSQL: ("3306", "3307", "6033"), POSTGRESQL: ("5432", "5433")}
_PORT = lazy_pattern(r":(\d+)$")


def proxies(name: str, files: Deployment, hosts: frozenset[str]) -> Iterator[Proxy]:
    """Yield what HAProxy does with the connections to database servers, by the ports of each part of its file."""
    sections = haproxy_sections(files.text(name))
    backends = {section.name: section for section in sections if section.kind == "backend"}
    defaults = ProxySection("defaults", "")
    for section in sections:
        if section.kind == "defaults":
            defaults = section
        if section.kind not in ("listen", "frontend"):
            continue
        behind = section
        if (used := section.last("default_backend")) is not None and len(used[1]) > 1:
            behind = backends.get(used[1][1], section)
        mode = section.last("mode") or defaults.last("mode")
        database = _database(section, behind)
        if mode is None or mode[1][-1] != "tcp" or database is None:
            continue
        client = section.last("timeout", "client") or defaults.last("timeout", "client")
        server = behind.last("timeout", "server") or defaults.last("timeout", "server")
        times = [_timeout(found, name) for found in (client, server) if found is not None]
        known = [number for number in times if number is not None]
        yield Proxy(database, hosts, min(known, key=lambda number: number.value, default=None))


def _database(section: ProxySection, behind: ProxySection) -> str | None:
    ports = [port for line in section.all("bind") for word in line[1:2] if (port := _PORT.search(word))]
    ports += [port for line in behind.all("server") for word in line[2:3] if (port := _PORT.search(word))]
    for database, usual in _PORTS.items():
        if any(port[1] in usual for port in ports):
            return database
    checks = {line[1] for line in behind.all("option") if len(line) > 1}
    return MYSQL if "mysql-check" in checks else POSTGRESQL if "pgsql-check" in checks else None


def _timeout(found: tuple[int, tuple[str, ...]], name: str) -> Limit | None:
    number, words = found
    value = seconds(words[2], "ms") if len(words) > 2 else None
    setting = " ".join(words[:2])
    return Limit(value, setting, Origin.PROXY, FileLine(name, number)) if value else None
