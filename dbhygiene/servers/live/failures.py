"""`AskError`: why a server could not be asked, in one line without a secret."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import quote, quote_plus

from dbhygiene.servers.live.drivers import code_of, error_text
from dbhygiene.servers.live.target import ServerTarget


class AskError(Exception):
    """A server could not be asked: what happened, and what to do."""

    def __init__(self, message: str, advice: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice


# Codes of MySQL's drivers and SQLSTATEs, words of messages, what happened, what to do: the first that fits.
_KINDS: tuple[tuple[Sequence[int | str], str, str, str], ...] = (
    (
        (1040, 1203, 1226, "53300"),
        r"too many (?:clients|connections)|connection slots are reserved|no more connections allowed",
        "{place} refuses the connection: all connections that `{user}` may have are open ({error})",
        "as an administrator, find out which programs hold them",
    ),
    (
        (1045, 1698, 1130, 1044, "28P01", "28000"),
        r"password authentication failed|access denied|no pg_hba\.conf entry|no such user|role .* does not exist"
        r"|authentication failed|no password supplied",
        "{place} refuses `{user}` ({error})",
        "check user and password, and from which hosts the account may connect",
    ),
    (
        (2026, 3159),
        r"\bssl\b|\btls\b|certificate|secure transport|'cryptography' package",
        "no connection to {place} by TLS ({error})",
        "add options such as `?ssl_ca=/path/ca.pem` (MySQL) or `?sslmode=require` (PostgreSQL)",
    ),
    (
        (1049, "3D000"),
        r"unknown database|database .* does not exist",
        "{place} has no such database",
        "correct the name of the database",
    ),
    (
        (),
        r"connection refused|\(111\)|errno 111",
        "nothing listens at {place} (connection refused)",
        "start the server, or correct host and port",
    ),
    (
        (2005,),
        r"name or service not known|could not translate host|nodename nor servname|name resolution|getaddrinfo"
        r"|unknown (?:mysql |mariadb )?(?:server )?host|failed to resolve|no address associated",
        "the name of the host `{host}` is not known",
        "correct it",
    ),
    (
        (),
        r"no route to host|network is unreachable",
        "{place} cannot be reached from here",
        "check the address, and the network in between",
    ),
    ((), r"timed out|timeout|deadline", "{place} does not answer", "check the address, and firewalls in between"),
    (
        (),
        r"no such file or directory",
        "there is no socket {place}",
        "start the server, or correct the path",
    ),
    (
        (2006, 2013, 2055, 4031, "57P01", "57P02", "57P03", "08006", "08P01"),
        r"closed the connection|lost connection|reset by peer|broken pipe|terminating connection|network error|eof"
        r"|connection is closed|starting up|shutting down|server has gone away",
        "{place} closed the connection before it had answered",
        "run this again; if that fails, too, see the server's log",
    ),
)


def failure(error: BaseException, target: ServerTarget) -> AskError:
    """Return the failure that an error of a driver stands for."""
    code, text = code_of(error), error_text(error)
    brief = _brief(code, _without_secrets(text, target))
    named = {"place": target.place, "user": target.user, "host": target.host, "error": brief}
    is_late = "timed out" in text.lower()  # drivers give it the numbers of other losses
    by_code = next((kind for kind in _KINDS if code in kind[0] and not is_late), None)
    kind = by_code or next((kind for kind in _KINDS if re.search(kind[1], text, re.IGNORECASE)), None)
    if kind is None:
        return AskError(f"{target.place}: {type(error).__name__}: {brief}")
    return AskError(kind[2].format(**named), kind[3])


def _without_secrets(text: str, target: ServerTarget) -> str:
    password = str(target.password)
    for secret in {password, quote(password, safe=""), quote_plus(password), repr(password)[1:-1]} - {""}:
        text = text.replace(secret, "...")
    return text


_NOISE = re.compile(r"""^\(\d+, ["'](.*)["']\)$|^.*?(?:FATAL|ERROR):\s*|^connection failed:\s*""", re.DOTALL)


def _brief(code: int | str, text: str) -> str:
    """Return the code of an error and the first line of its text, without what drivers write around it."""
    inner = _NOISE.sub(lambda found: found[1] or "", text.strip())
    line = next((line.strip() for line in inner.splitlines() if line.strip()), "no reason given")
    short = f"{line[:150]}..." if len(line) > 150 else line
    return f"{code}: {short}" if code and str(code) not in short else short
