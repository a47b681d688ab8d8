"""`Fork`: a forked process, and whether the child closes or uses the connection that it shares with its parent.

if os.fork() == 0:
    connection.close()               # `closes_in_child`: it ends the session of the parent, too
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial

from dbhygiene.gaps.close_calls import closing_function
from dbhygiene.gaps.effects import Close, Context, Effects, Location, ProjectCall, Query
from dbhygiene.gaps.reachability import AgeCheck, Reachability, effects_in, effects_of_node, first_query
from dbhygiene.library.background import CONTEXTS, FORKS, HANDS_OVER, PROCESS_POOLS, PROCESSES
from dbhygiene.library.test_files import is_test_file
from dbhygiene.program.arguments import argument
from dbhygiene.program.bindings import Bindings
from dbhygiene.program.classes import FunctionAt, class_named, foreign_bases, lineage
from dbhygiene.program.code import calls_in, own_nodes
from dbhygiene.program.definitions import Definition, enclosing_class, find_method
from dbhygiene.program.dispatch import functions
from dbhygiene.program.hierarchy import subclasses
from dbhygiene.program.names import canonical_name
from dbhygiene.program.types import ObjectInstance, TypeInference
from dbhygiene.source.file import File, files_with_word, function_around
from dbhygiene.source.nodes import FUNCTION, Code
from dbhygiene.source.queries import query
from dbhygiene.source.records import Row

_SHARES_NOTHING = ("spawn", "forkserver")


def closes_in_child(file: File, call: ast.Call) -> Iterator[tuple[File, ast.Call]]:
    """Return the calls where the child closes, before its first query, a connection that the parent may have open."""
    children = [*_branches(file, call)] if file.resolve(call.func) == "os.fork" else []
    children += [(each.file, each.node, each.node.body) for each in _functions_in_child(file, call)]
    if children and not _shares_nothing(file) and not _closes_before(file, call):
        for owner, code, child in children:
            yield from _first_close(owner, code, child)


@query
def first_forks(file: File) -> Mapping[ast.Call, ast.Call]:
    """Return the calls of a file where a child closes its parent's connection, each with the first fork of the file."""
    found: dict[ast.Call, ast.Call] = {}
    for call in sorted(file.nodes(ast.Call), key=lambda call: (call.lineno, call.col_offset)):
        for owner, close in closes_in_child(file, call):
            if owner is file:
                found.setdefault(close, call)
    return found


def parent_asks_nothing(processes: Reachability, file: File, fork: ast.Call) -> bool:
    """Whether long-lived processes lead to a fork, and none of their code queries: no connection is open there."""
    above = [*processes.above(file, function_around(file, fork) or file.tree)]
    return bool(above) and not any(Query in doing.effects for doing in above)


class SharedConnection(Row):
    """A query of the parent before it forks, and a query of the child, on one connection."""

    before: Location
    child: Location


def shared_connection(file: File, call: ast.Call) -> SharedConnection | None:
    """Return how the processes that a call forks use a connection that their parent has opened before."""
    children = _forked_functions(file, call)
    if not children or _shares_nothing(file) or _closes_before(file, call) or _starts_otherwise(file):
        return None
    before = _query_before(file, call)
    for child in children if before is not None else ():
        reach = Reachability(file.project)
        reach.explore([(child.file, child.node)])
        does = reach.effects_of(child.file, child.node)
        used = first_query(reach) if does is not None and not does.effects & {Close, AgeCheck} else None
        if used is not None:
            return SharedConnection(before, used)  # type: ignore[arg-type]
    return None


def _forked_functions(file: File, call: ast.Call) -> Sequence[FunctionAt]:
    """Return the functions that run in the processes that a call forks: a pool of `multiprocessing` forks at once."""
    maker = _maker(file, call.func)
    if maker is None:
        pool = call.func.value if isinstance(call.func, ast.Attribute) and call.func.attr in HANDS_OVER else None
        forks_late = pool is not None and any(
            (_maker(file, made.func) or "").endswith("Executor") and not _is_prepared(made)
            for made in _pool_calls(file, pool)
        )
        return _functions_in_child(file, call) if forks_late else ()
    if maker in PROCESSES or maker.endswith("Process"):
        return _functions_in_child(file, call)
    if maker.endswith("Executor") or _is_prepared(call):
        return ()
    handed = (each for name in HANDS_OVER for each in file.calls.get(name, ()))
    return [
        function
        for each in handed
        if isinstance(each.func, ast.Attribute) and call in _pool_calls(file, each.func.value)
        for function in _functions_in_child(file, each)
    ]


def _is_prepared(pool: ast.Call) -> bool:
    """Whether a pool has a function with which its processes begin: it may close what they share."""
    return any(word.arg == "initializer" for word in pool.keywords) or len(pool.args) > 1


def _query_before(file: File, fork: ast.Call) -> Location | None:
    """Return the last query that a function surely makes before it forks; None if it may close its connection."""
    code = function_around(file, fork) or file.tree
    effects = Effects(Context(file, code, ignore_decorators=True))
    around = {*file.around(fork)}
    found: Location | None = None
    for node in own_nodes(code):
        if node is fork or (isinstance(node, ast.expr) and node.lineno > fork.lineno):
            break
        for effect in effects_of_node(effects, node):
            does = effects_in(file, node) if isinstance(effect, ProjectCall) and not effect.beside else {type(effect)}
            if Close in does:
                return None
            if Query in does and _runs_before(file, node, code, around):
                found = effect.spot
    return found


_CONDITIONAL = (ast.If, ast.IfExp, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.Lambda)


def _runs_before(file: File, node: ast.AST, code: Code, around: set[ast.AST]) -> bool:
    """Whether a node runs in each run of a function that comes to a fork with these nodes around it."""
    below = node
    for above in file.around(node):
        if above is code:
            return True
        heads = [getattr(above, name, None) for name in ("test", "iter")]
        if isinstance(above, _CONDITIONAL) and above not in around and below not in heads:
            return False
        below = above
    return True


@query
def _starts_otherwise(file: File) -> bool:
    """Whether the program sets how its processes start."""
    others = file.project.files_mentioning_all("set_start_method")
    return others is None or bool(others) or "set_start_method" in file.text


def fork_of(file: File, call: ast.Call) -> tuple[File, ast.Call] | None:
    """Return where the project makes such a process, if a call closes in its `run` before its first query."""
    if closing_function(file, call) is None or _shares_nothing(file):
        return None
    function = function_around(file, call)
    scope = file.functions.get(function) if function is not None else None
    cls = enclosing_class(file, scope) if scope is not None and scope.node is function else None
    if not isinstance(function, FUNCTION) or function.name != "run" or cls is None or not is_process(cls):
        return None
    if not any(close is call for _, close in _first_close(file, function, function.body)):
        return None
    return next((made for made in _constructor_calls(cls) if not _closes_before(*made)), None)


class Fork(Row):
    """Calls that make forked processes, the functions that they run, and the calls that begin them, if known."""

    file: File
    made: Sequence[tuple[File, ast.Call]]
    functions: Sequence[FunctionAt]
    begins: Sequence[ast.Call]


@query
def forks(file: File) -> tuple[Fork, ...]:
    """Return the forks that a file makes, or may make: `run` of a class of processes runs wherever one is started."""
    found = list[Fork]()
    for call in file.nodes(ast.Call):
        begun = _functions_in_child(file, call)
        if begun and not _is_spawned(file, call):
            handed = [run for given in _arguments_of_process(call) for run in functions(file, given)]
            found.append(Fork(file, [(file, call)], [*begun, *handed], _begins(file, call)))
        elif file.resolve(call.func) == "os.fork" and any(_branches(file, call)):
            around = function_around(file, call)
            found.append(Fork(file, [(file, call)], [FunctionAt(file, around)] if around is not None else [], [call]))
    for name, scope in file.classes.items():
        if isinstance(scope.node, ast.ClassDef) and scope.node.bases:
            cls = Definition(file, scope.node, name)
            spawns = _is_set_to_spawn(file) or any(map(partial(_is_base_that_spawns, file), scope.node.bases))
            run = find_method(cls, "run") if is_process(cls) and not spawns else None
            if run is not None and isinstance(run.node, FUNCTION):
                found.append(Fork(file, [*_constructor_calls(cls)], [FunctionAt(run.file, run.node)], ()))
    return tuple(found)


def _is_base_that_spawns(file: File, base: ast.expr) -> bool:
    return isinstance(base, ast.Attribute) and _spawns(file, base.value)


def _arguments_of_process(call: ast.Call) -> Iterator[ast.expr]:
    """Return what a process gives to its function: this may be another function."""
    for word in call.keywords:
        match word:
            case ast.keyword(arg="args", value=ast.Tuple(elts=given) | ast.List(elts=given)):
                yield from given
            case ast.keyword(arg="kwargs", value=ast.Dict(values=given)):
                yield from given


def _begins(file: File, call: ast.Call) -> list[ast.Call]:
    """Return the calls that fork: where a process is started, and where a pool is made."""
    maker = _maker(file, call.func)
    if maker is None:  # handed to a pool
        pool = call.func.value if isinstance(call.func, ast.Attribute) else None
        made = _pool_calls(file, pool) if pool is not None else []
        late = any((_maker(file, each.func) or "Executor").endswith("Executor") for each in made)
        return [call] if late else made
    if not maker.endswith("Process"):
        return [call]
    match file.parents.get(call):
        case ast.Attribute(attr="start") as start if isinstance(begun := file.parents.get(start), ast.Call):
            return [begun]
        case ast.Assign(targets=[ast.Name(id=name) as target]):
            return [each for each in file.calls.get("start", ()) if _is_call_on(file, each, name, target)]
    return []


def _is_call_on(file: File, call: ast.Call, name: str, target: ast.Name) -> bool:
    """Whether a call is one of a method of a variable."""
    owner = call.func.value if isinstance(call.func, ast.Attribute) else None
    return isinstance(owner, ast.Name) and owner.id == name and file.scope_of(owner) is file.scope_of(target)


def _is_spawned(file: File, call: ast.Call) -> bool:
    """Whether the processes of a call are surely spawned, not forked."""
    handed = call.func.value if _maker(file, call.func) is None and isinstance(call.func, ast.Attribute) else None
    makers = [call] if handed is None else _pool_calls(file, handed)
    return _is_set_to_spawn(file) or (bool(makers) and all(_has_spawn_context(file, made) for made in makers))


def _has_spawn_context(file: File, made: ast.Call) -> bool:
    """Whether a process or a pool is made by a context that spawns: `get_context("spawn").Process()`."""
    contexts = [word.value for word in made.keywords if word.arg in {"mp_context", "context"}]
    contexts += [made.func.value] if isinstance(made.func, ast.Attribute) else []
    return any(_spawns(file, context) for context in contexts)


def _spawns(file: File, context: ast.expr) -> bool:
    """Whether an expression is `multiprocessing.get_context("spawn")`, or a variable that holds only this."""
    if not isinstance(context, ast.Call):
        place = Bindings.of(file).place(context)
        values = Bindings.of(file).values.get(place, ()) if place else ()
        return bool(values) and all(isinstance(value, ast.Call) and _spawns(file, value) for value in values)
    method = argument(context, 0, "method")
    return file.resolve(context.func) in CONTEXTS and _is_to_spawn(method)


def _is_to_spawn(method: ast.expr | None) -> bool:
    return isinstance(method, ast.Constant) and method.value in _SHARES_NOTHING


@query
def _is_set_to_spawn(file: File) -> bool:
    """Whether a file sets that its processes are spawned."""
    return any(_is_to_spawn(argument(call, 0, "method")) for call in file.calls.get("set_start_method", ()))


def _functions_in_child(file: File, call: ast.Call) -> Sequence[FunctionAt]:
    """Return the functions that a call runs in the processes that it forks."""
    if (maker := _maker(file, call.func)) is not None:
        given = argument(call, *FORKS[maker])
    elif isinstance(call.func, ast.Attribute) and call.func.attr in HANDS_OVER and _is_pool(file, call.func.value):
        given = argument(call, *HANDS_OVER[call.func.attr])
    else:
        given = None
    return functions(file, given) if given is not None else ()


def _maker(file: File, expr: ast.expr) -> str | None:
    """Return the class of processes, or of pools of them, that an expression names."""
    if (name := file.resolve(expr)) in FORKS:
        return name
    match expr:
        case ast.Attribute(value=context, attr="Process" | "Pool" as kind) if _is_context(file, context):
            return f"multiprocessing.{kind}"
    return None


def _is_context(file: File, expr: ast.expr) -> bool:
    """Whether an expression is `multiprocessing.get_context()`, or a variable that holds it."""
    if isinstance(expr, ast.Call):
        return file.resolve(expr.func) in CONTEXTS
    place = Bindings.of(file).place(expr)
    values = Bindings.of(file).values.get(place, ()) if place else ()
    return any(isinstance(value, ast.Call) and file.resolve(value.func) in CONTEXTS for value in values)


def _is_pool(file: File, expr: ast.expr) -> bool:
    thing = TypeInference.of(file).type_of(expr)
    if isinstance(thing, ObjectInstance):
        return thing.name in PROCESS_POOLS
    return any(_maker(file, made.func) in PROCESS_POOLS for made in _pool_calls(file, expr))


def _pool_calls(file: File, expr: ast.expr) -> list[ast.Call]:
    """Return the calls that may make the object that a variable holds."""
    place = Bindings.of(file).place(expr)
    made = [*Bindings.of(file).values.get(place, ())] if place else []
    if isinstance(expr, ast.Name):
        scope = file.scope_of(expr)
        made += [given for target, given in _context_managers(file).get(expr.id, ()) if file.scope_of(target) is scope]
    return [value for value in made if isinstance(value, ast.Call)]


@query
def _context_managers(file: File) -> Mapping[str, list[tuple[ast.Name, ast.expr]]]:
    """Return the variables that `with` binds in a file, by name, each with its context manager."""
    found = defaultdict[str, list[tuple[ast.Name, ast.expr]]](list)
    for item in file.nodes(ast.withitem):
        if isinstance(item.optional_vars, ast.Name):
            found[item.optional_vars.id].append((item.optional_vars, item.context_expr))
    return found


def is_process(cls: Definition) -> bool:
    """Whether the objects of a class are processes that fork."""
    if any(name in PROCESSES for name in foreign_bases(cls)):
        return True
    return any(
        _maker(each.file, base) in PROCESSES
        for each in lineage(cls)
        if isinstance(each.node, ast.ClassDef)
        for base in each.node.bases
    )


def _constructor_calls(cls: Definition) -> Iterator[tuple[File, ast.Call]]:
    """Return the calls that make an object of a class, or of one of its subclasses."""
    for each in (cls, *subclasses(cls)):
        for file in (each.file, *(other for other in files_with_word(each.file, each.name) if other is not each.file)):
            if is_test_file(file):
                continue
            for call in file.nodes(ast.Call):
                name = file.resolve(call.func) if isinstance(call.func, (ast.Name, ast.Attribute)) else None
                found = class_named(file, canonical_name(file, name)) if name else None
                if found is not None and found.node is each.node:
                    yield file, call


@query
def _shares_nothing(file: File) -> bool:
    """Whether a file has its processes spawned."""
    return any(word in file.text for word in _SHARES_NOTHING)


def _branches(file: File, fork: ast.Call) -> Iterator[tuple[File, Code, list[ast.stmt]]]:
    """Return the code of the child, in `if os.fork() == 0:` or `pid = os.fork()`, `if not pid:`."""
    code = function_around(file, fork) or file.tree
    assigned = file.parents.get(fork)
    variable = assigned.targets[0].id if _gives_name(assigned) else None  # type: ignore[union-attr]
    for node in own_nodes(code):
        if isinstance(node, ast.If) and (branch := _body_of_child(node, fork, variable)) is not None:
            yield file, code, branch


def _gives_name(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)


def _body_of_child(node: ast.If, fork: ast.Call, variable: str | None) -> list[ast.stmt] | None:
    match node.test:
        case ast.Compare(left=left, ops=[ast.Eq()], comparators=[ast.Constant(value=0)]):
            return node.body if _is_pid(left, fork, variable) else None
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return node.body if _is_pid(operand, fork, variable) else None
        case operand:
            return node.orelse if _is_pid(operand, fork, variable) else None


def _is_pid(expr: ast.expr, fork: ast.Call, variable: str | None) -> bool:
    return expr is fork or (isinstance(expr, ast.Name) and expr.id == variable)


def _first_close(file: File, code: Code, child: list[ast.stmt]) -> Iterator[tuple[File, ast.Call]]:
    """Return the call that closes, if the child queries nothing before: it may close a connection of its own."""
    effects = Effects(Context(file, code, ignore_decorators=True))
    for call in _calls(child):
        if closing_function(file, call) is not None:
            yield file, call
            return
        if any(isinstance(effect, (Query, ProjectCall)) for effect in effects.of_call(call)):
            return


def _calls(statements: Iterable[ast.stmt]) -> list[ast.Call]:
    found = []
    todo: list[ast.AST] = list(reversed(list(statements)))
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Call):
            found.append(node)
        if not isinstance(node, (*FUNCTION, ast.Lambda, ast.ClassDef)):
            todo += reversed(list(ast.iter_child_nodes(node)))
    return found


def _closes_before(file: File, fork: ast.Call) -> bool:
    """Whether the parent closes its connection before it forks: before the process is made, or started."""
    code = function_around(file, fork) or file.tree
    calls = [*calls_in(own_nodes(code))]
    starts = [call.lineno for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr == "start"]
    begins = max([fork.lineno, *starts])
    return any(closing_function(file, call) is not None for call in calls if call.lineno < begins)
