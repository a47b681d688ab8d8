"""Diagnostics of a project that is kept open are those of a fresh check of the same texts, whatever is edited."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.random_edits import compare
from bench.server import edits, fresh, write_project
from dbhygiene.lsp.documents import Document
from dbhygiene.lsp.open_project import OpenProject, settings_of


def reported(project: OpenProject, path: Path) -> list[tuple[str, int, int]]:
    return sorted((each.code, each.span.line, each.span.column) for each in project.findings(path))


def test_each_edit_gives_the_findings_of_a_fresh_check(tmp_path: Path) -> None:
    views = write_project(tmp_path, apps=4, functions=12)
    project = OpenProject(tmp_path, settings_of(tmp_path, ()))
    text = views.read_text("utf-8")
    for number, changed in zip(range(60), edits(text, seed=7), strict=False):
        project.use({views: Document("", number, changed, views)})
        assert reported(project, views) == fresh(tmp_path, views, changed), f"edit {number}"


@pytest.mark.parametrize("seed", [1, 2])
def test_edits_of_all_files_give_the_findings_of_a_fresh_check(tmp_path: Path, seed: int) -> None:
    assert compare(tmp_path, number=30, seed=seed)


def test_an_edit_drops_only_the_results_that_depend_on_it(tmp_path: Path) -> None:
    views = write_project(tmp_path, apps=4, functions=12)
    project = OpenProject(tmp_path, settings_of(tmp_path, ()))
    text = views.read_text("utf-8")
    project.use({views: Document("", 1, text, views)})
    reported(project, views)
    helpers = project.file(views.with_name("helpers.py"))
    assert helpers is not None
    before = {ask: dict(known) for ask, known in helpers.query_results.items()}
    project.use({views: Document("", 2, text.replace("view_1(", "other("), views)})
    kept = sum(helpers.query_results[ask].get(key) is value for ask in before for key, value in before[ask].items())
    assert kept > sum(map(len, before.values())) // 2


STARS = {
    "drivers.py": "import pymysql\n\n\ndef connect():\n    return pymysql.connect()\n",
    "load.py": "import pymysql\nfrom drivers import *\n\n\ndef load():\n    conn = connect()\n    conn.cursor()\n",
}


def test_names_of_another_file_are_looked_up_again(tmp_path: Path) -> None:
    for name, text in STARS.items():
        (tmp_path / name).write_text(text)
    project = OpenProject(tmp_path, settings_of(tmp_path, ()))
    load, drivers = tmp_path / "load.py", tmp_path / "drivers.py"
    assert reported(project, load)
    project.use({drivers: Document("", 1, STARS["drivers.py"].replace("def connect", "def other"), drivers)})
    assert reported(project, load) == []
    project.use({})
    assert reported(project, load)


def test_edits_of_a_helper_change_the_findings_of_its_users(tmp_path: Path) -> None:
    views = write_project(tmp_path, apps=2, functions=12)
    helpers = views.with_name("helpers.py")
    project = OpenProject(tmp_path, settings_of(tmp_path, ()))
    text = helpers.read_text("utf-8")
    assert "return pymysql.connect(host=host)" in text
    before = reported(project, views)
    project.use({helpers: Document("", 1, text.replace("return pymysql.connect(host=host)", "return None"), helpers)})
    assert len(reported(project, views)) < len(before)
    project.use({})
    assert reported(project, views) == before


def test_a_file_that_changed_on_disk_is_read_again(tmp_path: Path) -> None:
    views = write_project(tmp_path, apps=2, functions=12)
    helpers = views.with_name("helpers.py")
    project = OpenProject(tmp_path, settings_of(tmp_path, ()))
    before = reported(project, views)
    helpers.write_text(helpers.read_text("utf-8").replace("return pymysql.connect(host=host)", "return None\n"))
    project.refresh()
    assert len(reported(project, views)) < len(before)
    views.write_text("x = 1\n")
    (tmp_path / "new.py").write_text("import app_0.views\n")
    project.refresh()
    assert reported(project, views) == []
    assert project.includes(tmp_path / "new.py")
