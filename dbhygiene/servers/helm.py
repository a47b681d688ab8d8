"""`ChartDatabase`: values of Helm charts, read by the usual keys of charts, without the templates.

postgresql:                     # a part of the chart: a database server, with the text of an option file
  primary:
    extendedConfiguration: |-
      max_connections = 200
replicaCount: 3                 # a part that runs containers
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from dbhygiene.library.deployment import MYSQL, POSTGRESQL
from dbhygiene.servers.databases import Assignment, parse_assignment
from dbhygiene.servers.kubernetes import ConfigFile, Container
from dbhygiene.servers.model import FileLine
from dbhygiene.servers.yaml_nodes import Node, at, content_line, count_of, entries, line_of, text_of
from dbhygiene.source.closure import closure
from dbhygiene.source.records import Frozen

_DATABASES = {"mysql": MYSQL, "mariadb": MYSQL, "postgresql": POSTGRESQL, "postgres": POSTGRESQL}
_TEXTS = ("configuration", "extendedConfiguration", "postgresqlConfiguration", "configurationFiles", "config")
_MAPPINGS = ("postgresqlConfiguration", "postgresqlExtendedConf", "parameters")
_RUNS = ("image", "command", "args", "livenessProbe", "readinessProbe")


class ChartDatabase(Frozen):
    """A database server among the values: what they set, as text of an option file or as a mapping."""

    name: str
    database: str
    place: FileLine
    files: tuple[ConfigFile, ...]
    assignments: tuple[Assignment, ...]


def databases(name: str, described: Sequence[Node]) -> Iterator[ChartDatabase]:
    """Yield the database servers that a chart brings along, by the usual names of their charts."""
    for document in described:
        for key, node in entries(document).items():
            database = _DATABASES.get(key.lower())
            if database is not None and text_of(at(node, "enabled")).lower() != "false" and entries(node):
                found = list(_texts(node, name, database))
                given = tuple(each for part in _within(node) for each in _assignments_of_mapping(part, name, database))
                yield ChartDatabase(key, database, FileLine(name, line_of(node)), tuple(found), given)


def _within(node: Node) -> Iterator[Node]:
    """Yield a mapping and those within it, but none that is switched off."""
    return closure(node, lambda each: filter(_is_in_use, entries(each).values())) if _is_in_use(node) else iter(())


def _is_in_use(node: Node) -> bool:
    return node is not None and node.id == "mapping" and text_of(at(node, "enabled")).lower() != "false"


def _texts(node: Node, name: str, database: str) -> Iterator[ConfigFile]:
    end = ".cnf" if database == MYSQL else ".conf"
    for part in _within(node):
        for key in _TEXTS:
            value = at(part, key)
            for each in (value, *entries(value).values()):
                if "\n" in text_of(each) or "=" in text_of(each):
                    yield ConfigFile(f"{key}{end}", text_of(each), name, content_line(each) - 1)


def _assignments_of_mapping(node: Node, name: str, database: str) -> Iterator[Assignment]:
    """Yield what a mapping of settings sets: `maxConnections: 300`, `max_connections: 300`."""
    for key in _MAPPINGS:
        for option, value in entries(at(node, key)).items():
            written = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in option)
            yield from parse_assignment(database, f"{written}={text_of(value)}", FileLine(name, line_of(value)))


def chart_containers(name: str, described: Sequence[Node]) -> Iterator[Container]:
    """Yield the containers that the values describe by the keys which charts share."""
    for document in described:
        own = text_of(at(document, "nameOverride")) or name.rpartition("/")[0].rpartition("/")[2]
        for key, part in [("", document), *_settings_of_services(document)]:
            if any(at(part, each) is not None for each in _RUNS):
                count = count_of(at(part, "replicaCount") or at(part, "replicas"))
                if text_of(at(part, "autoscaling", "enabled")).lower() == "true":
                    count = count_of(at(part, "autoscaling", "minReplicas"))
                yield Container(part, name, frozenset({key or own} - {""}), count)


def _settings_of_services(document: Node) -> Iterator[tuple[str, Node]]:
    return islice(closure(("", document), _parts), 1, None)


def _parts(part: tuple[str, Node]) -> Iterator[tuple[str, Node]]:
    return ((k, value) for k, value in entries(part[1]).items() if _is_in_use(value) and k.lower() not in _DATABASES)
