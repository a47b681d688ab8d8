"""Holds an analysis against the judge."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from dbhygiene.dataflow import cfg
from dbhygiene.library.calls import STACKING
from dbhygiene.lifetimes import Lifetime, Lifetimes
from dbhygiene.lifetimes.effects import CallEffect
from dbhygiene.program.callees import callees
from dbhygiene.program.definitions import Definition
from dbhygiene.source.file import File, NoProject, function_around

from .judge import LIMIT, Bits, Site, TooLargeError, Verdict, judge

SECOND_LIMIT = 10_000  # runs, where the analysis has to be shown wrong
QUESTIONS = Bits._fields[:4]


class Kind(Enum):
    """How the two differ in one bit."""

    MISSED = "missed"  # it happens, and the analysis does not see it: a bug
    SILENT = "silent by escape"  # ... since it followed the connection to where it cannot be followed
    FALSE = "false"  # the analysis sees it, and it never happens
    RARE = "rare"  # ... but at a higher loop bound it does: the analysis is right
    DOUBTFUL = "doubtful"  # ... but it would, if the program's own functions could give None: nobody asks them
    ASSUMED = "assumed"  # ... but it would, if what is taken not to raise in a `try` did: a handler was written for it
    ENDLESS = "endless"  # ... but it does in a loop that never ends, which opens the next one
    DEAD = "never reached"  # ... as the whole call never does: what is known of conditions is kept for a few of them
    MISTAKEN = "before a mistake"  # ... but where the call is reached, as in ASSUMED, the program makes a mistake then


@dataclass(frozen=True)
class Difference:
    """A bit in which judge and analysis differ."""

    kind: Kind
    question: str
    site: Site

    def __str__(self) -> str:
        return f"{self.kind.value}: {self.question} at line {self.site[0]}"


class Claim(NamedTuple):
    """What an analysis says of one acquisition. `hides`: whether it gives up where it may: see `_hides`."""

    bits: Bits = Bits()
    hides: bool = False


Analysis = Callable[[str], Mapping[Site, Claim]]


def lifetimes(source: str) -> dict[Site, Claim]:
    """What `dbhygiene.lifetimes` says of a program."""
    found: dict[Site, Claim] = {}
    hiding: set[ast.AST] = set()  # functions
    file = File(Path("program.py"), source)
    known = Lifetimes(NoProject())
    for life in known.of(file):
        bits = Bits(*(getattr(life, question) for question in Bits._fields))
        hides = _differs_in_with(life) or (bits.escapes and any(_hides(act, life) for act in _escapes(life)))
        found[_site(life.birth)] = Claim(bits, hides)
        if hides:
            hiding.add(life.scope.node)
    for code in file.functions:  # what a helper may open, or give back what it was given, is nobody's to report
        analysis = known.summaries.analysis(file, code)
        if analysis is None:
            continue
        for site in analysis.transfer.doubtful:
            if isinstance(site, ast.Call):
                found[_site(site)] = Claim(hides=True)
        for call in analysis.scope.calls:
            if analysis.effects.of(call).summary.instead and not any(found.get(_site(call), Claim()).bits):
                found[_site(call)] = Claim(hides=True)
    for call in file.nodes(ast.Call):  # what a function hides, its callers cannot know of
        scope = file.functions[function_around(file, call) or file.tree]
        meant = callees(file, call, scope)
        is_unclear = any(each.node in hiding for each in meant.definitions) or len(meant.definitions) > 1
        if (is_unclear or (meant.definitions and not meant.complete)) and _site(call) not in found:
            found[_site(call)] = Claim(hides=True)
    return found


def _differs_in_with(life: Lifetime) -> bool:
    """Whether a call may run one of several methods, and only some of their connections are closed by `with`.

    An analysis may take it for one that is closed: with which driver the object connects is for its class to say.
    """
    effect = life.analysis.effects.of(life.birth)
    models = (effect.summaries.model_of_definition(each) for each in effect.definitions)
    leaving = (each.returns.leaving for each in models if each is not None and each.returns is not None)
    return len({each is not None and each.closes for each in leaving}) > 1


def _site(call: ast.Call) -> Site:
    return call.lineno, call.col_offset


def _escapes(life: Lifetime) -> Iterator[cfg.Event]:
    """What happens where it is last followed."""
    transfer = life.analysis.transfer
    known = transfer.escaped
    for node, fact in life.history:
        transfer.escaped = {}
        list(transfer(node, fact))
        escapes, transfer.escaped = bool(transfer.escaped), known
        if escapes:
            yield node.event


def _hides(act: cfg.Event, life: Lifetime) -> bool:
    """Whether something is put where an analysis need not see it.

    That is: into a variable that an inner function speaks of, or that is declared global, here or by the helper that
    takes it; into an object of a class that keeps it; onto an ExitStack whose name stands for several. What an inner
    function does with a variable, and when, is not asked: it may be called by anybody who gets hold of it. Nor what a
    method does that is overridden, or may be; nor what becomes of a connection that is replaced since it is lost.
    """
    transfer = life.analysis.transfer
    names = transfer.names
    match act:
        case cfg.Bind(node=node) if (life.birth, node) in transfer.given_up:
            return True
        case cfg.Bind(target=ast.Attribute()) if any(map(_may_be_several, transfer.effects.computed_effects)):
            return True  # a field that an overridden method may have closed
        case cfg.Bind(target=target):
            return bool({n.id for n in ast.walk(target) if isinstance(n, ast.Name)} & (names.captured | names.shared))
        case cfg.Enter(node=ast.withitem(optional_vars=ast.Name(id=name))):
            return name in names.captured | names.shared
        case cfg.Call(node=ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=attr))) if attr in STACKING:
            return name not in names.stacks
        case cfg.Call(node=call):
            effect = transfer.effects.of(call)
            return _may_be_several(effect) or any(map(_keeps_for_others, effect.definitions))
    return False


def _may_be_several(effect: CallEffect) -> bool:
    return len(effect.callees) > 1 or (bool(effect.callees) and not effect.complete)


def _keeps_for_others(definition: Definition) -> bool:
    if isinstance(definition.node, ast.ClassDef):
        return True
    scope = definition.file.functions[definition.node]
    return bool(scope.globals or definition.file.captures.get(scope))


def compare(
    source: str, analysis: Analysis = lifetimes, *, limit: int = LIMIT
) -> tuple[Verdict, list[Difference]] | None:
    """The verdict on a program, and where the analysis differs; None where there is nothing to be learnt from it."""
    try:
        verdict = judge(source, limit=limit)
    except TooLargeError:
        return None
    if verdict.has_mistake:
        return None
    return verdict, list(differences(source, verdict, analysis(source)))


def differences(source: str, verdict: Verdict, said: Mapping[Site, Claim]) -> Iterator[Difference]:
    """Where what an analysis says of a program differs from the verdict on it."""
    others: list[tuple[Kind, Verdict]] | None = None
    for site, seen in verdict.bits.items():
        claimed, hides = said.get(site, Claim())
        if claimed[:4] == seen[:4] or (site not in said and not (seen.leaks_normally or seen.leaks_by_exception)):
            continue  # of what is closed already when a helper returns it there is nothing to say
        for question in QUESTIONS:
            happens, is_said = getattr(seen, question), getattr(claimed, question)
            if happens and not is_said:
                silent = hides or (claimed.escapes and question.startswith("ends_well"))
                yield Difference(Kind.SILENT if silent else Kind.MISSED, question, site)
            elif is_said and not happens:
                others = list(_otherwise(source)) if others is None else others
                kinds = [kind for kind, other in others if getattr(other.bits.get(site, seen), question)]
                kind = kinds[0] if kinds else Kind.FALSE
                if not kinds and site not in verdict.reached:
                    if not any(any(other.bits.get(site, ())) for _, other in others):
                        kind = Kind.DEAD
                    elif any(other.has_mistake for assumed, other in others if assumed is Kind.ASSUMED):
                        kind = Kind.MISTAKEN
                yield Difference(kind, question, site)


def _otherwise(source: str) -> Iterator[tuple[Kind, Verdict]]:
    """The verdicts under other assumptions than those of the first verdict: those of as many runs as time allows."""
    assumptions: list[tuple[Kind, dict[str, int]]] = [
        (Kind.DOUBTFUL, {"doubtful": True}),
        (Kind.RARE, {"bound": 3}),
        (Kind.RARE, {"bound": 4}),
        (Kind.ASSUMED, {"attempting": True}),
        (Kind.ASSUMED, {"attempting": True, "bound": 3}),
        (Kind.ENDLESS, {"endless": True}),
    ]
    for kind, each in assumptions:
        yield kind, judge(source, limit=SECOND_LIMIT, partial=True, **each)  # type: ignore[arg-type]
