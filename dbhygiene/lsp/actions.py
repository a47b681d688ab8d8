"""`actions_for`: code actions: fixes, comments that silence, and commands. Edits are computed when an action is chosen.

`data` of an action holds the document, its version, and the fingerprint of the finding.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

from lsprotocol import types

from dbhygiene.checker.own_findings import NEVER_SILENCED
from dbhygiene.config.errors import UsageError
from dbhygiene.diagnostics.annotate import with_ignores
from dbhygiene.diagnostics.cells import in_cell
from dbhygiene.diagnostics.model import Finding, Fix, Safety
from dbhygiene.diagnostics.text_edits import TextChange, text_edits
from dbhygiene.lsp.client import Client
from dbhygiene.lsp.documents import Document
from dbhygiene.lsp.notebooks import part_of
from dbhygiene.lsp.positions import range_of
from dbhygiene.lsp.workspace import Checked, Workspace
from dbhygiene.source.file import File

FIX_ALL = "source.fixAll.dbhygiene"
ADD_TO_BASELINE, OPEN_PAGE, SHOW_PATH = "dbhygiene.addToBaseline", "dbhygiene.openPage", "dbhygiene.showPath"
KINDS = (types.CodeActionKind.QuickFix, FIX_ALL)
_REASON = "because ..."  # to be completed
_LABELS = {Safety.SAFE: "", Safety.UNSAFE: " (may change behaviour)", Safety.SHOWN: " (a suggestion: read it first)"}


def actions_for(workspace: Workspace, document: Document, params: types.CodeActionParams) -> list[types.CodeAction]:
    """Return the code actions of a range in a document."""
    checked = workspace.check(document)
    if checked is None:
        return []
    here = [each for each in checked.findings if _touches(checked.in_document(each), params.range)]
    found = [action for action in _actions(workspace, checked, here) if _is_wanted(action, params.context.only)]
    return found if workspace.client.resolves_edits else list(_resolve_actions(workspace, document, found))


def _resolve_actions(
    workspace: Workspace, document: Document, found: Iterable[types.CodeAction]
) -> Iterator[types.CodeAction]:
    """Yield these actions with their edits, without those that turn out to have none."""
    for action in found:
        with suppress(UsageError):
            resolve_action(workspace, document, action)
        if action.edit or action.command:
            yield action


def _actions(workspace: Workspace, checked: Checked, here: Iterable[Finding]) -> Iterator[types.CodeAction]:
    for finding in here:
        about = [workspace.diagnostic(checked, finding)]
        for action in _actions_of(workspace.client, checked, finding):
            action.diagnostics = about
            yield action
    if any(finding.fixable for finding in checked.findings):
        data = _data(checked.document, "fix-all")
        yield types.CodeAction("Fix all that dbhygiene can fix safely", FIX_ALL, data=data)


def _actions_of(client: Client, checked: Checked, finding: Finding) -> Iterator[types.CodeAction]:
    """Yield the actions for one finding, the most useful first."""
    quick, document, fix = types.CodeActionKind.QuickFix, checked.document, finding.fix
    if isinstance(fix, Fix) and fix.edits:
        is_preferred = fix.safety is Safety.SAFE or None
        data = _data(document, "fix", finding)
        yield types.CodeAction(f"{fix.title}{_LABELS[fix.safety]}", quick, is_preferred=is_preferred, data=data)
    if finding.code not in NEVER_SILENCED:
        yield types.CodeAction(
            f"Ignore {finding.name} here, because ...", quick, data=_data(document, "ignore", finding)
        )
    given = (document.uri, finding.fingerprint)
    if finding.code not in NEVER_SILENCED and checked.project.settings.baseline:
        yield _command(f"Add {finding.name} to the baseline", ADD_TO_BASELINE, *given)
    if client.shows_documents:
        yield _command(f"Open the page of {finding.name}", OPEN_PAGE, finding.name)
        if len(finding.steps) > 1:
            yield _command(f"Show the path to {finding.name}", SHOW_PATH, *given)


def _command(title: str, name: str, *arguments: str) -> types.CodeAction:
    return types.CodeAction(
        title, types.CodeActionKind.QuickFix, command=types.Command(title, name, arguments=arguments)
    )


def _data(document: Document, does: str, finding: Finding | None = None) -> dict[str, Any]:
    about = {"fingerprint": finding.fingerprint} if finding else {}
    return {"uri": document.uri, "version": document.version, "does": does, **about}


def _touches(finding: Finding, range: types.Range) -> bool:
    return finding.span.line - 1 <= range.end.line and range.start.line <= finding.span.end_line - 1


def _is_wanted(action: types.CodeAction, only: Iterable[str] | None) -> bool:
    """Whether an action is of one of these kinds, or of a kind below one."""
    return only is None or any(f"{action.kind}.".startswith(f"{kind}.") for kind in only)


def resolve_action(workspace: Workspace, document: Document, action: types.CodeAction) -> types.CodeAction:
    """Add its edit to an action; raise UsageError if there is none, with the reason."""
    data = action.data
    checked = workspace.check(document) if isinstance(data, dict) else None
    file = checked.project.file(document.path) if checked else None
    if checked is None or file is None or not isinstance(data, dict):
        return action
    does, documents = data["does"], workspace.documents_beside(document)
    if does == "fix-all":
        action.edit = edit_of(documents, file, _fix_all(checked, file), workspace.client)
    elif (finding := checked.finding(data["fingerprint"])) is not None:
        after = _fix(checked, file, finding) if does == "fix" else with_ignores(file, [finding], _REASON)
        reason = _REASON if does == "ignore" else ""
        action.edit = edit_of(documents, file, after, workspace.client, reason)
    return action


def _fix(checked: Checked, file: File, finding: Finding) -> File:
    """Return the file after the fix of a finding."""
    from dbhygiene.fixes.preview import FixPreviews  # imports LibCST

    after = FixPreviews(file, checked.project.checker(file.path)).alone(finding)
    if isinstance(after, str):
        raise UsageError(f"not fixed: {after}")
    return after or file


def _fix_all(checked: Checked, file: File) -> File:
    """Return the file after all safe fixes of a document's findings."""
    from dbhygiene.fixes.apply import fix

    check, cell = checked.project.checker(file.path), checked.document.cell

    def check_with_fixes_here(changed: File) -> list[Finding]:
        """Return all findings, since a fix must cause none in another cell; those in this one with their fixes."""
        found = ((each, in_cell(each, lambda _: changed.notebook).cell == cell) for each in check(changed))
        return [each if is_here else each._replace(fix=None) for each, is_here in found]

    return file.with_contents(fix(file, check_with_fixes_here).text)


def edit_of(
    documents: Iterable[Document], file: File, after: File, client: Client, blank: str = ""
) -> types.WorkspaceEdit | None:
    """Return the edit that makes another file of one; None if it is the same.

    Arguments:
        documents: those that hold the text of the file.
        blank: words in the new text that the user is to complete, where the editor can select them.
    """
    edits = [(each, found) for each in documents if (found := _edits(each, file, after, client))]
    if not edits:
        return None
    if not client.versioned_edits:
        return types.WorkspaceEdit({document.uri: found for document, found in edits})
    return types.WorkspaceEdit(document_changes=[_document_edit(*each, client, blank) for each in edits])


def _edits(document: Document, file: File, after: File, client: Client) -> list[types.TextEdit]:
    """Return the edits of a document that make it a part of another file."""
    part = part_of(file, document.cell)
    return [
        types.TextEdit(range_of(edit.span, part.lines, client.encoding), edit.content)
        for edit in text_edits(TextChange(part.text, part_of(after, document.cell).text))
    ]


def _document_edit(
    document: Document, edits: list[types.TextEdit], client: Client, blank: str
) -> types.TextDocumentEdit:
    about = types.OptionalVersionedTextDocumentIdentifier(document.uri, document.version)
    if blank and client.edits_snippets:
        snippets = [types.SnippetTextEdit(edit.range, _snippet(edit.new_text, blank)) for edit in edits]
        return types.TextDocumentEdit(about, snippets)
    return types.TextDocumentEdit(about, edits)


def _snippet(text: str, blank: str) -> types.StringValue:
    """Return a text as a snippet in which some words are a placeholder."""
    parts = [re.sub(r"[\\$}]", r"\\\g<0>", part) for part in text.split(blank)]
    return types.StringValue(f"${{1:{blank}}}".join(parts))
