"""Small random programs that acquire connections and do things with them.

Swarm weights: each program draws a subset of the features, and weights for these, so that rare combinations become
common in some programs.
"""

from __future__ import annotations

import re
import textwrap
from random import Random

from . import shapes_of_sessions  # noqa: F401  (it makes kinds of statements known)
from .features import acquire
from .helpers import HELPERS, METHODS
from .later import open_session
from .later_helpers import LATER_HELPERS
from .orm import AWAITED
from .writing import DRIVERS, FEATURES, Step, Writer

PARAMETERS = ("p", "q", "mode", "given", "box", "items")
APP = ("check", "find", "guard", "keep", "pause", "rows", "work")
CONTEXTLIB = ("ExitStack", "closing", "contextmanager", "suppress")
MODULES = ("atexit", "logging", "pandas", "sys", "threading")
VIEWS = {"view", "holder", "display", "couple"}  # helpers that only programs use that read later
LATER = tuple((kind, text) for kind, text in HELPERS if kind in VIEWS) + LATER_HELPERS
BASE = {"acquire", "close", "use", "work", "if_", "leave", "acquire_none"}  # in every program


def program(rng: Random, *, later: bool = False) -> str:
    """The source of a program.

    Arguments:
        later: whether it may use what is read later, and the objects of sessions: of which the analysis need not know
            who owns them, but fixes whether they are needed still.
    """
    weights = _swarm(rng, later=later)
    helpers: list[tuple[str, str]] = []
    parts: list[str] = []
    for number in range(rng.choice((1, 1, 2, 2, 3, 4) if later else (0, 0, 1, 1, 2, 3))):
        kind, text = _helper(rng, weights, number, later=later)
        helpers.append((kind, _called(text)))
        parts.append(text)
    targets = range(rng.choice((1, 1, 1, 2)))
    parts += [_target(Writer(rng, weights, helpers), number) for number in targets]
    return _module("\n\n".join(parts))


def _swarm(rng: Random, *, later: bool) -> dict[str, float]:
    """The features of one program, and their weights."""
    share = rng.choice((0.2, 0.4, 0.6, 1.0))
    known = {name: each for name, each in FEATURES.items() if later or not each.later}
    chosen = {name: each.weight for name, each in known.items() if name in BASE or rng.random() < share}
    return {name: weight * rng.choice((0.3, 1.0, 1.0, 4.0)) for name, weight in chosen.items()}


def _target(writer: Writer, number: int) -> str:
    """A function or method, and perhaps a generator."""
    writer.is_generator = writer.maybe(0.15)
    if not writer.maybe(0.15):
        opens = open_session if "open_session" in writer.weights and writer.maybe() else acquire
        text = _function(writer, f"target{number}", opens)
        if writer.is_generator:
            return f"@contextmanager\n{text}" if writer.maybe(0.4) else text
        return _asynchronous(text, writer.rng) if writer.maybe(0.12) and not writer.is_sync else text
    writer.is_method = True
    methods: list[str] = []
    for each in range(writer.rng.choice((0, 0, 1, 2, 3))):
        kind, text = writer.rng.choice(METHODS)
        methods.append(text.replace("DRIVER", writer.rng.choice(DRIVERS)).replace("NUMBER", str(each)))
        writer.methods.append((kind, _called(methods[-1])))
    is_init = not writer.is_generator and writer.maybe()
    text = _function(writer, "__init__" if is_init else "run", acquire, given=("self",))
    if is_init:
        text = re.sub(r"\breturn\b.*", "return", text)
    base = f"class Job{number}:\n" + textwrap.indent("\n".join([*methods, text]), "    ")
    return base + _subclass(writer, number) if writer.methods and writer.maybe(0.7) else base


def _subclass(writer: Writer, number: int) -> str:
    """A class that overrides methods of another with some of the same kind."""
    methods: list[str] = []
    for kind, name in writer.methods:
        text = writer.rng.choice([text for each, text in METHODS if each == kind])
        text = text.replace("DRIVER", writer.rng.choice(DRIVERS))
        methods.append(re.sub(r"def \w+\(", f"def {name}(", text))
        if kind == "takes" and writer.maybe(0.2):
            methods[-1] += f"    super().{name}(conn)\n"
    return f"\n\nclass Sub{number}(Job{number}):\n" + textwrap.indent("\n".join(methods), "    ")


def _called(text: str) -> str:
    """What one calls to use a helper: the function, the class, or the method of a class that takes no `self`."""
    name = re.findall(r"^(?:def|class) (\w+)", text, flags=re.MULTILINE)[-1]
    method = re.search(r"@(?:static|class)method\s+def (\w+)", text)
    return f"{name}.{method[1]}" if method else name


def _asynchronous(text: str, rng: Random) -> str:
    """The same function as a coroutine: it awaits its connections, and some of its work."""
    connect = rf"(?:{'|'.join(DRIVERS)})\.connect\(\)"
    text = re.sub(rf"\bwith {connect}((?: as \w+)?:)", r"async with aiomysql.connect()\1", text)
    text = re.sub(rf"{connect}(?=\.)", "(await aiomysql.connect())", text)
    text = re.sub(connect, "await aiomysql.connect()", text)
    text = re.sub(r"^( +)work\(\)$", lambda m: m[1] + rng.choice(("work()", "await pause()")), text, flags=re.MULTILINE)
    return f"async {_with_async_sessions(text)}"


def _with_async_sessions(text: str) -> str:
    """The same code with sessions whose methods are awaited, where all that it does with them can be."""
    made = r"(?:Session\(engine\)|make_session\(\))"
    changed = re.sub(rf"\bwith {made}( as \w+)?:", r"async with AsyncSession(async_engine)\1:", text)
    changed = re.sub(made, "AsyncSession(async_engine)", changed).replace(".query(Order)", ".scalars(Order)")
    asked = rf"\b(?:session|db)\.(?:{'|'.join(AWAITED)})\([\w, ]*\)"
    changed = re.sub(rf"^( +)({asked})$", r"\1await \2", changed, flags=re.MULTILINE)
    changed = re.sub(rf"(?<!await )({asked})", r"(await \1)", changed)
    try:
        compile(f"async {changed}", "<program>", "exec")
    except SyntaxError:  # an `await` in a function within
        return text
    return text if ".begin(" in changed else changed


def _helper(rng: Random, weights: dict[str, float], number: int, *, later: bool) -> tuple[str, str]:
    if rng.random() < (0.15 if later else 0.3):
        writer = Writer(rng, weights)
        if rng.random() < 0.7:
            writer.bind("conn", "conn")
            return "takes", _function(writer, f"handle{number}", given=("conn",))
        text = _function(writer, f"build{number}", acquire, last=_give_back)
        return "owner", text.replace("return work()", "return find()")  # `work` never gives None
    helpers = LATER if later and rng.random() < 0.6 else [(kind, text) for kind, text in HELPERS if kind not in VIEWS]
    kind = rng.choice(sorted({kind for kind, _ in helpers}))
    text = rng.choice([text for each, text in helpers if each == kind])
    return kind, text.replace("DRIVER", rng.choice(DRIVERS)).replace("NUMBER", str(number))


def _give_back(w: Writer) -> None:
    if not w.has("conn"):
        acquire(w)
    w.jump(f"return {w.pick('conn')}")


def _function(w: Writer, name: str, *first: Step, given: tuple[str, ...] = (), last: Step | None = None) -> str:
    w.depth = 1
    w.budget = w.rng.randint(3, 12)
    for step in first:
        step(w)
    while w.budget > 0 and not w.ended:
        w.statement()
    if last and not w.ended:
        last(w)
    if not w.lines:
        w.line("pass")
    if w.is_generator:
        w.line("yield")
    text = "\n".join(w.lines)
    used = [each for each in PARAMETERS if re.search(rf"\b{each}\b", text)]
    shared = "    global SHARED\n" if "SHARED = " in text else ""
    return f"def {name}({', '.join([*given, *used])}):\n{shared}{text}\n"


def _module(body: str) -> str:
    """A module of these functions, and of the imports that they need."""

    def used(names: tuple[str, ...]) -> list[str]:
        return [name for name in names if re.search(rf"\b{name}\b", body)]

    lines = [f"import {name}" for name in (*used(MODULES), *used(("aiomysql", *DRIVERS)))]
    tools = {"contextlib": used(CONTEXTLIB), "app": used(APP)}
    lines += [f"from {origin} import {', '.join(names)}" for origin, names in tools.items() if names]
    more = {"functools": ("partial",), "itertools": ("chain", "islice"), "types": ("SimpleNamespace",)}
    more |= {"models": ("Order",), "sqlalchemy.orm": ("Session",), "sqlalchemy.ext.asyncio": ("AsyncSession",)}
    lines += [f"from {origin} import {name}" for origin, names in more.items() for name in used(names)]
    if used(("async_engine",)):
        lines += ["from sqlalchemy.ext.asyncio import create_async_engine", ""]
        lines += ['async_engine = create_async_engine("mysql+aiomysql://db/shop")']
    if used(("engine", "make_session")):
        lines += ["from sqlalchemy import create_engine", "", 'engine = create_engine("mysql+pymysql://db/shop")']
    if used(("make_session",)):
        lines += ["from sqlalchemy.orm import sessionmaker", "", "make_session = sessionmaker(engine)"]
    if used(("SHARED",)):
        lines += ["", "SHARED = None"]
    if used(("Failure",)):
        lines += ["", "", "class Failure(Exception):", "    pass"]
    return "\n".join([*lines, "", "", body])
