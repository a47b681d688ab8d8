"""Kinds of statements with connections and cursors that only fixes are held against.

Each could break a fix: something goes on to need a connection, may be none, or is another than its name says.
"""

from __future__ import annotations

from .features import leave
from .writing import Step, Writer, feature, leaving


def _has_connection(w: Writer) -> bool:
    return w.has("conn")


def _can_read(w: Writer) -> bool:
    return w.has("conn", "cursor")


def _helps(w: Writer, kind: str) -> list[str]:
    return [name for each, name in w.helpers if each == kind]


def go_on(w: Writer, value: str, *, is_callable: bool = False) -> None:
    """A value outlives the function: it is returned, yielded or stored; if it can be called, it may be passed on.

    That an unknown function keeps no cursor that it is given is taken for granted: only objects, and what can be
    called, are passed.
    """
    forms = [f"box.append({value})", f"box.found = {value}", f'box["found"] = {value}', f"SHARED = {value}"]
    forms += [f"box += [{value}]", f"box |= {{1: {value}}}"]
    forms += [f"box.append([{value}])", f"box.found = ({value}, 1)", f"box.update(found={value})"]
    if w.is_method:
        forms += [f"self.found = {value}"] * 3
    if w.is_generator:
        forms += [f"yield {value}"] * 2
    if is_callable:
        forms += [f"keep({value})", f"keep([{value}])", f"keep(found={value})", f"atexit.register({value})"]
        forms += [f"threading.Thread(target={value}).start()", f"threading.Timer(5, {value}).start()"]
        forms += [f"items.submit({value})", f"items.on_done({value}, 1)"]
    else:
        forms += [f"threading.Thread(target=work, args=({value},)).start()", f"atexit.register(work, {value})"]
        forms += [f"box.ask = partial(work, {value})", f"keep(partial(work, {value}))"]
    if w.maybe(0.4):
        w.jump(w.rng.choice((f"return {value}", f"return {value}", f"return 1, {value}", f"return {{1: {value}}}")))
    else:
        w.line(w.rng.choice(forms))


def _asked(w: Writer) -> str:
    """An expression that asks a connection, or a cursor, for something."""
    forms = [f"{name}.{what}" for name in w.of("conn") for what in ("execute()", "cursor()", "commit()")]
    if w.has("cursor"):
        forms += ["cur.fetchall()", "cur.fetchone()", "list(cur)", "cur"]
    return w.rng.choice(forms)


# -- what helpers give


@feature(4, lambda w: bool(_helps(w, "fails")), compound=True, later=True)
def acquire_or_fail(w: Writer) -> None:
    """A helper gives a connection, or a constant where it fails; its caller tests for that, at once or later."""
    name = w.rng.choice(("conn", "a", "b"))
    w.line(f"{name} = {w.rng.choice(_helps(w, 'fails'))}()")
    match w.rng.randrange(5):
        case 0:
            w.merge(w.block(f"if not {name}:", leave), {name: "conn"})
            w.bind(name, "conn")
        case 4:
            w.merge(w.block(f"if {name} is None:", leave), {name: "conn"})
            w.bind(name, "conn")
            w.statement()
            if not w.ended and w.maybe():
                w.line(f"{name}.close()")
        case 1:
            w.block(f"if {name}:", names={name: "conn"}, size=2)
        case 2:
            w.block(f"if {name}:", lambda w: w.line(f"{name}.execute()"))
            w.block(f"if {name}:", lambda w: w.line(f"{name}.close()"))
        case _:
            w.line(f"ok = bool({name})")
            w.line("work()")
            w.block("if ok:", names={name: "conn"})


@feature(4, lambda w: bool(_helps(w, "cached")), later=True)
def acquire_cached(w: Writer) -> None:
    """A helper gives back what others have, too, or opens a connection."""
    w.line(f"{w.new()} = {w.rng.choice(_helps(w, 'cached'))}()")


@feature(4, lambda w: bool(_helps(w, "both")), later=True)
def acquire_with_cursor(w: Writer) -> None:
    name = w.new()
    w.line(f"{name}, {w.bind('cur', 'cursor')} = {w.rng.choice(_helps(w, 'both'))}()")


@feature(4, lambda w: bool(_helps(w, "both_or_not")), compound=True, later=True)
def acquire_with_cursor_or_not(w: Writer) -> None:
    name = w.rng.choice(("conn", "a", "b"))
    w.line(f"{name}, cur = {w.rng.choice(_helps(w, 'both_or_not'))}()")
    if w.maybe():
        w.merge(w.block(f"if not {name}:", leave), {})
        w.bind(name, "conn")
        w.bind("cur", "cursor")
    else:
        w.block(f"if {w.rng.choice((name, 'cur'))}:", names={name: "conn", "cur": "cursor"}, size=2)


@feature(4, lambda w: bool(_helps(w, "kit")), later=True)
def acquire_kit(w: Writer) -> None:
    w.line(f"{w.bind('kit', 'kit')} = {w.rng.choice(_helps(w, 'kit'))}()")


@feature(3, lambda w: _can_read(w), later=True)
def make_kit(w: Writer) -> None:
    """A container of one's own, which holds what reads from a connection."""
    name = w.pick("conn") if w.has("conn") else ""
    cur = "cur" if w.has("cursor") and (not name or w.maybe()) else f"{name}.cursor()"
    whole = f"dict(conn={name}, cur={cur})" if name else f"dict(conn=None, cur={cur})"
    forms = [f'{{"cur": {cur}}}', f"dict(cur={cur})", f'{{**{{"cur": {cur}}}}}', whole]
    w.line(f"kit = {w.rng.choice(forms)}")
    w.bind("kit", "kit" if name and whole in w.lines[-1] else "part")


@feature(4, lambda w: w.has("kit", "part"), later=True)
def use_kit(w: Writer) -> None:
    forms = ['kit["cur"].execute()', 'kit["cur"].fetchall()', "work()"]
    if w.has("kit"):
        forms += ['kit["conn"].close()', 'kit["conn"].execute()'] * 2
    match w.rng.randrange(4):
        case 0 if w.has("kit"):
            w.line(f'{w.new()} = kit["conn"]')
        case 1:
            w.line(f'{w.bind("cur", "cursor")} = kit["cur"]')
        case 2:
            go_on(w, w.rng.choice(("kit", 'kit["cur"]', 'kit["cur"].fetchall', "dict(kit)", "list(kit.values())")))
        case _:
            w.line(w.rng.choice(forms))


@feature(3, lambda w: bool(_helps(w, "reader")), later=True)
def read_from_helper(w: Writer) -> None:
    """Only a cursor, or the rows, of a connection that the helper has opened."""
    value = f"{w.rng.choice(_helps(w, 'reader'))}()"
    if w.maybe(0.3):
        w.jump(f"return {value}")
    else:
        w.line(f"{w.bind('found', 'read')} = {value}")


@feature(5, lambda w: _has_connection(w) and bool(_helps(w, "reads")), later=True)
def read_by_helper(w: Writer) -> None:
    """What a helper gives may still read from the connection that it was given."""
    value = f"{w.rng.choice(_helps(w, 'reads'))}({w.pick('conn')})"
    if w.maybe(0.5):
        go_on(w, w.rng.choice((value, value, f"list({value})", f"work({value})")))
    else:
        w.line(f"{w.bind('found', 'read')} = {value}")


@feature(4, lambda w: w.has("read"), compound=True, later=True)
def use_read(w: Writer) -> None:
    if w.maybe(0.4):
        w.block("for row in found:", lambda w: w.line(w.rng.choice(("work()", "work(row)", "last = row"))))
    else:
        go_on(w, w.rng.choice(("found", "found", "list(found)", "(row for row in found)", "chain(found, [1])")))


@feature(5, lambda w: _can_read(w) and bool(_helps(w, "keeps")), later=True)
def keep_by_helper(w: Writer) -> None:
    """A function of the program keeps the cursor that it is given, or only reads from it."""
    cursors = [*w.of("cursor"), *(f"{each}.cursor()" for each in w.of("conn"))]
    call = f"{w.rng.choice(_helps(w, 'keeps'))}({w.rng.choice(cursors)})"
    w.line(call if w.maybe() else f"{w.bind('found', 'read')} = {call}")


@feature(3, lambda w: _has_connection(w) and bool(_helps(w, "renews")), later=True)
def renew(w: Writer) -> None:
    """A helper gives back what it is given, or a fresh one, or a constant."""
    name = w.pick("conn")
    w.line(f"{w.rng.choice((name, w.new()))} = {w.rng.choice(_helps(w, 'renews'))}({name})")


@feature(4, lambda w: bool(_helps(w, "handled")), later=True)
def call_handled(w: Writer) -> None:
    """A decorator opens the connection of the function that it stands before."""
    value = f"{w.rng.choice(_helps(w, 'handled'))}()"
    match w.rng.randrange(3):
        case 0:
            w.jump(f"return {value}")
        case 1:
            w.line(f"{w.bind('cur', 'cursor')} = {value}")
        case _:
            w.line(f"{w.bind('found', 'read')} = {value}")


@feature(4, lambda w: bool(_helps(w, "lent_cursor")), compound=True, later=True)
def with_reading(w: Writer) -> None:
    """The cursor that a context manager lends is used inside of it: what goes beyond is the program's own mistake."""
    steps = ("work(list(lent))", "lent.fetchall()", "found = [*lent]", "lent.execute()")
    w.block(
        f"with {w.rng.choice(_helps(w, 'lent_cursor'))}() as lent:",
        lambda w: w.line(w.rng.choice(steps)),
        size=int(w.maybe()),
    )


@feature(3, lambda w: w.has("stack") and _can_read(w), later=True)
def stack_cursor(w: Writer) -> None:
    """A stack closes the cursor at its own end, which the connection must live to see."""
    stack = w.pick("stack")
    value = "cur" if w.has("cursor") else f"{w.pick('conn')}.cursor()"
    forms = [f"{w.bind('cur', 'cursor')} = {stack}.enter_context(closing({value}))"]
    forms += [f"{stack}.callback(cur.close)"] if value == "cur" else []
    w.line(w.rng.choice(forms))


@feature(2, compound=True, later=True)
def stack_around_opening(w: Writer) -> None:
    def body(w: Writer) -> None:
        name, value = w.new(), w.connect()
        w.line(f"{name} = {value}")
        forms = [
            f"stack.enter_context(closing({name}.cursor()))",
            f"stack.push({name})",
            f"stack.callback({name}.close)",
        ]
        w.line(w.rng.choice(forms))

    w.merge(w.block("with ExitStack() as stack:", body, names={"stack": "stack"}, size=int(w.maybe())))
    w.frames[-1].pop("stack", None)


# -- objects and functions that go on


@feature(4, lambda w: w.has("view", "holder"), later=True)
def pass_object(w: Writer) -> None:
    """An object that reads from a connection, or a method of it, is kept by others."""
    name = w.pick("view", "holder")
    forms = [f"{name}.read", f"{name}.read", name, f"lambda: {name}.read()", f"partial({name}.read)"]
    go_on(w, w.rng.choice(forms), is_callable=True)


@feature(4, lambda w: _can_read(w) and bool(_helps(w, "outer")), later=True)
def enclose(w: Writer) -> None:
    """An object is given to another one, which is returned or stored."""
    inner = [*w.of("view", "holder"), *w.of("cursor"), *(f"{each}.cursor()" for each in w.of("conn"))]
    inner += [f"{each}.execute" for each in w.of("conn")]
    outer = f"{w.rng.choice(_helps(w, 'outer'))}({w.rng.choice(inner)})"
    forms = [f"{outer}.read", f"{outer}.read()", outer, outer]
    match w.rng.randrange(3):
        case 0:
            go_on(w, w.rng.choice(forms), is_callable=True)
        case 1:
            w.line(f"outer = {outer}")
            go_on(w, w.rng.choice(("outer", "outer.read", "outer.read()", "[outer]")), is_callable=True)
        case _:
            w.line(w.rng.choice((f"{outer}.read()", f"found = {outer}.read()")))


@feature(4, _can_read, compound=True, later=True)
def capture_and_keep(w: Writer) -> None:
    """A function or class holds on to a connection or cursor, and outlives the function around it."""
    asked, later = _asked(w), w.fresh("later")
    own = asked.removeprefix("list(").rstrip("()").partition(".")[0]
    w.captured = True

    def body(w: Writer) -> None:
        w.line(f"{w.rng.choice(('return', 'return', 'yield'))} {asked}")

    match w.rng.randrange(6):
        case 0:
            go_on(w, f"lambda: {asked}", is_callable=True)
        case 1:
            go_on(w, f"lambda {own}={own}: {asked}", is_callable=True)
        case 2:
            w.line("@keep")
            w.block(f"def {later}():", body)
        case 3:
            w.block(f"class {later}:", lambda w: w.line(w.rng.choice((f"held = {own}", "pass"))), _method(asked))
            go_on(w, w.rng.choice((later, f"{later}()", f"{later}().read")), is_callable=True)
        case _:
            w.block(f"def {later}({w.rng.choice(('', '', f'{own}={own}'))}):", body)
            _use_later(w, later)


def _method(asked: str) -> Step:
    def method(w: Writer) -> None:
        w.block("def read(self):", lambda w: w.line(f"return {asked}"))

    return method


def _use_later(w: Writer, later: str) -> None:
    if w.maybe(0.3):
        w.line(w.rng.choice((f"{later}()", f"found = {later}()")))
    elif w.maybe(0.3):
        go_on(w, f"{later}()")
    else:
        go_on(w, later, is_callable=True)


@feature(3, lambda w: w.loops == 0, compound=True, later=True)
def rebind_inside(w: Writer) -> None:
    """An inner function, or one of the module, gives a name another connection, or none."""
    name, value, later = w.rng.choice(("conn", "a", "b")), w.connect(), w.fresh("later")
    w.captured = w.is_sync = True
    w.line(f"{w.bind(name, 'conn')} = {w.connect()}")

    def inner(w: Writer) -> None:
        w.line(f"nonlocal {name}")
        if w.maybe():
            w.line(f"{name}.close()")
        w.line(f"{name} = {w.rng.choice((value, value, 'None'))}")

    w.block(f"def {later}():", inner)
    if w.maybe(0.3):
        w.statement()
    if not w.ended:
        w.line(f"{later}()")
        is_none = any(line.strip() == f"{name} = None" for line in w.lines[-3:])
        w.bind(name, "maybe" if is_none else "conn")


@feature(2, later=True)
def share(w: Writer) -> None:
    """A global of the module is what others have, too."""
    value = w.connect()
    w.line(f"SHARED = {value}")
    if w.maybe():
        w.line(w.rng.choice(("SHARED.execute()", "SHARED.close()", "cur = SHARED.cursor()")))
    if w.maybe():
        w.line(f"{w.new()} = SHARED")


# -- names


@feature(3, _has_connection, later=True)
def close_and_forget(w: Writer) -> None:
    name = w.pick("conn")
    w.line(f"{name}.close()")
    if w.maybe():
        w.line(f"{w.bind(name, 'maybe')} = None")
    elif not w.loops and not w.captured and name in w.frames[-1]:
        w.line(f"del {name}")
        del w.frames[-1][name]


@feature(3, _has_connection, compound=True, later=True)
def reopen(w: Writer) -> None:
    """Closed under a condition, and opened again under the same, another or none."""
    name, value = w.pick("conn"), w.connect()
    test = w.rng.choice(("p", "q", "check()"))
    w.block(f"if {test}:", lambda w: w.line(f"{name}.close()"))
    if w.maybe():
        w.block(f"if {w.rng.choice((test, 'p'))}:", lambda w: w.line(f"{name} = {value}"))
    else:
        w.line(f"{name} = {value}")


@feature(2.5, _has_connection, compound=True, later=True)
def walrus(w: Writer) -> None:
    name = w.pick("conn")
    match w.rng.randrange(5):
        case 0:
            w.block(f"if cur := {name}.cursor():", lambda w: w.line("cur.execute()"))
            w.bind("cur", "cursor")
        case 1:
            w.block(f"while found := {name}.cursor():", lambda w: w.jump("break"))
            go_on(w, "found")
        case 2:
            w.jump(f"return (cur := {name}.cursor())")
        case 3:
            w.jump(f"return [cur := {name}.cursor(), cur.execute()]")
        case _:
            value, other = w.connect(), w.new()
            w.line(f"({other} := {value}).execute()")


@feature(2.5, _has_connection, compound=True, later=True)
def match_parts(w: Writer) -> None:
    """A pattern binds what reads from a connection."""
    name = w.pick("conn")
    subject, pattern = w.rng.choice(
        (
            (f"{name}.cursor()", "found"),
            (f"({name}, {name}.cursor())", "(_, found)"),
            (f'{{"cur": {name}.cursor()}}', '{"cur": found}'),
            (f"[{name}.cursor(), 1]", "[found, *_]"),
            (f"{name}.cursor()", "_ as found"),
        )
    )
    w.line(f"match {subject}:")
    w.depth += 1
    w.block(f"case {pattern}:", lambda w: w.line("work()"))
    w.depth -= 1
    if w.maybe(0.7):
        go_on(w, "found")


# -- blocks


@feature(4, compound=True, later=True)
def with_parts_after(w: Writer) -> None:
    """A `with` that may leave the connection open, and what it has bound is used behind it."""
    name, value = w.new(), w.connect()
    parts = (
        f"cur = {name}.cursor()",
        f"cur = {name}.execute()",
        f"ask = {name}.execute",
        f"later = lambda: {name}.execute()",
        f"found = (row for row in {name}.cursor())",
        f"kit = dict(cur={name}.cursor())",
        f"rows = map({name}.execute, items)",
    )
    part = w.rng.choice(parts)
    bound = part.partition(" ")[0]
    kinds = {"cur": "cursor", "ask": "method", "found": "read", "kit": "part"}
    head = w.rng.choice((f"with {value} as {name}:", f"with {value} as {name}:", f"with closing({value}) as {name}:"))
    w.block(head, lambda w: w.line(part), names={name: "conn"}, size=int(w.maybe(0.3)))
    if bound in kinds:
        w.bind(bound, kinds[bound])
    if w.maybe(0.6):
        go_on(w, bound, is_callable=bound in ("ask", "later"))


@feature(2.5, _has_connection, compound=True, later=True)
def try_else_return(w: Writer) -> None:
    """A `return` in the body, in `else` or in `finally`, of what still reads."""
    name = w.pick("conn")
    value = w.rng.choice((f"{name}.cursor()", f"{name}.execute()", "work()", f"list({name}.cursor())"))
    body = w.block("try:", lambda w: w.line(w.rng.choice((f"{name}.execute()", "work()"))))
    caught = w.block("except ValueError:", *([lambda w: w.line(f"{name}.close()")] if w.maybe() else []))
    if w.maybe():
        body = w.block("else:", lambda w: w.jump(f"return {value}"))
    if w.maybe(0.4):
        w.block("finally:", lambda w: w.line(w.rng.choice((f"{name}.close()", "work()"))))
    w.merge(body, caught)


@feature(3, lambda w: w.is_generator and _has_connection(w), compound=True, later=True)
def yield_rows(w: Writer) -> None:
    name = w.pick("conn")
    source = w.rng.choice((f"{name}.execute()", f"{name}.cursor()", *w.of("cursor")))
    match w.rng.randrange(4):
        case 0:
            w.line(f"yield from {source}")
        case 1:
            w.block(f"for row in {source}:", lambda w: w.line(w.rng.choice(("yield row", "yield [row]"))))
        case 2:
            w.line(w.rng.choice((f"yield {source}", f"yield [{source}]", f"yield {name}.execute")))
        case _:
            w.line(f"yield (row for row in {source})")


# -- what is read now, and what is read later

_VALUES = (
    "CUR",
    "iter(CUR)",
    "chain(CUR, [1])",
    "islice(CUR, 1)",
    "filter(None, CUR)",
    "next(CUR, None)",
    "set(CUR)",
    "[*CUR]",
    "(CUR if p else None)",
    "(p and CUR)",
    "(p or CUR)",
    "(CUR, 1)",
    "[[CUR]]",
    "{1: [CUR]}",
    "dict(enumerate(CUR))",
    "partial(list, CUR)",
    "partial(work, rows=CUR)",
    "[row for row in CUR]",
    "(lambda: CUR)()",
    "[lambda: CUR]",
    "{**dict(cur=CUR)}",
    "[*[CUR]]",
    "tuple([CUR])",
    "max(CUR, 1, key=id)",
    "SimpleNamespace(cur=CUR)",
)


@leaving
def _forms(w: Writer) -> list[str]:
    sources = [*w.of("cursor"), *(f"{each}.cursor()" for each in w.of("conn"))]
    if not sources:
        return []
    source = w.rng.choice(sources)
    return [f"return {each.replace('CUR', source)}" for each in w.rng.sample(_VALUES, 4)] * 2


@feature(3, _can_read, later=True)
def read_or_not(w: Writer) -> None:
    """Something made of a cursor goes on: it has been read, or it is read later."""
    source = w.rng.choice([*w.of("cursor"), *(f"{each}.cursor()" for each in w.of("conn"))])
    value = w.rng.choice(_VALUES).replace("CUR", source)
    if w.maybe():
        go_on(w, value)
    else:
        w.line(f"found = {value}")
        go_on(w, "found")
