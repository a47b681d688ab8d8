"""`commands`: the servers that a command line starts: `gunicorn`, `uvicorn` and the like, in a shell's argument, too.

exec gunicorn -w 4 --threads 8 shop.wsgi  # ServingCommand("gunicorn", application="shop.wsgi", processes=4, threads=8)

Command lines are those of shell scripts (`shell_commands`), lists of words, and the servers' own files.
"""

from __future__ import annotations

import ast
import posixpath
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from math import inf

from dbhygiene.library.deployment import ASGI_SERVERS, SERVERS, WITHOUT_VALUE, WRAPPERS
from dbhygiene.servers.model import FileLine, ServingCommand
from dbhygiene.source.deployment import Deployment
from dbhygiene.source.lazy_pattern import lazy_pattern
from dbhygiene.source.records import replace

NAMES = lazy_pattern("|".join(sorted(SERVERS)))
_SUBSTITUTION = lazy_pattern(r"%\(\w+\)s|\$\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)|`[^`]*`|\$\{[^{}\s]*\s[^{}]*\}")
_DEFAULT = lazy_pattern(r"\$\{\w+:?-([^{}$]*)\}")
_ENDS = lazy_pattern(r"[;&|()<>\n]+")
_APPLICATION = lazy_pattern(r"(?:asgi:|wsgi:)?([A-Za-z_][\w.]*:[A-Za-z_][\w.]*)(?:\(.*\))?")
_MODULE = lazy_pattern(r"([A-Za-z_]\w*(?:\.\w+)*)")
_TAKES_USER = ("gosu", "su-exec", "chpst")
_SHELLS = ("sh", "bash", "ash", "zsh", "dash")
_RUNS_TEXT = lazy_pattern(r"-[a-z]*c")
_COUNTS_PROCESSES = lazy_pattern(r"(?:^|\s)(?:-w|--workers|-c|--config)")
_PLAIN_WORKERS = ("", "sync", "gthread", "gunicorn.workers.sync.SyncWorker", "gunicorn.workers.gthread.ThreadWorker")
_CONFIGURATION = "gunicorn.conf.py"
_MOST_OTHERS = 3  # words that belong to no option: more are prose, as in `gunicorn: starts the server for you`
_NUMBER_VARIABLE = "WEB_CONCURRENCY"  # gunicorn and uvicorn read it if no option says how many processes there are
_ASGI_WORKER = lazy_pattern(r"uvicorn|hypercorn|asgi|daphne|granian", re.IGNORECASE)
_GREEN = lazy_pattern(r"gevent|eventlet|greenlet|tornado", re.IGNORECASE)


def shell_commands(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the simple commands of a shell script that name a server, as words, each with its line."""
    logical, start = "", 1
    for number, line in enumerate(text.split("\n"), 1):
        if not logical:
            start = number
        stripped = line.strip()
        if stripped.startswith("#"):
            continue
        if stripped.endswith("\\"):
            logical += stripped[:-1] + " "
            continue
        logical += line
        if NAMES.search(logical):
            yield from ((start, words) for words in split(logical))
        logical = ""


def split(text: str) -> Iterator[list[str]]:
    """Yield the simple commands of one line, each as its words; what the shell would substitute is `$`."""
    text = _SUBSTITUTION.sub("$", text)
    lexer = shlex.shlex(text, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    lexer.commenters = ""
    words: list[str] = []
    try:
        for word in lexer:
            if _ENDS.fullmatch(word):
                yield words
                words = []
            else:
                words.append(word)
    except ValueError:  # a quotation that does not end
        return
    yield words


def commands(words: Sequence[str], place: FileLine, files: Deployment) -> Iterator[ServingCommand]:
    """Yield the servers that a command starts; a shell's argument is a command itself."""
    shell = next((number for number, word in enumerate(words) if word.rpartition("/")[2] in _SHELLS), None)
    if shell is not None and _RUNS_TEXT.fullmatch("".join(words[shell + 1 : shell + 2])):
        inner = next((word for word in words[shell + 1 :] if not word.startswith("-")), "")
        for _, each in shell_commands(inner):
            yield from commands(each, place, files)
        return
    at = _program_at(words)
    program = words[at].rpartition("/")[2] if at is not None else ""
    if at is not None and program in _READ:
        given = _Arguments(words[at + 1 :])
        if len(given.others) > _MOST_OTHERS:
            return
        found = _READ[program](given, ServingCommand(program, place))
        if found is not None and not _is_uwsgi_file(found):  # the file is read for itself
            yield _with_configuration(found, given, files)


def with_lines(words: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    """Return words, each with the line in which its text begins, with the lines that name servers in scripts."""
    found = []
    for word, line in words:
        named = NAMES.search(word)
        found.append((word, line + word.count("\n", 0, named.start()) if named else line))
    return found


def with_variables(found: ServingCommand, words: Sequence[str], environment: Mapping[str, str]) -> ServingCommand:
    """Return a command with the number of processes that the environment of its container gives."""
    value = environment.get(_NUMBER_VARIABLE, "")
    text = " ".join(words)
    if found.program not in ("gunicorn", "uvicorn") or not value.isdigit() or found.processes != 1:
        return found
    return found if _COUNTS_PROCESSES.search(text) else replace(found, processes=max(1, int(value)))


def programs_of(words: Sequence[str]) -> set[str]:
    """Return the programs that a command runs: the first word that is no wrapper, in a shell's argument, too."""
    found = set()
    before = ""
    for word in words:
        base = word.rpartition("/")[2]
        if base in _SHELLS:
            inner = next((each for each in words if " " in each), "")
            return {program for each in split(inner) for program in programs_of(each)}
        if not (word.startswith("-") or "=" in word or base in WRAPPERS or before in _TAKES_USER):
            found.add(base)
            break
        before = base
    return found


def _program_at(words: Sequence[str]) -> int | None:
    """Return the index of the server in a command: before it are only words that run it, and their options."""
    start = max((number for number, word in enumerate(words) if word == "--" and number + 1 < len(words)), default=-1)
    if start >= 0 and words[start + 1].rpartition("/")[2] in {*SERVERS, *WRAPPERS}:
        words, skipped = words[start + 1 :], start + 1
    else:
        skipped = 0
    before = ""
    for number, word in enumerate(words):
        base = word.rpartition("/")[2]
        if base in SERVERS:
            return number + skipped
        is_value = before.startswith("-") or before in _TAKES_USER
        if not (word.startswith(("-", "$")) or "=" in word or base in WRAPPERS or is_value):
            return None
        before = base
    return None


class _Arguments:
    """The arguments of a command: options with their values, and other words."""

    def __init__(self, words: Sequence[str]) -> None:
        self.options: dict[str, str] = {}
        self.others: list[str] = []
        option = ""
        for word in words:
            if word.startswith("--"):
                name, equals, value = word.partition("=")
                self.options[name] = value
                option = "" if equals or name in WITHOUT_VALUE else name
            elif word.startswith("-") and len(word) > 1 and not word[1].isdigit():
                self.options[word[:2]] = word[2:].removeprefix("=")
                option = "" if len(word) > 2 or word in WITHOUT_VALUE else word
            elif option:
                self.options[option] = word
                if _APPLICATION.fullmatch(word) and option not in ("-b", "--bind", "-k", "--worker-class", "-c"):
                    self.others.append(word)
                option = ""
            else:
                self.others.append(word)

    def get(self, *names: str) -> str:
        found = next((self.options[name] for name in names if name in self.options), "")
        return _DEFAULT.sub(r"\1", found)

    def number(self, *names: str) -> int:
        """Return a number that is written out, 0 if there is none: an environment's default may be overridden."""
        value = next((self.options[name] for name in names if name in self.options), "")
        return int(value) if value.isdigit() else 0

    @property
    def application(self) -> str:
        words = [_DEFAULT.sub(r"\1", word) for word in self.others]
        for pattern in (_APPLICATION, _MODULE):
            for word in words:
                if found := pattern.fullmatch(word):
                    return found[1]
        return ""


def _gunicorn(given: _Arguments, found: ServingCommand) -> ServingCommand:
    worker = given.get("-k", "--worker-class")
    return gunicorn_settings(
        replace(
            found,
            application=given.application,
            directory=given.get("--chdir").strip("/"),
            is_development="--reload" in given.options,
            threads=given.number("--threads") or 1,
            processes=given.number("-w", "--workers") or 1,
        ),
        worker,
    )


def gunicorn_settings(found: ServingCommand, worker: str) -> ServingCommand:
    """Return the command with what its class of workers implies."""
    is_green = _GREEN.search(worker) is not None
    is_plain = worker in _PLAIN_WORKERS
    interface = "asgi" if _ASGI_WORKER.search(worker) else "wsgi" if is_plain or is_green else ""
    return replace(found, worker=worker, interface=interface, threads=found.threads if is_plain else inf)


def _asgi(given: _Arguments, found: ServingCommand) -> ServingCommand:
    is_wsgi = given.get("--interface") == "wsgi" or any(word.startswith("wsgi:") for word in given.others)
    return replace(
        found,
        application=given.application,
        directory=given.get("--app-dir").strip("/"),
        interface="wsgi" if is_wsgi else "asgi",
        is_development="--reload" in given.options,
        processes=given.number("--workers", "-w") or 1,
        threads=inf,
    )


def _fastapi(given: _Arguments, found: ServingCommand) -> ServingCommand:
    """Read `fastapi run shop/main.py`: the file is the application's; without one, FastAPI looks for it itself."""
    made = _asgi(given, found)
    application = next((word for word in given.others if word.endswith(".py")), "")
    module = posixpath.normpath(application).removesuffix(".py").replace("/", ".")
    return replace(
        made,
        application=given.get("--entrypoint", "-e") or (module if application else ""),
        is_development="--reload" in given.options or given.others[:1] == ["dev"],
    )


def _granian(given: _Arguments, found: ServingCommand) -> ServingCommand:
    interface = given.get("--interface")
    threads = given.number("--blocking-threads") or 1 if interface == "wsgi" else inf
    return replace(
        _asgi(given, found), interface="asgi" if interface.startswith("asgi") else interface, threads=threads
    )


def _uwsgi(given: _Arguments, found: ServingCommand) -> ServingCommand:
    module = given.get("--module", "-w") or given.application
    return replace(
        found,
        application=module,
        interface="wsgi",
        processes=given.number("--processes", "-p", "--workers") or 1,
        threads=inf if "--gevent" in given.options else given.number("--threads") or 1,
    )


def _celery(given: _Arguments, found: ServingCommand) -> ServingCommand | None:
    number = given.number("-c", "--concurrency")
    if "worker" not in given.others or not number:
        return None
    pool = given.get("-P", "--pool") or "prefork"
    several = pool in ("prefork", "processes")
    return replace(
        found,
        application=given.get("-A", "--app"),
        worker=pool,
        processes=number if several else 1,
        threads=1 if several or pool == "solo" else number,
    )


_READ: dict[str, Callable[[_Arguments, ServingCommand], ServingCommand | None]] = {
    "gunicorn": _gunicorn,
    "granian": _granian,
    "uwsgi": _uwsgi,
    "uwsgi-core": _uwsgi,
    "celery": _celery,
    **dict.fromkeys(sorted(ASGI_SERVERS), _asgi),
    "fastapi": _fastapi,
    "waitress-serve": lambda given, found: replace(
        found, application=given.application, interface="wsgi", threads=given.number("--threads") or 4
    ),
}


# -- gunicorn's and uWSGI's own files -----------------------------------------------------------------------


def _with_configuration(found: ServingCommand, given: _Arguments, files: Deployment) -> ServingCommand:
    """Return a gunicorn command with the settings of its file; the command line holds where both say something."""
    if found.program != "gunicorn":
        return found
    named = given.get("-c", "--config").removeprefix("file:")
    name = _configuration(named, found, files)
    if name is None:
        return gunicorn_settings(found, "?") if named and not found.worker else found
    settings, unknown = _literals(files.text(name))
    number = settings.get("workers")
    processes = given.number("-w", "--workers") or (number if isinstance(number, int) else 1)
    threads = given.number("--threads") or settings.get("threads") or 1
    worker = found.worker or str(settings.get("worker_class") or ("?" if "worker_class" in unknown else ""))
    application = found.application or str(settings.get("wsgi_app") or "")
    changed = replace(
        found,
        processes=processes,
        threads=threads if isinstance(threads, int) else 1,
        application=application,
        is_development=found.is_development or settings.get("reload") is True,
    )
    return gunicorn_settings(changed, worker)


def _configuration(named: str, found: ServingCommand, files: Deployment) -> str | None:
    """Return the file of gunicorn's settings: the one that the command names, or the one that it reads by default."""
    if not named:
        usual = [name for name in files.names if name.rpartition("/")[2] == _CONFIGURATION]
        near = [name for name in usual if name.rpartition("/")[0] in ("", found.directory)]
        return near[0] if near else usual[0] if len(usual) == 1 else None
    parts = [part for part in named.split("/") if part not in (".", "..", "") and "$" not in part]
    for length in range(len(parts), 0, -1):
        end = "/".join(parts[-length:])
        for suffix in ("", ".py"):
            fits = [name for name in files.names if f"/{name}".endswith(f"/{end}{suffix}")]
            if len(fits) == 1:
                return fits[0]
    return None


def _literals(text: str) -> tuple[dict[str, object], set[str]]:
    """Return the constants that a module assigns, and the names of what else it assigns."""
    known: dict[str, object] = {}
    unknown: set[str] = set()
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return known, {"worker_class", "workers"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            for target in (target for target in node.targets if isinstance(target, ast.Name)):
                if isinstance(node.value, ast.Constant) and target.id not in known:
                    known[target.id] = node.value.value
                else:
                    known.pop(target.id, None)
                    unknown.add(target.id)
    return {name: value for name, value in known.items() if name not in unknown}, unknown


def _is_uwsgi_file(found: ServingCommand) -> bool:
    return found.program.startswith("uwsgi") and found.application.endswith((".ini", ".yaml", ".yml", ".xml"))


def uwsgi_command(options: Mapping[str, tuple[str, int]], name: str) -> ServingCommand | None:
    """Return the server that a file of uWSGI describes, by the last value of each of its options."""
    module = options.get("module") or options.get("wsgi") or options.get("wsgi-file")
    if module is None:
        return None
    processes, line = options.get("processes") or options.get("workers") or ("1", module[1])
    threads = options.get("threads", ("1", 0))[0]
    return ServingCommand(
        "uwsgi",
        FileLine(name, line),
        application=module[0].removesuffix(".py").removeprefix("./").replace("/", "."),
        processes=int(processes) if processes.isdigit() else 1,
        threads=inf if "gevent" in options else int(threads) if threads.isdigit() else 1,
        interface="wsgi",
    )
