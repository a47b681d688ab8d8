"""`ForkedCode`: functions that may run in a forked process on the connection of its parent, or that fork one.

Whichever of the two closes that connection ends the session of both. A query in the child changes nothing: it uses the
same connection. Only if the parent closes before it forks, or the child before all else, does the child open its own.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from dbhygiene.gaps.close_calls import closes_first
from dbhygiene.gaps.effects import Close, Context, Effects, Query
from dbhygiene.gaps.forks import Fork, forks
from dbhygiene.gaps.reachability import Reachability, effects_in, effects_of_node
from dbhygiene.program.classes import FunctionAt
from dbhygiene.program.code import calls_in, own_nodes
from dbhygiene.program.definitions import enclosing_class
from dbhygiene.source.file import File, ProjectView, function_around
from dbhygiene.source.nodes import FUNCTION, Code, block_of, statements_before
from dbhygiene.source.queries import consult, query, with_inputs

_FORKS = ("Process", "Pool", "os.fork")  # words of the files that fork
_LOOPS = (ast.For, ast.AsyncFor, ast.While, ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp)


class ForkedCode:
    """The functions of a project that may run in a forked process on the connection of its parent, or that fork one."""

    def __init__(self, project: ProjectView) -> None:
        self._project = project

    def may_run(self, file: File, code: Code) -> bool:
        """Whether a function may run there; a file that was read again after a fix has new functions."""
        return any(_is_among(file, code, each) for each in self._known(file))

    def may_fork(self, file: File, code: Code) -> bool:
        """Whether a function may fork a process that uses the same connection."""
        return any(_place(file, code) in each.parents for each in self._known(file))

    def _known(self, file: File) -> Iterator[_Known]:
        known, inputs = self._known_by_project
        consult(inputs)
        yield known
        yield _look_at(file.project, [file])

    @cached_property
    def _known_by_project(self) -> tuple[_Known, int]:
        return with_inputs(self._look_at_project)

    def _look_at_project(self) -> _Known:
        files = {file.path: file for word in _FORKS for file in self._project.files_containing(word)}
        return _look_at(self._project, [file for file in files.values() if file.is_program])


_Places = frozenset[tuple[Path, str]]  # files and names of functions: they stay the same when a file is read again


class _Known(NamedTuple):
    """The functions that children reach, the methods that they call on unknown objects, and the functions that fork."""

    reached: _Places
    methods: frozenset[str]
    parents: _Places


def _place(file: File, code: Code) -> tuple[Path, str]:
    return file.path, file.functions[code].name


def _is_among(file: File, code: Code, known: _Known) -> bool:
    if _place(file, code) in known.reached:
        return True
    is_method = isinstance(code, FUNCTION) and enclosing_class(file, file.functions[code]) is not None
    return is_method and code.name in known.methods  # type: ignore[union-attr]


def _look_at(project: ProjectView, files: Iterable[File]) -> _Known:
    reach, parents = Reachability(project), set[tuple[Path, str]]()
    for fork in chain(*map(_inheriting, files)):
        reach.explore((function.file, function.node) for function in fork.functions)
        known = (reach.effects_of(function.file, function.node) for function in fork.functions)
        if any(Query in each.effects for each in known if each is not None):
            parents |= {_place(file, function_around(file, call) or file.tree) for file, call in fork.made}
    reached = frozenset(_place(each.file, each.code) for each in reach)
    methods = frozenset(name for each in reach for name in _unknown_methods(each.file, each.code))
    return _Known(reached, methods, frozenset(parents))


@query
def _unknown_methods(file: File, code: Code) -> frozenset[str]:
    """Return the names of the methods that a function calls on objects of unknown classes."""
    effects = Effects(Context(file, code, ignore_decorators=True))
    return frozenset(
        call.func.attr
        for call in calls_in(own_nodes(code))
        if isinstance(call.func, ast.Attribute) and not any(effects.names(call.func)) and not effects.candidates(call)
    )


@query
def _inheriting(file: File) -> tuple[Fork, ...]:
    """Return the forks of a file whose processes may get the connection of their parent, with their functions."""
    open_at_fork = (fork for fork in forks(file) if not _is_closed_before(fork))
    return tuple(
        fork._replace(functions=[each for each in fork.functions if not _closes_before_all_else(each)])
        for fork in open_at_fork
    )


# -- the parent closes before -------------------------------------------------------------------------------------


def _is_closed_before(fork: Fork) -> bool:
    """Whether the parent surely has no open connection where it forks."""
    return bool(fork.begins) and all(_is_closed_at(fork.file, call) for call in fork.begins)


def _is_closed_at(file: File, call: ast.Call) -> bool:
    """Whether a statement that surely runs before a call closes, and none between the two queries."""
    below: ast.AST = call
    for above in file.around(call):
        if isinstance(above, (*FUNCTION, ast.Lambda, ast.ClassDef, ast.Module)) and not block_of(above, below):
            return False  # in a decorator or a default
        for statement in reversed(statements_before(above, below)):
            if _closes(file, statement):
                return True
            if Query in effects_in(file, statement):
                return False
        if isinstance(above, _LOOPS) and Query in effects_in(file, above):
            return False
        if isinstance(above, (ast.Try, ast.With, ast.AsyncWith)) and Query in _effects_on_the_way(file, above, below):
            return False
        if isinstance(above, (*FUNCTION, ast.Lambda, ast.ClassDef)):
            return False
        below = above
    return False


def _effects_on_the_way(file: File, above: ast.Try | ast.With | ast.AsyncWith, below: ast.AST) -> set[type[object]]:
    """Return the effects of a statement that come before those of a block in it."""
    if not isinstance(above, ast.Try):
        return effects_in(file, *above.items)
    return effects_in(file, *above.body) if below not in above.body else set()


def _closes(file: File, statement: ast.stmt) -> bool:
    """Whether a statement surely closes the connection, or all."""
    if not isinstance(statement, ast.Expr) or not isinstance(call := statement.value, ast.Call):
        return False
    return Close in _effects_of_call(file, call) or closes_first(file, call) is not None


def _effects_of_call(file: File, call: ast.Call) -> set[type[object]]:
    code = function_around(file, call) or file.tree
    effects = Effects(Context(file, code, ignore_decorators=True))
    return {type(effect) for effect in effects.of_call(call) if not getattr(effect, "by_age", False)}


# -- the child closes before all else -----------------------------------------------------------------------------


def _closes_before_all_else(function: FunctionAt) -> bool:
    """Whether a function closes the connection before it can do anything else with it."""
    for statement in _first_statements(function.node.body):
        if _closes(function.file, statement):
            return True
        if _may_call(function.file, function.node, statement):
            return False
    return False


def _first_statements(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements of a block in the order in which they run, up to the first that may run or not."""
    for statement in body:
        if isinstance(statement, ast.Try):
            yield from _first_statements(statement.body)
            return
        yield statement
        if not isinstance(statement, (ast.Expr, ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign)):
            return


def _may_call(file: File, code: Code, statement: ast.stmt) -> bool:
    """Whether a statement has an effect on the connection, or runs code of the project."""
    effects = Effects(Context(file, code, ignore_decorators=True))
    return any(True for node in ast.walk(statement) for _ in effects_of_node(effects, node))
