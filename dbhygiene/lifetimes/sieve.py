"""Which calls may give a connection, by their words alone: this spares most functions every other question.

A connection comes into a function by a call: of a library, whose words are few, or of a function or class of the
project that hands out one. Those are found from the libraries' words on: whoever calls one of the words that are
known, and hands on what that gives, makes his own name one of them, until no new one comes. So a call of any other
word gives nothing, and a function that calls no others can hand out nothing, whatever these calls may be.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection

from dbhygiene.flow.once import once
from dbhygiene.library.prefilter import GIVING
from dbhygiene.source import FUNCTION, Code, File, last_name


class Sieve:
    """The words by which a connection may come into a function.

    Arguments:
        names: those of the project's functions and classes that hand out connections; None where nobody has looked
            for them, and every call may be one of them.
    """

    def __init__(self, names: Collection[str] | None = None) -> None:
        self.names = None if names is None else frozenset(names)
        self._words: dict[str, bool] = {}
        self._functions: dict[Code, bool] = {}

    def lets_in(self, file: File, code: Code) -> bool:
        """Whether a function may be given a connection by any of its calls."""
        if (found := self._functions.get(code)) is None:
            calls = file.functions[code].calls
            found = self._functions[code] = any(self.lets_through(file, call) for call in calls)
        return found

    def lets_through(self, file: File, call: ast.Call) -> bool:
        """Whether a call may give a connection."""
        if self.names is None:
            return True
        match call.func:
            case ast.Name(id=word):
                return self.gives(word) or word in self.other_names(file)
            case ast.Attribute(attr="cursor"):
                return bool(call.args or call.keywords) or "cursor" in self.names  # one that is not buffered, perhaps
            case ast.Attribute(attr=word):
                return self.gives(word)
        return isinstance(call.func, ast.Call)  # `sessionmaker(engine)()`

    def gives(self, word: str) -> bool:
        """Whether a word is one of those that may give a connection."""
        if (found := self._words.get(word)) is None:
            found = self._words[word] = self.names is None or word in self.names or re.search(GIVING, word) is not None
        return found

    def other_names(self, file: File) -> frozenset[str]:
        """The names by which these words go in a file, besides their own."""
        return frozenset() if self.names is None else _other_names(file, self)


@once
def _other_names(file: File, sieve: Sieve) -> frozenset[str]:
    names: set[str] = set()
    while more := {name for word, name in _stand_ins(file) if sieve.gives(word) or word in names} - names:
        names |= more
    return frozenset(names)


@once
def _stand_ins(file: File) -> frozenset[tuple[str, str]]:
    """The names of a file that stand for something else, each after that one's last word.

    They are imported as, or assigned to; and a method's first parameter may be its class.
    """
    found: set[tuple[str, str]] = set()
    for scope in file.scopes:
        found.update((origin.rpartition(".")[2], name) for name, origin in scope.imports.items())
        for name, values in scope.aliases.items():
            found.update((last_name(value), name) for value in values if isinstance(value, (ast.Name, ast.Attribute)))
        if (cls := scope.class_scope) is not None and isinstance(scope.node, FUNCTION):
            first = [*scope.node.args.posonlyargs, *scope.node.args.args][:1]
            found.update((cls.name.rpartition(".")[2], arg.arg) for arg in first)
    return frozenset((word, name) for word, name in found if word != name)
