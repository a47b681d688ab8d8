"""`diagnostic_of`: a finding as a diagnostic of the protocol; a pure function."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lsprotocol import types

from dbhygiene import DOCUMENTATION
from dbhygiene.config.settings import LEVELS
from dbhygiene.diagnostics.model import Finding, Impact, Step
from dbhygiene.lsp.client import Client
from dbhygiene.lsp.positions import range_of
from dbhygiene.reports.brief import in_brief
from dbhygiene.reports.common import page_address

SOURCE = "dbhygiene"
_SEVERITIES = (
    types.DiagnosticSeverity.Error,
    types.DiagnosticSeverity.Warning,
    types.DiagnosticSeverity.Information,
    types.DiagnosticSeverity.Hint,
)

Lines = Callable[["Finding | Step"], Sequence[str]]
Address = Callable[["Finding | Step"], str]


def severity_of(finding: Finding) -> types.DiagnosticSeverity:
    """Return the severity by the confidence; one lower for code that runs only once in a process."""
    return _SEVERITIES[LEVELS.index(finding.confidence.level) + (finding.impact is Impact.ONCE)]


def diagnostic_of(finding: Finding, client: Client, lines: Lines, address: Address) -> types.Diagnostic:
    """Return the diagnostic of a finding.

    Arguments:
        lines: returns the lines of the file of a place, or of its cell.
        address: returns the address of that file or cell, as the editor spells it.
    """
    page = page_address(finding.name, DOCUMENTATION)
    message = [finding.message, *finding.notes]
    related = [_related_information(step, client, lines, address) for step in finding.steps]
    if not client.related_information and (path := in_brief(finding, lines)):
        message[0] += f" ({path})"
    return types.Diagnostic(
        range_of(finding.span, lines(finding), client.encoding),
        "\n".join(message),
        severity_of(finding),
        finding.code,
        types.CodeDescription(page) if page else None,
        SOURCE,
        related_information=related if client.related_information and related else None,
        data={"fingerprint": finding.fingerprint},
    )


def _related_information(
    step: Step, client: Client, lines: Lines, address: Address
) -> types.DiagnosticRelatedInformation:
    where = types.Location(address(step), range_of(step.span, lines(step), client.encoding))
    return types.DiagnosticRelatedInformation(where, step.message)
