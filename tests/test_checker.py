"""Rules over subjects: selection, failures, fingerprints, words of helpers."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from dbhygiene.checker.file_check import check_file
from dbhygiene.checker.project_check import check
from dbhygiene.checker.selection import is_ignored_in, selected_rules
from dbhygiene.config.errors import UsageError
from dbhygiene.config.settings import Confidence, Settings
from dbhygiene.diagnostics.model import AnyRule, Diagnostic, Rule
from dbhygiene.gaps.search import Gaps
from dbhygiene.project.project import FEW, Project
from dbhygiene.source.file import File, NoProject


def calls(file: File, call: ast.Call) -> Iterator[Diagnostic]:
    yield Diagnostic(call, f"calls {file.resolve(call.func)}")


def doubts(file: File, call: ast.Call) -> Iterator[Diagnostic]:
    yield Diagnostic(call, "perhaps", confidence=Confidence.POSSIBLE)


def fails(file: File, call: ast.Call) -> Iterator[Diagnostic]:
    yield Diagnostic(call, "before the failure")
    raise LookupError("no such thing")


def doubts_first(file: File, call: ast.Call) -> Iterator[Diagnostic]:
    first = Confidence.POSSIBLE if call.lineno == 5 else Confidence.CERTAIN
    yield Diagnostic(call, "perhaps", confidence=first)


calls.__module__, doubts.__module__, fails.__module__ = "rules.some_call", "rules.some_doubt", "rules.some_failure"
doubts_first.__module__ = "rules.some_mixture"
CALLS: AnyRule = Rule("HYG901", "Call", frozenset({"driver"}), calls)
DOUBTS: AnyRule = Rule("HYG902", "Call", frozenset({"driver"}), doubts, default=False)
FAILS: AnyRule = Rule("HYG911", "Call", frozenset({"driver"}), fails)
MIXED: AnyRule = Rule("HYG903", "Call", frozenset({"driver"}), doubts_first)
RULES = (CALLS, DOUBTS, FAILS)

CODE = "import driver\n\n\ndef f():\n    driver.connect()\n    driver.connect()\n"


def file(text: str = CODE, **settings: object) -> File:
    return File(Path("/p/app.py"), text, project=NoProject(Settings(**settings), Path("/p")))  # type: ignore[arg-type]


def codes(**settings: object) -> list[str]:
    return [rule.code for rule in selected_rules(Settings(**settings), RULES)]  # type: ignore[arg-type]


def test_rules_are_selected_by_name_code_and_prefix() -> None:
    assert codes() == ["HYG901", "HYG911"]
    assert codes(select=("HYG91",)) == ["HYG911"]
    assert codes(select=("some-call",)) == ["HYG901"]
    assert codes(ignore=("HYG9",)) == []
    assert codes(ignore=("HYG90",)) == ["HYG911"]


def test_the_closest_selector_decides() -> None:
    assert codes(select=("HYG911",), ignore=("HYG9",)) == ["HYG911"]
    assert codes(select=("HYG9",), ignore=("HYG901",)) == ["HYG911"]
    assert codes(select=("HYG901",), ignore=("HYG901",)) == []


def test_a_rule_off_by_default_asks_for_its_own_name() -> None:
    assert codes(select=("HYG",)) == ["HYG901", "HYG911"]
    assert codes(extend_select=("some-doubt",)) == ["HYG901", "HYG902", "HYG911"]
    assert codes(select=("HYG902",)) == ["HYG902"]


@pytest.mark.parametrize("key", ["select", "extend_select", "ignore"])
def test_an_unknown_rule_is_a_mistake(key: str) -> None:
    with pytest.raises(UsageError, match=r"^unknown rule `some-cal` \(did you mean `some-call`\?\)$"):
        codes(**{key: ("some-cal",)})


def test_findings_are_placed_and_named() -> None:
    first, second = check_file(file(), [CALLS])
    assert (first.span, first.context, first.name) == ((5, 4, 5, 20), "f", "some-call")
    assert first.message == "calls driver.connect"
    assert second.span.line == 6


def test_a_file_without_the_words_is_not_parsed() -> None:
    assert check_file(file("nothing ) to see"), [CALLS]) == []


def test_fingerprints_hold_when_lines_move_and_tell_equals_apart() -> None:
    before = [f.fingerprint for f in check_file(file(), [CALLS])]
    moved = CODE.replace("import driver\n", "import driver\nimport os  # a line more\n").replace(
        "connect()", "connect( )"
    )
    assert [f.fingerprint for f in check_file(file(moved), [CALLS])] == before
    assert len(set(before)) == 2
    other = check_file(file(CODE.replace("def f", "def g")), [CALLS])
    assert other[0].fingerprint not in before


def test_fingerprints_hold_whatever_is_reported() -> None:
    everything = check_file(file(min_confidence=Confidence.POSSIBLE), [MIXED])
    certain = check_file(file(min_confidence=Confidence.CERTAIN), [MIXED])
    assert certain == everything[1:]


@pytest.mark.parametrize("order", [1, -1])
def test_findings_of_one_place_have_an_order_of_their_own(order: int) -> None:
    def leads_to_each(file: File, module: ast.Module) -> Iterator[Diagnostic]:
        yield from (Diagnostic(module.body[0], "leads there", path=[(each, "")]) for each in module.body[::order])

    rule: AnyRule = Rule("HYG904", "Module", frozenset({"driver"}), leads_to_each)
    assert [f.steps[0].span.line for f in check_file(file(), [rule])] == [1, 4]


def test_confidence_is_a_threshold() -> None:
    assert check_file(file(), [DOUBTS]) == []
    assert len(check_file(file(min_confidence=Confidence.POSSIBLE), [DOUBTS])) == 2


def test_rules_are_ignored_by_file() -> None:
    for pattern in ("app.py", "*.py", "/p/app.py"):
        found = check_file(file(per_file_ignores={pattern: ("HYG901",)}), [CALLS])
        assert bool(found) == (pattern == "/p/app.py")


@pytest.mark.parametrize(
    ("pattern", "ignored"),
    [
        ("shop/", "shop/a.py shop/deep/b.py old/shop/c.py"),  # as in `.gitignore`
        ("shop", "shop/a.py shop/deep/b.py old/shop/c.py"),
        ("/shop", "shop/a.py shop/deep/b.py"),
        ("shop/deep", "shop/deep/b.py"),
        ("**/deep/*.py", "shop/deep/b.py deep/d.py"),
        ("shop/**", "shop/a.py shop/deep/b.py"),
        ("old/**/c.py", "old/shop/c.py old/c.py"),
        ("/*.py", "top.py"),
        ("[a-c].py", "shop/a.py shop/deep/b.py old/shop/c.py old/c.py"),
        ("*/deep/*", "shop/deep/b.py"),  # as a pattern of the path
        ("*p/*b.py", "shop/deep/b.py"),
        ("shop/*.py", "shop/a.py shop/deep/b.py"),
        ("!shop", ""),
        ("!", ""),
        ("shop\\", ""),
        ("", ""),
        ("hop", ""),
        ("p", ""),
    ],
)
def test_patterns_of_files_whose_rules_are_ignored(pattern: str, ignored: str) -> None:
    project = NoProject(Settings(per_file_ignores={pattern: ("HYG9",)}), Path("/p"))
    names = ("shop/a.py", "shop/deep/b.py", "old/shop/c.py", "old/c.py", "deep/d.py", "top.py")
    found = [name for name in names if is_ignored_in(CALLS, File(Path("/p", name), CODE, project=project))]
    assert found == ignored.split()


def test_patterns_match_no_directory_above_the_root() -> None:
    for pattern in ("p", "p/", "/p", "**/p/**"):
        assert check_file(file(per_file_ignores={pattern: ("HYG901",)}), [CALLS])


def test_a_rule_that_fails_is_named_and_the_others_go_on() -> None:
    found = check_file(file(), RULES)
    assert sorted(f.code for f in found) == ["HYG000", "HYG901", "HYG901", "HYG911"]
    assert found[0].message == "internal error in the rule `some-failure`: LookupError: no such thing"
    assert "test_checker.py" in found[0].notes[0]


def test_a_file_that_does_not_parse_is_a_finding() -> None:
    (found,) = check_file(file("import driver\nx = (1 +\n"), [CALLS])
    assert (found.code, found.name, found.span.line) == ("HYG001", "syntax-error", 2)
    assert found.message.startswith("'(' was never closed (Python 3.")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"driver = '\xff'\n", "invalid or missing encoding declaration"),
        (b"\n\n\ndriver = '\xff'\n", "'utf-8' codec can't decode byte 0xff"),
        (b"# coding: no-such\ndriver = 1\n", "unknown encoding"),
        (b"driver = 1\0\n", "source code cannot contain null bytes"),
        (b"driver = " + b"(" * 500 + b")" * 500, ""),
    ],
    ids=["not UTF-8", "not UTF-8 later", "unknown encoding", "null byte", "too deep"],
)
def test_bytes_that_are_no_python_are_a_finding(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "bad.py"
    path.write_bytes(data)
    (found,) = check(Project(tmp_path), [path], [CALLS])
    assert found.code == "HYG001"
    assert words in found.message


def test_what_cannot_be_read_is_a_finding(tmp_path: Path) -> None:
    (tmp_path / "good.py").write_text(CODE)
    found = list(check(Project(tmp_path), [tmp_path / "gone.py", tmp_path / "good.py"], [CALLS]))
    assert [(f.code, f.path.name) for f in found] == [("HYG003", "gone.py"), *[("HYG901", "good.py")] * 2]
    assert found[0].message == "cannot read: no such file or directory"


def test_a_broken_file_is_reported_if_it_is_named_or_speaks_of_a_driver(tmp_path: Path) -> None:
    path = tmp_path / "broken.py"
    path.write_text("def f(:\n")
    assert list(check(Project(tmp_path), [path], [CALLS])) == []
    assert [f.code for f in check(Project(tmp_path), [path], [CALLS], named={path})] == ["HYG001"]
    path.write_text("import driver\ndef f(:\n")
    assert [f.code for f in check(Project(tmp_path), [path], [CALLS])] == ["HYG001"]


def test_files_that_only_name_a_helper_are_looked_at(tmp_path: Path) -> None:
    (tmp_path / "db.py").write_text("import pymysql\n\n\ndef open_shop():\n    return pymysql.connect()\n")
    user = tmp_path / "use.py"
    user.write_text("from db import open_shop\n\n\ndef f():\n    conn = open_shop()\n    conn.ping()\n")
    rules = selected_rules(Settings(select=("HYG101",)))
    found = list(check(Project(tmp_path), [tmp_path / "db.py", user], rules))
    assert [(f.path, f.span.line, f.code) for f in found] == [(user, 5, "HYG101")]


SHARED = """
import psycopg2.pool
from sqlalchemy import create_engine
from sqlalchemy.orm import sessionmaker

engine = create_engine("mysql+pymysql://shop@db/shop", pool_pre_ping=True)
OpenSession = sessionmaker(engine)
lent = psycopg2.pool.SimpleConnectionPool(1, 9, "dbname=shop")


class Shop:
    def __init__(self):
        self.factory = sessionmaker(engine)


def shop_engine():
    made = create_engine("mysql+pymysql://shop@db/shop", pool_pre_ping=True)
    return made


def shop_session():
    session = OpenSession()
    try:
        yield session
    finally:
        session.close()


shop = Shop()
"""


@pytest.mark.parametrize(
    ("name", "opened", "code"),
    [
        ("OpenSession", "OpenSession()", "HYG209"),
        ("engine", "engine.connect()", "HYG209"),
        ("lent", "lent.getconn()", "HYG101"),
        ("shop", "shop.factory()", "HYG209"),
        ("shop_engine", "shop_engine().connect()", "HYG209"),
        ("shop_session", "next(shop_session())", "HYG209"),
    ],
)
def test_files_are_looked_at_that_only_name_what_opens_connections(
    tmp_path: Path, name: str, opened: str, code: str
) -> None:
    (tmp_path / "base.py").write_text(SHARED)
    user = tmp_path / "use.py"
    user.write_text(f"from base import {name}\n\n\ndef f(q):\n    got = {opened}\n    print(got.execute(q))\n")
    settings = Settings(select=("HYG101", "HYG209"), min_confidence=Confidence.POSSIBLE)
    found = list(check(Project(tmp_path, settings), [tmp_path / "base.py", user], selected_rules(settings)))
    assert [(f.path, f.span.line, f.code) for f in found] == [(user, 5, code)]


@pytest.mark.parametrize("named", [["views.py"], []])
def test_the_files_that_a_named_file_imports_are_not_searched_for_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: list[str]
) -> None:
    helper = "import pymysql\nfrom django.db import models\n\ndef connect(): return pymysql.connect()\n"
    parts = [f"part_{n}" for n in range(2 * FEW)]
    for name in parts:
        (tmp_path / f"{name}.py").write_text(helper)
    text = "import django, pymysql\n" + "".join(f"from {name} import connect\n" for name in parts)
    (tmp_path / "views.py").write_text(f"{text}\nconn = connect()\n")
    asked: list[Gaps] = []
    monkeypatch.setattr(Gaps, "warm_up", lambda self, files: asked.append(self))
    project = Project(tmp_path)
    paths = [tmp_path / name for name in named] or project.everything
    list(check(project, paths, selected_rules(Settings()), named=[tmp_path / name for name in named]))
    assert bool(asked) == (not named)
