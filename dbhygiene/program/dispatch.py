"""Dynamic dispatch: the functions behind a table, a `getattr`, a subclass, or a module imported by name.

HANDLERS = {"add": add, "drop": drop}
HANDLERS[name]()                 # `add` or `drop`
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import islice

from dbhygiene.dataflow.cfg import Loop
from dbhygiene.program.bindings import Bindings, Place
from dbhygiene.program.classes import FunctionAt, class_named, lineage
from dbhygiene.program.code import is_generator, return_expressions
from dbhygiene.program.definitions import Definition, find_definition, find_method
from dbhygiene.program.evaluation import evaluate
from dbhygiene.program.names import canonical_name, find_module
from dbhygiene.program.values import Called, Constant, options
from dbhygiene.source.file import File, files_with_word
from dbhygiene.source.nodes import FUNCTION
from dbhygiene.source.queries import query, recursive_query

_IMPORTS = frozenset({"django.utils.module_loading.import_string", "werkzeug.utils.import_string"})
_MOST = 60  # definitions that one call may mean, and expressions that lead to them; further ones are left out


@recursive_query(())
def definitions(file: File, expr: ast.expr) -> tuple[Definition, ...]:
    """Return the project's functions and classes that an expression may be, by tables and names."""
    unique = {found.node: found for found in islice(_possible_definitions(file, expr, set()), _MOST)}
    return tuple(unique.values())


def functions(file: File, expr: ast.expr) -> tuple[FunctionAt, ...]:
    """Return the functions among those definitions."""
    return tuple(
        FunctionAt(each.file, each.node) for each in definitions(file, expr) if isinstance(each.node, FUNCTION)
    )


def _possible_definitions(file: File, expr: ast.expr, seen: set[ast.expr]) -> Iterator[Definition]:
    if expr in seen or len(seen) > _MOST:
        return
    seen.add(expr)
    match expr:
        case ast.Subscript(value=table):
            yield from _values_of_dict(file, table, seen)
            yield from _definitions_by_option(file, expr, seen)
        case ast.Call(func=ast.Attribute(value=table, attr="get" | "pop"), args=[_, *default]):
            yield from _values_of_dict(file, table, seen)
            yield from _all(file, default, seen)
            yield from _definitions_by_option(file, expr, seen)
        case ast.Call(func=ast.Name(id="getattr"), args=[owner, name, *default]):
            yield from _definitions_by_name(file, owner, name)
            yield from _all(file, default, seen)
        case ast.Call(func=ast.Name(id="partial") | ast.Attribute(attr="partial"), args=[first, *_]):
            yield from _possible_definitions(file, first, seen)
        case ast.Call(func=called, args=[path, *_]) if file.resolve(called) in _IMPORTS:
            yield from _import_targets(file, path)
        case ast.Call(func=called):
            for found in _possible_definitions(file, called, seen):
                if isinstance(found.node, FUNCTION):
                    given = () if is_generator(found.node) else return_expressions(found.node)
                    yield from _all(found.file, given, seen)
        case ast.Lambda(body=ast.Call(func=called)):
            yield from _possible_definitions(file, called, seen)
        case ast.IfExp(body=one, orelse=other):
            yield from _all(file, (one, other), seen)
        case ast.BoolOp(values=parts):
            yield from _all(file, parts, seen)
        case ast.Name() | ast.Attribute():
            yield from _find_definitions(file, expr, seen)


def _all(file: File, exprs: Iterable[ast.expr], seen: set[ast.expr]) -> Iterator[Definition]:
    for expr in exprs:
        yield from _possible_definitions(file, expr, seen)


def _find_definitions(file: File, expr: ast.Name | ast.Attribute, seen: set[ast.expr]) -> Iterator[Definition]:
    name = file.resolve(expr)
    if name and (found := find_definition(file, name)) is not None:
        yield found
        return
    for owner, values in _values(file, expr):
        yield from _all(owner, values, seen)
    for loop, position in binding_loops(file, expr):
        yield from _values_of_loop(file, loop.iter, position, seen)
    if isinstance(expr, ast.Attribute):
        for cls in _possible_definitions(file, expr.value, seen):  # a class that is chosen at run time
            method = find_method(cls, expr.attr) if isinstance(cls.node, ast.ClassDef) else None
            yield from (method,) if method is not None else ()
        if _is_module(file, expr.value):
            yield from _functions_of_any_module(file, expr.attr)


def _values(file: File, expr: ast.expr) -> Iterator[tuple[File, list[ast.expr]]]:
    """Yield the values that a variable or an attribute is bound to, here or in the module that it comes from."""
    place = Bindings.of(file).place(expr)
    if place is not None and (values := Bindings.of(file).values.get(place)):
        yield file, values
    elif name := file.resolve(expr):
        elsewhere = find_module(file, canonical_name(file, name))
        if elsewhere and len(elsewhere[1]) == 1:
            other, [variable] = elsewhere
            yield other, Bindings.of(other).values.get(Place(other.scope, variable), [])


# -- tables -----------------------------------------------------------------------------------------------


def _values_of_dict(file: File, table: ast.expr, seen: set[ast.expr]) -> Iterator[Definition]:
    """Yield the values of a dict: those in its literal, those added to it, and those that a decorator adds."""
    if isinstance(table, ast.Dict):
        yield from _all(file, table.values, seen)
        return
    for owner, values in _values(file, table):
        for made in values:
            match made:
                case ast.Dict(values=items):
                    yield from _all(owner, items, seen)
                case ast.Call(args=arguments, keywords=words):  # `dict(a=f)`, `table_of(f, g)`
                    yield from _all(owner, (*arguments, *(word.value for word in words)), seen)
    place = Bindings.of(file).place(table)
    for put in Bindings.of(file).puts.get(place, ()) if place else ():
        if put.key is not None:
            yield from _possible_definitions(file, put.value, seen)
            yield from _registrations(file, put.value)


@query
def _loops(file: File) -> dict[Place, list[tuple[Loop, int | None]]]:
    """Return the loops of a file by the variables that they bind; with the position, if the items are tuples."""
    found: dict[Place, list[tuple[Loop, int | None]]] = defaultdict(list)
    loops: list[Loop] = [*file.nodes(ast.For), *file.nodes(ast.AsyncFor), *file.nodes(ast.comprehension)]
    for loop in loops:
        targets = loop.target.elts if isinstance(loop.target, ast.Tuple) else [loop.target]
        for position, target in enumerate(targets):
            if isinstance(target, ast.Name) and (place := Bindings.of(file).place(target)) is not None:
                found[place].append((loop, position if len(targets) > 1 else None))
    return found


def binding_loops(file: File, variable: ast.expr) -> list[tuple[Loop, int | None]]:
    """Return the loop around a variable that binds it; else all loops that do."""
    place = Bindings.of(file).place(variable)
    loops = _loops(file).get(place, []) if place is not None else []
    if len(loops) < 2:
        return loops
    around = list(file.around(variable))
    inner = (each for above in around for each in loops if each[0] is above)
    return list(islice(inner, 1)) or loops


def _values_of_loop(file: File, iterated: ast.expr, position: int | None, seen: set[ast.expr]) -> Iterator[Definition]:
    """Yield the values of a loop's variable: the items, or the part of each at a position."""
    if iterated in seen:
        return
    match iterated:
        case ast.List(elts=items) | ast.Tuple(elts=items) | ast.Set(elts=items):
            yield from _all(file, parts_of(items, position), seen)
        case ast.Call(func=ast.Attribute(value=table, attr="values"), args=[]):
            yield from _values_of_dict(file, table, seen) if position is None else ()
        case ast.Call(func=ast.Attribute(value=table, attr="items"), args=[]):
            yield from _values_of_dict(file, table, seen) if position == 1 else ()
        case ast.Call(func=ast.Name(id="list" | "tuple" | "set" | "sorted" | "reversed" | "iter"), args=[first, *_]):
            yield from _values_of_loop(file, first, position, seen)
        case ast.Call(func=ast.Name(id="enumerate"), args=[first, *_]) if position == 1:
            yield from _values_of_loop(file, first, None, seen)
        case ast.Call(func=ast.Name(id="zip"), args=[*rows]) if position is not None and position < len(rows):
            yield from _values_of_loop(file, rows[position], None, seen)
        case ast.Name() | ast.Attribute():
            seen.add(iterated)
            for owner, values in _values(file, iterated):
                for value in values:
                    yield from _values_of_loop(owner, value, position, seen)
            place = Bindings.of(file).place(iterated)
            added = [call for call in file.calls.get("append", ()) if len(call.args) == 1]
            for call in added if place is not None else ():
                if isinstance(call.func, ast.Attribute) and Bindings.of(file).place(call.func.value) == place:
                    yield from _all(file, parts_of(call.args, position), seen)


def items_in_loops(file: File, variable: ast.expr) -> list[ast.expr]:
    """Return the items of the literal lists and tuples over which loops run that bind a variable."""
    found: list[ast.expr] = []
    for loop, position in binding_loops(file, variable):
        written = [loop.iter, *(value for _, values in _values(file, loop.iter) for value in values)]
        for each in written:
            if isinstance(each, (ast.List, ast.Tuple, ast.Set)):
                found += parts_of(each.elts, position)
    return found


def parts_of(items: list[ast.expr], position: int | None) -> Iterator[ast.expr]:
    """Yield the items themselves, or the part of each at a position."""
    for item in items:
        if position is None:
            yield item
        elif isinstance(item, (ast.Tuple, ast.List)) and position < len(item.elts):
            yield item.elts[position]


def _registrations(file: File, put: ast.expr) -> Iterator[Definition]:
    """Yield the definitions below a decorator that adds its argument to a table."""
    if not isinstance(put, ast.Name) or not isinstance(function := file.scope_of(put).node, FUNCTION):
        return
    around = [function, *(above for above in file.around(function) if isinstance(above, FUNCTION))]
    word = around[-1].name
    decorator = f"{file.module}.{word}"
    used = re.compile(rf"[@=]\s*[\w.]*\b{word}\b")  # above something; or renamed before, as by an import
    others = (each for each in file.project.files_containing(word) if each.path != file.path)
    others = (each for each in others if f"{word} as " in each.text or used.search(each.text))
    for other in (file, *(each for each in others if each.is_program)):
        for member, node in other.scope.defined.items():
            for each in node.decorator_list:
                name = other.resolve(each.func if isinstance(each, ast.Call) else each)
                if name and canonical_name(other, name) == decorator:
                    yield Definition(other, node, member)


def _definitions_by_option(file: File, expr: ast.expr, seen: set[ast.expr]) -> Iterator[Definition]:
    """Yield the values of `options["action"]`, if the option's `type` is a function of the command that looks it up."""
    match expr:
        case ast.Subscript(slice=ast.Constant(value=str(name))) | ast.Call(args=[ast.Constant(value=str(name)), *_]):
            for call in file.calls.get("add_argument", ()):
                flags = {flag.value for flag in call.args if isinstance(flag, ast.Constant)}
                if flags & {name, f"--{name}", f"--{name.replace('_', '-')}"}:
                    for keyword in call.keywords:
                        if keyword.arg == "type":
                            reader = ast.copy_location(ast.Call(keyword.value, [], []), call)
                            yield from _possible_definitions(file, reader, seen)


# -- methods ----------------------------------------------------------------------------------------------


def _definitions_by_name(file: File, owner: ast.expr, name: ast.expr) -> Iterator[Definition]:
    """Yield the methods, or a module's functions, that `getattr(owner, f"run_{name}")` may return."""
    resolved = file.resolve(owner)
    cls = class_named(file, resolved) if resolved else None
    match name:
        case ast.Constant(value=str(whole)):
            found = find_definition(file, f"{resolved}.{whole}") if resolved else None
            if found is not None:
                yield found
            return
        case ast.JoinedStr(values=[ast.Constant(value=str(start)), *_]):
            pass
        case ast.BinOp(op=ast.Add() | ast.Mod(), left=ast.Constant(value=str(start))):
            start = start.partition("%")[0]
        case _:
            return
    for each in lineage(cls) if cls and start else ():
        for member, node in each.file.classes[each.name].defined.items():
            if member.startswith(start):
                yield Definition(each.file, node, f"{each.name}.{member}")


def _import_targets(file: File, path: ast.expr) -> Iterator[Definition]:
    """Yield what `import_string(path)` returns, for each value that the path is known to have."""
    for option in options(evaluate(file, path)):
        match option:
            case Called(name="getattr", arguments=[_, _, default]):  # of the settings
                option = default
        if isinstance(option, Constant) and isinstance(option.value, str):
            found = find_definition(file, option.value)
            if found is not None:
                yield found


# -- modules ----------------------------------------------------------------------------------------------


def _is_module(file: File, owner: ast.expr) -> bool:
    """Whether a variable holds a module that is imported by a name known only at run time."""
    if not isinstance(owner, ast.Name):
        return False
    for values in (values for _, values in _values(file, owner)):
        if any(isinstance(v, ast.Call) and file.resolve(v.func) == "importlib.import_module" for v in values):
            return True
    function = file.scope_of(owner).node
    arguments = [*function.args.args, *function.args.kwonlyargs] if isinstance(function, FUNCTION) else []
    return any(
        argument.arg == owner.id and argument.annotation and file.resolve(argument.annotation) == "types.ModuleType"
        for argument in arguments
    )


def _functions_of_any_module(file: File, name: str) -> Iterator[Definition]:
    """Yield the functions of this name at the top level of any module: the entry points of plugins."""
    for other in files_with_word(file, f"def {name}("):
        node = other.scope.defined.get(name)
        if isinstance(node, FUNCTION):
            yield Definition(other, node, name)
