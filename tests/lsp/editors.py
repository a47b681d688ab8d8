"""An editor for tests: pytest-lsp's client, and a server in a process of its own."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Union

from lsprotocol import types
from pygls.uris import from_fs_path
from pytest_lsp import LanguageClient, client_capabilities
from pytest_lsp.client import make_test_lsp_client

from dbhygiene.lsp.positions import Encoding

DIAGNOSTICS = "textDocument/publishDiagnostics"


def pulling(encoding: Encoding = Encoding.Utf16) -> types.ClientCapabilities:
    """An editor that asks for diagnostics, and can do everything else that the server makes use of."""
    return types.ClientCapabilities(
        general=types.GeneralClientCapabilities(position_encodings=[encoding]),
        text_document=types.TextDocumentClientCapabilities(
            diagnostic=types.DiagnosticClientCapabilities(),
            publish_diagnostics=types.PublishDiagnosticsClientCapabilities(related_information=True),
            code_action=types.CodeActionClientCapabilities(
                resolve_support=types.ClientCodeActionResolveOptions(["edit"])
            ),
        ),
        workspace=types.WorkspaceClientCapabilities(
            workspace_edit=types.WorkspaceEditClientCapabilities(document_changes=True),
            diagnostics=types.DiagnosticWorkspaceClientCapabilities(refresh_support=True),
        ),
        window=types.WindowClientCapabilities(show_document=types.ShowDocumentClientCapabilities(support=True)),
    )


def pushed() -> types.ClientCapabilities:
    """Neovim 0.7, which is sent its diagnostics."""
    return client_capabilities("neovim@0.7.0")


class Editor:
    """A session with open documents."""

    def __init__(self, client: LanguageClient, answer: types.InitializeResult) -> None:
        self.client = client
        self.abilities = answer.capabilities
        self.versions: dict[str, int] = {}

    def open(self, path: Path, text: str | None = None) -> str:
        """Open a file, with another text if one is given; return its address."""
        uri = uri_of(path)
        self.versions[uri] = 1
        item = types.TextDocumentItem(uri, "python", 1, path.read_text("utf-8") if text is None else text)
        self.client.text_document_did_open(types.DidOpenTextDocumentParams(item))
        return uri

    def change(self, uri: str, *changes: types.TextDocumentContentChangeEvent | str) -> None:
        """Change a document; a text replaces all of it."""
        self.versions[uri] += 1
        events = [
            types.TextDocumentContentChangeWholeDocument(each) if isinstance(each, str) else each for each in changes
        ]
        about = types.VersionedTextDocumentIdentifier(uri=uri, version=self.versions[uri])
        self.client.text_document_did_change(types.DidChangeTextDocumentParams(about, events))

    def save(self, uri: str) -> None:
        self.client.text_document_did_save(types.DidSaveTextDocumentParams(types.TextDocumentIdentifier(uri)))

    def close(self, uri: str) -> None:
        self.client.text_document_did_close(types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(uri)))

    async def pull(self, uri: str, previous: str | None = None) -> types.DocumentDiagnosticReport:
        about = types.TextDocumentIdentifier(uri)
        return await self.client.text_document_diagnostic_async(
            types.DocumentDiagnosticParams(about, previous_result_id=previous)
        )

    async def pulled(self, uri: str) -> list[types.Diagnostic]:
        """Return the diagnostics of a document."""
        report = await self.pull(uri)
        assert isinstance(report, types.RelatedFullDocumentDiagnosticReport)
        return list(report.items)

    async def received(self, uri: str) -> list[types.Diagnostic]:
        """Return the next diagnostics that the server sends for a document."""
        while True:
            params = await self.client.wait_for_notification(DIAGNOSTICS)
            if params.uri == uri:
                return list(params.diagnostics)

    async def actions(self, uri: str, line: int, only: list[str] | None = None) -> list[types.CodeAction]:
        """Return the actions of a line, from 1."""
        place = types.Position(line - 1, 0)
        context = types.CodeActionContext([], only=only)
        params = types.CodeActionParams(types.TextDocumentIdentifier(uri), types.Range(place, place), context)
        found = await self.client.text_document_code_action_async(params) or []
        return [each for each in found if isinstance(each, types.CodeAction)]

    async def resolved(self, action: types.CodeAction) -> types.CodeAction:
        return await self.client.code_action_resolve_async(action)


@asynccontextmanager
async def editor(
    *folders: Path, can: types.ClientCapabilities | None = None, options: Mapping[str, Any] | None = None
) -> AsyncIterator[Editor]:
    """A session with these folders, and its end."""
    client = make_test_lsp_client()
    assert isinstance(client, LanguageClient)
    converter = client.protocol._converter  # the one of lsprotocol takes an action with a command for a command
    converter.register_structure_hook(
        Union[types.Command, types.CodeAction],  # noqa: UP007
        lambda given, _: converter.structure(given, types.CodeAction),
    )
    await client.start_io(sys.executable, "-m", "dbhygiene", "server")
    found = await client.initialize_session(
        types.InitializeParams(
            capabilities=can or pulling(),
            workspace_folders=[types.WorkspaceFolder(uri_of(folder), folder.name) for folder in folders],
            initialization_options=options,
        )
    )
    try:
        yield Editor(client, found)
    finally:
        await client.shutdown_session()
        await client.stop()


def uri_of(path: Path) -> str:
    return from_fs_path(str(path)) or ""


def project(root: Path, files: Mapping[str, str]) -> Path:
    """Write files below a directory, and return it."""
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, "utf-8", newline="")
    return root


def with_edits(text: str, edits: list[types.TextEdit], encoding: Encoding) -> str:
    """Return a text after the edits of an editor that counts in these units."""
    codec, unit = {Encoding.Utf8: ("utf-8", 1), Encoding.Utf16: ("utf-16-le", 2)}.get(encoding, ("utf-32-le", 4))
    lines = text.splitlines(keepends=True)

    def offset(place: types.Position) -> int:
        before = "".join(lines[: place.line]).encode(codec)
        return len(before) + place.character * unit

    data = text.encode(codec)
    for edit in sorted(edits, key=lambda edit: (edit.range.start.line, edit.range.start.character), reverse=True):
        data = data[: offset(edit.range.start)] + edit.new_text.encode(codec) + data[offset(edit.range.end) :]
    return data.decode(codec)
