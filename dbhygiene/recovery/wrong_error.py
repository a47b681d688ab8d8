"""`WrongError`: a handler that names an error which its `try` never raises, or reads what it does not have (HYG404).

try:
    session.execute(statement)
except pymysql.OperationalError:     # SQLAlchemy raises its own class, `sqlalchemy.exc.OperationalError`
    session.rollback()
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dbhygiene.config.settings import Confidence
from dbhygiene.library import django, drivers
from dbhygiene.library.words import words
from dbhygiene.program.code import calls_in, nodes_of
from dbhygiene.program.origins import behind
from dbhygiene.program.pings import loss_of
from dbhygiene.recovery.attempts import logs
from dbhygiene.recovery.conditions import number_comparison
from dbhygiene.recovery.errors import DJANGO, LOSS_CLASSES, SQLALCHEMY, ErrorClass, classes_of, libraries, tries
from dbhygiene.recovery.lost_writes import decorates_cursor
from dbhygiene.recovery.operations import of_block
from dbhygiene.recovery.retriers import parameters_around
from dbhygiene.source.file import File, function_around
from dbhygiene.source.nodes import Function, Located, last_name
from dbhygiene.source.records import Frozen

_WRAPPING = {DJANGO: "Django", SQLALCHEMY: "SQLAlchemy"}  # these raise classes of their own
_MODULES = {DJANGO: "django.db", SQLALCHEMY: "sqlalchemy.exc"}
_BACKENDS = "django.db.backends."
_EVERYWHERE = words("OperationalError InterfaceError DatabaseError IntegrityError ProgrammingError")
_ASKING = frozenset({"asks", "writes", "commits", "pings"})
_EXECUTES = words("execute executemany callproc")


class WrongError(Frozen):
    """A class or a comparison that does not fit the error, with a message and advice.

    `right` is code for what stands there, with names to import in braces; if it is empty, `refusal` gives the reason.
    """

    at: Located
    message: str
    advice: str
    right: str
    refusal: str
    confidence: Confidence = Confidence.CERTAIN
    path: tuple[tuple[Located, str], ...] = ()


def wrong_errors(file: File) -> Iterator[WrongError]:
    for _, node in tries(file):
        named = [(handler, classes_of(file, handler)) for handler in node.handlers]
        raised = None
        for handler, classes in named:
            others = [each for other, its in named if other is not handler for each in its]
            yield from _lacking(file, handler, classes)
            if _are_of_drivers(classes):
                raised = raised or _raising_library(file, node)
                if raised is not None and not any(_is_of(each, raised) for each in (*classes, *others)):
                    yield _never_raised(handler, classes, raised)
            elif not libraries(classes):
                continue
            elif _are_of_django(classes) and _asks_below_django(file, node):
                yield WrongError(
                    handler.type or handler,
                    "this calls the driver, not Django: it raises the driver's error, not Django's",
                    "catch the driver's class, such as `base.Database.OperationalError`",
                    _classes_of_backend(file, node, classes),
                    "cannot tell which driver is in use",
                )
            if {each.library for each in classes if each is not None} == {SQLALCHEMY}:
                yield from _numbers(file, handler)


def _never_raised(handler: ast.ExceptHandler, classes: tuple[ErrorClass | None, ...], raised: str) -> WrongError:
    first = next(each for each in classes if each is not None and each.name in LOSS_CLASSES)
    title = _WRAPPING.get(raised) or raised
    return WrongError(
        handler.type or handler,
        f"`{first.dotted_name}` is never raised here: {title} has its own {first.name}",
        f"catch the class of {title}",
        _right_classes(handler, classes, raised),
        f"cannot tell which class of {title} is meant",
        Confidence.POSSIBLE if _only_logs_and_raises(handler) else Confidence.CERTAIN,
    )


def _lacking(file: File, handler: ast.ExceptHandler, classes: tuple[ErrorClass | None, ...]) -> Iterator[WrongError]:
    """Yield each read of an attribute that no error of these classes has."""
    found = [loss_of(each.library) if each is not None else None for each in classes]
    lacks = (
        frozenset.intersection(*(each.lacks if each is not None else frozenset() for each in found)) if found else ()
    )
    if not lacks or "hasattr" in file.segment(handler):
        return
    for part in nodes_of(handler.body):
        match part:
            case ast.Attribute(value=ast.Name(id=owner), attr=attribute) if (
                owner == handler.name and attribute in lacks
            ):
                yield WrongError(
                    part,
                    f"`{owner}.{attribute}` raises an AttributeError: the number of this error is `{owner}.args[0]`",
                    f"read `{owner}.args[0]`",
                    f"{owner}.args[0]",
                    "",
                    path=((handler, "catches the driver's error, then raises AttributeError itself"),),
                )


def _only_logs_and_raises(handler: ast.ExceptHandler) -> bool:
    """Whether a handler only writes to a log, and raises the same exception again: without it, a line is missing."""
    *before, last = handler.body
    if not isinstance(last, ast.Raise) or last.exc is not None:
        return False
    return all(isinstance(each, ast.Expr) and isinstance(each.value, ast.Call) and logs(each.value) for each in before)


def _right_classes(handler: ast.ExceptHandler, classes: tuple[ErrorClass | None, ...], raised: str) -> str:
    """Return code for the classes of the same names, of the library that raises; empty if some have none there."""
    names = list(dict.fromkeys(each.name if each is not None else "" for each in classes))
    module = _MODULES.get(raised, raised)
    written = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    if len(written) != len(classes) or not set(names) <= _EVERYWHERE:
        return ""
    found = [f"{{{module}.{name}}}" for name in names]
    return found[0] if len(found) == 1 else f"({', '.join(found)})"


def _is_of(each: ErrorClass | None, library: str) -> bool:
    """Whether a class may be one that a library raises; one that is not known may be."""
    if each is None or each.library == library or each.covers(library, "OperationalError"):
        return True
    return each.library in _libraries_that_share(library) or library in _libraries_that_share(each.library)


def _libraries_that_share(library: str) -> frozenset[str]:
    loss = loss_of(library)
    return loss.shares if loss is not None else frozenset()


def _are_of_drivers(classes: tuple[ErrorClass | None, ...]) -> bool:
    """Whether all classes of a handler are those of drivers, and one of them means a lost connection there."""
    of_drivers = (each is not None and drivers.driver(each.library.partition(".")[0]) is not None for each in classes)
    return all(of_drivers) and any(each is not None and each.name in LOSS_CLASSES for each in classes)


def _are_of_django(classes: tuple[ErrorClass | None, ...]) -> bool:
    return all(each is not None and each.library == DJANGO for each in classes)


def _raising_library(file: File, node: ast.Try) -> str | None:
    """Return the library whose errors the body of a `try` raises, if it is only one and all is understood."""
    done = of_block(file, [*node.body])
    if not done.complete:
        return None
    found = {each.library for each in done.operations if each.verb in _ASKING}
    known = len(found) == 1 and all(each in _WRAPPING or loss_of(each) is not None for each in found)
    return found.pop() if known else None


def _asks_below_django(file: File, node: ast.Try) -> bool:
    """Whether a `try` in a cursor of a database backend only calls the driver's cursor, which is `self.cursor`."""
    function = function_around(file, node)
    if function is not None and file.functions[function].class_scope is None:
        return _calls_method_of_cursor(file, function, node)
    cls = next((above for above in file.around(node) if isinstance(above, ast.ClassDef)), None)
    if cls is None or not any((file.resolve(base) or "").endswith(django.BELOW_WRAPPING) for base in cls.bases):
        return False
    calls = [*calls_in(nodes_of(node.body))]
    asking = [call for call in calls if last_name(call.func) in _EXECUTES]
    return bool(asking) and all(_is_own_cursor(call.func) for call in asking)


def _classes_of_backend(file: File, node: ast.Try, classes: tuple[ErrorClass | None, ...]) -> str:
    """Return code for the driver's classes, by the module of the backend whose cursor a class extends."""
    cls = next((above for above in file.around(node) if isinstance(above, ast.ClassDef)), None)
    bases = [file.resolve(base) or "" for base in cls.bases] if cls is not None else []
    module = next((base.rpartition(".")[0] for base in bases if base.endswith(django.BELOW_WRAPPING)), "")
    if not module.startswith(_BACKENDS) or not module.endswith(".base"):
        return ""
    names = dict.fromkeys(each.name for each in classes if each is not None)
    found = [f"{{{module}.Database}}.{name}" for name in names]
    return found[0] if len(found) == 1 else f"({', '.join(found)})"


def _calls_method_of_cursor(file: File, wrapper: Function, node: ast.Try) -> bool:
    """Whether a `try` only calls what its decorator is given: methods of the driver's cursor."""
    calls = [*calls_in(nodes_of(node.body))]
    parameters = parameters_around(file, wrapper)
    given = all(isinstance(call.func, ast.Name) and call.func.id in parameters for call in calls)
    return bool(calls) and given and decorates_cursor(file, wrapper)


def _is_own_cursor(func: ast.expr) -> bool:
    match func:
        case ast.Attribute(value=ast.Attribute(value=ast.Name(id="self"), attr="cursor")):
            return True
    return False


def _numbers(file: File, handler: ast.ExceptHandler) -> Iterator[WrongError]:
    """Yield each comparison of a number with what SQLAlchemy's error has in its place: a text."""
    for part in nodes_of(handler.body):
        compared = number_comparison(file, part, handler.name) if isinstance(part, ast.Compare) else None
        if compared is None or not _is_text_of(file, compared.asked, handler.name):
            continue
        yield WrongError(
            compared.asked,
            f"`{file.segment(compared.asked)}` is a text, not a number: SQLAlchemy's errors begin with the message",
            f"compare `{handler.name}.orig.args[0]`, the number",
            _original(compared.asked, handler.name),
            "a variable holds the text",
        )


def _original(asked: ast.expr, name: str | None) -> str:
    """Return code for the same of the driver's error; empty if a variable holds it."""
    if isinstance(asked, ast.Attribute) and asked.attr != "errno":
        return f"{name}.orig.{asked.attr}"
    return f"{name}.orig.args[0]" if isinstance(asked, (ast.Attribute, ast.Subscript)) else ""


def _is_text_of(file: File, asked: ast.expr, name: str | None) -> bool:
    """Whether an expression is `error.args[0]` or `error.errno`, rather than of `error.orig`."""
    match behind(file, asked).expr:
        case ast.Subscript(value=ast.Attribute(value=ast.Name(id=owner), attr="args"), slice=ast.Constant(value=0)):
            return owner == name
        case ast.Attribute(value=ast.Name(id=owner), attr="errno" | "pgcode" | "sqlstate"):
            return owner == name
    return False
