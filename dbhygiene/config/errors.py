"""`Mistake`: an error of the user, reported in one line, with the closest valid word."""

from __future__ import annotations

from collections.abc import Iterable


class Mistake(Exception):  # noqa: N818 (the user's, no error of ours)
    """A wrong option, setting or path; its text is one line for the user."""


def did_you_mean(word: str, known: Iterable[str], least: float = 0.6) -> str:
    """` (did you mean ...?)`, or nothing where no known word is as near as `least`, of 1."""
    import difflib

    by_lower = {each.lower(): each for each in known}
    near = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=least)
    return f" (did you mean `{by_lower[near[0]]}`?)" if near else ""
