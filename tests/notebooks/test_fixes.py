"""A fix changes lines of one cell; every other byte of the notebook stays as it is."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dbhygiene.fixes.apply import Fixed, fix
from dbhygiene.source.file import File
from dbhygiene.source.notebook_document import NotebookText
from dbhygiene.source.notebook_splice import changes, offset_in_value, splice
from tests.notebooks.samples import PATH, PYTHON, cell, document, findings, lines, notebook

IMPORT = "import pymysql, sqlite3\nfrom sqlalchemy import create_engine\n%matplotlib inline"
LOAD = (
    "def load(query):\n    conn = pymysql.connect(host='b\u00fccher')\n    return conn.cursor().execute(query)  # all"
)
WITH = "%%time\nwith sqlite3.connect('a/b.db') as db:\n    !ls -l\n    db.execute('delete from t')"
ENGINE = "engine = create_engine('mysql://db/shop')  # \U0001f600"
REPLACED = "old = sqlite3.connect('a')\n%load_ext sql\nold = sqlite3.connect('b')"
CLEAN = "!pip install a/b\nx = [1, 2]\n%timeit x\n"
LONG = "def many():\n    conn = pymysql.connect()\n    conn.ping()\n\n    conn.close()\n# end"


def fixed(file: File) -> Fixed:
    return fix(file, findings)


def sources(text: str) -> list[Any]:
    return [each["source"] for each in json.loads(text)["cells"]]


def test_the_lines_of_one_cell_change() -> None:
    before = document(IMPORT, cell("# Title", "markdown"), LOAD, CLEAN)
    after = fixed(File.decode(PATH, before.encode()))
    assert [each.code for each in after.fixed] == ["HYG101"]
    assert sources(after.text)[2] == lines(
        "from contextlib import closing\n\n\n"
        "def load(query):\n"
        "    with closing(pymysql.connect(host='b\u00fccher')) as conn:\n"
        "        return conn.cursor().execute(query)  # all"
    )
    assert after.text.replace(after.text[after.text.index('"from contextlib') : after.text.index("# all")], "") == (
        before.replace(before[before.index('"def load') : before.index("# all")], "")
    )


def test_each_cell_imports_what_its_fix_adds() -> None:
    text = fixed(notebook(IMPORT, LOAD, LOAD.replace("load", "read"))).text
    assert text.count('"from contextlib import closing\\n",') == 2


def test_a_cell_uses_what_an_earlier_cell_imports() -> None:
    assert "from contextlib" not in fixed(notebook(IMPORT, "import contextlib", LOAD)).text
    assert "with contextlib.closing(" in fixed(notebook(IMPORT, "import contextlib", LOAD)).text


def test_a_magic_moves_with_its_line() -> None:
    """The indentation of a command changes, and nothing else of it."""
    load = "def load(query):\n    conn = pymysql.connect()\n    !echo {query}\n    return conn.cursor().execute(query)"
    assert "        !echo {query}\n" in sources(fixed(notebook(IMPORT, load)).text)[1]


def test_a_comment_is_removed_from_its_cell() -> None:
    after = fixed(notebook("import pymysql", "x = 1  # noqa: HYG101", "y = 1"))
    assert sources(after.text) == [["import pymysql"], ["x = 1"], ["y = 1"]]


def test_a_fix_of_two_cells_is_refused() -> None:
    """The import of the first cell has a line for names of that module."""
    from dbhygiene.diagnostics.edits import InsertAfter
    from dbhygiene.diagnostics.model import Finding, Fix
    from dbhygiene.source.nodes import Span

    edits = (InsertAfter(Span(1, 0, 1, 5), "y = 1"), InsertAfter(Span(2, 0, 2, 5), "z = 1"))
    both = Finding(PATH, Span(1, 0, 1, 5), "HYG101", "connection-not-closed", "m", fix=Fix("Title", edits))
    after = fix(notebook("a = 1", "b = 2"), lambda file: [both])
    assert [left.reason for left in after.left] == [
        "the fix would change cells 1 and 2: a fix may change one cell only"
    ]


@pytest.mark.parametrize("spell", [lines, str], ids=["list", "string"])
def test_the_form_of_a_source_stays(spell: Callable[[str], Any]) -> None:
    text = document(IMPORT, {**cell(""), "source": spell(ENGINE)})
    after = fixed(File.decode(PATH, text.encode())).text
    new = ENGINE.replace("shop')", "shop', pool_pre_ping=True, pool_recycle=280)")
    assert sources(after)[1] == spell(new)
    assert after == text.replace("shop')", "shop', pool_pre_ping=True, pool_recycle=280)")


@pytest.mark.parametrize("is_ascii", [True, False])
def test_new_text_is_escaped_if_the_file_escapes_it(is_ascii: bool) -> None:
    text = json.dumps(json.loads(document(IMPORT, LOAD)), ensure_ascii=is_ascii)
    after = fixed(File.decode(PATH, text.encode())).text
    assert after != text
    assert after.isascii() == is_ascii


# -- random notebooks ------------------------------------------------------------------------------------


@st.composite
def spelled(draw: st.DrawFn, text: str) -> str:
    """A string of JSON: each character as it is, or by one of its escapes."""
    parts = []
    for char in text:
        plain = json.dumps(char, ensure_ascii=False)[1:-1]
        ways = [plain, json.dumps(char)[1:-1], *(["\\/"] if char == "/" else [])]
        ways += [f"\\u{ord(char):04X}"] if ord(char) < 0x10000 else []
        parts.append(draw(st.sampled_from(ways)) if not char.isalnum() or not char.isascii() else plain)
    return f'"{"".join(parts)}"'


@st.composite
def values(draw: st.DrawFn, text: str) -> str:
    """A source: a string, or a list of strings, which mostly are its lines."""
    if draw(st.booleans()):
        return draw(spelled(text))
    parts = lines(text)
    if draw(st.integers(0, 4)) == 0:
        cut = draw(st.integers(0, len(text)))
        parts = [text[:cut], text[cut:], *draw(st.sampled_from([[], [""]]))]
    blank = draw(st.sampled_from(["", " ", "\n    ", "\r\n\t"]))
    return f"[{blank}{f',{blank}'.join(draw(spelled(part)) for part in parts)}{blank}]"


@st.composite
def notebooks(draw: st.DrawFn) -> str:
    cells = []
    for source in [
        IMPORT,
        *draw(st.lists(st.sampled_from([LOAD, WITH, ENGINE, CLEAN, LONG, REPLACED, ""]), min_size=1, max_size=4)),
    ]:
        source = source.replace("\n", draw(st.sampled_from(["\n", "\n", "\r\n"])))
        members = ['"cell_type": "code"', f'"source": {draw(values(source))}', '"metadata":{"x" : [1.50,  {}]}']
        members += ['"outputs": [{"text": ["conn = pymysql.connect()\\n", "\\u00e9"]}]', '"execution_count": null']
        separator = draw(st.sampled_from([", ", ",\n  "]))
        cells.append(f"{{{separator.join(draw(st.permutations(members)))}}}")
        if draw(st.booleans()):
            cells.append('{"cell_type": "markdown", "source": ["import pymysql"], "metadata": {}}')
    parts = [f'"cells" : [{", ".join(cells)} ]', f'"metadata": {json.dumps(PYTHON)}', '"nbformat": 4']
    text = ",\r\n".join(draw(st.permutations(parts)))
    return draw(st.sampled_from(["", "\ufeff"])) + f"{{{text}}}" + draw(st.sampled_from(["", "\n", "\r\n \n"]))


def outside(text: str) -> list[str]:
    """The text between the sources of the code cells."""
    found, done = [], 0
    for source in NotebookText.decode(text.encode()).sources:
        found.append(text[done : source.value.start])
        done = source.value.end
    return [*found, text[done:]]


@settings(max_examples=60)
@given(notebooks())
def test_nothing_differs_but_the_lines_of_the_fix(text: str) -> None:
    file = File.decode(PATH, text.encode())
    after = fixed(file)
    assert outside(after.text) == outside(text)
    again = File.decode(PATH, after.text.encode())
    assert again.is_program
    assert fixed(again).text == after.text
    assert file.notebook is not None
    assert again.notebook is not None
    touched = {file.section_at(each.span.line) for each in after.fixed}
    for number, (before, now) in enumerate(zip(file.notebook.cells, again.notebook.cells, strict=True)):
        assert (before.source != now.source) == (number in touched)
        old, new = (NotebookText.decode(each.encode()) for each in (text, after.text))
        if number not in touched:
            assert old.raw[slice(*old.sources[number].value)] == new.raw[slice(*new.sources[number].value)]


@given(st.data())
def test_a_change_keeps_the_spelling_of_all_other_characters(data: st.DataObject) -> None:
    parts = st.lists(st.sampled_from(["a", "\u00e9", "\U0001f600", "\n", '"', "\\", "/", "x = 1\n", "    y\n", "\r\n"]))
    old, new = "".join(data.draw(parts)), "".join(data.draw(parts))
    value = data.draw(values(old))
    edits = changes(old, new)
    if old:
        after = splice(value, edits, ascii_only=data.draw(st.booleans()))
        decoded = json.loads(after)
        assert (decoded if isinstance(decoded, str) else "".join(decoded)) == new
        assert edits or after == value
        if edits and (start := edits[0].start):
            kept = value[: offset_in_value(value, start - 1)]
            assert after.startswith(kept)
        if edits and (rest := len(old) - edits[-1].end):
            assert after.endswith(value[offset_in_value(value, len(old) - rest) :])
