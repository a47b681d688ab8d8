"""Which files a check looks at, for tests of the cache."""

from __future__ import annotations

import pytest

from dbhygiene.checker import project_check


def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are checked from now on."""
    names: list[str] = []
    check_file = project_check.check_file
    monkeypatch.setattr(
        project_check, "check_file", lambda file, *rest: names.append(file.path.name) or check_file(file, *rest)
    )
    return names
