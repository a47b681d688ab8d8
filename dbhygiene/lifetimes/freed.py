"""`FileConnection`: a connection of a database file that CPython closes, since only a function's frame refers to it.

def count():
    conn = sqlite3.connect("shop.db")            # before Python 3.11: closed when `count` returns
    return conn.execute(sql).fetchone()[0]

Since Python 3.11, only the garbage collector closes it: it and its cache of statements refer to each other. If an
exception skips the `commit`, a write transaction stays open for so long: other writers get "database is locked".
Before, it stays open as long as the traceback refers to the function's frame.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Collection, Iterator

from dbhygiene.dataflow import cfg
from dbhygiene.dataflow.cfg import EdgeKind, Node
from dbhygiene.library.calls import QUERIES
from dbhygiene.library.resources import Resource
from dbhygiene.library.words import words
from dbhygiene.lifetimes.analysis import Analysis, opens
from dbhygiene.lifetimes.set_up import all_begin_with
from dbhygiene.lifetimes.state import CONTAINER, ITSELF, READERS, Fact
from dbhygiene.program.arguments import named_parameters
from dbhygiene.program.callees import callees
from dbhygiene.program.code import is_generator
from dbhygiene.program.definitions import find_definition
from dbhygiene.source.file import File, scope_around
from dbhygiene.source.lazy_pattern import lazy_pattern
from dbhygiene.source.nodes import FUNCTION, Function, Located, argument_values, keyword_value, last_name, walk
from dbhygiene.source.records import Frozen

_WRITES = lazy_pattern(r"\s*(?:INSERT|UPDATE|DELETE|REPLACE|BEGIN)\b", re.IGNORECASE)  # sqlite3 begins a transaction
_BEGINS = lazy_pattern(r"\s*BEGIN\b", re.IGNORECASE)
_REMOVES = words(
    """os.remove os.unlink os.rename os.replace shutil.move shutil.rmtree pathlib.Path.unlink pathlib.Path.rename
    pathlib.Path.replace"""
)
_REMOVING_METHODS = frozenset({"unlink", "rename"})


class FileConnection(Frozen):
    """A connection that a function opens and leaves open."""

    analysis: Analysis
    birth: ast.Call
    resource: Resource
    is_left_open: Callable[[Node, Fact], bool]

    @property
    def is_freed(self) -> bool:
        """Whether nothing but the function refers to it at the end, and no server holds it."""
        resource, code = self.resource, self.analysis.code
        if not resource.closed_when_freed or resource.is_pooled or not isinstance(code, FUNCTION) or is_generator(code):
            return False
        if resource.is_object and self._hands_itself_out:
            return False
        ends = self.analysis.ends(self.birth)
        return not any(_is_held_elsewhere(fact) for end, fact in ends if self.is_left_open(end, fact))

    @property
    def _hands_itself_out(self) -> bool:
        """Whether an object that owns the connection may be in a cycle: its class passes `self` on, or stores it."""
        file = self.analysis.file
        name = file.resolve(self.birth.func)
        made = find_definition(file, name) if name is not None else None
        if made is None or not isinstance(made.node, ast.ClassDef):
            return True
        owners = {part.value for part in walk(made.node) if isinstance(part, ast.Attribute)}
        return any(isinstance(part, ast.Name) and part.id == "self" and part not in owners for part in walk(made.node))

    @property
    def removal(self) -> ast.Call | None:
        """The call that deletes or moves the database file while it is open, which Windows refuses."""
        if not self.birth.args:
            return None
        database = _path_of(self.birth.args[0])
        for node, fact in self.analysis.history(self.birth):
            if fact.state == "open" and isinstance(node.event, cfg.Call):
                if database in _removed_by(self.analysis.file, node.event.node):
                    return node.event.node
        return None

    @property
    def raisers_in_transaction(self) -> list[Located]:
        """The calls and `raise` statements that leave it open within a write transaction, by their lines."""
        analysis = self.analysis
        begins = _BEGINS if self._autocommits else _WRITES
        todo: list[tuple[Node, Fact, bool, cfg.Event | None]] = []
        for node in analysis.solution.nodes():
            if opens(node, self.birth):
                for fact in analysis.solution.at(node):
                    todo += [(target, after, False, None) for _, target, after in self._after(node, fact)]
        seen = set(todo)
        found: set[cfg.Event] = set()
        for node, fact, writes, raiser in todo:  # grows during the loop
            if writes and raiser is not None and self.is_left_open(node, fact):
                found.add(raiser)
            for kind, target, after in self._after(node, fact):
                first = raiser or (node.event if kind == "raise" and isinstance(node.event, _RAISING) else None)
                point = (target, after, self._writes_after(node, fact, kind, begins, before=writes), first)
                if point not in seen:
                    seen.add(point)
                    todo.append(point)
        raisers = [each for event in found if (each := self._raiser(event)) is not None]
        return sorted(raisers, key=lambda node: (node.lineno, node.col_offset))

    def _raiser(self, event: cfg.Event) -> Located | None:
        match event:
            case cfg.Iterate(node=loop):
                return self.analysis.effects.source_of_items(loop.iter)
            case cfg.Enter(node=item):
                return item.context_expr
            case cfg.Call(node=raiser) | cfg.Await(node=raiser) | cfg.Yield(node=raiser) | cfg.Raise(node=raiser):
                return raiser
        return None

    def _after(self, node: Node, fact: Fact) -> Iterator[tuple[EdgeKind, Node, Fact]]:
        """Yield the points after one at which it is open."""
        for kind, after in self.analysis.transfer(node, fact):
            if after.site is self.birth and after.state == "open":
                yield from ((kind, target, after) for edge, target in node.out if edge == kind)

    def _writes_after(self, node: Node, fact: Fact, kind: EdgeKind, begins: re.Pattern[str], *, before: bool) -> bool:
        """Whether it may be in a write transaction after an event."""
        transfer, file = self.analysis.transfer, self.analysis.file
        match node.event:
            case cfg.Leave(node=item):
                leaving = self.analysis.effects.leaving(item, self.resource)
                return before and not (leaving is not None and leaving.commits and fact.relation_of(item) == ITSELF)
            case cfg.Call(node=ast.Call(func=ast.Attribute(value=owner, attr=method)) as call) if (
                transfer.holds(owner, fact) in _OWN
            ):
                if method in _ENDS_TRANSACTION:
                    return before and kind == "raise"
                return before or _asks(file, call, begins)
            case cfg.Call(node=call) if any(transfer.holds(each, fact) in _OWN for each in argument_values(call)):
                return self._after_callee(call, kind, begins, before=before)
        return before

    def _after_callee(self, call: ast.Call, kind: EdgeKind, begins: re.Pattern[str], *, before: bool) -> bool:
        """Whether it may be in a transaction after a function of the project was given it."""
        for each in self.analysis.effects.of(call).definitions:
            if kind != "raise" and isinstance(each.node, FUNCTION) and _commits(each.file, each.node):
                return False
            within = {part for block in _transactions(each.node) for part in walk(block)}
            calls = (part for part in walk(each.node) if isinstance(part, ast.Call) and part not in within)
            before = before or any(_asks(each.file, part, begins) for part in calls)
        return before

    @property
    def _autocommits(self) -> bool:
        """Whether a statement that writes begins no transaction: `isolation_level=None`, `autocommit=True`."""
        made = self.analysis.effects.of(self.birth).definitions
        inside = [part for each in made for part in walk(each.node) if isinstance(part, ast.Call)]
        return any(
            isinstance(value := keyword_value(call, option), ast.Constant) and value.value is wanted
            for call in (self.birth, *inside)
            for option, wanted in (("isolation_level", None), ("autocommit", True))
        )


_RAISING = (cfg.Call, cfg.Await, cfg.Yield, cfg.Enter, cfg.Iterate, cfg.Raise)
_OWN = frozenset({ITSELF, *READERS})
_ENDS_TRANSACTION = frozenset({"commit", "rollback", "executescript"})


def _commits(file: File, function: Function, seen: Collection[ast.AST] = ()) -> bool:
    """Whether a function commits what it is given: by `commit`, by `with conn:`, or by another function."""
    if any(_transactions(function)):
        return True
    given = {each.arg for each in named_parameters(function)}
    for call in (part for part in walk(function) if isinstance(part, ast.Call)):
        if last_name(call.func) == "commit":
            return True
        if any(isinstance(each, ast.Name) and each.id in given for each in argument_values(call)):
            for called in callees(file, call, scope_around(file, call)).definitions:
                if isinstance(called.node, FUNCTION) and called.node not in seen:
                    if _commits(called.file, called.node, {*seen, function}):
                        return True
    return False


def _transactions(code: ast.AST) -> Iterator[ast.With | ast.AsyncWith]:
    """Yield the `with` blocks over an argument of a function: `with conn:` commits, or rolls back."""
    given = {each.arg for each in named_parameters(code)} if isinstance(code, FUNCTION) else ()
    for block in walk(code):
        if isinstance(block, (ast.With, ast.AsyncWith)):
            entered = [item.context_expr for item in block.items]
            if any(isinstance(each, ast.Name) and each.id in given for each in entered):
                yield block


def _asks(file: File, call: ast.Call, wanted: re.Pattern[str]) -> bool:
    """Whether a call sends statements that begin with a pattern."""
    return last_name(call.func) in QUERIES and bool(call.args) and all_begin_with(file, call.args[0], wanted)


def _is_held_elsewhere(fact: Fact) -> bool:
    """Whether a caller, an object or a container refers to it, or to a part of it."""
    return any(
        relation == CONTAINER or (isinstance(where, str) and ("." in where or where.startswith("<")))
        for relation, where in fact.aliases
    )


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
