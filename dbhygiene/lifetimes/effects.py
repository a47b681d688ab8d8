"""`FunctionSemantics`: the effects of calls, `with` blocks and exceptions in one function.

conn = pymysql.connect()         # a `CallEffect`: returns a connection
shut(conn)                       # closes its argument, if `shut`, a function of the project, does so

They come from the library's models, the user's declarations and the inferred summaries of project functions.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import NamedTuple, Protocol, TypeAlias

from dbhygiene.dataflow import cfg
from dbhygiene.dataflow.cfg import Outcome
from dbhygiene.dataflow.exceptions import (
    CANCELLED,
    GENERATOR_EXIT,
    ORDINARY,
    SYSTEM_EXIT,
    ItemErrors,
    Swallow,
    Thrown,
)
from dbhygiene.library import drivers
from dbhygiene.library.calls import (
    ALWAYS_RAISE,
    ALWAYS_RAISING_METHODS,
    ASKS,
    ASKS_ON,
    BEGINNING,
    BORROWING_METHODS,
    CALLS,
    CLOSERS,
    CONTEXT_MANAGERS,
    DATABASE_ERROR_WORDS,
    DATABASE_ERRORS,
    EXITS_AT_ONCE,
    FILE_FUNCTIONS,
    FILE_METHODS,
    ITEM_BY_ITEM,
    LAZY,
    LOGGERS,
    MATCHING,
    METRIC_METHODS,
    METRICS,
    NEVER_RETURN,
    QUIET_INFO_METHODS,
    QUIET_METHODS,
    RAISING,
    READING_ITEMS,
    READING_ITEMS_METHODS,
    STORING_BASES,
    TIME_LIMITS,
    waits_for_ever,
)
from dbhygiene.library.resources import (
    BORROWER,
    HARMLESS,
    KEEPS,
    READS,
    UNKNOWN,
    ArgumentEffects,
    CallModel,
    Element,
    Leaving,
    ParameterSummary,
    Resource,
)
from dbhygiene.library.retries import RETRY_LOOPS
from dbhygiene.library.sqlalchemy import INSTANCE_STATE
from dbhygiene.library.test_files import FIXTURES
from dbhygiene.lifetimes.helper_index import HelperIndex
from dbhygiene.lifetimes.library_models import LibraryModels
from dbhygiene.lifetimes.passed_functions import (
    always_returns_call,
    call_by_name,
    call_by_position,
    call_of_future,
    called_parameter,
    generator_of_next,
)
from dbhygiene.lifetimes.plain_records import element_value, given_fields
from dbhygiene.lifetimes.session_queries import is_query
from dbhygiene.lifetimes.state import ITSELF, PARTS, READERS
from dbhygiene.program import definitions
from dbhygiene.program.arguments import (
    bind_arguments,
    defaults,
    has_parameter,
    has_unpacked,
    is_kwargs,
    named_parameters,
    parameter,
    positional_parameters,
    takes_owner,
)
from dbhygiene.program.callees import callees, is_hook, is_super
from dbhygiene.program.code import bound_once
from dbhygiene.program.decided_tests import decided_tests
from dbhygiene.source.file import File, file_query
from dbhygiene.source.nodes import FUNCTION, Code, argument_values, first_parameter, keyword_value, last_name, walk
from dbhygiene.source.queries import Memo, remembered
from dbhygiene.source.records import Frozen, replace
from dbhygiene.source.scopes import Scope

_CURSOR_USES = frozenset({"execute", "executemany", "callproc", "fetchone", "fetchall", "fetchmany", "lastrowid"})
_CONNECTION_USES = frozenset({"cursor", "commit", "rollback", "close", "autocommit", "begin", "ping", "select_db"})
_OF_FILES = (Thrown("OSError", exact=False), Thrown("ValueError", exact=False))
_DATABASE = ORDINARY._replace(caught_by=DATABASE_ERRORS)


Assignments: TypeAlias = "tuple[tuple[ast.expr, ast.expr], ...]"
Decided: TypeAlias = "tuple[tuple[ast.expr, bool], ...]"  # the tests of a function whose truth a call decides


class BoundCallee(NamedTuple):
    """A function or class of the project that a call may run."""

    definition: definitions.Definition
    bound: bool  # called on an instance: the first parameter is not among the arguments


class CallMeaning(NamedTuple):
    """The target of a call, independent of the caller: known from the library or the settings, or the project's own.

    `complete`: the call runs no other functions than these.
    """

    model: CallModel | None = None
    callees: tuple[BoundCallee, ...] = ()
    complete: bool = True
    closing: bool = False
    sets: Assignments = ()


class CallEffect(Frozen):
    """The effect of one call. If it may run one of several functions, it is the effect that all of them share."""

    summary: CallModel
    closing: bool
    callees: tuple[BoundCallee, ...]
    complete: bool
    sets: Assignments  # of fields of `self`, by a method that does nothing else
    semantics: FunctionSemantics
    call: ast.Call

    @property
    def summaries(self) -> FunctionSummaries:
        return self.semantics.summaries

    @remembered
    def _candidates(self) -> tuple[BoundCallee, ...]:
        """The project's functions of which the call runs one, where a table, an option or a parameter says which."""
        if self.callees or self.summary is not UNKNOWN:
            return ()
        return self.semantics.chosen(self.call)

    @property
    def definitions(self) -> list[definitions.Definition]:
        """The project's own functions and classes that may be called."""
        return [each.definition for each in self.callees]

    @property
    def is_manager(self) -> bool:
        """Whether it may make a context manager of the project, whose code runs when that is entered and left."""
        return any(definitions.is_context_manager(each) for each in self.definitions)

    @property
    def lends_resource(self) -> bool:
        """Whether it makes a context manager of the project that always yields a resource."""
        return self.complete and bool(self.callees) and all(map(self.summaries.lends_resource, self.definitions))

    @property
    def callee(self) -> BoundCallee | None:
        """The first of them: the one that is called unless a subclass overrides it."""
        return self.callees[0] if self.callees else None

    def argument_effects(
        self, position: int | None, keyword: str | None, resource: Resource, relation: str, raised: bool
    ) -> ArgumentEffects:
        """Return the possible effects on an argument, given by position or by keyword."""
        if not (callees := self.callees or self._candidates):
            argument = self.summary.keyword(keyword) if position is None else self.summary.argument(position)
        elif not self.complete:
            return KEEPS
        else:
            argument = _common_summary(
                [self._argument(each, position, keyword, resource, relation) for each in callees]
            )
            if not self.callees and relation == ITSELF and self.semantics.is_parameter_around(self.call.func):
                argument = _common_summary(
                    [self._argument_of_body(each, position, keyword, resource) for each in callees]
                )
        return argument.raising if raised else argument.normal

    def collects(self, keyword: str) -> bool:
        """Whether a function that is called gets this argument in its `**kwargs`."""
        functions = (each.definition.node for each in self.callees)
        return any(
            isinstance(each, FUNCTION) and each.args.kwarg is not None and not has_parameter(each, keyword)
            for each in functions
        )

    def receiver_effects(self, resource: Resource, raised: bool) -> ArgumentEffects:
        """Return the possible effects on the object whose method, defined by the project, is called."""
        if not (self.callees and self.complete):
            return KEEPS
        found = []
        for definition, bound in self.callees:
            own = first_parameter(definition.node) if bound and isinstance(definition.node, FUNCTION) else None
            if own is None:
                return KEEPS
            decided = self.semantics.decided_by(self.call, BoundCallee(definition, bound))
            found.append(self.summaries.parameter_summary(definition, own, resource, ITSELF, decided))
        argument = _common_summary(found)
        return argument.raising if raised else argument.normal

    def keeping_fields(
        self, call: ast.Call, position: int | None, keyword: str | None, resource: Resource
    ) -> frozenset[tuple[str, str]]:
        """Return the fields that hold an argument, or read from it, afterwards, if the call only stores it there.

        Each is a path, `self.field`, after the relation of its value to the argument.
        """
        if not (self.callees and self.complete and _is_on_own_object(call)):
            return frozenset()
        found = set()
        for definition, bound in self.callees:
            if not isinstance(definition.node, FUNCTION):
                return frozenset()
            name = parameter(definition.node, position, keyword, bound=bound)
            kept = self.summaries.keeping_fields(definition, name, resource) if name is not None else frozenset()
            found.add(kept)
        fields = found.pop() if len(found) == 1 else frozenset()
        is_known = all(relation == ITSELF or relation in READERS for relation, _ in fields)
        return fields if is_known else frozenset()

    def alternatives(self, call: ast.Call) -> list[ast.expr | None]:
        """Return the arguments that a call may return instead of opening anything; None for one that cannot be seen."""
        found: list[ast.expr | None] = []
        for definition, bound in self.callees if self.summary.instead else ():
            if (
                isinstance(definition.node, FUNCTION)
                and (summary := self.summaries.model_of_definition(definition)) is not None
            ):
                for name in sorted(summary.instead):
                    found += _arguments_for_parameter(call, definition, name, bound=bound)
        return found

    def on(self, call: ast.Call, given: ast.expr, *, raised: bool) -> ArgumentEffects:
        """Return the possible effects on an argument that is a resource, as the one that may be returned is."""
        words = {word.value: word.arg for word in call.keywords}
        position = call.args.index(given) if given in call.args else None
        resource = self.summary.returns
        if resource is None or (position is None and words.get(given) is None):
            return KEEPS
        return self.argument_effects(position, words.get(given), resource, ITSELF, raised)

    def _argument_of_body(
        self, callee: BoundCallee, position: int | None, keyword: str | None, resource: Resource
    ) -> ParameterSummary:
        """Return the summary of an argument of a function that its decorator calls."""
        definition, bound = callee
        if not isinstance(definition.node, FUNCTION):
            return ParameterSummary()
        name = parameter(definition.node, position, keyword, bound=bound)
        return self.summaries.summary_of_body(definition, name, resource) if name else ParameterSummary()

    def _argument(
        self, callee: BoundCallee, position: int | None, keyword: str | None, resource: Resource, relation: str
    ) -> ParameterSummary:
        """Return the summary of an argument in one of the functions."""
        definition, bound = callee
        if isinstance(definition.node, FUNCTION):
            name = parameter(definition.node, position, keyword, bound=bound)
            if name is None and keyword is not None and relation == ITSELF:
                return self.summaries.summary_of_unnamed(definition, resource)
            if name is None:
                return ParameterSummary()
            decided = self.semantics.decided_by(self.call, callee)
            return self.summaries.parameter_summary(definition, name, resource, relation, decided)
        if (made := definitions.constructor(definition)) is None:
            if relation in {*READERS, PARTS}:
                return ParameterSummary.of(READS)
            return self.summary.keyword(keyword) if position is None else self.summary.argument(position)
        assert isinstance(made.node, FUNCTION)
        name = parameter(made.node, position, keyword, bound=True)
        return (
            self.summaries.summary_as_field(definition, made, name, resource, relation)
            if name is not None
            else ParameterSummary()
        )


class ClassField(Protocol):
    """A field of a class that may be closed: `fields.Field`."""

    @property
    def file(self) -> File: ...

    @property
    def cls(self) -> definitions.Definition: ...

    @property
    def name(self) -> str: ...

    @property
    def resource(self) -> Resource: ...

    @property
    def is_container(self) -> bool: ...

    def is_closed_by_none(self) -> bool: ...


class FunctionSummaries(Protocol):
    """The facts about functions of the project that their callers need; `summaries.Summaries` infers them."""

    helpers: HelperIndex
    library: LibraryModels
    meanings: Memo[ast.Call, CallMeaning]  # of calls

    def effects(self, file: File, code: Code) -> FunctionSemantics: ...

    def model_of_definition(self, definition: definitions.Definition) -> CallModel | None: ...

    def model_of_next(self, definition: definitions.Definition) -> CallModel | None: ...

    def parameter_summary(
        self, definition: definitions.Definition, name: str, resource: Resource, relation: str, decided: Decided = ()
    ) -> ParameterSummary: ...

    def summary_of_body(
        self, definition: definitions.Definition, name: str, resource: Resource
    ) -> ParameterSummary: ...

    def summary_of_unnamed(self, definition: definitions.Definition, resource: Resource) -> ParameterSummary: ...

    def summary_as_field(
        self,
        cls: definitions.Definition,
        made: definitions.Definition,
        name: str,
        resource: Resource,
        relation: str,
    ) -> ParameterSummary: ...

    def keeping_fields(
        self, method: definitions.Definition, name: str, resource: Resource
    ) -> frozenset[tuple[str, str]]: ...

    def touched_fields(self, definition: definitions.Definition, *, dropped: bool) -> frozenset[str] | None: ...

    def never_closed(self, field: ClassField) -> bool: ...

    def may_return_closed(self, definition: definitions.Definition) -> bool: ...

    def lends_resource(self, manager: definitions.Definition) -> bool: ...

    def outcome(self, definition: definitions.Definition, decided: Decided = ()) -> Outcome: ...

    def enters_own_code(self, definition: definitions.Definition) -> bool: ...

    def swallowed_exceptions(self, definition: definitions.Definition) -> Sequence[Swallow]: ...

    def exceptions_of_items(self, definition: definitions.Definition) -> ItemErrors: ...


class FunctionSemantics(cfg.Semantics):
    """The effects of calls, `with` blocks and exceptions in one function, for its graph and its resources."""

    def __init__(self, file: File, scope: Scope, summaries: FunctionSummaries, decided: Decided = ()) -> None:
        self.file, self.scope, self.summaries = file, scope, summaries
        self._decided = dict(decided)
        self._effects: Memo[ast.Call, CallEffect] = Memo()
        self.at_yield: tuple[Thrown, ...] = (GENERATOR_EXIT,)
        if isinstance(scope.node, FUNCTION):
            decorators = set(definitions.Definition(file, scope.node, scope.name).decorators)
            if decorators & CONTEXT_MANAGERS:  # those of the `with` block
                self.at_yield = (ORDINARY, CANCELLED) if isinstance(scope.node, ast.AsyncFunctionDef) else (ORDINARY,)
            elif decorators & FIXTURES:
                self.at_yield = ()  # pytest resumes them, whatever the test raises

    # -- calls

    def of(self, call: ast.Call) -> CallEffect:
        return self._effects.of(call, lambda: self._effect(call))

    @property
    def computed_effects(self) -> Iterable[CallEffect]:
        """Return the effects of the calls that have been computed."""
        return self._effects.values()

    def acquires(self, call: ast.Call) -> bool:
        """Whether a call returns a resource."""
        return (
            self.summaries.helpers.acquire_filter.may_acquire(self.file, call)
            and self.of(call).summary.returns is not None
        )

    def _effect(self, call: ast.Call) -> CallEffect:
        known, callees, complete, closing, sets = self._target_of(call)
        if known is None:
            known = self._returned_model(callees) if complete or any(map(_is_abstract, callees)) else UNKNOWN
        if known.returns is None and (passed := self._passed_call(call, callees, complete)) is not None:
            known = replace(
                known,
                returns=passed.returns,
                element=passed.element,
                is_sure=passed.is_sure and all(self._always_calls(each.definition) for each in callees),
                is_shared=passed.is_shared,
            )
        if known.returns is None and (yielded := self._model_of_next(call)) is not None:
            known = yielded
        if known is UNKNOWN and not callees and self._may_choose_opener(call):
            known = self._returned_model(self.chosen(call))
        return CallEffect(known, closing, callees, complete, sets, self, call)

    def _may_choose_opener(self, call: ast.Call) -> bool:
        """Whether a call may run one of several functions of a table that open something."""
        return isinstance(call.func, ast.Subscript) and self.summaries.helpers.may_define_helpers(self.file)

    def _returned_model(self, callees: tuple[BoundCallee, ...]) -> CallModel:
        """Return the model of the resource that the caller owns afterwards, whichever of these functions runs."""
        found = [self.summaries.model_of_definition(each.definition) for each in callees if not _is_abstract(each)]
        first, *others = found or [None]
        if first is None or any(each is None or not _is_alike(first, each) for each in others):
            return UNKNOWN
        given = [each for each in found if each is not None]
        first = next((each for each in given if each.returns is not None and _closes_in_with(each.returns)), first)
        return replace(
            first,
            is_sure=all(each.is_sure for each in given),
            is_shared=any(each.is_shared for each in given),
            instead=frozenset(name for each in given for name in each.instead),
        )

    def _model_of_next(self, call: ast.Call) -> CallModel | None:
        """Return the model of `next(generator())`, or `anext(generator())`, for a generator of the project."""
        if (made := generator_of_next(call)) is not None:
            found = self._target_of(made)
            if len(found.callees) == 1 and found.complete:
                return self.summaries.model_of_next(found.callees[0].definition)
        return None

    def _passed_call(self, call: ast.Call, callees: tuple[BoundCallee, ...], complete: bool) -> CallModel | None:
        """Return the model of the call by which a function that is an argument here opens the result of this call."""
        if (passed := self.passed_call(call, callees, complete)) is None:
            return None
        model = self.of(passed).summary
        if model.returns is None or model.instead or (not callees and _stays_in_thread(passed, model.returns)):
            return None
        return model

    def fields_of_record(self, call: ast.Call) -> list[tuple[Element, ast.expr]] | None:
        """Return the fields of a named tuple or dataclass that a call makes, each with the argument that it holds."""
        effect = self.of(call)
        return given_fields(self.file, call, effect.definitions) if effect.complete or not effect.callees else None

    def at(self, value: ast.expr, element: Element | None) -> ast.expr | None:
        """Return what an expression that makes a tuple, a dict or a record puts at one place of it."""
        fields = self.fields_of_record(value) if isinstance(value, ast.Call) and element is not None else None
        return element_value(value, element, fields)

    def passed_call(self, call: ast.Call, callees: tuple[BoundCallee, ...], complete: bool) -> ast.Call | None:
        """Return the call of an argument whose result this call returns."""
        if (submitted := call_of_future(self.file, call)) is not None:
            return submitted
        if not (call.args or call.keywords):
            return None
        passed = self._call_of_parameter(call, callees[0]) if len(callees) == 1 and complete else None
        if passed is None and not callees:
            passed = call_by_position(self.file, call)
        return None if passed is call else passed

    def _always_calls(self, definition: definitions.Definition) -> bool:
        return isinstance(definition.node, FUNCTION) and always_returns_call(definition.file, definition.node)

    def _call_of_parameter(self, call: ast.Call, callee: BoundCallee) -> ast.Call | None:
        definition, bound = callee
        if not isinstance(definition.node, FUNCTION) or definition.node.decorator_list:
            return None
        name = called_parameter(definition.file, definition.node)
        positions = [each.arg for each in positional_parameters(definition.node, bound=bound)]
        if name in positions and len(call.args) > (position := positions.index(name)):
            if not any(isinstance(each, ast.Starred) for each in call.args[: position + 1]):
                return call_by_name(self.file, call, call.args[position])
        given = list(_arguments_for_parameter(call, definition, name, bound=bound)) if name is not None else []
        return call_by_name(self.file, call, given[0]) if len(given) == 1 else None

    def _target_of(self, call: ast.Call) -> CallMeaning:
        """Return the target of a call, which does not depend on the effect of the target."""
        return self.summaries.meanings.of(call, lambda: self._find_target(call))

    def _find_target(self, call: ast.Call) -> CallMeaning:
        func = call.func
        name = self.file.resolve(func)
        if name == "setattr" and (set_ := _attribute_set(call)) is not None:
            return CallMeaning(HARMLESS, sets=(set_,))
        if name is not None and (declared := self.summaries.library.model_of_settings(name)) is not None:
            return CallMeaning(declared)
        if (opened := self.summaries.library.resource_of_driver(self.file, call)) is not None:
            return CallMeaning(CallModel(returns=opened))
        if name is not None and (known := CALLS.get(name)) is not None:
            return CallMeaning(known, closing=name in CLOSERS)
        found = callees(self.file, call, self.scope)
        if found.definitions:
            for definition in found.definitions:
                if (declared := self.summaries.library.model_of_settings(definition.dotted_name)) is not None:
                    return CallMeaning(declared)
            meant = tuple(BoundCallee(each, self._is_bound(call, each)) for each in found.definitions)
            sets = _fields_set(call, meant[0].definition) if len(meant) == 1 and found.complete else ()
            return CallMeaning(callees=meant, complete=found.complete, sets=sets)
        if isinstance(func, ast.Attribute) and func.attr == "cursor":
            given = [self.file.resolve(arg) for arg in argument_values(call)]
            opened = next(
                (cursor for each in given if each and (cursor := self.summaries.library.cursor_without_buffer(each))),
                None,
            )
            return CallMeaning(CallModel(returns=opened))
        if (pooled := self.summaries.library.model_of_pool(self.file, call, self.scope)) is not None:
            return CallMeaning(pooled)
        if (taken := self.summaries.library.model_of_sqlalchemy(self.file, call)) is not None:
            return CallMeaning(taken)
        return CallMeaning(BORROWER if isinstance(func, ast.Attribute) and func.attr in BORROWING_METHODS else UNKNOWN)

    def is_parameter_around(self, func: ast.expr) -> bool:
        """Whether a call is of a parameter of the function around this one, as in a decorator."""
        if not isinstance(func, ast.Name) or func.id in self.scope.bound:
            return False
        return self.scope.parent is not None and has_parameter(self.scope.parent.node, func.id)

    def chosen(self, call: ast.Call) -> tuple[BoundCallee, ...]:
        """Return the functions of which a call of an unknown name runs one; none if it may run other code."""
        from dbhygiene.program.chosen import chosen_functions  # most calls name their function

        found = chosen_functions(self.file, call.func)
        if not isinstance(self.file.parents.get(call), ast.Await):
            found = () if any(isinstance(each.node, ast.AsyncFunctionDef) for each in found) else found
        return tuple(BoundCallee(each, self._is_bound(call, each)) for each in found)

    def _is_bound(self, call: ast.Call, definition: definitions.Definition) -> bool:
        """Whether a call supplies the first parameter of its target by its owner."""
        scope = definition.file.functions.get(definition.node) if isinstance(definition.node, FUNCTION) else None
        if scope is None or scope.class_scope is None or "staticmethod" in definition.decorators:
            return False
        if "classmethod" in definition.decorators:
            return True
        owner = call.func.value if isinstance(call.func, ast.Attribute) else None
        named = self.file.resolve(owner) if owner is not None else None
        return not (isinstance(owner, ast.Name) and named and named.rpartition(".")[2] == owner.id)

    def decided_by(self, call: ast.Call, callee: BoundCallee) -> Decided:
        """Return the tests of a function whose truth the constants among the arguments of a call decide."""
        file, function = callee.definition.file, callee.definition.node
        if not isinstance(function, FUNCTION) or callee.bound is not takes_owner(file.functions[function]):
            return ()
        return decided_tests(self.file, call, file, function)

    def truth(self, test: ast.expr) -> bool | None:
        if isinstance(test, ast.Name) and test.id in self._constants:
            return self._constants[test.id]
        return self._decided[test] if test in self._decided else super().truth(test)

    @cached_property
    def _constants(self) -> dict[str, bool]:
        """The variables of a function that are bound once, to a constant, with its truth."""
        code = self.scope.node
        once = bound_once(code) if isinstance(code, FUNCTION) else frozenset()
        values = ((name, given[0]) for name, given in self.scope.aliases.items() if name in once and len(given) == 1)
        return {name: bool(value.value) for name, value in values if isinstance(value, ast.Constant)}

    def touches(self, call: ast.Call, field: str) -> bool:
        """Whether a call of, or with, `self` may close or replace a field of it, or let the field escape."""
        match call.func:
            case ast.Attribute(value=owner) if self._is_own_object(owner):
                effect = self.of(call)
                if not (effect.callees and effect.complete):
                    return True
                dropped = self.file.is_discarded(call)
                touched = [self.summaries.touched_fields(each, dropped=dropped) for each in effect.definitions]
                return any(fields is None or field in fields for fields in touched)
        return any(map(self._is_own_object, argument_values(call)))

    def _is_own_object(self, expr: ast.expr) -> bool:
        """Whether an expression is the object of this method, or its class."""
        match expr:
            case ast.Name(id=name):
                return name in self.scope.owners
            case ast.Call(func=ast.Name(id="super")):
                return True
        return False

    def outcome(self, call: ast.Call) -> Outcome:
        values = self.scope.aliases.get(call.func.id, []) if isinstance(call.func, ast.Name) else []
        match values:
            case [ast.Lambda(body=body)]:
                inner = [self._outcome(part) for part in ast.walk(body) if isinstance(part, ast.Call)]
                return Outcome(raises=tuple(dict.fromkeys(thrown for each in inner for thrown in each.raises)))
        return self._outcome(call)

    def _outcome(self, call: ast.Call) -> Outcome:
        name = self.file.resolve(call.func)
        if name in EXITS_AT_ONCE:
            return Outcome(returns=False, raises=())
        if name in NEVER_RETURN:
            return Outcome(returns=False, raises=(SYSTEM_EXIT,))
        above = self.file.parents.get(call)
        if waits_for_ever(self.file.resolve, call, is_awaited=isinstance(above, ast.Await)):
            return Outcome(returns=False, raises=())
        meaning = self._target_of(call)
        if meaning.callees:
            found = [self.summaries.outcome(each.definition, self.decided_by(call, each)) for each in meaning.callees]
            outcome = found[0] if len(found) == 1 and meaning.complete else _either(found, complete=meaning.complete)
            begins = isinstance(above, ast.Call) and last_name(above.func) in BEGINNING
            return Outcome(True, outcome.raises) if begins else outcome
        if name in ALWAYS_RAISE or (isinstance(call.func, ast.Attribute) and call.func.attr in ALWAYS_RAISING_METHODS):
            return Outcome(returns=False)
        if name in RAISING:
            return Outcome(raises=tuple(Thrown(each, caught_by=names) for each, names in RAISING[name].items()))
        if name in FILE_FUNCTIONS or (isinstance(call.func, ast.Attribute) and call.func.attr in FILE_METHODS):
            return Outcome(raises=_OF_FILES)
        is_method = isinstance(call.func, ast.Attribute) and _is_quiet(call.func, call.args)
        quiet = is_method and not self._gets_by_key(call.func)
        quiet = quiet or self._is_log_argument(call) or self._takes_from_keywords(call.func) or self._counts(call.func)
        quiet = quiet or (name in MATCHING and self._is_text(call.args)) or self._stores_in_super(call.func)
        if not quiet and (meaning.model or UNKNOWN).may_raise:
            return Outcome(raises=(_DATABASE,)) if self._raises_database_errors(call) else Outcome()
        reads = isinstance(call.func, ast.Attribute) and call.func.attr in READING_ITEMS_METHODS
        read = call.args if reads or name in READING_ITEMS else [a for a in call.args if isinstance(a, ast.Starred)]
        return Outcome(raises=self._at_items_of(read))

    def _counts(self, method: ast.expr) -> bool:
        """Whether a method changes a metric of the program."""
        if METRICS not in self.file.imported_packages or not isinstance(method, ast.Attribute):
            return False
        if method.attr not in METRIC_METHODS:
            return False
        from dbhygiene.program.evaluation import evaluate
        from dbhygiene.program.values import Called

        owner = method.value
        if isinstance(owner, ast.Call) and isinstance(owner.func, ast.Attribute) and owner.func.attr == "labels":
            owner = owner.func.value
        made = evaluate(self.file, owner)
        return isinstance(made, Called) and made.name.startswith(f"{METRICS}.")

    def _takes_from_keywords(self, method: ast.expr) -> bool:
        """Whether a method takes an argument out of the function's `**kwargs`, where its callers pass it."""
        match method:
            case ast.Attribute(value=ast.Name(id=name), attr="pop"):
                return is_kwargs(self.scope.node, name)
        return False

    def _is_text(self, args: list[ast.expr]) -> bool:
        """Whether the first argument is a constant text, or a variable of this function that is nothing else."""
        values = self.scope.aliases.get(args[0].id, []) if args and isinstance(args[0], ast.Name) else args[:1]
        return bool(values) and all(isinstance(each, ast.Constant) for each in values)

    def _stores_in_super(self, method: ast.expr) -> bool:
        """Whether a method is the `__init__` of library classes above this one, which only store their arguments."""
        match method:
            case ast.Attribute(value=owner, attr="__init__") if is_super(owner) and self.scope.class_scope is not None:
                cls = self.scope.class_scope.node
                return isinstance(cls, ast.ClassDef) and all(
                    self.file.resolve(base) in STORING_BASES for base in cls.bases
                )
        return False

    def _gets_by_key(self, method: ast.expr) -> bool:
        """Whether a method is the `get` of a session of this function: unlike that of a dictionary, it queries."""
        match method:
            case ast.Attribute(value=ast.Name(id=name), attr="get"):
                made = [*self.scope.aliases.get(name, ()), *self._with_targets.get(name, ())]
            case _:
                return False
        calls = (each for each in made if isinstance(each, ast.Call))
        return any(self.acquires(each) and _is_session(self.of(each).summary) for each in calls)

    @cached_property
    def _with_targets(self) -> dict[str, list[ast.expr]]:
        """What each variable is bound to by `with ... as`."""
        found: dict[str, list[ast.expr]] = {}
        for part in self.file.own(self.scope.node):
            if isinstance(part, ast.withitem) and isinstance(part.optional_vars, ast.Name):
                found.setdefault(part.optional_vars.id, []).append(part.context_expr)
        return found

    def _raises_database_errors(self, call: ast.Call) -> bool:
        """Whether a call queries a server, and a handler here may name the class of all errors of its driver."""
        return _asks(call.func) and _names_database_errors(self.file)

    def _is_log_argument(self, call: ast.Call) -> bool:
        """Whether a call only formats a log message, and does not use a connection for that."""
        if last_name(call.func) in _CURSOR_USES | _CONNECTION_USES or isinstance(
            self.file.parents.get(call), ast.Await
        ):
            return False
        for node in self.file.around(call):
            if isinstance(node, ast.stmt):
                return False
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _logs(node.func.value):
                return True
        return False

    def may_fail_otherwise(self, stmt: ast.Try) -> bool:
        """Whether a `try` has an import, an attribute or an item, or a call that is only assumed not to raise."""
        return any(self._may_fail(part) for each in stmt.body for part in walk(each))

    def _may_fail(self, part: ast.AST) -> bool:
        match part:
            case ast.Import() | ast.ImportFrom() | ast.Subscript(ctx=ast.Load()):
                return True
            case ast.Attribute(ctx=ast.Load()):
                return not isinstance(self.file.parents.get(part), ast.Call)
            case ast.Call():
                return not (self._target_of(part).callees or self._outcome(part).raises)
        return False

    def at_await(self, node: ast.Await) -> tuple[Thrown, ...]:
        if isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Attribute):
            if node.value.func.attr in QUIET_METHODS | {"ensure_closed", "aclose", "release"}:
                return ()
            if self._raises_database_errors(node.value):
                return (_DATABASE, CANCELLED)
        return (ORDINARY, CANCELLED)

    def at_items(self, iterated: ast.expr) -> tuple[Thrown, ...]:
        """Return the exceptions of a project's generator, or of a session's query; other iterables raise nothing."""
        return self._at_items(iterated, frozenset())

    def source_of_items(self, iterated: ast.expr) -> ast.expr:
        """Return the iterable whose items raise: the `rows()` of `enumerate(rows())`."""
        while isinstance(iterated, ast.Call) and self.file.resolve(iterated.func) in LAZY:
            inner = next((arg for arg in iterated.args if self.at_items(arg)), None)
            if inner is None:
                break
            iterated = inner
        return iterated

    def _at_items_of(self, iterated: Iterable[ast.expr], seen: frozenset[str] = frozenset()) -> tuple[Thrown, ...]:
        return tuple(dict.fromkeys(thrown for each in iterated for thrown in self._at_items(each, seen)))

    def _at_items(self, iterated: ast.expr, seen: frozenset[str]) -> tuple[Thrown, ...]:
        match iterated:
            case ast.Name(id=name) if name not in seen:
                return self._at_items_of(self.scope.aliases.get(name, []), seen | {name})
            case ast.Starred(value=value):
                return self._at_items(value, seen)
            case ast.Call(args=args) if self.file.resolve(iterated.func) in LAZY:
                return self._at_items_of(args, seen)
            case ast.Call() if is_query(self.file, iterated):
                return (ORDINARY,)  # the loop sends it
            case ast.Call():
                meant = self._target_of(iterated).callees
                found = [self.summaries.exceptions_of_items(each.definition) for each in meant]
                return tuple(dict.fromkeys(thrown for each in found for thrown in each.thrown))
        return ()

    def rounds_that_raise(self, iterated: ast.expr) -> ItemErrors | None:
        """Return when the items of a new generator of the project raise; None for any other iterable."""
        iterated = self._only_read(iterated)
        if not isinstance(iterated, ast.Call):
            return None
        if self.file.resolve(iterated.func) in ITEM_BY_ITEM:
            parts = [part for part in iterated.args if self.at_items(part)]
            found = [self.rounds_that_raise(part) for part in parts]
        else:
            meant = self._target_of(iterated).callees
            found = [self.summaries.exceptions_of_items(each.definition) for each in meant]
        known = [each for each in found if each is not None]
        if not known or len(known) < len(found):
            return None
        thrown = tuple(dict.fromkeys(thrown for each in known for thrown in each.thrown))
        return ItemErrors(thrown, any(each.at_first for each in known), any(each.later for each in known))

    def _only_read(self, expr: ast.expr) -> ast.expr:
        """Return the value of a variable that is bound once, and read nowhere else; or the expression itself."""
        code = self.scope.node
        if not isinstance(expr, ast.Name) or not isinstance(code, FUNCTION) or expr.id not in bound_once(code):
            return expr
        values = self.scope.aliases.get(expr.id, ())
        uses = [part for part in walk(code) if isinstance(part, ast.Name) and part.id == expr.id]
        return values[0] if len(values) == 1 and len(uses) == 2 else expr

    # -- names

    def resolve(self, expr: ast.expr) -> str | None:
        return self.file.resolve(expr)

    def bases(self, name: str) -> tuple[str, ...] | None:
        found = definitions.find_definition(self.file, name)
        if found is None or not isinstance(found.node, ast.ClassDef):
            return None
        named = [found.file.resolve(base) for base in found.node.bases]
        return tuple(name for name in named if name is not None) if all(named) else None

    # -- with

    def enter_raises(self, item: ast.withitem) -> bool:
        call = item.context_expr
        return isinstance(call, ast.Call) and any(
            self.summaries.enters_own_code(each.definition) for each in self._target_of(call).callees
        )

    def retried(self, loop: ast.For | ast.AsyncFor) -> list[ast.stmt] | None:
        made = [loop.iter]
        if isinstance(loop.iter, ast.Name):
            made = self.scope.aliases.get(loop.iter.id) or self.file.scope.aliases.get(loop.iter.id, [])
        if not made or not all(isinstance(each, ast.Call) and self._tries(each.func) for each in made):
            return None
        match loop.target, loop.body:
            case ast.Name(id=attempt), [
                ast.With(items=[ast.withitem(context_expr=ast.Name(id=entered))], body=body),
                *rest,
            ]:
                return [*body, *rest] if attempt == entered else None
        return None

    def _tries(self, func: ast.expr) -> bool:
        return self.file.resolve(func) in RETRY_LOOPS

    def suspends(self, item: ast.withitem) -> bool:
        call = item.context_expr
        return not (isinstance(call, ast.Call) and self.file.resolve(call.func) in TIME_LIMITS)

    def swallows(self, item: ast.withitem) -> Sequence[Swallow]:
        match item.context_expr:
            case ast.Call(func=func, args=args) if self.file.resolve(func) == "contextlib.suppress":
                types = [each for arg in args for each in (arg.elts if isinstance(arg, ast.Tuple) else [arg])]
                return [Swallow(self.file.resolve(each)) for each in types]
            case ast.Call() as call:
                meant = self._target_of(call).callees
                found = [self.summaries.swallowed_exceptions(each.definition) for each in meant]
                every = list(dict.fromkeys(swallow for swallows in found for swallow in swallows))
                return [
                    each._replace(surely=each.surely and all(each in swallows for swallows in found)) for each in every
                ]
        return ()

    def leaving(self, item: ast.withitem, resource: Resource) -> Leaving | None:
        """Return the effect of leaving `with resource` here.

        If the driver's version is not known, the uses of the name bound by `as` decide: old drivers returned a cursor,
        new ones return the connection.
        """
        leaving = resource.leaving
        if leaving is None or not isinstance(item.optional_vars, ast.Name):
            return leaving
        old = self.summaries.library.older_exit_effect(resource)
        if old is None or old.binds != "cursor":
            return leaving
        uses = self._uses(item.optional_vars.id)
        return old if uses & _CURSOR_USES and not uses & _CONNECTION_USES else leaving

    def _uses(self, name: str) -> set[str]:
        return {
            part.attr
            for part in ast.walk(self.scope.node)
            if isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name) and part.value.id == name
        }


def _is_on_own_object(call: ast.Call) -> bool:
    """Whether a call is of a method of `self`: `self.set(...)`, `super().set(...)`, `Base.set(self, ...)`."""
    match call:
        case ast.Call(func=ast.Attribute(value=ast.Name(id="self"))):
            return True
        case ast.Call(func=ast.Attribute(value=ast.Name()), args=[ast.Name(id="self"), *_]):
            return True
        case ast.Call(func=ast.Attribute(value=owner)):
            return is_super(owner)
    return False


def _stays_in_thread(call: ast.Call, resource: Resource) -> bool:
    """Whether only the thread that opens a connection may use it: the caller cannot close what another thread opens."""
    driver = drivers.driver(resource.package)
    if driver is None or not driver.thread_check:
        return False
    given = keyword_value(call, driver.thread_check)
    return not (isinstance(given, ast.Constant) and given.value is False)


def _arguments_for_parameter(
    call: ast.Call, definition: definitions.Definition, name: str, *, bound: bool
) -> Iterator[ast.expr | None]:
    """Yield the arguments of a call for a parameter; None for those that cannot be seen."""
    assert isinstance(definition.node, FUNCTION)
    args = definition.node.args
    if has_unpacked(call):
        yield None
    elif args.vararg is not None and args.vararg.arg == name:
        yield from call.args[len(positional_parameters(definition.node, bound=bound)) :]
    elif is_kwargs(definition.node, name):
        named = {each.arg for each in named_parameters(definition.node)}
        yield from (word.value for word in call.keywords if word.arg not in named)
    elif (given := bind_arguments(call, definition.node, bound=bound).get(name)) is not None:
        yield given
    elif (default := defaults(definition.node).get(name)) is not None and not _is_mark(definition.file, default):
        yield None


def _is_mark(file: File, default: ast.expr) -> bool:
    """Whether a default only marks a missing argument: None, `...`, `MISSING` for `MISSING = object()`."""
    values = file.scope.aliases.get(default.id, []) if isinstance(default, ast.Name) else [default]
    match values:
        case [ast.Constant() | ast.Call(func=ast.Name(id="object"), args=[])]:
            return True
    return False


def _common_summary(arguments: Sequence[ParameterSummary]) -> ParameterSummary:
    """Return the summary that several functions share for an argument; if they differ, it may be anything."""
    first, *others = arguments
    if all(each == first for each in others):
        return first
    normal = {each.normal for each in arguments if each.normal}  # one that never returns, or never raises, agrees
    raising = {each.raising for each in arguments if each.raising}
    return ParameterSummary(*(found.pop() if len(found) == 1 else KEEPS for found in (normal, raising)))


def _is_abstract(callee: BoundCallee) -> bool:
    """Whether a method never returns, since a subclass overrides it."""
    node = callee.definition.node
    if not isinstance(node, FUNCTION):
        return False
    return (
        isinstance(node.body[-1], ast.Raise) and is_hook(node)
    ) or "abc.abstractmethod" in callee.definition.decorators


def _closes_in_with(resource: Resource) -> bool:
    return resource.leaving is not None and resource.leaving.closes


def _is_alike(one: CallModel, other: CallModel) -> bool:
    """Whether two functions return the same kind of resource, in the same place; drivers may differ."""
    if one.returns is None or other.returns is None or one.element != other.element:
        return False
    return one.returns == other.returns or _kind(one.returns) == _kind(other.returns)


def _kind(resource: Resource) -> tuple[object, ...]:
    return resource.kind, resource.closed_by, resource.is_async, resource.is_object, resource.is_pooled


def _either(outcomes: Sequence[Outcome], *, complete: bool) -> Outcome:
    """Return the outcome of a call that runs one of several functions."""
    found = outcomes if complete else [*outcomes, Outcome()]
    raises = dict.fromkeys(thrown for each in found for thrown in each.raises)
    return Outcome(any(each.returns for each in found), tuple(raises))


def _fields_set(call: ast.Call, definition: definitions.Definition) -> Assignments:
    """Return the fields of `self` that a call sets, with their values, if it does nothing else."""
    match call:
        case ast.Call(func=ast.Attribute(value=ast.Name(id="self") as own), args=args, keywords=[]):
            fields = definitions.setter(definition)
            if all(number < len(args) for number in fields.values()):
                return tuple((ast.Attribute(own, field), args[number]) for field, number in fields.items())
    return ()


def _attribute_set(call: ast.Call) -> tuple[ast.expr, ast.expr] | None:
    """Return the attribute that `setattr(owner, "name", value)` sets, and its value."""
    match call.args:
        case [ast.Name() as owner, ast.Constant(value=str(name)), value]:
            return ast.Attribute(owner, name), value
    return None


def _is_session(model: CallModel) -> bool:
    return model.returns is not None and model.returns.is_lazy


def _is_quiet(method: ast.Attribute, args: list[ast.expr]) -> bool:
    is_state = any(isinstance(each, ast.Constant) and each.value == INSTANCE_STATE for each in args)
    has_default = method.attr == "pop" and (len(args) == 2 or is_state)
    of_info = method.attr in QUIET_INFO_METHODS and last_name(method.value) == "info"
    return has_default or of_info or method.attr in QUIET_METHODS or _logs(method.value)


def _logs(owner: ast.expr) -> bool:
    return last_name(owner) in LOGGERS


def _asks(method: ast.expr) -> bool:
    """Whether a method queries a server: `conn.execute`, or `session.query(Order).all`."""
    if not isinstance(method, ast.Attribute):
        return False
    if method.attr in ASKS:
        return True
    return method.attr in ASKS_ON and isinstance(method.value, ast.Call) and _asks(method.value.func)


@file_query
def _names_database_errors(file: File) -> bool:
    """Whether a file names an error of a database, by its text."""
    return DATABASE_ERROR_WORDS.search(file.text) is not None
