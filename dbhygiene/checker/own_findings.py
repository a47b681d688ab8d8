"""`OWN_CODES`: findings about the run: HYG000, an internal error; HYG001, a syntax error; HYG003, an unread file."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from dbhygiene.diagnostics.model import Finding
from dbhygiene.source.file import NOTEBOOK, File
from dbhygiene.source.lazy_pattern import lazy_pattern
from dbhygiene.source.nodes import NOT_PYTHON, Span

INTERNAL_ERROR = "HYG000"


SYNTAX_ERROR = "HYG001"


NOT_READ = "HYG003"


OWN_CODES = {INTERNAL_ERROR: "internal-error", SYNTAX_ERROR: "syntax-error", NOT_READ: "file-not-read"}

OTHER_INTERPRETER = "another interpreter"  # the subject of a syntax error in a program of no Python
_SHEBANG = lazy_pattern(
    r"""\ufeff?\#![ ]*(?:\S*/)?(?:env[ ]+(?:-\S+[ ]+|\w+=\S*[ ]+)*(?:\S*/)?)?
    (?:(?:a|ba|c|da|fi|k|tc|z)?sh|perl|ruby|node|deno|php|[gm]?awk|sed|make|tclsh|expect|lua|Rscript|groovy)(?![\w./-])""",
    re.VERBOSE,
)

NEVER_SILENCED = frozenset({*OWN_CODES, "HYG002", "HYG004"})  # by a comment, or not by one that we write


_TOP = Span(1, 0, 1, 0)


def syntax_error(file: File) -> Finding | None:
    """Return HYG001 if a file does not parse, or the first cell of a notebook, with the message of the parser."""
    try:
        _ = file.tree
    except NOT_PYTHON as error:
        return _with_subject(file, error)
    if file.notebook is None or not file.notebook.broken:
        return None
    (cell, first), *others = file.notebook.broken
    found = not_parsed(file.path, first, above=cell.line - 1)
    numbers = ", ".join(str(other.number) for other, _ in others)
    cells = f"cell {numbers} does not" if len(others) == 1 else f"cells {numbers} do not"
    return found._replace(notes=(f"{cells} parse, either",)) if others else found


def _with_subject(file: File, error: Exception) -> Finding:
    """Return the syntax error of a program; its subject is the Python that parses the program, if that is known."""
    from dbhygiene.checker.newer import PYTHON_2  # most runs have no such file
    from dbhygiene.checker.python_2 import is_python_2

    of_3_14 = _needs_3_14(file, error)
    found, needs = _with_needed(file.path, error, handlers_of_3_14=of_3_14)
    if file.notebook is not None:
        return found
    if _SHEBANG.match(file.text) is not None:
        message = f"{found.message}: the first line names {OTHER_INTERPRETER}"
        return found._replace(message=message, subject=OTHER_INTERPRETER)
    if is_python_2(file.text, error, handlers_of_3_14=of_3_14):
        message = found.message if needs == PYTHON_2 else f"{found.message}: the file is written for {PYTHON_2}"
        return found._replace(message=message, subject=PYTHON_2)
    return found if needs == PYTHON_2 else found._replace(subject=needs)


def _needs_3_14(file: File, error: Exception) -> bool:
    """Whether a handler that the parser refuses, as in Python 2, is one of Python 3.14, which the project needs."""
    from dbhygiene.checker.declared_python import needs_python
    from dbhygiene.checker.newer import is_handler
    from dbhygiene.checker.python_2 import has_more_than_handlers

    if not isinstance(error, SyntaxError) or not is_handler(error.text or ""):
        return False
    return needs_python(file, (3, 14)) and not has_more_than_handlers(file.text)


def not_parsed(path: Path, error: Exception, above: int = 0) -> Finding:
    """Return HYG001 for an error of the parser or of the decoder.

    Arguments:
        above: lines of the file above the text that was parsed.
    """
    return _with_needed(path, error, above)[0]


def _with_needed(
    path: Path, error: Exception, above: int = 0, *, handlers_of_3_14: bool = False
) -> tuple[Finding, str]:
    """Return HYG001, and the version of Python that the line needs; empty if it shows none."""
    span, words, hint, version = Span(above + 1, 0, above + 1, 0), str(error) or "too deeply nested", "", ""
    if isinstance(error, SyntaxError):
        from dbhygiene.checker.newer import needed_python  # most runs have no such file

        line, column = above + (error.lineno or 1), max(1, error.offset or 1)
        span, words = Span(line, column - 1, line, column), error.msg or "invalid syntax"
        if (needed := needed_python(error, handlers_of_3_14=handlers_of_3_14)) is not None:
            hint, version = f": {needed}", needed.version
    here = ".".join(map(str, sys.version_info[:3]))
    if path.suffix == NOTEBOOK and _is_about_notebook(error):
        return Finding(path, span, SYNTAX_ERROR, "syntax-error", words), ""
    return Finding(path, span, SYNTAX_ERROR, "syntax-error", f"{words} (Python {here}){hint}"), version


def _is_about_notebook(error: Exception) -> bool:
    """Whether a file is no notebook, whatever the version of Python."""
    from dbhygiene.source.notebook_document import NotebookError

    return isinstance(error, NotebookError)


def worker_died(path: Path, reason: str) -> Finding:
    """Return HYG000 for a file whose worker process ended without a result."""
    message = f"internal error: the worker checking this file {reason}"
    return Finding(path, _TOP, INTERNAL_ERROR, "internal-error", message)


def internal_error(path: Path, culprit: str, error: Exception) -> Finding:
    """Return HYG000 for an internal error; it cannot be silenced, and the run continues."""
    message = f"internal error in {culprit}: {type(error).__name__}: {error}".partition("\n")[0]
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    notes = () if trace is None else (f"raised at {trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}",)
    return Finding(path, _TOP, INTERNAL_ERROR, "internal-error", message, notes=notes)


def not_read(path: Path, reason: str) -> Finding:
    """Return HYG003 for a file or directory that could not be read."""
    return Finding(path, _TOP, NOT_READ, "file-not-read", f"cannot read: {reason[:1].lower()}{reason[1:]}")
