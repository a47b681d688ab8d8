"""`LostSetting`: a connection is set up once, and opened again elsewhere without that (HYG411).

self.conn = pymysql.connect(...)
self.conn.cursor().execute("SET time_zone = '+00:00'")   # in `connect`
self.conn.ping(reconnect=True)                           # in `query`: from here on, the server's own time zone
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from dbhygiene.gaps.pings import loss_of, ping_reconnects
from dbhygiene.program.bindings import Place
from dbhygiene.program.code import calls_in, own_nodes
from dbhygiene.program.evaluation import evaluate
from dbhygiene.program.values import patterns
from dbhygiene.recovery.handles import Handle, handle_of, owner_of
from dbhygiene.recovery.operations import of_binding
from dbhygiene.source.file import File
from dbhygiene.source.nodes import FUNCTION, Function, last_name
from dbhygiene.source.records import Frozen

_SETS = re.compile(r"\s*(?:SET\s+(?!GLOBAL|PASSWORD|(?:SESSION\s+)?TRANSACTION)|USE\s)", re.IGNORECASE)
_AGAIN = frozenset({"ping", "reconnect", "connect"})


class LostSetting(Frozen):
    """The call that opens a connection again, and the statement that set it up."""

    again: ast.Call
    setting: ast.Call
    title: Place


def lost_settings(file: File) -> Iterator[LostSetting]:
    settings = dict(_settings(file))
    if not settings:
        return
    for function in (code for code in file.functions if isinstance(code, FUNCTION)):
        done = {place for call in _calls(function) if (place := _set_place(file, call)) is not None}
        for call in _calls(function):
            place = _opened_again(file, call)
            if place in settings and place not in done:
                assert place is not None
                yield LostSetting(call, settings[place], place)


def _settings(file: File) -> Iterator[tuple[Place, ast.Call]]:
    """Yield the connections that a class or module keeps, each with a statement that sets it up where it is opened."""
    for function in (code for code in file.functions if isinstance(code, FUNCTION)):
        opened = {
            each.root
            for part in own_nodes(function)
            if isinstance(part, ast.Assign)
            for target in part.targets
            for each in of_binding(file, target)
        }
        for call in _calls(function):
            place = _set_place(file, call)
            if place is not None and place in opened:
                yield place, call


def _calls(function: Function) -> Iterator[ast.Call]:
    return calls_in(own_nodes(function))


def _set_place(file: File, call: ast.Call) -> Place | None:
    """Return the kept connection that a call of `execute` sets up."""
    if last_name(call.func) not in {"execute", "query"} or not call.args:
        return None
    texts = patterns(evaluate(file, call.args[0]))
    return _kept(owner_of(file, call)) if any(_SETS.match(text) for text in texts) else None


def _kept(owner: Handle | None) -> Place | None:
    root = owner.root if owner is not None else None
    is_kept = isinstance(root, Place) and isinstance(root.scope.node, (ast.ClassDef, ast.Module))
    return root if is_kept and isinstance(root, Place) else None


def _opened_again(file: File, call: ast.Call) -> Place | None:
    """Return the kept connection that a method of a driver's connection opens again."""
    func = call.func
    if not isinstance(func, ast.Attribute) or func.attr not in _AGAIN:
        return None
    owner = handle_of(file, func.value)
    loss = loss_of(owner.library) if owner is not None and owner.kind == "connection" else None
    if owner is None or loss is None:
        return None
    again = ping_reconnects(file, call, owner.library) if func.attr == "ping" else func.attr in loss.opens_again
    return _kept(owner) if again else None
