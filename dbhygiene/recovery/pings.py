"""`UselessPing`: a call that should bring a lost connection back, but does not reconnect (HYG402).

except OperationalError:
    conn.ping()                  # MySQLdb: raises
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from dbhygiene.config.settings import Confidence
from dbhygiene.library.resources import Loss
from dbhygiene.program.arguments import has_parameter
from dbhygiene.program.bindings import Place
from dbhygiene.program.callers import callers
from dbhygiene.program.code import nodes_of
from dbhygiene.program.pings import loss_of, ping_reconnects
from dbhygiene.recovery.attempts import Attempt, attempts, retries
from dbhygiene.recovery.errors import DJANGO, SQLALCHEMY, classes_of
from dbhygiene.recovery.handles import Handle, handle_of, owner_of
from dbhygiene.recovery.operations import has_query, of_call
from dbhygiene.source.file import File, function_around
from dbhygiene.source.lazy_pattern import lazy_pattern
from dbhygiene.source.nodes import FUNCTION, Function, last_name, short_name
from dbhygiene.source.records import Frozen

_UNKNOWN = "cannot tell how the connection was opened"
_TELLS = lazy_pattern(r"(?:^|_)(?:is|has|check|ping|alive|healthy?|ready|test)(?:_|$)", re.IGNORECASE)


class UselessPing(Frozen):
    """The call, what it does not do, what does, and why no fix does that."""

    call: ast.Call
    message: str
    advice: str
    refusal: str
    confidence: Confidence = Confidence.CERTAIN
    can_reconnect: bool = False  # by an argument
    again: ast.Call | None = None


def useless_pings(file: File) -> Iterator[UselessPing]:
    seen: set[ast.AST] = set()
    for attempt in attempts(file):
        found = useless_in_handler(attempt)
        if found is not None and found.call not in seen:
            seen.add(found.call)
            yield found
    for found in (*_refused_pings(file), *_unguarded_pings(file)):
        if found.call not in seen:
            seen.add(found.call)
            yield found


def useless_in_handler(attempt: Attempt) -> UselessPing | None:
    """Return a call of a handler that opens nothing, if the connection is queried again after it."""
    file = attempt.file
    again = retries(attempt) or (attempt.recovered if _only_pings(attempt) else ())
    if not again or attempt.escapes:
        return None
    for part in nodes_of(attempt.handler.body):
        if isinstance(part, ast.Call) and (found := _useless(file, part, attempt, again[0])) is not None:
            if all(by is part for by in attempt.reopened_by):
                return found
    return None


def _only_pings(attempt: Attempt) -> bool:
    """Whether nothing but a `ping` may have opened the connection again."""
    return all(isinstance(by, ast.Call) and last_name(by.func) == "ping" for by in attempt.reopened_by)


def _useless(file: File, call: ast.Call, attempt: Attempt, again: ast.Call) -> UselessPing | None:
    owner = owner_of(file, call)
    method = last_name(call.func)
    if owner is None:
        return None
    if method == "ping" and owner.root == attempt.root:
        return _ping(file, call, owner, again)
    if attempt.library == SQLALCHEMY and method in {"dispose", "expire_all"} and owner.library == SQLALCHEMY:
        if method == "dispose" and isinstance(attempt.root, Place) and _is_session(file, attempt):
            text = "`dispose()` leaves the session its dead connection: its next query raises an error"
            refusal = "a rollback also drops earlier writes"
            return UselessPing(call, text, "roll the session back", refusal, again=again)
    if attempt.library == DJANGO and owner.library == DJANGO and method == "ensure_connection":
        text = "`ensure_connection()` does nothing while Django still holds the dead connection"
        advice = "call `connection.close()`: the next query connects again"
        return UselessPing(call, text, advice, "a transaction may be open here", again=again)
    if method == "reset" and owner.root == attempt.root and owner.library in {"psycopg2", "psycopg"}:
        text = "`reset()` raises on a lost connection: it does not open it again"
        return UselessPing(call, text, "open a new connection", _UNKNOWN, again=again)
    return None


def _is_session(file: File, attempt: Attempt) -> bool:
    held = [handle_of(file, call.func.value) for call in attempt.asked if isinstance(call.func, ast.Attribute)]
    return any(each is not None and each.kind == "session" for each in held)


def _ping(file: File, call: ast.Call, owner: Handle, again: ast.Call | None) -> UselessPing | None:
    reconnects = ping_reconnects(file, call, owner.library)
    loss = loss_of(owner.library)
    if reconnects or loss is None or not loss.pings or owner.kind != "connection":
        return None
    since = "" if reconnects is False else " (PyMySQL 1.2 and newer)"
    text = f"if the connection is lost, `{short_name(call.func)}()` raises and does not reconnect{since}"
    confidence = Confidence.CERTAIN if reconnects is False else Confidence.POSSIBLE
    advice, refusal = "open a new connection", "this driver has no supported call that reconnects"
    return UselessPing(call, text, advice, refusal, confidence, bool(loss.ping_names and loss.opens_again), again)


def _refused_pings(file: File) -> Iterator[UselessPing]:
    """Yield each `ping` with arguments that a driver does not take: it never reaches the server."""
    for call in file.calls.get("ping", ()):
        if not (call.args or call.keywords) or (owner := owner_of(file, call)) is None:
            continue
        if owner.kind != "connection" or _catches_type_error(file, call):
            continue
        for library in sorted(owner.either or {owner.library}):
            if (loss := loss_of(library)) is not None and loss.pings and _refuses(loss, call):
                what = "takes no keyword arguments" if loss.ping_takes else "takes no arguments"
                text = f"`{short_name(call.func)}()` of {library} {what}: this raises a TypeError"
                sure = Confidence.LIKELY if owner.either else Confidence.CERTAIN
                yield UselessPing(call, text, "open a new connection", _UNKNOWN, sure)
                break


def _refuses(loss: Loss, call: ast.Call) -> bool:
    positions = [each for each in call.args if not isinstance(each, ast.Starred)]
    names = {word.arg for word in call.keywords if word.arg is not None}
    return len(positions) > loss.ping_takes or not names <= loss.ping_names


def _catches_type_error(file: File, node: ast.AST) -> bool:
    around = (above for above in file.around(node) if isinstance(above, ast.Try))
    named = (each for above in around for handler in above.handlers for each in classes_of(file, handler))
    return any(each is not None and each.name == "TypeError" for each in named)


def _unguarded_pings(file: File) -> Iterator[UselessPing]:
    """Yield each `ping()` whose error no handler catches, although the connection is used after it."""
    for call in file.calls.get("ping", ()):
        if not isinstance(call.func, ast.Attribute) or not file.is_discarded(call):
            continue
        owner = handle_of(file, call.func.value)
        function = function_around(file, call)
        if owner is None or owner.library == DJANGO or function is None or _is_guarded(file, call, function):
            continue
        if (
            isinstance(owner.root, Place)
            and owner.root.scope.node is function
            and not has_parameter(function, owner.root.path)
        ):
            continue  # it has just been opened
        if _TELLS.search(function.name) or not _is_used_after(file, function, call, owner):
            continue
        if (found := _ping(file, call, owner, None)) is not None:
            yield found


def _is_guarded(file: File, call: ast.Call, function: Function) -> bool:
    """Whether a handler may catch the error of a call, here or around a call of its function."""
    return _in_try(file, call) or any(_in_try(other, outer) for other, outer, _ in callers(file, function))


def _in_try(file: File, node: ast.AST) -> bool:
    below: ast.AST = node
    for above in file.around(node):
        if isinstance(above, ast.Try) and above.handlers and below in above.body:
            return True
        if isinstance(above, (ast.With, ast.AsyncWith)) and any(
            last_name(item.context_expr.func) in {"suppress", "raises"}
            for item in above.items
            if isinstance(item.context_expr, ast.Call)
        ):
            return True
        if isinstance(above, FUNCTION):
            return False
        below = above
    return False


def _is_used_after(file: File, function: Function, ping: ast.Call, owner: Handle) -> bool:
    """Whether a function queries on a connection after a `ping`, or returns it."""
    place = (ping.lineno, ping.col_offset)
    for part in nodes_of(function.body):
        if isinstance(part, ast.Call) and part is not ping and (part.lineno, part.col_offset) > place:
            if has_query(each for each in of_call(file, part).operations if each.root == owner.root):
                return True
        if isinstance(part, ast.Return) and part.value is not None and part.lineno > ping.lineno:
            held = handle_of(file, part.value)
            if held is not None and held.root == owner.root:
                return True
    return False
