"""`definitions`: the functions and classes behind a table, a `getattr`, a subclass or a module; each step is `Sought`.

HANDLERS = {"add": add, "drop": drop}
HANDLERS[name]()                 # `add` or `drop`
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum, auto
from itertools import islice
from typing import TypeAlias

from dbhygiene.dataflow.cfg import Loop
from dbhygiene.program.bindings import Bindings, Place
from dbhygiene.program.classes import FunctionAt, class_named, lineage
from dbhygiene.program.code import is_generator, return_expressions
from dbhygiene.program.definitions import Definition, find_definition, find_method
from dbhygiene.program.evaluation import evaluate
from dbhygiene.program.names import means
from dbhygiene.program.origins import values_of
from dbhygiene.program.values import Called, Constant, options
from dbhygiene.source.closure import closure
from dbhygiene.source.file import File, files_with_word
from dbhygiene.source.nodes import FUNCTION, without_arguments
from dbhygiene.source.queries import recursive_query, tables
from dbhygiene.source.records import Record

_IMPORTS = frozenset({"django.utils.module_loading.import_string", "werkzeug.utils.import_string"})
_MOST = 60  # definitions that one call may mean; with more, none of them is taken


class Part(Enum):
    """What of an expression is sought: its value, the values of the table that it is, or the items of a list."""

    ITSELF = auto()
    VALUES = auto()
    ITEMS = auto()


class Sought(Record):
    """A part of an expression, for which functions are sought; `position`: that in each item, if items are tuples."""

    file: File
    expr: ast.expr
    part: Part = Part.ITSELF
    position: int | None = None


_Node: TypeAlias = "Sought | Definition"


@recursive_query(())
def definitions(file: File, expr: ast.expr) -> tuple[Definition, ...]:
    """Return the project's functions and classes that an expression may be, by tables and names."""
    start: _Node = Sought(file, expr)
    unique = {found.node: found for found in closure(start, _successors) if isinstance(found, Definition)}
    return tuple(unique.values()) if len(unique) <= _MOST else ()


def functions(file: File, expr: ast.expr) -> tuple[FunctionAt, ...]:
    """Return the functions among those definitions."""
    return tuple(
        FunctionAt(each.file, each.node) for each in definitions(file, expr) if isinstance(each.node, FUNCTION)
    )


def _successors(node: _Node) -> Iterator[_Node]:
    if isinstance(node, Definition):
        return
    match node.part:
        case Part.ITSELF:
            yield from _possible_definitions(node.file, node.expr)
        case Part.VALUES:
            yield from _values_of_dict(node.file, node.expr)
        case Part.ITEMS:
            yield from _values_of_loop(node.file, node.expr, node.position)


def _possible_definitions(file: File, expr: ast.expr) -> Iterator[_Node]:
    match expr:
        case ast.Subscript(value=table):
            yield Sought(file, table, Part.VALUES)
            yield from _definitions_by_option(file, expr)
        case ast.Call(func=ast.Attribute(value=table, attr="get" | "pop"), args=[_, *default]):
            yield Sought(file, table, Part.VALUES)
            yield from _all(file, default)
            yield from _definitions_by_option(file, expr)
        case ast.Call(func=ast.Name(id="getattr"), args=[owner, name, *default]):
            yield from _definitions_by_name(file, owner, name)
            yield from _all(file, default)
        case ast.Call(func=ast.Name(id="partial") | ast.Attribute(attr="partial"), args=[first, *_]):
            yield Sought(file, first)
        case ast.Call(func=called, args=[path, *_]) if file.resolve(called) in _IMPORTS:
            yield from _import_targets(file, path)
        case ast.Call(func=called):
            for found in definitions(file, called):
                if isinstance(found.node, FUNCTION) and not is_generator(found.node):
                    yield from _all(found.file, return_expressions(found.node))
        case ast.Lambda(body=ast.Call(func=called)):
            yield Sought(file, called)
        case ast.IfExp(body=one, orelse=other):
            yield from _all(file, (one, other))
        case ast.BoolOp(values=parts):
            yield from _all(file, parts)
        case ast.Name() | ast.Attribute():
            yield from _find_definitions(file, expr)


def _all(file: File, exprs: Iterable[ast.expr]) -> Iterator[_Node]:
    return (Sought(file, expr) for expr in exprs)


def _find_definitions(file: File, expr: ast.Name | ast.Attribute) -> Iterator[_Node]:
    name = file.resolve(expr)
    if name and (found := find_definition(file, name)) is not None:
        yield found
        return
    yield from (Sought(*value) for value in values_of(file, expr))
    for loop, position in binding_loops(file, expr):
        yield Sought(file, loop.iter, Part.ITEMS, position)
    if isinstance(expr, ast.Attribute):
        for cls in definitions(file, expr.value):  # a class that is chosen at run time
            method = find_method(cls, expr.attr) if isinstance(cls.node, ast.ClassDef) else None
            yield from (method,) if method is not None else ()
        if _is_module(file, expr.value):
            yield from _functions_of_any_module(file, expr.attr)


# -- tables -----------------------------------------------------------------------------------------------


def _values_of_dict(file: File, table: ast.expr) -> Iterator[_Node]:
    """Yield the values of a dict: those in its literal, those added to it, and those that a decorator adds."""
    if isinstance(table, ast.Dict):
        yield from _all(file, table.values)
        return
    for owner, made in values_of(file, table):
        match made:
            case ast.Dict() | ast.Name() | ast.Attribute():
                yield Sought(owner, made, Part.VALUES)
            case ast.Call(args=arguments, keywords=words):  # `dict(a=f)`, `table_of(f, g)`
                yield from _all(owner, (*arguments, *(word.value for word in words)))
    place = Bindings.of(file).place(table)
    for put in Bindings.of(file).puts.get(place, ()) if place else ():
        if put.key is not None:
            yield Sought(file, put.value)
            yield from _registrations(file, put.value)


@tables
def _loops(file: File) -> Mapping[Place, list[tuple[Loop, int | None]]]:
    """Return the loops of a file by the variables that they bind; with the position, if the items are tuples."""
    found: dict[Place, list[tuple[Loop, int | None]]] = defaultdict(list)
    loops: list[Loop] = [*file.nodes(ast.For), *file.nodes(ast.AsyncFor), *file.nodes(ast.comprehension)]
    for loop in loops:
        targets = loop.target.elts if isinstance(loop.target, ast.Tuple) else [loop.target]
        for position, target in enumerate(targets):
            if isinstance(target, ast.Name) and (place := Bindings.of(file).place(target)) is not None:
                found[place].append((loop, position if len(targets) > 1 else None))
    return file.table("loops", found, _loops)


def binding_loops(file: File, variable: ast.expr) -> list[tuple[Loop, int | None]]:
    """Return the loop around a variable that binds it; else all loops that do."""
    place = Bindings.of(file).place(variable)
    loops = _loops(file).get(place, []) if place is not None else []
    if len(loops) < 2:
        return loops
    around = list(file.around(variable))
    inner = (each for above in around for each in loops if each[0] is above)
    return list(islice(inner, 1)) or loops


def _values_of_loop(file: File, iterated: ast.expr, position: int | None) -> Iterator[_Node]:
    """Yield the values of a loop's variable: the items, or the part of each at a position."""
    match iterated:
        case ast.List(elts=items) | ast.Tuple(elts=items) | ast.Set(elts=items):
            yield from _all(file, parts_of(items, position))
        case ast.Call(func=ast.Attribute(value=table, attr="values"), args=[]) if position is None:
            yield Sought(file, table, Part.VALUES)
        case ast.Call(func=ast.Attribute(value=table, attr="items"), args=[]) if position == 1:
            yield Sought(file, table, Part.VALUES)
        case ast.Call(func=ast.Name(id="list" | "tuple" | "set" | "sorted" | "reversed" | "iter"), args=[first, *_]):
            yield Sought(file, first, Part.ITEMS, position)
        case ast.Call(func=ast.Name(id="enumerate"), args=[first, *_]) if position == 1:
            yield Sought(file, first, Part.ITEMS)
        case ast.Call(func=ast.Name(id="zip"), args=[*rows]) if position is not None and position < len(rows):
            yield Sought(file, rows[position], Part.ITEMS)
        case ast.Name() | ast.Attribute():
            yield from (Sought(owner, value, Part.ITEMS, position) for owner, value in values_of(file, iterated))
            place = Bindings.of(file).place(iterated)
            added = [call for call in file.calls.get("append", ()) if len(call.args) == 1]
            for call in added if place is not None else ():
                if isinstance(call.func, ast.Attribute) and Bindings.of(file).place(call.func.value) == place:
                    yield from _all(file, parts_of(call.args, position))


def items_in_loops(file: File, variable: ast.expr) -> list[ast.expr]:
    """Return the items of the literal lists and tuples over which loops run that bind a variable."""
    found: list[ast.expr] = []
    for loop, position in binding_loops(file, variable):
        written = [loop.iter, *(value for _, value in values_of(file, loop.iter))]
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
                if means(other, without_arguments(each), decorator):
                    yield Definition(other, node, member)


def _definitions_by_option(file: File, expr: ast.expr) -> Iterator[_Node]:
    """Yield the values of `options["action"]`, if the option's `type` is a function of the command that looks it up."""
    match expr:
        case ast.Subscript(slice=ast.Constant(value=str(name))) | ast.Call(args=[ast.Constant(value=str(name)), *_]):
            for call in file.calls.get("add_argument", ()):
                flags = {flag.value for flag in call.args if isinstance(flag, ast.Constant)}
                if flags & {name, f"--{name}", f"--{name.replace('_', '-')}"}:
                    for keyword in call.keywords:
                        if keyword.arg == "type":
                            reader = ast.copy_location(ast.Call(keyword.value, [], []), call)
                            yield Sought(file, reader)


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
    for where, value in values_of(file, owner):
        if isinstance(value, ast.Call) and where.resolve(value.func) == "importlib.import_module":
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
