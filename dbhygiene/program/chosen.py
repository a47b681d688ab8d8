"""The functions of which a call runs one that is chosen at run time: by a table, a sub-command, or a parameter.

WORK = {"add": add, "show": show}
WORK[word](conn)                     # runs `add` or `show`, and nothing else
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import TypeAlias

from dbhygiene.program.arguments import bind_arguments, defaults, has_parameter, has_unpacked, positional_parameters
from dbhygiene.program.bindings import Bindings, Place
from dbhygiene.program.callees import find_callees
from dbhygiene.program.callers import callers
from dbhygiene.program.definitions import Definition
from dbhygiene.program.dispatch import binding_loops, parts_of
from dbhygiene.program.names import canonical_name, find_module
from dbhygiene.source.file import File, files_with_word
from dbhygiene.source.nodes import FUNCTION, Function, last_name
from dbhygiene.source.queries import recursive_query

_MOST = 20  # functions of one call; with more, none of them is taken
_DEEP = 5  # steps from the call to the functions

_Found: TypeAlias = "list[Definition] | None"  # None: it may be other code, too


@recursive_query(())
def chosen_functions(file: File, func: ast.expr) -> tuple[Definition, ...]:
    """Return the project's functions of which an expression is one; none if it may be something else."""
    found = {each.node: each for each in _functions(file, func, _DEEP) or ()}
    return tuple(found.values()) if len(found) <= _MOST else ()


def _functions(file: File, expr: ast.expr, depth: int) -> _Found:
    if not depth:
        return None
    if isinstance(expr, (ast.Name, ast.Attribute)) and (named := _functions_of_name(file, expr)) is not None:
        return named
    match expr:
        case ast.Constant(value=None):
            return []
        case ast.IfExp(body=one, orelse=other):
            return _all(file, (one, other), depth)
        case ast.Subscript(value=table):
            return _in_table(file, table, depth)
        case ast.Call(func=ast.Attribute(value=table, attr="get"), args=[_, *default]):
            return _union((_in_table(file, table, depth), _all(file, default, depth)))
        case ast.Name():
            return _in_variable(file, expr, depth)
        case ast.Attribute(value=ast.Name(id="self")) if (held := _bound_variable(file, expr)) is not None:
            return _all(held[0], Bindings.of(held[0]).values[held[1]], depth)
        case ast.Attribute(value=ast.Name(), attr=option):
            return _functions_by_subcommand(file, option, depth)
    return None


def _all(file: File, exprs: Iterable[ast.expr], depth: int) -> _Found:
    return _union(_functions(file, expr, depth - 1) for expr in exprs)


def _union(found: Iterable[_Found]) -> _Found:
    every: list[Definition] = []
    for each in found:
        if each is None:
            return None
        every += each
    return every


def _functions_of_name(file: File, expr: ast.Name | ast.Attribute) -> _Found:
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
    return list(found.definitions)


# -- variables ------------------------------------------------------------------------------------------


def _in_variable(file: File, name: ast.Name, depth: int) -> _Found:
    here = Bindings.of(file).owner(name.id, file.scope_of(name))
    if here is not None and isinstance(here.node, FUNCTION):
        if has_parameter(here.node, name.id):
            return (
                _functions_for_parameter(file, here.node, name.id, depth)
                if len(here.aliases.get(name.id, ())) == 0
                else None
            )
    if loops := binding_loops(file, name):
        return _union(_in_loop(file, loop.iter, position, depth) for loop, position in loops)
    if (held := _bound_variable(file, name)) is None:
        return None
    where, place = held
    return _all(where, Bindings.of(where).values[place], depth)


def _bound_variable(file: File, variable: ast.expr) -> tuple[File, Place] | None:
    """Return the variable, here or in the module that it comes from, if only assignments bind it."""
    where, place = file, Bindings.of(file).place(variable)
    if place is None or not Bindings.of(file).values.get(place):
        name = file.resolve(variable)
        elsewhere = find_module(file, canonical_name(file, name)) if name else None
        if elsewhere is None or len(elsewhere[1]) != 1:
            return None
        where, place = elsewhere[0], Place(elsewhere[0].scope, elsewhere[1][0])
    known = Bindings.of(where)
    return (where, place) if known.values.get(place) and place not in known.unclear else None


def _in_table(file: File, table: ast.expr, depth: int) -> _Found:
    """Return the functions in a dict or list: in its literal, and those that are put into it later."""
    match table:
        case ast.Dict(keys=keys, values=values) if None not in keys:
            return _all(file, values, depth)
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return _all(file, items, depth)
        case ast.Name() | ast.Attribute() if (held := _bound_variable(file, table)) is not None and depth:
            where, place = held
            known = Bindings.of(where)
            written = [_in_table(where, value, depth - 1) for value in known.values[place]]
            later = [
                _in_table(where, put.value, depth - 1) if put.key is None else _functions(where, put.value, depth - 1)
                for put in known.puts.get(place, ())
            ]
            return _union([*written, *later])
    return None


def _in_loop(file: File, iterated: ast.expr, position: int | None, depth: int) -> _Found:
    """Return the functions that the variable of a loop stands for."""
    match iterated:
        case ast.List(elts=items) | ast.Tuple(elts=items) | ast.Set(elts=items):
            parts = list(parts_of(items, position))
            return _all(file, parts, depth) if len(parts) == len(items) else None
        case ast.Call(func=ast.Attribute(value=table, attr="values"), args=[]) if position is None:
            return _in_table(file, table, depth)
        case ast.Call(func=ast.Attribute(value=table, attr="items"), args=[]) if position == 1:
            return _in_table(file, table, depth)
        case ast.Name() | ast.Attribute() if (held := _bound_variable(file, iterated)) is not None and depth:
            where, place = held
            if Bindings.of(where).puts.get(place):
                return None
            return _union(_in_loop(where, value, position, depth - 1) for value in Bindings.of(where).values[place])
    return None


# -- sub-commands of argparse ---------------------------------------------------------------------------


def _functions_by_subcommand(file: File, option: str, depth: int) -> _Found:
    """Return the functions of `args.run`, which `parser.set_defaults(run=add)` sets."""
    found: list[_Found] = []
    for other in files_with_word(file, "set_defaults("):
        for call in other.calls.get("set_defaults", ()):
            found += [_functions(other, word.value, depth - 1) for word in call.keywords if word.arg == option]
    return _union(found) if found else None


# -- parameters -----------------------------------------------------------------------------------------


def _functions_for_parameter(file: File, function: Function, name: str, depth: int) -> _Found:
    """Return the functions that are given for a parameter, if every use of the function of this one is understood."""
    if function.decorator_list:
        return None
    found: list[_Found] = []
    uses: set[ast.AST] = set()
    for other, call, bound in callers(file, function):
        uses.add(call.func)
        given = bind_arguments(call, function, bound=bound).get(name) or defaults(function).get(name)
        found.append(None if has_unpacked(call) or given is None else _functions(other, given, depth - 1))
    for other, use in _other_uses(file, function, uses):
        if (decorated := _decorated_function(other, use)) is not None:
            found.append([decorated] if positional_parameters(function, bound=False)[0].arg == name else None)
            continue
        given = _argument_for(other, function, name, use)
        found.append(None if given is None else _functions(other, given, depth - 1))
    return _union(found) if found else None


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
