"""`chosen_functions`: the functions of which a call runs one, by a table, a sub-command, or a parameter.

WORK = {"add": add, "show": show}
WORK[word](conn)                     # runs `add` or `show`, and nothing else
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

from dbhygiene.program.arguments import bind_arguments, defaults, has_parameter, has_unpacked, positional_parameters
from dbhygiene.program.bindings import Bindings, Place
from dbhygiene.program.callees import find_callees
from dbhygiene.program.callers import callers
from dbhygiene.program.definitions import Definition
from dbhygiene.program.dispatch import Part, Sought, binding_loops, parts_of
from dbhygiene.program.origins import assigned_variable
from dbhygiene.source.closure import closure
from dbhygiene.source.file import File, files_with_word
from dbhygiene.source.nodes import FUNCTION, Function, last_name
from dbhygiene.source.queries import query

_MOST = 20  # functions of one call; with more, none of them is taken

_Node: TypeAlias = "Sought | Definition | None"  # None: it may be other code, too


@query
def chosen_functions(file: File, func: ast.expr) -> tuple[Definition, ...]:
    """Return the project's functions of which an expression is one; none if it may be something else."""
    found: dict[ast.AST, Definition] = {}
    start: _Node = Sought(file, func)
    for each in closure(start, _successors):
        if each is None:
            return ()
        if isinstance(each, Definition):
            found[each.node] = each
    return tuple(found.values()) if len(found) <= _MOST else ()


def _successors(node: _Node) -> Sequence[_Node]:
    if not isinstance(node, Sought):
        return ()
    match node.part:
        case Part.ITSELF:
            found = _functions(node.file, node.expr)
        case Part.VALUES:
            found = _in_table(node.file, node.expr)
        case Part.ITEMS:
            found = _in_loop(node.file, node.expr, node.position)
    return found if found is not None else (None,)


def _functions(file: File, expr: ast.expr) -> Sequence[_Node] | None:
    if isinstance(expr, (ast.Name, ast.Attribute)) and (named := _functions_of_name(file, expr)) is not None:
        return named
    match expr:
        case ast.Constant(value=None):
            return ()
        case ast.IfExp(body=one, orelse=other):
            return (Sought(file, one), Sought(file, other))
        case ast.Subscript(value=table):
            return (Sought(file, table, Part.VALUES),)
        case ast.Call(func=ast.Attribute(value=table, attr="get"), args=[_, *default]):
            return (Sought(file, table, Part.VALUES), *(Sought(file, each) for each in default))
        case ast.Name():
            return _in_variable(file, expr)
        case ast.Attribute(value=ast.Name(id="self")) if (held := _bound_variable(file, expr)) is not None:
            return _all(held[0], Bindings.of(held[0]).values[held[1]])
        case ast.Attribute(value=ast.Name(), attr=option):
            return _functions_by_subcommand(file, option)
    return None


def _all(file: File, exprs: Iterable[ast.expr], part: Part = Part.ITSELF, position: int | None = None) -> list[_Node]:
    return [Sought(file, expr, part, position) for expr in exprs]


def _functions_of_name(file: File, expr: ast.Name | ast.Attribute) -> Sequence[_Node] | None:
    """Return the functions of a name of the project; a method must be named on its own object."""
    name = file.resolve(expr)
    found = find_callees(file, name) if name is not None else None
    if found is None or not found.definitions or not found.complete:
        return None
    on_itself = (
        isinstance(expr, ast.Attribute) and isinstance(expr.value, ast.Name) and expr.value.id in {"self", "cls"}
    )
    for each in found.definitions:
        if not isinstance(each.node, FUNCTION) or (each.file.functions[each.node].class_scope and not on_itself):
            return None
    return found.definitions


# -- variables ------------------------------------------------------------------------------------------


def _in_variable(file: File, name: ast.Name) -> Sequence[_Node] | None:
    here = Bindings.of(file).owner(name.id, file.scope_of(name))
    if here is not None and isinstance(here.node, FUNCTION) and has_parameter(here.node, name.id):
        return _functions_for_parameter(file, here.node, name.id) if not here.aliases.get(name.id) else None
    if loops := binding_loops(file, name):
        return [Sought(file, loop.iter, Part.ITEMS, position) for loop, position in loops]
    held = _bound_variable(file, name)
    return _all(held[0], Bindings.of(held[0]).values[held[1]]) if held is not None else None


def _bound_variable(file: File, variable: ast.expr) -> tuple[File, Place] | None:
    """Return the variable, here or in the module that it comes from, if only assignments bind it."""
    found = assigned_variable(file, variable)
    return found if found is not None and found[1] not in Bindings.of(found[0]).unclear else None


def _in_table(file: File, table: ast.expr) -> Sequence[_Node] | None:
    """Return the functions in a dict or list: in its literal, and those that are put into it later."""
    match table:
        case ast.Dict(keys=keys, values=values) if None not in keys:
            return _all(file, values)
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return _all(file, items)
        case ast.Name() | ast.Attribute() if (held := _bound_variable(file, table)) is not None:
            where, place = held
            known = Bindings.of(where)
            later = [
                Sought(where, put.value, Part.VALUES if put.key is None else Part.ITSELF)
                for put in known.puts.get(place, ())
            ]
            return [*_all(where, known.values[place], Part.VALUES), *later]
    return None


def _in_loop(file: File, iterated: ast.expr, position: int | None) -> Sequence[_Node] | None:
    """Return the functions that the variable of a loop stands for."""
    match iterated:
        case ast.List(elts=items) | ast.Tuple(elts=items) | ast.Set(elts=items):
            parts = list(parts_of(items, position))
            return _all(file, parts) if len(parts) == len(items) else None
        case ast.Call(func=ast.Attribute(value=table, attr="values"), args=[]) if position is None:
            return _all(file, (table,), Part.VALUES)
        case ast.Call(func=ast.Attribute(value=table, attr="items"), args=[]) if position == 1:
            return _all(file, (table,), Part.VALUES)
        case ast.Name() | ast.Attribute() if (held := _bound_variable(file, iterated)) is not None:
            known = Bindings.of(held[0])
            if not known.puts.get(held[1]):
                return _all(held[0], known.values[held[1]], Part.ITEMS, position)
    return None


# -- sub-commands of argparse ---------------------------------------------------------------------------


def _functions_by_subcommand(file: File, option: str) -> Sequence[_Node] | None:
    """Return the functions of `args.run`, which `parser.set_defaults(run=add)` sets."""
    found: list[_Node] = []
    for other in files_with_word(file, "set_defaults("):
        for call in other.calls.get("set_defaults", ()):
            found += _all(other, (word.value for word in call.keywords if word.arg == option))
    return found or None


# -- parameters -----------------------------------------------------------------------------------------


def _functions_for_parameter(file: File, function: Function, name: str) -> Sequence[_Node] | None:
    """Return the functions that are given for a parameter, if every use of the function of this one is understood."""
    if function.decorator_list:
        return None
    found: list[_Node] = []
    uses: set[ast.AST] = set()
    for other, call, bound in callers(file, function):
        uses.add(call.func)
        given = bind_arguments(call, function, bound=bound).get(name) or defaults(function).get(name)
        found.append(None if has_unpacked(call) or given is None else Sought(other, given))
    for other, use in _other_uses(file, function, uses):
        if (decorated := _decorated_function(other, use)) is not None:
            found.append(decorated if positional_parameters(function, bound=False)[0].arg == name else None)
            continue
        given = _argument_for(other, function, name, use)
        found.append(None if given is None else Sought(other, given))
    return found or None


def _decorated_function(file: File, use: ast.expr) -> Definition | None:
    """Return the function that a decorator is given, if nothing else decorates it before."""
    function = file.parents.get(use)
    if isinstance(function, FUNCTION) and function.decorator_list and function.decorator_list[-1] is use:
        return Definition(file, function, file.functions[function].name)
    return None


def _other_uses(owner: File, function: Function, uses: set[ast.AST]) -> Iterator[tuple[File, ast.expr]]:
    for file in files_with_word(owner, function.name):
        parts: list[ast.Name | ast.Attribute] = [*file.nodes(ast.Name), *file.nodes(ast.Attribute)]
        for part in parts:
            if last_name(part) == function.name and isinstance(part.ctx, ast.Load) and part not in uses:
                if file is owner or file.resolve(part) == f"{owner.module}.{function.name}":
                    yield file, part


def _argument_for(file: File, function: Function, name: str, use: ast.expr) -> ast.expr | None:
    """Return the argument for a parameter where a thread or an executor runs the function."""
    positions = [each.arg for each in positional_parameters(function, bound=isinstance(use, ast.Attribute))]
    position = positions.index(name) if name in positions else None
    above = file.parents.get(use)
    match above:
        case ast.keyword(arg="target") if position is not None:
            call = file.parents[above]
            words = {word.arg: word.value for word in call.keywords} if isinstance(call, ast.Call) else {}
            items = words.get("args")
            if isinstance(items, (ast.Tuple, ast.List)) and position < len(items.elts):
                return items.elts[position]
        case ast.Call(func=ast.Attribute(attr="submit"), args=[first, *rest]) if first is use and position is not None:
            return rest[position] if position < len(rest) else None
    return None
