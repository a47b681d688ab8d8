"""Code actions: the fix of each finding, and all safe fixes of a document. Their edits are computed when one is chosen.

`data` of an action holds the document, its version, and the fingerprint of the finding.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from lsprotocol import types

from dbhygiene.config.errors import UsageError
from dbhygiene.diagnostics.model import Finding, Fix, Safety
from dbhygiene.diagnostics.text_edits import TextChange, text_edits
from dbhygiene.lsp.client import Client
from dbhygiene.lsp.documents import Document
from dbhygiene.lsp.positions import range_of
from dbhygiene.lsp.workspace import Checked, Workspace
from dbhygiene.source.file import File

FIX_ALL = "source.fixAll.dbhygiene"
_LABELS = {Safety.SAFE: "", Safety.UNSAFE: " (may change behaviour)", Safety.SHOWN: " (a suggestion: read it first)"}


def actions_for(workspace: Workspace, document: Document, params: types.CodeActionParams) -> list[types.CodeAction]:
    """Return the code actions of a range in a document."""
    checked = workspace.check(document)
    if checked is None:
        return []
    here = [each for each in checked.findings if _touches(each, params.range)]
    found = [action for action in _actions(workspace, checked, here) if _is_wanted(action, params.context.only)]
    if not workspace.client.resolves_edits:
        for action in found:
            resolve(workspace, document, action)
        found = [action for action in found if action.edit or action.command]
    return found


def _actions(workspace: Workspace, checked: Checked, here: Iterable[Finding]) -> Iterator[types.CodeAction]:
    for finding in here:
        if isinstance(finding.fix, Fix) and finding.fix.edits:
            yield types.CodeAction(
                f"{finding.fix.title}{_LABELS[finding.fix.safety]}",
                types.CodeActionKind.QuickFix,
                [workspace.diagnostic(checked, finding)],
                is_preferred=finding.fix.safety is Safety.SAFE or None,
                data=_data(checked.document, "fix", finding),
            )
    if any(finding.fixable for finding in checked.findings):
        yield types.CodeAction(
            "Fix all that dbhygiene can fix safely", FIX_ALL, data=_data(checked.document, "fix-all")
        )


def _data(document: Document, does: str, finding: Finding | None = None) -> dict[str, Any]:
    about = {"fingerprint": finding.fingerprint} if finding else {}
    return {"uri": document.uri, "version": document.version, "does": does, **about}


def _touches(finding: Finding, range: types.Range) -> bool:
    return finding.span.line - 1 <= range.end.line and range.start.line <= finding.span.end_line - 1


def _is_wanted(action: types.CodeAction, only: Iterable[str] | None) -> bool:
    """Whether an action is of one of these kinds, or of a kind below one."""
    return only is None or any(f"{action.kind}.".startswith(f"{kind}.") for kind in only)


def resolve(workspace: Workspace, document: Document, action: types.CodeAction) -> types.CodeAction:
    """Add its edit to an action; raise UsageError if a fix cannot be proved."""
    checked = workspace.check(document)
    file = checked.project.file(document.path) if checked else None
    if checked is None or file is None or not isinstance(action.data, dict):
        return action
    if action.data["does"] == "fix-all":
        after = _fix_all(checked, file)
    else:
        wanted = action.data["fingerprint"]
        finding = next((each for each in checked.findings if each.fingerprint == wanted), None)
        after = _fix(checked, file, finding) if finding else file.text
    if after != file.text:
        action.edit = edit_of(document, file, after, workspace.client)
    return action


def _fix(checked: Checked, file: File, finding: Finding) -> str:
    """Return the text after the fix of a finding."""
    from dbhygiene.fixes.preview import FixPreviews  # imports LibCST

    after = FixPreviews(file, checked.project.checker(file.path)).after(finding)
    if isinstance(after, str):
        raise UsageError(f"not fixed: {after}")
    return after.text if after else file.text


def _fix_all(checked: Checked, file: File) -> str:
    """Return the text after all safe fixes."""
    from dbhygiene.fixes.apply import fix

    return fix(file, checked.project.checker(file.path)).text


def edit_of(document: Document, file: File, after: str, client: Client) -> types.WorkspaceEdit:
    """Return the edit that makes another text of a document."""
    edits = [
        types.TextEdit(range_of(edit.span, file.lines, client.encoding), edit.content)
        for edit in text_edits(TextChange(file.text, after))
    ]
    if not client.versioned_edits:
        return types.WorkspaceEdit({document.uri: edits})
    about = types.OptionalVersionedTextDocumentIdentifier(document.uri, document.version)
    return types.WorkspaceEdit(document_changes=[types.TextDocumentEdit(about, edits)])
