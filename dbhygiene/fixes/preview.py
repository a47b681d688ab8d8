"""What a fix would make of a file: the fix of one finding, tried alone."""

from __future__ import annotations

from functools import cached_property

from dbhygiene.diagnostics.model import Finding, Fix, Safety
from dbhygiene.fixes.apply import Check, Trial, without_proof
from dbhygiene.fixes.templates import EditError
from dbhygiene.source.file import File


class FixPreviews:
    """Tries the fixes of one file, each alone on the unchanged text."""

    def __init__(self, file: File, check: Check) -> None:
        self.file = file
        self._check = check

    @cached_property
    def _trial(self) -> Trial:
        return Trial(self.file, self._check, self._check(self.file))

    def after(self, finding: Finding) -> File | str | None:
        """Return the fixed file, or why the fix cannot be proved, or None if there is no fix.

        A fix that is only shown needs no proof. It is left out if it cannot be carried out.
        """
        if not isinstance(finding.fix, Fix) or not finding.fix.edits:
            return None
        if finding.fix.safety is Safety.SHOWN:
            try:
                return without_proof(self.file, finding.fix)
            except EditError:
                return None
        try:
            return self._trial.outcome([finding])[0]
        except EditError as error:
            return str(error)
