"""Whether a project uses Django: if not, no connection is Django's, whatever the types of its expressions."""

from __future__ import annotations

from dbhygiene.source.file import File, NoProject, ProjectView
from dbhygiene.source.queries import query


def uses_django(project: ProjectView) -> bool:
    """Whether any file of the project may import Django, by its text."""
    return isinstance(project, NoProject) or any(
        _imports_django(file) and file.is_program for file in project.files_containing("django")
    )


@query
def may_use_django(file: File) -> bool:
    """Whether a file, or any other of its project, may import Django, by its text."""
    return _imports_django(file) or uses_django(file.project)


def _imports_django(file: File) -> bool:
    return "from django" in file.text or "import django" in file.text
