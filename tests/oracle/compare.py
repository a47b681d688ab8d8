"""Holds an analysis against the judge."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from dbhygiene.lifetimes import Lifetimes
from dbhygiene.source import Alone, File

from .judge import Bits, Site, TooLargeError, Verdict, judge

Analysis = Callable[[str], Mapping[Site, Bits]]

QUESTIONS = Bits._fields[:4]
OPAQUE = (  # what holds a connection in a way that an analysis need not follow
    *(ast.Lambda, ast.List, ast.Dict, ast.Set, ast.Subscript, ast.Global),
    *(ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp),
)


class Kind(Enum):
    """How the two differ in one bit."""

    MISSED = "missed"  # it happens, and the analysis does not see it: a bug
    SILENT = "silent by escape"  # ... since it followed the connection to where it cannot be followed
    FALSE = "false"  # the analysis sees it, and it never happens
    RARE = "rare"  # ... but at a higher loop bound it does: the analysis is right
    DOUBTFUL = "doubtful"  # ... but it would, if the program's own functions could give None: nobody asks them
    DEAD = "never reached"  # ... as the whole call never does: what is known of conditions is kept for a few of them


@dataclass(frozen=True)
class Difference:
    """A bit in which judge and analysis differ."""

    kind: Kind
    question: str
    site: Site

    def __str__(self) -> str:
        return f"{self.kind.value}: {self.question} at line {self.site[0]}"


def lifetimes(source: str) -> dict[Site, Bits]:
    """What `dbhygiene.lifetimes` says of a program."""
    found: dict[Site, Bits] = {}
    for life in Lifetimes(Alone()).of(File(Path("program.py"), source)):
        site = life.birth.lineno, life.birth.col_offset
        found[site] = Bits(*(getattr(life, question) for question in Bits._fields))
    return found


def compare(
    source: str, analysis: Analysis = lifetimes, *, limit: int = 4000
) -> tuple[Verdict, list[Difference]] | None:
    """The verdict on a program, and where the analysis differs; None where there is nothing to be learnt from it."""
    try:
        verdict = judge(source, limit=limit)
    except TooLargeError:
        return None
    if verdict.has_mistake:
        return None
    return verdict, list(_differences(source, verdict, analysis(source), limit))


def _differences(source: str, verdict: Verdict, said: Mapping[Site, Bits], limit: int) -> Iterator[Difference]:
    others: list[tuple[Kind, dict[Site, Bits]]] | None = None
    opaque: set[Site] | None = None
    for site, seen in verdict.bits.items():
        claimed = said.get(site, Bits())
        if claimed[:4] == seen[:4] or (site not in said and not (seen.leaks_normally or seen.leaks_by_exception)):
            continue  # of what is closed already when a helper returns it there is nothing to say
        for question in QUESTIONS:
            happens, is_said = getattr(seen, question), getattr(claimed, question)
            if happens and not is_said:
                opaque = _opaque_sites(source) if opaque is None else opaque
                silent = claimed.escapes and (site in opaque or question.startswith("ends_well"))
                yield Difference(Kind.SILENT if silent else Kind.MISSED, question, site)
            elif is_said and not happens:
                others = list(_otherwise(source, limit)) if others is None else others
                kinds = [kind for kind, bits in others if getattr(bits.get(site, seen), question)]
                never = not any(seen) and not any(any(bits.get(site, ())) for _, bits in others)
                yield Difference(kinds[0] if kinds else Kind.DEAD if never else Kind.FALSE, question, site)


def _otherwise(source: str, limit: int) -> Iterator[tuple[Kind, dict[Site, Bits]]]:
    """The bits under other assumptions than those of the first verdict; none where that takes too long."""
    for kind, bound, doubtful in ((Kind.DOUBTFUL, 2, True), (Kind.RARE, 3, False), (Kind.RARE, 4, False)):
        try:
            yield kind, judge(source, bound=bound, limit=10 * limit, doubtful=doubtful).bits
        except TooLargeError:
            continue


def _opaque_sites(source: str) -> set[Site]:
    """The calls in functions that hide something from an analysis."""
    found: set[Site] = set()
    for function in ast.walk(ast.parse(source)):
        if isinstance(function, ast.FunctionDef):
            inside = list(ast.walk(function))
            if any(isinstance(node, (*OPAQUE, ast.FunctionDef)) for node in inside if node is not function):
                found |= {(node.lineno, node.col_offset) for node in inside if isinstance(node, ast.Call)}
    return found
