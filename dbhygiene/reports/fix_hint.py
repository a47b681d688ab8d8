"""What to do about a finding, in a sentence."""

from __future__ import annotations

from dbhygiene.diagnostics.model import Finding, Fix, NoFix, Safety


def advice(finding: Finding, path: str) -> str:
    """How the fix is applied, or why there is none; empty where nothing is known.

    Arguments:
        path: the finding's file, as it is written in a command.
    """
    match finding.fix:
        case Fix(title=title, safety=Safety.SAFE):
            return f"{_lower_first(title)} (safe fix: `dbhygiene fix {path}`)"
        case Fix(title=title, safety=Safety.UNSAFE):
            return f"{_lower_first(title)} (unsafe fix: `dbhygiene fix --unsafe-fixes {path}`)"
        case Fix(title=title):
            return f"{_lower_first(title)} (by hand: this fix is never applied)"
        case NoFix(reason=reason):
            return f"not fixed: {reason}"
    return ""


def _lower_first(title: str) -> str:
    return title[:1].lower() + title[1:]
