"""Names are listed as text: a set of them reads like a sentence."""

from __future__ import annotations


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())
