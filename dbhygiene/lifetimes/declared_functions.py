"""`declared_model`: the call model of a function that the user declares in the settings (`functions`).

"app.db.release" = { closes = ["conn"] }        # a call closes its argument for `conn`
"""

from __future__ import annotations

from collections.abc import Mapping

from dbhygiene.config.settings import Declared
from dbhygiene.library.resources import BORROWS, CLOSES, KEEPS, ArgumentEffects, CallModel, ParameterSummary, Resource
from dbhygiene.program.arguments import positional_parameters, takes_owner
from dbhygiene.program.definitions import Definition
from dbhygiene.source.nodes import FUNCTION


def declared_model(declared: Declared, returned: Resource | None, definition: Definition | None) -> CallModel:
    """Return the model of a declared function; its `definition`, if it is known, gives the positions of parameters."""
    fates: dict[str | int, ArgumentEffects] = {
        **dict.fromkeys(declared.borrows, BORROWS),
        **dict.fromkeys(declared.keeps, KEEPS),
        **dict.fromkeys(declared.closes, CLOSES),
    }
    by_name = {name: ParameterSummary.of(fate) for name, fate in fates.items() if isinstance(name, str)}
    by_place = {place: ParameterSummary.of(fate) for place, fate in fates.items() if isinstance(place, int)}
    by_place |= _by_position(by_name, definition)
    arguments = tuple(by_place.get(place, ParameterSummary()) for place in range(max(by_place, default=-1) + 1))
    return CallModel(returned, arguments=arguments, keywords=by_name, may_raise=declared.may_raise)


def _by_position(by_name: Mapping[str, ParameterSummary], definition: Definition | None) -> dict[int, ParameterSummary]:
    if definition is None or not isinstance(definition.node, FUNCTION):
        return {}
    bound = takes_owner(definition.file.functions[definition.node])
    positional = positional_parameters(definition.node, bound=bound)
    return {place: by_name[each.arg] for place, each in enumerate(positional) if each.arg in by_name}
