"""Sessions of an editor with the language server, which runs in a process of its own."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from lsprotocol import types

from dbhygiene.lsp.positions import Encoding
from tests.lsp.editors import DIAGNOSTICS, editor, project, pulling, pushed, uri_of, with_edits

pytestmark = pytest.mark.asyncio

LEAK = "import pymysql\n\n\ndef f():\n    conn = pymysql.connect()\n    conn.cursor().execute('x')\n"
CLEAN = LEAK + "    conn.close()\n"
HELPER = "import pymysql\n\n\ndef connect():\n    return pymysql.connect()\n"
USE = "from helper import connect\n\n\ndef f():\n    conn = connect()\n    return conn.ping()\n"
SETTINGS = "[tool.dbhygiene]\n"


async def test_an_editor_that_asks_gets_diagnostics(tmp_path: Path) -> None:
    root = project(tmp_path, {"a.py": LEAK, "pyproject.toml": SETTINGS})
    async with editor(root) as session:
        uri = session.open(root / "a.py")
        (found,) = await session.pulled(uri)
        assert (found.code, found.source) == ("HYG101", "dbhygiene")
        assert found.range == types.Range(types.Position(4, 11), types.Position(4, 28))
        assert found.severity == types.DiagnosticSeverity.Error
        assert found.tags is None
        steps = [(step.location.uri, step.location.range.start.line) for step in found.related_information or ()]
        assert steps == [(uri, 4), (uri, 5)]
        session.change(uri, CLEAN)
        assert [each.code for each in await session.pulled(uri)] == ["HYG102"]


async def test_unchanged_diagnostics_are_not_sent_again(tmp_path: Path) -> None:
    root = project(tmp_path, {"a.py": LEAK})
    async with editor(root) as session:
        uri = session.open(root / "a.py")
        first = await session.pull(uri)
        second = await session.pull(uri, first.result_id)
        assert second == types.RelatedUnchangedDocumentDiagnosticReport(first.result_id or "")
        session.change(uri, "\n" + LEAK)
        third = await session.pull(uri, first.result_id)
        assert isinstance(third, types.RelatedFullDocumentDiagnosticReport)


async def test_other_editors_are_sent_diagnostics(tmp_path: Path) -> None:
    root = project(tmp_path, {"a.py": LEAK})
    async with editor(root, can=pushed()) as session:
        uri = session.open(root / "a.py")
        assert [each.code for each in await session.received(uri)] == ["HYG101"]
        for text in ("x = 1\n", "x =", LEAK, CLEAN):  # only the last of these is checked
            session.change(uri, text)
        assert [each.code for each in await session.received(uri)] == ["HYG102"]
        session.close(uri)
        assert await session.received(uri) == []


async def test_a_path_through_another_file_leads_there(tmp_path: Path) -> None:
    command = (
        "from django.core.management.base import BaseCommand\n\nfrom shop.models import Order\n"
        "from shop.pauses import rest\n\n\nclass Command(BaseCommand):\n    def handle(self, *args, **options):\n"
        "        Order.objects.count()\n        rest()\n        Order.objects.count()\n"
    )
    files = {
        "shop/models.py": "from django.db import models\n\n\nclass Order(models.Model):\n    pass\n",
        "shop/pauses.py": "import time\n\n\ndef rest():\n    time.sleep(40000)\n",
        "shop/management/commands/work.py": command,
        "pyproject.toml": SETTINGS,
    }
    root = project(tmp_path, files)
    async with editor(root) as session:
        (found,) = await session.pulled(session.open(root / "shop/management/commands/work.py"))
        places = [(each.location.uri, each.location.range.start.line) for each in found.related_information or ()]
        assert (uri_of(root / "shop/pauses.py"), 4) in places


async def test_an_editor_without_related_information_gets_the_path_in_the_message(tmp_path: Path) -> None:
    root = project(tmp_path, {"a.py": LEAK})
    can = pushed()
    assert can.text_document is not None
    can.text_document.publish_diagnostics = types.PublishDiagnosticsClientCapabilities(related_information=False)
    async with editor(root, can=can) as session:
        (found,) = await session.received(session.open(root / "a.py"))
        assert found.related_information is None
        assert found.message.partition("\n")[0].endswith("(opened 5, still open at 6)")


@pytest.mark.parametrize("encoding", [Encoding.Utf8, Encoding.Utf16, Encoding.Utf32])
async def test_every_encoding_of_positions_is_right(tmp_path: Path, encoding: Encoding) -> None:
    text = "import pymysql\r\n\r\n\r\ndef f():\r\n    早, conn = '😀é', pymysql.connect()\r\n    conn.ping()\r\n"
    root = project(tmp_path, {"a.py": text})
    async with editor(root, can=pulling(encoding)) as session:
        assert session.abilities.position_encoding == encoding
        uri = session.open(root / "a.py", "\ufffd" * 3)
        session.change(
            uri, types.TextDocumentContentChangePartial(types.Range(types.Position(0, 0), types.Position(9, 0)), text)
        )
        (found,) = await session.pulled(uri)
        line = text.splitlines()[4]
        codec, unit = {Encoding.Utf8: ("utf-8", 1), Encoding.Utf16: ("utf-16-le", 2)}.get(encoding, ("utf-32-le", 4))
        part = line.encode(codec)[found.range.start.character * unit : found.range.end.character * unit]
        assert part.decode(codec) == "pymysql.connect()"


async def test_unsaved_texts_of_other_files_count(tmp_path: Path) -> None:
    root = project(tmp_path, {"helper.py": "def connect():\n    return None\n", "use.py": USE})
    async with editor(root) as session:
        use, helper = session.open(root / "use.py"), session.open(root / "helper.py")
        assert await session.pulled(use) == []
        session.change(helper, HELPER)
        assert [each.code for each in await session.pulled(use)] == ["HYG101"]
        session.close(helper)  # the file on disk counts again
        assert await session.pulled(use) == []


async def test_a_save_updates_the_files_that_depend_on_it(tmp_path: Path) -> None:
    root = project(tmp_path, {"helper.py": "def connect():\n    return None\n", "use.py": USE})
    async with editor(root, can=pushed()) as session:
        use, helper = session.open(root / "use.py"), session.open(root / "helper.py")
        assert await session.received(use) == []
        session.change(helper, HELPER)
        (root / "helper.py").write_text(HELPER)
        session.save(helper)
        assert [each.code for each in await session.received(use)] == ["HYG101"]


async def test_files_that_change_on_disk_are_read_at_the_next_save(tmp_path: Path) -> None:
    root = project(tmp_path, {"use.py": USE})
    async with editor(root) as session:
        use = session.open(root / "use.py")
        assert await session.pulled(use) == []
        (root / "helper.py").write_text(HELPER)
        session.save(use)
        assert [each.code for each in await session.pulled(use)] == ["HYG101"]


async def test_a_text_that_does_not_parse_has_one_diagnostic(tmp_path: Path) -> None:
    root = project(tmp_path, {"a.py": LEAK})
    async with editor(root) as session:
        uri = session.open(root / "a.py", LEAK + "def\n")
        assert [each.code for each in await session.pulled(uri)] == ["HYG001"]


async def test_files_that_check_leaves_out_have_no_diagnostics(tmp_path: Path) -> None:
    root = project(tmp_path, {"app/venv/a.py": LEAK, "other/a.py": LEAK, "app/b.py": LEAK})
    async with editor(root / "app") as session:
        assert await session.pulled(session.open(root / "app/venv/a.py")) == []
        assert await session.pulled(session.open(root / "other/a.py")) == []  # outside of the folder
        assert len(await session.pulled(session.open(root / "app/b.py"))) == 1
        assert len(await session.pulled(session.open(root / "app/new.py", LEAK))) == 1
        item = types.TextDocumentItem("untitled:Untitled-1", "python", 1, LEAK)
        session.client.text_document_did_open(types.DidOpenTextDocumentParams(item))
        assert len(await session.pulled(item.uri)) == 1


async def test_a_file_without_a_folder_is_checked(tmp_path: Path) -> None:
    root = project(tmp_path, {"a.py": LEAK})
    async with editor() as session:
        assert len(await session.pulled(session.open(root / "a.py"))) == 1


async def test_the_edit_of_a_quick_fix_is_computed_when_it_is_chosen(tmp_path: Path) -> None:
    root = project(tmp_path, {"a.py": LEAK})
    async with editor(root) as session:
        uri = session.open(root / "a.py")
        action = next(each for each in await session.actions(uri, 5) if each.kind == "quickfix" and each.is_preferred)
        assert action.edit is None
        assert [each.code for each in action.diagnostics or ()] == ["HYG101"]
        resolved = await session.resolved(action)
        assert resolved.edit is not None
        (change,) = resolved.edit.document_changes or ()
        assert isinstance(change, types.TextDocumentEdit)
        assert change.text_document.version == 1
        edits = [each for each in change.edits if isinstance(each, types.TextEdit)]
        fixed = with_edits(LEAK, edits, Encoding.Utf16)
        assert "with closing(pymysql.connect()) as conn:\n        conn.cursor()" in fixed
        session.change(uri, fixed)
        assert await session.pulled(uri) == []


async def test_an_editor_that_cannot_resolve_gets_the_edit_at_once(tmp_path: Path) -> None:
    root = project(tmp_path, {"a.py": LEAK})
    can = pushed()
    assert can.text_document is not None
    can.text_document.code_action = types.CodeActionClientCapabilities()
    async with editor(root, can=can) as session:
        uri = session.open(root / "a.py")
        action = next(each for each in await session.actions(uri, 5) if each.kind == "quickfix")
        assert action.edit is not None


async def test_the_fix_of_an_older_text_is_refused(tmp_path: Path) -> None:
    root = project(tmp_path, {"a.py": LEAK})
    async with editor(root) as session:
        uri = session.open(root / "a.py")
        action = next(each for each in await session.actions(uri, 5) if each.kind == "quickfix")
        session.change(uri, "\n" + LEAK)
        with pytest.raises(Exception, match="the document has changed"):
            await session.resolved(action)


async def test_fix_all_fixes_what_is_safe(tmp_path: Path) -> None:
    unsafe = "\n\ndef g(rows):\n    with pymysql.connect() as conn:\n        conn.cursor().execute('DELETE FROM t')\n"
    root = project(tmp_path, {"a.py": LEAK + unsafe})
    async with editor(root) as session:
        uri = session.open(root / "a.py")
        (action,) = await session.actions(uri, 1, only=["source.fixAll"])
        assert action.kind == "source.fixAll.dbhygiene"
        edit = (await session.resolved(action)).edit
        assert edit is not None
        (change,) = edit.document_changes or ()
        assert isinstance(change, types.TextDocumentEdit)
        fixed = with_edits(LEAK + unsafe, [e for e in change.edits if isinstance(e, types.TextEdit)], Encoding.Utf16)
        assert "closing(pymysql.connect())" in fixed
        session.change(uri, fixed)
        titles = [each.title for each in await session.actions(uri, fixed[: fixed.index("DELETE")].count("\n") + 1)]
        assert all("(may change behaviour)" in title for title in titles if "ommit" in title)


async def test_many_edits_at_once_give_the_diagnostics_of_the_last(tmp_path: Path) -> None:
    root = project(tmp_path, {"a.py": LEAK})
    async with editor(root) as session:
        uri = session.open(root / "a.py")
        asked = []
        for number in range(20):
            session.change(uri, "\n" * number + LEAK)
            asked.append(asyncio.ensure_future(session.pull(uri)))
        last = (await asyncio.gather(*asked))[-1]
        assert isinstance(last, types.RelatedFullDocumentDiagnosticReport)
        assert last.items[0].range.start.line == 4 + 19


async def test_without_pygls_the_command_says_what_to_install(tmp_path: Path) -> None:
    code = "import sys; sys.modules['pygls'] = None; from dbhygiene.cli import main; sys.exit(main(['server']))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr == 'dbhygiene: the language server needs pygls: run `pip install "dbhygiene[lsp]"`\n'
    assert done.returncode == 2


async def test_the_server_says_what_it_can(tmp_path: Path) -> None:
    async with editor(tmp_path) as session:
        can = session.abilities
        assert isinstance(can.diagnostic_provider, types.DiagnosticOptions)
        assert can.diagnostic_provider.inter_file_dependencies
        assert not can.diagnostic_provider.workspace_diagnostics
        assert isinstance(can.code_action_provider, types.CodeActionOptions)
        assert can.code_action_provider.resolve_provider
    assert DIAGNOSTICS == types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS
