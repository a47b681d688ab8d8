"""`Containers`: the facts after an object is put into an ExitStack, a list, a dict or a set.

found.append(conn)               # then also the alias (CONTAINER, "found")
stack.enter_context(conn)        # `stack` closes it, at its own end
"""

from __future__ import annotations

import ast

from dbhygiene.lifetimes.state import (
    BOUND_METHOD,
    CLOSE_METHOD,
    CLOSER,
    CLOSERS,
    CONTAINER,
    FOREIGN,
    ITSELF,
    MAYBE_PART,
    PART,
    PARTS,
    READERS,
    STACK,
    Fact,
    Where,
    container_of,
    content_of,
    element_of,
)
from dbhygiene.lifetimes.transfer.relations import Relations

TAKING_OUT = frozenset({"pop", "popleft", "popitem", "get", "get_nowait", "__getitem__"})
COPYING = frozenset({"values", "items", "copy", "keys"})
_POURING_IN = frozenset({"extend", "extendleft", "update"})
_PUTTING_IN = frozenset({"append", "add", "appendleft", "insert", "setdefault", "put", "put_nowait"})


class Containers:
    """The containers of one function."""

    def __init__(self, relations: Relations) -> None:
        self.relations, self.holds, self.resource = relations, relations.holds, relations.resource

    def stack(self, expr: ast.expr) -> Where | None:
        return self.relations.names.stacks.get(expr.id) if isinstance(expr, ast.Name) else None

    def push_on_stack(self, call: ast.Call, func: ast.Attribute, fact: Fact, raised: bool) -> Fact:
        """Return the fact after `stack.enter_context(conn)` and the like: the stack closes it at its own end."""
        if raised:
            return fact
        relation = self.holds(call.args[0], fact)
        if func.attr in {"enter_context", "enter_async_context", "push", "push_async_exit"} and relation == ITSELF:
            leaving = self.resource(fact).leaving
            if not (leaving and leaving.closes):
                return self.enter_in_stack(func, fact).add_alias(ITSELF, call)
        stack = self.stack(func.value)
        after = fact
        if relation in {ITSELF, *CLOSERS}:
            after = fact.add_alias(STACK if relation == STACK else ITSELF, call)
        if stack is None:
            return after._replace(state="escaped")
        if (before := fact.relation_of(stack)) in CLOSERS:
            return after
        is_second = any(how == STACK for how, _ in fact.aliases)
        return after.drop_aliases([stack] if before else ()).add_alias(CLOSER if is_second else STACK, stack)

    @staticmethod
    def pop_all(stack: Where, call: ast.Call, fact: Fact) -> Fact:
        """Return the fact after `stack.pop_all()`: a new stack closes it, and this one, by all its names, does not."""
        relation = fact.relation_of(stack)
        same = [where for how, where in fact.aliases if how == STACK] if relation == STACK else [stack]
        return fact.drop_aliases(same).add_alias(relation or CLOSER, call)

    def enter_in_stack(self, func: ast.Attribute, fact: Fact) -> Fact:
        """Return the fact after a stack gets an object that it leaves at its own end: it must be open until then."""
        stack = self.stack(func.value)
        if stack is None:
            return fact.add_alias(PART, FOREIGN)
        return fact if fact.relation_of(stack) in CLOSERS else fact.add_alias(PART, stack)

    def is_given_resource(self, call: ast.Call, fact: Fact) -> bool:
        return any(self.holds(arg, fact) in {ITSELF, *CLOSERS, CLOSE_METHOD} for arg in call.args)

    def is_given_reader(self, call: ast.Call, fact: Fact) -> bool:
        """Whether a stack gets an object that reads from the resource, or the `close` of one."""
        given = [arg.value if isinstance(arg, ast.Attribute) else arg for arg in call.args]
        return any(self.holds(each, fact) in READERS for each in given)

    def relation_after_insert(self, call: ast.Call, method: str, fact: Fact) -> str | None:
        """Return the relation of a container after one of its methods has added an argument; None if there is none."""
        given = [self.holds(arg, fact) for arg in call.args]
        if method in _POURING_IN:
            given = [self._relation_after_copy(relation, fact) for relation in given]
        elif method not in _PUTTING_IN:
            return None
        kept = {relation for relation in (*given, *(self.holds(k.value, fact) for k in call.keywords)) if relation}
        return container_of(kept) if kept else None

    def _relation_after_copy(self, relation: str | None, fact: Fact) -> str | None:
        """Return the relation of a copy, or of an element, to the resource."""
        return self.relations.read_out(relation, fact) if relation in READERS else content_of(relation)

    def relation_in_new_container(self, relation: str, fact: Fact) -> str | None:
        """Return the relation of a new container of the elements of an object, which `list(found)` makes."""
        if relation in {PARTS, BOUND_METHOD}:
            return relation
        if relation == CONTAINER or element_of(relation) is not None:
            return CONTAINER
        return MAYBE_PART if self.relations.read_out(relation, fact) in READERS else None
