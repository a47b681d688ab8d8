"""Kinds of statements with sessions, connections of engines and mapped objects that only fixes are held against."""

from __future__ import annotations

from .later import use_object
from .shapes import go_on
from .writing import Writer, feature, leaving

# What of a session, its query, an object or a list of them goes on.
_QUERIES = (
    "QUERY",
    "iter(QUERY)",
    "(each for each in QUERY)",
    "(each.id for each in QUERY)",
    "[(each.id, each) for each in QUERY]",
    "{each for each in QUERY}",
    "dict(enumerate(QUERY))",
    "sorted(QUERY, key=id)",
    "map(str, QUERY)",
    "list(map(str, QUERY))",
    "next(iter(QUERY), None)",
    "QUERY.first()",
    "len(list(QUERY))",
    "{str(each.id): [each] for each in QUERY}",
    "[each.owner for each in QUERY]",
    "[*QUERY]",
    "QUERY.all",
)
_OBJECTS = (
    "(ORDER, 1)",
    '{"order": ORDER}',
    "dict(order=ORDER)",
    "[[ORDER]]",
    "ORDER or None",
    "(ORDER if p else None)",
    "(lambda: ORDER.owner)",
    "partial(work, ORDER)",
    "(each for each in [ORDER])",
    "iter([ORDER])",
    "{ORDER.id: ORDER}",
    "(ORDER.id, ORDER.owner)",
    "str(ORDER.id)",
    "[ORDER.id]",
    "SimpleNamespace(order=ORDER)",
    "max([ORDER], key=id)",
)


def _sessions(w: Writer) -> list[str]:
    return w.of("session")


def _has_session(w: Writer) -> bool:
    return w.has("session")


def _queries(w: Writer) -> list[str]:
    return [query for each in _sessions(w) for query in (f"{each}.query(Order)", f"{each}.scalars(Order)")]


def _values(w: Writer) -> list[str]:
    found: list[str] = []
    queries = [*_queries(w), *w.of("orders")]
    if queries:
        found += [each.replace("QUERY", w.rng.choice(queries)) for each in w.rng.sample(_QUERIES[:-1], 3)]
    objects = [*w.of("object"), *(f"{each}.get(Order, 1)" for each in _sessions(w))]
    if objects:
        found += [each.replace("ORDER", w.rng.choice(objects)) for each in w.rng.sample(_OBJECTS, 3)]
    return found


@leaving
def _forms(w: Writer) -> list[str]:
    return [f"return {each}" for each in _values(w)] * 2


@feature(4, lambda w: w.has("session", "object", "orders"), later=True)
def object_goes_on(w: Writer) -> None:
    go_on(w, w.rng.choice(_values(w)))


@feature(3, later=True)
def make_session(w: Writer) -> None:
    w.line(f"{w.bind(w.rng.choice(('session', 'db')), 'session')} = make_session()")


@feature(3, _has_session, compound=True, later=True)
def with_begin(w: Writer) -> None:
    """A block that is a transaction, but does not close the session."""
    name = w.pick("session")
    bound = w.block(f"with {name}.begin():", lambda w: w.line(f"{name}.flush()"), size=int(w.maybe(0.7)))
    w.merge(bound)


@feature(3, compound=True, later=True)
def with_session_and_begin(w: Writer) -> None:
    """Closed at the end of the block, whatever is made of its objects."""
    heads = ("with Session(engine) as session, session.begin():", "with make_session.begin() as session:")
    heads += ("with make_session() as session:",)
    order = f"order = {w.rng.choice(('session.get(Order, 1)', 'session.query(Order).first()', 'Order()'))}"
    w.block(w.rng.choice(heads), lambda w: w.line(order), names={"session": "session"}, size=int(w.maybe(0.3)))
    if w.maybe():
        w.line(w.rng.choice(("work(order)", "found = order.id")))


@feature(3, _has_session, compound=True, later=True)
def with_plain_session(w: Writer) -> None:
    """`with session:` closes it, and what was loaded in it is used behind it."""
    name = w.pick("session")
    w.block(f"with {name}:", lambda w: w.line(f"order = {name}.get(Order, 1)"))
    w.bind("order", "object")


@feature(5, lambda w: _has_session(w) and any(kind == "loads" for kind, _ in w.helpers), later=True)
def load_by_helper(w: Writer) -> None:
    value = f"{w.rng.choice([name for kind, name in w.helpers if kind == 'loads'])}({w.pick('session')})"
    match w.rng.randrange(3):
        case 0:
            go_on(w, w.rng.choice((value, f"list({value})")))
        case 1:
            w.line(f"found = {value}")
            go_on(w, "found")
        case _:
            w.line(f"found = work({value})")


@feature(5, lambda w: _has_session(w) and any(kind == "adds" for kind, _ in w.helpers), later=True)
def add_by_helper(w: Writer) -> None:
    """A helper adds an object to the session that it gets."""
    w.line(f"{w.bind('order', 'object')} = Order()")
    w.line(f"{w.rng.choice([name for kind, name in w.helpers if kind == 'adds'])}({w.pick('session')}, order)")
    use_object(w)


@feature(5, lambda w: _has_session(w) and any(kind == "orders" for kind, _ in w.helpers), later=True)
def load_by_object(w: Writer) -> None:
    """An object of the program holds the session, and gives objects of it."""
    name = w.rng.choice([name for kind, name in w.helpers if kind == "orders"])
    value = f"{name}({w.pick('session')})"
    if w.maybe():
        w.line(f"orders = {value}")
        value = "orders"
    match w.rng.randrange(4):
        case 0:
            go_on(w, f"{value}.load()")
        case 1:
            w.line(f"found = {value}.load()")
            go_on(w, "found")
        case 2:
            go_on(w, w.rng.choice((value, f"{value}.load")), is_callable=True)
        case _:
            w.line(f"found = work({value}.load())")


@feature(4, lambda w: any(kind == "loader" for kind, _ in w.helpers), later=True)
def take_loaded(w: Writer) -> None:
    """An object of a session that a helper has opened."""
    w.line(f"{w.bind('order', 'object')} = {w.rng.choice([name for kind, name in w.helpers if kind == 'loader'])}()")
    if w.maybe():
        use_object(w)


@feature(3, lambda w: w.is_generator and _has_session(w), compound=True, later=True)
def yield_objects(w: Writer) -> None:
    query = w.rng.choice(_queries(w))
    match w.rng.randrange(3):
        case 0:
            w.line(f"yield from {query}")
        case 1:
            w.block(f"for each in {query}:", lambda w: w.line(w.rng.choice(("yield each", "yield each.id"))))
        case _:
            w.line(f"yield {w.rng.choice(_values(w))}")


@feature(3, _has_session, compound=True, later=True)
def capture_session(w: Writer) -> None:
    name, later = w.pick("session"), w.fresh("later")
    w.captured = True
    asked = w.rng.choice((f"{name}.query(Order).all()", f"{name}.commit()", f"{name}.get(Order, 1)"))
    if w.maybe():
        go_on(w, f"lambda: {asked}", is_callable=True)
    else:
        w.block(f"def {later}({w.rng.choice(('', f'{name}={name}'))}):", lambda w: w.line(f"return {asked}"))
        go_on(w, w.rng.choice((later, f"{later}()")), is_callable=True)


@feature(3, _has_session, later=True)
def session_method(w: Writer) -> None:
    name = w.pick("session")
    go_on(w, w.rng.choice((f"{name}.get", f"partial({name}.get, Order)", f"{name}.query", name)), is_callable=True)


@feature(2.5, _has_session, compound=True, later=True)
def close_session_if(w: Writer) -> None:
    """Closed under a condition, in a `finally`, or used again once it is closed."""
    name = w.pick("session")
    match w.rng.randrange(3):
        case 0:
            w.block(f"if {w.rng.choice(('p', 'q', 'check()'))}:", lambda w: w.line(f"{name}.close()"))
        case 1:
            w.merge(w.block("try:", size=2), w.block("except ValueError:", lambda w: w.line(f"{name}.rollback()")))
            if not w.ended:
                w.line(f"{name}.close()")
        case _:
            body = w.block("try:", size=2)
            w.block("finally:", lambda w: w.line(f"{name}.close()"))
            w.merge(body)


# -- connections of an engine


@feature(4, later=True)
def open_of_engine(w: Writer) -> None:
    w.line(f"{w.new()} = engine.connect()")


@feature(2.5, compound=True, later=True)
def with_engine(w: Writer) -> None:
    """What it reads is read inside, or behind the block."""
    name = w.new()
    forms = (f"cur = {name}.execute()", f"found = {name}.execute().fetchall()", f"found = list({name}.execute())")
    w.block(f"with engine.connect() as {name}:", lambda w: w.line(w.rng.choice(forms)), names={name: "conn"})
    if w.maybe(0.3):
        w.statement()
