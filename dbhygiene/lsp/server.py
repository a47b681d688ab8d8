"""`Server`: the language server. It keeps the documents, and answers in the order of the newest texts.

Files are checked in one thread besides. Each answer is about the documents at the moment when its turn comes, so that
a check of an older text is never begun once a newer one is known.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer

from dbhygiene import DOCUMENTATION, __version__
from dbhygiene.checker import baseline_filter
from dbhygiene.config.errors import UsageError
from dbhygiene.lsp import actions
from dbhygiene.lsp.client import Client, EditorOptions
from dbhygiene.lsp.documents import Document, uri_of, uri_to_path
from dbhygiene.lsp.notebooks import SYNC, OpenNotebook, Texts, documents_of
from dbhygiene.lsp.pages import path_page, rule_page
from dbhygiene.lsp.positions import Encoding
from dbhygiene.lsp.settings_problems import Reports
from dbhygiene.lsp.whole_check import Found, WholeCheck
from dbhygiene.lsp.workspace import Workspace
from dbhygiene.project.discovery import ENDINGS
from dbhygiene.reports.common import page_address

WATCHED = (
    "**/*.{py,pyi,toml,cfg,ini,txt,lock,in,cnf,conf,yml,yaml,sh,service}",  # sources, settings, servers
    "**/{*Dockerfile*,Procfile,Pipfile,.gitignore,*.tf,railway.json,.env*}",
)
DELAY = 0.15  # seconds without an edit, after which diagnostics are sent
IDLE = 0.5  # seconds without a question, after which memory is tidied
Answer = TypeVar("Answer")


class Server(LanguageServer):
    """One editor's server."""

    client: Client
    space: Workspace

    def __init__(self) -> None:
        super().__init__("dbhygiene", __version__, notebook_document_sync=SYNC)
        self.options = EditorOptions()
        self.folders: list[str] = []  # their addresses
        self.texts: Texts = {}  # replaced, never changed: the other thread reads it
        self.base = Path.cwd()
        self._problems: Reports = {}
        self._urgent = 0  # answers that are due
        self._is_closed = False
        self.whole = WholeCheck(self)
        self._worker = ThreadPoolExecutor(1, "dbhygiene-check")
        self._directory = TemporaryDirectory(prefix="dbhygiene-", ignore_cleanup_errors=True)
        self._waiting: dict[str, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    # -- set-up ---------------------------------------------------------------------------------------

    def start(self, params: types.InitializeParams) -> None:
        """Take over what the editor can do and wants, and its folders."""
        encoding = self.workspace.position_encoding
        self.client = Client.of(params.capabilities, Encoding(encoding or Encoding.Utf16))
        self.configure(params.initialization_options)
        self.folders = [folder.uri for folder in params.workspace_folders or ()] or [params.root_uri or ""]
        folders = [path for uri in self.folders if (path := uri_to_path(uri))]
        self.base = folders[0] if folders else self.base
        self.space = Workspace(self.client, self.options, folders)

    def configure(self, given: object) -> None:
        """Set the options that the editor has sent; show a mistake."""
        try:
            self.options = self.options.update(given)
        except UsageError as error:
            self.show(f"{error}", types.MessageType.Warning)

    def show(self, message: str, kind: types.MessageType = types.MessageType.Info) -> None:
        """Show a message to the user."""
        self.window_show_message(types.ShowMessageParams(kind, f"dbhygiene: {message}"))

    # -- documents ------------------------------------------------------------------------------------

    def put(self, text: Document | OpenNotebook) -> None:
        """Take over a new text; remove the diagnostics of cells that it lacks."""
        before = documents_of(self.texts)
        self.texts = {**self.texts, text.uri: text}
        for uri in before.keys() - documents_of(self.texts).keys():
            self.clear(uri)

    def drop(self, uri: str) -> None:
        """Forget a text that is closed, and remove its diagnostics: its file counts again."""
        before = documents_of(self.texts)
        self.texts = {other: text for other, text in self.texts.items() if other != uri}
        for each in before.keys() - documents_of(self.texts).keys():
            self.clear(each)
        self.publish_all()  # others may depend on it

    # -- the other thread -----------------------------------------------------------------------------

    @property
    def is_asked(self) -> bool:
        """Whether an answer is due that is more urgent than a check of all files."""
        return self._urgent > 0

    async def ask(self, question: Callable[[Workspace], Answer], *, is_urgent: bool = True) -> Answer:
        """Return an answer of the workspace about the newest texts; report mistakes in settings that it came upon."""

        def answer() -> tuple[Answer, Reports]:
            self.space.use(self.texts)
            return question(self.space), self.space.problems

        self._urgent += is_urgent
        try:
            found, problems = await asyncio.get_running_loop().run_in_executor(self._worker, answer)
        finally:
            self._urgent -= is_urgent
        self._report(problems)
        self._later("tidy", IDLE, self._tidy)
        return found

    def _tidy(self) -> None:
        if not self._is_closed:
            self._worker.submit(lambda: self.space.tidy())

    def _report(self, problems: Reports) -> None:
        """Send the diagnostics of files with settings, if they have changed."""
        for path in {**self._problems, **problems}:
            if (found := problems.get(path, ())) != self._problems.get(path, ()):
                self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri_of(path), found))
        self._problems = problems

    async def ask_about(self, uri: str, question: Callable[[Workspace, Document], Answer]) -> Answer | None:
        """Return an answer about a document; None if it is not open."""

        def answer(space: Workspace) -> Answer | None:
            document = space.document(uri)
            return question(space, document) if document else None

        return await self.ask(answer)

    # -- diagnostics ----------------------------------------------------------------------------------

    def publish_later(self, uri: str, delay: float = DELAY) -> None:
        """Send the diagnostics of a document after a while without edits, to an editor that does not ask for them."""
        if not self.client.pulls:
            self._later(uri, delay, lambda: self._spawn(self._publish(uri)))

    async def reread(self, *, anew: bool = False) -> None:
        """Take over files that have changed on disk, and send what that changes; see `Workspace.refresh`."""
        await self.ask(lambda space: space.refresh(anew=anew))
        self.publish_all()

    def publish_all(self) -> None:
        """Send the diagnostics of all documents, or have the editor ask for them."""
        if self.client.refreshes:
            self._later("", DELAY, lambda: self.workspace_diagnostic_refresh(None))
        for uri in documents_of(self.texts):
            self.publish_later(uri, delay=0)
        if self.options.workspace_diagnostics and not self.client.pulls:
            self._later("*", DELAY, lambda: self._spawn(self.whole.publish()))

    def _later(self, key: str, delay: float, act: Callable[[], object]) -> None:
        """Act after a while, unless the same is to be done later still."""
        if (waiting := self._waiting.get(key)) is not None:
            waiting.cancel()
        self._waiting[key] = asyncio.get_running_loop().call_later(delay, act)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)  # the loop itself keeps no reference to it
        task.add_done_callback(self._tasks.discard)

    async def _publish(self, uri: str) -> None:
        def answer(space: Workspace, document: Document) -> types.PublishDiagnosticsParams:
            return types.PublishDiagnosticsParams(uri, space.diagnostics(document), document.version)

        found = await self.ask_about(uri, answer)
        current = documents_of(self.texts).get(uri)
        if found is not None and current is not None and current.version == found.version:
            self.text_document_publish_diagnostics(found)

    def clear(self, uri: str) -> None:
        """Remove the diagnostics of a closed document."""
        if not self.client.pulls:
            self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, []))
            self.whole.forget(uri)

    # -- pages ----------------------------------------------------------------------------------------

    def open_page(self, name: str) -> None:
        """Show the page of a rule: that of the documentation on the web, else a file."""
        if address := page_address(name, DOCUMENTATION):
            self.window_show_document(types.ShowDocumentParams(address, external=True))
        else:
            self.show_text(name, rule_page(name))

    def show_text(self, name: str, text: str) -> None:
        """Show a text, in a file that is deleted when the session ends."""
        path = Path(self._directory.name) / f"{name}.md"
        path.write_text(text, "utf-8")
        self.window_show_document(types.ShowDocumentParams(uri_of(path)))

    def close(self) -> None:
        """End the other thread, and remove the files that were shown."""
        self._is_closed = True
        self._worker.shutdown(wait=False, cancel_futures=True)
        self._directory.cleanup()


def create() -> Server:
    """Return a server with all its features."""
    server = Server()
    _follow_session(server)
    _follow_documents(server)
    _follow_notebooks(server)
    _answer_diagnostics(server)
    _answer_actions(server)
    _answer_commands(server)
    return server


def _follow_session(server: Server) -> None:
    """Add the features of the beginning, and of changes of settings, folders and files."""

    @server.feature(types.INITIALIZE)
    def initialize(params: types.InitializeParams) -> None:
        server.start(params)
        if server.options.hover:
            _answer_hovers(server)
        if server.options.workspace_diagnostics:
            _answer_workspace_diagnostics(server)

    @server.feature(types.INITIALIZED)
    def initialized(params: types.InitializedParams) -> None:
        if server.client.watches_files:
            watchers = [types.FileSystemWatcher(pattern) for pattern in WATCHED]
            options = types.DidChangeWatchedFilesRegistrationOptions(watchers)
            asked = types.Registration("watch", types.WORKSPACE_DID_CHANGE_WATCHED_FILES, options)
            server.client_register_capability(types.RegistrationParams([asked]))
        server.publish_all()

    @server.feature(types.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    async def files_changed(params: types.DidChangeWatchedFilesParams) -> None:
        anew = any(not change.uri.endswith(ENDINGS) for change in params.changes)
        await server.reread(anew=anew)

    @server.feature(types.WORKSPACE_DID_CHANGE_CONFIGURATION)
    async def options_changed(params: types.DidChangeConfigurationParams) -> None:
        given = params.settings
        server.configure(given.get("dbhygiene") if isinstance(given, dict) else None)
        await server.ask(lambda space: space.configure(server.options))
        server.publish_all()

    @server.feature(types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS)
    async def folders_changed(params: types.DidChangeWorkspaceFoldersParams) -> None:
        removed = {folder.uri for folder in params.event.removed}
        server.folders = [uri for uri in server.folders if uri not in removed]
        server.folders += [folder.uri for folder in params.event.added]
        folders = [path for uri in server.folders if (path := uri_to_path(uri))]
        await server.ask(lambda space: space.move(folders))
        server.publish_all()


def _follow_documents(server: Server) -> None:
    """Add the features by which the editor sends texts."""

    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    def did_open(params: types.DidOpenTextDocumentParams) -> None:
        document = Document.open(params.text_document, server.base)
        if document is not None:
            server.put(document)
            server.publish_later(document.uri, delay=0)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def did_change(params: types.DidChangeTextDocumentParams) -> None:
        about = params.text_document
        if isinstance(known := server.texts.get(about.uri), Document):
            server.put(known.with_changes(about.version, params.content_changes, server.client.encoding))
            server.publish_later(about.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def did_close(params: types.DidCloseTextDocumentParams) -> None:
        if isinstance(server.texts.get(params.text_document.uri), Document):  # else it may be an open notebook's
            server.drop(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_SAVE)
    async def did_save(params: types.DidSaveTextDocumentParams) -> None:
        await server.reread()


def _follow_notebooks(server: Server) -> None:
    """Add the features by which the editor sends the cells of notebooks."""

    def take(notebook: OpenNotebook, delay: float) -> None:
        server.put(notebook)
        for uri in notebook.documents:
            server.publish_later(uri, delay)

    @server.feature(types.NOTEBOOK_DOCUMENT_DID_OPEN)
    def did_open(params: types.DidOpenNotebookDocumentParams) -> None:
        notebook = OpenNotebook.open(params, server.base)
        if notebook is not None:
            take(notebook, 0)

    @server.feature(types.NOTEBOOK_DOCUMENT_DID_CHANGE)
    def did_change(params: types.DidChangeNotebookDocumentParams) -> None:
        known, changes = server.texts.get(params.notebook_document.uri), params.change.cells
        if isinstance(known, OpenNotebook) and changes is not None:
            take(known.with_changes(changes, server.client.encoding), DELAY)
        for cell in (changes.structure.did_open if changes and changes.structure else None) or ():
            # pygls forgets a cell that is closed and opened in one change, and later fails to change it.
            server.workspace.put_text_document(cell, params.notebook_document.uri)

    @server.feature(types.NOTEBOOK_DOCUMENT_DID_CLOSE)
    def did_close(params: types.DidCloseNotebookDocumentParams) -> None:
        server.drop(params.notebook_document.uri)

    @server.feature(types.NOTEBOOK_DOCUMENT_DID_SAVE)
    async def did_save(params: types.DidSaveNotebookDocumentParams) -> None:
        await server.reread()


def _answer_diagnostics(server: Server) -> None:
    """Add the features by which the editor asks for diagnostics."""

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


def _answer_workspace_diagnostics(server: Server) -> None:
    """Add the feature by which the editor asks for the diagnostics of all files."""

    @server.feature(types.WORKSPACE_DIAGNOSTIC)
    async def workspace_diagnostic(params: types.WorkspaceDiagnosticParams) -> types.WorkspaceDiagnosticReport:
        found = await server.whole.run()
        cells = {uri for uri, document in documents_of(server.texts).items() if document.cell is not None}
        known = {each.uri: each.value for each in params.previous_result_ids if each.uri not in cells}
        return types.WorkspaceDiagnosticReport([_file_report(uri, found, known) for uri in {**known, **found}])


def _file_report(
    uri: str, found: Found, known: Mapping[str, str]
) -> types.WorkspaceFullDocumentDiagnosticReport | types.WorkspaceUnchangedDocumentDiagnosticReport:
    items = found.get(uri, [])
    result = _result_id(items)
    if known.get(uri) == result:
        return types.WorkspaceUnchangedDocumentDiagnosticReport(uri, result)
    return types.WorkspaceFullDocumentDiagnosticReport(uri, items, result_id=result)


def _answer_actions(server: Server) -> None:
    """Add the features of code actions."""

    @server.feature(
        types.TEXT_DOCUMENT_CODE_ACTION, types.CodeActionOptions(list(actions.KINDS), resolve_provider=True)
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
            return actions.resolve_action(space, document, action)

        try:
            return await server.ask_about(data.get("uri", ""), answer) or action
        except UsageError as error:
            server.show(str(error))
            return action


def _answer_commands(server: Server) -> None:
    """Add the commands of code actions."""

    @server.command(actions.OPEN_PAGE)
    def open_page(name: str) -> None:
        server.open_page(name)

    @server.command(actions.SHOW_PATH)
    async def show_path(uri: str, fingerprint: str) -> None:
        def answer(space: Workspace) -> tuple[str, str] | None:
            found = space.finding(uri, fingerprint)
            return (found[1].name, path_page(space, *found)) if found else None

        if (page := await server.ask(answer)) is not None:
            server.show_text(*page)

    @server.command(actions.ADD_TO_BASELINE)
    async def add_to_baseline(uri: str, fingerprint: str) -> None:
        def act(space: Workspace) -> None:
            if (found := space.finding(uri, fingerprint)) is not None:
                baseline_filter.add_to_baseline(found[0].project.project, found[1])

        try:
            await server.ask(act)
        except UsageError as error:
            server.show(str(error), types.MessageType.Error)
        server.publish_all()


def _answer_hovers(server: Server) -> None:
    """Add the feature of hovers."""

    @server.feature(types.TEXT_DOCUMENT_HOVER)
    async def hover(params: types.HoverParams) -> types.Hover | None:
        from dbhygiene.lsp.hover import hover_at  # imports an analysis

        def answer(space: Workspace, document: Document) -> types.Hover | None:
            return hover_at(space, document, params.position)

        return await server.ask_about(params.text_document.uri, answer)


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
