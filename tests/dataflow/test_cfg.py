"""The graph of a function, asked for its traces: the calls on each way from the entry to an end.

In these programs `a()` to `f()` never raise, and every other call may. A trace that ends in `.` returns, one that ends
in `!` raises; a node is passed twice at most, so that loops come to an end.
"""

from __future__ import annotations

import ast
import itertools
import sys
import textwrap

import pytest

from dbhygiene.dataflow import cfg
from dbhygiene.dataflow.cfg import Graph, Node, Outcome, Semantics, TooLargeError
from dbhygiene.dataflow.exceptions import ORDINARY, SYSTEM_EXIT, Swallow


class Plain(Semantics):
    """Names mean what they say."""

    def outcome(self, call: ast.Call) -> Outcome:
        name = ast.unparse(call.func)
        if name in {"exit", "halt"}:
            return Outcome(returns=False, raises=(SYSTEM_EXIT,) if name == "exit" else ())
        return Outcome(raises=() if name in set("abcdef") else (ORDINARY,))

    def bases(self, name: str) -> tuple[str, ...] | None:
        return {"Shop": ("Exception",), "SoldOut": ("Shop",), "Other": ("Exception",)}.get(name)

    def swallows(self, item: ast.withitem) -> list[Swallow]:
        match item.context_expr:
            case ast.Call(func=ast.Name(id="suppress"), args=args):
                return [Swallow(ast.unparse(arg)) for arg in args]
        return []


class Failing(Plain):
    """What the graph does not model may raise, too."""

    def may_fail_otherwise(self, stmt: ast.Try) -> bool:
        return True


def graph(body: str, *, head: str = "def function():", semantics: Semantics | None = None) -> Graph:
    function = ast.parse(f"{head}\n{textwrap.indent(textwrap.dedent(body).strip(), '    ')}").body[0]
    assert isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef))
    return cfg.build(function, semantics or Plain())


def traces(body: str, *, head: str = "def function():", semantics: Semantics | None = None) -> set[str]:
    built = graph(body, head=head, semantics=semantics)
    found: set[str] = set()
    todo: list[tuple[Node, str, tuple[Node, ...]]] = [(built.entry, "", ())]
    while todo:
        node, trace, passed = todo.pop()
        if isinstance(node.event, cfg.Call) and isinstance(node.event.node.func, ast.Name):
            trace += f" {node.event.node.func.id}"
        if node is built.exit or node is built.raised:
            found.add(f"{trace} {'.' if node is built.exit else '!'}".strip())
        if passed.count(node) < 2:
            todo += [(target, trace, (*passed, node)) for _, target in node.out]
    return found


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("a(); b()", {"a b ."}),
        ("a(); x(); b()", {"a x b .", "a x !"}),
        ("x(a(), b())", {"a b x .", "a b x !"}),
        ("if a(): b()\nelse: c()", {"a b .", "a c ."}),
        ("if a(): b()\nelif c(): d()", {"a b .", "a c d .", "a c ."}),
        ("if a() and b(): c()", {"a .", "a b .", "a b c ."}),
        ("if not (a() or b()): c()", {"a .", "a b .", "a b c ."}),
        ("a() if b() else c()", {"b a .", "b c ."}),
        ("z = a() or b()", {"a .", "a b ."}),
        ("assert a(), b()", {"a .", "a b !"}),
        ("return a()\nb()", {"a ."}),
        ("raise ValueError(a())", {"a ValueError !"}),
        ("exit()\na()", {"exit !"}),
        ("halt()\na()", set()),
        ("while True:\n    if a(): break\nb()", {"a b .", "a a b ."}),
        ("while True: a()", set()),
        ("while a(): b()\nelse: c()", {"a b a c .", "a c ."}),
        ("for i in a():\n    if b(): break\nelse: c()", {"a b .", "a b b .", "a b c .", "a c ."}),
        ("for i in a():\n    if b(): continue\n    c()", {"a b c .", "a b .", "a ."}),
        ("[a() for i in b() if c()]", {"b .", "b c .", "b c a ."}),
        ("lambda: a()", {"."}),
        ("def g(): a()\nb()", {"b ."}),
        ("with a(): b()", {"a b ."}),
        ("with a(): x()", {"a x .", "a x !"}),
        ("with suppress(Exception): x()\nb()", {"suppress !", "suppress x b ."}),
        ("with suppress(KeyError): x()\nb()", {"suppress !", "suppress x b .", "suppress x !"}),
    ],
)
def test_ways(body: str, expected: set[str]) -> None:
    assert traces(body) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("try: x()\nfinally: a()", {"x a .", "x a !"}),
        ("try: return a()\nfinally: b()", {"a b ."}),
        ("try: return a()\nfinally: return b()", {"a b ."}),
        ("try: x()\nfinally: return b()", {"x b ."}),
        ("for i in a():\n    try: break\n    finally: b()\nc()", {"a b c .", "a c ."}),
        ("for i in a():\n    try: continue\n    finally: b()\nc()", {"a b c .", "a c ."}),
        ("try:\n    try: x()\n    finally: a()\nfinally: b()", {"x a b .", "x a b !"}),
        ("try: x()\nexcept: a()", {"x .", "x a ."}),
        ("try: x()\nexcept Exception: a()", {"x .", "x a ."}),
        ("try: x()\nexcept ValueError: a()", {"x .", "x a .", "x !"}),
        ("try: x()\nexcept GeneratorExit: a()", {"x .", "x !"}),
        ("try: x()\nexcept Exception: a(); raise", {"x .", "x a !"}),
        ("try: x()\nexcept Exception as e: a(); raise e", {"x .", "x a !"}),
        ("try: a()\nexcept Exception: b()\nelse: x()", {"a x .", "a x !"}),
        ("try: x()\nexcept Exception: y()\nfinally: a()", {"x a .", "x y a .", "x y a !"}),
        ("try: exit()\nexcept Exception: a()\nfinally: b()", {"exit b !"}),
        ("try: exit()\nexcept SystemExit: a()", {"exit a ."}),
        ("try: raise SoldOut\nexcept Shop: a()", {"a ."}),
        ("try: raise Other\nexcept Shop: a()", {"!"}),
        ("try: raise Shop\nexcept SoldOut: a()", {"!"}),
        ("try: raise SoldOut\nexcept (Other, Shop): a()\nexcept SoldOut: b()", {"a ."}),
        ("try: assert a()\nexcept AssertionError: b()", {"a .", "a b ."}),
        ("try:\n    try: x()\n    except ValueError: raise\nexcept KeyError: b()", {"x .", "x b .", "x !"}),
        ("try:\n    try: x()\n    except ValueError: a()\nexcept ValueError: b()", {"x .", "x a .", "x !"}),
        ("try:\n    try: x()\n    except (A, KeyError): raise\nexcept LookupError: a()", {"x .", "x a .", "x !"}),
        ("try: x()\nexcept Exception: a()\nexcept ValueError: b()", {"x .", "x a ."}),  # the second is never reached
    ],
)
def test_exceptions(body: str, expected: set[str]) -> None:
    assert traces(body) == expected


@pytest.mark.parametrize(
    ("cases", "expected"),
    [
        ("case 1: a()", {"a .", "."}),
        ("case 1: a()\n    case _: b()", {"a .", "b ."}),
        ("case x if c(): a()\n    case _: b()", {"c a .", "c b ."}),
        ("case 1 | _: a()", {"a ."}),
        ("case (x, y): a()", {"a .", "."}),
        ("case [1, *rest]: a()\n    case {'k': v}: b()", {"a .", "b .", "."}),
    ],
)
def test_match(cases: str, expected: set[str]) -> None:
    assert traces(f"match subject:\n    {cases}") == expected


def test_a_tuple_that_is_taken_apart_matches() -> None:
    assert traces("match x, y:\n    case (z, _): a()\n    case _: b()") == {"a ."}
    assert traces("match x, y:\n    case (z, 1): a()\n    case _: b()") == {"a .", "b ."}
    assert traces("match x, y:\n    case (z, *_): a()\n    case _: b()") == {"a .", "b ."}


def test_a_generator_may_rest_for_ever() -> None:
    assert traces("a()\nyield 1\nb()") == {"a b .", "a !"}
    assert traces("try: yield 1\nexcept Exception: a()\nfinally: b()") == {"b .", "b !"}


def test_an_await_may_raise_or_be_cancelled() -> None:
    program = "try: await a()\nexcept Exception: b()"
    assert traces(program, head="async def function():") == {"a .", "a b .", "a !"}


@pytest.mark.skipif(sys.version_info < (3, 11), reason="except* is new in Python 3.11")
def test_a_group_may_be_split_between_handlers() -> None:
    found = traces("try: x()\nexcept* ValueError: a()\nexcept* OSError: b()\nc()")
    assert {"x c .", "x a c .", "x b c .", "x a b c .", "x !"} <= found
    assert not any(trace.endswith("a .") for trace in found)


def test_a_handler_that_nothing_enters_is_entered_by_what_is_not_modelled() -> None:
    body = "try: a()\nexcept KeyError: b()\nexcept Exception: c()\nfinally: d()\ne()"
    assert traces(body) == {"a d e ."}
    assert traces(body, semantics=Failing()) == {"a d e .", "b d e .", "c d e ."}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("try: x()\nexcept Exception: a()", {"x .", "x a ."}),  # entered already
        ("try: x()\nexcept Exception: a()\nexcept KeyError: b()", {"x .", "x a ."}),  # the first one catches all
        ("try: a()\nexcept KeyError: raise", {"a .", "!"}),
    ],
)
def test_only_handlers_that_nothing_enters(body: str, expected: set[str]) -> None:
    assert traces(body, semantics=Failing()) == expected


def test_nested_finally_is_linear() -> None:
    def nested(depth: int) -> str:
        if not depth:
            return "if x(): return 1"
        return f"try:\n{textwrap.indent(nested(depth - 1), '    ')}\nfinally:\n    if x(): y()"

    sizes = [len(graph(nested(depth)).nodes()) for depth in (2, 4, 6, 8)]
    steps = [after - before for before, after in itertools.pairwise(sizes)]
    assert len(set(steps)) == 1, sizes


@pytest.mark.parametrize(
    "body",
    [
        "if a(): pass\n" + "elif b(): pass\n" * 900,
        "x = " + "a" + ".b" * 900,
        "x = " + " + ".join(["'a'"] * 900),
        "x = " + "1 if a() else " * 90 + "2",
        "a()\n" * 1500,
    ],
    ids=["elif", "attributes", "sum", "conditionals", "statements"],
)
def test_deep_code_is_walked_without_recursion(body: str) -> None:
    graph(body)


def test_too_large_a_function_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cfg, "MAX_NODES", 100)
    with pytest.raises(TooLargeError):
        graph("a()\n" * 60)
