"""`evaluate`: the `Value` that an expression may have, through names, attributes, dicts, calls and modules.

options = dict(pool_recycle=280)
create_engine(url, **options)        # `evaluate_keywords`: pool_recycle is Constant(280)

It never raises. It takes a bounded number of steps: an expression that needs more is `UNKNOWN`.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from dbhygiene.dataflow.limits import TOO_FAR, give_up
from dbhygiene.program.values import Dict, Value
from dbhygiene.source.file import File

if TYPE_CHECKING:
    from dbhygiene.program.one_evaluation import Evaluation


def evaluate(file: File, expr: ast.expr) -> Value:
    """Return the value that an expression of a file may have."""
    evaluation = _evaluation()
    found = evaluation.whole(lambda reader: reader.read(file, expr))
    if evaluation.has_given_up:
        give_up(file, expr, TOO_FAR)
    return found


def evaluate_keywords(file: File, call: ast.Call) -> Dict:
    """Return the keyword arguments of a call, `**options` included."""
    found = _evaluation().whole(lambda reader: reader.keywords(file, call))
    return found if isinstance(found, Dict) else Dict(open=True)


def evaluate_member(file: File, name: str) -> Value:
    """Return the value of a name in a module's scope; the attribute of a class is `Class.attribute`."""
    return _evaluation().whole(lambda reader: reader.member(file, name.split(".")))


def _evaluation() -> Evaluation:
    from dbhygiene.program.one_evaluation import Evaluation  # and all that it reads: many programs need no value

    return Evaluation()
