"""`words`: a set of names, written as one string with blanks."""

from __future__ import annotations


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())
