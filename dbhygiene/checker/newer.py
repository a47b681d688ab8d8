"""`NeededPython`: the version of Python that a line with a syntax error needs.

`class Page[T]:` under Python 3.11 -> `class Page[...]`, "Python 3.12 or newer"
`print "done"` -> the `print` statement, "Python 2"
"""

from __future__ import annotations

import re
import sys
from typing import NamedTuple

_PARAMETERS = re.compile(r"\s*((?:class|(?:async\s+)?def)\s+\w+)\s*")
_ALIAS = re.compile(r"\w+\s*(?:\[|=(?!=))")
_GROUP = re.compile(r"\s*except\s*\*")
_EXCEPT = re.compile(r"\s*except(?:\s+|\s*\*\s*)(?:[\w.]+|\([\w., ]*\))\s*(?:,\s*(\w+)\s*:|(?:,\s*[\w.]+\s*)+:)")
_TEMPLATE = re.compile(r"(?<![\w\"'])(?:t|rt|tr)(?=[\"'])", re.I)
_STRING = re.compile(r"(?<!\w)([a-z]{0,2})('''|\"\"\"|'|\")", re.I)


PYTHON_2 = "Python 2"


class NeededPython(NamedTuple):
    """A version of Python, and the construct that only it parses."""

    construct: str
    version: str

    def __str__(self) -> str:
        return f"{self.construct} {'is' if self.version == PYTHON_2 else 'needs'} {self.version}"


def needed_python(
    error: SyntaxError, here: tuple[int, ...] = sys.version_info[:2], *, handlers_of_3_14: bool = False
) -> NeededPython | None:
    """Return the Python that the line with an error of the parser needs; None if the line shows no version.

    Arguments:
        handlers_of_3_14: whether the project needs Python 3.14, in which `except OSError, error:` names two types.
    """
    line, at = error.text or "", max(0, (error.offset or 1) - 1)
    if not (handlers_of_3_14 and is_handler(line)) and (construct := _python_2(error.msg or "", line, at)):
        return NeededPython(construct, PYTHON_2)
    constructs = (
        (11, _python_3_11(line, at)),
        (12, _python_3_12(line, at) or _nested_strings(error.msg or "", line)),
        (14, _python_3_14(line, at)),
    )
    for minor, construct in constructs:
        if construct and here < (3, minor):
            return NeededPython(construct, f"Python 3.{minor} or newer")
    return None


def is_handler(line: str) -> bool:
    """Whether a line is an `except` with a comma and without parentheses: valid in Python 2, and again in 3.14."""
    return _EXCEPT.match(line) is not None


def _python_2(words: str, line: str, at: int) -> str:
    for name in ("print", "exec"):
        if words.startswith(f"Missing parentheses in call to '{name}'"):
            return f"the `{name}` statement"
    if (match := _EXCEPT.match(line)) and match[1] and match[1].islower():  # `E, F` is Python 3.14
        return f"`except ..., {match[1]}`"
    if line[at:].startswith(",") and re.match(r"\s*raise\s+[\w.]+\s*$", line[:at]):
        return "`raise` with a comma"
    if re.match(r"`[^`]+`", line[at:]):
        return "a backtick"
    if line[at:].startswith("<>"):
        return "`<>`"
    if re.search(r"\bur$", line[:at], re.I) and line[at:].startswith(("'", '"')):
        return "the prefix `ur`"
    return "a number with `L`" if re.match(r"\d?L\b", line[at:], re.I) else ""


def _python_3_11(line: str, at: int) -> str:
    if (match := _GROUP.match(line)) and match.end() - 1 == at:
        return "`except*`"
    if line[at:].startswith("*") and re.search(r"[\w\])]\s*\[\s*$|\*\w+\s*:\s*$", line[:at]):
        return "`*` in an index or an annotation"
    return ""


def _python_3_12(line: str, at: int) -> str:
    if (match := _PARAMETERS.fullmatch(line[:at])) and line[at:].startswith("["):
        return f"`{match[1]}[...]`"
    if line[:at].strip() == "type" and _ALIAS.match(line[at:]):
        return "a `type` statement"
    return ""


def _python_3_14(line: str, at: int) -> str:
    if _EXCEPT.match(line):
        return "`except` with several types and no parentheses"
    if any(at in (match.start(), match.end()) for match in _TEMPLATE.finditer(line)):
        return "a template string"
    return ""


def _nested_strings(words: str, line: str) -> str:
    if "f-string expression part cannot include a backslash" in words:
        return "a backslash between the braces of an f-string"
    if ("f-string" in words or words.startswith("unterminated string literal")) and _reuses_quote(line):
        return "an f-string whose own quotes stand between its braces"
    return ""


def _reuses_quote(line: str) -> bool:
    """Whether a string in this line, read as Python 3.12 reads it, has its own quotes between its braces, and ends."""
    at, found = 0, False
    while (match := _STRING.search(line, at)) and "#" not in line[at : match.start()]:
        at, reused = _end(line, match, ())
        found = found or reused
        if not line.endswith(match[2], match.end(), at):
            return False
    return found


def _end(line: str, start: re.Match[str], around: tuple[str, ...]) -> tuple[int, bool]:
    """Return where a string ends, and whether one in its braces has its quotes, or those around it; the line's end
    where the string has no end."""
    prefix, quote = start[1].lower(), start[2]
    at, depth, reused = start.end(), 0, quote in around
    while at < len(line):
        if depth and (inner := _STRING.match(line, at)):
            at, again = _end(line, inner, (*around, quote))
            reused = reused or again
        elif depth:
            depth += (line[at] in "([{") - (line[at] in ")]}")
            at += 1
        elif line.startswith(quote, at):
            return at + len(quote), reused
        else:
            depth = int("f" in prefix and line[at] == "{" and line[at : at + 2] != "{{")
            at += 1 + (line[at] == "\\" or line[at : at + 2] == "{{")
    return len(line), False
