"""A file whose imports ruff, which sorts as isort does, finds in order, is in order with those that a fix adds."""

from __future__ import annotations

import ast
import random
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from dbhygiene.diagnostics.edits import Replace
from dbhygiene.fixes import imports
from dbhygiene.fixes.editor import Editor
from dbhygiene.project.project import Project
from dbhygiene.source.file import File

RUFF = Path(sys.executable).with_name("ruff")
STYLES = {
    "default": "",
    "within_sections": "lint.isort.force-sort-within-sections = true",
    "single_line": "lint.isort.force-single-line = true",
    "combined": "lint.isort.combine-as-imports = true",
    "by_case": "lint.isort.order-by-type = false",
    "own_django": 'lint.isort.sections = {"django" = ["django"]}\nlint.isort.section-order = '
    '["future", "standard-library", "django", "third-party", "first-party", "local-folder"]',
}
PART = 3  # of the layouts, for each style
LISTED = 12  # of the files that fail
NAMES = [
    ["contextlib.closing"],
    ["django.db.connection"],
    ["django.db.connections", "contextlib.closing"],
    ["contextlib.closing", "time.sleep", "queue.Queue"],
    ["sqlalchemy.pool.NullPool", "django.db.connection"],
    ["collections.deque", "contextlib.ExitStack", "django.db.close_old_connections", "redis.Redis"],
]
POOL = [
    "import abc", "import os", "import sys", "import zlib", "import os.path as osp", "import contextlib as cl",
    "from collections import OrderedDict, deque as dq", "from pathlib import Path", "from contextlib import suppress",
    "from contextlib import (\n    AbstractContextManager,\n    ExitStack as Stack,\n    suppress,\n)",
    "from typing import Any, TypeVar", "from unittest import mock  # noqa", "from time import (\n    time,\n)",
    "import django", "import celery", "import zmq", "from django.db import models",
    "from django.db import DatabaseError, IntegrityError, OperationalError, ProgrammingError",
    "from django.db import transaction",
    "from django.http import Http404 as Missing", "from django.conf import settings  # the site's",
    "from django.utils import timezone", "import numpy as np", "from sqlalchemy import create_engine, text",
    "# for the web\nfrom werkzeug import Response", "import pool10", "import pool9",
    "import shop", "from shop.models import Order", "from shop import VERSION, orders", "import tools",
    "from . import base", "from .base import one, two", "from ..up import three",
]  # fmt: skip
HEADS = ["", "#!/usr/bin/env python\n", '"""What it does."""\n', "# Licence\n# Rights\n\n", '"""Doc."""\n# note\n\n']
ENDS = [
    "\n\ndef f():\n    print(0)\n",
    "\nvalue = 1\nprint(0)\n",
    "\n\n@decorated\nclass A:\n    x = print(0)\n",
    "\n# Speaks of f.\ndef f():\n    print(0)\n",
    "\n# Stands off.\n\n\ndef f():\n    print(0)\n",
    "\ntry:\n    import ujson as json\nexcept ImportError:\n    import json\n\n\ndef f():\n    print(0)\n",
    "\nif TYPE_CHECKING:\n    from contextlib import closing as c\n\nprint(0)\n",
    "\nsys.path.insert(0, here)\n\nimport redis.client\n\nimport shop.orders\n\nprint(0)\n",
    "\ndjango.setup()\n\nfrom django.apps import apps  # noqa\n\nfrom shop import things  # noqa\n\nprint(0)\n",
]


def layouts() -> Iterator[str]:
    chance = random.Random(15)
    for head in HEADS:
        for end in ENDS:
            yield f"{head}{end}".lstrip("\n")
            for count in (1, 3, 6, 12):
                lines = ["from __future__ import annotations"] * chance.randrange(2) + chance.sample(POOL, count)
                yield head + "\n".join(lines) + "\n" + end


def ruff(root: Path, *options: str) -> str:
    command = [str(RUFF), "check", "--no-cache", "--select", "I", "--output-format", "concise", *options, "."]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60).stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that ruff has put in order, one package with some files for each style."""
    root = tmp_path_factory.mktemp("order").resolve()
    for package in ("shop", "src/tools"):
        (root / package).mkdir(parents=True)
        for module in ("__init__", "models", "orders", "things"):
            (root / package / f"{module}.py").touch()
    (root / "ruff.toml").write_text("")
    for style, setting in STYLES.items():
        package = root / style / "pack"
        package.mkdir(parents=True)
        (package.parent / "ruff.toml").write_text(f'src = ["..", "../src"]\n{setting}\n')
        (package / "__init__.py").touch()
        for number, text in enumerate(islice(layouts(), len(style) % PART, None, PART)):
            if style == "own_django" and "django" not in text.replace("django.setup", ""):
                continue  # no file shows whether django has a section of its own, unless it imports it
            (package / f"m{number}.py").write_text(text)
    ruff(root, "--fix", "--exit-zero")
    assert not refused(root)
    defaults = "--isolated", "--config", f"src = ['{root}', '{root / 'src'}']"
    own = refused(root, *defaults)  # those that show a style of their own
    for path in root.glob("*/pack/m*.py"):
        if path.relative_to(root).parts[0] != "default" and str(path.relative_to(root)) not in own:
            path.unlink()
    return root


def refused(root: Path, *options: str) -> list[str]:
    return [line.partition(":")[0] for line in ruff(root, *options).splitlines() if "I001" in line]


def test_new_imports_are_in_order(project: Path) -> None:
    around = Project(project)
    changed: dict[str, tuple[str, str]] = {}
    for number, path in enumerate(sorted(project.glob("*/pack/m*.py"))):
        before = path.read_text()
        file = File(path, before, module=f"pack.{path.stem}", project=around)
        names = NAMES[number % (3 if "own_django" in path.parts else len(NAMES))]
        place = next(file.span(node.args[0]) for node in file.nodes(ast.Call) if file.segment(node) == "print(0)")
        code = ", ".join(f"{{{name}}}" for name in names)
        edits = imports.spell_names(file, [Replace(place, f"({code})")])
        after = Editor(before, 88).edit(edits)
        path.write_text(after)
        changed[str(path.relative_to(project))] = before, after
    assert len(changed) > 100
    wrong = refused(project)
    assert not wrong, f"{len(wrong)}\n" + "\n=====\n".join(
        f"{name}\n{changed[name][0]}\n-----\n{changed[name][1]}" for name in wrong[:LISTED]
    )
