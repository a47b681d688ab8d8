"""Options of the editor, and the diagnostics that it is sent, without a session."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types

import dbhygiene.lsp.diagnostics as made
from dbhygiene.config.errors import UsageError
from dbhygiene.config.settings import Confidence
from dbhygiene.diagnostics.model import Finding, Impact
from dbhygiene.lsp.client import Client, EditorOptions
from dbhygiene.source.nodes import Span

FINDING = Finding(Path("/a.py"), Span(1, 0, 1, 4), "HYG101", "connection-not-closed", "never closed")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"hovers": False}, "unknown option `hovers` (did you mean `hover`?)"),
        ({"hover": "no"}, "`hover` must be true or false"),
        ({"config": "a=1"}, '`config` must be a list such as `["server-timeout=60"]`'),
        ({"config": ["a"]}, '`config` must be a list such as `["server-timeout=60"]`'),
        ([], "the options of the language server must be an object"),
    ],
)
def test_a_wrong_option_is_an_error(given: Any, message: str) -> None:
    with pytest.raises(UsageError) as raised:
        EditorOptions().update(given)
    assert str(raised.value) == message


def test_options_that_are_not_sent_stay() -> None:
    changed = EditorOptions().update({"workspaceDiagnostics": True, "config": ["a=1"]}).update({"hover": False})
    assert changed == EditorOptions(hover=False, workspace_diagnostics=True, config=("a=1",))
    assert changed.update(None) == changed


@pytest.mark.parametrize(
    ("confidence", "impact", "severity"),
    [
        (Confidence.CERTAIN, Impact.REPEATED, types.DiagnosticSeverity.Error),
        (Confidence.CERTAIN, Impact.ONCE, types.DiagnosticSeverity.Warning),
        (Confidence.LIKELY, Impact.UNKNOWN, types.DiagnosticSeverity.Warning),
        (Confidence.POSSIBLE, Impact.REPEATED, types.DiagnosticSeverity.Information),
        (Confidence.POSSIBLE, Impact.ONCE, types.DiagnosticSeverity.Hint),
    ],
)
def test_severity_is_that_of_confidence_and_impact(
    confidence: Confidence, impact: Impact, severity: types.DiagnosticSeverity
) -> None:
    assert made.severity_of(FINDING._replace(confidence=confidence, impact=impact)) == severity


def test_a_diagnostic_links_to_the_page_of_its_rule_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def page() -> types.CodeDescription | None:
        found = made.diagnostic_of(FINDING, Client(), lambda _: ["conn"], lambda _: "file:///a.py")
        return found.code_description

    monkeypatch.setattr(made, "DOCUMENTATION", "")
    assert page() is None
    monkeypatch.setattr(made, "DOCUMENTATION", "https://docs.example/")
    assert page() == types.CodeDescription("https://docs.example/rules/connection-not-closed.html")
