"""What a user can mend: told in one line, with the word that was probably meant."""

from __future__ import annotations

from collections.abc import Iterable


class Mistake(Exception):  # noqa: N818 (the user's, no error of ours)
    """A wrong option, setting or path; its text is one line for the user."""


def did_you_mean(word: str, known: Iterable[str], least: float = 0.6) -> str:
    """` (did you mean ...?)`, or nothing where no known word is as near as `least`, of 1."""
    import difflib

    near = difflib.get_close_matches(word, list(known), n=1, cutoff=least)
    return f" (did you mean `{near[0]}`?)" if near else ""
