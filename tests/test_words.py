"""What the program prints is in plain words: messages, settings, help and the pages of rules."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import click
import pytest

import dbhygiene
from dbhygiene.checker.registry import all_rules
from dbhygiene.cli.commands import COMMANDS, commands
from dbhygiene.diagnostics.model import AnyRule
from tests.golden import record
from tests.test_docs import FENCE, RIDDLES

PACKAGE = Path(dbhygiene.__file__).parent
LONGEST = 100  # characters of a headline: with place and code, it fits on one line of a terminal

# A report prints what to do before the reason: it cannot mean what only the reason names.
POINTS_BACK = (
    r"^or |\bthere$|\b(update|name|beside|change|apply) (it|that)\b|\bto them$|\b(before|after) (it|that|these)$"
)

# A reason that ends there leaves the reader alone: say what cannot be told apart, and what to do.
EVASIONS = r"\b(author|knows? (best|why)|to say)\b|\bon some way\b|\bis to\b|\bfor ever\b|\banew\b"


def strings(path: Path) -> Iterator[tuple[int, str]]:
    """The texts of a module, with their lines: constants with a blank, also in f-strings; no docstrings."""
    tree = ast.parse(path.read_text("utf-8"))
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            if " " in node.value.strip():
                yield node.lineno, node.value


def advices(path: Path) -> Iterator[tuple[int, str]]:
    """What to do instead of a fix, with its line: the end of each reason that a module writes."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        match node:
            case ast.Call(func=ast.Name(id="NoFix" | "RefusedError"), args=[ast.Constant(value=str(text))]) if (
                "; " in text
            ):
                yield node.lineno, text.rpartition("; ")[2]
            case ast.Call(func=ast.Name(id="NoFix" | "RefusedError"), args=[ast.JoinedStr(values=[*_, last])]):
                if isinstance(last, ast.Constant) and "; " in str(last.value):
                    yield node.lineno, str(last.value).rpartition("; ")[2]


def prose(path: Path) -> Iterator[tuple[int, str]]:
    """The docstrings and comments of a module, line by line; programs in them left out."""
    text = path.read_text("utf-8")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            if (doc := ast.get_docstring(node, clean=False)) is not None:
                yield from enumerate(FENCE.sub("", doc).splitlines(), node.body[0].lineno)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def riddles(text: str) -> list[str]:
    """The lines that hide who does what; "cannot tell which" says plainly what a fix does not know."""
    lines = text.replace("cannot tell", "").splitlines()
    return [line for line in lines if re.search(RIDDLES, line) or re.search(EVASIONS, line)]


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_messages_are_in_plain_words(path: Path) -> None:
    assert not [f"{path.name}:{line}: {text}" for line, text in strings(path) if riddles(text)]


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_docstrings_and_comments_are_in_plain_words(path: Path) -> None:
    lines = [(line, text.replace("cannot tell", "")) for line, text in prose(path)]
    assert not [f"{path.name}:{line}: {text}" for line, text in lines if re.search(RIDDLES, text)]


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_what_to_do_is_clear_before_the_reason(path: Path) -> None:
    assert not [f"{path.name}:{line}: {text}" for line, text in advices(path) if re.search(POINTS_BACK, text)]


@pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.name)
def test_pages_of_rules_are_in_plain_words(rule: AnyRule) -> None:
    assert not riddles(FENCE.sub("", rule.doc))


@pytest.mark.parametrize("name", COMMANDS)
def test_help_is_in_plain_words_and_fits_a_terminal(name: str) -> None:
    command = commands.get_command(click.Context(commands), name)
    assert command is not None
    with click.Context(command, info_name=name, terminal_width=80) as context:
        text = command.get_help(context)
    assert not riddles(text)
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_the_docstring_of_a_module_is_short_and_names_its_main_type(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    types = [node.name for node in tree.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")]
    doc = ast.get_docstring(tree) or ""
    if path.parent.name != "rules":  # where it is the page
        assert len(doc.splitlines()) <= 10
        assert not types or any(f"`{name}" in doc for name in types)


def test_headlines_of_findings_are_short() -> None:
    lines = [line for blocks in record.read().values() for each in blocks.values() for line in each]
    heads = [
        message.strip() for line, message in pairwise(lines) if re.match(r"HYG\d{3} (certain|likely|possible) ", line)
    ]
    assert heads
    assert not [head for head in heads if len(head) >= LONGEST]


def test_help_without_a_fix_says_what_to_do() -> None:
    lines = [line for blocks in record.read().values() for each in blocks.values() for line in each]
    helps = [line.strip() for line in lines if line.startswith("  help: ")]
    assert helps
    assert not [line for line in helps if line.startswith(("help: not ", "help: change it by hand", "help: no "))]
