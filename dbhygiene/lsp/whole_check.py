"""`WholeCheck`: the diagnostics of all files of the folders, computed while nothing else is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Protocol, TypeAlias
from uuid import uuid4

from lsprotocol import types
from pygls.progress import Progress

from dbhygiene.lsp.client import Client
from dbhygiene.lsp.notebooks import Texts
from dbhygiene.lsp.workspace import Workspace

_PAUSE = 0.5  # seconds, after which a check that gave way begins again

Found: TypeAlias = "Mapping[str, list[types.Diagnostic]]"


class GiveWayError(Exception):
    """A check of all files ends, because the editor has sent another request."""


class Session(Protocol):
    """The session with an editor, as far as the check uses it; `server.Server` implements it."""

    client: Client
    texts: Texts

    @property
    def is_asked(self) -> bool: ...

    @property
    def work_done_progress(self) -> Progress: ...

    async def ask(self, question: Callable[[Workspace], Found], *, is_urgent: bool = True) -> Found: ...

    def text_document_publish_diagnostics(self, params: types.PublishDiagnosticsParams) -> None: ...


class WholeCheck:
    """The check of all files, and its last result."""

    def __init__(self, server: Session) -> None:
        self._server = server
        self._sent: dict[str, list[types.Diagnostic]] = {}

    async def run(self) -> Found:
        """Return the diagnostics of all files; begin again as often as the editor asks for something meanwhile."""
        while True:
            try:
                return await self._run()
            except GiveWayError:
                await asyncio.sleep(_PAUSE)

    async def _run(self) -> Found:
        token = await self._begin()
        loop = asyncio.get_running_loop()
        percent = 0

        def progress(done: int, total: int, _: int) -> None:
            nonlocal percent
            if self._server.is_asked:
                raise GiveWayError
            if token and total and (now := 100 * done // total) >= percent + 10:
                percent = now
                loop.call_soon_threadsafe(self._report, token, now)

        try:
            return await self._server.ask(lambda space: space.all_diagnostics(progress), is_urgent=False)
        finally:
            if token:
                self._server.work_done_progress.end(token, types.WorkDoneProgressEnd())

    async def _begin(self) -> str:
        """Show the progress; return its token, empty if the editor shows none."""
        if not self._server.client.shows_progress:
            return ""
        token, shown = str(uuid4()), self._server.work_done_progress
        await shown.create_async(token)
        shown.begin(token, types.WorkDoneProgressBegin("dbhygiene: checking all files", percentage=0))
        return token

    def _report(self, token: str, percent: int) -> None:
        self._server.work_done_progress.report(token, types.WorkDoneProgressReport(percentage=percent))

    async def publish(self) -> None:
        """Send the diagnostics of all files that are not open."""
        found = await self.run()
        for uri in {**self._sent, **found}:
            if uri not in self._server.texts and found.get(uri, []) != self._sent.get(uri, []):
                self._server.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, found.get(uri, [])))
        self._sent = {**found}

    def forget(self, uri: str) -> None:
        """Send the diagnostics of a file again, since others were sent when it was open."""
        self._sent.pop(uri, None)
