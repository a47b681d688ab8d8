"""`python -m bench.random_edits`: edit the files of a project at random, and compare each result with a fresh check.

Edits add, remove, move and rename functions, classes, methods, decorators and imports, change any file of the project,
and undo earlier ones. In between, texts do not parse.
"""

from __future__ import annotations

import ast
import random
import re
import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.server import write_project
from dbhygiene.checker.project_check import check
from dbhygiene.checker.selection import selected_rules
from dbhygiene.lsp.documents import Document
from dbhygiene.lsp.open_project import OpenProject, settings_of
from dbhygiene.project.project import Project

Texts = Mapping[Path, str]

_LINES = """
conn = pymysql.connect()
conn = connect()
conn.close()
cursor = conn.cursor()
return None
return conn
return connect("db")
raise ValueError
time.sleep(40000)
rest(40000)
rest(1)
order = Order.objects.get(pk=1)
order.save()
order.settle(1)
latest("1")
totals("db")
view_1(None, 1)
fetch = connect
close_old_connections()
connection.close()
threading.Thread(target=view_1).start()
threading.Thread(target=rest, args=(1,)).start()
os.fork()
engine = create_engine("mysql+pymysql://db/shop")
session = Session(engine)
global conn
if conn: conn.close()
subprocess.run(["make"])
""".strip().split("\n")
_IMPORTS = """
import os
import time
import threading
import subprocess
import pymysql
from django.db import connection, close_old_connections
from sqlalchemy import create_engine
from sqlalchemy.orm import Session
from app_0.helpers import *
from app_1.helpers import connect, rest, latest
from app_1.helpers import totals as rest
from app_0.views import view_1
from app_1.models import *
from app_0 import helpers
""".strip().split("\n")
_BLOCKS = """
def report_{n}(request):
    conn = connect()
    conn.cursor().execute("SELECT 1")
    conn.close()
~
def walk_{n}():
    order = latest("1")
    rest(40000)
    order.save()
~
threading.Thread(target=latest, args=("1",)).start()
~
def opener_{n}(host):
    return pymysql.connect(host=host)
~
def user_{n}():
    conn = opener_{n}("db")
    conn.cursor().execute("SELECT 1")
~
def user_{n}():
    with connect() as conn:
        conn.cursor().execute("SELECT 1")
~
def loop_{n}():
    while True:
        latest("1")
        rest(60000)
~
class Holder_{n}:
    def __init__(self):
        self.conn = connect()

    def close(self):
        self.conn.close()

    @property
    def last(self):
        return latest("1")
~
class Holder_{n}(Holder_1):
    def close(self):
        time.sleep(40000)
~
class Pair(Holder_{n}, Order):
    def run(self):
        self.last.save()
        time.sleep(30000)
        self.last.save()
~
@receiver(post_save)
def received_{n}(sender, **kwargs):
    rest(40000)
~
@shared_task
def task_{n}():
    latest("1")
    rest(40000)
    latest("2")
~
class Command(BaseCommand):
    def handle(self, *args, **options):
        order = latest("1")
        rest(40000)
        order.save()
~
def connect(host="db"):
    return Holder_{n}().conn
~
def rest(seconds):
    return latest(seconds)
~
if __name__ == "__main__":
    user_{n}()
    loop_{n}()
""".strip().split("\n~\n")


_DECORATORS = ("@property", "@shared_task", "@receiver(post_save)", "@staticmethod", "@contextmanager", "@connect")
_SETTINGS = ("min-confidence=possible", "server-timeout=3600")


class Author:
    """Whoever edits a project at random."""

    def __init__(self, texts: Texts, seed: int) -> None:
        self._dice = random.Random(seed)
        self._texts = dict(texts)
        self._history = [dict(texts)]

    def edits(self) -> Iterator[tuple[str, Texts]]:
        """Yield the kind of each edit, and the texts of all files after it."""
        kinds = {
            self._insert_line: 8,
            self._delete_line: 5,
            self._insert_block: 6,
            self._delete_block: 2,
            self._move_block: 1,
            self._insert_import: 3,
            self._delete_import: 1,
            self._rename: 2,
            self._rename_everywhere: 1,
            self._comment: 3,
            self._decorate: 2,
            self._indent: 1,
            self._change_signature: 2,
            self._add_method: 2,
            self._swap_lines: 1,
            self._break: 2,
            self._break_and_edit: 1,
            self._undo: 4,
            self._begin_again: 4,
        }
        paths = [*self._texts]
        weights = [8 if path.name in ("views.py", "helpers.py") else 2 for path in paths]
        while True:
            kind = self._dice.choices([*kinds], [*kinds.values()])[0]
            path = self._dice.choices(paths, weights)[0]
            before = dict(self._texts)
            kind(path)
            if kind in (self._break, self._break_and_edit):  # while it does not parse, another file may change
                yield kind.__name__, dict(self._texts)
                other, text = self._dice.choice(paths), self._texts[path]
                self._texts = before
                if kind == self._break_and_edit and other != path:
                    self._insert_line(other)
                    if _parses(self._texts[other]):
                        yield "edit beside a break", {**self._texts, path: text}
                        yield "mend", dict(self._texts)
                    else:
                        self._texts = before
            elif not all(map(_parses, self._texts.values())):
                self._texts = before
            elif before != self._texts:
                self._history.append(before)
                yield f"{kind.__name__} {path.name}", dict(self._texts)

    def _change(self, path: Path, blocks: Sequence[str], between: str = "\n") -> None:
        self._texts[path] = between.join(blocks)

    def _insert_line(self, path: Path) -> None:
        lines = self._texts[path].split("\n")
        place = self._dice.randrange(len(lines))
        indent = lines[place][: len(lines[place]) - len(lines[place].lstrip())]
        self._change(path, [*lines[:place], indent + self._dice.choice(_LINES), *lines[place:]])

    def _comment(self, path: Path) -> None:
        lines = self._texts[path].split("\n")
        place = self._dice.randrange(len(lines))
        self._change(path, [*lines[:place], "# a comment", *lines[place:]])

    def _delete_line(self, path: Path) -> None:
        lines = self._texts[path].split("\n")
        place = self._dice.randrange(len(lines))
        self._change(path, lines[:place] + lines[place + 1 :])

    def _blocks(self, path: Path) -> list[str]:
        return self._texts[path].split("\n\n\n")

    def _insert_block(self, path: Path) -> None:
        blocks = self._blocks(path)
        block = self._dice.choice(_BLOCKS).format(n=self._dice.randrange(3))
        blocks.insert(self._dice.randrange(1, len(blocks) + 1), block)
        self._change(path, blocks, "\n\n\n")

    def _delete_block(self, path: Path) -> None:
        blocks = self._blocks(path)
        del blocks[self._dice.randrange(len(blocks))]
        self._change(path, blocks or [""], "\n\n\n")

    def _move_block(self, path: Path) -> None:
        blocks = self._blocks(path)
        self._dice.shuffle(blocks)
        self._change(path, blocks, "\n\n\n")

    def _insert_import(self, path: Path) -> None:
        self._texts[path] = f"{self._dice.choice(_IMPORTS)}\n{self._texts[path]}"

    def _delete_import(self, path: Path) -> None:
        lines = self._texts[path].split("\n")
        if imports := [number for number, line in enumerate(lines) if re.match(r"import|from", line)]:
            del lines[self._dice.choice(imports)]
            self._change(path, lines)

    def _rename(self, path: Path) -> None:
        self._rename_in([path], path)

    def _rename_everywhere(self, path: Path) -> None:
        self._rename_in([*self._texts], path)

    def _rename_in(self, changed: Sequence[Path], path: Path) -> None:
        """Rename a function or class of a file in these files."""
        if names := re.findall(r"(?:def|class) (\w+)", self._texts[path]):
            old, new = self._dice.choice(names), self._dice.choice([*names, "connect", "rest", "Order", "fresh_name"])
            for each in changed:
                self._texts[each] = re.sub(rf"\b{old}\b", new, self._texts[each])

    def _break(self, path: Path) -> None:
        self._texts[path] = self._texts[path].replace(":\n", "\n", 1)

    def _break_and_edit(self, path: Path) -> None:
        self._break(path)

    def _decorate(self, path: Path) -> None:
        lines = self._texts[path].split("\n")
        places = [number for number, line in enumerate(lines) if re.match(r"\s*(?:def|class) ", line)]
        if places:
            place = self._dice.choice(places)
            if place and lines[place - 1].lstrip().startswith("@"):
                del lines[place - 1]
            else:
                indent = lines[place][: len(lines[place]) - len(lines[place].lstrip())]
                lines.insert(place, indent + self._dice.choice(_DECORATORS))
            self._change(path, lines)

    def _indent(self, path: Path) -> None:
        """Put a block into a branch of the module."""
        blocks = self._blocks(path)
        place = self._dice.randrange(len(blocks))
        inner = "\n".join(f"    {line}" if line else line for line in blocks[place].split("\n"))
        blocks[place] = f"if os.environ:\n{inner}"
        self._change(path, blocks, "\n\n\n")

    def _change_signature(self, path: Path) -> None:
        old, new = self._dice.choice([("(self", "(self, given=None"), ("():", "(conn=None):"), ("request", "conn")])
        parts = self._texts[path].split(old)
        if len(parts) > 1:
            place = self._dice.randrange(1, len(parts))
            self._texts[path] = new.join([old.join(parts[:place]), old.join(parts[place:])])

    def _add_method(self, path: Path) -> None:
        lines = self._texts[path].split("\n")
        if places := [number for number, line in enumerate(lines) if re.match(r"class \w+.*:$", line)]:
            place = self._dice.choice(places) + 1
            name, line = self._dice.choice(("close", "run", "handle", "last", "save")), self._dice.choice(_LINES)
            self._change(path, [*lines[:place], f"    def {name}(self):", f"        {line}", "", *lines[place:]])

    def _swap_lines(self, path: Path) -> None:
        lines = self._texts[path].split("\n")
        place = self._dice.randrange(len(lines) - 1) if len(lines) > 1 else 0
        lines[place : place + 2] = reversed(lines[place : place + 2])
        self._change(path, lines)

    def _undo(self, _: Path) -> None:
        self._texts = dict(self._history[-self._dice.randint(1, min(10, len(self._history)))])

    def _begin_again(self, _: Path) -> None:
        self._texts = dict(self._history[0])


def _parses(text: str) -> bool:
    try:
        return bool(ast.parse(text))
    except SyntaxError:
        return False


def fresh(root: Path, path: Path, texts: Texts) -> list[str]:
    """Return the findings of a check that knows nothing of an earlier one."""
    project = Project(root, settings_of(root, _SETTINGS))
    for each, text in texts.items():
        project.supply(each, text.encode())
    return sorted(map(repr, check(project, [path], selected_rules(project.settings), named={path})))


def compare(root: Path, number: int, seed: int) -> int:
    """Edit the project in a new directory so many times; return the number of findings, or raise AssertionError."""
    dice, found = random.Random(seed), 0
    write_project(root, apps=2, functions=6)
    views = [path for path in sorted(root.rglob("*.py")) if path.name in ("views.py", "work.py", "helpers.py")]
    for block in _BLOCKS:
        path = dice.choice(views)
        text = "\n".join([*_IMPORTS[:8], path.read_text("utf-8"), "", block.format(n=dice.randrange(3)), ""])
        path.write_text(text, "utf-8")
    before = {path: path.read_text("utf-8") for path in sorted(root.rglob("*.py"))}
    project = OpenProject(root, settings_of(root, _SETTINGS))
    for step, (kind, texts) in zip(range(number), Author(before, seed).edits(), strict=False):
        project.use({path: Document("", step, text, path) for path, text in texts.items() if text != before[path]})
        for path in {dice.choice(views), dice.choice([*texts])}:
            now, expected = sorted(map(repr, project.findings(path))), fresh(root, path, texts)
            found += len(expected)
            assert now == expected, f"edit {step} ({kind}), seed {seed}: {path}: {now} instead of {expected}"
    return found


def main(arguments: Sequence[str]) -> int:
    parser = ArgumentParser("python -m bench.random_edits", description=__doc__)
    parser.add_argument("--edits", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    started, done = time.perf_counter(), 0
    for seed in range(options.seed, sys.maxsize):
        if done >= options.edits:
            break
        with TemporaryDirectory() as directory:
            root = Path(directory).resolve()
            found = compare(root, min(100, options.edits - done), seed)
        done += min(100, options.edits - done)
        print(f"seed {seed}: {done} edits, {found} findings, no difference; {time.perf_counter() - started:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
