"""`resource_of_class`: the resource that an object is whose constructor opens a connection, which a method closes.

store = Store()                  # opens `self.conn`: the object itself is the resource
store.close()                    # closes it

`ClassSummaries` has the facts about functions that this depends on.
"""

from __future__ import annotations

import ast
from typing import Protocol

from dbhygiene.dataflow import cfg
from dbhygiene.dataflow.cfg import Node
from dbhygiene.library.resources import Leaving, Resource
from dbhygiene.lifetimes.analysis import Analysis, opens
from dbhygiene.lifetimes.effects import FunctionSummaries
from dbhygiene.lifetimes.fields import ENDING, ENTERING, Field, has_plain_bases
from dbhygiene.lifetimes.live_objects import runs_by_itself
from dbhygiene.lifetimes.state import ITSELF, dotted_path
from dbhygiene.program.definitions import Definition, base_classes, constructor, find_method
from dbhygiene.source.closure import closure
from dbhygiene.source.file import File, function_around
from dbhygiene.source.nodes import FUNCTION, Code, Function
from dbhygiene.source.records import Record

# With these, an object closes its connection by itself, or behaves unlike its class.
_UNASKED = frozenset({"__del__", "__new__", "__getattr__", "__getattribute__"})
_LEAVING = frozenset({"__exit__", "__aexit__"})


class ClassSummaries(FunctionSummaries, Protocol):
    """The same, and the facts about functions: `summaries.Summaries`."""

    def analyse_again(self, file: File, code: Code) -> Analysis | None: ...


def resource_of_class(cls: Definition, summaries: ClassSummaries) -> Resource | None:
    """Return the resource that an object of a class is: one of the methods that close it must be called.

    Return None if the class may open nothing, or if code outside its methods may close the connection.
    """
    family = (cls, *base_classes(cls))
    methods = _methods(family)
    if not methods.keys() & (ENDING | _LEAVING) or _UNASKED & methods.keys():
        return None  # most classes end here, before any method is analysed
    if any(not has_plain_bases(each) for each in family):
        return None
    made = constructor(cls)
    opening = _opening(cls, made, summaries) if made is not None else None
    openers = _opening_methods(cls, methods, summaries) if opening is None else {}
    opening = opening or next(iter(openers.values()), None)
    if opening is None or runs_by_itself(cls):
        return None
    field = opening.field
    closers = _closers(field, methods)
    if closers is None or not closers & (ENDING | _LEAVING):
        return None
    if "close" in closers and _needs_more(methods["close"].node):
        return None
    leaving = Leaving(closes=True) if closers & _LEAVING else None
    if leaving is None and methods.keys() & (_LEAVING | ENTERING):
        if (leaving := _leaving_open(methods, field.name)) is None:
            return None
    if openers and not _is_opened_by(openers, field, methods, closers):
        return None
    is_async = any(isinstance(methods[name].node, ast.AsyncFunctionDef) for name in closers & (ENDING | _LEAVING))
    return Resource(
        kind="connection",
        title=f"`{cls.node.name}`",
        closed_by=frozenset(name for name in closers if not name.startswith("__")),
        leaving=leaving,
        plain_with=bool(closers & _LEAVING),
        autocommits=True,  # the class decides whether its `with` commits
        server=field.resource.server,
        is_async=is_async,
        awaits_close=is_async,
        is_object=True,
        open_if=frozenset({field.name}),
        opened_by=frozenset(openers),
        may_open=frozenset(name for name, opener in openers.items() if opener.may_fail),
        true_if_opened=frozenset(name for name, opener in openers.items() if opener.true_if_opened),
        gives_itself=frozenset(name for name in openers if _returns_itself(methods[name])),
        clashing=field.resource.clashing,
        when_shared=field.resource.when_shared,
    )


def _leaving_open(methods: dict[str, Definition], field: str) -> Leaving | None:
    """Return what `with` does if its end closes nothing; None if that, or what `as` gives, is not known."""
    entering = [methods[name] for name in ENTERING if name in methods]
    if len(entering) != 1 or not methods.keys() & _LEAVING:
        return None
    enter = entering[0]
    given = [each.value for each in enter.file.functions[enter.node].returns]  # type: ignore[index]
    if given and all(each is not None and _is_self(each) for each in given):
        return Leaving(closes=False, commits=True)
    is_cursor = all(_makes_cursor(each, field) for each in given)
    return Leaving(closes=False, commits=True, binds="cursor") if given and is_cursor else None


def _makes_cursor(expr: ast.expr | None, field: str) -> bool:
    match expr:
        case ast.Call(func=ast.Attribute(value=ast.Attribute(value=ast.Name(id="self"), attr=name), attr="cursor")):
            return name == field
    return False


def _needs_more(method: ast.AST) -> bool:
    """Whether a method has required arguments."""
    assert isinstance(method, FUNCTION)
    args = method.args
    positional = len(args.posonlyargs) + len(args.args) - len(args.defaults)
    return positional > 1 or None in args.kw_defaults


def _methods(family: tuple[Definition, ...]) -> dict[str, Definition]:
    found: dict[str, Definition] = {}
    for each in family:
        scope = each.file.classes.get(each.name)
        if scope is None:
            continue
        defined = {name: node for name, node in scope.defined.items() if isinstance(node, FUNCTION)}
        for name, values in scope.aliases.items():  # `close = disconnect`
            match values:
                case [ast.Name(id=other)] if other in defined:
                    defined.setdefault(name, defined[other])
        for name, node in defined.items():
            found.setdefault(name, Definition(each.file, node, scope.inner_name(node.name)))
    return found


class _Opening(Record):
    """A field that holds an open connection whenever the constructor, or a method of a new object, returns.

    `may_fail`: the method catches the exception if it cannot open one, and returns, too. `true_if_opened`: its result
    is false then, and true if it has opened one.
    """

    field: Field
    may_fail: bool = False
    true_if_opened: bool = False


def _opening(cls: Definition, made: Definition, summaries: ClassSummaries, *, is_new: bool = False) -> _Opening | None:
    """Return what the constructor, or a method of a new object, opens; None if it may open nothing."""
    run: list[Function] = []
    for each in (made, *_methods_run_first(cls, made)):
        assert isinstance(each.node, FUNCTION)
        run.append(each.node)
        analysis = summaries.analyse_again(each.file, each.node)
        if analysis is not None and (found := _surely_kept(analysis)) is not None:
            birth, path = found
            is_sure = always_opened(analysis, birth, path if is_new else "")
            may_fail = not is_sure and is_new and each is made and _is_attempt(analysis, birth)
            if not (is_sure or may_fail):
                continue
            if not all(map(_keeps_itself, run)):
                return None
            field = Field(each.file, cls, path.partition(".")[2], birth, analysis.sites[birth], summaries)
            return _Opening(field, may_fail, may_fail and true_if_opened(analysis, birth))
    return None


def _opening_methods(cls: Definition, methods: dict[str, Definition], summaries: ClassSummaries) -> dict[str, _Opening]:
    """Return the methods that a user calls to open a new object, each with what it opens."""
    found: dict[str, _Opening] = {}
    for name, method in methods.items():
        assert isinstance(method.node, FUNCTION)
        if (
            name.startswith("__")
            or method.node.decorator_list
            or not summaries.helpers.acquire_filter.may_acquire_in(method.file, method.node)
        ):
            continue
        if (opening := _opening(cls, method, summaries, is_new=True)) is not None:
            found[name] = opening
    return found


def _is_opened_by(
    openers: dict[str, _Opening], field: Field, methods: dict[str, Definition], closers: frozenset[str]
) -> bool:
    """Whether only these methods open an object, and only for code outside of its class, which then has to close it."""
    if any(each.field.name != field.name for each in openers.values()) or openers.keys() & closers:
        return False
    opening = {methods[each].node for each in openers}
    return not any(
        _calls(method.node, set(openers)) or (_stores(method.node, field.name) and method.node not in opening)
        for method in methods.values()
    )


def _stores(node: ast.AST, field: str) -> bool:
    """Whether a method stores anything but None in a field of its object."""
    for part in ast.walk(node):
        match part:
            case ast.Assign(targets=targets, value=value) if not isinstance(value, ast.Constant):
                if any(isinstance(each, ast.Attribute) and each.attr == field for each in targets):
                    return True
    return False


def _methods_run_first(cls: Definition, made: Definition) -> list[Definition]:
    """Return the methods that a constructor always calls on its object: `self.connect()`, as a statement."""
    assert isinstance(made.node, FUNCTION)
    found: list[Definition] = []
    for statement in made.node.body:
        match statement:
            case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id="self"), attr=name))):
                called = find_method(cls, name)
                if called is not None and isinstance(called.node, FUNCTION) and not called.node.decorator_list:
                    found.append(called)
    return found


def _keeps_itself(method: Function) -> bool:
    """Whether a method lets neither its object nor one of the object's methods escape: to `atexit`, to a registry."""
    called = {part.func for part in ast.walk(method) if isinstance(part, ast.Call)}
    for part in ast.walk(method):
        for child in ast.iter_child_nodes(part):
            if isinstance(child, ast.Name) and child.id == "self" and not isinstance(part, (ast.Attribute, ast.Return)):
                return False
        if isinstance(part, ast.Attribute) and part.attr in ENDING and _is_self(part.value) and part not in called:
            return False
    return True


def _returns_itself(method: Definition) -> bool:
    """Whether a method always returns its object, as `return self` at its end says."""
    assert isinstance(method.node, FUNCTION)
    returned = [each.value for each in method.file.functions[method.node].returns]
    return isinstance(method.node.body[-1], ast.Return) and all(
        each is not None and _is_self(each) for each in returned
    )


def _is_self(expr: ast.expr) -> bool:
    return isinstance(expr, ast.Name) and expr.id == "self"


def _surely_kept(analysis: Analysis) -> tuple[ast.Call, str] | None:
    """Return the connection that, once open, is so in one field, and in no other, on every path to the normal end."""
    ends = analysis.solution.at(analysis.graph.exit)
    for birth, resource in analysis.own_resources:
        if resource.kind != "connection" or resource.is_pooled:
            continue
        mine = [fact for fact in ends if fact.site is birth]
        fields = {
            where for fact in mine for relation, where in fact.aliases if relation == ITSELF and isinstance(where, str)
        }
        fields = {where for where in fields if where.startswith("self.") and where.count(".") == 1}
        surely = all(fact.state == "open" and fields <= {where for _, where in fact.aliases} for fact in mine)
        if mine and len(fields) == 1 and surely:
            return birth, fields.pop()
    return None


def _is_attempt(analysis: Analysis, birth: ast.Call) -> bool:
    """Whether a function returns without the connection only where it catches what the opening raises."""
    around = [each for each in analysis.file.around(birth) if isinstance(each, ast.stmt)]
    match around:
        case [ast.Assign() as assignment, ast.Try(body=body), function, *_] if assignment in body:
            return function is analysis.scope.node
    return False


def true_if_opened(analysis: Analysis, birth: ast.Call) -> bool:
    """Whether the result of a function is true if it has opened the connection, and false if not."""
    returned: dict[Node, bool] = {}
    nodes = analysis.graph.nodes()
    for node in nodes:
        match node.event:
            case cfg.Return(node=ast.Return(value=None)) | cfg.End():
                returned[node] = False
            case cfg.Return(node=ast.Return(value=ast.Constant(value=value))):
                returned[node] = bool(value)
            case cfg.Return():
                return False
    opening, at = {node for node in nodes if opens(node, birth)}, analysis.solution.at
    without = set(
        closure(
            analysis.graph.entry,
            lambda node: (to for kind, to in node.out if not (node in opening and kind == "next")),
        )
    )
    return all(
        node not in without if is_true else not any(fact.site is birth and fact.state == "open" for fact in at(node))
        for node, is_true in returned.items()
    )


def always_opened(analysis: Analysis, birth: ast.Call, empty: str) -> bool:
    """Whether no path avoids the opening: it stands in the function's own block, or in a `try` or `with` there.

    Arguments:
        empty: a field that holds None until then, so that `if self.conn is None` does not avoid the opening.
    """
    file, function = analysis.file, analysis.scope.node
    inside: ast.AST = birth
    for around in file.around(birth):
        if around is function:
            return True
        if isinstance(around, ast.If) and empty and inside in around.body and _is_empty(around.test, empty):
            inside = around
            continue
        if isinstance(around, ast.stmt) and not isinstance(around, (ast.Assign, ast.AnnAssign, ast.Expr, ast.With)):
            handlers = around.handlers if isinstance(around, ast.Try) and inside in around.body else None
            if handlers is None or not all(_leaves(handler.body) for handler in handlers):
                return False
        if not isinstance(around, (ast.stmt, ast.Await)) and around is not birth:
            return False
        inside = around
    return False


def _is_empty(test: ast.expr, path: str) -> bool:
    """Whether a condition is `not self.conn`, or `self.conn is None`."""
    match test:
        case ast.UnaryOp(op=ast.Not(), operand=asked):
            return dotted_path(asked) == path
        case ast.Compare(left=asked, ops=[ast.Is() | ast.Eq()], comparators=[ast.Constant(value=None)]):
            return dotted_path(asked) == path
    return False


def _leaves(block: list[ast.stmt]) -> bool:
    return isinstance(block[-1], ast.Raise)


def _closers(field: Field, methods: dict[str, Definition]) -> frozenset[str] | None:
    """Return the methods that close the field, or may; None if other code may close it, too."""
    own = {method.node for method in methods.values()}
    found: set[ast.AST] = set()
    for file in field.relatives():
        if file is None:
            return None
        for use in field.uses(file):
            verdict = field.effect_of_use(file, use)
            if verdict is None:
                function = function_around(file, use)
                if function not in own or not _is_self(use.value):
                    return None
                found.add(function)
            elif verdict:
                return None  # a function returns it
    closers = {name for name, method in methods.items() if method.node in found}
    return frozenset(_with_callers(closers, methods))


def _with_callers(closers: set[str], methods: dict[str, Definition]) -> set[str]:
    """Return these methods, and those that call one of them on the same object."""
    while True:
        more = {name for name, method in methods.items() if name not in closers and _calls(method.node, closers)}
        if not more:
            return closers
        closers = closers | more


def _calls(node: ast.AST, names: set[str]) -> bool:
    return any(
        isinstance(part, ast.Attribute) and part.attr in names and _is_self(part.value) for part in ast.walk(node)
    )
