"""`Interprocedural`: summaries of functions in contexts, computed on demand, to a least fixed point.

def even(n): return n == 0 or odd(n - 1)
def odd(n): return n != 0 and even(n - 1)        # solved together with `even`

A summary depends on the summaries of callees. Chains of calls may be of any length. Functions that call each other, a
strongly connected component of the call graph, are solved together; a summary that grows with each round of the
recursion is widened.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterator, Mapping
from functools import partial, reduce
from operator import or_
from typing import Any, Generic, TypeVar

from dbhygiene.source.queries import consult, with_inputs
from dbhygiene.source.records import Row

Context = TypeVar("Context", bound=Hashable)  # a function, with facts about its call
Summary = TypeVar("Summary")

_DEPTH = 12  # contexts that are solved within each other, on Python's stack
_CHANGES = 60  # of one summary: more, and it does not settle


class _Begun(Row):
    """When a context was begun, and how many were open then."""

    order: int
    opened: int


class _Frame(Generic[Context]):
    """A context that is being solved: the contexts that it has requested, and the outermost that it needs."""

    def __init__(self, order: int) -> None:
        self.asked: dict[Context, None] = {}  # a set that keeps its order
        self.low = order

    def note(self, context: Context, low: int) -> None:
        self.asked[context] = None
        self.low = min(self.low, low)


class _TooDeepError(BaseException):
    """Too many contexts are being solved within each other; this is the next one."""

    def __init__(self, end: Any) -> None:
        self.end = end


class _NeedsMoreError(Exception):
    """Raised if the context being solved needs an outer one that is still being explored."""

    def __init__(self, low: int) -> None:
        self.low = low


class Interprocedural(Generic[Context, Summary]):
    """The summaries of one analysis, each found once.

    Contexts are explored in depth, as Tarjan's algorithm does. One that needs none around it is done. Others stay open
    until the outermost that they need has been explored: then the components among them are solved, callees first. All
    members of a component go from one round to the next together, so that it does not matter which is asked for first.

    Arguments:
        solve: the summary of a context; it asks for those of others, itself included.
        bottom: the least that may be true, of what has not been solved yet: that it does not return.
        unknown: the summary of code that is not visible; also that of a recursion that does not settle.
        widen: the summary that replaces one that a recursion has changed, of the old and of the new one.
        given_up: called with each context that has become `unknown`.
    """

    def __init__(
        self,
        solve: Callable[[Context], Summary],
        bottom: Callable[[Context], Summary],
        unknown: Callable[[Context], Summary],
        widen: Callable[[Summary, Summary], Summary] = lambda _, new: new,
        given_up: Callable[[Context], None] = lambda _: None,
    ) -> None:
        self._solve, self._bottom, self._unknown = solve, bottom, unknown
        self._widen, self._given_up = widen, given_up
        self._known: dict[Context, tuple[Summary, int]] = {}  # with their inputs, see `source.queries`
        self._assumed: dict[Context, Summary] = {}  # of those that have been begun, and are not known yet
        self._begun: dict[Context, _Begun] = {}  # those that are being explored
        self._open: list[Context] = []  # those that have been explored, and need one that is being explored
        self._low: dict[Context, int] = {}  # the outermost that they need
        self._asked: dict[Context, dict[Context, None]] = {}  # likewise: all that they have asked for
        self._inputs: dict[Context, int] = {}  # likewise: of which they have made it
        self._frames: list[_Frame[Context]] = []  # of the contexts being solved
        self._count = 0

    def of(self, context: Context) -> Summary:
        """Return the summary of a context; while it is being solved, its provisional summary."""
        if context in self._known:
            return self._recall(context)
        if not self._frames:
            self._explore_chain(context)
            return self._recall(context)
        if context not in self._assumed:
            if len(self._frames) >= _DEPTH:
                raise _TooDeepError(context)
            self._explore_below(context)
            if context in self._known:
                return self._recall(context)
        self._frames[-1].note(context, self._begun[context].order if context in self._begun else self._low[context])
        return self._assumed[context]

    def _recall(self, context: Context) -> Summary:
        summary, inputs = self._known[context]
        consult(inputs)
        return summary

    def clear(self) -> None:
        """Forget all summaries; none may be in progress."""
        self._known.clear()

    # -- exploring ------------------------------------------------------------------------------------

    def _explore_chain(self, context: Context) -> None:
        """Explore a context; the end of a chain that is too long for Python's stack is explored before it."""
        chain = [context]
        self._begin(context)
        try:
            while chain:
                order, opened = self._begun[chain[-1]].order, len(self._open)
                try:
                    self._explore(chain[-1])
                except _TooDeepError as deep:
                    for each in self._open[opened:]:  # which may need one that is begun anew now
                        self._low[each] = min(self._low[each], order)
                    chain.append(deep.end)
                    self._begin(deep.end)
                else:
                    chain.pop()
        finally:
            for left in (self._assumed, self._begun, self._low, self._asked, self._inputs, self._open):
                left.clear()  # nothing, but after an error

    def _explore_below(self, context: Context) -> None:
        self._begin(context)
        try:
            self._explore(context)
        except BaseException:
            del self._begun[context], self._assumed[context]
            raise

    def _begin(self, context: Context) -> None:
        self._count += 1
        self._begun[context] = _Begun(self._count, len(self._open))
        self._assumed[context] = self._bottom(context)

    def _explore(self, context: Context) -> None:
        order, opened = self._begun[context]
        value, frame, inputs = self._solve_in_frame(context, order)
        if frame.low < order:
            del self._begun[context]
            self._assumed[context], self._asked[context], self._low[context] = value, frame.asked, frame.low
            self._inputs[context] = inputs
            self._open.append(context)
        elif context in frame.asked or len(self._open) > opened:
            self._asked[context], self._inputs[context] = frame.asked, inputs
            self._close(context)
        else:
            del self._begun[context], self._assumed[context]
            self._known[context] = value, inputs

    def _solve_in_frame(self, context: Context, order: int) -> tuple[Summary, _Frame[Context], int]:
        frame = _Frame[Context](order)
        self._frames.append(frame)
        try:
            value, inputs = with_inputs(partial(self._solve, context))
            return value, frame, inputs
        finally:
            self._frames.pop()

    # -- components -----------------------------------------------------------------------------------

    def _close(self, root: Context) -> None:
        """Solve a context that needs no outer one, and the contexts opened since it was begun."""
        order, opened = self._begun[root]
        since = self._open[opened:]
        self._open[opened:] = [each for each in since if self._low[each] < order]
        opened = len(self._open)
        left = dict.fromkeys([root, *(each for each in since if self._low[each] >= order)])
        self._low.update(dict.fromkeys(left, order))
        try:
            while root in left:
                self._solve_components(left, order, opened)
                left.update(dict.fromkeys(self._open[opened:]))  # which these have led to
                del self._open[opened:]
        except _NeedsMoreError as more:
            del self._begun[root]
            self._open += left
            self._low.update(dict.fromkeys(self._open[opened:], more.low))
        except BaseException:
            del left[root], self._low[root]
            self._open += left
            raise
        else:
            self._open += left  # which it does not need after all

    def _solve_components(self, left: dict[Context, None], order: int, opened: int) -> None:
        """Solve the remaining components, until one of them leads to other contexts."""
        for component in list(_components(left, self._asked)):
            if len(component) == 1 and component[0] not in self._asked[component[0]]:
                found = self._solve_alone(component[0], order)
            else:
                found = self._solve_together(component, order)
            if found is None or len(self._open) > opened:
                return
            inputs = reduce(or_, map(self._inputs.__getitem__, found))  # they need each other
            for context, value in found.items():
                self._begun.pop(context, None)
                del self._assumed[context], self._low[context], self._asked[context], left[context]
                del self._inputs[context]
                self._known[context] = value, inputs

    def _solve_again(self, context: Context, order: int) -> tuple[Summary, list[Context]]:
        """Solve an open context, with the other open ones that it has requested, and return its summary."""
        value, frame, inputs = self._solve_in_frame(context, order)
        if frame.low < order:
            raise _NeedsMoreError(frame.low)
        self._inputs[context] |= inputs
        self._asked[context].update(frame.asked)
        return value, [each for each in frame.asked if each in self._assumed]

    def _solve_alone(self, context: Context, order: int) -> dict[Context, Summary] | None:
        value, asked = self._solve_again(context, order)
        return None if asked else {context: value}

    def _solve_together(self, component: list[Context], order: int) -> dict[Context, Summary] | None:
        """Return the summaries of contexts that need each other; None where they need others that are open."""
        bottom = {context: self._bottom(context) for context in component}
        self._assumed.update(bottom)
        asking: dict[Context, dict[Context, None]] = {context: {} for context in component}
        before: dict[Context, list[Summary]] = {context: [] for context in component}
        todo = dict.fromkeys(component)
        while todo:
            found = {context: self._solve_again(context, order) for context in todo}
            for context, (_, asked) in found.items():
                for each in asked:
                    if each not in asking:
                        return None
                    asking[each][context] = None
            todo = {}
            for context, (value, _) in found.items():
                old = self._assumed[context]
                if value != old and old != bottom[context]:
                    value = self._widen(old, value)
                if value != old:
                    if value in before[context] or len(before[context]) >= _CHANGES:
                        return self._give_up(component)
                    before[context].append(old)
                    self._assumed[context] = value
                    todo.update(asking[context])
        return {context: self._assumed[context] for context in component}

    def _give_up(self, component: list[Context]) -> dict[Context, Summary]:
        for context in component:
            self._given_up(context)
        return {context: self._unknown(context) for context in component}


def _components(contexts: Collection[Context], asked: Mapping[Context, Collection[Context]]) -> Iterator[list[Context]]:
    """Yield the strongly connected components of a graph, each after those that it leads to."""
    order: dict[Context, int] = {}
    low: dict[Context, int] = {}  # of those on the stack
    stack: list[Context] = []
    for root in contexts:
        way: list[tuple[Context, Iterator[Context]]] = []
        fresh: Context | None = root if root not in order else None
        while fresh is not None or way:
            if fresh is not None:
                order[fresh] = low[fresh] = len(order)
                stack.append(fresh)
                way.append((fresh, iter(asked[fresh])))
                fresh = None
            here, rest = way[-1]
            for each in rest:
                if each in contexts and each not in order:
                    fresh = each
                    break
                if each in low:
                    low[here] = min(low[here], order[each])
            else:
                way.pop()
                if way:
                    low[way[-1][0]] = min(low[way[-1][0]], low[here])
                if low[here] == order[here]:
                    component = []
                    while here in low:
                        component.append(stack.pop())
                        del low[component[-1]]
                    yield component
