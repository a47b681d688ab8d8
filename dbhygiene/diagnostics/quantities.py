"""`number_text`: a number in a message: written out, never as a power of ten.

seconds_text(2592000.0)              # "2592000 s"
"""

from __future__ import annotations


def number_text(number: float) -> str:
    """Return a number as a user would write it: "2592000", "0.5"."""
    return f"{number:.10g}"


def seconds_text(seconds: float) -> str:
    """Return a time in seconds: "600 s"."""
    return f"{number_text(seconds)} s"


def closes_idle(seconds: float, *, by_default: bool = False, what: str = "connections") -> str:
    """Return the clause of a headline about the server's timeout: as it is known, or only MySQL's default."""
    if by_default:
        return f"MySQL closes idle {what} after {seconds_text(seconds)} by default"
    return f"the server closes idle {what} after {seconds_text(seconds)}"
