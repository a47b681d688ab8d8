"""`is_python_2`: whether a file that does not parse is a program for Python 2.

The line at which the parser stopped decides: `print "done"` or `except OSError, error:` parses in Python 2 only. All
versions of Python 3 stop at the same line; only 3.14 parses handlers with a comma again. A missing comma is an error in
every Python, whatever else the file has.
"""

from __future__ import annotations

import re

from dbhygiene.source.lexing import COMMENT_OR_STRING

# Code that only Python 2 parses; a string is written `""`.
_CONSTRUCTS = re.compile(
    r"""
    (?:^|[:;])[ \t]*(?:print|exec)(?:
        [ \t]*(?:""|`|\{) | [ \t]+(?!(?:and|else|for|if|in|is|not[ \t]+in|or)\b)\w
    )
    | \bexcept\b[^\n:]*,[ \t]*(?:[a-z_]\w*|\([\w, ]*\))[ \t]*:
    | \braise[ \t]+[\w.]+[ \t]*(?:\((?:[^()\n]|\([^()\n]*\))*\))?[ \t]*,
    | (?:[=(,+%\[:]|\b(?:return|print|in|and|or|not))[ \t]*`[^`\n]+`
    | [\w)\]"][ \t]*<>[ \t]*[\w("'\[-]
    | (?<!\w)[uU][rR]""
    | (?<![\w.])(?:\d+|0[xX][\da-fA-F]+)[lL]\b
    | (?<![\w.])0(?!0+\b)[0-7]{2,}(?![\w.])
    | \bdef\s+\w+\s*\((?:[^()]*,)?\s*\(
    | \blambda\s+(?:[\w\s,=*]*,\s*)?\([\w\s,()]*\)\s*[:,]
    """,
    re.M | re.X,
)
_PYTHON_3 = re.compile(
    r"""(?<!\w)(?:[fF][rR]?|[rR][fF])"" | \basync[ ]+def\b | \byield[ ]+from\b | \bnonlocal[ ]+\w | :=
    | \)\s*->\s*[\w"] | \braise[ ][^\n]*[ ]from[ ] | \bdef\s+\w+\s*\((?:[^():=]*,)?\s*\w+\s*: | \bmetaclass=
    | \bprint[ ]*\([^\n]*,[ ]*(?:end|file|flush|sep)[ ]*=""",
    re.X,
)
# Errors that Python 2 does not have, but that beginners make in Python 3: `"C:\Users"`, `date(2020, 01, 31)`.
_AMBIGUOUS = ("(unicode error)", "leading zeros in decimal integer literals", "bytes can only contain ASCII")


def is_python_2(text: str, error: Exception, *, handlers_of_3_14: bool = False) -> bool:
    """Whether an error of the parser shows that a program is written for Python 2.

    Arguments:
        handlers_of_3_14: whether `except OSError, error:` shows nothing, because the project needs Python 3.14.
    """
    if not isinstance(error, SyntaxError) or error.lineno is None:
        return False
    code = COMMENT_OR_STRING.sub(_without_content, text)
    if _PYTHON_3.search(code) is not None:
        return False
    if isinstance(error, TabError):  # Python 2 reads a tab as up to eight spaces
        return True
    found = (each for each in _CONSTRUCTS.finditer(code) if not (handlers_of_3_14 and _is_handler(each)))
    if (error.msg or "").startswith(_AMBIGUOUS):
        return next(found, None) is not None
    return any(_line(code, each.start()) <= error.lineno <= _line(code, each.end()) for each in found)


def has_more_than_handlers(text: str) -> bool:
    """Whether a program has code for Python 2 besides `except OSError, error:`, which Python 3.14 parses again."""
    return not all(map(_is_handler, _CONSTRUCTS.finditer(COMMENT_OR_STRING.sub(_without_content, text))))


def _is_handler(match: re.Match[str]) -> bool:
    return match[0].startswith("except")


def _without_content(match: re.Match[str]) -> str:
    """Return what replaces a comment or a string: as many lines."""
    return "" if match[0].startswith("#") else '""' + "\n" * match[0].count("\n")


def _line(code: str, at: int) -> int:
    return code.count("\n", 0, at) + 1
