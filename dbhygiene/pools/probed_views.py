"""`probed_views`: the views of a file that answer the probes of containers, each with its probe."""

from __future__ import annotations

from collections.abc import Iterator

from dbhygiene.pools.health_views import View, join, views
from dbhygiene.servers.facts import server_facts
from dbhygiene.servers.model import Probe
from dbhygiene.source.file import File
from dbhygiene.source.nodes import Span

_CACHES = ("cache", "lru_cache", "ttl")


def probed_views(file: File, kind: str) -> Iterator[tuple[View, Probe]]:
    """Yield the views that answer a kind of probe and do not keep their answers, each with the first such probe."""
    probes = [probe for probe in server_facts(file.project).probes if probe.kind == kind and probe.path]
    for view in views(file) if probes else ():
        probe = next((each for each in probes if _answers(file, view, join(each.path.partition("?")[0]))), None)
        if probe is not None and not _is_cached(file, view):
            yield view, probe


def _answers(file: File, view: View, path: str) -> bool:
    """Whether a view answers a path: by its whole route, or with a prefix that is written in the project."""
    for route in view.routes:
        if route == path:
            return True
        before = path.removesuffix(route)
        if route != "/" and before != path and before and any(file.project.files_containing(f'"{before}"')):
            return True
    return False


def _is_cached(file: File, view: View) -> bool:
    decorators = (file.segment(each).lower() for each in view.function.decorator_list)
    return any(word in text for text in decorators for word in _CACHES)


def name_span(file: File, view: View) -> Span:
    """Return the line of `def`, without its decorators."""
    span = file.span(view.function)
    line = view.function.lineno
    text = file.lines[line - 1]
    return Span(line, span.column, line, len(text.split("#")[0].rstrip()))
