"""`parameters`: the parameters of a database server in a Terraform file: literals, read by their shape.

parameter {
  name  = "wait_timeout"
  value = "300"
}
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from dbhygiene.library.deployment import MYSQL, POSTGRESQL
from dbhygiene.servers.databases import Assignment, parse_assignment
from dbhygiene.servers.model import FileLine
from dbhygiene.source.deployment import Deployment
from dbhygiene.source.lazy_pattern import lazy_pattern

_BLOCK = lazy_pattern(r"^\s*(?:dynamic\s+)?(?:parameter|database_flags)\s*=?\s*\{([^{}]*)\}", re.MULTILINE)
_GIVEN = lazy_pattern(r"""\b(name|value)\s*=\s*"?([\w.-]+)"?""")
_FAMILY = lazy_pattern(
    r"""\b(?:family|database_version|engine)\s*=\s*"(?:aurora-)?(mysql|mariadb|postgres)""", re.IGNORECASE
)
_COMMENT = lazy_pattern(r"(?m)^\s*(?:#|//).*$")


def parameters(name: str, files: Deployment) -> Iterator[tuple[str, list[Assignment]]]:
    """Yield a database with the parameters that a file sets for it; none if it is for several databases."""
    text = _COMMENT.sub("", files.text(name))
    families = {found[1].lower() for found in _FAMILY.finditer(text)}
    known = {POSTGRESQL if family == "postgres" else MYSQL for family in families}
    if len(known) != 1:
        return
    database = known.pop()
    found: list[Assignment] = []
    for block in _BLOCK.finditer(text):
        given = {each[1]: each for each in _GIVEN.finditer(block[1])}
        if given.keys() == {"name", "value"}:
            line = text.count("\n", 0, block.start(1) + given["value"].start()) + 1
            found += parse_assignment(database, f"{given['name'][2]}={given['value'][2]}", FileLine(name, line))
    if found:
        yield database, found
