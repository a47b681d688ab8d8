"""Which files are tests."""

from __future__ import annotations

from dbhygiene.source import File

_DIRECTORIES = {"tests", "test", "testing", "acceptance", "e2e"}


def is_test(file: File) -> bool:
    """Whether a file is a part of tests, by its name or a directory around it: tests end before any timeout."""
    name = file.path.name
    if name.startswith(("test_", "tests_", "tests.", "conftest")) or name.endswith(("_test.py", "_tests.py")):
        return True
    root = file.project.root
    path = file.path.relative_to(root) if root is not None and file.path.is_relative_to(root) else file.path
    around = {*file.module.split(".")[:-1], *(path.parts[:-1] if not path.is_absolute() else path.parts[-2:-1])}
    return any(
        each in _DIRECTORIES or each.endswith(("_tests", "_testing")) or each.startswith("testing_") for each in around
    )
