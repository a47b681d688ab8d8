"""Kinds of statements by which something is read or used later: only fixes are held against these."""

from __future__ import annotations

from .writing import Writer, feature, leaving


def _has_connection(w: Writer) -> bool:
    return w.has("conn")


@leaving
def _read_later(w: Writer) -> list[str]:
    """What may be returned that still needs a connection, or an object of a session."""
    forms: list[str] = []
    if w.has("conn"):
        name = w.pick("conn")
        forms += [f"return {name}.execute", f"return partial({name}.execute)", f"return map({name}.execute, items)"]
        forms += [f"return list(map({name}.execute, items))", f"return [{name}.execute() for row in items]"]
        forms += [f"return pandas.read_sql(1, {name}, chunksize=1)", f"return pandas.read_sql(1, {name})"]
        forms += [f"return lambda ask={name}.execute: ask()"]
    if w.has("cursor"):
        forms += ["return iter(cur.fetchone, None)", "return cur.fetchall", "return [cur][0]", "return [1] + [cur]"]
        forms += ["return dict(cur=cur)"]
    if w.has("method"):
        forms += ["return ask", "return ask()", "return [ask]", "return partial(ask)"]
    for kind, inside in _INSIDE.items():
        if w.has(kind):
            forms += [f"return {kind}", *[f"return {inside}"] * 4]
            forms += [f"return [{inside}]", f"return {{1: {inside}}}"]
            forms += [f"return list({inside})"] if kind != "holder" else []
    for kind in w.of("view", "holder"):
        forms += [f"return {kind}.read()", f"return {kind}.read"]
    if w.has("session"):
        name = w.pick("session")
        query = f"{name}.query(Order)"
        forms += [f"return {query}.all()", f"return {query}.count()", f"return [each for each in {query}]"]
        forms += [f"return {{each.id: each for each in {query}}}", f"return [each.id for each in {query}]"]
        forms += [f"return {name}.get(Order, 1)", f"return {name}.get(Order, 1).id", f"return list({query})"]
    if w.has("object"):
        forms += ["return order", "return order", "return [order]", "return order.id", "return {1: order}"]
        forms += ["return order.owner", "return work(order)", "return lambda: order.owner"]
    if w.has("orders"):
        forms += ["return orders", "return orders[0]", "return len(orders)", "return [each.id for each in orders]"]
    return forms * 2


@feature(2.5, _has_connection, later=True)
def bind_method(w: Writer) -> None:
    name = w.pick("conn")
    forms = [f"{name}.execute", f"{name}.cursor", f"{name}.commit", f"partial({name}.execute)"]
    if w.has("cursor"):
        forms += ["cur.execute", "cur.fetchone", "partial(cur.fetchall)"]
    w.line(f"ask = {w.rng.choice(forms)}")
    w.bind("ask", "method")


@feature(3, lambda w: w.has("method"), later=True)
def use_method(w: Writer) -> None:
    w.line(
        w.rng.choice(
            ("ask()", "ask()", "found = ask()", "keep(ask)", "box.append(ask)", "box.ask = ask", "keep([ask])")
        )
    )


# What the results of helpers hold that are given a cursor, or a connection.
_INSIDE = {"view": "view.cur", "holder": "holder.db", "display": 'display["cur"]', "couple": "second"}


def _seen_by(w: Writer) -> list[tuple[str, str]]:
    return [(kind, name) for kind, name in w.helpers if kind in _INSIDE]


@feature(4, lambda w: w.has("cursor", "conn") and bool(_seen_by(w)), later=True)
def view(w: Writer) -> None:
    """An object, dict or tuple that may hold a cursor or a connection."""
    kind, name = w.rng.choice(_seen_by(w))
    forms = ["cur", "cur=cur"] if w.has("cursor") and kind != "holder" else []
    if w.has("conn"):
        conn = w.pick("conn")
        forms += [conn, f"conn={conn}"] if kind == "holder" else [f"{conn}.cursor()"]
    if not forms:
        return
    _see(w, kind, f"{kind} = {name}({w.rng.choice(forms)})")
    w.bind(kind, kind)
    match w.rng.randrange(3):
        case 0:
            use_view(w)
        case 1:
            w.jump(f"return {w.rng.choice((kind, *[_INSIDE[kind]] * 3))}")


def _see(w: Writer, kind: str, line: str) -> None:
    w.line(line)
    if kind == "couple":
        w.line("first, second = couple")


@feature(4, lambda w: w.has(*_INSIDE), later=True)
def use_view(w: Writer) -> None:
    kind = w.pick(*_INSIDE)
    inside = _INSIDE[kind]
    # not `keep(...)`: that an unknown function keeps no cursor that it is given, is taken for granted
    forms = [f"box.append({inside})", f"box.view = {inside}", f"box.append({kind})"]
    forms += [f"{w.bind('found', 'found')} = {inside}"]
    if kind != "holder":
        forms.append(f"list({inside})")
    if kind == "couple":
        forms += ["found = [each for each in couple]", "box.extend(couple)"]
    w.line(w.rng.choice(forms))


@feature(1, lambda w: w.has("conn") and bool(_seen_by(w)), compound=True, later=True)
def with_view(w: Writer) -> None:
    """What is seen in a `with` that leaves it open is used behind it."""
    kind, name = w.rng.choice(_seen_by(w))
    conn = w.pick("conn")
    given = conn if kind == "holder" else f"{conn}.cursor()"
    w.block(f"with {conn}:", lambda w: _see(w, kind, f"{kind} = {name}({given})"))
    w.bind(kind, kind)


@feature(1, lambda w: w.has("method"), compound=True, later=True)
def use_methods(w: Writer) -> None:
    w.line(
        w.rng.choice(
            ("several = [ask]", "several = [ask, work]", "several = []\n" + "    " * w.depth + "several.append(ask)")
        )
    )
    if w.maybe():
        w.statement()
    if not w.ended:
        w.block("for each in several:", lambda w: w.line("each()"))


@feature(1.5, lambda w: w.has("conn"), compound=True, later=True)
def read_chunks(w: Writer) -> None:
    name = w.pick("conn")
    forms = [f"pandas.read_sql(1, {name}, chunksize=1)", f"pandas.read_sql(1, {name})"]
    forms += [
        f"[{name}.execute() for row in items]",
        f"map({name}.execute, items)",
        f"list(map({name}.execute, items))",
    ]
    w.line(f"chunks = {w.rng.choice(forms)}")
    if w.maybe():
        w.statement()
    if not w.ended:
        w.block("for chunk in chunks:", lambda w: w.line(w.rng.choice(("work()", "chunk.fetchall()", "last = chunk"))))


@feature(0.7, lambda w: w.has("cursor"), later=True)
def keep_cursor(w: Writer) -> None:
    w.line(
        w.rng.choice(("box.append(cur)", 'box["cur"] = cur', "box.cur = cur", "box.extend([cur])", "cur = [cur][0]"))
    )


@feature(2, compound=True, later=True)
def with_and_after(w: Writer) -> None:
    """What a `with` that leaves it open has bound is used behind it."""
    name, value = w.new(), w.connect()
    w.block(
        f"with {value} as {name}:", lambda w: w.line(f"{name}.execute()"), names={name: "conn"}, size=int(w.maybe(0.3))
    )
    if w.maybe(0.7):
        w.statement()


@feature(4, later=True)
def open_session(w: Writer) -> None:
    w.line(f"{w.bind(w.rng.choice(('session', 'session', 'db')), 'session')} = Session(engine)")


@feature(1, compound=True, later=True)
def with_session(w: Writer) -> None:
    w.merge(w.block("with Session(engine) as session:", names={"session": "session"}))


@feature(4, lambda w: w.has("session"), later=True)
def use_session(w: Writer) -> None:
    name = w.pick("session")
    forms = ("flush()", "commit()", "rollback()", "query(Order).count()", "query(Order).all()", "close()", "close()")
    w.line(f"{name}.{w.rng.choice(forms)}")


@feature(4, lambda w: w.has("session"), later=True)
def load(w: Writer) -> None:
    name = w.pick("session")
    match w.rng.randrange(4):
        case 0:
            w.line(f"{w.bind('order', 'object')} = {name}.get(Order, 1)")
        case 1:
            w.line(f"{w.bind('order', 'object')} = Order()")
            w.line(f"{name}.add(order)")
        case 2:
            w.line(f"{w.bind('orders', 'orders')} = {name}.query(Order).all()")
        case _:
            w.line(f"{w.bind('orders', 'orders')} = [each for each in {name}.query(Order)]")


@feature(3, lambda w: w.has("object"), later=True)
def use_object(w: Writer) -> None:
    forms = ["order.owner", "order.id", "work(order.id)", "work(order)", "box.append(order)", "box.order = order"]
    forms += ["str(order.owner)", "found = [order]", "logging.info(order)", 'box["order"] = order']
    w.line(w.rng.choice(forms))


@feature(1.5, lambda w: w.has("session"), compound=True, later=True)
def loop_objects(w: Writer) -> None:
    source = w.rng.choice((f"{w.pick('session')}.query(Order)", *w.of("orders")))
    if w.maybe():
        w.line("found = []")
        steps = ("found.append(each)", "found.append(each.id)")
        w.block(f"for each in {source}:", lambda w: w.line(w.rng.choice(steps)))
        if w.maybe():
            w.jump("return found")
    else:
        steps = ("work(each)", "work(each.id)", "each.owner", "box.append(each)", "last = each", "str(each.owner)")
        w.block(f"for each in {source}:", lambda w: w.line(w.rng.choice(steps)))
