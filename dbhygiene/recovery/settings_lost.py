"""`LostSetting`: a connection is set up once, and opened again elsewhere without that (HYG411).

self.conn = pymysql.connect(...)
self.conn.cursor().execute("SET time_zone = '+00:00'")   # in `connect`
self.conn.ping(reconnect=True)                           # in `query`: from here on, the server's own time zone
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from dbhygiene.library import drivers
from dbhygiene.program.bindings import Bindings, Place
from dbhygiene.program.code import calls_in, own_nodes
from dbhygiene.program.evaluation import evaluate
from dbhygiene.program.pings import loss_of, ping_reconnects
from dbhygiene.program.values import HOLE, patterns
from dbhygiene.recovery.handles import Handle, handle_of, owner_of
from dbhygiene.recovery.operations import of_binding
from dbhygiene.source.file import File
from dbhygiene.source.nodes import FUNCTION, Function, is_none, last_name
from dbhygiene.source.records import Frozen

_SETS = re.compile(r"\s*(?:SET\s+(?!GLOBAL|PASSWORD|(?:SESSION\s+)?TRANSACTION)|USE\s)", re.IGNORECASE)
_SETS_VARIABLE = re.compile(r"\s*SET\s", re.IGNORECASE)
_INIT_COMMAND = "init_command"
_HAVE_INIT_COMMAND = frozenset({"pymysql", "MySQLdb", "aiomysql"})  # they run it each time that they connect
_AGAIN = frozenset({"ping", "reconnect", "connect"})


class LostSetting(Frozen):
    """The call that opens a connection again, and the statement that set it up."""

    again: ast.Call
    setting: ast.Call
    title: Place
    opening: ast.Call | None = None  # of the connection, where it is set up by this statement alone
    statement: str = ""
    refusal: str = ""  # why the call that opens the connection cannot be given the statement


def lost_settings(file: File) -> Iterator[LostSetting]:
    several = list(_settings(file))
    settings = dict(several)
    if not settings:
        return
    for function in (code for code in file.functions if isinstance(code, FUNCTION)):
        done = {place for call in _calls(function) if (place := _set_place(file, call)) is not None}
        for call in _calls(function):
            place = _reopened_place(file, call)
            if place in settings and place not in done and not _is_repeated(file, place, settings[place]):
                assert place is not None
                alone = sum(each == place for each, _ in several) == 1
                fix = (
                    _opening_call(file, place, settings[place]) if alone else (None, "", "several statements set it up")
                )
                yield LostSetting(call, settings[place], place, *fix)


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


def _is_repeated(file: File, place: Place, setting: ast.Call) -> bool:
    """Whether a connection is opened with an `init_command` that does what a statement does."""
    for value in Bindings.of(file).values.get(place, ()):
        for word in value.keywords if isinstance(value, ast.Call) else ():
            if word.arg == _INIT_COMMAND:
                given = patterns(evaluate(file, word.value))
                return all(text.strip().rstrip(";") in given for text in patterns(evaluate(file, setting.args[0])))
    return False


def _opening_call(file: File, place: Place, setting: ast.Call) -> tuple[ast.Call | None, str, str]:
    """Return the call that opens a connection, and the statement that it can be given; else the reason why not."""
    values = [value for value in Bindings.of(file).values.get(place, ()) if not is_none(value)]
    texts = patterns(evaluate(file, setting.args[0]))
    call = values[0] if len(values) == 1 else None
    if not isinstance(call, ast.Call):
        return None, "", "it is opened in several places" if len(values) > 1 else "no call here opens it"
    if len(texts) != 1 or len(setting.args) > 1 or HOLE in texts[0]:
        return None, "", "the statement is only known at run time"
    found = drivers.driver((file.resolve(call.func) or "").partition(".")[0])
    given = [word.arg for word in call.keywords]
    takes = found is not None and found.package in _HAVE_INIT_COMMAND
    if not takes:
        return None, "", "cannot tell whether the call that opens it takes `init_command`"
    if None in given or _INIT_COMMAND in given:
        return None, "", "its options may contain `init_command` already"
    if not _SETS_VARIABLE.match(texts[0]):
        return None, "", "the statement selects a database"
    return call, texts[0].strip().rstrip(";"), ""


def _calls(function: Function) -> Iterator[ast.Call]:
    return calls_in(own_nodes(function))


def _set_place(file: File, call: ast.Call) -> Place | None:
    """Return the kept connection that a call of `execute` sets up."""
    if last_name(call.func) not in {"execute", "query"} or not call.args:
        return None
    texts = patterns(evaluate(file, call.args[0]))
    return _kept_place(owner_of(file, call)) if any(_SETS.match(text) for text in texts) else None


def _kept_place(owner: Handle | None) -> Place | None:
    root = owner.root if owner is not None else None
    is_kept = isinstance(root, Place) and isinstance(root.scope.node, (ast.ClassDef, ast.Module))
    return root if is_kept and isinstance(root, Place) else None


def _reopened_place(file: File, call: ast.Call) -> Place | None:
    """Return the kept connection that a method of a driver's connection opens again."""
    func = call.func
    if not isinstance(func, ast.Attribute) or func.attr not in _AGAIN:
        return None
    owner = handle_of(file, func.value)
    loss = loss_of(owner.library) if owner is not None and owner.kind == "connection" else None
    if owner is None or loss is None:
        return None
    again = ping_reconnects(file, call, owner.library) if func.attr == "ping" else func.attr in loss.opens_again
    return _kept_place(owner) if again else None
