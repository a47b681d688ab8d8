"""`FixPreviews`: the file that the fix of one finding would make, carried out on the unchanged text."""

from __future__ import annotations

from collections.abc import Sequence, Set
from functools import cached_property

from dbhygiene.diagnostics.edits import Edit
from dbhygiene.diagnostics.model import Finding, Fix, Safety
from dbhygiene.fixes.apply import Check, Trial, apart, edits_of, of_one_kind, without_proof
from dbhygiene.fixes.targets import EditError
from dbhygiene.source.file import File


class FixPreviews:
    """Carries out the fixes of one file, each by itself on the unchanged text.

    A proof costs as much as checking the file again. `after` therefore proves the fixes that do not overlap together,
    as `fix` applies them; `alone` proves the one fix, as an editor applies it.
    """

    def __init__(self, file: File, check: Check) -> None:
        self.file = file
        self._check = check
        self._proved: dict[Safety, Set[tuple[Edit, ...]]] = {}

    @cached_property
    def _findings(self) -> list[Finding]:
        return self._check(self.file)

    @cached_property
    def _trial(self) -> Trial:
        return Trial(self.file, self._check, self._findings)

    def after(self, finding: Finding) -> File | str | None:
        """Return the fixed file, or why the fix cannot be proved, or None if there is no fix.

        A fix that is only shown needs no proof. It is left out if it cannot be carried out.
        """
        fix = finding.fix
        if not isinstance(fix, Fix) or fix.safety is Safety.SHOWN or fix.edits not in self._proved_together(fix.safety):
            return self.alone(finding)
        try:
            return self._trial.edited([finding])
        except EditError as error:
            return str(error)

    def alone(self, finding: Finding) -> File | str | None:
        """Return what `after` does, with a proof of this fix by itself."""
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

    def _proved_together(self, safety: Safety) -> Set[tuple[Edit, ...]]:
        """Return the edits of each fix in the proof of many; none if that proof fails."""
        if safety not in self._proved:
            ready = [each for each in self._findings if isinstance(each.fix, Fix) and each.fix.safety is safety]
            together = apart(of_one_kind([each for each in ready if edits_of(each)]))
            self._proved[safety] = frozenset(map(edits_of, together)) if self._passes(together) else frozenset()
        return self._proved[safety]

    def _passes(self, together: Sequence[Finding]) -> bool:
        """Whether several fixes pass the checks; one is left to `alone`."""
        if len(together) < 2:
            return False
        try:
            self._trial.outcome(together)
        except EditError:
            return False
        return True
