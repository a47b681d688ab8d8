"""`replacements`: each `Replacement` by which a test puts something else in place of a function or variable.

@patch("shop.jobs.connect")                      # of `unittest.mock`, and of pytest's `mocker`
monkeypatch.setattr(jobs, "connect", fake)       # of pytest
jobs.connect = fake

What the replacement returns may belong to the test, which uses it later: a fix that closes it breaks the test.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from typing import TypeAlias

from dbhygiene.library.test_files import is_test_file
from dbhygiene.source.file import File, with_others
from dbhygiene.source.lazy_pattern import lazy_pattern
from dbhygiene.source.nodes import last_name
from dbhygiene.source.queries import query
from dbhygiene.source.records import Record

Named: TypeAlias = "tuple[str, str]"  # a name, and the module, class or object that it is looked up in

_PATCHING = ("patch", "setattr")  # words of a file that replaces something, other than by an assignment
_BY_NAME = ("object", "setattr")  # `patch.object(jobs, "connect")`
_TARGET = lazy_pattern(r"(?:[\w.]*?(\w+)|.*)\.(\w+)", re.DOTALL)


class Replacement(Record):
    """The name that a test replaces, and the file of the test."""

    name: str
    file: File

    @property
    def words(self) -> str:
        return f"a test (`{self.file.path.name}`) replaces `{self.name}`"


def replacements(file: File, looked_up: Iterable[Named]) -> Iterator[Replacement]:
    """Yield those of some names that a test of the project replaces."""
    for owner, name in looked_up:
        for test in _tests_about(file, owner, name):
            if any(each in _replaced_in(test) for each in ((owner, name), ("", name))):
                yield Replacement(name, test)


def _tests_about(file: File, owner: str, name: str) -> Iterator[File]:
    """Yield the test files that may replace a name. If very many mention it, those that mention its owner, too."""
    found: list[File] = []
    for word in _PATCHING:
        some = file.project.files_mentioning_all(name, word)
        found += some if some is not None else file.project.files_mentioning_all(name, word, owner) or ()
    for each in with_others(file, [*found, *file.project.files_setting(name)]):
        if is_test_file(each) and each.is_program:
            yield each


@query
def _replaced_in(test: File) -> frozenset[Named]:
    """Return the names that a file replaces; the owner is empty if it is only known at run time."""
    return frozenset(_replaced(test))


def _replaced(test: File) -> Iterator[Named]:
    if any(word in test.text for word in _PATCHING):
        for text in test.nodes(ast.Constant):  # a constant may hold the target: `patch(TARGET)`
            if isinstance(text.value, str) and (found := _TARGET.fullmatch(text.value)) is not None:
                yield found[1] or "", found[2]
        for call in test.nodes(ast.Call):
            match call:
                case ast.Call(args=[owner, ast.Constant(value=str(name)), *_]) if last_name(call.func) in _BY_NAME:
                    yield _last_part(test, owner), name
                case ast.Call(func=ast.Attribute(attr="multiple"), args=[owner, *_], keywords=replaced):
                    yield from ((_last_part(test, owner), each.arg) for each in replaced if each.arg)
    for attribute in test.nodes(ast.Attribute):
        if isinstance(attribute.ctx, ast.Store) and (known := _last_part(test, attribute.value)):
            yield known, attribute.attr


def _last_part(test: File, owner: ast.expr) -> str:
    """Return the last part of the name of a module or class; empty if it is only known at run time."""
    match owner:
        case ast.Constant(value=str(text)):
            return text.rpartition(".")[2]
    name = test.resolve(owner)
    return name.rpartition(".")[2] if name is not None else ""


def looked_up_by(file: File, path: str, cls: str | None = None) -> Iterator[Named]:
    """Yield the names that code of a file looks up to evaluate `db.connect`, within a method of `cls` if given."""
    first, *parts = path.split(".")
    if first in {"self", "cls"} and cls is not None:
        owner = cls
    else:
        owner = file.module.rpartition(".")[2]
        parts.insert(0, first)
    for part in parts:
        yield owner, part
        owner = part
