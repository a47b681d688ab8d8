"""`probed_views`: the views of a file that answer the probes of containers, each with its probe.

@app.get("/health")                  # answers the probe with `path: /health` of a Kubernetes document
def health(): ...
"""

from __future__ import annotations

from collections.abc import Iterator

from dbhygiene.library.test_files import is_test_file
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
        asking = [each for each in probes if _answers(file, view, join(each.path.partition("?")[0]))]
        others = _files_of_same_route(file, view) if asking else []
        if others or len({each.names for each in asking}) > 1:
            named = (each for each in asking if _runs(each, file))
            asking = [each for each in named if not any(_runs(each, other) for other in others)]
        if asking and not _is_cached(file, view):
            yield view, asking[0]


def _files_of_same_route(file: File, view: View) -> list[File]:
    """Return the other files that have a view of the same route: those of other programs of the repository."""
    return [
        other for route in view.routes for other in _files_with_route(file, route) if _has_route(file, other, route)
    ]


def _files_with_route(file: File, route: str) -> Iterator[File]:
    last = route.rpartition("/")[2]
    for quote in "\"'":
        yield from file.project.files_containing(f"{last}{quote}")


def _has_route(file: File, other: File, route: str) -> bool:
    """Whether another file has a view of the same route."""
    if other.path == file.path or is_test_file(other) or not other.is_program:
        return False
    return any(route in each.routes for each in views(other))


def _runs(probe: Probe, file: File) -> bool:
    """Whether a container is that of a file: one of its names is that of a directory around the file."""
    around = [part.lower().replace("_", "-") for part in file.relative_name.split("/")[:-1]]
    names = [name.lower().replace("_", "-") for name in probe.names if name]
    return any(name == part or name.endswith(f"-{part}") for name in names for part in around)


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
