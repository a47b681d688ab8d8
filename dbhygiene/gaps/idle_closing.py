"""`IdleClosing`: whether the servers of a project's files close idle connections; for most files, this is asked first.

The answer for a directory is kept between runs. So a hook that checks a few files need not import the search for gaps.
"""

from __future__ import annotations

import os

from dbhygiene.gaps.django_use import may_use_django
from dbhygiene.source.file import File, NoProject, ProjectView, readable_file
from dbhygiene.source.inputs import answer

_SETTINGS = ("DATABASES", "DJANGO_SETTINGS_MODULE")  # in each file that holds settings of its own, or names them


@answer
def closes_idle_near(project: ProjectView, path: str) -> bool:
    """Whether the server of the site to which the file at a path belongs closes idle connections."""
    file = readable_file(project, path)
    return file is None or _closes_idle(file)


def _closes_idle(file: File) -> bool:
    from dbhygiene.gaps.server_timeout import closes_idle  # a check of few files mostly knows it from the last run

    return closes_idle(file)


class IdleClosing:
    """Whether the servers of a project's files close idle connections: asked once for the files of one directory.

    These belong to one site: modules are found, and requirements apply, by directory. Only a file with settings of its
    own may differ, and one whose name is that of another package.
    """

    def __init__(self, project: ProjectView) -> None:
        self._project = project
        self._asked: dict[tuple[str, str], str] = {}  # the file for which it is asked, by directory and package

    def applies_to(self, file: File) -> bool:
        """Whether the server that a file uses is known, or assumed, to close connections that are idle for too long."""
        if isinstance(self._project, NoProject) or any(word in file.text for word in _SETTINGS):
            return _closes_idle(file)
        place = file.directory, file.module.partition(".")[0]
        if place not in self._asked:
            package = os.path.join(file.directory, "__init__.py")  # edited less often: its answer lasts
            self._asked[place] = package if os.path.isfile(package) else str(file.path)
        return closes_idle_near(self._project, self._asked[place])

    def rules_out_gaps(self, file: File) -> bool:
        """Whether no server closes the connections of a file; False if this is not known for any file."""
        return self.is_known and not (may_use_django(file) and self.applies_to(file))

    @property
    def is_known(self) -> bool:
        """Whether it is known for any file, as after a check of the whole project."""
        return any(kind == closes_idle_near.__name__ for kind, *_ in self._project.inputs.answers)
