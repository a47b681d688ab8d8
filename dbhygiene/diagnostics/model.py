"""The words that every other module speaks: Report, Finding, Step, Fix, Rule.

A finding, and what it holds, are named tuples: they are sent between processes, and kept for later runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from dbhygiene.config.settings import Confidence
from dbhygiene.source.file import File
from dbhygiene.source.nodes import Located, Span
from dbhygiene.source.records import Record

if TYPE_CHECKING:
    from dbhygiene.diagnostics.edits import Edit

Subject = TypeVar("Subject")

ASSUMPTION = "this run assumes"  # how a note begins that is the same for all findings of a run


class Safety(Enum):
    """Whether a fix may be applied."""

    SAFE = "safe"  # behaviour is kept, or becomes what was plainly meant
    UNSAFE = "unsafe"  # behaviour may change, or a long block is re-indented: applied with `--unsafe-fixes`
    SHOWN = "shown"  # a suggestion; never applied


class Impact(Enum):
    """How often the faulty code runs in one process: what it costs, whatever the confidence."""

    REPEATED = "repeated"  # in each request, task or round of a loop
    ONCE = "once"  # at a program's start, in a command, a test or an example
    UNKNOWN = "unknown"  # by callers that are not known, as a library's functions


class Fix(NamedTuple):
    """A way out of a finding: edits of the text that was checked."""

    title: str
    edits: tuple[Edit, ...]
    safety: Safety = Safety.SAFE


class NoFix(NamedTuple):
    """Why there is no fix, in words that end the sentence "not fixed: ..."."""

    reason: str


class Step(NamedTuple):
    """A place on the way to the fault, in the order of execution."""

    path: Path
    span: Span
    message: str


class Diagnostic(Record):
    """What a rule yields: a node (or a comment's place), a sentence, the way that leads there, and perhaps a way out.

    `subject` is the variable or expression that the report is about; `notes` are sentences that explain more.
    `path` holds nodes of the file checked, or steps elsewhere.
    """

    at: Located | Span
    message: str
    path: tuple[tuple[Located, str] | Step, ...] = ()
    fix: Fix | NoFix | None = None
    confidence: Confidence = Confidence.CERTAIN
    notes: tuple[str, ...] = ()
    subject: str = ""
    impact: Impact = Impact.UNKNOWN


class Finding(NamedTuple):
    """A report, placed: plain data that can be sent anywhere."""

    path: Path
    span: Span
    code: str
    name: str
    message: str
    steps: tuple[Step, ...] = ()
    fix: Fix | NoFix | None = None
    confidence: Confidence = Confidence.CERTAIN
    notes: tuple[str, ...] = ()
    subject: str = ""
    context: str = ""  # qualified name of the function around it
    expression: str = ""  # what `span` holds, on one line, however it is laid out
    fingerprint: str = ""  # stays the same when lines move; see `fingerprints`
    impact: Impact = Impact.UNKNOWN

    @property
    def fixable(self) -> bool:
        """Whether a fix is known that is applied without being asked for."""
        return isinstance(self.fix, Fix) and self.fix.safety is Safety.SAFE


Check = Callable[[File, Subject], Iterator[Diagnostic]]


class Rule(Generic[Subject]):
    """A fault that can be found: what to look at, and how to see it.

    Its name is its file's name, its page its file's docstring. `on` names the class of what it looks at. `imports`
    are words without which a file holds no such fault, and is not even parsed; one of `also` must stand there, too. A
    rule that is not on by `default` is run when it is selected by name or code.
    """

    def __init__(
        self,
        code: str,
        on: str,
        imports: frozenset[str],
        check: Check[Subject],
        default: bool = True,
        within: str = "",
        also: frozenset[str] = frozenset(),
    ) -> None:
        self.code = code
        self.on = on
        self.imports = imports
        self.check = check
        self.default = default
        self.within = within
        self.also = also

    @property
    def name(self) -> str:
        return self.check.__module__.rpartition(".")[2].replace("_", "-")

    @property
    def doc(self) -> str:
        return import_module(self.check.__module__).__doc__ or ""

    @property
    def summary(self) -> str:
        """The first sentence of the rule's page."""
        return self.doc.strip().partition("\n")[0]


AnyRule = Rule[Any]


def rule(
    code: str,
    *,
    on: type[Subject],
    imports: Iterable[str],
    also: Iterable[str] = (),
    within: str = "",
    default: bool = True,
) -> Callable[[Check[Subject]], Rule[Subject]]:
    """Make a rule of a check. Written on one line: `registry` reads it before it imports the file.

    Arguments:
        code: `HYG` and three digits.
        on: the class of what the check looks at: an `ast` node, a `Lifetime`, a `Gap`, an `Engine`, a `File`.
        imports: words one of which stands in every file that the rule can find a fault in.
        also: words one of which stands in each of these files, too.
        within: a package without which no file of a project has the fault, though it need not be named in that file.
        default: whether the rule is on when nothing is selected.
    """
    return lambda check: Rule(code, on.__name__, frozenset(imports), check, default, within, frozenset(also))
