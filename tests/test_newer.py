"""Errors of the parser that come of a newer or a much older syntax say which Python reads it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from dbhygiene.checker.newer import newer
from dbhygiene.checker.own_findings import not_parsed


def refused(text: str) -> SyntaxError:
    with pytest.raises(SyntaxError) as caught:
        compile(text, "app.py", "exec")
    return caught.value


@pytest.mark.skipif(sys.version_info >= (3, 11), reason="it parses")
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("try:\n    pass\nexcept* ValueError:\n    pass\n", "`except*` needs Python 3.11 or newer"),
        ("try:\n    pass\nexcept *OSError as e:\n    pass\n", "`except*` needs Python 3.11 or newer"),
        ("x = a[*b]\n", "`*` in an index or an annotation needs Python 3.11 or newer"),
        ("def f(*args: *Ts): pass\n", "`*` in an index or an annotation needs Python 3.11 or newer"),
    ],
)
def test_what_python_3_11_reads(text: str, words: str) -> None:
    assert newer(refused(text)) == words


QUOTES = "an f-string whose own quotes stand between its braces needs Python 3.12 or newer"


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="it parses")
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("class Page[T](Base):\n    pass\n", "`class Page[...]` needs Python 3.12 or newer"),
        ("class Page[T: Mapping[str, int], *Ts, **P]:\n    pass\n", "`class Page[...]` needs Python 3.12 or newer"),
        ("if x:\n    async def f[T](x): pass\n", "`async def f[...]` needs Python 3.12 or newer"),
        ("def f[\n    T,\n](x): pass\n", "`def f[...]` needs Python 3.12 or newer"),
        ("type Row = dict\n", "a `type` statement needs Python 3.12 or newer"),
        ("type Row[T: dict[str, int]] = dict[T, int]\n", "a `type` statement needs Python 3.12 or newer"),
        ("x = f'{a['b']}'\n", QUOTES),
        ('run(\n    f"select {names["b"]} from t",\n    x)\n', QUOTES),
        ("run(f'select {','.join(names)} from t')\n", QUOTES),
        ("x = f'{f'{f'{1}'}'}'\n", QUOTES),
        ("x = f'{{{a['b']}}}'\n", QUOTES),
        (
            "x = f'{\"\\n\".join(a)}'\n",
            "a backslash between the braces of an f-string needs Python 3.12 or newer",
        ),
    ],
)
def test_what_python_3_12_reads(text: str, words: str) -> None:
    assert newer(refused(text)) == words


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="it parses")
def test_what_python_3_14_reads() -> None:
    words = "`except` with several types and no parentheses needs Python 3.14 or newer"
    for types in ("OSError, ValueError", "db.Error, socket.timeout", "A, B, c"):
        assert newer(refused(f"try:\n    pass\nexcept {types}:\n    pass\n")) == words
    assert newer(refused("x = t'{a}'\n")) == "a template string needs Python 3.14 or newer"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("print x\n", "the `print` statement is Python 2"),
        ("def f():\n    print 'x' % y, z\n", "the `print` statement is Python 2"),
        ("exec 'a = 1'\n", "the `exec` statement is Python 2"),
        ("exec code in names\n", "the `exec` statement is Python 2"),
        ("raise ValueError, 'x'\n", "`raise` with a comma is Python 2"),
        ("x = `y`\n", "backticks are Python 2"),
        ("if a <> b: pass\n", "`<>` is Python 2"),
        ("x = ur'a'\n", "the prefix `ur` is Python 2"),
        ("x = f(10L)\n", "a number with `L` is Python 2"),
    ],
)
def test_python_2(text: str, words: str) -> None:
    assert newer(refused(text)) == words


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="it parses")
@pytest.mark.parametrize("types", ["OSError, e", "(OSError, db.Error), e"])
def test_a_name_after_the_comma_is_python_2(types: str) -> None:
    assert newer(refused(f"try:\n    pass\nexcept {types}:\n    pass\n")) == "`except ..., e` is Python 2"


@pytest.mark.parametrize(
    "text",
    [
        "class A(:\n",
        "type X\n",
        "x = 't'a\n",
        "def f(x[1]): pass\n",
        "print = = 3\n",
        "x = f'{a b}'\n",
        "x = f'{a'\n",
        "x = f'}'\n",
        "x = 'it's'\n",
        "x = f'it's {a}'\n",
        "```python\n",
        "x = a ** * b\n",
        "except = 1\n",
    ],
)
def test_plain_errors_say_nothing_of_a_version(text: str) -> None:
    assert newer(refused(text)) == ""


def test_the_running_python_is_not_asked_for() -> None:
    error = SyntaxError("invalid syntax", ("app.py", 1, 11, "class Page[T]:\n"))
    assert newer(error, (3, 11))
    assert not newer(error, (3, 12))
    if sys.version_info < (3, 12):
        message = not_parsed(Path("app.py"), error).message
        assert message.endswith("): `class Page[...]` needs Python 3.12 or newer")
