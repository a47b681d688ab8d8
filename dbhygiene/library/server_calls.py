"""`asks`: which uses of a connection query the server, which only test the connection, and which do neither."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from dbhygiene.library.words import words
from dbhygiene.source.file import File, file_query
from dbhygiene.source.lazy_pattern import lazy_pattern
from dbhygiene.source.nodes import Function

# Methods and attributes of a connection by which a program looks after it: it is as good as new afterwards.
REFRESHES = words(
    """ping reconnect connect is_connected open reset_session cmd_reset_connection ensure_connection set_session
    invalidate detach"""
)
# Methods of a connection that stay on this side of the wire.
_LOCAL = words(
    """cursor close autocommit escape escape_string literal encode get_server_info get_host_info character_set_name
    get_autocommit set_charset_collation add_converter set_converter_class config begin_nested execution_options"""
)
# Methods of a cursor that send something; rows have mostly arrived before they are fetched.
_SENDS = words("execute executemany callproc nextset execute_async scalar scalars")

# Methods of a cursor, and of a connection, that send a statement which its arguments or its name say.
CURSOR_ASKS = words("execute executemany callproc execute_async fetch copy_from copy_expert copy_to copy")
CONNECTION_ASKS = words(
    """execute executemany query select_db fetch fetchrow fetchval run cmd_query begin start_transaction
    get_server_status show_warnings stat kill"""
)

# What a program writes that waits, in its own words or by those of its functions: a file without it is not searched.
_WAITS = (
    r"sleep|wait|pause|delay|interval|poll|queue|listen|consume|subprocess|schedul|serve|loop|on_\w+ =|@\w+\.\w+"
    r"|\bwhile\b"
)
_MAY_WAIT = lazy_pattern(rf"{_WAITS}|prompt|\binput\(")
_MAY_WAIT_FOR_PROGRAM = lazy_pattern(_WAITS)
_SETS_TIMEOUT = r"(?i)\bset\b[^\"'\n]*\bwait_timeout\b"

# The call that makes a connection of a driver reconnect if it has to.
PINGS = {"pymysql": "ping(reconnect=True)", "mysql.connector": "ping(reconnect=True)"}


@file_query
def may_wait(file: File) -> bool:
    """Whether a program has a word of waiting, or names what the user says to take long."""
    return _MAY_WAIT.search(file.text) is not None or _mentions_configured(file)


@file_query
def may_wait_for_program(file: File) -> bool:
    """Whether a program may wait for more than the answers of a person to its questions.

    Only its code decides: an address such as `me@example.com` in a comment is no decorator.
    """
    if _mentions_configured(file):
        return True
    if _MAY_WAIT_FOR_PROGRAM.search(file.text) is None:
        return False
    return any(_MAY_WAIT_FOR_PROGRAM.search(words) is not None for words in _words_of_code(file))


def _words_of_code(file: File) -> Iterator[str]:
    """Yield the words of a program's code: its names, decorators, assignments to fields, loops and packages."""
    for name in file.nodes(ast.Name):
        yield name.id
    for attribute in file.nodes(ast.Attribute):
        yield attribute.attr if isinstance(attribute.ctx, ast.Load) else f"{attribute.attr} ="
    for keyword in file.nodes(ast.keyword):
        yield keyword.arg or ""
    definitions: list[Function | ast.ClassDef] = [*file.nodes(ast.FunctionDef), *file.nodes(ast.AsyncFunctionDef)]
    for definition in (*definitions, *file.nodes(ast.ClassDef)):
        yield definition.name
        yield from (f"@{file.segment(each)}" for each in definition.decorator_list)
    yield from ("while" for _ in file.nodes(ast.While))
    for imported in file.nodes(ast.ImportFrom):
        yield (imported.module or "").partition(".")[0]
    for statement in file.nodes(ast.Import):
        yield from (each.name.partition(".")[0] for each in statement.names)


def _mentions_configured(file: File) -> bool:
    return any(name.rpartition(".")[2] in file.text for name in file.project.settings.gaps)


@file_query
def sets_timeout(file: File) -> bool:
    """Whether a program sets the server's timeout."""
    return "wait_timeout" in file.text.lower() and re.search(_SETS_TIMEOUT, file.text) is not None


def asks(method: str, *, of_connection: bool) -> bool:
    """Whether a method of a connection, or of a cursor, queries the server."""
    return method not in _LOCAL if of_connection else method in _SENDS
