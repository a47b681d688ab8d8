"""`rounds_by_counter`: how often a `while` loop goes round that counts, or how long it lasts if it counts the time.

left = 30
while left > 0:                      # 6 rounds
    time.sleep(5)
    left -= 5
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Iterable, Iterator, Sequence

from dbhygiene.gaps.call_durations import seconds, seconds_at_entry
from dbhygiene.gaps.duration import FOR_EVER, Duration, Rounds
from dbhygiene.library.waits import WAITS
from dbhygiene.program.bindings import Bindings, Place
from dbhygiene.program.code import calls_in
from dbhygiene.program.evaluation import evaluate
from dbhygiene.program.values import Constant, options
from dbhygiene.source.file import File
from dbhygiene.source.records import Row

_OPPOSITE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    **{ast.Lt: ast.GtE, ast.LtE: ast.Gt, ast.Gt: ast.LtE, ast.GtE: ast.Lt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq}
}
_SWAPPED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    **{ast.Lt: ast.Gt, ast.LtE: ast.GtE, ast.Gt: ast.Lt, ast.GtE: ast.LtE, ast.NotEq: ast.NotEq, ast.Eq: ast.Eq}
}
_UP, _DOWN = (ast.Lt, ast.LtE), (ast.Gt, ast.GtE)


class _Condition(Row):
    """A condition on which a loop goes on: a counter, and the end with which it is compared."""

    counter: ast.expr
    op: type[ast.cmpop]
    end: ast.expr


class _Counter(Row):
    """A variable that a loop changes: the expressions that it begins with, and those by which it changes."""

    starts: Sequence[ast.expr]
    steps: Sequence[ast.expr]


def rounds_by_counter(file: File, loop: ast.While, test: ast.expr, *, ends: bool) -> Rounds | None:
    """Return how often a loop goes round; None if the test reads no counter.

    Arguments:
        ends: whether the loop ends if the test is true, rather than if it is false.
    """
    for counter, op, end in _conditions(test, ends=ends):
        if (found := _counter(file, loop, counter, op)) is not None:
            return _rounds(file, loop, _Condition(counter, op, end), found)
    return None


def _conditions(test: ast.expr, *, ends: bool) -> Iterator[_Condition]:
    """Yield what a test says of a variable while the loop goes on: each side of a comparison may be the counter."""
    match test:
        case ast.UnaryOp(op=ast.Not(), operand=inner):
            yield from _conditions(inner, ends=not ends)
        case ast.Name() | ast.Attribute() if not ends:
            yield _Condition(test, ast.Gt, ast.Constant(0))
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _OPPOSITE:
            going = _OPPOSITE[type(op)] if ends else type(op)
            for counter, kind, end in ((left, going, right), (right, _SWAPPED[going], left)):
                if isinstance(counter, (ast.Name, ast.Attribute)):
                    yield _Condition(counter, kind, end)


def _counter(file: File, loop: ast.While, counter: ast.expr, op: type[ast.cmpop]) -> _Counter | None:
    """Return the starts and the steps of a variable that a loop counts; None if the loop does not count it."""
    bindings = Bindings.of(file)
    if (place := bindings.place(counter)) is None:
        return None
    values = bindings.values.get(place, [])
    changes = [value for value in values if isinstance(value, ast.BinOp) and _is_of(bindings, value.left, place)]
    starts = [value for value in values if value not in changes]
    within = [each for each in changes if _is_within(each, loop)]
    if not within or any(_is_within(each, loop) for each in starts):
        return None
    kinds = {type(each.op) for each in within}
    if kinds == {ast.Add} and op in (*_UP, ast.NotEq):
        return _Counter(starts, [each.right for each in within])
    if kinds == {ast.Sub} and op in (*_DOWN, ast.NotEq):
        return _Counter(starts, [each.right for each in within])
    return None


def _is_of(bindings: Bindings, expr: ast.expr, place: Place) -> bool:
    return isinstance(expr, (ast.Name, ast.Attribute)) and bindings.place(expr) == place


def _is_within(expr: ast.expr, loop: ast.While) -> bool:
    return loop.lineno <= expr.lineno <= (loop.end_lineno or loop.lineno)


def _rounds(file: File, loop: ast.While, going: _Condition, counter: _Counter) -> Rounds | None:
    step = min((_number(file, each, min) or 0 for each in counter.steps), default=0)
    counts_down = going.op in _DOWN or (going.op is ast.NotEq and _is_zero(file, going.end))
    span = _span(file, going, counter, counts_down=counts_down)
    if span is not None and (step > 0 or not counts_down):
        step = step if step > 0 else 1
        count = span / step
        rounds = math.floor(count) + 1 if going.op in (ast.LtE, ast.GtE) else math.ceil(count)
        return Rounds(1, max(rounds, 0), max(rounds, 0))
    if _counts_time(file, loop, counter):
        limit = _start(file, going.counter, counter) if counts_down else seconds(file, going.end)
        return Rounds(1, FOR_EVER, FOR_EVER, limit if limit.likely < FOR_EVER else Duration(most=FOR_EVER))
    return None


def _is_zero(file: File, end: ast.expr) -> bool:
    return _number(file, end, max) == 0


def _span(file: File, going: _Condition, counter: _Counter, *, counts_down: bool) -> float | None:
    """Return how far a counter is from its end at first; None if that is not known."""
    if counts_down:
        first, end = _start(file, going.counter, counter), _number(file, going.end, min)
        return first.most - end if first.most < FOR_EVER and end is not None else None
    last = _number(file, going.end, max)
    starts = [_number(file, each, min) for each in counter.starts]
    first_ = min((each for each in starts if each is not None), default=0)
    return last - first_ if last is not None else None


def _start(file: File, name: ast.expr, counter: _Counter) -> Duration:
    """Return the number that a counter begins with, of which it counts down."""
    found = [seconds(file, each) for each in counter.starts]
    if not found and isinstance(name, ast.Name):
        found = [seconds_at_entry(file, name)]
    if not found:
        return Duration(most=FOR_EVER)
    return Duration(
        min(each.least for each in found), max(each.likely for each in found), max(each.most for each in found)
    )


def _counts_time(file: File, loop: ast.While, counter: _Counter) -> bool:
    """Whether a counter changes by what each round sleeps: `time.sleep(step)` and `left -= step`."""
    steps = {ast.unparse(each) for each in counter.steps}
    sleeps = (call for call in calls_in(ast.walk(loop)) if call.args)
    return any(
        (wait := WAITS.get(file.resolve(call.func) or "")) is not None
        and wait.seconds is not None
        and ast.unparse(call.args[0]) in steps
        for call in sleeps
    )


def _number(file: File, expr: ast.expr, of: Callable[[Iterable[float]], float]) -> float | None:
    """Return the least or the largest number that an expression may be; None if one of its values is not known."""
    found = [option.value if isinstance(option, Constant) else None for option in options(evaluate(file, expr))]
    numbers = [number for number in found if isinstance(number, (int, float)) and not isinstance(number, bool)]
    return of(numbers) if numbers and len(numbers) == len(found) else None
