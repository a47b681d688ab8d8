"""Small random programs that acquire connections and do things with them.

Swarm weights: each program draws a subset of the features, and weights for these, so that rare combinations become
common in some programs.
"""

from __future__ import annotations

import re
from random import Random

from .features import acquire
from .writing import DRIVERS, FEATURES, Step, Writer

PARAMETERS = ("p", "q", "mode", "given", "box", "items")
APP = ("check", "find", "keep", "pause", "rows", "work")
CONTEXTLIB = ("ExitStack", "closing", "contextmanager", "suppress")
MODULES = ("atexit", "logging", "sys")
BASE = {"acquire", "close", "use", "work", "if_", "leave", "acquire_none"}  # in every program

HELPERS = (  # what kind of use there is for it, and its source
    ("owner", "def makeNUMBER():\n    return DRIVER.connect()\n"),
    ("owner", "def makeNUMBER():\n    conn = DRIVER.connect()\n    work()\n    return conn\n"),
    (
        "owner",
        "def makeNUMBER():\n    conn = DRIVER.connect()\n    try:\n        work()\n    except BaseException:\n"
        "        conn.close()\n        raise\n    return conn\n",
    ),
    (
        "owner",
        "def makeNUMBER():\n    while True:\n        try:\n            return DRIVER.connect()\n"
        "        except ValueError:\n            work()\n",
    ),
    ("pair", "def pairNUMBER():\n    conn = DRIVER.connect()\n    return conn, conn.cursor()\n"),
    ("takes", "def finishNUMBER(conn):\n    conn.close()\n"),
    ("takes", "def finishNUMBER(conn):\n    if conn is not None:\n        conn.close()\n"),
    ("takes", "def finishNUMBER(conn):\n    if check():\n        conn.close()\n"),
    ("takes", "def finishNUMBER(conn):\n    work()\n    conn.close()\n"),
    ("takes", "def finishNUMBER(conn):\n    try:\n        work()\n    finally:\n        conn.close()\n"),
    ("takes", "def finishNUMBER(conn):\n    with closing(conn):\n        work()\n"),
    ("takes", "def finishNUMBER(conn):\n    conn.close()\n    work()\n    raise ValueError\n"),
    ("takes", "def lookNUMBER(conn):\n    conn.execute()\n"),
    ("takes", "def lookNUMBER(conn):\n    return 1\n"),
    ("takes", "def lookNUMBER(conn):\n    conn.cursor()\n    return conn.execute()\n"),
    ("takes", "def storeNUMBER(conn):\n    keep(conn)\n"),
    ("takes", "def storeNUMBER(conn):\n    global SHARED\n    SHARED = conn\n"),
    (
        "takes",
        "def storeNUMBER(conn):\n    work()\n    if check():\n        keep(conn)\n    else:\n        conn.close()\n",
    ),
    ("passes", "def sameNUMBER(conn):\n    return conn\n"),
    ("passes", "def sameNUMBER(conn):\n    conn.execute()\n    return conn\n"),
    ("passes", "def sameNUMBER(conn):\n    work()\n    found = conn\n    return found\n"),
    ("free", "def noteNUMBER():\n    pass\n"),
    ("free", "def noteNUMBER():\n    logging.info(1)\n"),
    ("free", "def noteNUMBER():\n    work()\n"),
    ("free", "def noteNUMBER():\n    try:\n        work()\n    except Exception:\n        pass\n"),
    ("free", "def failNUMBER():\n    work()\n    raise ValueError\n"),
    ("free", "def failNUMBER():\n    sys.exit(1)\n"),
    ("free", "def failNUMBER():\n    if check():\n        raise KeyError\n"),
    (
        "manager",
        "@contextmanager\ndef lentNUMBER():\n    conn = DRIVER.connect()\n    try:\n        yield conn\n"
        "    finally:\n        conn.close()\n",
    ),
    ("manager", "@contextmanager\ndef timedNUMBER():\n    work()\n    yield\n"),
    ("manager", "@contextmanager\ndef quietNUMBER():\n    try:\n        yield\n    except ValueError:\n        pass\n"),
)


def program(rng: Random) -> str:
    """The source of a program."""
    weights = _swarm(rng)
    helpers: list[tuple[str, str]] = []
    parts: list[str] = []
    for number in range(rng.choice((0, 0, 1, 1, 2, 3))):
        kind, text = _helper(rng, weights, number)
        helpers.append((kind, re.findall(r"def (\w+)", text)[0]))
        parts.append(text)
    targets = range(rng.choice((1, 1, 1, 2)))
    parts += [_target(Writer(rng, weights, helpers), number) for number in targets]
    return _module("\n\n".join(parts))


def _swarm(rng: Random) -> dict[str, float]:
    """The features of one program, and their weights."""
    share = rng.choice((0.2, 0.4, 0.6, 1.0))
    chosen = {name: each.weight for name, each in FEATURES.items() if name in BASE or rng.random() < share}
    return {name: weight * rng.choice((0.3, 1.0, 1.0, 4.0)) for name, weight in chosen.items()}


def _target(writer: Writer, number: int) -> str:
    """A function or method, and perhaps a generator."""
    writer.is_generator = writer.maybe(0.15)
    if not writer.maybe(0.15):
        text = _function(writer, f"target{number}", acquire)
        if writer.is_generator:
            return f"@contextmanager\n{text}" if writer.maybe(0.4) else text
        return _asynchronous(text, writer.rng) if writer.maybe(0.12) else text
    writer.is_method = True
    is_init = not writer.is_generator and writer.maybe()
    text = _function(writer, "__init__" if is_init else "run", acquire, given=("self",))
    if is_init:
        text = re.sub(r"\breturn\b.*", "return", text)
    indented = "".join(f"    {line}" for line in text.splitlines(keepends=True))
    return f"class Job{number}:\n{indented}"


def _asynchronous(text: str, rng: Random) -> str:
    """The same function as a coroutine: it awaits its connections, and some of its work."""
    connect = rf"(?:{'|'.join(DRIVERS)})\.connect\(\)"
    text = re.sub(rf"\bwith {connect}((?: as \w+)?:)", r"async with aiomysql.connect()\1", text)
    text = re.sub(rf"{connect}(?=\.)", "(await aiomysql.connect())", text)
    text = re.sub(connect, "await aiomysql.connect()", text)
    text = re.sub(r"^( +)work\(\)$", lambda m: m[1] + rng.choice(("work()", "await pause()")), text, flags=re.MULTILINE)
    return f"async {text}"


def _helper(rng: Random, weights: dict[str, float], number: int) -> tuple[str, str]:
    if rng.random() < 0.3:
        writer = Writer(rng, weights)
        if rng.random() < 0.7:
            writer.bind("conn", "conn")
            return "takes", _function(writer, f"handle{number}", given=("conn",))
        text = _function(writer, f"build{number}", acquire, last=_give_back)
        return "owner", text.replace("return work()", "return find()")  # `work` never gives None
    kind, text = rng.choice(HELPERS)
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
    if used(("SHARED",)):
        lines += ["", "SHARED = None"]
    if used(("Failure",)):
        lines += ["", "", "class Failure(Exception):", "    pass"]
    return "\n".join([*lines, "", "", body])
