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
from pathlib import Path
from random import Random
from types import ModuleType
from typing import NamedTuple

from .compare import Analysis, Difference, Kind, compare
from .programs import program


class Mutant(NamedTuple):
    """A plausible slip: in this module, this text instead of that."""

    name: str
    module: str
    old: str
    new: str


MUTANTS: tuple[Mutant, ...] = (
    Mutant("finally not run on return", "flow.cfg", "returns=cache(lambda: gate(returns())),", "returns=returns,"),
    Mutant("break leaves no with", "flow.cfg", "breaks=led(self.breaks),", "breaks=self.breaks,"),
    Mutant("continue leaves no with", "flow.cfg", "continues=led(self.continues),", "continues=self.continues,"),
    Mutant("a maybe handler always catches", "flow.cfg", "if verdict is Catches.ALWAYS:\n                    return node", "if True:\n                    return node"),  # noqa: E501
    Mutant("a loop's else is skipped", "flow.cfg", "done = self.block(stmt.orelse, after, ways)\n        head", "done = after\n        head"),  # noqa: E501
    Mutant("break runs the loop's else", "flow.cfg", "breaks=lambda: after, continues", "breaks=lambda: done, continues"),  # noqa: E501
    Mutant("try's else is protected", "flow.cfg", "return self.block(stmt.body, self.block(stmt.orelse, after, ways), protected)", "return self.block(stmt.body, self.block(stmt.orelse, after, protected), protected)"),  # noqa: E501
    Mutant("not means nothing", "flow.cfg", "return self.test(operand, no, yes, ways)", "return self.test(operand, yes, no, ways)"),  # noqa: E501
    Mutant("while always ends", "flow.cfg", "case ast.Constant(value=value):\n                return yes if value else no", "case ast.Constant(value=value) if value == 7:\n                return yes if value else no"),  # noqa: E501
    Mutant("handlers raise into their own try", "flow.cfg", "body = self.block(handler.body, after, replace(ways, handling=handling))", "body = self.block(handler.body, after, replace(ways, raises=dispatch, handling=handling))"),  # noqa: E501
    Mutant("no handler sees an exact raise", "flow.exceptions", "if by is not None and by in above:\n        return Catches.ALWAYS", "if by is not None and by in above and not thrown.exact:\n        return Catches.ALWAYS"),  # noqa: E501
    Mutant("except Exception catches all", "flow.exceptions", 'if by == "BaseException":', 'if by in ("BaseException", "Exception"):'),  # noqa: E501
    Mutant("suppress suppresses nothing", "flow.cfg", "if verdict is not Catches.NEVER:\n                through", "if False:\n                through"),  # noqa: E501
    Mutant("suppress always suppresses", "flow.cfg", "if verdict is not Catches.ALWAYS:\n                through", "if verdict is Catches.NEVER:\n                through"),  # noqa: E501
    Mutant("conditions in either order", "flow.cfg", "for value in reversed(values):\n                    yes = self.test(value, yes, no, ways)", "for value in values:\n                    yes = self.test(value, yes, no, ways)"),  # noqa: E501
    Mutant("a yield is always resumed", "flow.cfg", "ways, *self.semantics.at_yield)", "ways)"),
    Mutant("a default case is refutable", "flow.cfg", "if not _irrefutable(case.pattern):", "if True:"),
)  # fmt: skip


class StaleMutantError(Exception):
    """The text that a mutant changes is no longer there: choose another slip."""


def planted(mutant: Mutant) -> Analysis:
    """The analysis with this bug in it; the modules are a fresh copy, so that nothing else sees it."""
    with _fresh_copy():
        name = f"dbhygiene.{mutant.module}"
        package = sys.modules["dbhygiene"] = importlib.import_module("dbhygiene")
        path = Path(str(package.__file__)).parent / (mutant.module.replace(".", "/") + ".py")
        text = path.read_text("utf-8")
        if text.count(mutant.old) != 1:
            raise StaleMutantError(mutant.name)
        parent = importlib.import_module(name.rpartition(".")[0])
        module = ModuleType(name)
        module.__file__ = str(path)
        module.__package__ = parent.__name__
        sys.modules[name] = module
        exec(compile(text.replace(mutant.old, mutant.new), str(path), "exec"), module.__dict__)
        setattr(parent, name.rpartition(".")[2], module)
        adapter = f"{__package__}.compare"
        kept = sys.modules.pop(adapter)
        try:
            analysis: Analysis = importlib.import_module(adapter).lifetimes
        finally:
            sys.modules[adapter] = kept
        analysis("pass")  # whatever is imported late is imported now
        return analysis


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
        source = program(Random(f"{seed}/{number}"))
        if _errs(source, analysis) and _errs(source, analysis) - _errs(source):
            return number + 1
    return None


def _errs(source: str, analysis: Analysis | None = None) -> frozenset[tuple[str, object]]:
    compared = compare(source, analysis) if analysis else compare(source)
    differences: list[Difference] = compared[1] if compared else []
    return frozenset((each.question, each.site) for each in differences if each.kind in (Kind.MISSED, Kind.FALSE))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.oracle.mutants", description=__doc__)
    parser.add_argument("--programs", type=int, default=1_000)
    options = parser.parse_args()
    survivors = 0
    for mutant in MUTANTS:
        taken = killed_after(mutant, options.programs)
        survivors += taken is None
        print(f"{'survives' if taken is None else taken:>9} {mutant.name}", flush=True)
    print(f"{len(MUTANTS) - survivors} of {len(MUTANTS)} killed")
    return bool(survivors)


if __name__ == "__main__":
    sys.exit(main())
