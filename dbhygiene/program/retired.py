"""`reason_outside`: why a file is not part of a lasting program: an example, a tool, or code no longer in use."""

from __future__ import annotations

import re

from dbhygiene.library.test_files import is_example, is_for_developers, is_of_ansible, retired_folder
from dbhygiene.program.names import is_imported
from dbhygiene.source.file import File, file_query


@file_query
def reason_outside(file: File) -> str | None:
    """Return why a file is not part of the program, as a part of a sentence; None if it is."""
    if is_example(file):
        return "runs in an example"
    if is_for_developers(file):
        return "runs in a tool for developers"
    if is_of_ansible(file):
        return "runs once, in an Ansible module; then the process ends"
    if _is_retired(file):
        return "is no longer in use, as its folder says: no other file imports it"
    return None


def _is_retired(file: File) -> bool:
    """Whether a file lies in a folder of retired code, and no other file imports it or names it, as `legacy.urls`."""
    if (folder := retired_folder(file)) is None or is_imported(file, but_by=lambda other: bool(retired_folder(other))):
        return False
    others = file.project.files_mentioning_all(folder)
    used = re.compile(rf"\b{re.escape(folder)}\.\w")
    return others is not None and not any(used.search(each.text) for each in others if not retired_folder(each))
