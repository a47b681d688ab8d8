"""`AcquireFilter`: a name-based prefilter for functions that may acquire a connection. Most functions fail it and are
never analysed.

It starts with the names by which libraries return connections. A project function that returns the result of such a
call adds its own name, until no name is new:

    def get_db():                        # returns what `connect` returned: `get_db` is an acquire name, too
        return pymysql.connect()
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Mapping

from dbhygiene.library.prefilter import GIVING
from dbhygiene.lifetimes.passed_functions import may_run_opener
from dbhygiene.source.file import File
from dbhygiene.source.nodes import FUNCTION, Code, first_parameter, last_name
from dbhygiene.source.queries import Memo, apart, query, query_of_run


class AcquireFilter:
    """The names of calls that may return a connection.

    Arguments:
        names: those of the project's functions and classes that return connections; None if they have not been
            searched, so that every call may be one of them.
    """

    def __init__(self, names: Collection[str] | None = None) -> None:
        self.names = None if names is None else frozenset(names)
        self._words: dict[str, bool] = {}
        self._functions: Memo[Code, bool] = Memo()

    def may_acquire_in(self, file: File, code: Code) -> bool:
        """Whether any call of a function may return a connection."""
        return self._functions.of(
            code, lambda: any(self.may_acquire(file, call) for call in file.functions[code].calls)
        )

    def may_acquire(self, file: File, call: ast.Call) -> bool:
        """Whether a call may return a connection."""
        if self.names is None or self._is_named(file, call):
            return True
        return may_run_opener(file, call, self.is_acquire_name)

    def _is_named(self, file: File, call: ast.Call) -> bool:
        """Whether the called name is one of those that return a connection."""
        assert self.names is not None
        match call.func:
            case ast.Name(id=word):
                return self.is_acquire_name(word) or word in self.local_aliases(file)
            case ast.Attribute(attr="cursor"):
                return bool(call.args or call.keywords) or "cursor" in self.names  # perhaps a cursor without a buffer
            case ast.Attribute(attr=word):
                return self.is_acquire_name(word)
        return isinstance(call.func, (ast.Call, ast.Subscript))  # `sessionmaker(engine)()`, `OPENERS[kind]()`

    def is_acquire_name(self, word: str) -> bool:
        """Whether a call of this name may return a connection."""
        if (found := self._words.get(word)) is None:
            found = self._words[word] = self.names is None or word in self.names or re.search(GIVING, word) is not None
        return found

    def local_aliases(self, file: File) -> Mapping[str, bool]:
        """Return the other names that a file has for acquire names, as the keys of a table."""
        return {} if self.names is None else _find_local_aliases(file, self)


@query_of_run
@apart
def _find_local_aliases(file: File, words: AcquireFilter) -> Mapping[str, bool]:
    names: set[str] = set()
    while more := {name for word, name in _stand_ins(file) if words.is_acquire_name(word) or word in names} - names:
        names |= more
    known = words.names or frozenset()
    return file.table(
        f"aliases of {sorted(known)}",
        dict.fromkeys(names, True),
        lambda new: _find_local_aliases(new, AcquireFilter(known)),
    )


@query
def _stand_ins(file: File) -> frozenset[tuple[str, str]]:
    """Return the names of a file that stand for something else, each after the last part of the original name.

    Such a name is an import's alias or an assigned variable; a method's first parameter may be its class.
    """
    found: set[tuple[str, str]] = set()
    for scope in file.scopes:
        found.update((origin.rpartition(".")[2], name) for name, origin in scope.imports.items())
        for name, values in scope.aliases.items():
            found.update((last_name(value), name) for value in values if isinstance(value, (ast.Name, ast.Attribute)))
        if (cls := scope.class_scope) is not None and isinstance(scope.node, FUNCTION):
            if (own := first_parameter(scope.node)) is not None:
                found.add((cls.name.rpartition(".")[2], own))
    return frozenset((word, name) for word, name in found if word != name)
