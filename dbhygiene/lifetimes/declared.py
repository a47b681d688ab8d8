"""Functions that the user has declared in the settings, as summaries."""

from __future__ import annotations

from collections.abc import Mapping

from dbhygiene.flow.calls import Definition
from dbhygiene.library.resources import BORROWS, CLOSES, KEEPS, Argument, Fates, Resource, Summary
from dbhygiene.settings import Declared
from dbhygiene.source import FUNCTION


def summary_of(declared: Declared, returned: Resource | None, definition: Definition | None) -> Summary:
    """What a call of a declared function does; its `definition`, if there is one, tells where arguments stand."""
    fates: dict[str | int, Fates] = {
        **dict.fromkeys(declared.borrows, BORROWS),
        **dict.fromkeys(declared.keeps, KEEPS),
        **dict.fromkeys(declared.closes, CLOSES),
    }
    by_name = {name: Argument.of(fate) for name, fate in fates.items() if isinstance(name, str)}
    by_place = {place: Argument.of(fate) for place, fate in fates.items() if isinstance(place, int)}
    by_place |= _placed(by_name, definition)
    arguments = tuple(by_place.get(place, Argument()) for place in range(max(by_place, default=-1) + 1))
    return Summary(returned, arguments=arguments, keywords=by_name, may_raise=declared.may_raise)


def _placed(by_name: Mapping[str, Argument], definition: Definition | None) -> dict[int, Argument]:
    if definition is None or not isinstance(definition.node, FUNCTION):
        return {}
    args = definition.node.args
    names = [arg.arg for arg in (*args.posonlyargs, *args.args)]
    scope = definition.file.functions[definition.node]
    if scope.class_scope is not None and "staticmethod" not in definition.decorators:
        names = names[1:]
    return {place: by_name[name] for place, name in enumerate(names) if name in by_name}
