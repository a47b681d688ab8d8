"""`Field`: a connection in a field of a class; whether the class, or code that can see the field, closes it.

self.conn = connect()            # a `Field`: it is closed if any method, or any user of an object, closes `.conn`
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Collection, Iterator

from dbhygiene.diagnostics.model import Impact
from dbhygiene.library.drivers import PACKAGES
from dbhygiene.library.resources import ArgumentEffect, Resource
from dbhygiene.library.words import words
from dbhygiene.lifetimes.effects import FunctionSummaries
from dbhygiene.lifetimes.lasting_variables import is_of_all
from dbhygiene.lifetimes.path_conditions import ENTERS_ARGUMENT
from dbhygiene.lifetimes.state import ITSELF
from dbhygiene.program.callees import callees, receiver_class
from dbhygiene.program.classes import class_named
from dbhygiene.program.definitions import Definition, base_classes, find_definition
from dbhygiene.program.hierarchy import is_of_family
from dbhygiene.program.origins import values_of
from dbhygiene.source.file import File, function_around, scope_around, statement_around, with_others
from dbhygiene.source.nodes import FUNCTION, first_parameter, last_name, without_arguments
from dbhygiene.source.records import Frozen, replace
from dbhygiene.source.scopes import Scope

# Bases of other libraries that cannot know a field of this class, or close it.
_PLAIN_BASES = frozenset(
    """
    object abc.ABC typing.Generic typing.Protocol threading.Thread multiprocessing.Process threading.local
    multiprocessing.context.Process unittest.TestCase scrapy.Spider scrapy.spiders.Spider scrapy.spiders.CrawlSpider
    scrapy.CrawlSpider socketserver.BaseRequestHandler http.server.BaseHTTPRequestHandler cmd.Cmd logging.Handler
    tkinter.Frame tkinter.Tk io.RawIOBase io.BufferedIOBase io.TextIOBase io.IOBase
    """.split()
)
# The same, whole modules of frameworks: they know no field that a program's class adds to theirs.
_PLAIN_MODULES = words(
    """
    aiohttp.web airflow.models airflow.operators celery customtkinter discord.ext.commands disnake.ext.commands
    django.views flask.views flask_classful flask_restful flask_restx graphene http.server kivy luigi
    nextcord.ext.commands pydantic PyQt4 PyQt5 PyQt6 PySide PySide2 PySide6 rest_framework sanic.views scrapy
    socketserver starlette.endpoints tkinter tornado.web unittest wx
    """
)
# Programs call `.close()` on these, too; they are no connections.
_OTHER_CLOSED = r"(?i)cur|curs|csr|file|^f$|^fp$|^fh$|^fd$|^out$|writer|reader|sock|driver|browser|resp|session"


_ITSELF = frozenset({"self", "cls"})
ENTERING = frozenset({"__enter__", "__aenter__"})
_NO_OBJECTS = sys.stdlib_module_names | {"open"}  # no `with` over what these return is over an object of the project

# Methods that end the life of an object.
ENDING = frozenset("close disconnect release terminate aclose ensure_closed dispose shutdown stop quit".split())


class Field(Frozen):
    """A field of a class that is assigned a connection: `self.name = connect()`, or in the body of the class."""

    file: File
    cls: Definition
    name: str
    birth: ast.Call | None  # None: its value is a parameter
    resource: Resource
    summaries: FunctionSummaries
    others: tuple[str, ...] = ()  # further fields that hold the same connection
    is_container: bool = False  # it holds a list or dict with the connection

    @property
    def path(self) -> str:
        """How the program writes the field: `self.name`; for one of the class itself, `name` or `Class.name`."""
        if self.is_of_class:
            return self.name
        for target in assignment_targets(self.file, self.birth) if self.birth is not None else ():
            if isinstance(target, ast.Attribute) and target.attr == self.name and not _is_one_of(target.value, _ITSELF):
                return ast.unparse(target)
        return f"self.{self.name}"

    @property
    def is_of_class(self) -> bool:
        """Whether the body of the class opens it, once for all instances."""
        return self.birth is not None and function_around(self.file, self.birth) is None

    def never_closed(self) -> bool:
        """Whether no code that can see the field closes it, or passes it to code that might."""
        others = [replace(self, name=name, others=()) for name in self.others]
        return all(self.summaries.never_closed(field) for field in (replace(self, others=()), *others))

    def is_of_one_object(self) -> bool:
        """Whether the program opens it once: for its class, or for the one object that it makes of the class."""
        if self.birth is not None and not self.is_of_class and is_made_once(self.file, self.birth):
            return True
        made = constructor_calls(self.file, self.cls)
        if not made or all(is_made_once(file, call) for file, call in made):
            return bool(made)
        if self.birth is None or not self._is_opened_once(self.birth):
            return False
        from dbhygiene.lifetimes.impact import is_made_for_others, runs  # for the few fields that are never closed

        return not is_made_for_others(self.cls) and all(
            is_made_once(file, call) or runs(file, call, by_exception=False, may_last=True).impact is Impact.ONCE
            for file, call in made
        )

    @property
    def is_filled_on_demand(self) -> bool:
        """Whether the opening function first looks into its container: it opens one for each key, or up to a limit."""
        if not self.is_container or self.birth is None:
            return False
        function, opening = function_around(self.file, self.birth), statement_around(self.file, self.birth)
        if function is None or opening is None:
            return False
        return any(
            part.attr == self.name and _is_one_of(part.value, _ITSELF) and part.lineno < opening.lineno
            for part in ast.walk(function)
            if isinstance(part, ast.Attribute) and isinstance(part.ctx, ast.Load)
        )

    def _is_opened_once(self, birth: ast.Call) -> bool:
        """Whether each object opens it once: in its constructor, or only while the field is empty."""
        for around in self.file.around(birth):
            match around:
                case ast.For() | ast.AsyncFor() | ast.While():
                    return False
                case ast.If(test=test) if any(ast.unparse(part) == f"self.{self.name}" for part in ast.walk(test)):
                    return True
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                    return name == "__init__"
        return False

    def is_closed_by_none(self) -> bool:
        """Whether no code closes it, by a look at its uses; two objects that pass it to each other may close it."""
        if any(not has_plain_bases(each, may_be_framework=True) for each in (self.cls, *base_classes(self.cls))):
            return False
        returned: set[str] = set()
        for file in self.relatives():
            if file is None:
                return False
            for use in self.uses(file):
                verdict = self.effect_of_use(file, use)
                if verdict is None and not self._ends_another(file, use):
                    return False
                returned |= verdict or set()
        if returned & ENTERING and self._some_with_closes():
            return False
        return not any(self._somebody_closes(name) for name in returned - ENTERING)

    def _ends_another(self, file: File, use: ast.Attribute) -> bool:
        """Whether a use closes a connection that the same method has stored in the field itself, before."""
        around, function = file.parents.get(use), function_around(file, use)
        if not isinstance(around, ast.Attribute) or function is None:
            return False
        if self.birth is None or self.birth in ast.walk(function):
            return False
        uses = [each for each in self.uses(file) if function_around(file, each) is function]
        lines = [
            part.lineno
            for block in (function.body, *(each.body for each in function.body if isinstance(each, ast.Try)))
            for part in block
            if isinstance(part, ast.Assign) and not isinstance(part.value, ast.Constant)
            for target in part.targets
            if isinstance(target, ast.Attribute) and target.attr == self.name and _is_one_of(target.value, _ITSELF)
        ]
        return bool(lines) and min(lines) <= min(each.lineno for each in uses)

    def relatives(self) -> Iterator[File | None]:
        """Yield the files that may see the field: its own, those of the base classes, and a few others that mention it.

        None stands for too many other files: any of them may do anything with it.
        """
        near = {file.path: file for file in (self.file, *(each.file for each in base_classes(self.cls)))}
        yield from near.values()
        others = self.file.project.files_mentioning_all(f".{self.name}")
        yield from [None] if others is None else [file for file in others if file.path not in near]

    def _some_with_closes(self) -> bool:
        """Whether a `with` over an object of the class may close what its `__enter__` returns, or pass it on."""
        others = self.file.project.files_mentioning_all(self.cls.last_name)
        if others is None:
            return True
        for file in with_others(self.file, others):
            for item in file.nodes(ast.withitem):
                cls = receiver_class(file, item.context_expr)
                if cls is not None and not is_of_family(cls, self.cls):
                    continue
                if (
                    cls is None
                    and (file.resolve(without_arguments(item.context_expr)) or "").partition(".")[0] in _NO_OBJECTS
                ):
                    continue
                if item.optional_vars is not None and not _is_local_and_lent(file, item, item.optional_vars):
                    return True
        return False

    def _somebody_closes(self, method: str) -> bool:
        """Whether a file that calls the method which returns the connection closes something like a connection."""
        names = (method, self.cls.node.name) if method == "connect" else (method,)  # every driver has a `connect`
        callers = self.file.project.files_mentioning_all(*names)
        return callers is None or any(
            is_closed_in_text(file, self.resource) for file in with_others(self.file, callers)
        )

    def uses(self, file: File) -> Iterator[ast.Attribute]:
        """Yield the reads of the field; a field of the same name in an unrelated class is another one."""
        for node in file.nodes(ast.Attribute):
            if node.attr == self.name and isinstance(node.ctx, ast.Load) and self._may_be_mine(file, node):
                yield node

    def _may_be_mine(self, file: File, use: ast.Attribute) -> bool:
        name = file.resolve(use.value)
        cls = find_definition(file, name) if name is not None else None
        only_reads = self._only_reads(file.parents.get(use))  # then it hardly matters whose field it is
        if name is None and not only_reads:
            cls = receiver_class(file, use.value)
        if cls is None:
            return not (_is_of_library(file, use.value) if name is None else _is_library(name))
        if not isinstance(cls.node, ast.ClassDef) or cls.is_same(self.cls):
            return True
        if only_reads:
            return any(map(cls.is_same, base_classes(self.cls))) or any(map(self.cls.is_same, base_classes(cls)))
        return is_of_family(cls, self.cls)

    def _only_reads(self, around: ast.AST | None) -> bool:
        """Whether the expression around the field reads an attribute of the connection that does not close it."""
        return isinstance(around, ast.Attribute) and not self.is_container and around.attr not in self._ends

    def effect_of_use(self, file: File, use: ast.Attribute) -> set[str] | None:
        """Return None if a use closes the field or lets it escape; else the functions that return it."""
        if not self.is_container:
            return self._effect_of_use(file, use)
        around = file.parents.get(use)
        match around:
            case ast.Subscript(value=value, ctx=ast.Load()) if value is use:
                return self._effect_of_use(file, around)
            case ast.Subscript(value=value, ctx=ast.Store()) if value is use:
                return set()
            case ast.Attribute(attr="append" | "add" | "insert" | "appendleft" | "keys" | "__contains__" | "get"):
                call = file.parents.get(around)
                if not isinstance(call, ast.Call):
                    return None
                return self._effect_of_use(file, call) if around.attr == "get" else set()
            case ast.Call(func=ast.Name(id="len" | "bool")):
                return set()
            case ast.Compare() | ast.BoolOp() | ast.UnaryOp() | ast.If() | ast.While():
                return set()
        return None

    def _effect_of_use(self, file: File, use: ast.expr) -> set[str] | None:
        """Return the same for an expression that is the connection."""
        around = file.parents.get(use)
        match around:
            case ast.Attribute(attr=attr):
                return None if attr in self._ends else set()
            case ast.Call(func=func) if func is use and not self._may_be_called:
                return set()  # a method of another class, which has the name of the field
            case ast.withitem(optional_vars=target) if self._leaves_open():
                if target is None or _is_local_and_lent(file, use, target):
                    return set()
                return None
            case ast.withitem() | ast.Yield() | ast.YieldFrom() | ast.Subscript():
                return None
            case ast.Call(func=func, args=args) if func is not use:
                return set() if self._borrows(file, around, args.index(use), None) else None
            case ast.keyword(arg=name):
                call = file.parents.get(around)
                return set() if isinstance(call, ast.Call) and self._borrows(file, call, None, name) else None
            case ast.Return() | ast.Tuple() | ast.IfExp():
                function = function_around(file, use)
                return {function.name} if function else None
            case ast.Assign(targets=targets):
                return set() if all(_is_local_and_lent(file, use, target) for target in targets) else None
            case (
                ast.Compare()
                | ast.BoolOp()
                | ast.UnaryOp()
                | ast.If()
                | ast.While()
                | ast.FormattedValue()
                | ast.Expr()
            ):
                return set()
        return None

    @property
    def _ends(self) -> frozenset[str]:
        """The methods after which it holds nothing; a session's transaction ends with its `with`."""
        begins = {"begin", "begin_nested"} if self.resource.is_lazy else set()
        return self.resource.closed_by | self.resource.rests_after | {"release", "terminate", *begins}

    @property
    def _may_be_called(self) -> bool:
        """Whether what it holds is called as a function: a registry of sessions is."""
        return self.resource.kind != "connection" and "remove" in self.resource.closed_by

    def _leaves_open(self) -> bool:
        """Whether `with self.field` only ends a transaction."""
        leaving = self.resource.leaving
        return leaving is not None and leaving.exists and not leaving.closes

    def _borrows(self, file: File, call: ast.Call, position: int | None, keyword: str | None) -> bool:
        """Whether a call only borrows the field."""
        function = function_around(file, call) or file.tree
        if file.resolve(call.func) in _TAKING or last_name(call.func) in ENTERS_ARGUMENT:
            return False
        effect = self.summaries.effects(file, function).of(call)
        fates = effect.argument_effects(position, keyword, self.resource, ITSELF, raised=False)
        return bool(fates) and fates <= {ArgumentEffect.BORROWS, ArgumentEffect.READS, ArgumentEffect.HOLDS_PARTS}


_TAKING = frozenset({"getattr", "next", "iter", "setattr"})


def _is_library(name: str) -> bool:
    """Whether an absolute name is of the standard library or of a driver: no object of the project's own."""
    package = name.partition(".")[0]
    return package in sys.stdlib_module_names or package in PACKAGES


def _is_of_library(file: File, owner: ast.expr) -> bool:
    """Whether a variable only ever holds what the standard library or a driver makes: `threading.local()`."""
    made = [each.file.resolve(without_arguments(each.expr)) for each in values_of(file, owner)]
    return bool(made) and all(name is not None and _is_library(name) for name in made)


def is_closed_in_text(file: File, resource: Resource) -> bool:
    """Whether a file closes something like a connection, by its text."""
    is_session = resource.kind != "connection"
    ends = "close|commit|rollback|remove" if is_session else "close|disconnect|release"
    return any(
        (is_session and "sess" in name.lower()) or not re.search(_OTHER_CLOSED, name)
        for name in re.findall(rf"(\w+)(?:\(\))?\.(?:{ends})\b", file.text)
    )


def constructor_calls(file: File, cls: Definition) -> list[tuple[File, ast.Call]]:
    """Return the calls that make an object of a class; none if too many files mention its name."""
    others = file.project.files_mentioning_all(cls.node.name)
    files = with_others(file, others) if others is not None else ()
    return [(where, call) for where in files for call in where.nodes(ast.Call) if _makes(where, call, cls)]


def _makes(file: File, call: ast.Call, cls: Definition) -> bool:
    if last_name(call.func) == "cls":
        around = owner(file, scope_around(file, call))
        return around is not None and around.is_same(cls)
    name = file.resolve(call.func)
    found = find_definition(file, name) if name is not None else None
    return found is not None and found.is_same(cls)


def touched_fields(method_: Definition, dropped: bool) -> tuple[set[str], list[tuple[Definition, bool]]] | None:
    """Return the fields that one method uses itself, and the methods that it calls; None if they are not known.

    Arguments:
        dropped: the caller does not use the result, so the method may return its object.
    """
    if not isinstance(method_.node, FUNCTION):
        return set(), []
    own = first_parameter(method_.node)
    owners = method_.file.functions[method_.node].owners | {own}
    harmless: set[ast.AST] = set()
    called: list[tuple[Definition, bool]] = []
    for part in ast.walk(method_.node):
        match part:
            case ast.Return(value=ast.Name() as returned) if dropped:
                harmless.add(returned)
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name))) if name in owners:
                found = callees(method_.file, part, method_.file.functions[method_.node])
                if not (found.definitions and found.complete):
                    return None
                called += [(each, method_.file.is_discarded(part)) for each in found.definitions]
                harmless.add(part.func)
            case ast.Attribute(value=ast.Attribute() as owner, attr=attr) if attr not in ENDING:
                harmless.add(owner)
            case ast.Compare() | ast.BoolOp() | ast.UnaryOp() | ast.If() | ast.While():
                harmless.update(ast.iter_child_nodes(part))
            case ast.Attribute(value=ast.Name(id=name) as root) if name in owners:
                harmless.add(root)
    parts = [part for part in ast.walk(method_.node) if part not in harmless]
    if any(isinstance(part, ast.Name) and part.id == own for part in parts):
        return None
    return {part.attr for part in parts if isinstance(part, ast.Attribute) and _is_one_of(part.value, owners)}, called


def field_of_part(file: File, birth: ast.Call) -> tuple[Definition, str] | None:
    """Return the class of the object `self.state`, and its field `db`, if a function stores a connection there."""
    from dbhygiene.program.types import ObjectInstance, TypeInference  # few functions do

    for target in assignment_targets(file, birth):
        match target:
            case ast.Attribute(value=ast.Attribute(value=ast.Name(id="self" | "cls")) as part, attr=name):
                found = TypeInference.of(file).type_of(part)
                if isinstance(found, ObjectInstance) and not found.others:
                    cls = class_named(file, found.name)
                    return (cls, name) if cls is not None else None
    return None


def assignment_targets(file: File, call: ast.Call) -> list[ast.expr]:
    """Return the targets of the assignment whose value a call is."""
    around = file.parents.get(call)
    around = file.parents.get(around) if isinstance(around, ast.Await) else around
    return around.targets if isinstance(around, ast.Assign) else []


def is_made_once(file: File, call: ast.Call) -> bool:
    """Whether a call runs once: during the import of its module, or only if a lasting variable is still empty."""
    around = list(file.around(call))
    function = next((node for node in around if isinstance(node, (*FUNCTION, ast.Lambda))), None)
    inner = around[: around.index(function)] if function is not None else around
    if any(isinstance(node, (ast.For, ast.AsyncFor, ast.While, *_COMPREHENSIONS)) for node in inner):
        return False
    if function is None:
        return True
    targets = next((_targets(node) for node in inner if isinstance(node, (ast.Assign, ast.AnnAssign))), [])
    scope = scope_around(file, call)
    kept = {ast.unparse(each) for each in targets if is_of_all(file, scope, each)}
    tests = [node.test for node in inner if isinstance(node, ast.If)]
    return any(ast.unparse(part) in kept for test in tests for part in ast.walk(test))


_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def _targets(node: ast.Assign | ast.AnnAssign) -> list[ast.expr]:
    return node.targets if isinstance(node, ast.Assign) else [node.target]


def _is_one_of(expr: ast.expr, names: Collection[str | None]) -> bool:
    return isinstance(expr, ast.Name) and expr.id in names


def has_plain_bases(cls: Definition, *, may_be_framework: bool = False) -> bool:
    """Whether all bases of a class are the project's own, or known to be harmless.

    Arguments:
        may_be_framework: whether frameworks count, which may keep an object, but leave its fields alone.
    """
    assert isinstance(cls.node, ast.ClassDef)
    for base in cls.node.bases:
        name = cls.file.resolve(base.value if isinstance(base, ast.Subscript) else base)
        if name is None:
            return False
        if may_be_framework and any(name.startswith(f"{module}.") for module in _PLAIN_MODULES):
            continue
        if not is_plain_base(cls.file, name):
            return False
    return all(keyword.arg == "metaclass" and _is_abstract(cls.file, keyword.value) for keyword in cls.node.keywords)


def is_plain_base(file: File, name: str) -> bool:
    """Whether a base class of this name is the project's own, or known to be harmless."""
    return name in _PLAIN_BASES or find_definition(file, name) is not None


def _is_abstract(file: File, metaclass: ast.expr) -> bool:
    """Whether a metaclass only makes a class abstract."""
    return file.resolve(metaclass) in {"abc.ABCMeta", "type"}


def _is_local_and_lent(file: File, use: ast.AST, target: ast.expr) -> bool:
    """Whether a variable that holds the field only borrows it: it is not closed, passed or returned."""
    function = function_around(file, use)
    if function is None or not isinstance(target, ast.Name):
        return False
    for part in ast.walk(function):
        if isinstance(part, ast.Name) and part.id == target.id and isinstance(part.ctx, ast.Load):
            above = file.parents.get(part)
            if not (isinstance(above, ast.Attribute) and above.attr not in {"close", "disconnect"}):
                return False
    return True


def in_class_bodies(file: File) -> Iterator[tuple[Definition, str, ast.Call]]:
    """Yield each `name = call(...)` in the bodies of classes."""
    for scope in file.scopes:
        if isinstance(scope.node, ast.ClassDef):
            for statement in scope.node.body:
                match statement:
                    case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call() as call):
                        yield Definition(file, scope.node, scope.name), name, call


def owner(file: File, scope: Scope) -> Definition | None:
    """Return the class of `self`, in a method and in functions within it."""
    here: Scope | None = scope
    while here is not None:
        if (cls := here.class_scope) is not None and isinstance(cls.node, ast.ClassDef):
            return Definition(file, cls.node, cls.name)
        here = here.parent
    return None


def is_seen_elsewhere(file: File, name: str) -> bool:
    """Whether another module of the project imports a variable of this one, or may."""
    stem = file.module.rpartition(".")[2]
    for both in ((stem, name), (stem, "import *")):
        others = file.project.files_mentioning_all(*both)
        if others is None or any(_sees(other, file, name) for other in others if other.path != file.path):
            return True
    return False


def _sees(other: File, file: File, name: str) -> bool:
    for scope in other.scopes:
        for meaning in (*scope.imports.values(), *scope.stars):
            module, _, last = meaning.rpartition(".")
            found = [
                other.project.module(meaning, other),
                other.project.module(module, other) if last == name else None,
            ]
            if any(each is not None and each.path == file.path for each in found):  # its text may be that after a fix
                return True
    return False
