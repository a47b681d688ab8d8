"""`Serving`: the server that runs each request of a Django site in a thread of its own.

command: daphne shop.asgi:application    # in a compose file: by daphne, with the line as a step
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import inf

from dbhygiene.config.settings import Confidence
from dbhygiene.diagnostics.model import Step
from dbhygiene.gaps.asgi import may_use_own_threads
from dbhygiene.library.test_files import is_example, is_test_file
from dbhygiene.servers.facts import server_facts
from dbhygiene.servers.model import FileLine, ServingCommand
from dbhygiene.servers.steps import step
from dbhygiene.source.file import File
from dbhygiene.source.queries import query
from dbhygiene.source.records import Record

_STARTS = {"granian": re.compile(r"\bGranian\("), "uvicorn": re.compile(r"\buvicorn\.(?:run|Config)\(")}
_APPLICATION = re.compile(r"""["']([A-Za-z_][\w.]*\.?asgi[\w.]*):\w+["']""")
_FOR_DEVELOPMENT = re.compile(r"(?:^|[._/-])(?:local|dev|devel|develop|development)(?:[._/-]|$)", re.IGNORECASE)
_DJANGO = re.compile(r"django|channels", re.IGNORECASE)


class Serving(Record):
    """A server that runs each request of a site in a thread, or greenlet, of its own."""

    program: str  # with its class of workers, if that matters
    place: str
    step: Step
    confidence: Confidence


@query
def request_threads(settings: File) -> Serving | None:
    """Return the server that gives each request of a site its own thread; None if none is known to serve it.

    It is only possible if another command serves the site by WSGI: one may be for websockets.
    """
    own = _commands(settings)
    found = next(_serving_by_command(settings, own), None) or next(_serving_by_program(settings), None)
    if found is None or not any(map(_is_plain, own)):
        return found
    return Serving(found.program, found.place, found.step, Confidence.POSSIBLE)


def is_served_by_wsgi(settings: File) -> bool:
    """Whether a command serves a site by WSGI, in threads that are used again."""
    return any(map(_is_plain, _commands(settings)))


@query
def _commands(settings: File) -> list[ServingCommand]:
    """Return the commands that serve a site; those for development only if there are no others."""
    found = [command for command in server_facts(settings.project).commands if _serves(settings, command)]
    return [command for command in found if not _FOR_DEVELOPMENT.search(command.place.name)] or found


def _is_plain(command: ServingCommand) -> bool:
    return command.interface == "wsgi" and command.threads != inf


def _serving_by_command(settings: File, commands: list[ServingCommand]) -> Iterator[Serving]:
    for command in commands:
        if command.interface == "asgi" and not may_use_own_threads(settings, command.application):
            continue  # the handler of Channels uses one thread for all requests
        if command.interface == "asgi" or (command.interface == "wsgi" and command.threads == inf):
            program = command.program
            if program == "gunicorn":
                program = f"gunicorn and {command.worker.rpartition('.')[2]} workers"
            message = f"{command.program} serves the project here"
            yield Serving(
                program, str(command.place), step(settings.project, command.place, message), Confidence.CERTAIN
            )


def _serves(settings: File, command: ServingCommand) -> bool:
    """Whether a command, other than one for development, serves the site of these settings."""
    name = command.application.partition(":")[0]
    if not name or command.is_development or command.program == "celery":
        return False
    module = settings.project.module(name, settings)
    if module is None or not _DJANGO.search(module.text):
        return False
    return _is_near(module, command.place, settings)


def _is_near(module: File, place: FileLine, settings: File) -> bool:
    """Whether a command means this module: it is the only one of its name, or lies below the command's directory."""
    root = settings.project.root
    end = f"/{module.path.parent.name}/{module.path.name}"
    word = "get_asgi_application" if "get_asgi_application" in module.text else "get_wsgi_application"
    same = [each for each in settings.project.files_containing(word) if f"/{each.path.as_posix()}".endswith(end)]
    around = place.name.rpartition("/")[0]
    return len(same) < 2 or (root is not None and bool(around) and module.path.is_relative_to(root / around))


def _serving_by_program(settings: File) -> Iterator[Serving]:
    """Yield the servers that the project's own programs start."""
    for word, pattern in _STARTS.items():
        for other in settings.project.files_containing(word):
            started = pattern.search(other.text)
            if started is None or is_test_file(other) or is_example(other):
                continue
            for found in _APPLICATION.finditer(other.text):
                module = settings.project.module(found[1], settings)
                if module is None or not _DJANGO.search(module.text) or "reload=True" in other.text:
                    continue
                if may_use_own_threads(settings, found[0].strip("\"'")):
                    span = other.text_span(*found.span())
                    place = f"{other.relative_name}:{span.line}"
                    yield Serving(
                        word, place, Step(other.path, span, f"{word} serves the project here"), Confidence.CERTAIN
                    )
