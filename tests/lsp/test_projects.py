"""Settings, several folders, files on disk and the diagnostics of all files, in sessions of an editor."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from lsprotocol import types

from tests.lsp.editors import Editor, editor, project, pulling, pushed, uri_of

pytestmark = pytest.mark.asyncio

LEAK = "import pymysql\n\n\ndef f():\n    conn = pymysql.connect()\n    conn.cursor().execute('x')\n"
SETTINGS = "[tool.dbhygiene]\n"


async def problems(session: Editor, path: Path) -> list[tuple[int, str]]:
    """The lines, from 1, and messages that the server has sent for a file, as soon as there is any."""
    for _ in range(100):
        if uri_of(path) in session.client.diagnostics:
            break
        await asyncio.sleep(0.05)
    return [(each.range.start.line + 1, each.message) for each in session.client.diagnostics.get(uri_of(path), ())]


MISTAKES = [
    ("[tool.dbhygiene]\nselct = ['HYG1']\n", 2, "unknown key `selct` (did you mean `select`?)"),
    ("[tool.dbhygiene]\nselect = ['HYG9']\n", 2, "`HYG9`"),
    ("[tool.dbhygiene]\nselect = \n", 2, "Invalid value"),
    ("[tool.dbhygiene]\nrequired-version = '>9'\n", 2, "requires >9"),
    ("[tool.dbhygiene]\n\nbaseline = 'none.txt'\n", 1, "none.txt: no such file"),
    ("\n[tool.dbhygeine]\nselect = ['HYG1']\n", 2, "`[tool.dbhygeine]` is not read"),
    ("[tool.dbhygiene]\nsrc = ['nowhere']\n", 2, "there is no directory `nowhere`"),
]


async def test_a_mistake_in_settings_is_a_diagnostic_of_their_file(tmp_path: Path) -> None:
    root = project(tmp_path, {"a.py": LEAK, "pyproject.toml": ""})
    async with editor(root) as session:
        uri, path = session.open(root / "a.py"), root / "pyproject.toml"
        for text, line, words in MISTAKES:
            path.write_text(text)
            session.save(uri)
            await session.pulled(uri)
            ((where, message),) = await problems(session, path)
            assert (where, words in message) == (line, True), message
        path.write_text(SETTINGS)
        session.save(uri)
        assert len(await session.pulled(uri)) == 1
        assert await problems(session, path) == []


async def test_settings_are_read_again_when_they_change(tmp_path: Path) -> None:
    root = project(tmp_path, {"a.py": LEAK, "pyproject.toml": "[tool.dbhygiene]\nignore = ['HYG101']\n"})
    async with editor(root) as session:
        uri, path = session.open(root / "a.py"), root / "pyproject.toml"
        changed = types.DidChangeWatchedFilesParams([types.FileEvent(uri_of(path), types.FileChangeType.Changed)])
        assert await session.pulled(uri) == []
        path.write_text("[tool.dbhygiene]\n")
        session.client.workspace_did_change_watched_files(changed)
        assert len(await session.pulled(uri)) == 1
        path.write_text("[tool.dbhygiene]\nignore = 7\n")
        session.client.workspace_did_change_watched_files(changed)
        assert len(await session.pulled(uri)) == 1  # the last valid ones stay in use
        assert [line for line, _ in await problems(session, path)] == [2]
        path.write_text("[tool.dbhygiene]\nignore = ['HYG101']\n")
        session.save(uri)  # as good as being told, for editors that watch no files
        assert await session.pulled(uri) == []
        assert not session.client.diagnostics[uri_of(path)]


async def test_the_editor_can_set_settings(tmp_path: Path) -> None:
    root = project(tmp_path, {"a.py": LEAK, "pyproject.toml": SETTINGS})
    async with editor(root, options={"config": ["ignore=HYG101"]}) as session:
        uri = session.open(root / "a.py")
        assert await session.pulled(uri) == []
        changed = types.DidChangeConfigurationParams({"dbhygiene": {"config": []}})
        session.client.workspace_did_change_configuration(changed)
        assert len(await session.pulled(uri)) == 1


async def test_each_folder_has_its_own_settings(tmp_path: Path) -> None:
    root = project(
        tmp_path,
        {
            "one/a.py": LEAK,
            "one/pyproject.toml": "[tool.dbhygiene]\nignore = ['HYG101']\n",
            "two/a.py": LEAK,
            "two/inner/a.py": LEAK,
            "two/inner/dbhygiene.toml": "ignore = ['HYG101']\n",
        },
    )
    async with editor(root / "one", root / "two") as session:
        found = {
            name: len(await session.pulled(session.open(root / name)))
            for name in ("one/a.py", "two/a.py", "two/inner/a.py")
        }
        assert found == {"one/a.py": 0, "two/a.py": 1, "two/inner/a.py": 0}
        folder = types.WorkspaceFolder(uri_of(root / "two"), "two")
        event = types.WorkspaceFoldersChangeEvent(added=[], removed=[folder])
        session.client.workspace_did_change_workspace_folders(types.DidChangeWorkspaceFoldersParams(event))
        assert await session.pulled(uri_of(root / "two/a.py")) == []


async def test_new_files_are_found_when_the_editor_reports_them(tmp_path: Path) -> None:
    use = "from helper import connect\n\n\ndef f():\n    conn = connect()\n    conn.cursor().execute('x')\n"
    root = project(tmp_path, {"use.py": use})
    can = pulling()
    assert can.workspace is not None
    can.workspace.did_change_watched_files = types.DidChangeWatchedFilesClientCapabilities(dynamic_registration=True)
    async with editor(root, can=can) as session:
        uri = session.open(root / "use.py")
        assert await session.pulled(uri) == []
        project(root, {"helper.py": "import pymysql\n\n\ndef connect():\n    return pymysql.connect()\n"})
        event = types.FileEvent(uri_of(root / "helper.py"), types.FileChangeType.Created)
        session.client.workspace_did_change_watched_files(types.DidChangeWatchedFilesParams([event]))
        assert len(await session.pulled(uri)) == 1


async def test_all_files_are_reported_if_the_user_wants_it(tmp_path: Path) -> None:
    files = {"a.py": LEAK, "b.py": LEAK + LEAK.replace("f(", "g("), "c.py": "x = 1\n", "pyproject.toml": SETTINGS}
    root = project(tmp_path, files)
    async with editor(root, options={"workspaceDiagnostics": True}) as session:
        assert isinstance(session.abilities.diagnostic_provider, types.DiagnosticOptions)
        assert session.abilities.diagnostic_provider.workspace_diagnostics
        report = await session.client.workspace_diagnostic_async(types.WorkspaceDiagnosticParams([]))
        found = {
            each.uri: each for each in report.items if isinstance(each, types.WorkspaceFullDocumentDiagnosticReport)
        }
        assert {uri: len(each.items) for uri, each in found.items()} == {
            uri_of(root / "a.py"): 1,
            uri_of(root / "b.py"): 2,
        }
        known = [types.PreviousResultId(uri, each.result_id or "") for uri, each in found.items()]
        again = await session.client.workspace_diagnostic_async(types.WorkspaceDiagnosticParams(known))
        assert {each.kind for each in again.items} == {"unchanged"}
        session.open(root / "a.py", "x = 1\n")
        third = await session.client.workspace_diagnostic_async(types.WorkspaceDiagnosticParams(known))
        assert [len(each.items) for each in third.items if each.uri.endswith("a.py") and each.kind == "full"] == [0]


async def test_a_check_of_all_files_shows_its_progress(tmp_path: Path) -> None:
    root = project(tmp_path, {**{f"a{n}.py": LEAK for n in range(30)}, "pyproject.toml": SETTINGS})
    can = pulling()
    can.window = types.WindowClientCapabilities(work_done_progress=True)
    async with editor(root, can=can, options={"workspaceDiagnostics": True}) as session:
        report = await session.client.workspace_diagnostic_async(types.WorkspaceDiagnosticParams([]))
        assert len(report.items) == 30
        await session.pulled(session.open(root / "a1.py"))
        (reports,) = session.client.progress_reports.values()
        kinds = [each.kind for each in reports]
        assert (kinds[0], kinds[-1]) == ("begin", "end")
        assert "report" in kinds


async def test_all_files_are_sent_to_an_editor_that_does_not_ask(tmp_path: Path) -> None:
    root = project(tmp_path, {"a.py": LEAK, "pyproject.toml": SETTINGS})
    async with editor(root, can=pushed(), options={"workspaceDiagnostics": True}) as session:
        assert len(await problems(session, root / "a.py")) == 1
        uri = session.open(root / "a.py", "x = 1\n")
        assert await session.received(uri) == []
        session.close(uri)
        assert await session.received(uri) == []
        assert len(await session.received(uri)) == 1  # those of the file on disk
