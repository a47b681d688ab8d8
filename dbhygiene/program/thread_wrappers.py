"""`closes_around`: whether a wrapper that runs functions in a thread closes old connections before and after them.

database_sync_to_async(load)     # yes: the function is Channels' own
Database(load)                   # yes, if `Database` derives from `SyncToAsync` and its `thread_handler` closes them
"""

from __future__ import annotations

from dbhygiene.library import django
from dbhygiene.program.classes import class_named, foreign_bases
from dbhygiene.program.code import calls_in, own_nodes
from dbhygiene.program.definitions import find_method
from dbhygiene.source.file import File
from dbhygiene.source.nodes import FUNCTION
from dbhygiene.source.queries import query


@query
def closes_around(file: File, name: str | None) -> bool:
    """Whether a function or class of this absolute name closes old connections around what it is given."""
    if name is None or name in django.CLOSES_AROUND:
        return name is not None
    cls = class_named(file, name)
    bases = foreign_bases(cls) if cls is not None else ()
    if cls is None or django.SYNC_TO_ASYNC.isdisjoint(bases):
        return not django.CLOSES_AROUND.isdisjoint(bases)
    run = find_method(cls, django.RUNS_IN_THREAD)
    if run is None or not isinstance(run.node, FUNCTION):
        return False
    return any(run.file.resolve(call.func) in django.CLOSES for call in calls_in(own_nodes(run.node)))


def is_transparent(file: File, name: str | None) -> bool:
    """Whether a function or class of this absolute name calls what it is given, and returns its result."""
    return name in django.TRANSPARENT or closes_around(file, name)
