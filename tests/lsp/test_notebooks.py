"""Notebooks in sessions of an editor: each cell is a document with an address of its own."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from lsprotocol import types

from dbhygiene.lsp.positions import Encoding
from tests.lsp.editors import Editor, editor, project, pulling, pushed, uri_of, with_edits

pytestmark = pytest.mark.asyncio

IMPORT = "%matplotlib inline\nimport pymysql"
LEAK = "def f():\n    conn = pymysql.connect()\n    conn.cursor().execute('x')"
SECOND = LEAK.replace("f()", "g()")
HELPER = "def connect():\n    return pymysql.connect()"
USE = "def h():\n    conn = connect()\n    conn.ping()"
CLEAN = "def f():\n    return 1"


class OpenedNotebook:
    """A notebook in a session; `texts` are those of its cells, by their addresses."""

    def __init__(self, session: Editor, path: Path, *cells: str | tuple[str, str]) -> None:
        self.session, self.uri, self.made = session, uri_of(path), 0
        self.texts: dict[str, str] = {}
        self.versions: dict[str, int] = {}
        items = [self.item(cell) for cell in cells]
        self.cells = [item.uri for item in items]
        about = types.NotebookDocument(self.uri, "jupyter-notebook", 1, [_cell(item) for item in items])
        session.client.notebook_document_did_open(types.DidOpenNotebookDocumentParams(about, items))

    def item(self, cell: str | tuple[str, str], uri: str = "") -> types.TextDocumentItem:
        """A new cell: its source, or its language and its text."""
        language, text = ("python", cell) if isinstance(cell, str) else cell
        self.made += not uri
        uri = uri or self.uri.replace("file:", "vscode-notebook-cell:") + f"#W{self.made}"
        self.texts[uri], self.versions[uri] = text, 1
        return types.TextDocumentItem(uri, language, 1, text)

    def _changed(self, cells: types.NotebookDocumentCellChanges) -> None:
        about = types.VersionedNotebookDocumentIdentifier(version=2, uri=self.uri)
        change = types.NotebookDocumentChangeEvent(cells=cells)
        self.session.client.notebook_document_did_change(types.DidChangeNotebookDocumentParams(about, change))

    def put(self, start: int, gone: int, *cells: str) -> None:
        """Replace some cells, counted from 0, by new ones."""
        items = [self.item(cell) for cell in cells]
        closed = [types.TextDocumentIdentifier(uri) for uri in self.cells[start : start + gone]]
        self.cells[start : start + gone] = [item.uri for item in items]
        array = types.NotebookCellArrayChange(start, gone, [_cell(item) for item in items])
        structure = types.NotebookDocumentCellChangeStructure(array, items, closed)
        self._changed(types.NotebookDocumentCellChanges(structure=structure))

    def relabel(self, index: int, language: str) -> None:
        """Change the language of a cell, which keeps its address."""
        item = self.item((language, self.texts[self.cells[index]]), self.cells[index])
        array = types.NotebookCellArrayChange(index, 1, [_cell(item)])
        closed = [types.TextDocumentIdentifier(item.uri)]
        structure = types.NotebookDocumentCellChangeStructure(array, [item], closed)
        self._changed(types.NotebookDocumentCellChanges(structure=structure))

    def write(self, index: int, change: str | types.TextDocumentContentChangePartial) -> None:
        """Change the text of a cell; a text replaces all of it."""
        uri = self.cells[index]
        self.versions[uri] += 1
        event = types.TextDocumentContentChangeWholeDocument(change) if isinstance(change, str) else change
        about = types.VersionedTextDocumentIdentifier(uri=uri, version=self.versions[uri])
        content = types.NotebookDocumentCellContentChanges(about, [event])
        self._changed(types.NotebookDocumentCellChanges(text_content=[content]))

    def close(self) -> None:
        closed = [types.TextDocumentIdentifier(uri) for uri in self.cells]
        about = types.NotebookDocumentIdentifier(self.uri)
        self.session.client.notebook_document_did_close(types.DidCloseNotebookDocumentParams(about, closed))

    async def codes(self) -> list[list[object]]:
        """The codes of the diagnostics that each cell has when they are asked for."""
        return [[each.code for each in await self.session.pulled(uri)] for uri in self.cells]

    async def sent(self, uri: str, *codes: str) -> None:
        """Wait until the diagnostics that the server has last sent for a cell have these codes."""
        found: list[object] = []
        for _ in range(500):
            found = [each.code for each in self.session.client.diagnostics.get(uri, ())]
            if found == [*codes]:
                return
            await asyncio.sleep(0.02)
        raise AssertionError(f"{found} were sent, not {codes}")

    async def apply(self, action: types.CodeAction) -> list[int]:
        """Carry out the edit of an action; return the numbers of the cells that it changes, from 0."""
        edit = (await self.session.resolved(action)).edit
        assert edit is not None
        changed = []
        for change in edit.document_changes or ():
            assert isinstance(change, types.TextDocumentEdit)
            uri = change.text_document.uri
            assert change.text_document.version == self.versions[uri]
            edits = [each for each in change.edits if isinstance(each, types.TextEdit)]
            self.texts[uri] = with_edits(self.texts[uri], edits, Encoding.Utf16)
            changed.append(self.cells.index(uri))
        for index in changed:
            self.write(index, self.texts[self.cells[index]])
        return changed


def _cell(item: types.TextDocumentItem) -> types.NotebookCell:
    kind = types.NotebookCellKind.Markup if item.language_id == "markdown" else types.NotebookCellKind.Code
    return types.NotebookCell(kind, item.uri)


def with_notebooks(can: types.ClientCapabilities) -> types.ClientCapabilities:
    can.notebook_document = types.NotebookDocumentClientCapabilities(types.NotebookDocumentSyncClientCapabilities())
    return can


async def test_each_cell_has_its_own_diagnostics(tmp_path: Path) -> None:
    async with editor(project(tmp_path, {}), can=with_notebooks(pulling())) as session:
        assert isinstance(session.abilities.notebook_document_sync, types.NotebookDocumentSyncOptions)
        notebook = OpenedNotebook(session, tmp_path / "a.ipynb", IMPORT, ("markdown", "# Text"), LEAK)
        assert await notebook.codes() == [[], [], ["HYG101"]]
        (found,) = await session.pulled(notebook.cells[2])
        assert found.range == types.Range(types.Position(1, 11), types.Position(1, 28))
        steps = [(step.location.uri, step.location.range.start.line) for step in found.related_information or ()]
        assert steps == [(notebook.cells[2], 1), (notebook.cells[2], 2)]
        notebook.write(2, CLEAN)
        assert await notebook.codes() == [[], [], []]


async def test_a_path_through_another_cell_leads_there(tmp_path: Path) -> None:
    first = "import MySQLdb\n\nconn = MySQLdb.connect(host='db')\ncur = conn.cursor()\ncur.execute('x')"
    options = {"config": ["min-confidence=possible"]}
    async with editor(tmp_path, can=with_notebooks(pulling()), options=options) as session:
        notebook = OpenedNotebook(session, tmp_path / "a.ipynb", first, CLEAN, "cur.execute('y')")
        codes = await notebook.codes()
        assert codes == [["HYG110"], [], []]
        (found,) = await session.pulled(notebook.cells[0])
        places = [(each.location.uri, each.location.range.start.line) for each in found.related_information or ()]
        assert places == [(notebook.cells[0], 4), (notebook.cells[2], 0)]


async def test_other_editors_are_sent_the_diagnostics_of_cells(tmp_path: Path) -> None:
    async with editor(tmp_path, can=with_notebooks(pushed())) as session:
        notebook = OpenedNotebook(session, tmp_path / "a.ipynb", IMPORT, HELPER, USE)
        await notebook.sent(notebook.cells[2], "HYG101")
        notebook.write(1, "def connect():\n    return None")  # the other cell depends on it
        await notebook.sent(notebook.cells[2])
        notebook.write(1, HELPER)
        await notebook.sent(notebook.cells[2], "HYG101")
        notebook.close()
        await notebook.sent(notebook.cells[2])


async def test_a_cell_that_is_no_longer_python_has_no_diagnostics(tmp_path: Path) -> None:
    async with editor(tmp_path, can=with_notebooks(pushed())) as session:
        notebook = OpenedNotebook(session, tmp_path / "a.ipynb", IMPORT, LEAK)
        await notebook.sent(notebook.cells[1], "HYG101")
        notebook.relabel(1, "sql")
        await notebook.sent(notebook.cells[1])
        notebook.relabel(1, "python")
        await notebook.sent(notebook.cells[1], "HYG101")
        notebook.write(1, CLEAN)  # a cell that was opened again can be edited
        await notebook.sent(notebook.cells[1])


async def test_a_removed_cell_has_no_diagnostics(tmp_path: Path) -> None:
    async with editor(tmp_path, can=with_notebooks(pushed())) as session:
        notebook = OpenedNotebook(session, tmp_path / "a.ipynb", IMPORT, LEAK)
        removed = notebook.cells[1]
        await notebook.sent(removed, "HYG101")
        notebook.put(1, 1)
        await notebook.sent(removed)


async def test_cells_that_come_and_go_move_the_others(tmp_path: Path) -> None:
    async with editor(tmp_path, can=with_notebooks(pulling())) as session:
        notebook = OpenedNotebook(session, tmp_path / "a.ipynb", LEAK)
        assert await notebook.codes() == [[]]  # `pymysql` is not imported
        notebook.put(0, 0, IMPORT, CLEAN)
        assert await notebook.codes() == [[], [], ["HYG101"]]
        notebook.put(1, 1)
        assert await notebook.codes() == [[], ["HYG101"]]
        (found,) = await session.pulled(notebook.cells[1])
        assert found.range.start.line == 1
        place = types.Range(types.Position(1, 4), types.Position(1, 8))
        notebook.write(1, types.TextDocumentContentChangePartial(place, "😀"))  # no name
        assert await notebook.codes() == [[], ["HYG001"]]


async def test_a_quick_fix_edits_its_cell(tmp_path: Path) -> None:
    async with editor(tmp_path, can=with_notebooks(pulling())) as session:
        notebook = OpenedNotebook(
            session, tmp_path / "a.ipynb", IMPORT, ("markdown", "# Text"), "%time 1  # 😀\n" + LEAK
        )
        actions = await session.actions(notebook.cells[2], 3)
        assert [action.kind for action in await session.actions(notebook.cells[0], 2)] == []
        assert await notebook.apply(next(each for each in actions if each.is_preferred)) == [2]
        fixed = notebook.texts[notebook.cells[2]]
        assert fixed.startswith("from contextlib import closing\n\n%time 1  # 😀\n")
        assert "    with closing(pymysql.connect()) as conn:\n        conn.cursor().execute('x')" in fixed
        assert not fixed.endswith("\n")
        assert await notebook.codes() == [[], [], []]


async def test_fix_all_edits_the_cell_in_which_it_is_chosen(tmp_path: Path) -> None:
    both = LEAK + "\n\n\n" + LEAK.replace("f()", "e()")
    async with editor(tmp_path, can=with_notebooks(pulling())) as session:
        notebook = OpenedNotebook(session, tmp_path / "a.ipynb", IMPORT, both, SECOND)
        assert await notebook.codes() == [[], ["HYG101", "HYG101"], ["HYG101"]]
        (action,) = await session.actions(notebook.cells[1], 1, only=["source.fixAll"])
        assert await notebook.apply(action) == [1]
        assert await notebook.codes() == [[], [], ["HYG101"]]
        (action,) = await session.actions(notebook.cells[2], 1, only=["source.fixAll"])
        assert await notebook.apply(action) == [2]
        assert "import" not in notebook.texts[notebook.cells[2]]  # the cell above has it
        assert await notebook.codes() == [[], [], []]


async def test_ignoring_writes_the_comment_into_the_cell(tmp_path: Path) -> None:
    async with editor(tmp_path, can=with_notebooks(pulling())) as session:
        notebook = OpenedNotebook(session, tmp_path / "a.ipynb", IMPORT, LEAK, SECOND)
        actions = await session.actions(notebook.cells[2], 2)
        assert await notebook.apply(next(each for each in actions if "Ignore" in each.title)) == [2]
        line = notebook.texts[notebook.cells[2]].splitlines()[1]
        assert line.endswith("()  # dbhygiene: ignore[connection-not-closed] because ...")
        assert await notebook.codes() == [[], ["HYG101"], []]


async def test_a_name_in_a_cell_has_its_life(tmp_path: Path) -> None:
    async with editor(tmp_path, can=with_notebooks(pulling())) as session:
        notebook = OpenedNotebook(session, tmp_path / "a.ipynb", IMPORT, ("markdown", "# Text"), LEAK)
        params = types.HoverParams(types.TextDocumentIdentifier(notebook.cells[2]), types.Position(1, 5))
        found = await session.client.text_document_hover_async(params)
        assert found is not None
        assert isinstance(found.contents, types.MarkupContent)
        assert "cell 3:2  opened" in found.contents.value
        assert found.range == types.Range(types.Position(1, 4), types.Position(1, 8))


async def test_the_path_is_shown_by_cell(tmp_path: Path) -> None:
    async with editor(tmp_path, can=with_notebooks(pulling())) as session:
        notebook = OpenedNotebook(session, tmp_path / "a.ipynb", IMPORT, LEAK)
        actions = await session.actions(notebook.cells[1], 2)
        command = next(each.command for each in actions if "Show the path" in each.title)
        assert command is not None
        params = types.ExecuteCommandParams(command.command, list(command.arguments or ()))
        await session.client.workspace_execute_command_async(params)
        (shown,) = session.client.shown_documents
        text = Path(shown.uri.removeprefix("file://")).read_text("utf-8")
        assert f"1. [a.ipynb:cell 2:2]({notebook.cells[1]}): opened here" in text
        assert "       conn = pymysql.connect()" in text


async def test_a_notebook_counts_the_unsaved_texts_of_modules(tmp_path: Path) -> None:
    root = project(tmp_path, {"helper.py": "def connect():\n    return None\n"})
    async with editor(root, can=with_notebooks(pulling())) as session:
        notebook = OpenedNotebook(session, root / "a.ipynb", "from helper import connect", USE)
        assert await notebook.codes() == [[], []]
        session.open(root / "helper.py", "import pymysql\n\n\n" + HELPER)
        assert await notebook.codes() == [[], ["HYG101"]]


async def test_the_json_text_of_a_notebook_has_no_diagnostics(tmp_path: Path) -> None:
    async with editor(tmp_path, can=with_notebooks(pulling())) as session:
        notebook = OpenedNotebook(session, tmp_path / "a.ipynb", IMPORT, LEAK)
        assert await session.pulled(session.open(tmp_path / "a.ipynb", "{")) == []
        session.close(notebook.uri)
        assert await notebook.codes() == [[], ["HYG101"]]


async def test_the_report_of_all_files_keeps_the_diagnostics_of_cells(tmp_path: Path) -> None:
    root = project(tmp_path, {"a.py": f"import pymysql\n\n\n{LEAK}\n"})
    options = {"workspaceDiagnostics": True}
    async with editor(root, can=with_notebooks(pulling()), options=options) as session:
        notebook = OpenedNotebook(session, root / "a.ipynb", IMPORT, LEAK)
        known = types.PreviousResultId(notebook.cells[1], (await session.pull(notebook.cells[1])).result_id or "")
        params = types.WorkspaceDiagnosticParams([known])
        report = await session.client.workspace_diagnostic_async(params)
        assert [each.uri for each in report.items] == [uri_of(root / "a.py")]


async def test_half_a_character_does_not_end_the_session(tmp_path: Path) -> None:
    async with editor(tmp_path, can=with_notebooks(pulling())) as session:
        notebook = OpenedNotebook(session, tmp_path / "a.ipynb", IMPORT, LEAK, "x = '\ud83d'")
        assert (await notebook.codes())[1] == ["HYG101"]
