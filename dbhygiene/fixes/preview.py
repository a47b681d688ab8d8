"""Preview of a fix: the fix of one finding, tried alone."""

from __future__ import annotations

from collections.abc import Sequence

from dbhygiene.diagnostics.model import Finding, Fix, Safety
from dbhygiene.fixes.apply import Check, try_fix
from dbhygiene.fixes.templates import EditError
from dbhygiene.source.file import File


def preview(file: File, check: Check, finding: Finding) -> Sequence[str] | str | None:
    """Return the lines of the fixed file, or why the fix cannot be proved, or None if there is nothing to show.

    A fix that is only shown needs no proof. It is left out if it cannot be carried out.
    """
    if not isinstance(finding.fix, Fix) or not finding.fix.edits:
        return None
    sketch = finding.fix.safety is Safety.SHOWN
    try:
        return try_fix(file, check, finding, proven=not sketch).lines
    except EditError as error:
        return None if sketch else str(error)
