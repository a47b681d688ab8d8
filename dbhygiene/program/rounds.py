"""`in_round_before`: whether a step of a path runs in an earlier round of a loop than the step that follows it.

while True:
    time.sleep(3600)
    Order.objects.count()     # the path queries here, then sleeps above: so the query is in the round before
"""

from __future__ import annotations

import ast

from dbhygiene.source.file import File
from dbhygiene.source.nodes import FUNCTION, LOOP, Located

_SEQUENCES = (*LOOP, ast.If, ast.Try, ast.With, ast.AsyncWith, ast.match_case, ast.ExceptHandler)


def in_round_before(file: File, first: Located, then: Located) -> bool:
    """Whether a place that runs before another one stands below it in the same loop.

    while True:
        time.sleep(3600)          # then
        Order.objects.count()     # first: in the round before
    """
    if (first.lineno, first.col_offset) <= (then.lineno, then.col_offset):
        return False
    within = [first, *file.around(first)]
    common = next((node for node in file.around(then) if node in within), None)
    if not isinstance(common, _SEQUENCES):
        return False  # a comprehension, or one call, runs in another order than it is written in
    if isinstance(common, (ast.With, ast.AsyncWith)) and any(
        isinstance(each, ast.withitem) for each in file.around(then)
    ):
        return False  # the end of a `with` runs after its body
    for node in (common, *file.around(common)):
        if isinstance(node, FUNCTION):
            return False
        if isinstance(node, LOOP):
            return True
    return False
