"""`FixPreviews`: the file that the fix of one finding would make, carried out on the unchanged text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TypeAlias

from dbhygiene.diagnostics.edits import Edit
from dbhygiene.diagnostics.model import Finding, Fix, Safety
from dbhygiene.fixes.apply import Check, Trial, apart, edits_of, of_one_kind, without_proof
from dbhygiene.fixes.targets import EditError
from dbhygiene.source.file import File

_Key: TypeAlias = "tuple[str, tuple[Edit, ...]]"


class FixPreviews:
    """Carries out the fixes of one file, each by itself on the unchanged text.

    A proof costs as much as checking the file again. `after` therefore proves the fixes that do not overlap together,
    as `fix` applies them; `alone` proves the one fix, as an editor applies it.
    """

    def __init__(self, file: File, check: Check, findings: Sequence[Finding] | None = None) -> None:
        """`findings` are those of the file, if they are known."""
        self.file = file
        self._check = check
        self._known = findings
        self._proofs: dict[Safety, Mapping[_Key, File | str | None]] = {}

    @cached_property
    def _findings(self) -> Sequence[Finding]:
        return self._check(self.file) if self._known is None else self._known

    @cached_property
    def _trial(self) -> Trial:
        return Trial(self.file, self._check, self._findings)

    def after(self, finding: Finding) -> File | str | None:
        """Return the fixed file, or why the fix cannot be proved, or None if there is no fix.

        A fix that is only shown needs no proof. It is left out if it cannot be carried out.
        """
        fix = finding.fix
        if not isinstance(fix, Fix) or fix.safety is Safety.SHOWN:
            return self.alone(finding)
        proofs, key = self._proofs_of(fix.safety), _key(finding)
        if key not in proofs:
            return self.alone(finding)
        try:
            return proofs[key] or self._trial.edited([finding])
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

    def _proofs_of(self, safety: Safety) -> Mapping[_Key, File | str | None]:
        """Return the outcome of each fix of this safety; None if it is proved together with others.

        Fixes that overlap are in different proofs.
        """
        if safety not in self._proofs:
            proofs: dict[_Key, File | str | None] = {}
            left = [each for each in self._findings if isinstance(each.fix, Fix) and each.fix.safety is safety]
            while left := [each for each in left if edits_of(each) and _key(each) not in proofs]:
                proofs |= self._prove(apart(of_one_kind(left)))
            self._proofs[safety] = proofs
        return self._proofs[safety]

    def _prove(self, together: Sequence[Finding]) -> dict[_Key, File | str | None]:
        """Return the outcome of each of these fixes; if they cannot be proved together, try each half by itself."""
        if len(together) == 1:
            return {_key(each): self.alone(each) for each in together}
        try:
            self._trial.outcome(together)
        except EditError:
            middle = len(together) // 2
            return self._prove(together[:middle]) | self._prove(together[middle:])
        return dict.fromkeys(map(_key, together))


def _key(finding: Finding) -> _Key:
    """Return the key of a finding, which is the same in a report, where it may have another place."""
    return finding.fingerprint, edits_of(finding)
