"""`reasons`: why a line has no finding about Django's connection, for `dbhygiene explain`.

time.sleep(3600)                     # "not reported in `handle`, since no query follows"
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from dbhygiene.dataflow.cfg import Call, Node, TooLargeError
from dbhygiene.gaps.django_settings import age_of_connections, ages_set, settings_modules
from dbhygiene.gaps.effects import Close, MayQuery, ProjectCall, Query, Wait
from dbhygiene.gaps.implicit import ImplicitWalk
from dbhygiene.gaps.reachability import Reachability
from dbhygiene.gaps.search import Gaps
from dbhygiene.gaps.threads import closing_calls, threads, unclosed_threads, unknown_calls
from dbhygiene.library.background import THREAD_CLASSES, THREADS
from dbhygiene.library.test_files import is_test_file
from dbhygiene.source.file import File
from dbhygiene.source.nodes import FUNCTION, Code, Located, last_name

_VERBS = ((Query, "queries"), (Wait, "waits"), (Close, "closes the connection"))


def reasons(gaps: Gaps, file: File, line: int) -> Iterator[str]:
    """Return what the analysis of Django's connection knows of a line, and why it has no finding."""
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
            f"no command, thread, task or script is known to run {_name(code)}: of the waits in this file,"
            " only those for a person, of a server loop, or certainly longer than the timeout are reported"
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
    """Return what a node does to the connection, and for a wait, why it is not reported."""
    effects = walk.effects_of(node)
    for effect in effects:
        match effect:
            case Wait(seconds=seconds, kind=kind):
                yield f"{kind.value} ({seconds}){_why_no_gap(gaps, walk, node, effect)}"
            case Query():
                yield f"{_place(effect)} queries the database"
            case MayQuery():
                yield f"{_place(effect)} may query the database: the cache may be one of its tables"
            case Close(by_age=by_age):
                only = ", if it is older than `CONN_MAX_AGE`" if by_age else ""
                yield f"{_place(effect)} closes the connection{only}"
            case ProjectCall():
                yield _about_call(gaps, walk, node, effect)
    if isinstance(node.event, Call) and not effects and not walk.is_known(node.event.node):
        called = ast.unparse(node.event.node.func)
        yield f"the definition of `{called}` is not found: it is assumed neither to query nor to wait"


def _about_call(gaps: Gaps, walk: ImplicitWalk, node: Node, call: ProjectCall) -> str:
    """Return what the functions that a call runs do to the connection."""
    reach = Reachability(walk.file.project)
    reach.explore((each.file, each.code) for each in call.routines)
    does = {kind for each in reach for kind in each.effects}
    words = [word for kind, word in _VERBS if kind in does]
    names = " or ".join(dict.fromkeys(_name(each.code) for each in call.routines[:3]))
    why = _why_no_gap(gaps, walk, node, call) if Wait in does else ""
    return f"{names} {' and '.join(words) or 'neither queries nor waits'}{why}"


def _place(effect: Query | MayQuery | Close) -> str:
    return f"`{ast.unparse(effect.spot.node)[:60]}`"


def _why_no_gap(gaps: Gaps, walk: ImplicitWalk, node: Node, effect: Wait | ProjectCall) -> str:
    """Return why a wait is not reported; an empty string if it is."""
    call, state = effect.spot.node, walk.states[node]
    if any(gap.wait.node is call for gap in walk.gaps.values()):
        return ""
    name = _name(walk.code)
    if isinstance(effect, Wait) and effect.seconds.confidence(gaps.limit) is None:
        return f": not reported, since the server closes connections only after {gaps.limit:g} s"
    if not state.asked:
        if state.entered is None:
            found = (each for other in walk.states for each in _closes(walk, other))
            before = _calls(each for each in found if each.lineno < call.lineno)
            return f": not reported, since the connection is closed before it{f': {before}' if before else ''}"
        return f": not reported in {name}, which makes no query before it"
    queries = sorted({idle.since.node.lineno for idle in state.asked if idle.since is not None})
    after = _calls(_closes_after(walk, node))
    why = f"the connection is closed before the next query: {after}" if after else "no query follows"
    return f": a query comes before it, line {', '.join(map(str, queries))}; not reported in {name}, since {why}"


def _closes_after(walk: ImplicitWalk, node: Node) -> Iterator[Located]:
    """Yield the calls that close the connection after a node, before the next query; in a loop, also those above it."""
    seen, todo = {node}, [node]
    while todo:
        for _, following in todo.pop().out:
            if following not in seen and following in walk.states:
                seen.add(following)
                yield from _closes(walk, following)
                if not any(isinstance(effect, Query) for effect in walk.effects_of(following)):
                    todo.append(following)


def _closes(walk: ImplicitWalk, node: Node) -> list[Located]:
    return [effect.spot.node for effect in walk.effects_of(node) if isinstance(effect, Close)]


def _calls(found: Iterable[Located]) -> str:
    """Return calls with their lines, as a part of a sentence."""
    calls = sorted({(each.lineno, ast.unparse(each)[:60]) for each in found})
    return ", ".join(f"`{text}`, line {line}" for line, text in calls)


# -- threads and settings ---------------------------------------------------------------------------------


def _about_thread(file: File, call: ast.Call) -> Iterator[str]:
    """Return why no connection of a thread that a call starts is reported."""
    started = list(threads(file, call))
    if not started:
        yield f"the function that `{last_name(call.func)}` starts is not found"
    for thread in started:
        name = f"`{thread.function.name}`"
        for place in closing_calls(thread):
            yield f"the thread closes its connection: {place.file.relative_name}:{place.node.lineno}"
        for unknown in unknown_calls(thread):
            where = f"{unknown.file.relative_name}:{unknown.node.lineno}"
            yield f"{name} calls `{ast.unparse(unknown.node)}`, whose definition is not found, {where}"
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
            yield "`CONN_MAX_AGE` is not known: `close_old_connections()` is assumed to close the connection"
        else:
            lasting = "without an end" if age == float("inf") else f"for {age:g} s"
            yield f"by `CONN_MAX_AGE`, `close_old_connections()` keeps a connection {lasting}"
