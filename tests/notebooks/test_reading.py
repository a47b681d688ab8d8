"""A notebook is read as one program, whose lines have a place in a cell, and a place in the JSON text."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dbhygiene.source.file import File
from dbhygiene.source.notebook import CellLine, Notebook
from dbhygiene.source.notebook_document import NotebookError
from tests.notebooks.samples import PYTHON, cell, document, notebook


def read(text: str) -> Notebook:
    return Notebook.decode(text.encode())


def test_code_cells_are_one_program_with_a_map() -> None:
    file = notebook(cell("# Title", "markdown"), "a = 1\n", cell("raw", "raw"), "b = 2\nc = 3")
    assert file.text == "a = 1\n\nb = 2\nc = 3\n"
    assert file.notebook is not None
    assert [file.notebook.place(line) for line in (1, 2, 3, 4)] == [(2, 1), (2, 2), (4, 1), (4, 2)]
    assert file.notebook.line_of(CellLine(4, 2)) == 4
    assert file.notebook.line_of(CellLine(4, 3)) is None
    assert file.notebook.line_of(CellLine(1, 1)) is None
    assert [file.line_name(3), file.line_label(3)] == ["cell 4, line 1", "cell 4:1"]


def test_the_cells_of_an_editor_need_no_file() -> None:
    made = Notebook.of_cells([(2, "%load_ext sql\n"), (5, "x = 1")])
    assert made.text == "_            \n\nx = 1\n"
    assert made.place(3) == CellLine(5, 1)
    assert File.of_notebook(Path("a.ipynb"), made).is_program


def test_format_3_is_read() -> None:
    cells = [{"cell_type": "heading", "source": "x"}, {"cell_type": "code", "input": ["a = 1\n", "b = 2"]}]
    cells.append({"cell_type": "code", "language": "r", "input": "c <- 1"})
    text = json.dumps({"nbformat": 3, "metadata": {}, "worksheets": [{"cells": cells}, {"cells": cells}]})
    assert read(text).text == "a = 1\nb = 2\na = 1\nb = 2\n"
    assert [each.number for each in read(text).cells] == [2, 5]


@pytest.mark.parametrize(
    ("metadata", "is_read"),
    [
        (PYTHON, True),
        ({}, True),
        ({"language_info": {"name": "python"}}, True),
        ({"kernelspec": {"language": "R"}}, False),
        ({"language_info": {"name": "julia"}}, False),
        ({"language_info": {"name": "python", "version": "2.7.12"}}, False),
        ({"kernelspec": {"language": "python", "name": "python2"}}, False),
        ({"kernelspec": None, "language_info": []}, True),
    ],
)
def test_other_kernels_are_left_out(metadata: dict[str, object], is_read: bool) -> None:
    assert bool(read(document("a = 1", metadata=metadata)).cells) == is_read


def test_a_cell_of_another_language_is_left_out() -> None:
    assert read(document(cell("select 1", metadata={"vscode": {"languageId": "sql"}}), "a = 1")).text == "a = 1\n"


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        ('{"cells": [\n1,,]}', "invalid JSON: Expecting value", 2),
        ('{"cells": []} x', "invalid JSON: Extra data", 1),
        ('{"a": 1}', "not a notebook: there are no cells", 1),
        ("[1]", "not a notebook: there are no cells", 1),
        ('{"cells": [\n{"cell_type": "code", "source": 1}]}', "not a notebook: cell 1 has no source", 2),
        ('{"cells": [{"cell_type": "code"}]}', "not a notebook: cell 1 has no source", 1),
        ('{\n"cells": 3}', "not a notebook: `cells` is not a list of objects", 2),
        ('{"cells": [{},\n"print()"]}', "not a notebook: `cells` is not a list of objects", 2),
    ],
)
def test_what_is_no_notebook_is_named_with_its_place(text: str, message: str, line: int) -> None:
    with pytest.raises(NotebookError) as caught:
        read(text)
    assert (caught.value.msg, caught.value.lineno) == (message, line)


def test_an_empty_file_is_a_new_notebook() -> None:
    assert read(" \n").cells == ()
    assert read('{"cells": []}').text == ""


def test_of_equal_keys_the_last_counts() -> None:
    assert read('{"cells": [{"cell_type": "code", "source": "a", "source": "b"}]}').text == "b\n"


def test_a_cell_that_does_not_parse_is_left_out() -> None:
    made = read(document("a = 1", "b = conn (", "c = 3"))
    assert made.text == "a = 1\n          \nc = 3\n"
    assert [cell.number for cell, _ in made.broken] == [2]
    assert made.names == {"b", "conn"}


def test_a_cell_does_not_go_on_in_the_next() -> None:
    """IPython takes the indentation of a whole cell away."""
    made = read(document("if x:\n    a()\n", "    b()\n    c()"))
    assert made.text == "if x:\n    a()\n\n       \n       \n"
    assert (made.broken, made.names) == ((), {"b", "c"})
    assert len(read(document('"""', '"""')).broken) == 2


def test_a_place_in_the_json_text() -> None:
    text = document("a = 1\n", 'b = "\\té"; c')
    made = read(text)
    for number, line, column, words in ((1, 1, 4, "1"), (2, 1, 4, '\\"'), (2, 1, 5, "\\\\t"), (2, 1, 7, "\\u00e9")):
        row, place = made.place_in_document(number, line, column)
        assert text.split("\n")[row - 1][place:].startswith(words)


def test_bytes_are_kept() -> None:
    data = "\ufeff" + document("a = 1").replace("\n", "\r\n")
    assert File.decode(Path("a.ipynb"), data.encode()).encode() == data.encode()
