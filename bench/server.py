"""`python -m bench.server`: the language server on a Django project of 300 files, edited at random 5,000 times.

It measures the start, the time from an edit to its diagnostics, the time from a save to those of a file that depends on
it, and the memory. Diagnostics are compared with those of a fresh check of the same texts.
"""

from __future__ import annotations

import ast
import json
import random
import statistics
import subprocess
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, TypeAlias

from dbhygiene.checker.project_check import check
from dbhygiene.checker.selection import selected_rules
from dbhygiene.config import loading
from dbhygiene.project.project import Project

APPS = 60  # of five files each
FUNCTIONS = 44  # in the file that is edited, of 600 lines; one in ten has a fault

Row: TypeAlias = "tuple[str, int, int]"  # code, line, column


class Editor:
    """An editor that asks for diagnostics: JSON messages, and nothing that would take time itself."""

    def __init__(self, root: Path) -> None:
        command = [sys.executable, "-m", "dbhygiene", "server"]
        started = time.perf_counter()
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=root)
        self._number = 0
        self._versions: dict[str, int] = {}
        able = {"general": {"positionEncodings": ["utf-32"]}, "textDocument": {"diagnostic": {}}}
        self.ask("initialize", {"processId": None, "rootUri": root.as_uri(), "capabilities": able})
        self.start = time.perf_counter() - started
        self.tell("initialized", {})

    def ask(self, method: str, params: object) -> Any:
        """Return the result of a request."""
        self._number += 1
        self._send({"id": self._number, "method": method, "params": params})
        while (answer := self._receive()).get("id") != self._number or "method" in answer:
            pass
        if "error" in answer:
            raise RuntimeError(answer["error"]["message"])
        return answer["result"]

    def tell(self, method: str, params: object) -> None:
        self._send({"method": method, "params": params})

    def _send(self, message: Mapping[str, object]) -> None:
        data = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self._process.stdin is not None
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(data), data))
        self._process.stdin.flush()

    def _receive(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        length = 0
        while line := self._process.stdout.readline().strip():
            name, _, value = line.partition(b":")
            length = int(value) if name == b"Content-Length" else length
        found: dict[str, Any] = json.loads(self._process.stdout.read(length))
        return found

    def open(self, path: Path, text: str) -> None:
        self._versions[path.as_uri()] = 1
        document = {"uri": path.as_uri(), "languageId": "python", "version": 1, "text": text}
        self.tell("textDocument/didOpen", {"textDocument": document})

    def edit(self, path: Path, text: str) -> None:
        self._versions[path.as_uri()] += 1
        document = {"uri": path.as_uri(), "version": self._versions[path.as_uri()]}
        self.tell("textDocument/didChange", {"textDocument": document, "contentChanges": [{"text": text}]})

    def save(self, path: Path) -> None:
        self.tell("textDocument/didSave", {"textDocument": {"uri": path.as_uri()}})

    def diagnostics(self, path: Path) -> list[Row]:
        report = self.ask("textDocument/diagnostic", {"textDocument": {"uri": path.as_uri()}})
        starts = ((each["code"], each["range"]["start"]) for each in report["items"])
        return sorted((code, start["line"] + 1, start["character"]) for code, start in starts)

    def cpu(self) -> float:
        """Return the seconds that the server has computed so far."""
        tasks = Path(f"/proc/{self._process.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9

    def memory(self) -> int:
        """Return the MiB that the server holds now."""
        pages = int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1])
        return pages * 4096 >> 20

    def close(self) -> None:
        self.ask("shutdown", None)
        self.tell("exit", None)
        self._process.wait()


def fresh(root: Path, path: Path, text: str) -> list[Row]:
    """Return the findings of a check that knows nothing of an earlier one."""
    project = Project(root, loading.load_settings(root))
    project.supply(path, text.encode())
    found = check(project, [path], selected_rules(project.settings), named={path})
    return sorted((each.code, each.span.line, each.span.column) for each in found)


# -- edits ------------------------------------------------------------------------------------------------

_LINES = (
    "conn = pymysql.connect()",
    "conn.close()",
    "cursor = conn.cursor()",
    "return None",
    "time.sleep(40000)",
    "order = Order.objects.get(pk=1)",
    "order.save()",
    "raise ValueError",
)


def edits(text: str, seed: int) -> Iterator[str]:
    """Yield texts, each by a random edit of the one before; one in ten does not parse, as while somebody types."""
    chance, lines = random.Random(seed), text.split("\n")
    for number in range(sys.maxsize):
        if number % 40 == 0:
            lines = text.split("\n")
        before = lines[:]
        place = chance.randrange(len(lines))
        indent = lines[place][: len(lines[place]) - len(lines[place].lstrip())]
        kind = chance.random()
        if kind < 0.5:
            lines.insert(place, indent + chance.choice(_LINES))
        elif kind < 0.7:
            del lines[place]
        elif kind < 0.8:
            lines[place] = lines[place].replace("(", "(  ", 1)
        else:
            lines.insert(place, indent + "# a comment")
        if not _parses(lines):
            if chance.random() < 0.1:
                yield "\n".join(lines)
            lines = before
        yield "\n".join(lines)


def _parses(lines: Sequence[str]) -> bool:
    try:
        return bool(ast.parse("\n".join(lines)))
    except SyntaxError:
        return False


# -- a project --------------------------------------------------------------------------------------------

_MODELS = """from django.db import models


class Order(models.Model):
    number = models.CharField(max_length=20)
    total = models.IntegerField()

    @property
    def paid(self):
        return self.payments.filter(done=True).exists()

    def settle(self, amount):
        payment = self.payments.create(amount=amount)
        payment.save()
        return payment


class Payment(models.Model):
    order = models.ForeignKey(Order, related_name="payments", on_delete=models.CASCADE)
    amount = models.IntegerField()
"""
_HELPERS = """import time

import pymysql

from app_{before}.models import Order


def connect(host="db"):
    return pymysql.connect(host=host)


def totals(host):
    conn = connect(host)
    try:
        with conn.cursor() as cursor:
            cursor.execute("SELECT total FROM orders")
            return cursor.fetchall()
    finally:
        conn.close()


def rest(seconds):
    time.sleep(seconds)


def latest(number):
    return Order.objects.filter(number=number).order_by("-pk").first()
"""
_COMMAND = """from django.core.management.base import BaseCommand

from app_{n}.helpers import latest, rest, totals
from app_{n}.models import Order


class Command(BaseCommand):
    def handle(self, *args, **options):
        for order in Order.objects.all():
            order.settle(sum(row[0] for row in totals("db")))
        rest(1)
        self.stdout.write(str(latest("1")))
"""
_TESTS = """from django.test import TestCase

from app_{n}.models import Order


class OrderTest(TestCase):
    def test_total(self):
        Order.objects.create(number="1", total=1)
        self.assertEqual(Order.objects.get(number="1").total, 1)
"""
_VIEWS = """import time

import pymysql
from django.http import Http404, JsonResponse
from django.views.generic import DetailView

from app_{n}.helpers import connect, latest, rest, totals
from app_{n}.models import Order, Payment
"""
_VIEW = """

def view_{k}(request, number):
    order = latest(number)
    if order is None:
        raise Http404
    if request.method == "POST":
        order.settle(int(request.POST["amount"]))
        order.save()
    done = Payment.objects.filter(order=order).count()
    names = sorted(name for name in request.POST if name.startswith("item_"))
    if not names:
        return JsonResponse(dict(paid=order.paid, done=done))
    return JsonResponse(dict(paid=order.paid, done=done, names=names))
"""
_REPORT = """

def report_{k}(request, number):
    conn = connect()
    with conn.cursor() as cursor:
        cursor.execute("SELECT total FROM orders WHERE number = %s", (number,))
        row = cursor.fetchone()
    conn.close()
    return JsonResponse(dict(row=row))
"""


def write_project(root: Path, apps: int = APPS, functions: int = FUNCTIONS) -> Path:
    """Write a Django project of `apps` times five files; return the one with so many functions."""
    (root / "pyproject.toml").write_text("[tool.dbhygiene]\n")
    for n in range(apps):
        app = root / f"app_{n}"
        (app / "management/commands").mkdir(parents=True)
        values = {"n": n, "before": (n - 1) % apps}
        parts = ((_VIEW if k % 10 else _REPORT).format(k=k) for k in range(3 if n else functions))
        views = _VIEWS.format(**values) + "".join(parts)
        files = {"models": _MODELS, "helpers": _HELPERS.format(**values), "views": views}
        files |= {"management/commands/work": _COMMAND.format(**values), "tests": _TESTS.format(**values)}
        for name, text in files.items():
            (app / f"{name}.py").write_text(text)
    return root / "app_0/views.py"


# -- measurements -----------------------------------------------------------------------------------------


class Measured(NamedTuple):
    """Seconds, and MiB."""

    start: float
    start_cpu: float
    first: float  # diagnostics after the start
    edits: list[float]  # of texts that parse
    cpu: list[float]  # of the same: what a busy machine adds is not in it
    saves: list[tuple[float, float]]  # to the diagnostics of a file that depends on the saved one; of the processor
    memory: list[int]  # at ten moments
    compared: int


def measure(root: Path, path: Path, options: Namespace) -> Measured:
    """Edit a file at random, and compare; raise SystemExit at the first difference."""
    original = path.read_text("utf-8")
    editor = Editor(root)
    start_cpu = editor.cpu()
    started = time.perf_counter()
    editor.open(path, original)
    editor.diagnostics(path)
    first = time.perf_counter() - started
    times, cpu, memory, compared = [], [], [], 0
    for number, text in zip(range(options.edits), edits(original, options.seed), strict=False):
        started, before = time.perf_counter(), editor.cpu()
        editor.edit(path, text)
        found = editor.diagnostics(path)
        if _parses([text]):
            times.append(time.perf_counter() - started)
            cpu.append(editor.cpu() - before)
        if number % options.compare == 0:
            compared += 1
            if found != (expected := fresh(root, path, text)):
                raise SystemExit(f"edit {number}: the server reports {found}, a fresh check {expected}")
        if number % max(1, options.edits // 10) == 0:
            memory.append(editor.memory())
    saves = list(_saves(editor, path, options.depends)) if options.depends else []
    memory.append(editor.memory())
    editor.close()
    return Measured(editor.start, start_cpu, first, times, cpu, saves, memory, compared)


def _saves(editor: Editor, path: Path, other: Path) -> Iterator[tuple[float, float]]:
    """Yield the seconds from a save of a file to the diagnostics of another one that imports it."""
    text = other.read_text("utf-8")
    editor.open(other, text)
    for number in range(10):
        editor.edit(other, text + "\n" * number)
        started, before = time.perf_counter(), editor.cpu()
        editor.save(other)
        editor.diagnostics(path)
        yield time.perf_counter() - started, editor.cpu() - before


def main(arguments: Sequence[str]) -> int:
    parser = ArgumentParser("python -m bench.server", description=__doc__)
    parser.add_argument("--edits", type=int, default=5000)
    parser.add_argument("--compare", type=int, default=50, help="compare after each so many edits")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--file", type=Path, help="edit this file of a project, instead of a generated one")
    parser.add_argument("--depends", type=Path, help="a file of the same project that it imports, which is saved")
    options = parser.parse_args(arguments)
    with TemporaryDirectory() as directory:
        if options.file:
            path = options.file.absolute()
            options.depends = options.depends and options.depends.absolute()
            root = loading.root_of(path)
        else:
            root = Path(directory).resolve()
            path, options.depends = write_project(root), root / "app_0/helpers.py"
        files = len(Project(root).everything)
        print(f"{path.name}: {len(path.read_text().splitlines())} lines, in a project of {files} files")
        found = measure(root, path, options)
    print(
        f"start: {found.start:.2f} s, of the processor {found.start_cpu:.2f} s; diagnostics after {found.first:.2f} s"
    )
    print(f"{len(found.edits)} edits: {_cuts(found.edits)}; of the processor: {_cuts(found.cpu)}")
    if found.saves:
        wall, cpu = map(max, zip(*found.saves, strict=True))
        print(
            f"saves: diagnostics of a file that depends on it after at most {wall:.2f} s; of the processor: {cpu:.2f} s"
        )
    print(f"memory, MiB: {' '.join(map(str, found.memory))}")
    print(f"compared with fresh checks: {found.compared}, no difference")
    return 0


def _cuts(seconds: Sequence[float]) -> str:
    cuts = statistics.quantiles(seconds, n=100)
    return f"median {cuts[49] * 1000:.0f} ms, p95 {cuts[94] * 1000:.0f} ms"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
