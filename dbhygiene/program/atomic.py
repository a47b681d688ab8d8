"""`atomic_around`: the transaction of Django that code lies in.

with atomic():                  # is returned
    order.save()                # for this
"""

from __future__ import annotations

import ast

from dbhygiene.library import django
from dbhygiene.source.file import File
from dbhygiene.source.nodes import FUNCTION, Located, without_arguments


def is_atomic(file: File, expr: ast.expr) -> bool:
    """Whether an expression is a transaction: `atomic` of Django."""
    return file.resolve(without_arguments(expr)) in django.ATOMIC


def atomic_around(file: File, node: ast.AST) -> Located | None:
    """Return the transaction that a node lies in, by a `with` or a decorator of its function."""
    below = node
    for above in file.around(node):
        if isinstance(above, (ast.With, ast.AsyncWith)) and below in above.body:
            for item in above.items:
                if is_atomic(file, item.context_expr):
                    return item.context_expr
        if isinstance(above, (*FUNCTION, ast.Lambda)):
            decorators = above.decorator_list if isinstance(above, FUNCTION) else []
            return next((each for each in decorators if is_atomic(file, each)), None)
        below = above
    return None
