"""`duration`: how long a call waits, by the values of its arguments.

time.sleep(options["pause"])         # the default of the command's option `pause`
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Sequence

from dbhygiene.gaps.django_settings import settings_files
from dbhygiene.gaps.duration import FEW, FOR_EVER, LONG_TIMEOUT, SHORTEST_TIMEOUT, UNBOUNDED, Duration
from dbhygiene.gaps.quick_commands import is_quick
from dbhygiene.library.schedulers import UNITS
from dbhygiene.library.waits import (
    CLOCKS,
    CONSENT,
    CONSENTS,
    ITEM_LIMITS,
    LIMITS,
    RANDOM_NUMBERS,
    RANDOM_PARTS,
    WaitingCall,
    WaitKind,
)
from dbhygiene.program.arguments import argument, bind_arguments, defaults, has_parameter, has_unpacked
from dbhygiene.program.bindings import Bindings, Place
from dbhygiene.program.callers import callers
from dbhygiene.program.definitions import Definition
from dbhygiene.program.evaluation import evaluate, evaluate_member
from dbhygiene.program.hierarchy import subclasses_binding
from dbhygiene.program.origins import ExpressionAt, behind, values_of
from dbhygiene.program.values import UNKNOWN, Called, Constant, Value, calculate, options, patterns
from dbhygiene.source.closure import closure
from dbhygiene.source.file import File, statement_around
from dbhygiene.source.nodes import FUNCTION, Function, is_none, keyword_value, statements_before, walk
from dbhygiene.source.queries import recursive_query

_TIMEDELTA = ("days", "seconds", "microseconds", "milliseconds", "minutes", "hours", "weeks")  # its parameters
_UNITS = UNITS | {"milliseconds": 1e-3, "microseconds": 1e-6}
_LONG_UNITS = ("minutes", "hours", "days", "minute", "hour", "mins", "hrs")


def duration(file: File, call: ast.Call, wait: WaitingCall, quick: Collection[str] = ()) -> Duration:
    """Return how long a call that waits may last, if these parameters of its function are quick commands."""
    if wait.seconds is not None:
        given = argument(call, *wait.seconds)
        return seconds(file, given) if given is not None else Duration(most=FOR_EVER)
    if wait.kind is WaitKind.PROCESS and is_quick(file, call, quick):
        return Duration()
    likely = FOR_EVER if wait.kind.is_long else wait.usual
    timeout = argument(call, *wait.timeout) if wait.timeout else None
    if timeout is None and _never_blocks(call):
        return Duration()
    if timeout is None or is_none(timeout):
        return Duration(0.0, min(likely, wait.bound), wait.bound)
    bound = seconds(file, timeout)
    if wait.kind is WaitKind.HTTP and bound.least >= LONG_TIMEOUT:
        likely = FOR_EVER  # of minutes: such a request is known to last long
    if wait.kind is not WaitKind.EVENT and bound.likely < SHORTEST_TIMEOUT:
        likely = 0.0  # a poll uses up its timeout; a job with a timeout of seconds ends before it
    # An unknown timeout is a timeout all the same: a programmer does not choose one of minutes by accident.
    return Duration(0.0, min(likely, bound.likely), bound.most)


def duration_by_name(file: File, call: ast.Call) -> Duration:
    """Return how long a call that waits by its name may last: an argument that may be a limit bounds it."""
    limits = [word.value for word in call.keywords if word.arg and LIMITS.search(word.arg)]
    limits += [each for each in call.args if isinstance(each, ast.Constant) and _is_number(each.value)]
    return Duration(0.0, 0.0, seconds(file, limits[0]).most) if limits else UNBOUNDED


def item_duration(file: File, iterated: ast.expr, name: str) -> Duration:
    """Return how long a loop may wait for an item of a stream of this name: an option that made it may limit that."""
    if name not in ITEM_LIMITS:
        return UNBOUNDED
    option, unit = ITEM_LIMITS[name]
    limits = []
    for made in [ExpressionAt(file, iterated)] if isinstance(iterated, ast.Call) else values_of(file, iterated):
        given = keyword_value(made.expr, option) if isinstance(made.expr, ast.Call) else None
        if given is None or is_none(given):
            return UNBOUNDED
        limits.append(seconds(made.file, given))
    longest = max(limits, key=lambda limit: (limit.most, limit.likely), default=UNBOUNDED)
    return Duration(0.0, longest.likely * unit, longest.most * unit)


def poll_duration(file: File, call: ast.Call, lasts: Duration) -> Duration:
    """Return how long a wait may last in a loop that a clock may end: with a limit of seconds, it ends early."""
    for around in file.around(call):
        if isinstance(around, (*FUNCTION, ast.Lambda)):
            break
        if isinstance(around, ast.While):
            ending = [
                around.test,
                *(part.test for part in ast.walk(around) if isinstance(part, ast.If) and _leaves(part)),
            ]
            parts = (part for test in ending for part in ast.walk(test) if isinstance(part, ast.Compare))
            limit = shortest(found for part in parts if (found := limit_by_clock(file, part)) is not None)
            if limit is not None and limit.likely < SHORTEST_TIMEOUT:
                return Duration(most=lasts.most)
    return lasts


def asks_for_consent(file: File, call: ast.Call) -> bool:
    """Whether a call that waits for a person offers a yes or a no, in its prompt or in a line printed before."""
    if file.resolve(call.func) in CONSENTS:
        return True
    asked = call.args or _printed_before(file, call)
    texts = patterns(evaluate(file, asked[0])) if asked else []
    texts += _strings(asked)  # of a text that is translated or formatted
    return any(CONSENT.search(text) for text in texts)


def _printed_before(file: File, call: ast.Call) -> list[ast.expr]:
    """Return what the statement before a call prints, or writes."""
    if (statement := statement_around(file, call)) is None:
        return []
    match statements_before(file.parents[statement], statement):
        case [*_, ast.Expr(value=ast.Call(args=printed))]:
            return printed
    return []


def _strings(nodes: Iterable[ast.expr]) -> list[str]:
    parts = (part for node in nodes for part in walk(node) if isinstance(part, ast.Constant))
    return [part.value for part in parts if isinstance(part.value, str)]


def _leaves(branch: ast.If) -> bool:
    return isinstance(branch.body[-1], (ast.Break, ast.Return, ast.Raise))


def shortest(limits: Iterable[Duration]) -> Duration | None:
    """Return the shortest of some limits; None if there is none."""
    return min(limits, key=lambda limit: (limit.likely, limit.most), default=None)


def limit_by_clock(file: File, test: ast.expr) -> Duration | None:
    """Return the time that a test such as `time.time() - start > 30` allows; None if it does not read a clock."""
    match test:
        case ast.Compare(left=left, ops=[ast.Lt() | ast.LtE() | ast.Gt() | ast.GtE()], comparators=[right]):
            for clock, end in ((left, right), (right, left)):
                owner, read = _without_unit(*behind(file, clock))
                match read:
                    case ast.BinOp(left=now, op=ast.Sub(), right=start):
                        if _is_clock(owner, now) or _is_clock(owner, start):
                            return seconds(file, end)
                    case now if _is_clock(owner, now):
                        return _until(*behind(file, end))
    return None


def _until(file: File, end: ast.expr) -> Duration:
    """Return the time to a point that is written as `time.time() + 30`; any other point bounds the wait, too."""
    match end:
        case ast.BinOp(left=now, op=ast.Add(), right=limit) if _is_clock(file, now):
            return seconds(file, limit)
    return Duration(most=FOR_EVER)


def _is_clock(file: File, expr: ast.expr) -> bool:
    owner, made = behind(file, expr)
    return isinstance(made, ast.Call) and owner.resolve(made.func) in CLOCKS


def _without_unit(file: File, expr: ast.expr) -> ExpressionAt:
    """Return `now - start` of `(now - start).total_seconds()`."""
    match expr:
        case (
            ast.Attribute(value=inner, attr="seconds") | ast.Call(func=ast.Attribute(value=inner, attr="total_seconds"))
        ):
            return behind(file, inner)
    return ExpressionAt(file, expr)


def seconds(file: File, expr: ast.expr) -> Duration:
    """Return the number of seconds that an expression may be."""
    known = [_as_number(part) for option in _options(file, expr) for part in _values_by_environment(option)]
    numbers = [option.value for option in known if isinstance(option, Constant) and _is_number(option.value)]
    unknown = len(numbers) < len(known)
    if not numbers:
        return Duration(0.0, FOR_EVER if _is_long(file, expr) else _per_item(file, expr) * FEW, FOR_EVER)
    if not unknown and len(set(numbers)) > 1 and _is_random(file, expr):
        return Duration(min(numbers), (min(numbers) + max(numbers)) / 2, max(numbers))
    if unknown:
        default = _is_option(file, expr) or _is_setting(file, expr)
        return Duration(min(numbers) if default else 0.0, max(numbers), FOR_EVER)
    return Duration(min(numbers), max(numbers), max(numbers))


def largest(file: File, expr: ast.expr) -> float | None:
    """Return the largest number that an expression may be; None if one of its values is not known."""
    found = [option.value if isinstance(option, Constant) else None for option in _options(file, expr)]
    return max(found) if found and all(map(_is_number, found)) else None  # type: ignore[type-var]


def _is_random(file: File, expr: ast.expr) -> bool:
    """Whether a number is chosen at random between its bounds."""
    found = (part.expr for part in closure(ExpressionAt(file, expr), _operands))
    return any(isinstance(each, ast.Call) and file.resolve(each.func) in RANDOM_NUMBERS for each in found)


def _is_number(found: object) -> bool:
    return isinstance(found, (int, float)) and not isinstance(found, bool)


@recursive_query(())
def _options(file: File, expr: ast.expr) -> tuple[Value, ...]:
    """Return the possible values of an expression; Django's settings and options of a command are looked up."""
    return tuple(_find_options(file, expr))


def _find_options(file: File, expr: ast.expr) -> Iterable[Value]:
    match expr:
        case ast.BinOp(op=ast.Mult() | ast.Add() | ast.Sub() as operation, left=left, right=right):
            return [
                option
                for a in _options(file, left)
                for b in _options(file, right)
                for option in options(calculate(type(operation), a, b))
            ]
        case ast.Call(func=called, args=arguments) if (name := file.resolve(called)) in RANDOM_NUMBERS:
            bounds = arguments or [ast.Constant(0), ast.Constant(1)] if name in RANDOM_PARTS else arguments
            return [known for bound in bounds[:2] for known in _options(file, bound)]
        case ast.Call(func=called, args=[ast.List(elts=parts) | ast.Tuple(elts=parts)]) if (
            parts and file.resolve(called) == "random.choice"
        ):
            return [known for part in parts for known in _options(file, part)]
        case ast.Call(func=ast.Name(id="int" | "float"), args=[inner]):
            return _options(file, inner)
        case (
            ast.Attribute(value=inner, attr="seconds")
            | ast.Call(func=ast.Attribute(value=inner, attr="total_seconds"), args=[])
        ) if (length := _seconds_of_timedelta(*behind(file, inner))) is not None:
            return [Constant(length)]
        case ast.Call(func=ast.Name(id="max" | "min" as chosen), args=[*parts]) if len(parts) > 1:
            values = [known for part in parts for known in _options(file, part)]
            numbers = [known for known in values if known != UNKNOWN]
            if chosen == "min" and numbers and len(numbers) < len(values):
                return [Constant(0), *numbers]  # a known value is a limit
            return values
        case ast.Call(func=ast.Name(id="getattr"), args=[owner, ast.Constant(value=str(name)), default]):
            if file.resolve(owner) == "django.conf.settings":
                return _values_of_setting(file, name) or _options(file, default)
    if isinstance(expr, ast.Name) and (passed := _values_by_callers(file, expr)):
        return passed
    if (fallback := _option_default(file, expr)) is not None:
        return [*options(evaluate(file, fallback)), UNKNOWN]
    if (setting := file.resolve(expr)) and setting.startswith("django.conf.settings."):
        return _values_of_setting(file, setting.rpartition(".")[2]) or [UNKNOWN]
    if isinstance(expr, (ast.Name, ast.Attribute)) and (place := Bindings.of(file).place(expr)) is not None:
        given = Bindings.of(file).values.get(place, [])
        if len(given) == 1 and place not in Bindings.of(file).unclear and not isinstance(given[0], ast.Constant):
            return _options(file, given[0])
        if below := _values_in_subclasses(file, place):
            own = [known for known in options(evaluate(file, expr)) if isinstance(known, Constant)]
            return [*(known for known in own if known.value), *below]
    return options(evaluate(file, expr))


def _values_by_callers(file: File, expr: ast.Name) -> list[Value]:
    """Return the number that all calls of a function pass for a parameter, or the least of them; none if unknown."""
    scope = Bindings.of(file).owner(expr.id, file.scope_of(expr))
    if scope is None or not isinstance(scope.node, FUNCTION) or Bindings.of(file).values.get(Place(scope, expr.id)):
        return []
    return _values_at_entry(file, scope.node, expr.id)


def seconds_at_entry(file: File, expr: ast.Name) -> Duration:
    """Return the number that a parameter is when its function begins, by its default and by its callers."""
    scope = Bindings.of(file).owner(expr.id, file.scope_of(expr))
    if scope is None or not isinstance(function := scope.node, FUNCTION):
        return Duration(most=FOR_EVER)
    if not (found := _values_at_entry(file, function, expr.id)):
        default = defaults(function).get(expr.id)
        found = [*_options(file, default), UNKNOWN] if default is not None else []
    numbers = [known.value for known in found if isinstance(known, Constant) and _is_number(known.value)]
    if not numbers:
        return Duration(most=FOR_EVER)
    return Duration(min(numbers), max(numbers), max(numbers) if len(numbers) == len(found) else FOR_EVER)


def _values_at_entry(file: File, function: Function, name: str) -> list[Value]:
    """Return the number that all calls of a function pass for a parameter, or the least of them; none if unknown."""
    if not has_parameter(function, name):
        return []
    default, found = defaults(function).get(name), list[Value]()
    for caller, call, bound in callers(file, function):
        passed = bind_arguments(call, function, bound=bound).get(name)
        if passed is not None:
            found += _options(caller, passed)
        else:
            found += _options(file, default) if default is not None and not has_unpacked(call) else [UNKNOWN]
    numbers = [known.value for known in found if isinstance(known, Constant) and _is_number(known.value)]
    if not numbers or len(numbers) < len(found):
        return []
    least = Constant(min(numbers))
    return [least] if len(set(numbers)) == 1 else [least, UNKNOWN]


def _values_in_subclasses(file: File, place: Place) -> list[Value]:
    """Return the values that the bodies of a class's subclasses give to one of its attributes."""
    cls = place.scope.node
    if not isinstance(cls, ast.ClassDef) or "." in place.path:
        return []
    found = subclasses_binding(Definition(file, cls, place.scope.name), place.path)
    below = ((each.file, each.file.classes[each.name]) for each in found)
    values = ((owner, Bindings.of(owner).values.get(Place(scope, place.path), ())) for owner, scope in below)
    return [known for owner, given in values for each in given for known in options(evaluate(owner, each))]


def _values_by_environment(found: Value) -> list[Value]:
    """Return the possible values of `env.int("WAIT", default=60)`, of any library."""
    if isinstance(found, Called):
        default = found.keywords.items.get("default")
        if default is None and len(found.arguments) == 2:
            default = found.arguments[1]
        if default is not None:
            return [*options(default), UNKNOWN]
    return [found]


def _as_number(found: Value) -> Value:
    """Return the number of a text of digits, as the default in `int(os.getenv("WAIT", "60"))`."""
    match found:
        case Constant(value=str(text)) if text.isdecimal():
            return Constant(int(text))
    return found


def _seconds_of_timedelta(file: File, expr: ast.expr) -> float | None:
    """Return the length of `timedelta(hours=1)`; None if it is none, or has a part that is not known."""
    if not isinstance(expr, ast.Call) or file.resolve(expr.func) != "datetime.timedelta" or has_unpacked(expr):
        return None
    given = [*zip(_TIMEDELTA, expr.args, strict=False), *((word.arg, word.value) for word in expr.keywords)]
    total = 0.0
    for unit, value in given:
        match _options(file, value):
            case [Constant(value=number)] if _is_number(number) and unit in _UNITS:
                total += number * _UNITS[unit]
            case _:
                return None
    return total


def _per_item(file: File, expr: ast.expr) -> float:
    """Return the seconds for each of some items: 10 in `10 * len(orders)`; 0 if it is no such product."""
    match behind(file, expr).expr:
        case ast.BinOp(op=ast.Mult(), left=left, right=right):
            for each, count in ((left, right), (right, left)):
                match each:
                    case ast.Constant(value=int() | float() as number) if _counts(file, count):
                        return float(number)
    return 0.0


def _counts(file: File, expr: ast.expr) -> bool:
    """Whether an expression is a number of items, or a variable to which such numbers are added."""
    for each in (expr, *(part.expr for part in values_of(file, expr))):
        for part in ast.walk(each):
            match part:
                case ast.Call(func=ast.Name(id="len" | "sum")) | ast.Call(func=ast.Attribute(attr="count")):
                    return True
    return False


def _is_setting(file: File, expr: ast.expr) -> bool:
    return (file.resolve(expr) or "").startswith("django.conf.settings.")


def _values_of_setting(file: File, name: str) -> list[Value]:
    for settings in settings_files(file):
        if name in settings.scope.bound:
            return list(options(evaluate_member(settings, name)))
    return []


def numbers_of_setting(file: File, name: str) -> list[float]:
    """Return the numbers that a setting of the site may be; none if one of its values is not known."""
    found = [option.value if isinstance(option, Constant) else None for option in _values_of_setting(file, name)]
    return [number for number in found if _is_number(number)] if all(map(_is_number, found)) else []  # type: ignore[misc]


# -- options of a command ---------------------------------------------------------------------------------


def _option_name(expr: ast.expr) -> str | None:
    """Return the option that `options["name"]` or `options.get("name")` reads."""
    match expr:
        case ast.Subscript(value=ast.Name(id="options" | "kwargs" | "opts"), slice=ast.Constant(value=str(name))):
            return name
        case ast.Call(
            func=ast.Attribute(value=ast.Name(id="options" | "kwargs" | "opts"), attr="get" | "pop"),
            args=[ast.Constant(value=str(name)), *_],
        ):
            return name
    return None


def _is_option(file: File, expr: ast.expr) -> bool:
    return any(_option_name(each.expr) is not None for each in closure(ExpressionAt(file, expr), _operands))


def _operands(at: ExpressionAt) -> list[ExpressionAt]:
    match at.expr:
        case ast.BinOp(left=left, right=right):
            return [ExpressionAt(at.file, left), ExpressionAt(at.file, right)]
    return values_of(*at)


def _option_default(file: File, expr: ast.expr) -> ast.expr | None:
    """Return the default of the option that an expression reads, by the `add_argument` of the class around it."""
    name = _option_name(expr)
    if name is None:
        return None
    for call in file.calls.get("add_argument", ()):
        if name in _dests(call):
            return keyword_value(call, "default")
    match expr:
        case ast.Call(args=[_, default]):  # `options.get("wait", 60)`
            return default
    return None


def _dests(call: ast.Call) -> Sequence[str]:
    for keyword in call.keywords:
        if keyword.arg == "dest" and isinstance(keyword.value, ast.Constant):
            return (str(keyword.value.value),)
    flags = [flag.value for flag in call.args if isinstance(flag, ast.Constant) and isinstance(flag.value, str)]
    return [flag.lstrip("-").replace("-", "_") for flag in flags]


# -- what cannot be read ----------------------------------------------------------------------------------


def _is_long(file: File, expr: ast.expr) -> bool:
    """Whether an unknown number is one of minutes or hours, or the time until some hour of the day."""
    for node in ast.walk(behind(file, expr).expr):
        match node:
            case ast.BinOp(op=ast.Mult(), left=left, right=right):
                for side in (left, right):
                    if isinstance(side, ast.Constant) and isinstance(side.value, (int, float)) and side.value >= 60:
                        return True
            case ast.Attribute(attr="seconds" | "total_seconds"):
                return True
            case ast.keyword(arg=str(name)) if name in _LONG_UNITS:
                return True
    return False


def _never_blocks(call: ast.Call) -> bool:
    """Whether `queue.get(False)`, `get(block=False)` or, of a container, `run(detach=True)` is meant."""
    if not all(isinstance(k.value, ast.Constant) and not k.value.value for k in call.keywords if k.arg == "detach"):
        return True
    flags = [*call.args[:1], *(k.value for k in call.keywords if k.arg in {"block", "blocking"})]
    return any(isinstance(flag, ast.Constant) and flag.value is False for flag in flags)
