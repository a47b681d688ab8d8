"""What an expression may be worth, asked of small programs."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dbhygiene.program.evaluation import evaluate, evaluate_keywords
from dbhygiene.program.values import HOLE, UNKNOWN, Called, Constant, Dict, Named, Text, UnknownNumber, Value, options
from dbhygiene.source.file import File, NoProject


class Few(NoProject):
    """A project of a few files in memory."""

    texts: dict[str, str]
    files: dict[str, File]

    def module(self, name: str, near: File) -> File | None:
        if name not in self.files and name in self.texts:
            path = Path(name.replace(".", "/") + ".py")
            self.files[name] = File(path, self.texts[name], module=name, project=self)
        return self.files.get(name)


def plain(found: Value) -> Any:
    """A value, in the notation of these tests: `?` in a string is a hole."""
    match found:
        case Constant(value=known):
            return known
        case Text(pattern=pattern):
            return pattern.replace(HOLE, "?")
        case UnknownNumber():
            return int
        case Named(name=name):
            return f"<{name}>"
        case Called(name=name):
            return f"<{name}()>"
        case Dict(items=items):
            return {key: plain(item) for key, item in items.items()} | ({...: ...} if found.open else {})
    return ... if found == UNKNOWN else [plain(option) for option in options(found)]


def shown(program: str, **modules: str) -> Any:
    """What the argument of `show(...)` may be worth in a program."""
    file = Few(texts={"main": program, **modules}, files={}).module("main", None)  # type: ignore[arg-type]
    assert file is not None
    call = next(c for c in file.nodes(ast.Call) if isinstance(c.func, ast.Name) and c.func.id == "show")
    return plain(evaluate(file, call.args[0]))


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("'a' 'b'", "ab"),
        ("60 * 60 - 1", 3599),
        ("-1", -1),
        ("7200 // 2", 3600),
        ("1 // 0", ...),
        ("int('3') * 2", 6),
        ("int(os.environ['N'])", int),
        ("int(os.environ['N']) * 60", int),
        ("os.environ['U']", "?"),
        ("os.environ.get('U')", ["?", None]),
        ("os.getenv('U', 'x')", ["?", "x"]),
        ("os.environ.get('U') or 'x'", ["?", "x"]),
        ("None or 'x'", "x"),
        ("f'mysql://{user}@{60}'", "mysql://?@60"),
        ("'mysql://' + user + '@h'", "mysql://?@h"),
        ("user + '://'", "?://"),
        ("'mysql://%s:%s@%s' % (user, 1, 'h')", "mysql://?:1@h"),
        ("'%(a)s://%%' % {'a': 'mysql'}", "mysql://%"),
        ("'{}://{x}'.format('mysql', x=user)", "mysql://?"),
        ("'{0}+{0}'.format(user)", "?+?"),
        ("'{'.format(user)", "?"),
        ("'postgres://x'.replace('postgres:', 'postgresql:')", "postgresql://x"),
        ("'mysql://h/db'.replace(f'/{user}', '/x')", "mysql:?"),
        ("'mysql://h/db'.replace(user, '/x')", "?"),
        ("''.join(['mysql', '://', user])", "mysql://?"),
        ("'/'.join(['a', 'b'])", "a/b"),
        ("' x '.strip() + 'MY'.lower()", " x my"),
        ("str(5) + 's'", "5s"),
        ("'a' if user else 'b'", ["a", "b"]),
        ("user", ...),
        ("{'a': 1, 'b': {'c': 2}}['b']['c']", 2),
        ("{'a': 1}.get('b', 5)", 5),
        ("{**{'a': 1}, **user}", {"a": 1, ...: ...}),
        ("{'a': 1} | {'b': 2}", {"a": 1, "b": 2}),
        ("dict(a=1, **{'b': 2})", {"a": 1, "b": 2}),
        ("dict({'a': 1}, b=2)", {"a": 1, "b": 2}),
        ("dict([('a', 1)])", {"a": 1}),
        ("other.thing", "<other.thing>"),
        ("other.thing(1)", "<other.thing()>"),
        ("[1, 2]", ...),
        ("(lambda: 1)()", ...),
    ],
)
def test_expressions(expression: str, expected: Any) -> None:
    assert shown(f"import os, other\ndef f(user):\n    show({expression})\n") == expected


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("x = 1\nshow(x)", 1),
        ("if y:\n    x = 1\nelse:\n    x = 2\nshow(x)", [1, 2]),
        ("x = None\nx = 'a'\nshow(x)", [None, "a"]),
        ("x = 'a'\nx += 'b'\nshow(x)", ["a", "ab"]),
        ("a, b = 1, 2\nshow(b)", 2),
        ("a, b = f()\nshow(b)", ...),
        ("x = 1\nfor x in y: pass\nshow(x)", [1, ...]),
        ("x = x\nshow(x)", ...),
        ("def f(x='a'):\n    show(x)", [..., "a"]),
        ("def f(**kw):\n    show(kw)", {...: ...}),
        ("def f(x):\n    x = x or 'a'\n    show(x)", [..., "a"]),
        ("def f():\n    return 'a'\nshow(f())", "a"),
        ("def f(x):\n    return x + '://'\nshow(f('mysql'))", "mysql://"),
        ("def f():\n    if y:\n        return 1\n    return 2\nshow(f())", [1, 2]),
        ("def f():\n    yield 1\nshow(f())", ...),
        ("def f():\n    return f()\nshow(f())", ...),
        ("x = 1\ndef f():\n    global x\n    x = 2\nshow(x)", [1, 2]),
        ("x = {'a': 1}\nx['b'] = 2\nx.update(c=3)\nx.setdefault('d', 4)\nshow(x)", {"a": 1, "b": 2, "c": 3, "d": 4}),
        ("x = {}\nif y:\n    x['a'] = 1\nshow(x)", {"a": 1}),
        ("x = {}\nx[y] = 1\nshow(x)", {...: ...}),
        ("x = {}\nx.update(y)\nshow(x)", {...: ...}),
        ("def fill(d): d['a'] = 1\nx = {}\nfill(x)\nshow(x)", {...: ...}),
        ("import log\nx = {}\nlog.info(x)\nshow(x)", {}),
        ("app = App()\napp.config['a'] = 1\nshow(app.config['a'])", 1),
        ("app = App()\napp.config.update(a=1)\nshow(app.config.get('a'))", 1),
        ("class C:\n    x = 1\n    def f(self):\n        show(self.x)", 1),
        ("class C:\n    def __init__(self):\n        self.x = 1\n    def f(self):\n        show(self.x)", 1),
        ("class C:\n    def __init__(self, x):\n        self.x = x\n    def f(self):\n        show(self.x)", ...),
        ("class B:\n    x = 1\nclass C(B):\n    def f(self):\n        show(self.x)", 1),
        ("class C:\n    @property\n    def x(self):\n        return 1\n    def f(self):\n        show(self.x)", 1),
        ("class C:\n    def x(self):\n        return 1\n    def f(self):\n        show(self.x())", 1),
        ("class C:\n    x = 1\nc = C()\nshow(c.x)", 1),
        ("class C:\n    x = 1\nshow(C.x)", 1),
        ("class C:\n    x = {'a': 1}\n    def f(self):\n        show(self.x['a'])", 1),
        ("from pydantic import S\nclass C(S):\n    x: str = 'a'\nc = C()\nshow(c.x)", ["a", ...]),
        ("class C:\n    x: str = 'a'\nc = C()\nshow(c.x)", "a"),
        ("if (x := 1):\n    show(x)", 1),
        ("async def f():\n    return 1\nasync def g():\n    show(await f())", 1),
    ],
)
def test_programs(program: str, expected: Any) -> None:
    assert shown(program) == expected


@pytest.mark.parametrize(
    "program",
    [
        "from conf import URL\nshow(URL)",
        "import conf\nshow(conf.URL)",
        "from conf import *\nshow(URL)",
        "from conf import Config\nshow(Config.URL)",
        "from conf import config\nshow(config.URL)",
        "from conf import url\nshow(url())",
        "from hub import URL\nshow(URL)",
        "from hub import *\nshow(URL)",
        "from conf import table\nshow(table['url'])",
        "import hub\nshow(hub.conf.Config().URL)",
    ],
)
def test_other_modules(program: str) -> None:
    conf = """
URL = "mysql://h"
class Config:
    URL = "mysql://h"
config = Config()
def url():
    return URL
table = {}
table["url"] = URL
"""
    assert shown(program, conf=conf, hub="from conf import *\nimport conf\n") == "mysql://h"


def test_keywords_are_looked_for_behind_two_stars() -> None:
    text = "opts = dict(b=2)\nif z:\n    opts['c'] = 3\nf(a=1, **opts)\n"
    file = File(Path("x.py"), text)
    call = next(c for c in file.nodes(ast.Call) if isinstance(c.func, ast.Name) and c.func.id == "f")
    found = evaluate_keywords(file, call)
    assert plain(found) == {"a": 1, "b": 2, "c": 3}


def test_a_dict_says_where_it_is_written() -> None:
    file = File(Path("x.py"), "opts = {'a': 1}\nopts['b'] = 2\nf(**opts)\n")
    found = evaluate(file, next(c for c in file.nodes(ast.Call)).keywords[0].value)
    assert isinstance(found, Dict)
    assert found.literal is file.nodes(ast.Dict)[0]


@pytest.mark.parametrize(
    "program",
    [
        "show(" + " + ".join(["'a'"] * 500) + ")",
        "show(" + "[" * 50 + "]" * 50 + ")",
        "\n".join(["x0 = 'a'", *(f"x{i + 1} = x{i} + x{i}" for i in range(100)), "show(x100)"]),
        "\n".join(["x0 = y", *(f"x{i + 1} = x{i} if y else {i}" for i in range(100)), "show(x100)"]),
        "\n".join([*(f"def f{i}():\n    return f{i + 1}() + f{i + 1}()" for i in range(50)), "show(f0())"]),
        "x = y\ny = x\nshow(x)",
        "class C(C):\n    def f(self):\n        show(self.x)",
        "class A(B): pass\nclass B(A):\n    def f(self):\n        show(self.x.y())",
        "from main import x\nshow(x)",
    ],
)
def test_it_ends(program: str) -> None:
    shown(program)


_names = st.sampled_from("abc")
_expressions = st.recursive(
    st.one_of(_names, st.sampled_from(["'%s'", "'{}'", "{}", "1", "self.a", "os.environ['A']", "None"])),
    lambda inner: st.one_of(
        st.builds("({} + {})".format, inner, inner),
        st.builds("({} % ({},))".format, inner, inner),
        st.builds("({} | {})".format, inner, inner),
        st.builds("{{'a': {}, **{}}}".format, inner, inner),
        st.builds("({} if {} else {})".format, inner, inner, inner),
        st.builds("{}.format({})".format, _names, inner),
        st.builds("{}.get({})".format, _names, inner),
        st.builds("{}[{}]".format, _names, inner),
        st.builds("{}({})".format, _names, inner),
        st.builds("({} or {})".format, inner, inner),
    ),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(_names, st.sampled_from(["=", "+=", "['k'] ="]), _expressions), max_size=6), _expressions)
def test_it_never_raises(statements: list[tuple[str, str, str]], last: str) -> None:
    shown("import os\n" + "\n".join(" ".join(s).replace(" [", "[") for s in statements) + f"\nshow({last})\n")
