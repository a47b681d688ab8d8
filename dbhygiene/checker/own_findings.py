"""`OWN_CODES`: findings about the run: HYG000, an internal error; HYG001, a syntax error; HYG003, an unread file."""

from __future__ import annotations

import sys
from pathlib import Path

from dbhygiene.diagnostics.model import Finding
from dbhygiene.source.file import NOTEBOOK, File
from dbhygiene.source.nodes import NOT_PYTHON, Span

INTERNAL_ERROR = "HYG000"


SYNTAX_ERROR = "HYG001"


NOT_READ = "HYG003"


OWN_CODES = {INTERNAL_ERROR: "internal-error", SYNTAX_ERROR: "syntax-error", NOT_READ: "file-not-read"}

PYTHON_2 = "Python 2"  # the subject of a syntax error in a program for Python 2

NEVER_SILENCED = frozenset({*OWN_CODES, "HYG002", "HYG004"})  # by a comment, or not by one that we write


_TOP = Span(1, 0, 1, 0)


def syntax_error(file: File) -> Finding | None:
    """Return HYG001 if a file does not parse, or the first cell of a notebook, with the message of the parser."""
    try:
        _ = file.tree
    except NOT_PYTHON as error:
        return _of_python_2(not_parsed(file.path, error), file, error)
    if file.notebook is None or not file.notebook.broken:
        return None
    (cell, first), *others = file.notebook.broken
    found = not_parsed(file.path, first, above=cell.line - 1)
    numbers = ", ".join(str(other.number) for other, _ in others)
    cells = f"cell {numbers} does not" if len(others) == 1 else f"cells {numbers} do not"
    return found._replace(notes=(f"{cells} parse, either",)) if others else found


def _of_python_2(found: Finding, file: File, error: Exception) -> Finding:
    """Return a syntax error with its subject, if it shows that a program is written for Python 2."""
    from dbhygiene.checker.python_2 import is_python_2  # most runs have no such file

    if file.notebook is not None or not is_python_2(file.text, error):
        return found
    message = found.message if PYTHON_2 in found.message else f"{found.message}: the file is written for {PYTHON_2}"
    return found._replace(message=message, subject=PYTHON_2)


def not_parsed(path: Path, error: Exception, above: int = 0) -> Finding:
    """Return HYG001 for an error of the parser or of the decoder.

    Arguments:
        above: lines of the file above the text that was parsed.
    """
    span, words, needs = Span(above + 1, 0, above + 1, 0), str(error) or "too deeply nested", ""
    if isinstance(error, SyntaxError):
        from dbhygiene.checker.newer import newer  # most runs have no such file

        line, column = above + (error.lineno or 1), max(1, error.offset or 1)
        span, words = Span(line, column - 1, line, column), error.msg or "invalid syntax"
        needs = f": {text}" if (text := newer(error)) else ""
    version = ".".join(map(str, sys.version_info[:3]))
    if path.suffix == NOTEBOOK and _is_about_notebook(error):
        return Finding(path, span, SYNTAX_ERROR, "syntax-error", words)
    return Finding(path, span, SYNTAX_ERROR, "syntax-error", f"{words} (Python {version}){needs}")


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
