"""`Recreation`: an engine that a program makes repeatedly, with each object or in each call of a function.

def load():
    engine = create_engine(url)          # a `Recreation`, if `load` runs repeatedly
    with engine.connect() as conn: ...
"""

from __future__ import annotations

import ast

from dbhygiene.diagnostics.model import Impact
from dbhygiene.library.test_files import is_test_file
from dbhygiene.lifetimes.fastapi import is_dependency
from dbhygiene.lifetimes.fields import ENDING, constructor_calls
from dbhygiene.lifetimes.impact import Runs, runs
from dbhygiene.lifetimes.state import dotted_path
from dbhygiene.pools.engine_escape import Fate, fate
from dbhygiene.pools.engines import Engine
from dbhygiene.pools.recreated_engines import calls_that_get, is_cached
from dbhygiene.program.classes import may_give_older_object
from dbhygiene.program.definitions import Definition, enclosing_class
from dbhygiene.source.file import File, function_around, scope_around, with_others
from dbhygiene.source.nodes import FUNCTION
from dbhygiene.source.records import Record

_BY_ITSELF = frozenset({"__init__", "__del__", "__enter__", "__aenter__", "__exit__", "__aexit__"})


class Recreation(Record):
    """Why an engine is made repeatedly."""

    words: str
    runs: Runs
    maker: tuple[File, ast.Call] | None = None  # makes an object that has a method to dispose of its engine
    closer: str = ""  # that method
    is_brief: bool = False  # each object is made for one use: the pool lends no connection that is old


def recreation(made: Engine) -> Recreation | None:
    """Return why an engine is made repeatedly, and what its object or function does with it; None if it is not."""
    file, call = made.file, made.call
    function = function_around(file, call)
    if function is None or is_test_file(file):
        return None
    is_manager = any("contextmanager" in file.segment(each) for each in function.decorator_list)
    is_manager = is_manager or (bool(file.functions[function].yields) and is_dependency(file, function))
    if is_cached(file, function) and not is_manager:
        return None
    its_fate = fate(file, call)
    if its_fate is Fate.DROPPED or (is_manager and its_fate is Fate.HANDED_ON):
        how_often = runs(file, call, by_exception=False)
        if how_often.impact is Impact.REPEATED:
            return Recreation(
                f"each call of `{function.name}` creates an engine and its pool, and keeps neither", how_often
            )
    if its_fate is Fate.KEPT and (name := _replaced_global(file, call)) is not None:
        how_often = runs(file, call, by_exception=False)
        if how_often.impact is Impact.REPEATED:
            return Recreation(
                f"each call of `{function.name}` replaces the engine `{name}` without `dispose()`", how_often
            )
    if its_fate is Fate.KEPT and (field := _field(file, call)) is not None:
        return _in_object(file, call, *field)
    return _in_objects_of_callers(made) if its_fate is Fate.HANDED_ON else None


def _in_objects_of_callers(made: Engine) -> Recreation | None:
    """Return why the engine that a function returns is made repeatedly: each caller keeps it in such an object."""
    found = None
    for where, call in calls_that_get(made):
        its_fate = fate(where, call)
        if is_test_file(where) or its_fate is Fate.HANDED_ON:
            continue
        field = _field(where, call) if its_fate is Fate.KEPT else None
        this = _in_object(where, call, *field) if field is not None else None
        if this is None or not this.is_brief:
            return None
        found = found or this
    return found


def _field(file: File, call: ast.Call) -> tuple[Definition, str] | None:
    """Return the field of an object that an engine is assigned to, and its class."""
    match file.parents.get(call):
        case ast.Assign(targets=[ast.Attribute(value=ast.Name(id="self"), attr=name)]):
            pass
        case ast.Assign(targets=[ast.Name(id=local)]) if name := _field_of_local(file, call, local):
            pass
        case _:
            return None
    cls = enclosing_class(file, scope_around(file, call))
    return (cls, name) if cls is not None else None


def _field_of_local(file: File, call: ast.Call, local: str) -> str:
    """Return the field that a local variable is assigned to, if that is its only use; else ""."""
    function = function_around(file, call)
    if function is None:
        return ""
    uses = [each for each in file.own(function) if isinstance(each, ast.Name) and each.id == local]
    reads = [each for each in uses if isinstance(each.ctx, ast.Load)]
    if len(uses) != 2 or len(reads) != 1:
        return ""
    match file.parents.get(reads[0]):
        case ast.Assign(targets=[ast.Attribute(value=ast.Name(id="self"), attr=name)]):
            return name
    return ""


def _replaced_global(file: File, call: ast.Call) -> str | None:
    """Return the global variable that a function always sets to a new engine; None if it looks at the old one."""
    scope = scope_around(file, call)
    match file.parents.get(call):
        case ast.Assign(targets=[ast.Name(id=name)]) as assignment if name in scope.globals:
            pass
        case _:
            return None
    reads = (part for part in file.own(scope.node) if isinstance(part, ast.Name) and part.id == name)
    if any(part.lineno < assignment.lineno and isinstance(part.ctx, ast.Load) for part in reads):
        return None
    others = file.project.files_mentioning_all(name)
    return None if others is None or any("dispose" in each.text for each in with_others(file, others)) else name


def _in_object(file: File, call: ast.Call, cls: Definition, field: str) -> Recreation | None:
    """Return why an engine in a field is made repeatedly: the object is, or drops it."""
    others = file.project.files_mentioning_all(cls.name.rpartition(".")[2])
    if others is None or any("dispose" in each.text for each in others if each.path != file.path):
        return None
    if (closers := _disposing_methods(file, cls)) is None:
        return None
    how_often = runs(file, call, by_exception=False)
    if not closers and (closer := _forgets(cls, field)) is not None and how_often.impact is not Impact.ONCE:
        return Recreation(f"`{closer}` drops the engine and its pool without `dispose()`", how_often)
    makers = constructor_calls(file, cls)
    if how_often.impact is not Impact.REPEATED or not makers or may_give_older_object(cls):
        return None
    if any(fate(where, each) is not Fate.DROPPED or _may_call(where, each, closers) for where, each in makers):
        return None
    closer = min(closers & ENDING, default="")
    end = f"`{closer}` is not called" if closer else "the object is not kept"
    words = f"each `{cls.node.name}` creates an engine and its pool, but {end}"
    return Recreation(words, how_often, makers[0] if closer else None, closer, is_brief=True)


def _disposing_methods(file: File, cls: Definition) -> frozenset[str] | None:
    """Return the methods of a class that dispose of its engine, or call one that does; None if other code may, too."""
    scope = cls.file.classes.get(cls.name)
    methods = {node: name for name, node in scope.defined.items()} if scope is not None else {}
    found: set[str] = set()
    for part in file.nodes(ast.Attribute) if "dispose" in file.text else ():
        if part.attr == "dispose":
            function = function_around(file, part)
            if function in methods:
                found.add(methods[function])
            elif not (dotted_path(part) or "").startswith("self."):  # another class has its own
                return None
    while more := {name for node, name in methods.items() if name not in found and _calls(node, found)}:
        found |= more
    return None if found & _BY_ITSELF else frozenset(found)


def _calls(node: ast.AST, names: set[str]) -> bool:
    return any(isinstance(part, ast.Attribute) and part.attr in names for part in ast.walk(node))


def _may_call(file: File, made: ast.Call, closers: frozenset[str]) -> bool:
    """Whether the code that makes an object may call one of these methods of it."""
    function = function_around(file, made)
    return bool(closers) and _calls(function or file.tree, set(closers))


def _forgets(cls: Definition, field: str) -> str | None:
    """Return the method that ends the life of an object, and only drops its engine."""
    assert isinstance(cls.node, ast.ClassDef)
    for method in cls.node.body:
        if not (isinstance(method, FUNCTION) and method.name in ENDING):
            continue
        for part in ast.walk(method):
            match part:
                case ast.Assign(
                    targets=[ast.Attribute(value=ast.Name(id="self"), attr=name)], value=ast.Constant(value=None)
                ):
                    if name == field:
                        return method.name
    return None
