"""`has_ping_listener`: whether a listener tests connections as they leave a pool, which pools can do themselves now.

@event.listens_for(engine, "checkout")
def ping(connection, record, proxy): ...     # true for the file of `engine`
"""

from __future__ import annotations

import ast

from dbhygiene.pools.sqlalchemy import LISTENERS, PINGS_AT
from dbhygiene.source.file import File

_EVERY_ENGINE = frozenset(
    {"sqlalchemy.pool.Pool", "sqlalchemy.pool.base.Pool", "sqlalchemy.engine.Engine", "sqlalchemy.Engine"}
)


def has_ping_listener(file: File) -> bool:
    """Whether a listener, of this file or another, tests the connections of a file's engines."""
    return _pings(file) or _has_listener_elsewhere(file)


def _pings(file: File) -> bool:
    """Whether a listener of this file tests connections as they leave a pool."""
    return any(
        len(call.args) > 1
        and isinstance(event := call.args[1], ast.Constant)
        and event.value in PINGS_AT
        and file.resolve(call.func) in LISTENERS
        for call in file.nodes(ast.Call)
    )


def _has_listener_elsewhere(file: File) -> bool:
    """Whether a listener in another file tests the connections of this file's engines, or of all."""
    for other in (found for event in sorted(PINGS_AT) for found in file.project.parsed_files_containing(event)):
        if other.path != file.path and _pings(other):
            for call in other.nodes(ast.Call):
                if call.args and other.resolve(call.func) in LISTENERS:
                    target = call.args[0].value if isinstance(call.args[0], ast.Attribute) else call.args[0]
                    names = {other.resolve(call.args[0]), other.resolve(target)} - {None}
                    if any(name in _EVERY_ENGINE or name.startswith(f"{file.module}.") for name in names if name):
                        return True
    return False
