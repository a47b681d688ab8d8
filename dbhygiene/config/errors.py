"""`UsageError`: an error of the user, reported in one line, with the closest valid word."""

from __future__ import annotations

from collections.abc import Iterable


class UsageError(Exception):
    """An invalid option, setting or path. Its text is one line for the user."""


ALL_RULES = "run `dbhygiene rule` to list all rules"
ALL_KEYS = "run `dbhygiene config` to list all keys"


def did_you_mean(word: str, known: Iterable[str], least: float = 0.6, otherwise: str = "") -> str:
    """Return ` (did you mean ...?)`; `; otherwise` if no known word is similar by at least `least`, of 1."""
    import difflib

    by_lower = {each.lower(): each for each in known}
    near = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=least)
    if near:
        return f" (did you mean `{by_lower[near[0]]}`?)"
    return f"; {otherwise}" if otherwise else ""
