"""`Arguments`: what becomes of a resource that is an argument of a call.

unknown(conn)                    # escapes
print(conn)                      # stays open
shut(conn)                       # closed, if the summary of `shut` says so
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from dbhygiene.library.calls import APPLYING, BEGINNING, GIVING_DATA, RUNNING_AWAITED, reads_later
from dbhygiene.library.resources import BORROWS, CLOSES, KEEPS, READS, ArgumentEffect, ArgumentEffects
from dbhygiene.lifetimes.effects import CallEffect, FunctionSemantics
from dbhygiene.lifetimes.state import (
    BOUND_METHOD,
    CLOSER,
    FOREIGN,
    ITSELF,
    MAYBE_PART,
    PART,
    PARTS,
    READERS,
    Fact,
    bound_method,
    container_of,
    is_view,
)
from dbhygiene.lifetimes.transfer.containers import Containers
from dbhygiene.lifetimes.transfer.relations import Relations
from dbhygiene.source.nodes import last_name
from dbhygiene.source.records import replace


class Arguments:
    """The arguments of the calls of one function."""

    def __init__(self, relations: Relations, containers: Containers, effects: FunctionSemantics) -> None:
        self.relations, self.containers, self.effects = relations, containers, effects
        self.holds, self.resource = relations.holds, relations.resource

    def after(self, call: ast.Call, effect: CallEffect, fact: Fact, raised: bool) -> Iterable[Fact]:
        """Yield the facts after a call with the resource as an argument."""
        if (given := self._argument(call, fact)) is None:
            return [fact]
        position, keyword, relation = given
        if relation in {*READERS, PARTS} and self.effects.file.resolve(call.func) == "functools.partial":
            return [fact if raised else fact.add_alias(BOUND_METHOD, call)]  # it can be kept, and called, like a method
        if not raised and self._lives_on(call, relation, fact):
            fact = fact.add_alias(PART, FOREIGN)
        if effect.is_manager:
            return [fact if raised else self._after_manager(call, effect, given, fact)]
        if relation == ITSELF and self.resource(fact).is_lazy and effect.summary.may_raise:
            if fact.state == "closed" and (after := self._after_rest(call, effect, given, fact, raised)) is not None:
                return after
            fact = fact._replace(state="open")
        fates = effect.argument_effects(position, keyword, self.resource(fact), relation, raised)
        if fates == BORROWS and (self._is_put_off(call, effect) or reads_later(last_name(call.func), call)):
            fates = READS
        if fates == KEEPS and relation == ITSELF and not raised:
            if fields := effect.keeping_fields(call, position, keyword, self.resource(fact)):
                return [fact._replace(aliases=fact.aliases | fields)]
        return self.apply_effects(call, fates, relation, fact, raised)

    def _after_rest(
        self,
        call: ast.Call,
        effect: CallEffect,
        given: tuple[int | None, str | None, str],
        fact: Fact,
        raised: bool,
    ) -> list[Fact] | None:
        """Return the facts after a session that holds nothing is passed to functions of the project.

        It still holds nothing where they return before any query. Return None if they always do more than use it.
        """
        if not (effect.definitions and effect.complete):
            return None
        at_rest = replace(self.resource(fact), is_at_rest=True)
        fates = effect.argument_effects(*given[:2], at_rest, given[2], raised)
        if fates == KEEPS:
            return None
        awake = fact._replace(state="open")
        return [
            *([fact] if fates & CLOSES else ()),
            *([awake] if fates & BORROWS else ()),
            *self.apply_effects(call, fates - BORROWS - CLOSES, given[2], awake, raised),
        ]

    def closes(self, call: ast.Call, fact: Fact) -> bool:
        """Whether a call closes the resource that is its argument, whenever it returns."""
        given = self._argument(call, fact)
        if (
            given is None
            or given[2] != ITSELF
            or (isinstance(call.func, ast.Attribute) and self.holds(call.func.value, fact))
        ):
            return False
        return self.effects.of(call).argument_effects(*given[:2], self.resource(fact), ITSELF, raised=False) == CLOSES

    def apply_effects(
        self, call: ast.Call, fates: ArgumentEffects, relation: str, fact: Fact, raised: bool
    ) -> Iterator[Fact]:
        method = bound_method(relation)
        if method and fates == KEEPS and isinstance(self.effects.file.parents.get(call), ast.Await):
            fates = READS if last_name(call.func) in RUNNING_AWAITED else fates
        for fate in sorted(fates, key=lambda fate: fate.value):
            if fate is ArgumentEffect.BORROWS:
                yield fact
            elif fate is ArgumentEffect.CLOSES:
                yield fact if is_view(relation) else fact._replace(state="closed")
            elif fate is ArgumentEffect.RETURNS:
                yield fact if raised else fact.add_alias(relation, call)
            elif fate is ArgumentEffect.GATHERS:
                lives = self.containers.relation_in_new_container(relation, fact)
                yield fact.add_alias(lives, call) if lives and not raised else fact
            elif fate is ArgumentEffect.HOLDS and (relation in {ITSELF, *READERS} or method is not None):
                yield fact if raised else fact.add_alias(container_of([relation]), call)
            elif fate is ArgumentEffect.HOLDS_PARTS:
                yield fact if raised else fact.add_alias(PARTS, call)
            elif relation in {*READERS, PARTS} or fate is ArgumentEffect.READS:
                effect = self.effects.of(call)
                is_known = fate is ArgumentEffect.READS and not effect.definitions
                if fate is ArgumentEffect.KEEPS and effect.definitions and effect.complete and not raised:
                    fact = fact.add_alias(PART, FOREIGN)  # an unknown function is taken to keep no cursor
                several = relation in {PARTS, BOUND_METHOD} or (
                    method and method not in GIVING_DATA and last_name(call.func) in APPLYING
                )
                yield fact if raised else fact.add_alias(PARTS if several else PART if is_known else MAYBE_PART, call)
            else:
                yield fact._replace(state="escaped")

    def _argument(self, call: ast.Call, fact: Fact) -> tuple[int | None, str | None, str] | None:
        """Return the argument that is the resource, and its relation: itself, before a method or a part of it."""
        given = [
            *(
                (position, None, relation)
                for position, arg in enumerate(call.args)
                if (relation := self.holds(arg, fact))
            ),
            *((None, k.arg, relation) for k in call.keywords if (relation := self.holds(k.value, fact))),
        ]
        return min(given, key=lambda each: (each[2] in {*READERS, PARTS}, is_view(each[2])), default=None)

    def _lives_on(self, call: ast.Call, relation: str, fact: Fact) -> bool:
        """Whether an argument that reads from the resource may use it after this function has ended."""
        from dbhygiene.lifetimes.live_objects import begins, makes_runner, passed_objects  # few arguments read from one

        file = self.effects.file
        if makes_runner(file, call) or (relation in {*READERS, PARTS} and begins(file, call)):
            return True
        effect = self.effects.of(call)
        if not effect.callees and effect.summary.rest.normal == BORROWS:
            return False
        return any(self.holds(each, fact) in READERS for each in passed_objects(file, call))

    def _after_manager(
        self, call: ast.Call, effect: CallEffect, given: tuple[int | None, str | None, str], fact: Fact
    ) -> Fact:
        """Return the fact after a resource is passed to a context manager of the project, which is entered at once."""
        fates = effect.argument_effects(*given[:2], self.resource(fact), given[2], raised=False)
        is_entered = isinstance(self.effects.file.parents.get(call), ast.withitem)
        if len(fates) != 1 or not is_entered or (fates == CLOSES and given[2] != ITSELF):
            return fact._replace(state="escaped")
        match next(iter(fates)):
            case ArgumentEffect.BORROWS:
                relation = None
            case ArgumentEffect.CLOSES:
                relation = CLOSER
            case ArgumentEffect.READS:
                relation = MAYBE_PART
            case ArgumentEffect.RETURNS:
                relation = given[2]
            case _:
                return fact._replace(state="escaped")
        awake = fact._replace(state="open") if self.resource(fact).is_lazy else fact
        return awake.add_alias(relation, call) if relation is not None else awake

    def _is_put_off(self, call: ast.Call, effect: CallEffect) -> bool:
        """Whether a call only makes a coroutine that is returned, stored, or run concurrently."""
        if not any(isinstance(each.node, ast.AsyncFunctionDef) for each in effect.definitions):
            return False
        match self.effects.file.parents.get(call):
            case ast.Call(func=func):
                return last_name(func) in BEGINNING
            case ast.Await() | ast.Expr() | ast.keyword() | ast.Starred():
                return False
        return True
