"""Code actions besides fixes, commands and hovers, in sessions of an editor."""

from __future__ import annotations

from pathlib import Path

import pytest
from lsprotocol import types

from dbhygiene.lsp.actions import _snippet
from dbhygiene.lsp.positions import Encoding
from tests.lsp.editors import Editor, editor, project, pulling, with_edits

pytestmark = pytest.mark.asyncio

LEAK = (
    "import pymysql\n\n\ndef f(fail):\n    conn = pymysql.connect()\n    if fail:\n        return\n    conn.close()\n"
)
BASELINE = '[tool.dbhygiene]\nbaseline = "known.txt"\n'


async def action_of(session: Editor, uri: str, words: str, line: int = 5) -> types.CodeAction:
    return next(each for each in await session.actions(uri, line) if words in each.title)


async def run(session: Editor, action: types.CodeAction) -> None:
    assert action.command is not None
    params = types.ExecuteCommandParams(action.command.command, list(action.command.arguments or ()))
    await session.client.workspace_execute_command_async(params)


async def hovered(session: Editor, uri: str, line: int, column: int) -> str:
    """The text of the hover at a place, both from 1; empty if there is none."""
    params = types.HoverParams(types.TextDocumentIdentifier(uri), types.Position(line - 1, column - 1))
    found = await session.client.text_document_hover_async(params)
    assert found is None or isinstance(found.contents, types.MarkupContent)
    return found.contents.value if found and isinstance(found.contents, types.MarkupContent) else ""


async def test_ignoring_writes_the_comment_of_the_project(tmp_path: Path) -> None:
    root = project(tmp_path, {"a.py": LEAK})
    async with editor(root) as session:
        uri = session.open(root / "a.py")
        action = await session.resolved(await action_of(session, uri, "Ignore connection-not-closed here"))
        assert action.edit is not None
        (change,) = action.edit.document_changes or ()
        assert isinstance(change, types.TextDocumentEdit)
        after = with_edits(LEAK, [each for each in change.edits if isinstance(each, types.TextEdit)], Encoding.Utf16)
        assert after.splitlines()[4].endswith("()  # dbhygiene: ignore[connection-not-closed] because ...")
        session.change(uri, after)
        assert await session.pulled(uri) == []


async def test_the_reason_is_selected_where_the_editor_can(tmp_path: Path) -> None:
    root = project(tmp_path, {"a.py": LEAK})
    can = pulling()
    assert can.workspace is not None
    can.workspace.workspace_edit = types.WorkspaceEditClientCapabilities(
        document_changes=True, snippet_edit_support=True
    )
    async with editor(root, can=can) as session:
        uri = session.open(root / "a.py")
        action = await session.resolved(await action_of(session, uri, "Ignore"))
        assert action.edit is not None
        (change,) = action.edit.document_changes or ()
        assert isinstance(change, types.TextDocumentEdit)
        (edit,) = change.edits
        assert isinstance(edit, types.SnippetTextEdit)
        assert edit.snippet.value.endswith("ignore[connection-not-closed] ${1:because ...}")
    assert _snippet("a $ } \\ because ...", "because ...").value == "a \\$ \\} \\\\ ${1:because ...}"


async def test_a_finding_goes_to_the_baseline(tmp_path: Path) -> None:
    root = project(tmp_path, {"a.py": LEAK + LEAK.replace("f(", "g("), "pyproject.toml": BASELINE, "known.txt": ""})
    async with editor(root) as session:
        uri = session.open(root / "a.py")
        assert len(await session.pulled(uri)) == 2
        await run(session, await action_of(session, uri, "to the baseline"))
        assert len(await session.pulled(uri)) == 1
    assert "HYG101 a.py::f pymysql.connect()" in (root / "known.txt").read_text()


async def test_without_a_baseline_nothing_can_be_added_to_it(tmp_path: Path) -> None:
    root = project(tmp_path, {"a.py": LEAK})
    async with editor(root) as session:
        titles = [each.title for each in await session.actions(session.open(root / "a.py"), 5)]
        assert not any("baseline" in title for title in titles)
        assert any("page" in title for title in titles)


@pytest.mark.parametrize(
    ("words", "content"),
    [
        ("Open the page", ["# connection-not-closed\n", "```python"]),
        ("Show the path", ["# HYG101 connection-not-closed", "1. [a.py:5](file://", "opened here", "return"]),
    ],
)
async def test_pages_are_shown(tmp_path: Path, words: str, content: list[str]) -> None:
    root = project(tmp_path, {"a.py": LEAK})
    async with editor(root) as session:
        uri = session.open(root / "a.py")
        await run(session, await action_of(session, uri, words))
        (shown,) = session.client.shown_documents
        text = Path(shown.uri.removeprefix("file://")).read_text("utf-8")
        assert all(each in text for each in content)
    assert not Path(shown.uri.removeprefix("file://")).exists()


async def test_a_name_of_a_connection_has_its_life(tmp_path: Path) -> None:
    helper = "def g(pool):\n    conn = pool.get()\n    return conn\n"
    root = project(tmp_path, {"a.py": LEAK + helper})
    async with editor(root) as session:
        uri = session.open(root / "a.py")
        text = await hovered(session, uri, 5, 6)
        assert text.startswith("**")
        assert "`conn`**" in text
        assert "5  opened" in text
        assert "8  close" in await hovered(session, uri, 8, 9) or "return" in await hovered(session, uri, 8, 9)
        assert await hovered(session, uri, 8, 12) == ""  # `close` is no name of a connection
        assert await hovered(session, uri, 10, 6) == ""  # another `conn`, of which nothing is known


async def test_a_connection_that_escapes_says_why_it_is_not_reported(tmp_path: Path) -> None:
    opening = "    早 = '😀'; conn = pymysql.connect()"
    text = f"import pymysql\nfrom other import keep\n\n\ndef f():\n{opening}\n    keep(conn)\n"
    root = project(tmp_path, {"a.py": text})
    async with editor(root) as session:
        column = opening.index("conn") + 2  # from 1, and the smile counts twice
        assert "so it is not reported" in await hovered(session, session.open(root / "a.py"), 6, column)


async def test_a_comment_that_silences_has_its_rule(tmp_path: Path) -> None:
    line = "    conn = pymysql.connect()  # dbhygiene: ignore[connection-not-closed] short"
    root = project(tmp_path, {"a.py": f"import pymysql\n\n\ndef f():\n{line}\n    conn.ping()\n"})
    async with editor(root) as session:
        text = await hovered(session, session.open(root / "a.py"), 5, line.index("ignore") + 1)
        assert text.startswith("**HYG101 connection-not-closed**: ")


async def test_hovers_can_be_turned_off(tmp_path: Path) -> None:
    async with editor(tmp_path, options={"hover": False}) as session:
        assert session.abilities.hover_provider is None


async def test_a_wrong_option_is_shown(tmp_path: Path) -> None:
    async with editor(tmp_path, options={"hovers": False}) as session:
        await session.pulled(session.open(tmp_path / "a.py", ""))
        (shown,) = session.client.messages
        assert shown.message == "dbhygiene: unknown option `hovers` (did you mean `hover`?)"
