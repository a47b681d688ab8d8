"""`Client`: what the editor can do, and what its user wants."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lsprotocol import types

from dbhygiene.config.errors import UsageError, did_you_mean
from dbhygiene.lsp.positions import Encoding
from dbhygiene.source.records import Record, replace


class EditorOptions(Record):
    """The settings of the editor, as `initializationOptions` or in its section `dbhygiene`.

    `config` holds assignments such as `server-timeout=60`, as `--config` does.
    """

    hover: bool = True
    workspace_diagnostics: bool = False
    config: tuple[str, ...] = ()

    def update(self, given: object) -> EditorOptions:
        """Return the options with the values that the editor has sent; raise UsageError for the first mistake."""
        if given is None:
            return self
        if not isinstance(given, Mapping):
            raise UsageError("the options of the language server must be an object")
        values: dict[str, Any] = {}
        for name, value in given.items():
            if name not in _NAMES:
                all_options = f"the options are {', '.join(_NAMES)}"
                raise UsageError(f"unknown option `{name}`{did_you_mean(name, _NAMES, otherwise=all_options)}")
            if _NAMES[name] == "config":
                if not isinstance(value, list) or not all(isinstance(each, str) and "=" in each for each in value):
                    raise UsageError('`config` must be a list such as `["server-timeout=60"]`')
                value = tuple(value)
            elif not isinstance(value, bool):
                raise UsageError(f"`{name}` must be true or false")
            values[_NAMES[name]] = value
        return replace(self, **values)


_NAMES = {"hover": "hover", "workspaceDiagnostics": "workspace_diagnostics", "config": "config"}


class Client(Record):
    """The abilities of the editor that change what it is sent."""

    encoding: Encoding = Encoding.Utf16
    pulls: bool = False  # it asks for diagnostics; others are sent them
    refreshes: bool = False  # it asks again when the server sends a refresh
    related_information: bool = False
    resolves_edits: bool = False  # of code actions
    versioned_edits: bool = False
    edits_snippets: bool = False
    watches_files: bool = False
    shows_documents: bool = False
    shows_progress: bool = False

    @classmethod
    def of(cls, capabilities: types.ClientCapabilities, encoding: Encoding) -> Client:
        document, workspace, window = capabilities.text_document, capabilities.workspace, capabilities.window
        pushed = document.publish_diagnostics if document else None
        actions = document.code_action if document else None
        resolved = actions.resolve_support.properties if actions and actions.resolve_support else ()
        edits = workspace.workspace_edit if workspace else None
        watched = workspace.did_change_watched_files if workspace else None
        refreshed = workspace.diagnostics if workspace else None
        return cls(
            encoding,
            pulls=bool(document and document.diagnostic),
            refreshes=bool(refreshed and refreshed.refresh_support),
            related_information=bool(pushed and pushed.related_information),
            resolves_edits="edit" in resolved,
            versioned_edits=bool(edits and edits.document_changes),
            edits_snippets=bool(edits and edits.snippet_edit_support),
            watches_files=bool(watched and watched.dynamic_registration),
            shows_documents=bool(window and window.show_document and window.show_document.support),
            shows_progress=bool(window and window.work_done_progress),
        )
