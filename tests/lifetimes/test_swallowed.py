"""Which exceptions an `__exit__` swallows."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from dbhygiene.dataflow.exceptions import Swallow
from dbhygiene.lifetimes.swallowed import exceptions_swallowed_by
from dbhygiene.source.file import File

ANY, UNKNOWN, KEY = Swallow("BaseException"), Swallow(None, surely=False), Swallow("KeyError")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("self.close()", []),
        ("return", []),
        ("return False", []),
        ("return True", [ANY]),
        ("return kind is None", []),
        ("return not kind", []),
        ("return kind is not None", [ANY]),
        ("return self.quiet", [UNKNOWN]),
        ("return self.conn.__exit__(kind, error, trace)", []),
        ("return kind is KeyError", [KEY._replace(exact=True)]),
        ("return kind in (KeyError, OSError)", [KEY._replace(exact=True), Swallow("OSError", exact=True)]),
        ("return issubclass(kind, KeyError)", [KEY]),
        ("return isinstance(error, (KeyError, OSError))", [KEY, Swallow("OSError")]),
        ("return kind is not None and issubclass(kind, KeyError)", [KEY]),
        ("return bool(kind and issubclass(kind, KeyError))", [KEY]),
        ("return self.quiet and issubclass(kind, KeyError)", [KEY._replace(surely=False)]),
        ("return isinstance(error, KeyError) or isinstance(error, OSError)", [KEY, Swallow("OSError")]),
        ("return not isinstance(error, KeyError)", [UNKNOWN]),
        ("if kind is None: return False\nreturn True", [ANY]),
        ("if kind is None: return True\nself.undo()", []),
        ("if isinstance(error, KeyError): return True", [KEY]),
        ("if isinstance(error, KeyError): return True\nreturn False", [KEY]),
        ("if self.strict: return False\nreturn True", [ANY._replace(surely=False)]),
        ("if kind:\n  if self.quiet: return True", [Swallow(None, surely=False)]),
        ("if kind is None: self.end()\nelse: return True", [ANY]),
        ("for each in self.all: return True", [ANY._replace(surely=False)]),
    ],
)
def test_exceptions_swallowed_by_exit(body: str, expected: list[Swallow]) -> None:
    lines = "\n".join(f"        {line}" for line in body.split("\n"))
    file = File(Path("managers.py"), f"class Manager:\n    def __exit__(self, kind, error, trace):\n{lines}\n")
    leave = next(node for node in ast.walk(file.tree) if isinstance(node, ast.FunctionDef))
    assert list(exceptions_swallowed_by(file, leave)) == expected
