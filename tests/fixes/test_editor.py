"""Each verb, before and after."""

from __future__ import annotations

import textwrap

import pytest

from dbhygiene.diagnostics import edits
from dbhygiene.diagnostics.edits import (
    AddItem,
    AddKeyword,
    InsertAfter,
    InsertBefore,
    InsertFirst,
    MoveIntoWith,
    Remove,
    Replace,
    ReplaceItem,
    SetKeyword,
    WrapInTry,
)
from dbhygiene.fixes.editor import Editor
from dbhygiene.fixes.targets import EditError

from .helpers import Places, edited

CLOSING = "closing($value) as conn"


def text(code: str) -> str:
    return textwrap.dedent(code).lstrip("\n")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("f()", "f(n=1)"),
        ("f(a)", "f(a, n=1)"),
        ("f( a )", "f( a, n=1 )"),
        ("f(a,)", "f(a, n=1,)"),
        ("f(a,b)", "f(a,b,n=1)"),
        ("f(*a)", "f(*a, n=1)"),
        ("f(**kw)", "f(n=1, **kw)"),
        ("f(a, **kw)", "f(a, n=1, **kw)"),
        ("f(x for x in y)", "f((x for x in y), n=1)"),
        ("f((x for x in y))", "f((x for x in y), n=1)"),
        ("f(a)(b)", "f(a)(b, n=1)"),
        ("f(\n    a,\n    b,\n)", "f(\n    a,\n    b,\n    n=1,\n)"),
        ("f(\n    a,\n)", "f(\n    a,\n    n=1,\n)"),
        ("f(\n    a,  # c\n    # d\n)", "f(\n    a,  # c\n    # d\n    n=1,\n)"),
        ("f(\n    a  # c\n)", "f(\n    a,  # c\n    n=1\n)"),
        ("f(\n    g(\n        a\n    )\n)", "f(\n    g(\n        a\n    ),\n    n=1,\n)"),
        ("f(\n    a, b\n)", "f(\n    a, b, n=1\n)"),
        ("f(a,\n  b)", "f(a,\n  b,\n  n=1)"),
        ("f(\n    a,  # c\n    # d\n    **kw,\n)", "f(\n    a,  # c\n    n=1,\n    # d\n    **kw,\n)"),
        ("f('中😀', b)", "f('中😀', b, n=1)"),
        ("'中😀', f(b)", "'中😀', f(b, n=1)"),
        ("f(\n\ta,\r\n\tb,\r\n)", "f(\n\ta,\r\n\tb,\r\n\tn=1,\r\n)"),
    ],
)
def test_a_keyword_is_laid_out_as_the_arguments_are(before: str, after: str) -> None:
    assert edited(before, [AddKeyword(Places(before).call("f("), "n", "1")]) == after


def test_two_keywords_for_one_call() -> None:
    call = Places("f(\n    a,\n)\n").call("f(")
    edits = [AddKeyword(call, "n", "1"), AddKeyword(call, "m", "2")]
    assert edited("f(\n    a,\n)\n", edits) == "f(\n    a,\n    n=1,\n    m=2,\n)\n"


@pytest.mark.parametrize(
    ("before", "value", "after"),
    [
        ("f(n=0)", "1", "f(n=1)"),
        ("f(n=x or y)", "int($value)", "f(n=int(x or y))"),
        ("f(n=x or y)", "$value + 1", "f(n=(x or y) + 1)"),
        ("f(n=(x  # c\n))", "int($value)", "f(n=int(x  # c\n))"),
    ],
)
def test_a_keyword_is_set(before: str, value: str, after: str) -> None:
    assert edited(before, [SetKeyword(Places(before).call("f("), "n", value)]) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("d = {}", 'd = {"k": 1}'),
        ("d = {'a': 2}", "d = {'a': 2, \"k\": 1}"),
        ("d = {\n    'a': 2,  # c\n}", "d = {\n    'a': 2,  # c\n    \"k\": 1,\n}"),
        ("d = {\n    'a': 2,\n    **b\n}", "d = {\n    'a': 2,\n    **b,\n    \"k\": 1\n}"),
    ],
)
def test_an_item_is_added(before: str, after: str) -> None:
    assert edited(before, [AddItem(Places(before).dict(), '"k"', "1")]) == after


@pytest.mark.parametrize(
    ("before", "start", "code", "after"),
    [
        ("x = a.b", "a", "c or d", "x = (c or d).b"),
        ("x = a", "a", "c or d", "x = c or d"),
        ("x = (a)", "a", "c or d", "x = (c or d)"),
        ("x = -(a or b)", "a or b", "int($value)", "x = -(int(a or b))"),
        ("x = f(a, b)", "a", "$value + 1", "x = f(a + 1, b)"),
        ("await x.f(a)", "x.f(", "g($value)", "await g(x.f(a))"),
        ("t = ((1, 2))", "(1", "f($value)", "t = (f((1, 2)))"),
    ],
)
def test_an_expression_is_replaced(before: str, start: str, code: str, after: str) -> None:
    assert edited(before, [Replace(Places(before).expression(start), code)]) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("with c(a) as x:\n    y\n", "with closing(c(a)) as x, x:\n    y\n"),
        ("with c(a) as x, d:\n    y\n", "with closing(c(a)) as x, x, d:\n    y\n"),
        ("with (\n    c(a) as x,\n    d,\n):\n    y\n", "with (\n    closing(c(a)) as x, x,\n    d,\n):\n    y\n"),
        (
            "if a:\n    with c(a,\n           b=[d,\n              e]) as x:\n        y\n",
            "if a:\n    with closing(c(a,\n                   b=[d,\n                      e])) as x, x:\n        y\n",
        ),
        (
            "with c(\n        a,\n        b) as x:\n    y\n",
            "with closing(c(\n        a,\n        b)) as x, x:\n    y\n",
        ),
        ("with c(a,\n    b) as x:\n    y\n", "with closing(c(a,\n    b)) as x, x:\n    y\n"),
    ],
)
def test_a_with_item_is_replaced(before: str, after: str) -> None:
    assert edited(before, [ReplaceItem(Places(before).call("c("), "closing($value) as x, x")]) == after


@pytest.mark.parametrize(
    ("before", "at", "after"),
    [
        ("a()\nb()\n", "b", "a()\nnew()\nb()\n"),
        ("a()\n\n# why\nb()\n", "b", "a()\n\nnew()\n# why\nb()\n"),
        ("a(); b()  # c\n", "b", "a()\nnew()\nb()  # c\n"),
        ("if x: b()  # c\n", "b", "if x:\n    new()\n    b()  # c\n"),
        ("if x:\n\ta()\n\tb()", "b", "if x:\n\ta()\n\tnew()\n\tb()"),
        ("if x:\r\n  b()\r\n", "b", "if x:\r\n  new()\r\n  b()\r\n"),
        ("# top\n\n@d\n# e\ndef b():\n    pass\n", "def b", "# top\n\nnew()\n@d\n# e\ndef b():\n    pass\n"),
        ("\ufeffb()\n".lstrip("\ufeff"), "b", "new()\nb()\n"),
        ("try:\n    a()\nexcept E:\n    b()\n", "b", "try:\n    a()\nexcept E:\n    new()\n    b()\n"),
        ("lock = 1\nwhile b():\n    pass\n", "while", "lock = 1\nnew()\nwhile b():\n    pass\n"),
        ("if x:\n    '''a\n  b'''; b()\n", "b", "if x:\n    '''a\n  b'''\n    new()\n    b()\n"),
    ],
)
def test_before_a_statement(before: str, at: str, after: str) -> None:
    assert edited(before, [InsertBefore(Places(before).statement(at), "new()")]) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("b()", "b()\nnew()"),
        ("b()  # c\n\n\nd()\n", "b()  # c\nnew()\n\n\nd()\n"),
        ("if x:\n    b()\n# end\n", "if x:\n    b()\n    new()\n# end\n"),
        ("if x: b()\nelse: c()\n", "if x:\n    b()\n    new()\nelse: c()\n"),
    ],
)
def test_after_a_statement(before: str, after: str) -> None:
    assert edited(before, [InsertAfter(Places(before).statement("b"), "new()")]) == after


@pytest.mark.parametrize(
    ("before", "at", "after"),
    [
        ("while True:\n    a()\n", "while", "while True:\n    new()\n    a()\n"),
        ("while True: a()\n", "while", "while True:\n    new()\n    a()\n"),
        ('def f():\n    """d"""\n\n    a()\n', "def", 'def f():\n    """d"""\n    new()\n\n    a()\n'),
        ('def f():\n    """d"""\n', "def", 'def f():\n    """d"""\n    new()\n'),
        ("for x in y:  # c\n    # a\n    a()\n", "for", "for x in y:  # c\n    new()\n    # a\n    a()\n"),
    ],
)
def test_first_in_a_body(before: str, at: str, after: str) -> None:
    assert edited(before, [InsertFirst(Places(before).statement(at), "new()")]) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a()\nb()\nc()\n", "a()\nc()\n"),
        ("a()\nb()  # why\nc()\n", "a()\n# why\nc()\n"),
        ("a()\nb()  # noqa: F821\nc()\n", "a()\nc()\n"),
        ("a()\n\nb()\n\nc()\n", "a()\n\nc()\n"),
        ("a(); b(); c()\n", "a()\nc()\n"),
        ("if x:\n    b()\n", "if x:\n    pass\n"),
        ("if x: b()\n", "if x:\n    pass\n"),
        ("def f():\n    a()\n\n    # end\n    b()\n", "def f():\n    a()\n\n    # end\n"),
        ("b()\n", "\n"),
    ],
)
def test_removal(before: str, after: str) -> None:
    assert edited(before, [Remove(Places(before).statement("b"))]) == after


WITH_CASES = {
    "comments": (
        '''
        def f():
            """Say."""

            # open it
            conn = connect()  # here

            # use it
            use(conn)
            conn.close()  # given back

            return 1
        ''',
        '''
        def f():
            """Say."""

            # open it
            with closing(connect()) as conn:  # here
                # use it
                use(conn)
                # given back

            return 1
        ''',
    ),
    "further left": (
        """
        def f():
            conn = connect()
            with open(a) as b, \\
             open(c) as d:
                g(b,
          d)
          # and so on
            # ---- #
                 #
            use(conn)
            conn.close()
        """,
        """
        def f():
            with closing(connect()) as conn:
                with open(a) as b, \\
                 open(c) as d:
                    g(b,
              d)
              # and so on
                # ---- #
                     #
                use(conn)
        """,
    ),
    "lines": (
        """
        def f():
            conn = (
                connect(a)
            )
            x = [
                1,
              2,
            ]
            s = '''a
            b
          c'''
            if x: \\
                y()
            conn.close()
        """,
        """
        def f():
            with closing(
                connect(a)
            ) as conn:
                x = [
                    1,
                  2,
                ]
                s = '''a
            b
          c'''
                if x: \\
                    y()
        """,
    ),
}


@pytest.mark.parametrize("case", WITH_CASES)
def test_into_a_with(case: str) -> None:
    before, after = map(text, WITH_CASES[case])
    places = Places(before)
    close = places.statement("conn.close()")
    assert edited(before, [MoveIntoWith(places.statement("conn ="), close, CLOSING), Remove(close)]) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("conn = connect()\n", "with closing(connect()) as conn:\n    pass\n"),
        ("conn: C = await g()", "with closing(await g()) as conn:\n    pass"),
        (
            "if x: conn = connect(); use(conn)  # c\n",
            "if x:\n    with closing(connect()) as conn:\n        use(conn)  # c\n",
        ),
        ("conn = a if b else c\nuse()\n", "with closing(a if b else c) as conn:\n    use()\n"),
        ("conn = a, b\nuse()\n", "with closing((a, b)) as conn:\n    use()\n"),
        ("if x:\n\tconn = c\n\tuse()\n", "if x:\n\twith closing(c) as conn:\n\t\tuse()\n"),
        ("if x:\r\n  conn = c\r\n  use()", "if x:\r\n  with closing(c) as conn:\r\n    use()"),
    ],
)
def test_the_rest_of_a_block_into_a_with(before: str, after: str) -> None:
    places = Places(before)
    last = places.statement("use(" if "use(" in before else "conn")
    assert edited(before, [MoveIntoWith(places.statement("conn"), last, CLOSING)]) == after


def test_async_with() -> None:
    before = "async def f():\n    conn = await c()\n    await conn.go()\n"
    places = Places(before)
    edit = MoveIntoWith(places.statement("conn"), places.statement("await"), "aclosing($value) as conn", is_async=True)
    assert edited(before, [edit]) == (
        "async def f():\n    async with aclosing(await c()) as conn:\n        await conn.go()\n"
    )


def test_a_close_moves_into_finally_with_its_comments() -> None:
    before = text("""
        def f():
            conn = connect()

            # use it
            use(conn)
            # then
            conn.close()  # give back

            return 1
        """)
    places = Places(before)
    use, close = places.statement("use"), places.statement("conn.close()")
    assert edited(before, [WrapInTry(use, use, "finally", "conn.close()", (close,))]) == text("""
        def f():
            conn = connect()

            try:
                # use it
                use(conn)
            finally:
                # then
                # give back
                conn.close()

            return 1
        """)


def test_a_lone_try_is_given_its_finally() -> None:
    before = "try:\n    a()\nexcept E:\n    b()\n"
    place = Places(before).statement("try")
    assert edited(before, [WrapInTry(place, place, "finally", "c()")]) == before + "finally:\n    c()\n"


def test_closing_on_error_only() -> None:
    before = "def f():\n    c = g()\n    h(c)\n    return c\n"
    place = Places(before).statement("h(")
    assert edited(before, [WrapInTry(place, place, "except BaseException", "c.close()\nraise")]) == text("""
        def f():
            c = g()
            try:
                h(c)
            except BaseException:
                c.close()
                raise
            return c
        """)


def test_wraps_within_each_other_and_what_stays_outside() -> None:
    before = "a = f()\nb = f()\nuse(a, b)\n"
    places = Places(before)
    use = places.statement("use")
    edits = [
        MoveIntoWith(places.statement("b"), use, "$value as b"),
        MoveIntoWith(places.statement("a"), use, "$value as a"),
        InsertBefore(places.statement("a"), "first()"),
        InsertAfter(use, "last()"),
        InsertBefore(use, "inner()"),
    ]
    assert edited(before, edits) == text("""
        first()
        with f() as a:
            with f() as b:
                inner()
                use(a, b)
        last()
        """)


def refusal(before: str, edit: object) -> str:
    with pytest.raises(EditError) as caught:
        Editor(before).edit([edit])  # type: ignore[list-item]
    return str(caught.value)


def test_a_statement_inserted_above_a_new_try_comes_after_the_blank_line() -> None:
    before = "a()\n\n# why\nb()\nc()\n"
    places = Places(before)
    found = edited(
        before,
        [
            InsertBefore(places.statement("b"), "opened()"),
            WrapInTry(places.statement("b"), places.statement("b"), "finally", "shut()"),
        ],
    )
    assert found == "a()\n\nopened()\ntry:\n    # why\n    b()\nfinally:\n    shut()\nc()\n"


def test_what_cannot_be_done_is_refused_in_words() -> None:
    elif_ = "if a:\n    pass\nelif b:\n    pass\n"
    assert "elif" in refusal(elif_, InsertBefore(Places(elif_).statement("elif"), "new()"))
    call = "f(n=1)\n"
    assert refusal(call, AddKeyword(Places(call).call("f"), "n", "2")) == "`n` is already there"
    assert "place" in refusal(call, AddKeyword(Places("\n\nf()").call("f"), "n", "2"))
    chain = "a = b = c()\n"
    place = Places(chain).statement("a")
    assert refusal(chain, MoveIntoWith(place, place, CLOSING)) == "it is not opened by a plain assignment"
    assert "wrong" in refusal("a()\n", InsertBefore(Places("a()\n").statement("a"), "1 +"))
    apart = "a()\nif b:\n    c()\n"
    places = Places(apart)
    assert "block" in refusal(apart, WrapInTry(places.statement("a"), places.statement("c"), "finally", "d()"))


def test_a_file_that_would_not_come_back_as_it_is_is_refused() -> None:
    for strange in ("a()\n\x0c\n  \x0cb()\n", "if a:\n    b()\n\x0c    c()\n"):
        try:
            editor = Editor(strange)
        except EditError as error:
            assert "LibCST" in str(error)  # noqa: PT017
        else:
            assert editor.edit([]) == strange


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            """
            conn = connect()
            cur = conn.cursor()
            try:
                # ask
                cur.execute(1)
                print(cur)
                # asked
            finally:
                conn.close()  # at last
            """,
            """
            conn = connect()
            try:
                cur = conn.cursor()
                # ask
                cur.execute(1)
                print(cur)
                # asked
            finally:
                # at last
                conn.close()
            """,
        ),
        (
            """
            cur = conn.cursor()
            try: cur.execute(1)
            finally: conn.close()
            """,
            """
            try:
                cur = conn.cursor()
                cur.execute(1)
            finally:
                conn.close()
            """,
        ),
        (
            """
            cur = conn.cursor()

            # why
            try:  # how
                cur.execute(1)
            except Error:
                pass
            # in the end
            finally:  # always
                conn.close()
                # closed
            """,
            """
            try:
                cur = conn.cursor()

                # why
                try:  # how
                    cur.execute(1)
                except Error:
                    pass
                # in the end
                # always
                # closed
            finally:
                conn.close()
            """,
        ),
    ],
)
def test_a_finally_that_loses_its_statements_goes(before: str, after: str) -> None:
    places = Places(text(before))
    first = places.statement("cur = conn")
    last = places.statement("try")
    close = places.statement("conn.close()")
    assert edited(text(before), [WrapInTry(first, last, "finally", "conn.close()", (close,))]) == text(after)


@pytest.mark.parametrize(("comment", "left"), [("", ""), ("  # done", "    else:  # done\n        pass\n")])
def test_an_else_or_finally_that_loses_its_statements_goes_wherever_it_is(comment: str, left: str) -> None:
    """A comment keeps an `else`."""
    before = text(f"""
        if use(conn):
            try:
                go()
            except Error:
                pass
            finally:
                conn.close(1)
        else:{comment}
            conn.close(2)
    """)
    after = text("""
        try:
            if use(conn):
                try:
                    go()
                except Error:
                    pass
    """)
    places = Places(before)
    whole = places.statement("if")
    moved = (places.statement("conn.close(1)"), places.statement("conn.close(2)"))
    edit = WrapInTry(whole, whole, "finally", "conn.close()", moved)
    assert edited(before, [edit]) == f"{after}{left}finally:\n    conn.close()\n"


LONG = "engine = create_engine('mysql+pymysql://shop@database.one.example.com/shop', echo=False)"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            f"{LONG}\n",
            "engine = create_engine(\n    'mysql+pymysql://shop@database.one.example.com/shop',\n"
            "    echo=False,\n    n=1234567890,\n)\n",
        ),
        (
            f"if x:\n\t{LONG}  # c\n",
            "if x:\n\tengine = create_engine(\n\t\t'mysql+pymysql://shop@database.one.example.com/shop',\n"
            "\t\techo=False,\n\t\tn=1234567890,\n\t)  # c\n",
        ),
        (f"{LONG}\n# {'x' * 100}\n", f"{LONG[:-1]}, n=1234567890)\n# {'x' * 100}\n"),
        (
            f"{LONG}\r\n",
            "engine = create_engine(\r\n    'mysql+pymysql://shop@database.one.example.com/shop',\r\n"
            "    echo=False,\r\n    n=1234567890,\r\n)\r\n",
        ),
    ],
)
def test_a_call_that_grows_too_long_is_laid_out_in_lines(before: str, after: str) -> None:
    assert edited(before, [AddKeyword(Places(before).call("create_engine"), "n", "1234567890")]) == after


def test_every_edit_is_told_by_its_verb() -> None:
    kinds = [each for each in vars(edits).values() if hasattr(each, "_fields") and each.__module__ == edits.__name__]
    assert kinds
    assert all(kind._field_defaults["verb"] == kind.__name__ for kind in kinds)
