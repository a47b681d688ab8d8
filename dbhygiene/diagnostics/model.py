"""`Diagnostic`, `Finding`, `Step`, `Fix` and `Rule`: the types that all other modules share.

A finding and its parts are named tuples: they are sent between processes, and stored for later runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from dbhygiene.config.settings import Confidence
from dbhygiene.source.file import File
from dbhygiene.source.nodes import Located, Span
from dbhygiene.source.records import Record, Row

if TYPE_CHECKING:
    from dbhygiene.diagnostics.edits import Edit

Subject = TypeVar("Subject")

ASSUMPTION = "this run assumes"  # the beginning of a note that is the same for all findings of a run


class Safety(Enum):
    """Whether a fix may be applied."""

    SAFE = "safe"  # the behaviour stays, or becomes the evident intention
    UNSAFE = "unsafe"  # behaviour may change, or a long block is re-indented: applied with `--unsafe-fixes`
    SHOWN = "shown"  # a suggestion; never applied


class Impact(Enum):
    """How often the faulty code runs in one process. It does not depend on the confidence."""

    REPEATED = "repeated"  # in each request, task or round of a loop
    ONCE = "once"  # at a program's start, in a command, a test or an example
    UNKNOWN = "unknown"  # by callers that are not known, as a library's functions


class Fix(Row):
    """A fix of a finding: edits of the text that was checked."""

    title: str
    edits: tuple[Edit, ...]
    safety: Safety = Safety.SAFE


class NoFix(Row):
    """The reason why there is no fix and, after the last semicolon, what to do instead, as an imperative."""

    reason: str


class Source(Row):
    """The text in which the lines of a span are counted: a file, or a cell of a notebook."""

    path: Path
    cell: int | None = None


class Step(Row):
    """A place on the path to the fault, in the order of execution; `cell` as in a finding."""

    path: Path
    span: Span
    message: str
    cell: int | None = None

    @property
    def source(self) -> Source:
        return Source(self.path, self.cell)


class Diagnostic(Record):
    """The result of a rule: a node (or the place of a comment), a message, the path to the fault, and a fix or NoFix.

    `subject` is the variable or expression of the diagnostic; `notes` are sentences that explain more. `path` consists
    of nodes of the checked file with their texts, or of steps in other files.
    """

    at: Located | Span
    message: str
    path: tuple[tuple[Located, str] | Step, ...] = ()
    fix: Fix | NoFix | None = None
    confidence: Confidence = Confidence.CERTAIN
    notes: tuple[str, ...] = ()
    subject: str = ""
    impact: Impact = Impact.UNKNOWN


class Finding(Row):
    """A diagnostic with its place, fingerprint and confidence, as plain data: what the user sees.

    In a notebook, lines are those of the program of all cells; `cells.in_cell` returns the finding with its `cell`, and
    the lines of that.
    """

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
    expression: str = ""  # the code of `span` on one line, without differences of layout
    fingerprint: str = ""  # stays the same when lines move; see `fingerprints`
    impact: Impact = Impact.UNKNOWN
    cell: int | None = None

    @property
    def source(self) -> Source:
        return Source(self.path, self.cell)

    @property
    def fixable(self) -> bool:
        """Whether `dbhygiene fix` applies a fix to it without further options."""
        return isinstance(self.fix, Fix) and self.fix.safety is Safety.SAFE


Check = Callable[[File, Subject], Iterator[Diagnostic]]


class Rule(Generic[Subject]):
    """A rule: a subject and a check that yields diagnostics.

    Its name is that of its file, its page the docstring of the file. `on` is the class of its subject. A file is
    parsed for it only if it contains one of the words of `imports`, and one of `also`, if there are any. A rule that
    is not on by `default` runs if it is selected by its name or code.
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
