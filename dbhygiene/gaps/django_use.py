"""`uses_django`: whether a project uses Django; if not, no connection is Django's, whatever types expressions have."""

from __future__ import annotations

from dbhygiene.source.file import File, NoProject, ProjectView, readable_file
from dbhygiene.source.inputs import answer
from dbhygiene.source.queries import query


@answer
def uses_django(project: ProjectView) -> bool:
    """Whether any file of the project may import Django, by its text."""
    return isinstance(project, NoProject) or any(
        _uses_django_in(project, str(path)) for path in project.paths_containing("django")
    )


@answer
def _uses_django_in(project: ProjectView, path: str) -> bool:
    file = readable_file(project, path)
    return file is not None and _imports_django(file) and file.is_program


@query
def may_use_django(file: File) -> bool:
    """Whether a file, or any other of its project, may import Django, by its text."""
    return _imports_django(file) or uses_django(file.project)


def _imports_django(file: File) -> bool:
    return "from django" in file.text or "import django" in file.text
