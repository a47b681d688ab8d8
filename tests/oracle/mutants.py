"""Bugs planted in the analysis: what the generator is worth is how soon it finds them.

`python -m tests.oracle.mutants [--programs N]` says, for each, how many programs it took. A mutant is a substitution
in the text of one module; the module is made again from the changed text, in this process, and put back afterwards.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from pathlib import Path
from random import Random
from statistics import median
from types import ModuleType
from typing import NamedTuple

import dbhygiene

from .compare import Analysis, Kind, compare, differences, lifetimes
from .judge import Verdict
from .programs import program


class Mutant(NamedTuple):
    """A plausible slip: in this module, this text instead of that."""

    name: str
    module: str
    old: str
    new: str

    @property
    def path(self) -> Path:
        return Path(dbhygiene.__path__[0], *self.module.split(".")).with_suffix(".py")

    def text(self) -> str:
        """The changed text of the module; raises StaleMutantError."""
        text = self.path.read_text("utf-8")
        if text.count(self.old) != 1:
            raise StaleMutantError(self.name)
        return text.replace(self.old, self.new)


MUTANTS: tuple[Mutant, ...] = (
    Mutant("finally not run on return", "dataflow.cfg", "returns=cache(lambda: wrap(returns())),", "returns=returns,"),
    Mutant("break leaves no with", "dataflow.cfg", "breaks=lead(self.breaks),", "breaks=self.breaks,"),
    Mutant("a loop's else is skipped", "dataflow.cfg", "done = self.block(stmt.orelse, after, ways)\n        head", "done = after\n        head"),  # noqa: E501
    Mutant("break runs the loop's else", "dataflow.cfg", "breaks=lambda: after, continues", "breaks=lambda: done, continues"),  # noqa: E501
    Mutant("try's else is protected", "dataflow.cfg", "body = self.block(stmt.body, otherwise, replace(ways, raises=self.dispatcher(stmt, after, ways, entered)))", "protected = replace(ways, raises=self.dispatcher(stmt, after, ways, entered))\n        body = self.block(stmt.body, self.block(stmt.orelse, after, protected), protected)"),  # noqa: E501
    Mutant("not means nothing", "dataflow.cfg", "return self.test(operand, no, yes, ways)", "return self.test(operand, yes, no, ways)"),  # noqa: E501
    Mutant("a maybe handler always catches", "dataflow.cfg", "if verdict is Catches.ALWAYS:\n                    return node", "if True:\n                    return node"),  # noqa: E501
    Mutant("handlers raise into their own try", "dataflow.cfg", "replace(ways, handling=(thrown, handler.name))", "replace(ways, raises=dispatch, handling=(thrown, handler.name))"),  # noqa: E501
    Mutant("a bare raise raises anything", "dataflow.cfg", "return tuple(dict.fromkeys(Thrown(name, exact=False) for name in may if name)) or (thrown,)", "return (thrown,)"),  # noqa: E501
    Mutant("except Exception catches all", "dataflow.exceptions", 'if by == "BaseException":', 'if by in ("BaseException", "Exception"):'),  # noqa: E501
    Mutant("suppress suppresses nothing", "dataflow.cfg", "if verdict is not Catches.NEVER:\n                through", "if False:\n                through"),  # noqa: E501
    Mutant("a yield is always resumed", "dataflow.cfg", "ways, *self.semantics.at_yield, *inner)", "ways, *inner)"),
    Mutant("of a tuple, one name is unbound", "lifetimes.transfer.assignments", "for target, value, _ in pairs:\n", "for target, value, _ in pairs[:1]:\n"),  # noqa: E501
    Mutant("a = b = c takes c for a alone", "lifetimes.transfer.assignments", "last = not isinstance(event.node, ast.Assign) or event.target is event.node.targets[-1]", "last = True"),  # noqa: E501
    Mutant("any with closes", "lifetimes.transfer.with_blocks", "return relation in CLOSERS or leaving is None or leaving.closes", "return True"),  # noqa: E501
    Mutant("pop_all closes", "lifetimes.transfer.calls", "return [self.containers.pop_all(stack, call, fact)]", 'return [fact._replace(state="closed")]'),  # noqa: E501
    Mutant("each of a tuple is the connection", "lifetimes.transfer.assignments", "if element is None or element.position in {None, number}:", "if True:"),  # noqa: E501
    Mutant("return counts when an exception leaves", "lifetimes.lifetime", 'return fact.state == "open" and not fact.is_in_field', "return self._leaks_by_return(fact)"),  # noqa: E501
    Mutant("a returned cursor owns its connection", "lifetimes.lifetime", "any(relation not in _PARTS for relation, _ in owning_aliases(fact)) or self._parts_lead_back", "True"),  # noqa: E501
    Mutant("a stack goes by its name", "lifetimes.names", "yield name, item\n", "yield name, name\n"),
    Mutant("a generator never takes back", "lifetimes.names", "return bool(closed)", "return False"),
    Mutant("closures see nothing", "lifetimes.names", "captured=file.captures.get(scope, ()),", "captured=(),"),
    Mutant("is None means is not None", "lifetimes.path_conditions", "if isinstance(op, (ast.Is, ast.Eq)):", "if not isinstance(op, (ast.Is, ast.Eq)):"),  # noqa: E501
    Mutant("what is known outlives a rebinding", "lifetimes.path_conditions", "return frozenset(k for k in known if path not in self._mentions.get(k[0], ()))", "return known"),  # noqa: E501
    Mutant("every constant is true", "lifetimes.path_conditions", "return TRUTHY if constant else FALSY", "return TRUTHY"),  # noqa: E501
    Mutant("nothing is known", "lifetimes.path_conditions", "return known if all(key in later for key, _ in known) else frozenset(k for k in known if k[0] in later)", "return frozenset()"),  # noqa: E501
    Mutant("what a helper does, it does before it raises", "lifetimes.summaries", "(normal if is_normal else raising).add", "(normal if True else raising).add"),  # noqa: E501
    Mutant("a helper never raises", "lifetimes.summaries", "tuple(sorted(graph.uncaught)) if graph.raised in nodes else ())", "())"),  # noqa: E501
    Mutant("a helper always returns", "lifetimes.summaries", "outcome = Outcome(graph.exit in nodes,", "outcome = Outcome(True,"),  # noqa: E501
    Mutant("entering runs no code", "lifetimes.summaries", "not _raises_before_yield(graph), tuple(swallows)", "True, tuple(swallows)"),  # noqa: E501
    Mutant("no manager swallows", "lifetimes.summaries", "swallows = [Swallow(name) for handler in _swallowing_handlers(graph) for name in _caught_classes(file, handler)]", "swallows: list[str | None] = []"),  # noqa: E501
    Mutant("logging raises", "lifetimes.effects", "if not quiet and (meaning.model or", "if (meaning.model or"),
    Mutant("a subclass has no say", "program.callees", "found = _join([found, *_overrides_below(receiver.cls, family, name)])", "found = _join([found])"),  # noqa: E501
    Mutant("what is given comes back as new", "lifetimes.summaries", "instead=others,", "instead=frozenset(),"),
    Mutant("a flag says nothing", "lifetimes.transfer.assignments", "            if is_condition(value):\n                answers =", "            if False:\n                answers ="),  # noqa: E501
    Mutant("the items of a generator raise nothing", "lifetimes.summaries", "return self._items.of(definition)", "return ItemErrors()"),  # noqa: E501
    Mutant("no exception comes in at a yield", "lifetimes.effects", "else (ORDINARY,)", "else ()"),
)  # fmt: skip


class StaleMutantError(Exception):
    """The text that a mutant changes is no longer there: choose another slip."""


def planted(mutant: Mutant) -> Analysis:
    """The analysis with this bug in it; the modules are a fresh copy, so that nothing else sees it."""
    adapter = f"{__package__}.compare"
    kept = sys.modules.pop(adapter)
    with _fresh_copy():
        sys.meta_path.insert(0, _Changed(mutant))
        try:
            analysis: Analysis = importlib.import_module(adapter).lifetimes
            analysis("pass")  # whatever is imported late is imported now
        finally:
            del sys.meta_path[0]
            sys.modules[adapter] = kept
        return analysis


class _Changed(MetaPathFinder, Loader):
    """Imports the module of a mutant from its changed text."""

    def __init__(self, mutant: Mutant) -> None:
        self.mutant = mutant

    def find_spec(self, name: str, path: object, target: object = None) -> ModuleSpec | None:
        return spec_from_loader(name, self) if name == f"dbhygiene.{self.mutant.module}" else None

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self.mutant.text(), str(self.mutant.path), "exec"), module.__dict__)


@contextmanager
def _fresh_copy() -> Iterator[None]:
    kept = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "dbhygiene"}
    for name in kept:
        del sys.modules[name]
    try:
        yield
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "dbhygiene"]:
            del sys.modules[name]
        sys.modules.update(kept)


def killed_after(mutant: Mutant, programs: int, seed: int = 0) -> int | None:
    """How many programs it takes until the mutant errs where the analysis itself does not; None: it survives."""
    analysis = planted(mutant)
    for number in range(programs):
        source, verdict = judged(number, seed)
        if verdict and _errs(source, verdict, analysis) - _errs(source, verdict, lifetimes):
            return number + 1
    return None


@cache
def judged(number: int, seed: int) -> tuple[str, Verdict | None]:
    """A program, and its verdict where something is to be learnt from it; all mutants get the same ones."""
    source = program(Random(f"{seed}/{number}"))
    compared = compare(source, lambda source: {})
    return source, compared and compared[0]


def _errs(source: str, verdict: Verdict, analysis: Analysis) -> frozenset[tuple[str, object]]:
    found = differences(source, verdict, analysis(source))
    return frozenset((each.question, each.site) for each in found if each.kind in (Kind.MISSED, Kind.FALSE))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.oracle.mutants", description=__doc__)
    parser.add_argument("--programs", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    taken = []
    for mutant in MUTANTS:
        taken.append(killed_after(mutant, options.programs, options.seed))
        print(f"{taken[-1] or 'survives':>9} {mutant.name}", flush=True)
    killed = [each for each in taken if each]
    print(f"{len(killed)} of {len(MUTANTS)} killed, after {median(killed):.0f} programs in the median")
    return len(killed) < len(MUTANTS)


if __name__ == "__main__":
    sys.exit(main())
