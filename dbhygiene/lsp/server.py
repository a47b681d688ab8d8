"""`Server`: the language server. It keeps the documents, and answers in the order of the newest texts.

Files are checked in one thread besides. Each answer is about the documents at the moment when its turn comes, so that
a check of an older text is never begun once a newer one is known.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer

from dbhygiene import __version__
from dbhygiene.config.errors import UsageError
from dbhygiene.lsp import actions
from dbhygiene.lsp.client import Client, Options
from dbhygiene.lsp.documents import Document, path_of
from dbhygiene.lsp.positions import Encoding
from dbhygiene.lsp.workspace import Workspace

DELAY = 0.15  # seconds without an edit, after which diagnostics are sent
Answer = TypeVar("Answer")


class Server(LanguageServer):
    """One editor's server."""

    client: Client
    space: Workspace

    def __init__(self) -> None:
        super().__init__("dbhygiene", __version__)
        self.options = Options()
        self.documents: Mapping[str, Document] = {}  # replaced, never changed: the other thread reads it
        self.base = Path.cwd()
        self._worker = ThreadPoolExecutor(1, "dbhygiene-check")
        self._waiting: dict[str, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    # -- set-up ---------------------------------------------------------------------------------------

    def start(self, params: types.InitializeParams) -> None:
        """Take over what the editor can do and wants, and its folders."""
        encoding = self.workspace.position_encoding
        self.client = Client.of(params.capabilities, Encoding(encoding or Encoding.Utf16))
        self.configure(params.initialization_options)
        uris = [folder.uri for folder in params.workspace_folders or ()] or [params.root_uri or ""]
        folders = [path for uri in uris if (path := path_of(uri))]
        self.base = folders[0] if folders else self.base
        self.space = Workspace(self.client, self.options, folders)

    def configure(self, given: object) -> None:
        """Set the options that the editor has sent; show a mistake."""
        try:
            self.options = self.options.updated(given)
        except UsageError as error:
            self.show(f"{error}", types.MessageType.Warning)

    def show(self, message: str, kind: types.MessageType = types.MessageType.Info) -> None:
        """Show a message to the user."""
        self.window_show_message(types.ShowMessageParams(kind, f"dbhygiene: {message}"))

    # -- documents ------------------------------------------------------------------------------------

    def put(self, document: Document) -> None:
        """Take over a new text."""
        self.documents = {**self.documents, document.uri: document}

    def drop(self, uri: str) -> None:
        """Forget a document that is closed: its file counts again."""
        self.documents = {other: document for other, document in self.documents.items() if other != uri}

    # -- the other thread -----------------------------------------------------------------------------

    async def ask(self, question: Callable[[Workspace], Answer]) -> Answer:
        """Return an answer of the workspace about the newest texts."""

        def answer() -> Answer:
            self.space.use(self.documents)
            return question(self.space)

        return await asyncio.get_running_loop().run_in_executor(self._worker, answer)

    async def ask_about(self, uri: str, question: Callable[[Workspace, Document], Answer]) -> Answer | None:
        """Return an answer about a document; None if it is not open."""

        def answer(space: Workspace) -> Answer | None:
            document = self.documents.get(uri)
            return question(space, document) if document else None

        return await self.ask(answer)

    # -- diagnostics ----------------------------------------------------------------------------------

    def publish_later(self, uri: str, delay: float = DELAY) -> None:
        """Send the diagnostics of a document after a while without edits, to an editor that does not ask for them."""
        if not self.client.pulls:
            self._later(uri, delay, lambda: self._begin(uri))

    def publish_all(self) -> None:
        """Send the diagnostics of all documents, or have the editor ask for them."""
        if self.client.refreshes:
            self._later("", DELAY, lambda: self.workspace_diagnostic_refresh(None))
        for uri in self.documents:
            self.publish_later(uri, delay=0)

    def _later(self, key: str, delay: float, act: Callable[[], object]) -> None:
        """Act after a while, unless the same is to be done later still."""
        if (waiting := self._waiting.get(key)) is not None:
            waiting.cancel()
        self._waiting[key] = asyncio.get_running_loop().call_later(delay, act)

    def _begin(self, uri: str) -> None:
        task = asyncio.get_running_loop().create_task(self._publish(uri))
        self._tasks.add(task)  # the loop itself keeps no reference to it
        task.add_done_callback(self._tasks.discard)

    async def _publish(self, uri: str) -> None:
        def answer(space: Workspace, document: Document) -> types.PublishDiagnosticsParams:
            return types.PublishDiagnosticsParams(uri, space.diagnostics(document), document.version)

        found = await self.ask_about(uri, answer)
        current = self.documents.get(uri)
        if found is not None and current is not None and current.version == found.version:
            self.text_document_publish_diagnostics(found)

    def clear(self, uri: str) -> None:
        """Remove the diagnostics of a closed document."""
        if not self.client.pulls:
            self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, []))

    def close(self) -> None:
        """End the other thread."""
        self._worker.shutdown(wait=False, cancel_futures=True)


def create() -> Server:
    """Return a server with all its features."""
    server = Server()

    @server.feature(types.INITIALIZE)
    def initialize(params: types.InitializeParams) -> None:
        server.start(params)

    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    def did_open(params: types.DidOpenTextDocumentParams) -> None:
        document = Document.opened(params.text_document, server.base)
        server.put(document)
        server.publish_later(document.uri, delay=0)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def did_change(params: types.DidChangeTextDocumentParams) -> None:
        about = params.text_document
        if (known := server.documents.get(about.uri)) is not None:
            server.put(known.changed(about.version, params.content_changes, server.client.encoding))
            server.publish_later(about.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def did_close(params: types.DidCloseTextDocumentParams) -> None:
        server.drop(params.text_document.uri)
        server.clear(params.text_document.uri)
        server.publish_all()  # others may depend on it

    @server.feature(types.TEXT_DOCUMENT_DID_SAVE)
    async def did_save(params: types.DidSaveTextDocumentParams) -> None:
        await server.ask(Workspace.refresh)
        server.publish_all()

    @server.feature(
        types.TEXT_DOCUMENT_DIAGNOSTIC,
        types.DiagnosticOptions(inter_file_dependencies=True, workspace_diagnostics=False, identifier="dbhygiene"),
    )
    async def diagnostic(params: types.DocumentDiagnosticParams) -> types.DocumentDiagnosticReport:
        found = await server.ask_about(params.text_document.uri, Workspace.diagnostics) or []
        result = _result_id(found)
        if result == params.previous_result_id:
            return types.RelatedUnchangedDocumentDiagnosticReport(result)
        return types.RelatedFullDocumentDiagnosticReport(found, result_id=result)

    @server.feature(
        types.TEXT_DOCUMENT_CODE_ACTION,
        types.CodeActionOptions([types.CodeActionKind.QuickFix, actions.FIX_ALL], resolve_provider=True),
    )
    async def code_action(params: types.CodeActionParams) -> list[types.CodeAction]:
        def answer(space: Workspace, document: Document) -> list[types.CodeAction]:
            return actions.actions_for(space, document, params)

        return await server.ask_about(params.text_document.uri, answer) or []

    @server.feature(types.CODE_ACTION_RESOLVE)
    async def resolve(action: types.CodeAction) -> types.CodeAction:
        data = action.data if isinstance(action.data, dict) else {}

        def answer(space: Workspace, document: Document) -> types.CodeAction:
            if document.version != data.get("version"):
                raise JsonRpcException("the document has changed", types.LSPErrorCodes.ContentModified)
            return actions.resolve(space, document, action)

        try:
            return await server.ask_about(data.get("uri", ""), answer) or action
        except UsageError as error:
            server.show(str(error))
            return action

    return server


def _result_id(found: list[types.Diagnostic]) -> str:
    """Return an id that is the same for equal diagnostics."""
    return sha256(repr(found).encode("utf-8", "replace")).hexdigest()[:16]


def serve() -> None:
    """Serve an editor on standard input and output until it ends the session."""
    server, output = create(), sys.stdout
    sys.stdout = sys.stderr  # what anything else prints must not get between the messages
    try:
        server.start_io(sys.stdin.buffer, output.buffer)
    finally:
        server.close()
