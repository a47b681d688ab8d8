"""`CellGap`: a connection of a notebook that is idle between two cells: its user decides how long that takes.

conn = pymysql.connect(...)              # in one cell; in a later one:
conn.cursor().execute(sql)               # a `CellGap` from `connect` to `execute`
"""

from __future__ import annotations

import ast
from typing import NamedTuple

from dbhygiene.dataflow import cfg
from dbhygiene.gaps.explicit import is_looked_after
from dbhygiene.library import server_calls as library
from dbhygiene.library.test_files import is_test_file
from dbhygiene.lifetimes import Lifetime
from dbhygiene.source.nodes import last_name


class CellGap(NamedTuple):
    """The last use of a connection in one cell, or its opening, and the first in a later cell."""

    before: ast.Call
    after: ast.Call


def gap_between_cells(life: Lifetime) -> CellGap | None:
    """Return the first idle time of a connection between two cells; None if the notebook tests it somewhere."""
    file = life.file
    if file.notebook is None or not life.may_be_kept_open or is_test_file(file) or library.sets_timeout(file):
        return None
    if any(is_looked_after(file, name) for name in life.names):
        return None
    uses = [
        node.event.node
        for node, fact in life.history
        if isinstance(node.event, cfg.Call)
        and isinstance(node.event.node, ast.Call)
        and fact.state == "open"
        and last_name(node.event.node.func) != "cursor"  # which asks the server nothing
        and life.closing_call(node, fact) is None
        and life.analysis.transfer.is_queried(node.event.node, fact)
    ]
    before = life.birth
    for use in sorted(uses, key=lambda call: (call.lineno, call.col_offset)):
        if file.section_at(use.lineno) != file.section_at(before.lineno) and use.lineno > before.lineno:
            return CellGap(before, use)
        before = use
    return None
