"""`ping_reconnects`: whether a call of `ping` opens a lost connection again, by its driver's facts and version.

conn.ping(reconnect=True)            # with pymysql, it does
"""

from __future__ import annotations

import ast
from functools import cache

from dbhygiene.library import drivers
from dbhygiene.library.resources import Loss
from dbhygiene.source.file import File


@cache
def loss_of(library: str) -> Loss | None:
    """Return how a connection of a driver shows that it is lost."""
    found = drivers.driver(library.partition(".")[0]) if library else None
    return found.loss if found is not None and found.package == library else None


def ping_reconnects(file: File, call: ast.Call, library: str) -> bool | None:
    """Whether a `ping` opens a lost connection again; None if it does in some versions of the driver."""
    loss = loss_of(library)
    if loss is None:
        return None
    given = [*call.args[:1], *(word.value for word in call.keywords if word.arg in {"reconnect", None})]
    if given and loss.ping_takes:
        return not (isinstance(given[0], ast.Constant) and not given[0].value)
    found = drivers.driver(library.partition(".")[0])
    for name in found.distributions if found is not None else ():
        if (lowest := file.project.version_of(name)) is not None:
            return loss.ping_reconnects(lowest, file.project.version_below(name))
    return loss.ping_reconnects(None, None)
