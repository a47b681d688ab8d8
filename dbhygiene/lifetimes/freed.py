"""Connections of a database file that CPython closes by itself, since only a function's frame refers to them.

When the function returns, its frame is freed, and the connection with it. If it raises, the traceback keeps the frame
until the exception is handled: a write transaction stays open for so long, and other writers get "database is locked".
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from dbhygiene.dataflow import cfg
from dbhygiene.dataflow.cfg import EdgeKind, Node
from dbhygiene.library.calls import QUERIES
from dbhygiene.lifetimes.analysis import opens
from dbhygiene.lifetimes.lifetime import Leak, Lifetime
from dbhygiene.lifetimes.set_up import all_begin_with
from dbhygiene.lifetimes.state import CONTAINER, ITSELF, READERS, Fact
from dbhygiene.program.code import is_generator
from dbhygiene.program.definitions import Definition, find_definition
from dbhygiene.source.file import File
from dbhygiene.source.nodes import FUNCTION, LOOP, argument_values, keyword_value, last_name, walk

_WRITES = re.compile(r"\s*(?:INSERT|UPDATE|DELETE|REPLACE|BEGIN)\b", re.IGNORECASE)  # sqlite3 begins a transaction
_BEGINS = re.compile(r"\s*BEGIN\b", re.IGNORECASE)
_REMOVES = frozenset(
    """
    os.remove os.unlink os.rename os.replace shutil.move shutil.rmtree pathlib.Path.unlink pathlib.Path.rename
    pathlib.Path.replace
    """.split()
)
_REMOVING_METHODS = frozenset({"unlink", "rename"})


def is_freed(life: Lifetime) -> bool:
    """Whether nothing but the function refers to a connection that it leaves open, and no server holds it."""
    resource, code = life.resource, life.scope.node
    if not resource.closed_when_freed or resource.is_pooled or not isinstance(code, FUNCTION) or is_generator(code):
        return False
    if resource.is_object and _hands_itself_out(life):
        return False
    return not any(_is_held_elsewhere(fact) for end, fact in life.ends if life.is_left_open(end, fact))


def _is_held_elsewhere(fact: Fact) -> bool:
    """Whether a caller, an object or a container refers to it, or to a part of it."""
    return any(
        relation == CONTAINER or (isinstance(where, str) and ("." in where or where.startswith("<")))
        for relation, where in fact.aliases
    )


def _hands_itself_out(life: Lifetime) -> bool:
    """Whether an object that owns the connection may be in a cycle: its class passes `self` on, or stores it."""
    name = life.file.resolve(life.birth.func)
    made = find_definition(life.file, name) if name is not None else None
    if made is None or not isinstance(made.node, ast.ClassDef):
        return True
    owners = {part.value for part in walk(made.node) if isinstance(part, ast.Attribute)}
    return any(isinstance(part, ast.Name) and part.id == "self" and part not in owners for part in walk(made.node))


def removal(life: Lifetime) -> ast.Call | None:
    """Return a call that deletes or moves the database file while it is open, which Windows refuses."""
    if not life.birth.args:
        return None
    database = _path_of(life.birth.args[0])
    for node, fact in life.history:
        if fact.state == "open" and isinstance(node.event, cfg.Call):
            if database in _removed_by(life.file, node.event.node):
                return node.event.node
    return None


def _removed_by(file: File, call: ast.Call) -> Iterator[str]:
    if call.args and file.resolve(call.func) in _REMOVES:
        yield _path_of(call.args[0])
    elif isinstance(call.func, ast.Attribute) and call.func.attr in _REMOVING_METHODS:
        yield _path_of(call.func.value)


def _path_of(expr: ast.expr) -> str:
    """Return the text of a path, whether it is a string or an object: `str(path)`."""
    match expr:
        case ast.Call(func=ast.Name(id="str" | "Path"), args=[path]):
            return _path_of(path)
    return ast.unparse(expr)


def leaves_transaction_open(life: Lifetime) -> bool:
    """Whether an exception leaves it open while it may be in a write transaction.

    Where the function catches the exception and returns, this ends at once; in a loop it lasts until the next round.
    """
    if life.leak is Leak.SWALLOWED and not any(isinstance(each, LOOP) for each in _within_function(life)):
        return False
    return _Transactions(life).is_left_open()


def _within_function(life: Lifetime) -> Iterator[ast.AST]:
    for around in life.file.around(life.birth):
        if around is life.scope.node:
            return
        yield around


class _Transactions:
    """The search for a path on which a connection writes, does not commit, and is then left open by an exception."""

    def __init__(self, life: Lifetime) -> None:
        self.life = life
        self.begins = _BEGINS if _autocommits(life) else _WRITES

    def is_left_open(self) -> bool:
        life, transfer = self.life, self.life.analysis.transfer
        todo: list[tuple[Node, Fact, bool]] = []
        for node in life.analysis.solution.nodes():
            if opens(node, life.birth):
                for fact in life.analysis.solution.at(node):
                    todo += [(*each, False) for each in self._after(node, fact) if each[1].state == "open"]
        seen = set(todo)
        for node, fact, writes in todo:  # grows during the loop
            if writes and life.is_left_open(node, fact) and (fact.thrown or node is life.analysis.graph.raised):
                return True
            for kind, after in transfer(node, fact):
                if after.site is not life.birth or after.state != "open":
                    continue
                still = self._writes_after(node, fact, kind, before=writes)
                for target in (target for edge, target in node.out if edge == kind):
                    if (point := (target, after, still)) not in seen:
                        seen.add(point)
                        todo.append(point)
        return False

    def _after(self, node: Node, fact: Fact) -> Iterator[tuple[Node, Fact]]:
        for kind, after in self.life.analysis.transfer(node, fact):
            if after.site is self.life.birth:
                yield from ((target, after) for edge, target in node.out if edge == kind)

    def _writes_after(self, node: Node, fact: Fact, kind: EdgeKind, *, before: bool) -> bool:
        """Whether the connection may be in a write transaction after an event."""
        transfer = self.life.analysis.transfer
        match node.event:
            case cfg.Leave(node=item):
                leaving = self.life.analysis.effects.leaving(item, self.life.resource)
                ends = leaving is not None and leaving.commits and fact.relation_of(item) == ITSELF
                return before and not ends
            case cfg.Call(node=ast.Call(func=ast.Attribute(value=owner, attr=method)) as call):
                how = transfer.holds(owner, fact)
                if how == ITSELF or how in READERS:
                    if method in ("commit", "rollback", "executescript"):
                        return before and kind == "raise"
                    return before or self._begins(self.life.file, call)
        if isinstance(node.event, cfg.Call):
            call = node.event.node
            if any(transfer.holds(each, fact) in {ITSELF, *READERS} for each in argument_values(call)):
                return self._after_callee(call, kind, before=before)
        return before

    def _begins(self, file: File, call: ast.Call) -> bool:
        return last_name(call.func) in QUERIES and bool(call.args) and all_begin_with(file, call.args[0], self.begins)

    def _after_callee(self, call: ast.Call, kind: EdgeKind, *, before: bool) -> bool:
        """Whether it may be in a transaction after a function of the project was given it."""
        for each in self.life.analysis.effects.of(call).definitions:
            calls = [part for part in walk(each.node) if isinstance(part, ast.Call)]
            if kind != "raise" and any(last_name(part.func) == "commit" for part in calls):
                return False
            before = before or any(self._begins(each.file, part) for part in calls)
        return before


def _autocommits(life: Lifetime) -> bool:
    """Whether a statement that writes begins no transaction: `isolation_level=None`, `autocommit=True`."""
    made: list[Definition] = list(life.analysis.effects.of(life.birth).definitions)
    inside = [part for each in made for part in walk(each.node) if isinstance(part, ast.Call)]
    return any(
        isinstance(value := keyword_value(call, option), ast.Constant) and value.value is wanted
        for call in (life.birth, *inside)
        for option, wanted in (("isolation_level", None), ("autocommit", True))
    )
