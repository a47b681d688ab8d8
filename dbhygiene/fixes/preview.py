"""One finding's fix, tried alone: what a reader is shown before it is applied."""

from __future__ import annotations

from collections.abc import Sequence

from dbhygiene.diagnostics.model import Finding, Fix, Safety
from dbhygiene.fixes.apply import Check, try_fix
from dbhygiene.fixes.templates import EditError
from dbhygiene.source.file import File


def preview(file: File, check: Check, finding: Finding) -> Sequence[str] | str | None:
    """The lines of the file once fixed; or why the fix does not prove itself; None: there is nothing to show.

    What is a sketch only need not prove anything, and is not shown where it cannot be carried out.
    """
    if not isinstance(finding.fix, Fix) or not finding.fix.edits:
        return None
    sketch = finding.fix.safety is Safety.SHOWN
    try:
        return try_fix(file, check, finding, proven=not sketch).lines
    except EditError as error:
        return None if sketch else str(error)
