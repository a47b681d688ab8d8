"""`commands_of_call`: the management commands of the project that a `call_command` may run.

for name in ("load", "purge"):
    call_command(name)               # the `handle` of load.py, and that of purge.py
"""

from __future__ import annotations

import ast

from dbhygiene.program.arguments import bind_arguments, named_parameters
from dbhygiene.program.callers import callers
from dbhygiene.program.classes import FunctionAt, class_named, function_named
from dbhygiene.program.definitions import Definition
from dbhygiene.program.dispatch import items_in_loops
from dbhygiene.program.evaluation import evaluate
from dbhygiene.program.values import Constant, options
from dbhygiene.source.file import File, function_around
from dbhygiene.source.queries import query


def commands_of_call(file: File, call: ast.Call) -> tuple[FunctionAt, ...] | None:
    """Return the `handle`s that `call_command` may run, of the project's commands; None if its command is unknown.

    Return none if the call turns prompts off: such a command does not wait for a person.
    """
    if any(_silences(argument) for argument in (*call.args, *call.keywords)):
        return ()
    match call.args:
        case [ast.Call(func=maker), *_] if (resolved := file.resolve(maker)) and (cls := class_named(file, resolved)):
            found = [cls]
        case [ast.Starred(), *_] | []:
            return None
        case [name, *_]:
            names = names_of_command(file, name)
            if names is None:
                return None
            found = [cls for each in names if (cls := _commands(file).get(each)) is not None]
    handles = (function_named(cls.file, f"{cls.dotted_name}.handle") for cls in found)
    return tuple(each for each in handles if each is not None)


def names_of_command(file: File, expr: ast.expr) -> list[str] | None:
    """Return the names of commands that an expression may be; None if one is unknown.

    For a variable of a loop, they are the loop's items; for a parameter, the arguments of the project's calls.
    """
    given = _arguments_for_parameter(file, expr) or [(file, each) for each in items_in_loops(file, expr) or [expr]]
    known = [option for owner, each in given for option in options(evaluate(owner, each))]
    names = [option.value for option in known if isinstance(option, Constant) and isinstance(option.value, str)]
    return names if len(names) == len(known) else None


def _arguments_for_parameter(file: File, expr: ast.expr) -> list[tuple[File, ast.expr]]:
    """Return the arguments of the project's calls for a parameter that an expression is."""
    function = function_around(file, expr)
    if not isinstance(expr, ast.Name) or function is None:
        return []
    if expr.id not in {each.arg for each in named_parameters(function)}:
        return []
    bound = ((other, bind_arguments(call, function, bound=owned)) for other, call, owned in callers(file, function))
    return [(other, words[expr.id]) for other, words in bound if expr.id in words]


@query
def _commands(file: File) -> dict[str, Definition]:
    """Return the project's commands, by name."""
    found: dict[str, Definition] = {}
    for each in file.project.parsed_files_containing("class Command("):
        node = each.scope.defined.get("Command")
        if each.path.parent.name == "commands" and isinstance(node, ast.ClassDef):
            found.setdefault(each.path.stem, Definition(each, node, "Command"))
    return found


def _silences(argument: ast.AST) -> bool:
    """Whether an argument is `interactive=False`, `no_input=True`, `"--no-input"` or the like."""
    match argument:
        case ast.keyword(arg="interactive", value=ast.Constant(value=False)):
            return True
        case ast.keyword(arg="no_input" | "noinput" | "no_confirm" | "yes" | "force", value=ast.Constant(value=True)):
            return True
    return isinstance(argument, ast.Constant) and argument.value in ("--no-input", "--noinput", "--yes", "-y")
