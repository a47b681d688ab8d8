"""Django's management commands, by the names that `call_command` uses."""

from __future__ import annotations

import ast

from dbhygiene.program.classes import FunctionAt, class_named, function_named
from dbhygiene.program.definitions import Definition
from dbhygiene.program.dispatch import items_in_loops
from dbhygiene.program.evaluation import evaluate
from dbhygiene.program.values import Constant, options
from dbhygiene.source.file import File
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
    """Return the names of commands that an expression may be, also as a loop's variable; None if one is unknown."""
    items = items_in_loops(file, expr)
    known = [option for each in (items or [expr]) for option in options(evaluate(file, each))]
    names = [option.value for option in known if isinstance(option, Constant) and isinstance(option.value, str)]
    return names if len(names) == len(known) else None


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
