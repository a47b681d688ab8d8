"""The kinds of statements that random programs are made of."""

from __future__ import annotations

from .writing import CONNECTIONS, LEAVING, Names, Step, Writer, feature, merged


def _has_connection(w: Writer) -> bool:
    return w.has("conn")


def _in_loop(w: Writer) -> bool:
    return w.loops > 0


# -- births, names


@feature(2.5)
def acquire(w: Writer) -> None:
    value = w.connect()
    w.line(f"{w.new()} = {value}")


@feature(1)
def acquire_none(w: Writer) -> None:
    w.line(f"{w.new('maybe')} = None")


@feature(1)
def acquire_chained(w: Writer) -> None:
    value = w.connect()
    w.line(f"{w.new()} = {w.new()} = {value}")


@feature(1)
def acquire_two(w: Writer) -> None:
    first, second = w.connect(), w.connect()
    w.bind("a", "conn")
    w.bind("b", "conn")
    w.line(f"a, b = {first}, {second}")


@feature(1)
def acquire_conditional(w: Writer) -> None:
    value, test = w.connect(), w.rng.choice(("p", "q", "check()"))
    forms = [f"{value} if {test} else None", f"None if {test} else {value}", f"p and {value}", f"given or {value}"]
    form = w.rng.choice(forms)
    w.line(f"{w.new('conn' if form.startswith('given') else 'maybe')} = {form}")


@feature(0.7, compound=True)
def acquire_walrus(w: Writer) -> None:
    value, name = w.connect(), w.bind(w.rng.choice(("conn", "a")), "conn")
    form = w.rng.choice((f"({name} := {value}) and check()", f"({name} := {value}) is not None"))
    w.merge(w.block(f"if {form}:"), {})


@feature(0.7)
def acquire_pair(w: Writer) -> None:
    makers = [name for kind, name in w.helpers if kind == "pair"]
    if makers:
        w.line(f"{w.new()}, _ = {w.rng.choice(makers)}()")


@feature(1.5, lambda w: any(kind == "gives" for kind, _ in w.helpers))
def acquire_or_reuse(w: Writer) -> None:
    """A helper gives back what it is given, and opens one only where that is none."""
    helper = w.rng.choice([name for kind, name in w.helpers if kind == "gives"])
    given = w.rng.choice(("", "", "None", "given", *w.of("conn", "maybe")))
    w.line(f"{w.new()} = {helper}({given})")


@feature(2, lambda w: w.loops == 0, compound=True)
def given_or_opened(w: Writer) -> None:
    """The idiom: the caller's connection or one of our own, which a flag tells that is set before."""
    name, value, own = w.rng.choice(("conn", "a", "b")), w.connect(), w.fresh("own")
    is_own = w.maybe(0.6)
    asked = ("given is None", "not given", "bool(given is None)") if is_own else ("given is not None", "bool(given)")
    w.line(f"{own} = {w.rng.choice(asked)}")
    test = own if is_own else f"not {own}"
    match w.rng.randrange(3):
        case 0:
            w.line(f"{name} = given or {value}")
        case 1:
            w.line(f"{name} = given")
            w.block(
                f"if {w.rng.choice(('given is None', f'not {name}', test))}:", lambda w: w.line(f"{name} = {value}")
            )
        case _:
            w.block(f"if {test}:", lambda w: w.line(f"{name} = {value}"))
            w.block("else:", lambda w: w.line(f"{name} = given"))
    w.bind(name, "conn")

    def end(w: Writer) -> None:
        w.block(f"if {test if w.maybe(0.9) else own}:", lambda w: w.line(f"{name}.close()"))

    if w.maybe(0.6):
        body = w.block("try:", size=2)
        w.block("finally:", end)
        w.merge(body)
    else:
        w.statement()
        if not w.ended and w.maybe(0.8):
            end(w)


@feature(0.4)
def acquire_dropped(w: Writer) -> None:
    w.line(w.rng.choice((w.connect(), f"{w.connect()}.execute()", f"{w.connect()}.close()", f"len(({w.connect()},))")))


@feature(0.4)
def acquire_first_argument(w: Writer) -> None:
    """The connection is there when the second argument raises."""
    w.line(f"keep({w.connect()}, work())")


@feature(1, _has_connection)
def alias(w: Writer) -> None:
    source = w.pick("conn", "maybe")
    kind = "conn" if source in w.of("conn") else "maybe"
    w.line(f"{w.new(kind)} = {source}")


@feature(0.7, lambda w: len(w.of("conn", "maybe")) > 1)
def swap(w: Writer) -> None:
    a, b = w.rng.sample(w.of("conn", "maybe"), 2)
    kinds = ["conn" if each in w.of("conn") else "maybe" for each in (a, b)]
    w.line(f"{a}, {b} = {b}, {a}")
    w.bind(a, kinds[1])
    w.bind(b, kinds[0])


@feature(0.4, _has_connection)
def forget(w: Writer) -> None:
    name = w.pick("conn", "maybe")
    w.line(f"{name} = None")
    w.bind(name, "maybe")


@feature(0.5, lambda w: bool(set(w.frames[-1]) & set(w.of("conn", "maybe"))))
def delete(w: Writer) -> None:
    here = [name for name in w.frames[-1] if not any(name in frame for frame in w.frames[:-1])]
    if here and not w.loops and not w.captured:
        name = w.rng.choice(here)
        w.line(f"del {name}")
        del w.frames[-1][name]


@feature(2)
def flag(w: Writer) -> None:
    w.line(f"{w.bind('flag', 'flag')} = {w.rng.choice(('False', 'True', 'check()'))}")


@feature(1.5, compound=True)
def flagged(w: Writer) -> None:
    """The idiom: a flag tells whether there is something to be closed."""
    name, value = w.rng.choice(("conn", "a", "b")), w.connect()
    w.line(f"{w.bind('flag', 'flag')} = False")

    def opened(w: Writer) -> None:
        w.line(f"{name} = {value}")
        w.line("flag = True")

    w.merge(w.block(f"if {w.rng.choice(('p', 'q', 'check()'))}:", opened), {})
    if w.maybe():
        w.statement()
    if not w.ended:
        w.merge(w.block("if flag:", lambda w: w.line(f"{name}.close()"), names={name: "conn"}), {})


@feature(1.5, compound=True)
def several(w: Writer) -> None:
    """Several connections, perhaps a cursor, closed in opening order, in the other, or each when it is done with."""
    names = list(CONNECTIONS[: w.rng.choice((2, 2, 3))])
    w.rng.shuffle(names)
    opened: list[str] = []
    for name in names:
        w.line(f"{w.bind(name, 'conn')} = {w.connect()}")
        opened.append(name)
        if w.maybe(0.3) and "cur" not in opened:
            w.line(f"{w.bind('cur', 'cursor')} = {name}.cursor()")
            opened.append("cur")
        if w.maybe(0.3):
            w.line(w.rng.choice(("work()", f"{name}.execute()")))
    for name in opened:
        if w.maybe():
            w.line(f"{name}.execute()")
    if w.maybe(0.2):
        w.merge(w.block(f"if {w.test()}:", lambda w: _close_all(w, opened), lambda w: w.jump("return")), {})
    elif w.maybe(0.2):
        w.statement()
    if not w.ended:
        _close_all(w, opened)


def _close_all(w: Writer, opened: list[str]) -> None:
    order = w.rng.choice((opened, opened, opened[::-1], w.rng.sample(opened, len(opened))))
    used = w.maybe(0.3)  # what is still open, is used between
    for place, name in enumerate(order):
        w.line(f"{name}.close()")
        left = order[place + 1 :]
        if used and left and w.maybe():
            w.line(w.rng.choice((f"{w.rng.choice(left)}.commit()".replace("cur.commit", "cur.fetchall"), "work()")))


# -- use


@feature(7, _has_connection)
def close(w: Writer) -> None:
    w.line(f"{w.pick('conn')}.close()")


@feature(2, _has_connection, compound=True)
def close_within_guard(w: Writer) -> None:
    """Closed in a block that is there for the sake of closing; an error of the close may be passed over."""
    name = w.pick("conn")
    header = w.rng.choice(("with guard():", "with guard():", "with suppress(Exception):", "try:"))
    more = w.rng.choice(((), (), (lambda w: w.jump("return"),), (lambda w: w.line(f"{w.pick('conn')}.close()"),)))
    body = w.block(header, lambda w: w.line(f"{name}.close()"), *more)
    if header == "try:":
        w.merge(body, w.block("except Exception:", lambda w: w.line("pass")))
    elif header == "with guard():":
        w.merge(body)


@feature(2, lambda w: w.has("maybe"), compound=True)
def close_guarded(w: Writer) -> None:
    _close_guarded(w, w.pick("maybe"))


def _close_guarded(w: Writer, name: str) -> None:
    test = w.rng.choice((name, name, f"{name} is not None", f"{name} and p"))
    if w.maybe(0.2):
        w.merge(w.block(f"if not {name}:"), w.block("else:", lambda w: w.line(f"{name}.close()")))
        return
    more = w.maybe(0.2)
    body = w.block(f"if {test}:", lambda w: w.line(f"{name}.close()"), names={name: "conn"}, size=int(more))
    w.merge(body, {})


@feature(3, _has_connection)
def use(w: Writer) -> None:
    name = w.pick("conn")
    w.line(w.rng.choice((f"{name}.execute()", f"{name}.commit()", f"{name}.rollback()")))


@feature(2, _has_connection)
def cursor(w: Writer) -> None:
    name = w.pick("conn")
    w.line(f"{w.new('cursor')} = {name}.{w.rng.choice(('cursor()', 'execute()'))}")


@feature(1.5, lambda w: w.has("cursor"))
def use_cursor(w: Writer) -> None:
    w.line(f"cur.{w.rng.choice(('execute', 'fetchall', 'fetchone', 'close'))}()")


@feature(3)
def work(w: Writer) -> None:
    w.line(w.rng.choice(("work()", "work()", 'logging.info("done")')))


@feature(1)
def call_helper(w: Writer) -> None:
    free = [name for kind, name in w.helpers if kind == "free"]
    takers = [name for kind, name in w.helpers if kind == "takes"] if w.has("conn") else []
    passing = [name for kind, name in w.helpers if kind == "passes"] if w.has("conn") else []
    if takers and w.maybe(0.7):
        w.line(f"{w.rng.choice(takers)}({w.pick('conn')})")
    elif passing and w.maybe(0.7):
        source = w.pick("conn")
        w.line(w.rng.choice((f"{w.new()} = ", "")) + f"{w.rng.choice(passing)}({source})")
    elif free:
        w.line(f"{w.rng.choice(free)}()")


@feature(2, lambda w: any(kind == "takes" for kind, _ in w.helpers) and w.has("conn"))
def hand_to_helper(w: Writer) -> None:
    w.line(f"{w.rng.choice([name for kind, name in w.helpers if kind == 'takes'])}({w.pick('conn')})")


# -- handing on


@feature(0.8, _has_connection)
def hand_on(w: Writer) -> None:
    name = w.pick("conn")
    forms = [f"keep({name})", f"box.append({name})", f"box.conn = {name}", f'box["conn"] = {name}', f"SHARED = {name}"]
    forms += [f"keep(({name}, 1))", f"keep(lambda: {name}.close())", f"atexit.register({name}.close)"]
    if w.is_method:
        forms += [f"self.conn = {name}"] * 3
    chosen = w.rng.choice(forms)
    w.captured |= "lambda" in chosen
    w.line(chosen)


@feature(2, lambda w: w.is_method and _has_connection(w))
def store_in_field(w: Writer) -> None:
    w.line(f"self.conn = {w.pick('conn')}")
    w.bind("self.conn", "conn")


@feature(1.5, lambda w: w.is_method)
def open_into_field(w: Writer) -> None:
    w.line(f"self.conn = {w.connect()}")
    w.bind("self.conn", "conn")


@feature(4, lambda w: bool(w.methods) and w.is_method)
def call_method(w: Writer) -> None:
    kind, name = w.rng.choice(w.methods)
    match kind:
        case "owner":
            w.line(f"{w.new()} = self.{name}()")
        case "takes" if w.has("conn"):
            w.line(f"self.{name}({w.pick('conn')})")
        case "gives":
            w.line(f"{w.new()} = self.{name}({w.rng.choice(('', 'None', 'given', *w.of('conn')))})")
        case "field" if "self.conn" in w.of("conn"):
            w.line(f"self.{name}()")


@feature(0.6, _has_connection, compound=True)
def contain(w: Writer) -> None:
    name = w.pick("conn")
    match w.rng.randrange(8):
        case 0:
            w.line(f"pair = ({name}, work())")
            w.line(f"{w.new()}, rest = pair")
            w.line(w.rng.choice(("keep(rest)", "rest.close()", "work()")))
        case 1:
            w.line(f"several = [{name}]")
            w.block("for each in several:", lambda w: w.line("each.close()"))
        case 2:
            w.line("several = []")
            w.line(f"several.append({name})")
            w.line("several[0].close()")
        case 3:
            w.line(f'several = {{"conn": {name}}}')
            w.line('several["conn"].close()')
        case 4:
            w.block(f"for each in ({', '.join(w.of('conn'))},):", lambda w: w.line("each.close()"))
        case 5:
            w.line("several = []")
            w.line(f"several += [{name}]")
            w.block("for each in several:", lambda w: w.line("each.close()"))
        case 6:
            w.line(f"match ({name}, 1):")
            w.depth += 1
            w.block("case (first, _):", lambda w: w.line("first.close()"))
            w.depth -= 1
        case _:
            w.line(f"several = [{name}]")


@feature(0.5, _has_connection, compound=True)
def capture(w: Writer) -> None:
    name = w.pick("conn")
    w.captured = True
    later = w.fresh("later")
    if w.maybe():
        w.line(f"{later} = lambda: {name}.{w.rng.choice(('close', 'execute'))}()")
    else:
        w.block(f"def {later}():", lambda w: w.line(f"{name}.{w.rng.choice(('close', 'execute'))}()"))
    if w.maybe(0.7):
        w.line(f"{later}()")


@feature(0.5)
def comprehend(w: Writer) -> None:
    forms = ["found = [work() for row in rows()]", "found = any(check() for row in items)"]
    if w.has("conn"):
        forms += [f"found = [{w.pick('conn')}.execute() for row in items]"]
    for kind, name in w.helpers:
        if kind == "rows":
            forms += [f"found = [row for row in {name}()]", f"found = list({name}())", f"found = any({name}())"]
    w.line(w.rng.choice(forms))


@feature(1, lambda w: any(kind == "rows" for kind, _ in w.helpers), compound=True)
def iterate_named(w: Writer) -> None:
    """A generator that has a name, and is run through later."""
    found = w.fresh("found")
    w.line(f"{found} = {w.rng.choice([name for kind, name in w.helpers if kind == 'rows'])}()")
    w.statement()
    if not w.ended:
        w.loops += 1
        w.block(f"for row in {found}:")
        w.loops -= 1


@feature(0.2, compound=True)
def comprehend_births(w: Writer) -> None:
    w.line(f"many = [{w.connect()} for row in items]")
    if w.maybe():
        w.block("for each in many:", lambda w: w.line("each.close()"))


# -- branches, loops


@feature(3, compound=True)
def if_(w: Writer) -> None:
    branches = [w.block(f"if {w.test()}:")]
    while w.maybe(0.2):
        branches.append(w.block(f"elif {w.test()}:"))
    branches.append(w.block("else:") if w.maybe(0.4) else {})
    w.merge(*branches)


@feature(1, compound=True)
def if_none(w: Writer) -> None:
    """The early way out: where there is none, we are done."""
    if not w.has("maybe"):
        return
    name = w.pick("maybe")
    branch = w.block(f"if {w.rng.choice((f'{name} is None', f'not {name}'))}:", leave)
    w.merge(branch, {name: "conn"} if branch is None else {})


@feature(0.8, compound=True)
def match_(w: Writer) -> None:
    if w.has("conn", "maybe") and w.maybe(0.6):
        name = w.pick("conn", "maybe")
        is_sure = name in w.of("conn")
        w.line(f"match {name}:")
        cases = [("case None:", {}), (f"case {w.rng.choice(('_', 'other_conn'))}:", {name: "conn"})]
        if is_sure:
            del cases[0]
    else:
        w.line("match work():")
        cases = [('case "a":', {}), (w.rng.choice(('case "b":', "case _:", "case _ if p:")), {})]
    w.depth += 1
    branches = [_case(w, header, names) for header, names in cases]
    w.depth -= 1
    w.merge(*branches, *([] if "case _:" in cases[-1][0] or "other_conn" in cases[-1][0] else [{}]))


def _case(w: Writer, header: str, names: Names) -> Names | None:
    if "other_conn" in header:
        return w.block(header, lambda w: w.line("other_conn.close()"), names=names)
    return w.block(header, names=names)


def _over_rows(w: Writer) -> list[str]:
    """Heads of loops over a generator of the program's own."""
    found = [f"{name}()" for kind, name in w.helpers if kind == "rows"]
    return [head for each in found for head in (f"for row in {each}:", f"for row in {each}:", f"for _ in zip({each}):")]


@feature(2, compound=True)
def loop(w: Writer) -> None:
    header = w.rng.choice((*_over_rows(w), "for row in rows():", "for row in items:", "while check():", "while True:"))
    w.loops += 1
    w.block(header, *([_break_if] if header == "while True:" and w.maybe(0.8) else []), size=2)
    w.loops -= 1
    if header != "while True:" and w.maybe(0.25):
        w.block("else:")


@feature(0.6, lambda w: w.loops == 0, compound=True)
def loop_until_open(w: Writer) -> None:
    """The idiom: tried again until it works; `else` where it never did."""
    value, name = w.connect(), w.rng.choice(("conn", "a", "b"))
    is_maybe = w.maybe()
    if is_maybe:
        w.line(f"{w.bind(name, 'maybe')} = None")
    w.loops += 1

    def body(w: Writer) -> None:
        tried = w.block("try:", lambda w: w.line(f"{name} = {value}"), size=int(w.maybe(0.3)))
        w.merge(tried, w.block("except ValueError:", names={}))

    def rest(w: Writer) -> None:
        w.jump("break") if w.maybe(0.7) else w.merge(w.block(f"if {name}:", lambda w: w.jump("break")), {})

    w.block("for row in rows():", lambda w: w.line(f"{w.bind(name, 'maybe')} = None"), body, rest)
    w.loops -= 1
    w.merge(w.block("else:", lambda w: _give_up(w, name)), {name: "maybe"})


def _give_up(w: Writer, name: str) -> None:
    if w.maybe():
        leave(w)
    else:
        w.line(f"{w.bind(name, 'maybe')} = None")


@feature(1, _has_connection, compound=True)
def loop_rebinding(w: Writer) -> None:
    """Each round closes what the last one opened; `else` closes the last, or forgets it."""
    name, value = w.pick("conn"), w.connect()
    w.loops += 1

    def body(w: Writer) -> None:
        if w.maybe(0.7):
            w.line(f"{name}.close()")
        w.line(f"{name} = {value}")
        if w.maybe():
            _break_if(w)

    w.block(w.rng.choice((*_over_rows(w), "for row in rows():", "while check():")), body, size=int(w.maybe(0.3)))
    w.loops -= 1
    if w.maybe():
        w.block("else:", *([lambda w: w.line(f"{name}.close()")] if w.maybe() else []))


@feature(0.5)
def assert_(w: Writer) -> None:
    w.line(f"assert {w.test()}")


def _break_if(w: Writer) -> None:
    w.merge(w.block("if check():", lambda w: w.jump("break")), {})


@feature(1.5, _in_loop)
def break_(w: Writer) -> None:
    w.jump(w.rng.choice(("break", "break", "continue")))


@feature(1.5, _in_loop, compound=True)
def break_if(w: Writer) -> None:
    w.merge(w.block(f"if {w.test()}:", lambda w: w.jump(w.rng.choice(("break", "continue")))), {})


# -- exceptions

_ORDINARY = frozenset("value key lookup database failure other".split())
HANDLERS = {  # each clause, and what it catches
    "except ValueError:": {"value"},
    "except ValueError as error:": {"value"},
    "except KeyError:": {"key"},
    "except (ValueError, KeyError):": {"value", "key"},
    "except LookupError:": {"key", "lookup"},
    "except mariadb.Error:": {"database"},
    "except Failure:": {"failure"},
    "except Exception:": _ORDINARY,
    "except Exception as error:": _ORDINARY,
    "except BaseException:": _ORDINARY | {"exit"},
    "except:": _ORDINARY | {"exit"},
}


@feature(2.5, compound=True)
def try_except(w: Writer) -> None:
    body = w.block("try:")
    w.merge(*_handlers(w, body))
    _maybe_finally(w, 0.2)


@feature(2.5, compound=True)
def try_finally(w: Writer) -> None:
    names = w.of("conn", "maybe")
    body = w.block("try:")
    _finally(w, names)
    w.merge(body)


@feature(2.5, compound=True)
def try_careful(w: Writer) -> None:
    """The idiom: bound or None before, closed if it was bound."""
    name = w.bind(w.rng.choice(("conn", "a", "b")), "maybe")
    value = w.connect()
    w.line(f"{name} = None")

    def body(w: Writer) -> None:
        w.line(f"{w.bind(name, 'conn')} = {value}")

    bound = w.block("try:", body, size=1)
    if w.maybe(0.3):
        bound = merged(*_handlers(w, bound))
    w.block("finally:", lambda w: _close_guarded(w, name))
    w.merge(bound)


@feature(1, _has_connection, compound=True)
def try_close_and_raise(w: Writer) -> None:
    name = w.pick("conn")

    def handler(w: Writer) -> None:
        w.line(f"{name}.close()")
        w.jump("raise")

    body = w.block("try:")
    caught = w.block(
        w.rng.choice(("except BaseException:", "except:", "except Exception:", "except ValueError:")), handler
    )
    w.merge(body, caught)


def _handlers(w: Writer, body: Names | None) -> list[Names | None]:
    found: list[Names | None] = []
    headers = sorted(w.rng.sample(list(HANDLERS), w.rng.choice((1, 1, 2))), key=lambda header: len(HANDLERS[header]))
    if len(headers) == 2 and HANDLERS[headers[1]] <= HANDLERS[headers[0]]:
        headers.pop()  # it could never be reached
    for header in headers:
        w.handlers.append("error" if " as " in header else "")
        found.append(w.block(header))
        w.handlers.pop()
    if w.maybe(0.25):
        more = w.block("else:", names=body)
        body = None if body is None else more
    return [body, *found]


def _maybe_finally(w: Writer, probability: float) -> None:
    if w.maybe(probability):
        ended = w.ended
        w.ended = False
        _finally(w, w.of("conn", "maybe"))
        w.ended |= ended


def _finally(w: Writer, names: list[str]) -> None:
    steps: list[Step] = []
    loops, w.loops = w.loops, 0  # `continue` in `finally` is a matter for another day
    for name in names:
        if w.maybe(0.6):
            sure = name in w.of("conn")
            steps.append(
                (lambda w, name=name: w.line(f"{name}.close()"))
                if sure
                else (lambda w, name=name: _close_guarded(w, name))
            )
    ended = w.block("finally:", *steps, size=int(w.maybe(0.3)) if steps else 1) is None
    w.loops = loops
    w.ended = ended


@feature(1.5)
def raise_(w: Writer) -> None:
    forms = [f"raise {w.error()}", f"raise {w.error()}()", f"raise {w.error()}() from None", "sys.exit()"]
    if w.handlers:
        forms += ["raise"] * 4
        if w.handlers[-1]:
            forms += [f"raise {w.handlers[-1]}", f"raise {w.error()}() from {w.handlers[-1]}"] * 2
    w.jump(w.rng.choice(forms))


# What is read now, and what is read later.
READ = (
    "list(cur)",
    "[row for row in cur]",
    "tuple(map(str, cur))",
    "(row for row in cur)",
    "map(str, cur)",
    "enumerate(cur)",
    'zip(cur, ("a", "b"))',
    '{"rows": cur}',
    '{"rows": [*cur]}',
)


@feature(1.5)
def leave(w: Writer) -> None:
    """Return."""
    forms = ["return", "return", "return work()", "return None"]
    if w.has("conn"):
        name = w.pick("conn")
        forms += [f"return {name}", f"return {name}", f"return {name}, work()", f"return {name}.execute()"]
        forms += [f"return work(), {name}", f"return {name} if p else None", f"return p or {name}", f"return [{name}]"]
        forms += [f"return {name}.cursor()", f"return keep({name})", f"return {name}.execute().fetchall()"]
    if w.has("cursor"):
        forms += ["return cur"] * 2
        forms += [f"return {each}" for each in w.rng.sample(READ, 3)]
    if w.has("stack"):
        forms += [f"return {w.pick('stack')}.pop_all()"]
    if w.later:
        forms += [form for forms_of in LEAVING for form in forms_of(w)]
    w.jump(w.rng.choice(forms))


@feature(1, compound=True)
def leave_if(w: Writer) -> None:
    w.merge(w.block(f"if {w.test()}:", leave), {})


# -- with


@feature(2.5, compound=True)
def with_connect(w: Writer) -> None:
    value = w.connect()
    form = w.rng.choice((value, value, f"closing({value})", f"closing({value})"))
    names: Names = {}
    header = f"with {form}"
    if w.maybe(0.8):
        names[w.new()] = "conn"
        header += f" as {next(iter(names))}"
    _with(w, header, names)


@feature(1.5, _has_connection, compound=True)
def with_existing(w: Writer) -> None:
    name = w.pick("conn")
    forms = (name, f"closing({name})", f"closing({name}) as conn", f"closing({name}.cursor()) as cur", f"{name} as b")
    form = w.rng.choice(forms)
    names = {"conn": "conn"} if form.endswith("conn") else {"b": "conn"} if form.endswith(" b") else {}
    for each in names:
        w.bind(each, "conn")
    _with(w, f"with {form}", {**names, **({"cur": "cursor"} if form.endswith("cur") else {})})


def _with(w: Writer, header: str, names: Names) -> None:
    second = f", closing({w.connect()})" if w.maybe(0.1) else ""
    w.merge(w.block(f"{header}{second}:", names=names))


@feature(0.8, compound=True)
def with_suppress(w: Writer) -> None:
    w.block(f"with suppress({w.rng.choice(('ValueError', 'Exception', 'KeyError, ValueError', 'BaseException'))}):")


@feature(3, lambda w: any(kind == "manager" for kind, _ in w.helpers), compound=True)
def with_manager(w: Writer) -> None:
    name = w.rng.choice([name for kind, name in w.helpers if kind == "manager"])
    if name.startswith("lent"):
        w.block(f"with {name}() as {w.new('conn')}:", names={})
    elif name.startswith("Taking"):
        if w.has("conn"):
            w.block(f"with {name}({w.pick('conn')}):")
    else:
        w.block(f"with {name}():")


@feature(2, lambda w: _has_connection(w) and any(kind == "manager" for kind, _ in w.helpers), compound=True)
def close_in_manager(w: Writer) -> None:
    name = w.rng.choice(
        [name for kind, name in w.helpers if kind == "manager" and not name.startswith("Taking")] or [""]
    )
    closed = w.pick("conn")
    if name:
        w.merge(w.block(f"with {name}():", *_perhaps_work(w), lambda w: w.line(f"{closed}.close()")))


def _perhaps_work(w: Writer) -> list[Step]:
    return [lambda w: w.line("work()")] if w.maybe() else []


@feature(1.2, compound=True)
def with_stack(w: Writer) -> None:
    name = w.new("stack")
    bound = w.block(f"with ExitStack() as {name}:", names={name: "stack"}, size=3)
    w.merge(bound and _without(bound, name))
    w.frames[-1].pop(name, None)  # it has been left: what is stacked there now, nobody closes


@feature(0.5)
def stack_alone(w: Writer) -> None:
    w.line(f"{w.new('stack')} = ExitStack()")


@feature(5, lambda w: w.has("stack"))
def stack_use(w: Writer) -> None:
    stack = w.pick("stack")
    forms = [f"{w.new()} = {stack}.enter_context({value})" for value in (w.connect(), f"closing({w.connect()})")]
    if w.has("conn"):
        name = w.pick("conn")
        forms += [f"{stack}.callback({name}.close)"] * 2
        forms += [f"{stack}.push({name})", f"{stack}.enter_context(closing({name}))", f"{stack}.enter_context({name})"]
    forms += [f"{stack}.close()", f"{stack}.pop_all()", f"other = {stack}.pop_all()", f"{stack}.pop_all().close()"]
    forms += [f"keep({stack}.pop_all())", f"box.append({stack}.pop_all().close)"]
    forms += [f"{each}.enter_context({stack}.pop_all())" for each in w.of("stack") if each != stack]
    form = w.rng.choice(forms)
    if form.startswith("other ="):
        w.bind("other", "stack")
    w.line(form)


@feature(1, lambda w: w.has("stack"), compound=True)
def stack_popped(w: Writer) -> None:
    """What was stacked so far is closed by a `with` of its own."""
    name = w.pick("stack")
    if w.maybe():
        w.merge(w.block(f"with {name}.pop_all():"))
    else:
        w.merge(w.block(f"with {name}.pop_all() as other:", names={"other": "stack"}))


@feature(0.7, compound=True)
def stack_in_stack(w: Writer) -> None:
    """The inner stack is undone where something raises; else the outer one, or the caller, takes over."""

    def inner(w: Writer) -> None:
        value = w.connect()
        w.line(f"{w.new()} = stack.enter_context(closing({value}))")
        if w.maybe():
            w.line("work()")
        if w.maybe():
            w.line("other.enter_context(stack.pop_all())")
        else:
            w.jump(w.rng.choice(("return stack.pop_all()", "return stack.pop_all().close")))

    def outer(w: Writer) -> None:
        bound = w.block("with ExitStack() as stack:", inner, names={"stack": "stack"}, size=int(w.maybe(0.3)))
        w.merge(bound and _without(bound, "stack"))

    bound = w.block("with ExitStack() as other:", outer, names={"other": "stack"}, size=int(w.maybe()))
    w.merge(bound and _without(bound, "other"))


def _without(names: Names, name: str) -> Names:
    return {each: kind for each, kind in names.items() if each != name}


# -- generators


@feature(2, lambda w: w.is_generator and _has_connection(w))
def lend(w: Writer) -> None:
    name = w.pick("conn")
    w.line(f"yield {name}")
    w.line(f"{name}.close()")


@feature(4, lambda w: w.is_generator)
def yield_(w: Writer) -> None:
    forms = ["yield", "yield", "yield work()", "got = yield 1"]
    if w.has("conn"):
        forms += [f"yield {w.pick('conn')}"] * 3
    if w.has("cursor"):
        forms.append("yield cur")
    w.line(w.rng.choice(forms))
