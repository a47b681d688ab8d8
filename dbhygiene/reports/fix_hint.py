"""`advice`: the help of a finding: what to do, or why there is no fix.

close `conn` in a `finally` (safe fix: `dbhygiene fix app.py`)
"""

from __future__ import annotations

from dbhygiene.diagnostics.model import Finding, Fix, NoFix, Safety


def advice(finding: Finding, path: str) -> str:
    """Return how to apply the fix, or why there is none; empty if the rule says neither.

    Arguments:
        path: the file of the finding, for the command.
    """
    match finding.fix:
        case Fix(title=title, safety=Safety.SAFE):
            return f"{_lower_first(title)} (safe fix: `dbhygiene fix {path}`)"
        case Fix(title=title, safety=Safety.UNSAFE):
            return f"{_lower_first(title)} (unsafe fix: `dbhygiene fix --unsafe-fixes {path}`)"
        case Fix(title=title):
            return f"{_lower_first(title)} (a suggestion: `fix` does not apply it)"
        case NoFix(reason=reason):
            return by_hand(reason)
    return ""


def after_failure(finding: Finding, reason: str) -> Finding:
    """Return a finding whose fix has failed a check: it has the reason in place of the fix."""
    if not isinstance(finding.fix, Fix):
        return finding
    return finding._replace(fix=NoFix(f"{reason}; {_lower_first(finding.fix.title)}"))


def by_hand(reason: str) -> str:
    """Return what to do where there is no fix, and why there is none."""
    why, _, what = reason.rpartition("; ")
    return f"{what} (no fix: {why})" if why else f"change it by hand (no fix: {what})"


def _lower_first(title: str) -> str:
    return title[:1].lower() + title[1:]
