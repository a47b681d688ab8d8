"""`SessionObjects`: the objects that a session has loaded or that were added to it, and where they escape.

When the session is closed, they can load nothing more: `order.owner` raises DetachedInstanceError. So nothing that may
be such an object, or hold one, may outlive the block that closes the session. Plain values may: the columns of an
object, rows of columns, counts.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from dbhygiene.dataflow import cfg
from dbhygiene.lifetimes.lifetime import Lifetime
from dbhygiene.lifetimes.loaded_objects import LoadedObjects
from dbhygiene.lifetimes.state import READERS
from dbhygiene.source.nodes import FUNCTION, LOOP, argument_values

_DEFINITIONS = (*FUNCTION, ast.Lambda, ast.ClassDef)  # these may run after the session is closed


class SessionObjects(LoadedObjects):
    """The objects of one session, or of the sessions that are made of one connection."""

    def __init__(self, life: Lifetime, made: set[str]) -> None:
        """`made` are the variables with sessions that are made of a connection."""
        self.life, analysis = life, life.analysis
        sessions = {*life.names, *made} if life.resource.is_lazy else made - set(life.names)
        aliases = {alias for _, fact in life.history for alias in fact.aliases}
        held = {where for relation, where in aliases if relation in READERS and isinstance(where, str)}
        super().__init__(analysis.effects, analysis.transfer.names, life.resource, sessions, held, life.birth)

    @property
    def longer_lived_object(self) -> ast.AST | None:
        """Return a place where an object escapes, after which the program does not close the session.

        A function that gets the session may only commit: then the session holds nothing, but its objects stay attached.
        """
        graph, transfer = self.life.analysis.graph, self.life.analysis.transfer
        closing = {
            node
            for node, fact in self.life.history
            if self.life.closing_call(node, fact) is not None
            or (isinstance(node.event, cfg.Leave) and transfer.is_closed_by(node.event.node, fact))
        }
        called = [node for node in graph.nodes() if isinstance(node.event, cfg.Call) and node not in closing]
        begun = [node for node in called if self._begins(node.event.node)]  # type: ignore[union-attr, arg-type]
        alive = cfg.reachable(begun, past=lambda node: node not in closing)
        for place in self.leaving:
            there = [node for node in graph.nodes() if node.event is not None and node.event.node is place]
            alive_there = [node for node in there if node in alive]
            stays = cfg.reachable(alive_there, past=lambda node: node not in closing)
            is_raised = isinstance(place, ast.Raise) and bool(alive_there)
            if isinstance(place, _DEFINITIONS) or not there or is_raised or graph.exit in stays:
                return place
        return None

    def _begins(self, call: ast.Call) -> bool:
        """Whether a call opens the session, or uses it, which opens a closed session again."""
        if call is self.birth or any(map(self._is_session, argument_values(call))):
            return True
        return isinstance(call.func, ast.Attribute) and self._is_session(call.func.value)

    def use_outside(self, opening: ast.stmt, rest: Iterable[ast.stmt]) -> str | None:
        """Return a variable that may be an object, if it is used outside of these statements once it may be one."""
        inside = {part for statement in (opening, *rest) for part in ast.walk(statement)}
        again = {part for around in self.file.around(opening) if isinstance(around, LOOP) for part in ast.walk(around)}
        for node in self._nodes:
            if isinstance(node, ast.Name) and node.id in self.names and isinstance(node.ctx, ast.Load):
                if node not in inside and (node.lineno > opening.lineno or node in again):
                    return node.id
        return None
