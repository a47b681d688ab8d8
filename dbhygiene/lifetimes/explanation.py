"""`Explanation` of one resource, for `dbhygiene explain`: its states, its path, and how it ends.

4  opened             conn = pymysql.connect()
5  open, this raises  conn.ping()
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from dbhygiene.dataflow import cfg
from dbhygiene.dataflow.cfg import EdgeKind, Node
from dbhygiene.diagnostics.overview import End
from dbhygiene.lifetimes.analysis import is_transferred, place_at
from dbhygiene.lifetimes.lifetime import Leak, Lifetime
from dbhygiene.lifetimes.messages import step_of_test
from dbhygiene.lifetimes.state import CONTAINER, ITSELF, Fact
from dbhygiene.source.file import File
from dbhygiene.source.nodes import Located, short_name


class Explanation(NamedTuple):
    """One resource: its name, a sentence on how it ends, and its events.

    `way` holds places with the state of the resource there: for a leak, those on its path; else every place where
    the resource is opened, closed or escapes, in the order of the source.
    """

    title: str
    verdict: str
    way: tuple[tuple[Located, str], ...]


def explain(life: Lifetime) -> Explanation:
    """Return the explanation of a resource."""
    title = f"{life.resource.title} `{life.title}`"
    leak = life.leak
    if leak is not None:
        return Explanation(title, leak.value, tuple(_way(life, leak)))
    return Explanation(title, _ending(life)[1], tuple(_events(life)))


def end_of(life: Lifetime) -> End:
    """Return what the function that opens a resource does with it."""
    return End.LEFT if life.leak is not None else _ending(life)[0]


def table(explanation: Explanation, file: File) -> list[str]:
    """Return the places of an explanation as lines of text: number, state and code."""
    width = max(len(state) for _, state in explanation.way)
    labels = [file.line_label(at.lineno) for at, _ in explanation.way]
    gutter = max(map(len, labels))
    return [
        f"{label.rjust(gutter)}  {state.ljust(width)}  {file.lines[at.lineno - 1].strip()[:100]}"
        for label, (at, state) in zip(labels, explanation.way, strict=True)
    ]


def states(life: Lifetime, line: int) -> list[str]:
    """Return the states in which a resource may be at the start of a line; none if it does not exist there."""
    places = ((place, fact) for node, fact in life.history if (place := place_at(node)) is not None)
    return sorted({_word(life, fact) for place, fact in places if place.lineno == line})


def _word(life: Lifetime, fact: Fact) -> str:
    """Return the word for a state: a session that is closed, or has not begun, holds no connection either."""
    return "idle" if fact.state == "closed" and not _begins_open(life) else fact.state


def _begins_open(life: Lifetime) -> bool:
    return not (life.resource.is_lazy or life.resource.opened_by)


def _ending(life: Lifetime) -> tuple[End, str]:
    """Return what a function does with a resource that does not leak, and a sentence about it."""
    owned = list(_facts_with_other_owner(life))
    owners = dict.fromkeys(map(_describe_owner, owned))
    if life.escapes:
        return End.PASSED, "; ".join(["it escapes to code that is not analysed, so it is not reported", *owners])
    if owned:
        return End.KEPT if any(map(_holding_fields, owned)) else End.RETURNED, "; ".join(owners)
    ends = [fact for _, fact in life.analysis.ends(life.birth)]
    if not ends:
        return End.KEPT, "the function does not end while the connection is open"
    if any(fact.state == "open" for fact in ends):
        if life.may_be_kept_open:
            return End.KEPT, "it may be open at the end: the kernel keeps it for the next cells"
        return End.PASSED, "it may be open at the end, but its variable is shared: other code may close it"
    if _begins_open(life):
        return End.CLOSED, "it is closed on every path"
    return End.CLOSED, "on every path, it is closed or idle at the end: it holds no connection"


def _facts_with_other_owner(life: Lifetime) -> Iterator[Fact]:
    """Yield the facts with which the function returns while other code owns the resource."""
    analysis = life.analysis
    for end, fact in analysis.ends(life.birth):
        if end is analysis.graph.exit and is_transferred(fact) and (fact.state == "open" or not _begins_open(life)):
            yield fact


def _holding_fields(fact: Fact) -> list[str]:
    return sorted(
        where
        for relation, where in fact.aliases
        if relation in {ITSELF, CONTAINER} and isinstance(where, str) and "." in where
    )


def _describe_owner(fact: Fact) -> str:
    fields = _holding_fields(fact)
    if not fields:
        return "it is returned to the caller, which must close it"
    return f"it is kept in {', '.join(f'`{name}`' for name in fields)}: the object must close it"


def _events(life: Lifetime) -> Iterator[tuple[Located, str]]:
    """Yield the places where a resource is opened, closed or escapes, in the order of the source."""
    found: dict[Located, str] = {life.birth: "opened"}
    found.update((call, "closed") for call in life.closes)
    for node, fact in life.history:
        after = list(life.analysis.transfer(node, fact))
        if isinstance(node.event, cfg.Leave) and fact.state == "open" and any(f.state == "closed" for _, f in after):
            found[node.event.node.context_expr] = "closed when this `with` ends"
        elif isinstance(node.event, cfg.Return) and any(
            is_transferred(f) and not is_transferred(fact) for _, f in after
        ):
            found[node.event.node] = "returned to the caller"
    if (last := life.analysis.transfer.escaped.get(life.birth)) is not None and (place := place_at(last)) is not None:
        found[place] = _describe_escape(last)
    yield from sorted(
        found.items(), key=lambda event: (event[0].lineno, event[0] is not life.birth, event[0].col_offset)
    )


def _describe_escape(node: Node) -> str:
    match node.event:
        case cfg.Call(node=call):
            return f"passed to `{short_name(call.func)}`, which is not analysed"
        case cfg.Yield():
            return "yielded to code that is not analysed"
        case cfg.Return():
            return "returned to code that is not analysed"
    return "stored in a place that is not analysed"


def _way(life: Lifetime, leak: Leak) -> Iterator[tuple[Located, str]]:
    """Yield the path to a leak, statement by statement, with the state of the resource after each."""
    last: int | None = None
    for node, fact, kind in life.facts(leak):
        place = place_at(node)
        if place is None or isinstance(node.event, cfg.End) or (place.lineno == last and kind != "raise"):
            continue
        last = place.lineno
        yield place, _state(fact, kind, node, life)


def _state(fact: Fact, kind: EdgeKind, node: Node, life: Lifetime) -> str:
    if isinstance(node.event, cfg.Call) and node.event.node is life.birth:
        return "opened"
    words = [_word(life, fact)]
    if kind == "raise":
        words.append("this raises")
    elif isinstance(node.event, cfg.Test) and kind in {"true", "false"}:
        words.append(step_of_test(life, node.event.node, kind)[1].removeprefix("when "))
    elif isinstance(node.event, cfg.Catch):
        words.append("caught here")
    return ", ".join(words)
