"""`Summaries`: the effects of project functions on resources. Inferred on demand, to a least fixed point.

def shut(conn):                  # the summary of `shut`: closes its parameter `conn`, returns no resource
    conn.close()
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Sequence
from typing import Any, TypeAlias

from dbhygiene.dataflow import cfg
from dbhygiene.dataflow.cfg import Outcome, TooLargeError
from dbhygiene.dataflow.exceptions import ORDINARY, ItemErrors, Swallow, exception_types
from dbhygiene.dataflow.interprocedural import Interprocedural
from dbhygiene.dataflow.limits import TOO_LARGE, UNSETTLED, give_up
from dbhygiene.library.resources import (
    BORROWS,
    CLOSES,
    KEEPS,
    READS,
    RETURNS,
    ArgumentEffect,
    CallModel,
    Element,
    ParameterSummary,
    Resource,
)
from dbhygiene.lifetimes.analysis import Analysis, analyse, is_transferred
from dbhygiene.lifetimes.decorators import first_wrapper, gives_no_none, is_plain, may_catch, passes_on
from dbhygiene.lifetimes.effects import (
    CallMeaning,
    ClassField,
    Decided,
    FunctionSemantics,
)
from dbhygiene.lifetimes.fields import Field, touched_fields
from dbhygiene.lifetimes.helper_index import HelperIndex, Helpers
from dbhygiene.lifetimes.library_models import LibraryModels
from dbhygiene.lifetimes.state import (
    CLOSERS,
    CONTAINER,
    FOREIGN,
    ITSELF,
    LENT_FIELD,
    PART,
    PARTS,
    READERS,
    RETURN,
    Fact,
    bound_method,
    dotted_path,
    element_of,
    is_view,
)
from dbhygiene.program.arguments import is_kwargs
from dbhygiene.program.callees import is_hook
from dbhygiene.program.classes import functions_that_make
from dbhygiene.program.definitions import Definition, find_method, is_context_manager
from dbhygiene.source.file import File, ProjectView
from dbhygiene.source.nodes import FUNCTION, Code, Function, first_parameter
from dbhygiene.source.queries import Memo
from dbhygiene.source.records import Record, replace

_LEAVING_NOTHING = frozenset(
    {ArgumentEffect.BORROWS, ArgumentEffect.CLOSES}
)  # a result that reads from the resource does not survive these
_HANDING_ON = frozenset({ArgumentEffect.RETURNS, ArgumentEffect.HOLDS, ArgumentEffect.KEEPS})
_ANY_ITEM_ERRORS = ItemErrors((ORDINARY,), at_first=True, later=True)


class _ReturnContext(Record):
    """The question which resource a function opens for its caller."""

    function: ast.AST


class _YieldContext(Record):
    """The question which session a generator yields first."""

    function: ast.AST


class _LendingContext(Record):
    """The question whether a context manager always yields a resource."""

    function: ast.AST


class _ParameterContext(Record):
    """The question what a function does with a resource as an argument, where a call decides some of its tests."""

    function: ast.AST
    name: str
    resource: Resource
    decided: Decided = ()


class _ReaderContext(Record):
    """The question what a function does with an object that reads from a resource, such as a cursor, as an argument.

    `makes`: the function is a constructor, whose object may hold it.
    """

    function: ast.AST
    name: str
    resource: Resource
    relation: str
    makes: bool


class _KeepingContext(Record):
    """The question in which fields of its object a method leaves an argument."""

    function: ast.AST
    name: str
    resource: Resource


class _ClassContext(Record):
    """The question which resource an object of a class owns."""

    cls: ast.AST


class _FieldContext(Record):
    """The question whether no code that can see a field closes the resource in it."""

    file: File
    cls: ast.AST
    name: str
    resource: Resource
    is_container: bool


_Inferred: TypeAlias = (
    "_ReturnContext | _YieldContext | _LendingContext | _ParameterContext | _ReaderContext | _KeepingContext"
    " | _ClassContext | _FieldContext"
)


class _Ends(Record):
    """How a function may end; for a context manager: how its start may, and which exceptions it may swallow."""

    outcome: Outcome = Outcome()
    enters_quietly: bool = False
    swallows: tuple[Swallow, ...] = ()  # the known ones


class Summaries:
    """Facts about the functions of one project, computed on demand."""

    def __init__(self, project: ProjectView) -> None:
        self.project = project
        self.helpers = HelperIndex(project)
        self.library = LibraryModels(project, self.helpers)
        self.meanings: Memo[ast.Call, CallMeaning] = Memo()  # of calls
        self._definitions: dict[ast.AST, Definition] = {}
        self._analyses: Memo[ast.AST, Analysis | None] = Memo()
        self._ends: Interprocedural[tuple[Definition, Decided], _Ends] = Interprocedural(
            self._find_endings,
            lambda _: _Ends(Outcome(returns=False, raises=()), enters_quietly=True),
            lambda _: _Ends(),
            given_up=lambda asked: give_up(asked[0].file, asked[0].node, UNSETTLED),
        )
        self._touched: Interprocedural[tuple[Definition, bool], frozenset[str] | None] = Interprocedural(
            self._infer_touched_fields, lambda _: frozenset(), lambda _: None
        )
        self._items: Interprocedural[Definition, ItemErrors] = Interprocedural(
            self._infer_exceptions_of_items, lambda _: ItemErrors(), lambda _: _ANY_ITEM_ERRORS
        )
        self._fields: dict[_FieldContext, ClassField] = {}
        self._inferred: Interprocedural[_Inferred, Any] = Interprocedural(
            self._infer, _bottom, _unknown, given_up=self._give_up
        )

    # -- one function

    def effects(self, file: File, code: Code, decided: Decided = ()) -> FunctionSemantics:
        return FunctionSemantics(file, file.functions[code], self, decided)

    def analysis(self, file: File, code: Code) -> Analysis | None:
        """Return the facts about the resources that a function opens itself."""
        return self._analyses.of(code, lambda: self.analyse_again(file, code))

    def analyse_again(self, file: File, code: Code) -> Analysis | None:
        """Return the same facts, computed again."""
        return (
            analyse(file, code, self.effects(file, code))
            if self.helpers.acquire_filter.may_acquire_in(file, code)
            else None
        )

    def release(self, file: File) -> None:
        """Drop these facts about the functions of a file; a later read computes them again."""
        if "_index" in vars(file):
            for code in file.functions:
                self._analyses.forget(code)

    def set_helpers(self, helpers: Helpers, others: Collection[str] = ()) -> None:
        """Set the only functions that return connections; see `HelperIndex.set_names`."""
        more_files, more_names = self.helpers.set_names(helpers, others)
        if more_files:  # they may get something from SQLAlchemy now
            self.meanings.clear()
        if more_files or more_names:  # else nothing changes
            self._analyses.clear()
            self._ends.clear()
            self._inferred.clear()

    # -- what a call gives

    def model_of_definition(self, definition: Definition) -> CallModel | None:
        """Return the model of a function that opens a resource for its caller, or of a class whose object is one."""
        if isinstance(definition.node, ast.ClassDef):
            return self._object(definition)
        if not isinstance(definition.node, FUNCTION) or not self.helpers.may_define_helpers(definition.file):
            return None
        if not self.helpers.acquire_filter.may_acquire_in(definition.file, definition.node) or not passes_on(
            definition
        ):
            return None
        self._definitions[definition.node] = definition
        found: CallModel | None = self._inferred.of(_ReturnContext(definition.node))
        if found is None or is_plain(definition):
            return found
        return None if found.instead else replace(found, is_sure=found.is_sure and gives_no_none(definition))

    def _object(self, cls: Definition) -> CallModel | None:
        if not self.helpers.may_define_helpers(cls.file):
            return None
        self._definitions[cls.node] = cls
        found: CallModel | None = self._inferred.of(_ClassContext(cls.node))
        return found

    def _infer(self, asked: _Inferred) -> Any:
        match asked:
            case _ReturnContext(function=function):
                return self._infer_returned_model(function)
            case _YieldContext(function=function):
                return self._infer_yielded_model(function)
            case _LendingContext(function=function):
                return self._infers_lending(function)
            case _ParameterContext():
                return self._infer_argument(asked)
            case _ReaderContext():
                return self._infer_reader(asked)
            case _KeepingContext(function=function, name=name, resource=resource):
                return self._infer_keeping_fields(function, name, resource)
            case _ClassContext(cls=cls):
                return self._infer_object(self._definitions[cls])
            case _FieldContext():
                return self._fields[asked].is_closed_by_none()

    def _give_up(self, asked: _Inferred) -> None:
        match asked:
            case (
                _ReturnContext(function=code)
                | _YieldContext(function=code)
                | _LendingContext(function=code)
                | _ParameterContext(function=code)
                | _ReaderContext(function=code)
                | _KeepingContext(function=code)
                | _ClassContext(cls=code)
            ):
                give_up(self._definitions[code].file, code, UNSETTLED)

    def _infer_object(self, cls: Definition) -> CallModel | None:
        from dbhygiene.lifetimes import library_subclasses, owning_classes

        found = library_subclasses.inherited_resource(cls, self.library) or owning_classes.resource_of_class(cls, self)
        return CallModel(found, is_sure=True) if found is not None else None

    def model_of_next(self, definition: Definition) -> CallModel | None:
        """Return the model of `next(generator())`: the generator is dropped at once, and closes its session early."""
        node = definition.node
        if not isinstance(node, FUNCTION) or not _is_generator(definition.file, node) or node.decorator_list:
            return None
        if not self.helpers.acquire_filter.may_acquire_in(definition.file, node):
            return None
        self._definitions[node] = definition
        found: CallModel | None = self._inferred.of(_YieldContext(node))
        return found

    def _infer_yielded_model(self, node: ast.AST) -> CallModel | None:
        definition = self._definitions[node]
        assert isinstance(node, FUNCTION)
        if len(definition.file.functions[node].yields) != 1:
            return None
        analysis = self.analyse_again(definition.file, node)
        if analysis is None:
            return None
        for site, resource in analysis.own_resources:
            for at, fact in analysis.history(site) if resource.is_lazy else ():
                if isinstance(at.event, cfg.Yield) and isinstance(at.event.node, ast.Yield):
                    if analysis.transfer.holds(at.event.node.value, fact) == ITSELF:
                        return CallModel(resource)
        return None

    def lends_resource(self, manager: Definition) -> bool:
        """Whether a context manager always yields a resource that it has opened, or a class returns one on entry."""
        if isinstance(manager.node, ast.ClassDef):
            enter = find_method(manager, "__enter__") or find_method(manager, "__aenter__")
            if enter is None or not is_plain(enter):
                return False
            self._definitions[enter.node] = enter
            entered: bool = self._inferred.of(_LendingContext(enter.node))
            return entered
        if not isinstance(manager.node, FUNCTION) or not is_context_manager(manager):
            return False
        if len(manager.node.decorator_list) > 1:
            return False
        self._definitions[manager.node] = manager
        found: bool = self._inferred.of(_LendingContext(manager.node))
        return found

    def _infers_lending(self, node: ast.AST) -> bool:
        assert isinstance(node, FUNCTION)
        if (analysis := self.analyse_again(self._definitions[node].file, node)) is None:
            return False
        if not _is_generator(analysis.file, node):
            returns = analysis.scope.returns
            return len(returns) == 1 and returns[0] is node.body[-1] and _gives_new(analysis, returns[0].value)
        yields = [each.event.node for each in analysis.graph.nodes() if isinstance(each.event, cfg.Yield)]
        return bool(yields) and all(isinstance(y, ast.Yield) and _is_sure(analysis, y.value, None) for y in yields)

    def _infer_returned_model(self, node: ast.AST) -> CallModel | None:
        definition = self._definitions[node]
        assert isinstance(node, FUNCTION)
        if not _returns_value(definition.file, node):
            return None
        analysis = self.analyse_again(definition.file, node)
        if analysis is None:
            return None
        found: list[tuple[ast.Call, Element | None]] = []
        for end, fact in self._endings(analysis):
            if end is analysis.graph.exit and isinstance(fact.site, ast.Call):
                if fact.state != "open" and not analysis.sites[fact.site].is_lazy:
                    continue
                relation = fact.relation_of(RETURN)
                if relation is None or fact.is_in_field:
                    continue
                if _is_returned(fact):
                    found.append((fact.site, element_of(relation)))
        if not found:
            return None
        # Which driver's connection the caller gets is unknown: it may be one that a `with` closes.
        closed = (each for each in found if (leaving := analysis.sites[each[0]].leaving) is not None and leaving.closes)
        return self._resource_for_caller(analysis, *next(closed, found[0]))

    @staticmethod
    def _resource_for_caller(analysis: Analysis, site: ast.Call, element: Element | None) -> CallModel | None:
        """Return the resource that a function opens for its caller; None if an object or a module may keep it."""
        from dbhygiene.lifetimes.return_sources import OUTSIDE, sources  # few functions return one

        others = sources(analysis.graph, analysis.effects, element)
        if OUTSIDE in others:
            return None
        return CallModel(
            replace(analysis.sites[site], opened_by=frozenset()),
            element,
            is_sure=_gives_nothing_else(analysis, element),
            is_shared=analysis.is_shared(site) or _returns_shared(analysis),
            instead=others,
        )

    def may_return_closed(self, definition: Definition) -> bool:
        """Whether a function may return a resource that it has opened and closed, and whose next `close` raises.

        Also in a tuple, a dict or a record.
        """
        code = definition.node
        analysis = self.analysis(definition.file, code) if isinstance(code, FUNCTION) else None
        return analysis is not None and any(
            fact.state == "closed" and _is_returned(fact) and analysis.sites[site].second_close_raises
            for site in analysis.sites
            for _, fact in analysis.ends(site)
        )

    @staticmethod
    def _endings(analysis: Analysis) -> list[tuple[cfg.Node, Fact]]:
        return [(end, fact) for site in analysis.sites for end, fact in analysis.ends(site)]

    # -- what it does with its arguments

    def parameter_summary(
        self, definition: Definition, name: str, resource: Resource, relation: str, decided: Decided = ()
    ) -> ParameterSummary:
        """Return the summary of a parameter whose argument is this resource, or has this relation to it."""
        if relation in {*READERS, PARTS} and not is_context_manager(definition):
            return self.summary_of_reader(definition, name, resource, relation, makes=False)
        is_method = bound_method(relation) is not None
        if not (relation in {ITSELF, *READERS} or is_method) or not isinstance(definition.node, FUNCTION):
            return ParameterSummary()
        if is_context_manager(definition):
            if is_method or len(definition.node.decorator_list) > 1:
                return ParameterSummary()
        elif not (is_plain if _is_generator(definition.file, definition.node) else passes_on)(definition):
            return ParameterSummary()
        self._definitions[definition.node] = definition
        given: ParameterSummary = self._inferred.of(_ParameterContext(definition.node, name, resource, decided))
        if not is_context_manager(definition) and may_catch(definition):
            given = ParameterSummary.of(given.normal | given.raising)
        if relation == ITSELF:
            return given
        if is_method:  # a result of the method may be returned
            return ParameterSummary.of(READS) if given.normal <= _LEAVING_NOTHING else ParameterSummary()
        return ParameterSummary.of(frozenset(map(_effect_on_lent_reader, given.normal)) or BORROWS)

    def summary_of_body(self, definition: Definition, name: str, resource: Resource) -> ParameterSummary:
        """Return the summary of a parameter of a function, whatever its decorators do."""
        if not isinstance(definition.node, FUNCTION) or _is_generator(definition.file, definition.node):
            return ParameterSummary()
        self._definitions[definition.node] = definition
        given: ParameterSummary = self._inferred.of(_ParameterContext(definition.node, name, resource))
        return given

    def summary_of_unnamed(self, definition: Definition, resource: Resource) -> ParameterSummary:
        """Return the summary of an argument that a function gets in its `**kwargs`."""
        node = definition.node
        if not isinstance(node, FUNCTION) or node.args.kwarg is None or not is_plain(definition):
            return ParameterSummary()
        if _is_generator(definition.file, node):
            return ParameterSummary()
        self._definitions[node] = definition
        given: ParameterSummary = self._inferred.of(_ParameterContext(node, node.args.kwarg.arg, resource))
        return given

    def summary_of_reader(
        self, function: Definition, name: str, resource: Resource, relation: str, *, makes: bool
    ) -> ParameterSummary:
        """Return the summary of a parameter whose argument reads from this resource, or holds what does."""
        assert isinstance(function.node, FUNCTION)
        if _is_generator(function.file, function.node) or not passes_on(function):
            return ParameterSummary.of(READS)
        self._definitions[function.node] = function
        relation = PARTS if relation == PARTS else PART
        given: ParameterSummary = self._inferred.of(_ReaderContext(function.node, name, resource, relation, makes))
        return given

    def _infer_reader(self, asked: _ReaderContext) -> ParameterSummary:
        node, file = asked.function, self._definitions[asked.function].file
        assert isinstance(node, FUNCTION)
        effects = self.effects(file, node)
        analysis = analyse(file, node, effects, {asked.name: asked.resource}, relation=asked.relation)
        site = next((site for site in analysis.sites if isinstance(site, ast.arg)), None) if analysis else None
        if analysis is None or site is None or site.arg in analysis.transfer.names.captured:
            return ParameterSummary()
        if site in analysis.transfer.escaped:
            return ParameterSummary()
        ends = [fact for end, fact in analysis.ends(site) if end is analysis.graph.exit]
        owner = first_parameter(node) if asked.makes else None
        return ParameterSummary.of(frozenset(_effect_on_reader(fact, owner) for fact in ends))

    def _infer_argument(self, asked: _ParameterContext) -> ParameterSummary:
        node, definition = asked.function, self._definitions[asked.function]
        assert isinstance(node, FUNCTION)
        relation = CONTAINER if is_kwargs(node, asked.name) else ITSELF
        effects = self.effects(definition.file, node, asked.decided)
        analysis = analyse(definition.file, node, effects, {asked.name: asked.resource}, relation=relation)
        site = next((site for site in analysis.sites if isinstance(site, ast.arg)), None) if analysis else None
        if analysis is None or site is None or site.arg in analysis.transfer.names.captured:
            return ParameterSummary()
        if _is_generator(definition.file, node):
            return (_manager_effect if is_context_manager(definition) else _generator_effect)(analysis, site)
        escaped = KEEPS if site in analysis.transfer.escaped else frozenset()
        normal, raising = set(escaped), set(escaped)
        for end, fact in analysis.ends(site):
            is_normal = end is analysis.graph.exit
            effect = _argument_effect(fact, is_normal)
            if asked.resource.is_at_rest and effect is ArgumentEffect.CLOSES:  # or it still rests
                as_open = _argument_effect(fact._replace(state="open"), is_normal)
                effect = as_open if as_open in _HANDING_ON else effect
            (normal if is_normal else raising).add(effect)
        return ParameterSummary(frozenset(normal), frozenset(raising))

    def summary_as_field(
        self, cls: Definition, made: Definition, name: str, resource: Resource, relation: str
    ) -> ParameterSummary:
        """Return the summary of a constructor's argument: the object only borrows it if nothing closes its field."""
        if relation in {*READERS, PARTS}:
            return self.summary_of_reader(made, name, resource, relation, makes=True)
        argument = self.parameter_summary(made, name, resource, relation)
        if argument.normal != KEEPS or relation != ITSELF:
            return argument
        kept = self.keeping_fields(made, name, resource)
        if not kept:
            return argument
        fields = {where.partition(".")[2] for relation, where in kept if not is_view(relation)}
        lent = all(Field(made.file, cls, each, None, resource, self).never_closed() for each in fields)
        return ParameterSummary(frozenset({ArgumentEffect.READS}), BORROWS) if lent else argument

    def keeping_fields(self, method: Definition, name: str, resource: Resource) -> frozenset[tuple[str, str]]:
        """Return the fields of its object in which a method leaves an argument, if it does nothing else with it.

        Each is a path, `self.field`, after the relation of its value to the argument.
        """
        if not isinstance(method.node, FUNCTION) or not is_plain(method):
            return frozenset()
        self._definitions[method.node] = method
        found: frozenset[tuple[str, str]] = self._inferred.of(_KeepingContext(method.node, name, resource))
        return found

    def _infer_keeping_fields(self, node: ast.AST, name: str, resource: Resource) -> frozenset[tuple[str, str]]:
        file = self._definitions[node].file
        assert isinstance(node, FUNCTION)
        analysis = analyse(file, node, self.effects(file, node), {name: resource})
        site = next((site for site in analysis.sites if isinstance(site, ast.arg)), None) if analysis else None
        if analysis is None or site is None or site in analysis.transfer.escaped:
            return frozenset()
        ends = [fact for end, fact in analysis.ends(site) if end is analysis.graph.exit]
        if any(fact.state != "open" or fact.relation_of(RETURN) for fact in ends):
            return frozenset()
        return frozenset(
            (relation, where)
            for fact in ends
            for relation, where in fact.aliases
            if isinstance(where, str) and "." in where
        )

    def never_closed(self, field: ClassField) -> bool:
        """Whether no code that can see a field closes it, or passes it to code that might."""
        asked = _FieldContext(field.file, field.cls.node, field.name, field.resource, field.is_container)
        self._fields[asked] = field
        found: bool = self._inferred.of(asked)
        return found

    def touched_fields(self, definition: Definition, *, dropped: bool) -> frozenset[str] | None:
        """Return the fields of its object that a method may close, replace or let escape; None if it may be any."""
        return self._touched.of((definition, dropped))

    def _infer_touched_fields(self, call: tuple[Definition, bool]) -> frozenset[str] | None:
        if (used := touched_fields(*call)) is None:
            return None
        fields, called = used
        for each in called:  # on the object; functions that get the object as an argument are not followed
            if (more := self._touched.of(each)) is None:
                return None
            fields |= more
        return frozenset(fields)

    # -- how it ends

    def outcome(self, definition: Definition, decided: Decided = ()) -> Outcome:
        """Return whether a call of a function can return, and whether it can raise."""
        if not isinstance(definition.node, FUNCTION):
            return self._constructor_outcome(definition)
        if _is_generator(definition.file, definition.node):
            return Outcome(raises=())
        if not is_plain(definition):
            first = first_wrapper(definition)
            is_quiet = first is not None and not self._ends.of((first, ())).outcome.raises
            return Outcome(raises=()) if is_quiet else Outcome()
        is_method = definition.file.functions[definition.node].class_scope is not None
        if is_method and is_hook(definition.node) and not definition.last_name.startswith("__"):
            return Outcome()  # a subclass defines it; an empty `__enter__` is meant so
        return self._ends.of((definition, decided)).outcome

    def _constructor_outcome(self, cls: Definition) -> Outcome:
        """Return how the making of an object ends: as the class's `__init__` does, if no other code takes part."""
        made = functions_that_make(cls)
        if made is None:
            return Outcome()
        return self.outcome(made[0]) if made else Outcome(raises=())

    def enters_own_code(self, definition: Definition) -> bool:
        """Whether entering a `with` over this runs code of the project that may raise."""
        if not isinstance(definition.node, FUNCTION):
            enter = find_method(definition, "__enter__") or find_method(definition, "__aenter__")
            return enter is not None and bool(self.outcome(enter).raises)
        if not is_context_manager(definition):
            return False
        return not self._ends.of((definition, ())).enters_quietly

    def swallowed_exceptions(self, definition: Definition) -> Sequence[Swallow]:
        """Return the exceptions that leaving a `with` over the project's own context manager may swallow."""
        if isinstance(definition.node, FUNCTION):
            if not is_context_manager(definition):
                return ()
            return self._ends.of((definition, ())).swallows
        leave = find_method(definition, "__exit__") or find_method(definition, "__aexit__")
        if leave is None or not isinstance(leave.node, FUNCTION):
            return ()
        from dbhygiene.lifetimes.swallowed import exceptions_swallowed_by  # few classes have one

        return exceptions_swallowed_by(leave.file, leave.node)

    def exceptions_of_items(self, definition: Definition) -> ItemErrors:
        """Return the exceptions of the items of a generator, or of an object with a generator as `__iter__`."""
        if not isinstance(definition.node, FUNCTION):
            method = find_method(definition, "__iter__")
            is_other = method is not None and method is not definition
            return self.exceptions_of_items(method) if method is not None and is_other else ItemErrors()
        if not _is_generator(definition.file, definition.node) or not is_plain(definition):
            return ItemErrors()
        return self._items.of(definition)

    def _infer_exceptions_of_items(self, definition: Definition) -> ItemErrors:
        file, function = definition.file, definition.node
        assert isinstance(function, FUNCTION)
        semantics = self.effects(file, function)
        semantics.at_yield = ()  # the loop throws nothing into the generator
        try:
            graph = cfg.build(function, semantics)
        except (TooLargeError, RecursionError):
            give_up(file, function, TOO_LARGE)
            return _ANY_ITEM_ERRORS
        nodes = graph.nodes()
        if graph.raised not in nodes:
            return ItemErrors()
        resumed = [target for node in nodes if isinstance(node.event, cfg.Yield) for _, target in node.out]
        later = graph.raised in cfg.reachable(resumed, past=lambda node: True)
        return ItemErrors(tuple(sorted(graph.uncaught)), _raises_before_item(graph), later)

    def _find_endings(self, asked: tuple[Definition, Decided]) -> _Ends:
        """Return how a function may end: in every way if it is too large."""
        try:
            return self._endings_in_graph(*asked)
        except (TooLargeError, RecursionError):
            give_up(asked[0].file, asked[0].node, TOO_LARGE)
            return _Ends()

    def _endings_in_graph(self, definition: Definition, decided: Decided) -> _Ends:
        file, function = definition.file, definition.node
        assert isinstance(function, FUNCTION)
        graph = cfg.build(function, self.effects(file, function, decided))
        nodes = set(graph.nodes())
        outcome = Outcome(graph.exit in nodes, tuple(sorted(graph.uncaught)) if graph.raised in nodes else ())
        if not file.functions[function].yields:
            return _Ends(outcome)
        swallows = [Swallow(name) for handler in _swallowing_handlers(graph) for name in _caught_classes(file, handler)]
        return _Ends(outcome, not _raises_before_yield(graph), tuple(swallows))


def _bottom(asked: _Inferred) -> Any:
    """Return the bottom element: a function that does not return, a class that opens nothing, a closed field."""
    match asked:
        case _ParameterContext() | _ReaderContext():
            return ParameterSummary(frozenset(), frozenset())
        case _KeepingContext():
            return frozenset()
        case _FieldContext() | _LendingContext():
            return False
    return None


def _unknown(asked: _Inferred) -> Any:
    return ParameterSummary() if isinstance(asked, (_ParameterContext, _ReaderContext)) else _bottom(asked)


def _effect_on_reader(fact: Fact, owner: str | None) -> ArgumentEffect:
    """Return the effect on a cursor at the end of a function; `owner`: the new object, if it is a constructor."""
    held = {where for relation, where in fact.aliases if relation != LENT_FIELD and isinstance(where, str)}
    fields = {where for where in held if "." in where}
    if FOREIGN in held or any(where.partition(".")[0] != owner for where in fields):
        return ArgumentEffect.KEEPS
    given = fact.relation_of(RETURN)
    if given == PARTS or bound_method(given) == "":
        return ArgumentEffect.HOLDS_PARTS
    return ArgumentEffect.READS if given is not None or fields else ArgumentEffect.BORROWS


def _effect_on_lent_reader(effect: ArgumentEffect) -> ArgumentEffect:
    """Return the effect of a context manager on a cursor, by the effect on a connection as the argument."""
    if effect in _LEAVING_NOTHING:
        return ArgumentEffect.BORROWS
    return effect if effect in {ArgumentEffect.HOLDS, ArgumentEffect.HOLDS_PARTS} else ArgumentEffect.READS


def _manager_effect(analysis: Analysis, site: ast.arg) -> ParameterSummary:
    """Return the summary of a context manager's parameter, from its start to its end.

    It RETURNS a yielded resource, READS it if it yields a part of it, and CLOSES it if it always does so.
    """
    ends = [fact for _, fact in analysis.ends(site)]
    states = {fact.state for fact in ends if not is_transferred(fact)}
    if site in analysis.transfer.escaped or len(states) != 1 or any(map(is_transferred, ends)):
        return ParameterSummary()
    yielded = _yielded(analysis, site)
    if states == {"closed"}:
        return ParameterSummary.of(CLOSES) if yielded <= {ITSELF, None} else ParameterSummary()
    if yielded == {ITSELF}:
        return ParameterSummary.of(RETURNS)
    if ITSELF in yielded or not all(relation is None or is_view(relation) for relation in yielded):
        return ParameterSummary()
    return ParameterSummary.of(READS if any(yielded) else BORROWS)


def _generator_effect(analysis: Analysis, site: ast.arg) -> ParameterSummary:
    """Return the summary of a generator's parameter: the generator READS it if all that it yields are data."""
    ends = [fact for _, fact in analysis.ends(site)]
    if site in analysis.transfer.escaped or any(fact.state != "open" or is_transferred(fact) for fact in ends):
        return ParameterSummary()
    return ParameterSummary.of(READS) if _yielded(analysis, site) <= {None} else ParameterSummary()


def _yielded(analysis: Analysis, site: ast.arg) -> set[str | None]:
    """Return the relations of the values that a generator yields to the resource in a parameter."""
    return {
        analysis.transfer.holds(node.event.node.value, fact)
        for node, fact in analysis.history(site)
        if isinstance(node.event, cfg.Yield) and isinstance(node.event.node, ast.Yield)
    }


def _is_returned(fact: Fact) -> bool:
    """Whether a function returns the resource, or something with the resource as an element."""
    given = fact.relation_of(RETURN)
    return given == ITSELF or (given is not None and element_of(given) is not None)


def _argument_effect(fact: Fact, normal: bool) -> ArgumentEffect:
    if fact.state == "closed":
        return ArgumentEffect.CLOSES
    given = fact.relation_of(RETURN) if normal else None
    if given == ITSELF:
        return ArgumentEffect.RETURNS
    if given == CONTAINER or (given is not None and element_of(given) is not None):
        return ArgumentEffect.HOLDS
    if given == PARTS or bound_method(given) == "":
        return ArgumentEffect.HOLDS_PARTS
    if is_view(given):
        return ArgumentEffect.READS
    if fact.relation_of(RETURN) in CLOSERS or is_transferred(fact):
        return ArgumentEffect.KEEPS
    return ArgumentEffect.BORROWS


def _returns_value(file: File, function: Function) -> bool:
    """Whether a function returns anything but a constant, and is no generator."""
    scope = file.functions[function]
    given = (part.value for part in scope.returns)
    return not scope.yields and any(not isinstance(each, (ast.Constant, type(None))) for each in given)


def _returns_shared(analysis: Analysis) -> bool:
    """Whether a variable that is returned holds a resource where that escapes."""
    returned = [each.value.id for each in analysis.scope.returns if isinstance(each.value, ast.Name)]
    return any(
        fact.site is site and fact.relation_of(name) == ITSELF
        for site, node in analysis.transfer.escaped.items()
        for fact in analysis.solution.at(node)
        for name in returned
    )


def _gives_nothing_else(analysis: Analysis, element: Element | None) -> bool:
    """Whether a function that returns a resource, or a tuple with one, never returns anything else, by its names."""
    returns = [node.event.node.value for node in analysis.graph.nodes() if isinstance(node.event, cfg.Return)]
    reached = cfg.reachable([analysis.graph.entry], past=lambda node: not isinstance(node.event, cfg.Return))
    return analysis.graph.exit not in reached and all(_is_sure(analysis, value, element) for value in returns)


def _is_sure(analysis: Analysis, value: ast.expr | None, element: Element | None) -> bool:
    """Whether an expression is always a resource, or a tuple with one."""
    match value:
        case ast.Tuple() | ast.Dict() | ast.Call() if (part := analysis.effects.at(value, element)) is not None:
            return not isinstance(part, ast.Constant)
        case ast.Name(id=name):
            values = analysis.scope.aliases.get(name, [])
            given = any(
                isinstance(part, ast.arg) and part.arg == name for part in analysis.file.own(analysis.scope.node)
            )
            made = [each.value if isinstance(each, ast.Await) else each for each in values]
            return bool(made) and not given and all(each in analysis.transfer.sure for each in made)
        case ast.Await(value=inner):
            return _is_sure(analysis, inner, element)
    return (isinstance(value, ast.Tuple) and element is not None) or value in analysis.transfer.sure


def _gives_new(analysis: Analysis, value: ast.expr | None) -> bool:
    """Whether an expression is always a resource, or a field that a function has just given one."""
    if _is_sure(analysis, value, None):
        return True
    path = dotted_path(value) if isinstance(value, ast.Attribute) else None
    own = analysis.file.own(analysis.code) if path is not None else ()
    bound = [part for part in own if isinstance(part, ast.Assign) and path in map(dotted_path, part.targets)]
    return any(each in analysis.code.body for each in bound) and all(_is_sure(analysis, b.value, None) for b in bound)


def _is_generator(file: File, function: Function) -> bool:
    return bool(file.functions[function].yields)


def _raises_before_yield(graph: cfg.Graph) -> bool:
    """Whether an exception can leave a generator before it yields for the first time."""
    return graph.raised in cfg.reachable([graph.entry], past=lambda node: not isinstance(node.event, cfg.Yield))


def _raises_before_item(graph: cfg.Graph) -> bool:
    """Whether an exception can leave a generator before its first item: `yield from` may yield none."""
    return graph.raised in cfg.reachable(
        [graph.entry],
        past=lambda node: not (isinstance(node.event, cfg.Yield) and isinstance(node.event.node, ast.Yield)),
    )


def _swallowing_handlers(graph: cfg.Graph) -> list[ast.ExceptHandler]:
    """Return the handlers by which an exception thrown in at a `yield` can end in a normal exit."""
    yields = [node for node in graph.nodes() if isinstance(node.event, cfg.Yield)]
    thrown = [target for node in yields for kind, target in node.out if kind == "raise"]
    catches = [node for node in cfg.reachable(thrown, past=lambda node: True) if isinstance(node.event, cfg.Catch)]
    return [
        node.event.node
        for node in catches
        if isinstance(node.event, cfg.Catch) and graph.exit in cfg.reachable([node], past=lambda node: True)
    ]


def _caught_classes(file: File, handler: ast.ExceptHandler) -> list[str | None]:
    types = exception_types(handler.type)
    return ["BaseException" if each is None else file.resolve(each) for each in types]
