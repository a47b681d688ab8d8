"""Django's management commands, by the names that `call_command` uses."""

from __future__ import annotations

import ast

from dbhygiene.program.classes import FunctionAt, class_named, function_named
from dbhygiene.program.definitions import Definition
from dbhygiene.source.file import File
from dbhygiene.source.queries import query


def command_of_call(file: File, call: ast.Call) -> FunctionAt | None:
    """Return the `handle` that `call_command("name")` or `call_command(Command())` runs, if the project defines it.

    Return None if the call turns prompts off: such a command does not wait for a person.
    """
    if any(_silences(argument) for argument in (*call.args, *call.keywords)):
        return None
    match call.args:
        case [ast.Constant(value=str(name)), *_]:
            cls = _commands(file).get(name)
        case [ast.Call(func=maker), *_]:
            resolved = file.resolve(maker)
            cls = class_named(file, resolved) if resolved else None
        case _:
            cls = None
    return function_named(cls.file, f"{cls.dotted_name}.handle") if cls else None


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
