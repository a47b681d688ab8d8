"""`table_read_whole`: the table of which a SELECT returns all rows: no condition, no limit, no aggregate.

table_read_whole("SELECT id, total FROM orders ORDER BY id")     # "orders"
table_read_whole("SELECT COUNT(*) FROM orders")                  # None
"""

from __future__ import annotations

import re

from dbhygiene.program.values import HOLE

_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_QUOTE = r"[`\"\[\]]?"
_SELECT = re.compile(
    rf"""\s* SELECT \s+ (?P<columns>.+?) \s+ FROM \s+
    {_QUOTE} (?: (?P<schema>\w+) {_QUOTE} \. {_QUOTE} )? (?P<table>\w+) {_QUOTE} (?P<rest>\s.*|;\s*|) $""",
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)
_FEW_ROWS = re.compile(
    rf"""\b(?: count | sum | min | max | avg | std\w* | var\w* | bit_\w+ | any_value | group_concat | string_agg
    | array_agg | json\w*agg\w* | exists ) \s* \( | \b(?: distinct | top | select ) \b | {HOLE}""",
    re.IGNORECASE | re.VERBOSE,
)
# What may limit the rows: a clause, a parameter, a literal in the condition of a join, or a part that is not known.
_LIMITED = re.compile(
    rf"""\b(?: where | limit | fetch | group | having | union | intersect | except | minus | tablesample | select
    | into | offset ) \b | %s | %\( | \? | [:$]\w | = \s* ['"\d] | {HOLE}""",
    re.IGNORECASE | re.VERBOSE,
)
_CATALOGS = frozenset({"information_schema", "pg_catalog", "performance_schema", "mysql", "sys"})


def table_read_whole(sql: str) -> str | None:
    """Return the table; None if the statement is no such SELECT, or one that is not understood.

    Arguments:
        sql: the statement, with `HOLE` for each part that is not known.
    """
    found = _SELECT.match(_COMMENT.sub(" ", sql))
    if found is None or _FEW_ROWS.search(found["columns"]) or _LIMITED.search(found["rest"]):
        return None
    table = found["table"]
    if (found["schema"] or "").lower() in _CATALOGS or table.lower().startswith("pg_") or table.lower() == "dual":
        return None
    return table
