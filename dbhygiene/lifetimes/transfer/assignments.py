"""`Assignments`: what a variable, a field or an element holds after a value is bound to it.

db = conn                        # with the alias (ITSELF, "conn"): also (ITSELF, "db")
conn = None                      # then only (ITSELF, "db")
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from dbhygiene.dataflow import cfg
from dbhygiene.lifetimes.path_conditions import ANYTHING, NONE, TRUTHY, assume, is_condition
from dbhygiene.lifetimes.state import (
    CLOSERS,
    CONTAINER,
    FOREIGN,
    ITSELF,
    LENT_FIELD,
    MAYBE_PART,
    PART,
    PARTS,
    READERS,
    Fact,
    Outcomes,
    Site,
    Where,
    bound_method,
    content_of,
    dotted_path,
    element_of,
    is_view,
)
from dbhygiene.lifetimes.transfer.branches import Branches
from dbhygiene.lifetimes.transfer.relations import Relations

_Pair: TypeAlias = "tuple[ast.expr, ast.expr | None, str | None]"  # target, value, and its relation to the resource


class Assignments:
    """The bindings of one function."""

    def __init__(self, relations: Relations, branches: Branches) -> None:
        self.relations, self.branches, self.keys, self.names = relations, branches, branches.keys, relations.names
        self.holds, self.resource = relations.holds, relations.resource
        self.replaced: dict[tuple[Site, ast.AST], str] = {}  # and where: the last variable
        self.given_up: set[tuple[Site, ast.AST]] = set()  # those replaced because they are lost, or may be

    def bind(self, event: cfg.Bind, fact: Fact) -> Outcomes:
        value = event.value
        if isinstance(event.node, ast.AugAssign):
            added = self.holds(event.node.value, fact)
            is_own = self.relations.is_container(event.target)
            if added in READERS or (added is None and is_own):
                return [("next", fact)]  # rows, or a number
            if added is not None and is_own:
                return [("next", fact.put_in(added, dotted_path(event.target) or event.target))]
            if added is not None:  # the list may be the caller's
                return [("next", fact.add_alias(PART, FOREIGN) if is_view(added) else fact._replace(state="escaped"))]
        if value is None and isinstance(event.node, (ast.For, ast.AsyncFor, ast.comprehension)):
            is_past = fact.state == "closed" and fact.relation_of(event.node) and not self.resource(fact).is_lazy
            each = None if is_past else content_of(self.holds(event.node.iter, fact))
            targets = single_targets(event.target) if is_view(each) else [event.target]
            pairs: list[_Pair] = [(target, None, each) for target in targets]
        else:
            pairs = list(self._pairs(event.target, value, fact))
        gone: list[Where] = []
        last = not isinstance(event.node, ast.Assign) or event.target is event.node.targets[-1]
        if last and isinstance(value, ast.AST):
            gone = [value, value.value if isinstance(value, (ast.Await, ast.NamedExpr)) else value]
        return [
            ("next", self.after_assignment(pairs, event.node, each).drop_aliases(gone))
            for each in self._split_by_conditions(pairs, fact)
        ]

    def catch(self, event: cfg.Catch, fact: Fact) -> Outcomes:
        return [("next", fact.forget_path(event.node.name) if event.node.name else fact)]

    def delete(self, event: cfg.Delete, fact: Fact) -> Outcomes:
        for target in event.node.targets:
            if path := dotted_path(target):
                fact = fact.forget_path(path)
        return [("next", fact)]

    def after_assignment(self, pairs: Sequence[_Pair], node: ast.AST, fact: Fact) -> Fact:
        """Return the fact after all of these are assigned at once."""
        masks = [self.branches.truthiness(value, fact) for _, value, _ in pairs]
        stays = any(_is_owning(relation) for *_, relation in pairs)  # `a, b = b, a`
        after = fact
        for target, value, _ in pairs:
            if (path := dotted_path(target)) is not None:
                dropped = isinstance(value, ast.Constant)  # `conn = None`: no other value takes its place
                after = self._before_rebinding(path, after, node, stays=stays, dropped=dropped)
        for (target, _, relation), mask in zip(pairs, masks, strict=True):
            after = self.bind_target(target, relation, mask, after)
        return after

    def bind_target(self, target: ast.expr, relation: str | None, mask: int, fact: Fact) -> Fact:
        path = dotted_path(target)
        if relation is not None:
            mask = TRUTHY if relation == ITSELF else ANYTHING
            fact = self._store(target, path, relation, fact)
        if path is not None and mask != ANYTHING and path in self.keys.keys:
            known = assume(fact.known, path, mask)
            fact = fact._replace(known=known) if known is not None else fact
        return fact

    def _split_by_conditions(self, pairs: Sequence[_Pair], fact: Fact) -> list[Fact]:
        """Split a fact before conditions are assigned to variables: one for each result, with its path conditions."""
        answers = [fact.known]
        for target, value, _how in pairs:
            if value is None or dotted_path(target) not in self.keys.keys:
                continue
            if is_condition(value):
                answers = [
                    known for before in answers for _, known in self.branches.truths(value, fact._replace(known=before))
                ]
            elif (source := dotted_path(value)) in self.keys.objects and source in self.keys.keys:
                both = [self.keys.assume(before, source, mask) for before in answers for mask in (NONE, TRUTHY)]
                answers = [known for known in both if known is not None]
        return [fact if known is fact.known else fact._replace(known=known) for known in dict.fromkeys(answers)]

    def _pairs(self, target: ast.expr, value: ast.expr | None, fact: Fact) -> Iterator[_Pair]:
        """Yield each single target of an assignment, its value if there is one, and the relation of that."""
        if isinstance(target, (ast.Tuple, ast.List)):
            if isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(target.elts):
                for each, part in zip(target.elts, value.elts, strict=True):
                    yield from self._pairs(each, part, fact)
                return
            relation = self.holds(value, fact)
            element = element_of(relation) if relation else None
            for number, each in enumerate(target.elts):
                if element is None or element.position in {None, number}:
                    taken = content_of(relation) or self.relations.within(relation, fact)
                else:
                    taken = MAYBE_PART  # `return conn, conn.cursor()`
                yield (each.value if isinstance(each, ast.Starred) else each), None, taken
            return
        yield target, value, self.holds(value, fact)

    def _before_rebinding(self, path: str, fact: Fact, node: ast.AST, *, stays: bool, dropped: bool) -> Fact:
        """Return the fact before this node assigns another value to a variable or field.

        Arguments:
            stays: whether the node assigns the resource, too.
            dropped: whether no other resource can take its place.
        """
        if fact.relation_of(f"{path}.{LENT_FIELD}"):
            return fact._replace(state="escaped")
        after = fact.forget_path(path)
        if fact.site is not None and fact.state == "open" and fact.relation_of(path) == ITSELF:
            if not (stays or any(_is_owning(relation) for relation, _ in after.aliases)):
                if fact.lost:
                    self.given_up.add((fact.site, node))
                    return fact._replace(state="escaped")
                if not dropped:
                    self.replaced.setdefault((fact.site, node), path)
        return after._replace(known=self.keys.invalidate(after.known, path)) if after.known else after

    def _store(self, target: ast.expr, path: str | None, relation: str, fact: Fact) -> Fact:
        if path is None:
            container = target.value if isinstance(target, ast.Subscript) else None
            if container is not None and self.relations.is_container(container):
                return fact.put_in(relation, dotted_path(container) or container)
            return fact.add_alias(PART, FOREIGN) if relation in {*READERS, PARTS} else fact._replace(state="escaped")
        root, _, rest = path.partition(".")
        if rest:
            if root in self.names.owners:
                is_dict = (element := element_of(relation)) is not None and element.position is None
                fact = fact.add_alias(CONTAINER if is_dict else relation, path)
                is_lent = rest.partition(".")[0] in self.names.inner_fields
                return fact.add_alias(LENT_FIELD, f"{path}.{LENT_FIELD}") if is_lent else fact
            is_bound = bound_method(relation) is not None
            is_own = is_bound and fact.relation_of(root) in {ITSELF, *READERS}  # `conn.row_factory = conn.factory`
            return fact if is_own else fact._replace(state="escaped")
        if root in self.names.shared or root in self.names.captured:
            return fact._replace(state="escaped")
        return fact.add_alias(relation, path)


def single_targets(target: ast.expr) -> Iterator[ast.expr]:
    """Yield the single targets of an assignment or a loop."""
    if isinstance(target, (ast.Tuple, ast.List)):
        for each in target.elts:
            yield from single_targets(each)
    else:
        yield target.value if isinstance(target, ast.Starred) else target


def _is_owning(relation: str | None) -> bool:
    """Whether an object of this relation is the resource, holds it or closes it."""
    return relation in {ITSELF, CONTAINER, *CLOSERS} or (relation is not None and element_of(relation) is not None)
