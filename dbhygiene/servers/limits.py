"""`idle_limit`: the idle timeout of a connection, by the database and the host that its URL names; and other limits.

A provider's host name has the provider's limit; that of a proxy or a pooler, theirs. Else the database servers of the
repository count: a number in a file before the default of an image. Of several servers that it may be, the most
generous holds: a repository describes machines for development, too.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from math import inf

from dbhygiene.library.deployment import known_host
from dbhygiene.servers.endpoints import ANYWHERE, Endpoint
from dbhygiene.servers.model import Facts, Limit, Origin, Pooler, Server

_LOCAL = ("localhost", "127.0.0.1", "::1", "0.0.0.0", "host.docker.internal", "")
_POOLER_PORT = "6432"


def idle_limit(facts: Facts, database: str, places: Collection[Endpoint]) -> Limit | None:
    """Return the time after which the server of a connection closes it if it is idle; None if no file says so."""
    found = [_idle_limit(facts, database, place) for place in places or (ANYWHERE,)]
    return _largest(found)


def _idle_limit(facts: Facts, database: str, place: Endpoint) -> Limit | None:
    if (host := known_host(place.host)) is not None:
        return Limit(host.idle, "wait_timeout", Origin.HOST, image=host.provider) if host.idle else None
    if named := [proxy for proxy in facts.proxies if proxy.database == database and place.host in proxy.hosts]:
        return _largest(proxy.idle for proxy in named)
    poolers = [each for each in facts.poolers if place.host in each.hosts]
    if poolers:
        return _largest(each.idle for each in poolers)
    found = _limit_of_servers(facts, database, place, lambda server: server.idle)
    between = [proxy.idle for proxy in facts.proxies if proxy.database == database and place.host in _LOCAL]
    return _largest([found, *between])


def connection_limit(facts: Facts, database: str, places: Collection[Endpoint]) -> Limit | None:
    """Return the number of connections that a program's account may open; None if it is not known."""
    return _largest(_connection_limit(facts, database, place) for place in places or (ANYWHERE,))


def _connection_limit(facts: Facts, database: str, place: Endpoint) -> Limit | None:
    if (host := known_host(place.host)) is not None:
        return Limit(host.connections, "", Origin.HOST, image=host.provider) if host.connections else None
    if poolers := [each for each in facts.poolers if place.host in each.hosts]:
        return _largest(each.connections for each in poolers)
    if facts.poolers and database == "postgresql" and place.host in _LOCAL:
        return None
    return _limit_of_servers(facts, database, place, lambda server: server.connections)


def _limit_of_servers(
    facts: Facts, database: str, place: Endpoint, get: Callable[[Server], Limit | None]
) -> Limit | None:
    """Return the limit of the servers that an endpoint may be."""
    own = [server for server in facts.servers if server.database == database]
    services = [server for server in own if not server.is_standalone]
    named = [server for server in services if place.host in server.hosts]
    is_elsewhere = "." in place.host and place.host not in _LOCAL  # a full name is that of another machine
    if not named and not is_elsewhere:
        named = services
    known = [get(server) for server in named]
    if any(number is not None and number.origin is Origin.FILE for number in known):
        return _largest(known)
    alone = [number for server in own if server.is_standalone and (number := get(server)) is not None]
    return _largest(alone) if alone else _largest(known)


def _largest(numbers: Iterable[Limit | None]) -> Limit | None:
    """Return the largest of these numbers; None if one of them is not known."""
    found = list(numbers)
    known = [number for number in found if number is not None]
    if not known or len(known) < len(found):
        return None
    largest = max(known, key=lambda number: number.value)
    return None if largest.value == inf else largest


def pooler_between(facts: Facts, places: Collection[Endpoint]) -> tuple[Pooler, bool] | None:
    """Return a pooler that may give each transaction of a connection another session, and whether it is certain."""
    if not facts.poolers or not all(each.lends_by_transaction for each in facts.poolers):
        return None
    used = next((each for each in facts.poolers if each.is_used), None)
    first = used or facts.poolers[0]
    for place in places:
        if found := next((each for each in facts.poolers if place.host in each.hosts), None):
            return found, True
        if place.host in _LOCAL and place.host and place.port == _POOLER_PORT:
            return first, False
    return (used, False) if used is not None and set(places) <= {ANYWHERE} else None
