"""Every verb at random places of real programs: the standard library's own."""

from __future__ import annotations

import ast
import io
import re
import sysconfig
import tokenize
from collections import Counter
from functools import cache
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from dbhygiene.diagnostics.edits import (
    AddItem,
    AddKeyword,
    Edit,
    InsertAfter,
    InsertBefore,
    InsertFirst,
    MoveIntoWith,
    Remove,
    Replace,
    ReplaceItem,
    WrapInTry,
)
from dbhygiene.fixes import imports, verify
from dbhygiene.fixes.editor import Editor
from dbhygiene.fixes.sections import SectionEditor
from dbhygiene.fixes.targets import PRAGMA, EditError
from dbhygiene.source.file import File

LIBRARY = Path(sysconfig.get_paths()["stdlib"])
NAMES = ["copy", "graphlib", "netrc", "queue", "sched", "shelve"]
PATHS = [LIBRARY / f"{name}.py" for name in NAMES]
ENDS = ["\n", "\r\n"]


@cache
def program(path: Path, end: str) -> tuple[File, Editor]:
    text = path.read_bytes().decode().replace("\r\n", "\n").replace("\n", end)
    return File(path, text), Editor(text)


@st.composite
def edits(draw: st.DrawFn, file: File) -> Edit | None:
    """An edit anywhere in the file that is legal there, as the rules' own are."""
    kind = draw(st.sampled_from(["call", "dict", "replace", "item", "statement", "first", "with", "try"]))
    span = file.span
    if kind == "item":
        withs = [node for node in ast.walk(file.tree) if isinstance(node, ast.With)]
        if not withs:
            return None
        node = draw(st.sampled_from(withs))
        return ReplaceItem(span(node.items[0].context_expr), "{contextlib.closing}($value) as one, one")
    if kind in {"call", "replace"}:
        call = span(draw(st.sampled_from(file.nodes(ast.Call))))
        return AddKeyword(call, "added", "{time.sleep}") if kind == "call" else Replace(call, "{a.b}($value) or 1")
    if kind == "dict":
        return AddItem(span(draw(st.sampled_from(file.nodes(ast.Dict)))), '"k"', "1") if file.nodes(ast.Dict) else None
    blocks = [
        block
        for node in ast.walk(file.tree)
        for name in ("body", "orelse", "finalbody")
        if isinstance(block := getattr(node, name, None), list) and block
    ]
    block = draw(st.sampled_from(blocks))
    start = draw(st.integers(0, len(block) - 1))
    stop = draw(st.integers(start, len(block) - 1))
    first, last = span(block[start]), span(block[stop])
    if kind == "first":
        owners = [node for each in blocks for node in each if hasattr(node, "body")]
        return InsertFirst(span(draw(st.sampled_from(owners))), "new()")
    if kind == "with":
        assigns = [i for i, node in enumerate(block) if isinstance(node, ast.Assign) and len(node.targets) == 1]
        if not assigns:
            return None
        at = draw(st.sampled_from(assigns))
        return MoveIntoWith(span(block[at]), span(block[max(at, stop)]), "{contextlib.closing}($value) as one")
    if kind == "try":
        clause, code = draw(st.sampled_from([("finally", "new()"), ("except BaseException", "new()\nraise")]))
        moved = (span(block[stop + 1]),) if stop + 1 < len(block) and draw(st.booleans()) else ()
        return WrapInTry(first, last, clause, code, moved)
    return draw(st.sampled_from([InsertBefore(first, "new()"), InsertAfter(first, "new()"), Remove(first)]))


def comments(text: str) -> Counter[str]:
    tokens = tokenize.generate_tokens(io.StringIO(text, newline="").readline)
    return Counter(token.string for token in tokens if token.type == tokenize.COMMENT)


def ends(text: str) -> set[str]:
    return set(re.findall(r"\r\n|\r|\n", text))


@settings(
    max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.generate]
)
@given(st.data(), st.sampled_from(PATHS), st.sampled_from(ENDS))
def test_an_edit_does_what_it_says_and_no_more(data: st.DataObject, path: Path, end: str) -> None:
    file, editor = program(path, end)
    some = data.draw(st.lists(edits(file), min_size=1, max_size=2))
    chosen = [edit for edit in some if edit is not None]
    spelled = imports.spell_names(file, chosen)
    try:
        text = editor.edit(spelled)
        same = verify.same_meaning(file, spelled, text)
    except (EditError, SyntaxError) as error:
        refused = str(error)
    else:
        refused = "" if same else "the proof"
    if not refused:
        assert SectionEditor(file, chosen).edit(spelled).text == text  # without the other functions
    if refused:  # a random pair may contradict itself
        assert len(chosen) > 1 or "elif" in refused
        return
    assert ends(text) <= ends(file.text)
    lost = comments(file.text) - comments(text)
    assert all(PRAGMA.match(comment) for comment in lost)
