"""`Member`: a project of a run: a directory with settings of its own is one, also within another one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from dbhygiene.config import loading
from dbhygiene.config.settings import Settings
from dbhygiene.project.discovery import Files, Listing
from dbhygiene.project.project import Project
from dbhygiene.source.records import Row


class Member(Row):
    """One project, the files of it that are checked, and the paths that could not be read, with the reason.

    `listed` are all names that git lists below the root, if the whole project is checked and git was run.
    """

    project: Project
    files: Files
    unlisted: Sequence[tuple[Path, str]] = ()
    listed: Collection[str] | None = None


def members(
    paths: Iterable[Path],
    settings: Callable[[Path], Settings],
    *,
    nested: bool = True,
    force_exclude: bool = False,
    meanwhile: Callable[[Project, Listing], Collection[str]] = lambda project, listing: (),
) -> Iterator[Member]:
    """Return the projects of these absolute paths, which must exist.

    Arguments:
        settings: those of the project with this root.
        nested: whether directories with settings are projects; False if one file of settings applies to all.
        meanwhile: called with a project while its files are listed; returns files that exist, and are no links.
    """
    by_root: dict[Path, list[Path]] = {}
    for path, root in loading.roots_of(paths).items():
        by_root.setdefault(root, []).append(path)
    projects = [Project(root, settings(root)) for root in by_root]
    listings = (each.listing(by_root[each.root], force_exclude=force_exclude) for each in projects)
    for outer, listing in zip(projects, _ahead(listings), strict=True):
        root, below = outer.root, by_root[outer.root]
        found = outer.collect(listing, meanwhile(outer, listing))
        parts = loading.by_root(found.files.names, root) if nested else {root: found.files.names}
        own = parts.pop(root, ())
        listed = found.listed if listing.is_all else None
        yield Member(outer, Files(own) if parts else found.files, found.unlisted, listed)
        for inner, files in parts.items():
            project = Project(inner, settings(inner))
            allowed = set(project.discover([inner]).files.names)
            allowed.update([] if force_exclude else map(str, below))  # a named file is always checked
            yield Member(project, Files(file for file in files if file in allowed))


def _ahead(listings: Iterator[Listing], count: int = 4) -> Iterator[Listing]:
    """Yield the listings; the next few are started in advance."""
    begun = deque(islice(listings, count))
    while begun:
        listing = begun.popleft()
        begun.extend(islice(listings, 1))
        yield listing
