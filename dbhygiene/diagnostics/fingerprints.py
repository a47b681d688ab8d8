"""Names for findings that hold when lines move: what reports, baselines and code scanning know a finding by."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from pathlib import Path

from dbhygiene.diagnostics.model import Finding
from dbhygiene.source.nodes import Located

Key = tuple[str, str, str, str]


def add_fingerprints(findings: Iterable[Finding], root: Path | None) -> list[Finding]:
    """The findings of one file, in their order, each with its fingerprint: its key, and its number among equals.

    Arguments:
        findings: all that were made, so that to show fewer of them renames none.
        root: the root of the project, to which paths are relative.
    """
    seen: dict[Key, int] = {}
    result = []
    for finding in findings:
        known_by = key(finding, root)
        number = seen[known_by] = seen.get(known_by, -1) + 1
        result.append(finding._replace(fingerprint=_digest((*known_by, str(number)))))
    return result


def key(finding: Finding, root: Path | None) -> Key:
    """What a finding is about, whichever line it stands on: rule, path, qualified name, expression."""
    return finding.code, portable_path(finding.path, root), finding.context, finding.expression


def portable_path(path: Path, root: Path | None) -> str:
    """A path as it is written on every machine: below the project's root, with slashes."""
    try:
        return (path.relative_to(root) if root else path).as_posix()
    except ValueError:
        return path.as_posix()


def normalise(node: Located) -> str:
    """An expression, or the head of a statement, whatever its blanks, quotes and comments."""
    if isinstance(node, ast.stmt):
        from copy import copy  # likewise

        node = copy(node)
        for block in _BLOCKS.intersection(node._fields):
            setattr(node, block, [])
    return ast.unparse(node).partition("\n")[0]


_BLOCKS = frozenset({"decorator_list", "body", "orelse", "finalbody", "handlers", "cases"})


def _digest(words: Iterable[str]) -> str:
    import hashlib  # not for runs that find nothing

    return hashlib.blake2b("\0".join(words).encode(errors="surrogatepass"), digest_size=8).hexdigest()
