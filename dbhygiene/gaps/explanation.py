"""Why a line has no finding about Django's connection, for `dbhygiene explain`.

time.sleep(3600)                     # "`handle` makes no query after it"
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from dbhygiene.dataflow.cfg import Call, Node, TooLargeError
from dbhygiene.gaps import Gaps
from dbhygiene.gaps.django_settings import age_of_connections, ages_set, settings_modules
from dbhygiene.gaps.effects import Close, ProjectCall, Query, Wait
from dbhygiene.gaps.implicit import ImplicitWalk
from dbhygiene.gaps.reachability import Reachability
from dbhygiene.gaps.states import State
from dbhygiene.gaps.threads import closing_calls, threads, unclosed_threads, unknown_calls
from dbhygiene.library.background import THREAD_CLASSES, THREADS
from dbhygiene.library.test_files import is_test_file
from dbhygiene.source.file import File
from dbhygiene.source.nodes import FUNCTION, Code, last_name

_VERBS = ((Query, "queries"), (Wait, "waits"), (Close, "closes the connection"))


def reasons(gaps: Gaps, file: File, line: int) -> Iterator[str]:
    """Return what the analysis of Django's connection knows of a line, and what keeps it from a finding."""
    if is_test_file(file):
        yield "this is a file of tests, in which no wait is reported"
        return
    yield from _about_settings(file, line)
    for call in file.nodes(ast.Call):
        if call.lineno == line and file.resolve(call.func) in {*THREADS, *THREAD_CLASSES}:
            yield from _about_thread(file, call)
    code = _code_at(file, line)
    try:
        walk = gaps.walk(file, code)
    except TooLargeError:
        yield f"{_name(code)} is too large to be analysed"
        return
    said = [words for node in walk.states if _line(node) == line for words in _about_node(gaps, walk, node)]
    yield from dict.fromkeys(said)
    if said and not gaps.is_reached(file, code):
        yield (
            f"no command, thread, task or script is known to run {_name(code)}: only waits in this file are reported,"
            " if they are longer than a request"
        )


def _code_at(file: File, line: int) -> Code:
    """Return the innermost function that holds a line; the module if none does."""
    around = [code for code in file.functions if isinstance(code, FUNCTION) and _holds(code, line)]
    return max(around, key=lambda code: code.lineno, default=file.tree)


def _holds(code: ast.FunctionDef | ast.AsyncFunctionDef, line: int) -> bool:
    return code.lineno <= line <= (code.end_lineno or code.lineno)


def _name(code: Code) -> str:
    return f"`{code.name}`" if isinstance(code, FUNCTION) else "the script"


def _line(node: Node) -> int | None:
    event = getattr(node.event, "node", None)
    if isinstance(event, ast.withitem):
        event = event.context_expr
    if isinstance(event, (ast.For, ast.AsyncFor)):
        event = event.iter
    return getattr(event, "lineno", None)


# -- waits and queries ------------------------------------------------------------------------------------


def _about_node(gaps: Gaps, walk: ImplicitWalk, node: Node) -> Iterator[str]:
    """Return what a node does to the connection, and for a wait, why it is no gap."""
    state = walk.states[node]
    effects = walk.effects_of(node)
    for effect in effects:
        match effect:
            case Wait(seconds=seconds, kind=kind):
                yield f"{kind.value} ({seconds}){_why_no_gap(gaps, walk, state, effect)}"
            case Query():
                yield f"{_place(effect)} queries the database"
            case Close(by_age=by_age):
                only = ", if it is older than `CONN_MAX_AGE`" if by_age else ""
                yield f"{_place(effect)} closes the connection{only}"
            case ProjectCall():
                yield _about_call(gaps, walk, state, effect)
    if isinstance(node.event, Call) and not effects and not walk.is_known(node.event.node):
        called = ast.unparse(node.event.node.func)
        yield f"`{called}` is not resolved: it is taken neither to query nor to wait"


def _about_call(gaps: Gaps, walk: ImplicitWalk, state: State, call: ProjectCall) -> str:
    """Return what the functions that a call runs do to the connection."""
    reach = Reachability()
    reach.explore((each.file, each.code) for each in call.routines)
    does = {kind for each in reach for kind in each.effects}
    words = [word for kind, word in _VERBS if kind in does]
    names = " or ".join(dict.fromkeys(_name(each.code) for each in call.routines[:3]))
    why = _why_no_gap(gaps, walk, state, call) if Wait in does else ""
    return f"{names} {' and '.join(words) or 'neither queries nor waits'}{why}"


def _place(effect: Query | Close) -> str:
    return f"`{ast.unparse(effect.spot.node)[:60]}`"


def _why_no_gap(gaps: Gaps, walk: ImplicitWalk, state: State, effect: Wait | ProjectCall) -> str:
    """Return why a wait is no gap; nothing if it is one, which is then reported."""
    node = effect.spot.node
    if any(gap.wait.node is node for gap in walk.gaps.values()):
        return ""
    name = _name(walk.code)
    if isinstance(effect, Wait) and effect.seconds.confidence(gaps.limit) is None:
        return f": no gap, since the server waits for {gaps.limit:g} s"
    if not state.asked:
        if state.entered is None:
            return f": no gap, since the connection is closed before it{_closing(walk, range(node.lineno))}"
        return f": no gap in {name}, which makes no query before it"
    before = sorted({idle.since.node.lineno for idle in state.asked if idle.since is not None})
    after = _closing(walk, range(node.lineno + 1, len(walk.file.lines) + 1))
    follows = f", or the connection is closed first{after}" if after else ""
    return f": a query comes before it, line {_numbers(before)}; no gap in {name}, since no query follows{follows}"


def _closing(walk: ImplicitWalk, lines: range) -> str:
    """Return those of some lines at which a function closes the connection."""
    effects = (effect for node in walk.states for effect in walk.effects_of(node) if isinstance(effect, Close))
    found = {effect.spot.node.lineno for effect in effects if effect.spot.node.lineno in lines}
    return f", line {_numbers(sorted(found))}" if found else ""


def _numbers(lines: Iterable[int]) -> str:
    return ", ".join(map(str, lines))


# -- threads and settings ---------------------------------------------------------------------------------


def _about_thread(file: File, call: ast.Call) -> Iterator[str]:
    """Return why no connection of a thread that a call starts is reported."""
    started = list(threads(file, call))
    if not started:
        yield f"the function that `{last_name(call.func)}` starts is not resolved"
    for thread in started:
        name = f"`{thread.function.name}`"
        for place in closing_calls(thread):
            yield f"the thread closes its connection: {place.file.relative_name}:{place.node.lineno}"
        for unknown in unknown_calls(thread):
            where = f"{unknown.file.relative_name}:{unknown.node.lineno}"
            yield f"{name} calls `{ast.unparse(unknown.node)}`, which is not resolved, {where}"
    for unclosed in unclosed_threads(file):
        if call in unclosed.calls[1:]:
            name = f"`{unclosed.threads[0].function.name}`"
            yield f"line {unclosed.calls[0].lineno} has the finding: it is the first to run {name} in a thread"


def _about_settings(file: File, line: int) -> Iterator[str]:
    """Return the age of connections that the settings give, if the line is one of theirs."""
    changed = [change.value.lineno for change in ages_set(file)] if "DATABASES" in file.text else []
    if line in changed or ("CONN_MAX_AGE" in file.lines[line - 1] and file in settings_modules(file)):
        age = age_of_connections(file)
        if age is None:
            yield "`CONN_MAX_AGE` of the site is not known: `close_old_connections()` is taken to close"
        else:
            lasting = "without an end" if age == float("inf") else f"for {age:g} s"
            yield f"by `CONN_MAX_AGE`, `close_old_connections()` keeps a connection {lasting}"
