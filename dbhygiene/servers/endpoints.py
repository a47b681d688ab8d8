"""`Endpoint`: the host and port that a URL names, as far as its value is known.

"mysql://db:3307/shop"               # Endpoint("db", "3307")
"""

from __future__ import annotations

from dbhygiene.program.values import HOLE, Called, Constant, Text, Value, options, patterns
from dbhygiene.source.lazy_pattern import lazy_pattern
from dbhygiene.source.records import Record

_AUTHORITY = lazy_pattern(r"^[\w+.]+://(?:[^/@?]*@)?([^/:?@]*)(?::(\d+))?")
_SAME_URL = (".set", ".render_as_string", ".__to_string__", ".update_query_dict", ".unicode_string")


class Endpoint(Record):
    """Where a program connects to. An empty host is not known."""

    host: str = ""
    port: str = ""


ANYWHERE = Endpoint()


def endpoints(url: Value) -> frozenset[Endpoint]:
    """Return the endpoints that a URL may name."""
    found: set[Endpoint] = set()
    for option in options(url):
        match option:
            case Constant(value=None):
                continue
            case Constant(value=str()) | Text():
                found |= {_endpoint_of_pattern(pattern) for pattern in patterns(option)}
            case Called():
                found |= _endpoints_of_call(option)
            case _:
                found.add(ANYWHERE)
    return frozenset(found or {ANYWHERE})


def _endpoint_of_pattern(pattern: str) -> Endpoint:
    found = _AUTHORITY.match(pattern)
    if found is None or HOLE in found[1]:
        return ANYWHERE
    return Endpoint(found[1].lower(), found[2] or "")


def _endpoints_of_call(call: Called) -> frozenset[Endpoint]:
    items = call.keywords.items
    if "host" in items:
        return frozenset(host_endpoints(items["host"], items.get("port")))
    if call.receiver is not None and call.name in _SAME_URL:
        return endpoints(call.receiver)
    if call.arguments and call.name.rpartition(".")[2] in ("make_url", "str", "URL", "SecretStr"):
        return endpoints(call.arguments[0])
    return frozenset({ANYWHERE})


def host_endpoints(host: Value, port: Value | None = None) -> frozenset[Endpoint]:
    """Return the endpoints of a host and a port that are given apart."""
    number = str(port.value) if isinstance(port, Constant) and port.value is not None else ""
    return frozenset(Endpoint("" if HOLE in name else name.lower(), number) for name in patterns(host))
