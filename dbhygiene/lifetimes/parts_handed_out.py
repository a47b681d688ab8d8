"""`may_lead_back`: whether a program may get at a connection of which a function returns or stores only a part.

def cursor(host):
    return pymysql.connect(host=host).cursor()       # false: nothing can close the connection
"""

from __future__ import annotations

import ast
import re

from dbhygiene.dataflow import cfg
from dbhygiene.library.resources import Resource
from dbhygiene.lifetimes.analysis import Analysis, owning_aliases
from dbhygiene.lifetimes.state import ITSELF, MAYBE_PART, RETURN, Fact
from dbhygiene.program.definitions import Definition
from dbhygiene.source.file import File
from dbhygiene.source.nodes import FUNCTION
from dbhygiene.source.queries import query

# With other decorators, the result may be kept on purpose: `functools.lru_cache`.
_PLAIN_DECORATORS = frozenset({"staticmethod", "classmethod", "property"})
# The connection of a cursor, the session of a query; not those of `self`, nor where it is set or used.
_LEADS_BACK = re.compile(
    r"(?<!\bself)(?<!\bcls)\.(?:connection|conn|_connection|session|bind|get_bind)\b"
    r"(?!\s*\.\s*(?:cursor|commit|rollback|execute)\b|\s*=[^=])"
)


def may_lead_back(analysis: Analysis, birth: ast.Call) -> bool:
    """Whether the program may get at a resource by a part of it that its function returns or stores.

    True if the part may be kept on purpose, or if too many files use the function to be read.
    """
    function, resource = analysis.scope.node, analysis.sites[birth]
    if not isinstance(function, FUNCTION):
        return True
    is_plain = _PLAIN_DECORATORS.issuperset(Definition(analysis.file, function, analysis.scope.name).decorators)
    if not (is_plain or analysis.scope.yields):  # no decorator gets what a generator returns
        return True
    if not resource.is_lazy and any(_may_give_itself(analysis, resource, *step) for step in analysis.history(birth)):
        return True
    words = {function.name} if not function.name.startswith("__") else set()
    for _end, fact in analysis.ends(birth):
        words |= {f".{where.split('.')[1]}" for _, where in owning_aliases(fact) if where != RETURN}
    files = [analysis.file]
    for word in sorted(words):
        if (others := analysis.file.project.files_mentioning_all(word)) is None:
            return True
        files += others
    return any(map(_leads_back, files))


@query
def _leads_back(file: File) -> bool:
    """Whether a file mentions the connection of a cursor, or the session of a query."""
    return _LEADS_BACK.search(file.text) is not None


def _may_give_itself(analysis: Analysis, resource: Resource, node: cfg.Node, fact: Fact) -> bool:
    """Whether a method that is not known may return the connection itself."""
    match node.event:
        case cfg.Call(node=ast.Call(func=ast.Attribute(value=owner, attr=name)) as call):
            if analysis.transfer.holds(owner, fact) != ITSELF or analysis.file.is_discarded(call):
                return False
            if resource.is_object and (called := analysis.effects.of(call).definitions):
                return any(_returns_itself(each) for each in called)
            return any(
                after.relation_of(call) == MAYBE_PART and name not in resource.parts
                for _, after in analysis.transfer(node, fact)
            )
    return False


def _returns_itself(method: Definition) -> bool:
    """Whether a method may return its object."""
    returned = method.file.functions[method.node].returns if isinstance(method.node, FUNCTION) else []
    return any(isinstance(part.value, ast.Name) and part.value.id == "self" for part in returned)
