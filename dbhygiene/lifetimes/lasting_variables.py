"""`is_of_all`: whether a variable lasts as long as the program: a global one, or one of a class.

global conn
conn = connect()                 # it does, and so does `cls.conn`; a field `self.conn` does not
"""

from __future__ import annotations

import ast

from dbhygiene.program.definitions import find_definition
from dbhygiene.source.file import File
from dbhygiene.source.scopes import Scope


def is_of_all(file: File, scope: Scope, target: ast.expr) -> bool:
    """Whether a variable or field belongs to the whole program: a global one, or a class's."""
    match target:
        case ast.Name(id=name):
            return name in scope.globals
        case ast.Attribute(value=ast.Name(id=name) as kept):
            named = file.resolve(kept)
            found = find_definition(file, named) if named is not None else None
            is_class = found is not None and isinstance(found.node, ast.ClassDef)
            return name == "cls" or (name != "self" and is_class)
    return False
