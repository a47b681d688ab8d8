"""`add_fingerprints`: findings with fingerprints that do not change when lines move, for reports, baselines and others.

conn = connect()                     # in `load` of app.py: ("HYG101", "app.py", "load", "connect()"), as a digest
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from pathlib import Path

from dbhygiene.diagnostics.model import Finding
from dbhygiene.source.nodes import Located

Key = tuple[str, str, str, str]


def add_fingerprints(findings: Iterable[Finding], root: Path | None) -> list[Finding]:
    """Return the findings of one file with their fingerprints: a digest of the key, and the number among equal keys.

    Arguments:
        findings: all findings of the file, so that hiding some does not change the fingerprints of others.
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
    """Return the key of a finding: rule, path, qualified name, expression; it has no line number."""
    return finding.code, portable_path(finding.path, root), finding.context, finding.expression


def portable_path(path: Path, root: Path | None) -> str:
    """Return a path that is the same on every machine: relative to the project's root, with slashes."""
    try:
        return (path.relative_to(root) if root else path).as_posix()
    except ValueError:
        return path.as_posix()


def normalise(node: Located) -> str:
    """Return an expression, or the head of a statement, without differences of spaces, quotes and comments."""
    if isinstance(node, ast.stmt):
        from copy import copy  # likewise

        node = copy(node)
        for block in _BLOCKS.intersection(node._fields):
            setattr(node, block, [])
    return ast.unparse(node).partition("\n")[0]


_BLOCKS = frozenset({"decorator_list", "body", "orelse", "finalbody", "handlers", "cases"})


def _digest(words: Iterable[str]) -> str:
    from dbhygiene.source.digests import digest  # not for runs that find nothing

    return digest("\0".join(words).encode(errors="surrogatepass"), 8)
