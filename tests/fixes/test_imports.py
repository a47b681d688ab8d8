"""How names in templates are spelled, and where new imports go."""

from __future__ import annotations

import ast
import textwrap
from pathlib import Path

import pytest

from dbhygiene.diagnostics import edits as edit_classes
from dbhygiene.diagnostics.edits import InsertAfter, InsertBefore, Replace, verbatim

from .helpers import Places, edited


def text(code: str) -> str:
    return textwrap.dedent(code).lstrip("\n")


def with_name(before: str, name: str = "{contextlib.closing}", at: str = "c()") -> str:
    return edited(before, [Replace(Places(before).expression(at), f"{name}($value)")])


KNOWN = [
    ("import contextlib\nc()\n", "contextlib.closing(c())"),
    ("import contextlib as cl\nc()\n", "cl.closing(c())"),
    ("from contextlib import closing\nc()\n", "closing(c())"),
    ("from contextlib import suppress, closing as cg\nc()\n", "cg(c())"),
    ("def f():\n    from contextlib import closing\n    c()\n", "closing(c())"),
    ("from contextlib import closing\ndef f(a):\n    c()\n", "closing(c())"),
]


@pytest.mark.parametrize(("before", "spelled"), KNOWN)
def test_a_known_name_is_spelled_as_the_file_does(before: str, spelled: str) -> None:
    assert with_name(before) == before.replace("c()", spelled)


ADDED = {
    "a file with one name a line": (
        "from a import b\nfrom a import d\nfrom contextlib import suppress\nc()\n",
        "from a import b\nfrom a import d\nfrom contextlib import closing\nfrom contextlib import suppress\n"
        "closing(c())\n",
    ),
    "a file without imports": (
        "c()\n",
        "from contextlib import closing\n\nclosing(c())\n",
    ),
    "after the docstring": (
        '"""Doc."""\nc()\n',
        '"""Doc."""\n\nfrom contextlib import closing\n\nclosing(c())\n',
    ),
    "after the docstring, before a function": (
        '#!/bin/python\n"""Doc."""\n\n\ndef f():\n    c()\n',
        '#!/bin/python\n"""Doc."""\n\nfrom contextlib import closing\n\n\ndef f():\n    closing(c())\n',
    ),
    "after the future": (
        "from __future__ import annotations\n\nc()\n",
        "from __future__ import annotations\n\nfrom contextlib import closing\n\nclosing(c())\n",
    ),
    "before third parties": (
        '"""Doc."""\n\nimport django\n\nc()\n',
        '"""Doc."""\n\nfrom contextlib import closing\n\nimport django\n\nclosing(c())\n',
    ),
    "sorted among its like": (
        "import os\nfrom collections import deque\nfrom pathlib import Path\n\nimport django\n\nc()\n",
        "import os\nfrom collections import deque\nfrom contextlib import closing\nfrom pathlib import Path\n\n"
        "import django\n\nclosing(c())\n",
    ),
    "sorted by module alone": (
        "import abc\nfrom collections import deque\nimport os\n\nc()\n",
        "import abc\nfrom collections import deque\nfrom contextlib import closing\nimport os\n\nclosing(c())\n",
    ),
    "unsorted, of all kinds: beside the last one of the standard library": (
        "import requests\nimport abc\nfrom zlib import crc32\nfrom queue import Queue\nfrom rq import Job\nc()\n",
        "import requests\nimport abc\nfrom zlib import crc32\nfrom queue import Queue\nfrom contextlib import closing\n"
        "from rq import Job\nclosing(c())\n",
    ),
    "unsorted": (
        "import sys\nimport os\n\nc()\n",
        "import sys\nimport os\nfrom contextlib import closing\n\nclosing(c())\n",
    ),
    "merged": (
        "from contextlib import suppress  # s\n\nc()\n",
        "from contextlib import closing, suppress  # s\n\nclosing(c())\n",
    ),
    "merged in lines": (
        "from contextlib import (\n    ExitStack,\n    suppress,  # s\n)\n\nc()\n",
        "from contextlib import (\n    ExitStack,\n    closing,\n    suppress,  # s\n)\n\nclosing(c())\n",
    ),
    "an import that may not have run": (
        "import os\ntry:\n    from contextlib import closing as cg\nexcept ImportError:\n    pass\nc()\n",
        "import os\nfrom contextlib import closing\ntry:\n    from contextlib import closing as cg\n"
        "except ImportError:\n    pass\nclosing(c())\n",
    ),
    "a name that is taken": (
        "import os\n\n\ndef closing():\n    pass\n\n\nc()\n",
        "import contextlib\nimport os\n\n\ndef closing():\n    pass\n\n\ncontextlib.closing(c())\n",
    ),
    "from-imports first": (
        "from datetime import date\nfrom pathlib import Path\nimport abc\n\nc()\n",
        "from contextlib import closing\nfrom datetime import date\nfrom pathlib import Path\nimport abc\n\n"
        "closing(c())\n",
    ),
    "a comment of the next import": (
        "import os\n\n# Of the web.\nimport django\n\nc()\n",
        "import os\nfrom contextlib import closing\n\n# Of the web.\nimport django\n\nclosing(c())\n",
    ),
    "a comment of the first function": (
        "# Licence\n\n# Of f.\ndef f():\n    c()\n",
        "# Licence\n\nfrom contextlib import closing\n\n\n# Of f.\ndef f():\n    closing(c())\n",
    ),
    "an aliased name is alone": (
        "from contextlib import suppress as s\n\nc()\n",
        "from contextlib import closing\nfrom contextlib import suppress as s\n\nclosing(c())\n",
    ),
    "an aliased name is not alone": (
        "from contextlib import ExitStack, suppress as s\n\nc()\n",
        "from contextlib import ExitStack, closing, suppress as s\n\nclosing(c())\n",
    ),
    "windows": (
        "import os\r\n\r\nc()\r\n",
        "import os\r\nfrom contextlib import closing\r\n\r\nclosing(c())\r\n",
    ),
}


@pytest.mark.parametrize("case", ADDED)
def test_a_new_name_is_imported(case: str) -> None:
    before, after = ADDED[case]
    assert with_name(before) == after


def test_a_longer_name_that_is_taken_gets_an_alias() -> None:
    before = "import sys\n\nconnection = c()\n"
    after = (
        "import sys\n\nfrom django.db import connection as django_connection\n\nconnection = django_connection(c())\n"
    )
    assert with_name(before, "{django.db.connection}") == after


def test_a_package_keeps_to_its_group() -> None:
    before = "import os\n\nfrom django.core import mail\n\nfrom oauth import models\n\nc()\n"
    after = before.replace("core import mail\n", "core import mail\nfrom django.db import connection\n")
    assert with_name(before, "{django.db.connection}") == after.replace("c()", "connection(c())")


def test_a_shadowed_import_is_not_used() -> None:
    before = "from contextlib import closing\n\n\ndef f(closing):\n    c()\n"
    assert with_name(before) == (
        "import contextlib\nfrom contextlib import closing\n\n\ndef f(closing):\n    contextlib.closing(c())\n"
    )


def test_two_uses_and_two_names_in_one_go() -> None:
    before = "import os\n\n\ndef f():\n    a()\n    b()\n"
    places = Places(before)
    edits = [
        Replace(places.expression("a()"), "{contextlib.closing}($value)"),
        Replace(places.expression("b()"), "{contextlib.closing}($value)"),
        InsertAfter(places.statement("b()"), "{contextlib.suppress}({time.sleep})"),
    ]
    assert edited(before, edits) == text("""
        import os
        from contextlib import closing, suppress
        from time import sleep


        def f():
            closing(a())
            closing(b())
            suppress(sleep)
        """)


@pytest.mark.parametrize("value", ['f"{name}.db"', "{name}", 'f"{self.name}" % {name.x}'])
def test_text_of_the_user_holds_no_name_to_be_imported(value: str) -> None:
    before = f"f(connect({value}))\n"
    places = Places(before)
    call = f"connect({value})"
    opening = InsertBefore(places.statement("f("), f"conn = {verbatim(call)}")
    assert edited(before, [opening, Replace(places.call("connect"), "conn")]) == f"conn = {call}\nf(conn)\n"


def test_every_edit_marks_the_text_of_the_user() -> None:
    names = {name for name, each in vars(edit_classes).items() if isinstance(each, type)}
    root = Path(edit_classes.__file__).parents[1]
    unmarked = [
        f"{path.relative_to(root)}:{part.lineno}"
        for path in root.rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in names
        for part in _unmarked(call)
    ]
    assert not unmarked


def _unmarked(call: ast.Call) -> list[ast.Call]:
    """Return the calls in an edit that give text of the program, outside of `verbatim`."""
    found, todo = [], [*call.args, *(keyword.value for keyword in call.keywords)]
    while todo:
        node = todo.pop()
        match node:
            case ast.Call(func=ast.Name(id="verbatim")):
                continue
            case ast.Call(func=ast.Attribute(attr="segment" | "excerpt" | "unparse")):
                found.append(node)
        todo += [each for each in ast.iter_child_nodes(node) if isinstance(each, ast.expr)]
    return found
