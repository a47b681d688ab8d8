"""`Server`: servers that speak the protocol of a database, and carry out each write at once.

Nothing is lost on them without a commit. A server is known by its port, or by statements that only it understands.
"""

from __future__ import annotations

import re

from dbhygiene.source.lazy_pattern import lazy_pattern
from dbhygiene.source.records import Record


class Server(Record):
    """A server without transactions: its name, its usual ports, and a pattern of its own statements."""

    name: str
    ports: frozenset[int]
    statements: re.Pattern[str] | None = None


WITHOUT_TRANSACTIONS = (
    Server(
        "ProxySQL's admin interface",
        frozenset({6032, 6132}),
        lazy_pattern(
            r"(?i)\s*(?:(?:load|save)\s[\w\s]+\s(?:to|from)\s+(?:runtime|run|memory|mem|disk|config)\b"
            r"|(?:insert|replace|delete|update)\b[^(=]*\b(?:main\.|disk\.)?(?:proxysql_servers|restapi_routes"
            r"|(?:mysql|pgsql)_(?:servers|users|query_rules|replication_hostgroups|group_replication_hostgroups"
            r"|galera_hostgroups|aws_aurora_hostgroups|hostgroup_attributes|servers_ssl_params|firewall_whitelist_\w+"
            r"|query_rules_fast_routing))\b)"
        ),
    ),
    Server("ClickHouse", frozenset({9004})),
    Server("Doris or StarRocks", frozenset({9030})),
    Server("Sphinx or Manticore", frozenset({9306})),  # they have transactions, but not for all statements
)
