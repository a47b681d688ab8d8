"""`widen`: the region of a resource, up to the end of those that are opened in it, if they end in another order.

source = connect(old)
target = connect(new)            # the block after which `source` is closed begins here,
source.close()
target.close()                   # and ends here, since the block of `target` must fit into it
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from dbhygiene.lifetimes.close_statements import CloseStatement
from dbhygiene.lifetimes.lifetime import Lifetime
from dbhygiene.lifetimes.region import Region, names_read, statements_until_assigned
from dbhygiene.source.records import replace


def widen(life: Lifetime, place: Region, closes: Sequence[CloseStatement]) -> tuple[Region, Sequence[CloseStatement]]:
    """Return the region up to the end of the resources opened in it, and the closings that a fix replaces.

    If only other closings follow its own, it is closed after them. If more follows, its own closing stays where
    it is, since it may end a lock or a transaction; the fix adds a second close for when the first is not reached.
    """
    last = _end_of_others(life, place)
    if last is place.last:
        return place, closes
    wide = replace(place, last=last)
    others = opened_inside(life, place)
    if all(closes_one_of(others, each) for each in wide.body[len(place.body) :]):
        return wide, closes
    can_stay = all(closing.statement in place.body for closing in closes)
    if can_stay and not (life.resource.second_close_raises or life.resource.gives_back):
        return wide, ()
    return place, closes


def _end_of_others(life: Lifetime, place: Region) -> ast.stmt:
    """Return the last statement that needs a resource opened in the region, or in the statements added for it."""
    while True:
        end = len(place.body)
        for name, needed in _others(life, place.body):
            tail = statements_until_assigned(place.rest[len(place.body) :], name)
            using = [number for number, each in enumerate(tail, len(place.body) + 1) if names_read(each) & needed]
            end = max([end, *using])
        if end == len(place.body):
            return place.last
        place = replace(place, last=place.rest[end - 1])


def opened_inside(life: Lifetime, place: Region) -> set[str]:
    """Return the variables that hold the resources opened in the region."""
    return {name for _, needed in _others(life, place.body) for name in needed}


def _others(life: Lifetime, body: Sequence[ast.stmt]) -> list[tuple[str, frozenset[str]]]:
    """Return the other resources that these statements open: the name of each, and all names by which it is used."""
    found = []
    for statement, site in _openings(life):
        if site is not life.birth and statement in body:
            assert isinstance(statement.targets[0], ast.Name)
            name = statement.targets[0].id
            found.append((name, _names_of(life, site) | {name}))
    return found


def _openings(life: Lifetime) -> list[tuple[ast.Assign, ast.Call]]:
    """Return the plain assignments of resources that do not escape."""
    found = []
    for site, _ in life.analysis.own_resources:
        parent = life.file.parents[site]
        statement = life.file.parents[parent] if isinstance(parent, ast.Await) else parent
        match statement:
            case ast.Assign(targets=[ast.Name()]) if not life.analysis.is_shared(site):
                found.append((statement, site))
    return found


def _names_of(life: Lifetime, site: ast.Call) -> frozenset[str]:
    return frozenset(
        where.partition(".")[0]
        for _, fact in life.analysis.history(site)
        for _, where in fact.aliases
        if isinstance(where, str) and not where.startswith("<")
    )


def closes_one_of(names: set[str], statement: ast.stmt) -> bool:
    """Whether a statement only closes one of these."""
    match statement:
        case ast.Expr(value=ast.Await(value=ast.Call() as call)) | ast.Expr(value=ast.Call() as call):
            pass
        case _:
            return False
    match call:
        case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="close"), args=[], keywords=[]):
            return name in names
    return False
