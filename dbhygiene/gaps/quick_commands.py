"""`is_quick`: whether a call runs only programs which end at once, so that it is no wait.

command = f"chown {user} {path}"
run(command)                         # a function of the project, with its parameter in `subprocess.call(command)`
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Sequence

from dbhygiene.library.programs import PREFIXES, QUICK_COMMANDS, QUICK_PROGRAMS, SLOW_OPTIONS
from dbhygiene.program.arguments import bind_arguments, has_parameter, takes_owner
from dbhygiene.program.bindings import Bindings
from dbhygiene.program.classes import FunctionAt
from dbhygiene.program.code import calls_in, own_nodes
from dbhygiene.program.evaluation import evaluate
from dbhygiene.program.values import HOLE, Constant, options
from dbhygiene.source.file import File
from dbhygiene.source.lazy_pattern import lazy_pattern
from dbhygiene.source.nodes import FUNCTION, Function
from dbhygiene.source.queries import query, recursive_query

_SHELL_OPERATORS = lazy_pattern(r"\|\||&&|[;|\n]|(?<![<>&])&(?![>&])")
_RUNS_MORE = lazy_pattern(r"\$\(|`|<\(")
_VARIABLE = lazy_pattern(r"\w+=\S*")
_CONVERSION = lazy_pattern(r"%(?:\(\w+\))?[-#0 +]*\d*(?:\.\d+)?[a-zA-Z%]")
_FIELD = lazy_pattern(r"\{[^{}]*\}")
_MAKERS = ("subprocess.Popen", "asyncio.create_subprocess_shell")
_STREAMS = ("stdout", "stderr")
_BLOCKS = ("body", "orelse", "finalbody", "handlers")


def is_quick(file: File, call: ast.Call, quick: Collection[str]) -> bool:
    """Whether a call that waits for a process runs only programs that end at once.

    Arguments:
        quick: the parameters of the function around the call that are such commands.
    """
    if call.args and (_is_quick_command(file, call.args[0], quick) or _is_quick_constant(file, call.args[0])):
        return True
    owner = call.func.value if isinstance(call.func, ast.Attribute) else None
    if isinstance(owner, ast.Attribute) and owner.attr in _STREAMS:
        owner = owner.value
    return owner is not None and _is_quick_process(file, owner, quick)


def _is_quick_constant(file: File, command: ast.expr) -> bool:
    """Whether such a command is in a constant, perhaps of another module, or its program is."""
    if isinstance(command, (ast.List, ast.Tuple)):
        return _is_quick_program(["".join(_constants(file, part)[:1]) for part in command.elts])
    texts = _constants(file, command)
    return bool(texts) and all(map(_is_quick_line, texts))


def _constants(file: File, expr: ast.expr) -> list[str]:
    known = [*options(evaluate(file, expr))]
    texts = [each.value for each in known if isinstance(each, Constant) and isinstance(each.value, str)]
    return texts if len(texts) == len(known) else []


def quick_arguments(file: File, call: ast.Call, called: FunctionAt, quick: Collection[str]) -> Iterator[str]:
    """Yield the parameters of a function of the project for which a call passes such a command."""
    owner, function = called.file, called.node
    handed = _parameters_passed_on(owner, function)
    given = bind_arguments(call, function, bound=takes_owner(owner.functions[function])) if handed else {}
    yield from (name for name in sorted(handed & given.keys()) if _is_quick_command(file, given[name], quick))


@query
def _parameters_passed_on(file: File, function: Function) -> frozenset[str]:
    """Return the parameters of a function that stand in an argument of one of its calls."""
    given = (part for call in calls_in(own_nodes(function)) for each in call.args for part in ast.walk(each))
    names = {part.id for part in given if isinstance(part, ast.Name)}
    return frozenset(name for name in names if has_parameter(function, name))


def _is_quick_process(file: File, process: ast.expr, quick: Collection[str]) -> bool:
    """Whether an object is surely a process of such a command: `subprocess.Popen(["ls"])`."""
    made: Sequence[ast.expr | None] = [process]
    if isinstance(process, ast.Name):
        made = _values_at(file, process) or ()
    elif not isinstance(process, ast.Call):
        place = Bindings.of(file).place(process)
        made = Bindings.of(file).values.get(place, ()) if place else ()
    calls = [each.value if isinstance(each, ast.Await) else each for each in made]
    return bool(calls) and all(
        isinstance(each, ast.Call)
        and file.resolve(each.func) in _MAKERS
        and bool(each.args)
        and _is_quick_command(file, each.args[0], quick)
        for each in calls
    )


def _is_quick_command(file: File, command: ast.expr, quick: Collection[str]) -> bool:
    """Whether an expression surely is such a command."""
    match command:
        case ast.IfExp(body=one, orelse=other):  # `"cls" if os.name == "nt" else "clear"`
            return all(_is_quick_command(file, each, quick) for each in (one, other))
        case ast.Call(func=called, args=[inner, *_]) if file.resolve(called) == "shlex.split":
            return _is_quick_command(file, inner, quick)
        case ast.Call(func=ast.Attribute(value=inner, attr="split" | "strip"), args=[]):
            return _is_quick_command(file, inner, quick)
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str()), attr="join"), args=[inner]):
            return _is_quick_command(file, inner, quick)
        case ast.List(elts=parts) | ast.Tuple(elts=parts):
            return _is_quick_program([_text(file, part, quick) for part in parts])
    return _is_quick_line(_text(file, command, quick))


def _is_quick_line(line: str) -> bool:
    """Whether a line of a shell runs only quick programs; one that begins with an unknown word does not."""
    if _RUNS_MORE.search(line):
        return False
    programs = [each.split() for each in _SHELL_OPERATORS.split(line) if each.strip()]
    return bool(programs) and all(map(_is_quick_program, programs))


def _is_quick_program(words: Sequence[str]) -> bool:
    left = [*words]
    while left and (_VARIABLE.fullmatch(left[0]) or left[0] in PREFIXES):
        options = PREFIXES.get(left.pop(0), None)
        while options is not None and left and left[0].startswith("-"):
            takes_word = options.fullmatch(left.pop(0))
            del left[: 1 if takes_word else 0]
    program = left[0].rpartition("/")[2] if left else ""
    slow = SLOW_OPTIONS.get(program)
    if slow is not None and any(map(slow.fullmatch, left[1:])):
        return False
    return program in QUICK_PROGRAMS or (program, *left[1:2]) in QUICK_COMMANDS or "--version" in left


def _text(file: File, expr: ast.expr, quick: Collection[str]) -> str:
    """Return the text of a string, with `HOLE` for its unknown parts; a quick command within it is `true`."""
    match expr:
        case ast.Constant(value=str(text)):
            return text
        case ast.FormattedValue(value=inner):
            return _text(file, inner, quick)
        case ast.JoinedStr(values=parts):
            return "".join(_text(file, part, quick) for part in parts)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _text(file, left, quick) + _text(file, right, quick)
        case ast.BinOp(left=ast.Constant(value=str(text)), op=ast.Mod(), right=given):
            values = given.elts if isinstance(given, ast.Tuple) else [given]
            texts = (_text(file, each, quick) for each in values)
            return _CONVERSION.sub(lambda found: "%" if found[0] == "%%" else next(texts, HOLE), text)
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str(text)), attr="format")):
            return _FIELD.sub(HOLE, text)
        case ast.Name() if _is_quick_variable(file, expr, frozenset(quick)):
            return "true"
    return HOLE


@recursive_query(False)
def _is_quick_variable(file: File, name: ast.Name, quick: frozenset[str]) -> bool:
    values = _values_at(file, name)
    if not values or (None in values and name.id not in quick):
        return False
    return all(each is None or _is_quick_command(file, each, quick) for each in values)


# -- the values that may reach a variable -------------------------------------------------------------------------


def _values_at(file: File, name: ast.Name) -> list[ast.expr | None] | None:
    """Return the values that a local variable may have at a place; None among them: what its function was given.

    None if it is bound in another way, by a loop or a `with`, or not here.
    """
    scope = file.scope_of(name)
    bindings = Bindings.of(file)
    place = bindings.place(name)
    if place is None or place.scope is not scope or place in bindings.unclear:
        return None
    found: list[ast.expr | None] = []
    below: ast.AST = name
    for above in file.around(name):
        for block in (getattr(above, each, None) for each in _BLOCKS):
            if isinstance(block, list) and below in block:
                for statement in reversed(block[: block.index(below)]):
                    found += _assigned_values(statement, name.id)
                    if _always_assigns(statement, name.id):
                        return found
        if isinstance(above, (*FUNCTION, ast.Module)):
            return [*found, None] if isinstance(above, FUNCTION) else found
        if isinstance(above, (ast.Lambda, ast.ClassDef)):
            return None
        if isinstance(above, (ast.For, ast.AsyncFor, ast.While)) or (
            isinstance(above, ast.Try) and below not in above.body
        ):
            found += _assigned_values(above, name.id)
        below = above
    return None


def _assigned_values(statement: ast.AST, name: str) -> Iterator[ast.expr]:
    """Yield the values that a statement, or one within it, assigns to a variable."""
    for part in ast.walk(statement):
        match part:
            case ast.Assign(targets=targets, value=value) if any(_is_name(each, name) for each in targets):
                yield value
            case ast.AnnAssign(target=target, value=ast.expr() as value) if _is_name(target, name):
                yield value
            case ast.AugAssign(target=target, op=op, value=value) if _is_name(target, name):
                yield ast.copy_location(ast.BinOp(target, op, value), part)
            case ast.NamedExpr(target=target, value=value) if target.id == name:
                yield value


def _always_assigns(statement: ast.AST, name: str) -> bool:
    match statement:
        case ast.Assign(targets=targets):
            return any(_is_name(each, name) for each in targets)
        case ast.AnnAssign(target=target, value=ast.expr()):
            return _is_name(target, name)
        case ast.If(body=body, orelse=other):
            return all(any(_always_assigns(each, name) for each in block) for block in (body, other))
    return False


def _is_name(target: ast.expr, name: str) -> bool:
    return isinstance(target, ast.Name) and target.id == name
