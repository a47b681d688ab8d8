"""`HalfCaught`: a handler that recovers, but not from all errors that a lost connection gives (HYG406).

try:
    self.conn.cursor().execute(sql)
except pymysql.OperationalError:     # not `InterfaceError`, which a closed connection raises
    self.connect()
    self.conn.cursor().execute(sql)
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dbhygiene.config.settings import Confidence
from dbhygiene.library.calls import NEVER_RETURN
from dbhygiene.library.resources import Loss
from dbhygiene.library.sqlalchemy import tests_invalidated
from dbhygiene.program.bindings import Place
from dbhygiene.program.callees import callees
from dbhygiene.program.code import calls_in, nodes_of
from dbhygiene.program.pings import loss_of
from dbhygiene.recovery.attempts import Attempt, attempts, queried_roots
from dbhygiene.recovery.conditions import Comparison, number_comparison, texts_of
from dbhygiene.recovery.errors import DJANGO, PEEWEE, SQLALCHEMY, ErrorClass, classes_of, libraries, tries
from dbhygiene.recovery.handles import variable_title
from dbhygiene.recovery.operations import is_harmless, of_block
from dbhygiene.source.file import File, scope_around, statement_around
from dbhygiene.source.nodes import FUNCTION, Located, is_none, last_name
from dbhygiene.source.records import Frozen

_MYSQL = (frozenset({2006}), frozenset({2013}))  # one group for each way to lose a connection
_NUMBERS = frozenset({2006, 2013, 2055})
_TIMED_OUT = 4031  # of MySQL 8.0.24 and later; MariaDB keeps 2006


class HalfCaught(Frozen):
    """The handler, or its test of a number or text, that leaves out some errors."""

    at: Located
    message: str
    confidence: Confidence = Confidence.LIKELY
    add_class: str = ""  # to the classes of this handler
    handler: ast.ExceptHandler | None = None
    comparison: Comparison | None = None
    add_numbers: tuple[int, ...] = ()
    reopens: tuple[Located, str] | None = None  # the call of the handler, and what comes of it
    advice: str = ""  # if there is neither a class nor a number to add


def half_caught(file: File) -> Iterator[HalfCaught]:
    seen: set[ast.AST] = set()
    for found in (*_classes(file), *_tests(file)):
        if found.at not in seen:
            seen.add(found.at)
            yield found


# -- classes ----------------------------------------------------------------------------------------------


def _classes(file: File) -> Iterator[HalfCaught]:
    for attempt in attempts(file):
        if attempt.escapes or not (attempt.reopened_by or attempt.recovered):
            continue
        loss = loss_of(attempt.library)
        if attempt.library == DJANGO:
            if found := _django(attempt):
                yield found
        elif loss is not None and (found := _driver(attempt, loss)):
            yield found


def _recovering_classes(attempt: Attempt) -> list[ErrorClass | None]:
    """Return the classes of the handlers of a `try` that do something about the error: not those that only log."""
    return [
        each
        for handler in attempt.node.handlers
        if handler is attempt.handler or _does_something(attempt.file, handler)
        for each in classes_of(attempt.file, handler)
    ]


def _does_something(file: File, handler: ast.ExceptHandler) -> bool:
    parts = list(nodes_of(handler.body))
    return any(isinstance(part, ast.Call) and not is_harmless(file, part) for part in parts)


def _covers(classes: list[ErrorClass | None], library: str, error: str) -> bool:
    return any(each is None or each.covers(library, error) for each in classes)


def _driver(attempt: Attempt, loss: Loss) -> HalfCaught | None:
    """Return the error of a driver that is left out: the first one, or that of each later use of a kept connection."""
    library, handler, title = attempt.library, attempt.handler, variable_title(attempt.root)
    classes = _recovering_classes(attempt)
    for error in sorted(loss.first):
        if not _covers(classes, library, error):
            text = f"a lost `{title}` first raises {error}, which this handler does not catch"
            sure = Confidence.POSSIBLE if _recovers_later(attempt, loss, classes) else Confidence.LIKELY
            return HalfCaught(handler, text, sure, add_class=error, handler=handler)
    for error in sorted(loss.pure):
        if not _covers(classes, library, error):
            text = f"without the driver's C extension, `{title}` raises {error}, which is not caught here"
            return HalfCaught(handler, text, add_class=error, handler=handler)
    if not _is_kept(attempt) or not attempt.reopened_by or not attempt.recovered:
        return None  # where nothing is repeated, the handler may only drop the connection
    if any(isinstance(each, ast.Call) and _ends_if_it_fails(attempt.file, each) for each in attempt.reopened_by):
        return None
    for error in sorted(loss.later - loss.first):
        if not _covers(classes, library, error) and not _drops_it(attempt):
            text = f"after a failed reconnect, `{title}` raises {loss.later_text}, which is not caught here"
            return HalfCaught(handler, text, add_class=error, handler=handler, reopens=_reopening_step(attempt, title))
    return None


def _ends_if_it_fails(file: File, call: ast.Call) -> bool:
    """Whether a call that opens the connection again ends the program if it cannot."""
    for found in callees(file, call, scope_around(file, call)).definitions:
        for handler in (part for part in ast.walk(found.node) if isinstance(part, ast.ExceptHandler)):
            if any(found.file.resolve(part.func) in NEVER_RETURN for part in calls_in(nodes_of(handler.body))):
                return True
    return False


def _reopening_step(attempt: Attempt, title: str) -> tuple[Located, str] | None:
    """Return what opens the connection again in a handler: it may fail while the server is away."""
    inside = set(nodes_of(attempt.handler.body))
    found = next(
        (each for each in attempt.reopened_by if each in inside and isinstance(each, (ast.expr, ast.stmt))), None
    )
    return (found, f"if this fails, too, `{title}` still holds the dead connection") if found is not None else None


def _recovers_later(attempt: Attempt, loss: Loss, classes: list[ErrorClass | None]) -> bool:
    """Whether the loss fails one call only: the next use of the kept connection raises what the handler catches."""
    covered = all(_covers(classes, attempt.library, error) for error in loss.later)
    return _is_kept(attempt) and bool(attempt.reopened_by) and covered


def _is_kept(attempt: Attempt) -> bool:
    """Whether a connection outlives the function: in a field, or in a variable of the module."""
    return isinstance(attempt.root, Place) and isinstance(attempt.root.scope.node, (ast.ClassDef, ast.Module))


def _drops_it(attempt: Attempt) -> bool:
    """Whether the handler forgets the old connection before it opens another one, or the `try` tests it first."""
    name = attempt.root.path.rpartition(".")[2] if isinstance(attempt.root, Place) else ""
    for part in nodes_of(attempt.handler.body):
        match part:
            case ast.Assign(targets=[target], value=ast.Constant(value=None)) if last_name(target) == name:
                return True
            case ast.Delete(targets=targets) if any(last_name(each) == name for each in targets):
                return True
    tested = (part for part in nodes_of(attempt.node.body) if isinstance(part, ast.Attribute))
    return any(part.attr in {"ping", "is_connected", "open", "closed"} for part in tested)


def _django(attempt: Attempt) -> HalfCaught | None:
    """Return a handler that closes Django's connection after InterfaceError alone, which is never the first error."""
    classes = _recovering_classes(attempt)
    if _covers(classes, DJANGO, "OperationalError") or not _covers(classes, DJANGO, "InterfaceError"):
        return None
    if not any(part is each for part in nodes_of(attempt.handler.body) for each in attempt.reopened_by):
        return None
    text = "a lost connection of Django's first raises OperationalError, which this handler does not catch"
    return HalfCaught(attempt.handler, text, add_class="OperationalError", handler=attempt.handler)


# -- numbers, states and texts ----------------------------------------------------------------------------


def _tests(file: File) -> Iterator[HalfCaught]:
    for handler, found in recovering_handlers(file):
        yield from _in_handler(file, handler, found)


def recovering_handlers(file: File) -> Iterator[tuple[ast.ExceptHandler, frozenset[str]]]:
    """Yield the handlers that name the error and recover from some of its kinds, each with the libraries it is of."""
    for _, node in tries(file):
        for handler in node.handlers:
            found = libraries(classes_of(file, handler))
            if found and handler.name is not None and _recovers(file, handler, node):
                if not _connects_itself(file, node, found):
                    yield handler, found


def _connects_itself(file: File, node: ast.Try, found: frozenset[str]) -> bool:
    """Whether each try opens a connection of its own, and queries on no other: 2013 may then mean a timeout."""
    opens = any(each.verb == "opens" for each in of_block(file, node.body).operations)
    return opens and not any(queried_roots(file, node, library) for library in found)


def _recovers(file: File, handler: ast.ExceptHandler, node: ast.Try) -> bool:
    """Whether a handler goes on after some of the errors: it raises the others, or calls something."""
    parts = list(nodes_of(handler.body))
    loop = any(isinstance(above, (ast.For, ast.While)) for above in _up_to_function(file, node))
    return _does_something(file, handler) or (loop and not isinstance(parts[-1], ast.Raise))


def _up_to_function(file: File, node: ast.AST) -> Iterator[ast.AST]:
    for above in file.around(node):
        if isinstance(above, FUNCTION):
            return
        yield above


def _in_handler(file: File, handler: ast.ExceptHandler, found: frozenset[str]) -> Iterator[HalfCaught]:
    parts = [part for part in nodes_of(handler.body) if isinstance(part, ast.expr)]
    comparisons = [each for part in parts if (each := number_comparison(file, part, handler.name)) is not None]
    texts = [text for part in parts for text in texts_of(file, part, handler.name)]
    numbers = {number for each in comparisons for number in each.numbers if number is not None}
    unknown = any(number is None for each in comparisons for number in each.numbers)
    if numbers & _NUMBERS and not texts and not unknown and not tests_invalidated(parts):
        for library in sorted(found):
            missing = _missing_numbers(library, numbers)
            if library == SQLALCHEMY and not any(_reads_original(each.asked) for each in comparisons):
                continue  # HYG404 reports that
            if missing:
                first = next(each for each in comparisons if set(each.numbers) & _NUMBERS)
                at = next(part for part in parts if number_comparison(file, part, handler.name) == first)
                if (not first.negated and _only_raises(file, at)) or "timeout" in file.segment(at).lower():
                    return  # it is about queries that take too long: 2013, too
                given = " or ".join(map(str, sorted(numbers & _NUMBERS)))
                other = " and ".join(map(str, missing))
                text = f"error {other} means a lost connection, too: this test names only {given}"
                added = tuple(sorted({*missing, _TIMED_OUT} - numbers))
                yield HalfCaught(at, text, handler=handler, comparison=first, add_numbers=added)
                return
    if "psycopg2" in found and not texts:
        yield from _states(handler, parts)
    if texts and not numbers & _NUMBERS:
        yield from _half_texts(handler, parts, texts, file, found)


def _reads_original(asked: ast.expr) -> bool:
    """Whether a number is read from the driver's error, or may be."""
    names = {last_name(part) for part in ast.walk(asked)}
    return bool(names & {"orig", "__cause__"}) or isinstance(asked, ast.Name)


def _only_raises(file: File, test: ast.expr) -> bool:
    """Whether the branch for a number ends by raising, too: nothing is recovered there."""
    branch = statement_around(file, test)
    return isinstance(branch, ast.If) and isinstance(branch.body[-1], ast.Raise)


def _missing_numbers(library: str, numbers: set[int]) -> tuple[int, ...]:
    """Return the numbers of a loss that are left out, of a driver that gives these numbers."""
    loss = loss_of(library)
    groups = loss.numbers if loss is not None else _MYSQL if library in {DJANGO, SQLALCHEMY, PEEWEE} else ()
    return tuple(sorted(min(group) for group in groups if not group & numbers))


def _states(handler: ast.ExceptHandler, parts: list[ast.expr]) -> Iterator[HalfCaught]:
    """Yield a test of psycopg2's `pgcode` for a lost connection, which may have none."""
    compared = [part for part in parts if isinstance(part, ast.Compare) and _is_pgcode(part.left)]
    if any(is_none(each) for part in compared for each in part.comparators):
        return
    negated = any(
        isinstance(part, ast.UnaryOp) and isinstance(part.op, ast.Not) and _is_pgcode(part.operand) for part in parts
    )
    for part in compared if not negated else ():
        named = [last_name(each) for each in ast.walk(part.comparators[0])] + [
            str(each.value) for each in ast.walk(part.comparators[0]) if isinstance(each, ast.Constant)
        ]
        if any(name.startswith(("CONNECTION_", "ADMIN_SHUTDOWN", "08", "57P")) for name in named):
            text = "for a lost connection, psycopg2's `pgcode` may be None, and no `if` here tests for that"
            yield HalfCaught(part, text, Confidence.CERTAIN, handler=handler, advice="test for None, too")
            return


def _is_pgcode(expr: ast.expr) -> bool:
    return isinstance(expr, ast.Attribute) and expr.attr in {"pgcode", "sqlstate"}


def _half_texts(
    handler: ast.ExceptHandler, parts: list[ast.expr], texts: list[str], file: File, found: frozenset[str]
) -> Iterator[HalfCaught]:
    """Yield a test for one of the two texts of MySQL's client library."""
    lower = [text.lower() for text in texts]
    gone = any("gone away" in text for text in lower)
    lost = any("lost connection" in text for text in lower)
    if gone == lost or not found - {"psycopg2", "psycopg"}:
        return
    others = (
        text.replace("reconnect", "") for text in lower if "lost connection" not in text and "gone away" not in text
    )
    if any("connect" in text for text in others):  # "Can't reconnect until ..." is the second error of a session
        return
    have, other = ("gone away", "Lost connection") if gone else ("Lost connection", "gone away")
    for part in parts:
        if any(have.lower() in text.lower() for text in texts_of(file, part, handler.name)):
            text = f"a lost connection may also give the text `{other}`: this test does not look for it"
            yield HalfCaught(part, text, handler=handler, advice=f"look for `{other}`, too")
            return
