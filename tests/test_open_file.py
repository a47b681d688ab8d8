"""An edited file: which parts of it a result depends on, and which of them an edit changes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dbhygiene.gaps.entry_points import may_have_entry_points
from dbhygiene.lsp.documents import Document
from dbhygiene.lsp.open_project import OpenProject, settings_of
from dbhygiene.project.project import Project
from dbhygiene.source.file import File
from dbhygiene.source.inputs import TREE
from dbhygiene.source.nodes import Span

LOAD = """import pymysql

def load(rows):
    conn = pymysql.connect()
    if not rows:
        raise ValueError
    conn.close()
"""
TEXT = """import os

def first():
    return os.getpid()

def second():
    return first()
"""
EDITED = TEXT.replace("os.getpid()", "os.getppid()")


def asks_again(root: Path, ask: Callable[[File], object], *texts: str) -> list[bool]:
    """Whether an answer is computed again after each further text of a file."""
    path, asked = root / "shop.py", list[bool]()
    (root / "setup.cfg").touch()
    path.write_text("")
    project = Project(root, is_edited=True)
    project.update(path, b"x = 1")
    for text in texts:
        project.update(path, text.encode())
        before = len(asked)
        project.inputs.answer(("question",), lambda: asked.append(True) or ask(project.file(path)))  # type: ignore[func-returns-value]
        asked[before:] = [len(asked) > before]
    return asked[1:]


def content_of(name: str) -> Callable[[File], object]:
    return lambda file: file.scope.defined[name].body[0]


@pytest.mark.parametrize(
    ("ask", "after", "again"),
    [
        (content_of("first"), EDITED, True),
        (content_of("second"), EDITED, False),
        (content_of("second"), "\n\n" + TEXT, False),
        (content_of("second"), TEXT + "x = 1\n", False),
        (content_of("second"), TEXT + "def third(): pass\n", True),
        (lambda file: file.text, TEXT + "#\n", True),
        (lambda file: file.tree.body, TEXT + "#\n", True),
        (lambda file: "os" in file.scope.imports, EDITED, False),
        (lambda file: "os" in file.scope.imports, TEXT.replace("import os", "import sys as os"), True),
        (lambda file: "x" in file.scope.bound, TEXT + "x = 1\n", True),
        (lambda file: file.calls.get("first"), EDITED, False),
        (lambda file: file.calls.get("first"), EDITED + "first()\n", True),
        (lambda file: file.mentions("getppid"), EDITED, True),
        (lambda file: file.mentions("print"), EDITED, False),
        (lambda file: file.line_name(3), EDITED, False),
        (lambda file: file.line_name(3), "\n" + TEXT, True),
        (may_have_entry_points, EDITED, False),
        (may_have_entry_points, TEXT + "while True: pass\n", True),
        (lambda file: file.imported_packages, EDITED, False),
        (lambda file: file.imported_packages, TEXT + "    import sys\n", True),
    ],
)
def test_an_answer_depends_on_the_parts_that_it_has_read(
    tmp_path: Path, ask: Callable[[File], object], after: str, again: bool
) -> None:
    assert asks_again(tmp_path, ask, TEXT, after) == [again]


def test_answers_hold_again_when_the_text_parses_again(tmp_path: Path) -> None:
    ask = lambda file: file.is_program and content_of("second")(file)  # noqa: E731
    assert asks_again(tmp_path, ask, TEXT, TEXT + "def", TEXT) == [True, False]
    assert asks_again(tmp_path, content_of("first"), TEXT, EDITED, EDITED) == [True, False]


def test_an_answer_holds_through_several_edits(tmp_path: Path) -> None:
    edits = (TEXT + "# a\n", TEXT + "# b\n", TEXT.replace("return first()", "return None"))
    assert asks_again(tmp_path, content_of("second"), TEXT, *edits) == [False, False, True]


def test_an_answer_does_not_depend_on_trees(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(TEXT)
    project = Project(tmp_path, is_edited=True)
    project.update(tmp_path / "shop.py", TEXT.encode())
    project.inputs.answer(("question",), lambda: bool(project.file(tmp_path / "shop.py")))
    assert not project.inputs.answers["question",].inputs & project.inputs.of_kind[TREE]


def test_places_move_with_their_statement(tmp_path: Path) -> None:
    path = tmp_path / "shop.py"
    path.write_text(TEXT)
    project = Project(tmp_path, is_edited=True)
    project.update(path, TEXT.encode())
    marks, spans = project.file(path).marks, (Span(4, 4, 4, 9), Span(7, 4, 7, 9))
    project.update(path, TEXT.replace("def second", "\n\ndef second").encode())
    assert project.file(path).moved(spans, marks) == (Span(4, 4, 4, 9), Span(9, 4, 9, 9))


def test_numbers_of_lines_in_texts_move_with_their_statement(tmp_path: Path) -> None:
    path = tmp_path / "shop.py"
    path.write_text(TEXT)
    project = Project(tmp_path, is_edited=True)
    project.update(path, TEXT.encode())
    file = project.file(path)
    marks, texts = file.marks, file.movable(lambda: (f"see {file.line_name(7)}, not {file.line_label(4)}",))
    assert file.moved(texts, marks) == ("see line 7, not 4",)
    project.update(path, TEXT.replace("def second", "\n\ndef second").encode())
    assert project.file(path).moved(texts, marks) == ("see line 9, not 4",)


def test_an_edit_above_a_function_repeats_no_analysis_of_it(tmp_path: Path) -> None:
    (tmp_path / "setup.cfg").touch()
    path = tmp_path / "shop.py"
    path.write_text(LOAD)
    project = OpenProject(tmp_path, settings_of(tmp_path, ()))
    messages, answers = [], []
    for number, before in enumerate(("", "# a\n", "# a\n\n")):
        project.use({path: Document("", number, before + LOAD, path)})
        messages.append([finding.message for finding in project.findings(path)])
        known = project.project.inputs.answers.items()
        answers.append([id(answer) for key, answer in known if "findings" in str(key) and "load" in str(key)])
    expected = "connection `conn` is left open by the `raise` in line {}"
    assert messages == [[expected.format(line)] for line in (6, 7, 8)]
    assert answers[1]
    assert answers[1] == answers[2]


def test_an_edit_of_a_script_repeats_no_analysis_of_other_functions(tmp_path: Path) -> None:
    (tmp_path / "setup.cfg").touch()
    path = tmp_path / "job.py"
    text = LOAD + "\ndef show(rows):\n    print(rows)\n\nshow(load([]))\n"
    path.write_text(text)
    project = OpenProject(tmp_path, settings_of(tmp_path, ()))
    answers = []
    for number, after in enumerate(("rows", "rows, rows", "len(rows)")):
        edited = text.replace("print(rows)", f"print({after})")
        project.use({path: Document("", number, edited, path)})
        project.findings(path)
        known = project.project.inputs.answers.items()
        answers.append([id(answer) for key, answer in known if "findings" in str(key) and "load" in str(key)])
    assert answers[1]
    assert answers[1] == answers[2]


def test_an_edit_repeats_no_fix_of_other_functions(tmp_path: Path) -> None:
    (tmp_path / "setup.cfg").touch()
    path = tmp_path / "shop.py"
    load = "import pymysql\n\ndef load():\n    conn = pymysql.connect()\n    conn.cursor().execute('SELECT 1')\n"
    path.write_text(load)
    project = OpenProject(tmp_path, settings_of(tmp_path, ()))
    answers = []
    for number in range(3):
        project.use({path: Document("", number, f"{load}\ndef show():\n    return {number}\n", path)})
        assert [finding.fix is not None for finding in project.findings(path)] == [True]
        known = project.project.inputs.answers.items()
        answers.append([id(answer) for key, answer in known if "findings" in str(key) and "load" in str(key)])
    assert answers[1]
    assert answers[1] == answers[2]


def test_findings_move_with_their_function(tmp_path: Path) -> None:
    (tmp_path / "setup.cfg").touch()
    path = tmp_path / "shop.py"
    text = "import pymysql\n\ndef load():\n    conn = pymysql.connect()\n    conn.cursor().execute('SELECT 1')\n"
    path.write_text(text)
    project = OpenProject(tmp_path, settings_of(tmp_path, ()))
    lines = []
    for number, before in enumerate(("", "# a\n", "# a\nx = 1\n")):
        project.use({path: Document("", number, before + text, path)})
        lines.append([finding.span.line for finding in project.findings(path) if finding.code == "HYG101"])
    assert lines == [[4], [5], [6]]
