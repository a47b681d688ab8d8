"""`TextTest`: a handler that recognizes a lost connection by the text of the error, which differs (HYG405).

except MySQLdb.OperationalError as error:
    if "MySQL server has gone away" in str(error):       # MariaDB's client library: "Server has gone away"
        reconnect()
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dbhygiene.config.settings import Confidence
from dbhygiene.diagnostics.edits import verbatim
from dbhygiene.library.sqlalchemy import tests_invalidated
from dbhygiene.program.code import nodes_of
from dbhygiene.program.pings import loss_of
from dbhygiene.recovery.conditions import number_comparison, texts_of
from dbhygiene.recovery.errors import DJANGO, PEEWEE, SQLALCHEMY
from dbhygiene.recovery.half_caught import recovering_handlers
from dbhygiene.source.file import File
from dbhygiene.source.records import Frozen

_NUMBERS = "(2006, 2013, 4031)"
_MYSQL_BACKEND = "django.db.backends.mysql"  # imports mysqlclient
_OF_ORACLES_LIBRARY = ("MySQL server has gone away", "Lost connection to MySQL server")


class TextTest(Frozen):
    """A test of the text, with the fault."""

    handler: ast.ExceptHandler
    at: ast.expr
    message: str
    advice: str
    confidence: Confidence
    replaced: ast.expr | None = None  # by `code`
    code: str = ""
    refusal: str = ""  # why there is no `code`


def text_tests(file: File) -> Iterator[TextTest]:
    for handler, found in recovering_handlers(file):
        yield from _in_handler(file, handler, found)


def _in_handler(file: File, handler: ast.ExceptHandler, found: frozenset[str]) -> Iterator[TextTest]:
    parts = [part for part in nodes_of(handler.body) if isinstance(part, ast.expr)]
    for part in parts:
        texts = texts_of(file, part, handler.name)
        if "" in texts and isinstance(part, ast.Call):
            text = "every text contains the empty one: each error counts as a lost connection"
            refusal = "cannot tell which text is meant"
            yield TextTest(handler, part, text, "remove the empty text", Confidence.CERTAIN, refusal=refusal)
            return
        if texts and _is_lowered(part):
            capital = next((each for each in texts if each != each.lower()), None)
            if capital is not None:
                text = f"the text is in lower case, so it never contains `{capital}`"
                written = next(
                    (each for each in ast.walk(part) if isinstance(each, ast.Constant) and each.value == capital), None
                )
                code = verbatim(file.segment(written).lower()) if written is not None else ""
                advice, refusal = "write the text in lower case", "the text is not written in this test"
                yield TextTest(handler, part, text, advice, Confidence.CERTAIN, written, code, refusal)
                return
    if any(number_comparison(file, part, handler.name) is not None for part in parts):
        return  # the number is asked for, too
    if tests_invalidated(parts):
        return
    for part in parts:
        if any(text.startswith(_OF_ORACLES_LIBRARY) for text in texts_of(file, part, handler.name)):
            confidence = _confidence(file, found)
            if confidence is not None:
                text = "this text differs between client libraries: MariaDB's does not contain `MySQL`"
                name = handler.name
                number = f"{name}.orig.args[0]" if SQLALCHEMY in found else f"{name}.args[0]"
                test = f"{number} in {_NUMBERS}"
                replaced, code = _with_number(file, part, handler.name, number)
                advice, refusal = f"test the number: `{test}`", "this test also looks for the text of another error"
                yield TextTest(handler, part, text, advice, confidence, replaced, code, refusal)
            return


def _with_number(file: File, part: ast.expr, name: str | None, number: str) -> tuple[ast.expr | None, str]:
    """Return the test to replace, and the same by the number: of `or`, or `and` of negated ones, all such tests.

    (None, "") if a text of another error is tested by the same expression.
    """
    above = file.parents.get(part)
    joins = ast.And if _is_negated(part) else ast.Or
    whole = above if isinstance(above, ast.BoolOp) and isinstance(above.op, joins) else part
    operands = whole.values if isinstance(whole, ast.BoolOp) else [whole]
    asked = [each for each in operands if texts_of(file, each, name)]
    ours = [each for each in asked if all(t.startswith(_OF_ORACLES_LIBRARY) for t in texts_of(file, each, name))]
    if part not in ours or any(_is_negated(each) != _is_negated(part) for each in ours):
        return None, ""
    test = f"{number} {'not in' if _is_negated(part) else 'in'} {_NUMBERS}"
    kept = [test if each is part else file.segment(each) for each in operands if each is part or each not in ours]
    return whole, verbatim((" and " if joins is ast.And else " or ").join(kept))


def _is_negated(test: ast.expr) -> bool:
    return isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.NotIn)


def _is_lowered(part: ast.expr) -> bool:
    """Whether a test looks into `str(error).lower()`."""
    compared = part
    match part:
        case ast.Call(args=[ast.GeneratorExp(elt=ast.Compare() as each)]):
            compared = each
    match compared:
        case ast.Compare(comparators=[ast.Call(func=ast.Attribute(attr="lower"), args=[])], left=left):
            return not (isinstance(left, ast.Call) and isinstance(left.func, ast.Attribute))
    return False


def _confidence(file: File, found: frozenset[str]) -> Confidence | None:
    """Return how sure it is that MariaDB's client library may be in use; None if the driver has none."""
    drivers = {library for library in found if (loss := loss_of(library)) is not None}
    if any((loss := loss_of(library)) is not None and loss.texts_differ for library in drivers):
        return Confidence.LIKELY
    if drivers:
        return None
    if file.project.requires("mysqlclient", file):
        return None if file.project.requires("pymysql", file) else Confidence.LIKELY
    if file.project.requires("pymysql", file) or "pymysql" in file.text:
        return None
    if _MYSQL_BACKEND in file.text:
        return Confidence.LIKELY
    return Confidence.POSSIBLE if found & {DJANGO, SQLALCHEMY, PEEWEE} else None
