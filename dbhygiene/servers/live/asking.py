"""`ask`: one connection, a few queries, and a limit of time for all of them together."""

from __future__ import annotations

from threading import Thread

from dbhygiene.config.errors import UsageError
from dbhygiene.servers.live import mysql, postgresql
from dbhygiene.servers.live.drivers import connect
from dbhygiene.servers.live.failures import failure
from dbhygiene.servers.live.model import LiveServer
from dbhygiene.servers.live.target import ServerTarget

SECONDS = 10  # for everything: not all drivers have a limit for each answer
_ASK = {"mysql": mysql.ask, "postgresql": postgresql.ask}


def ask(target: ServerTarget, seconds: float = SECONDS) -> LiveServer:
    """Ask a server; raise AskError if it cannot be asked, and UsageError if no driver is installed."""
    answer: list[LiveServer | BaseException] = []  # filled in by the thread

    def run() -> None:
        try:
            answer.append(_ask(target))
        except BaseException as error:  # it is raised below, in the thread that waits
            answer.append(error)

    thread = Thread(target=run, daemon=True)  # one that hangs does not keep the process
    thread.start()
    thread.join(seconds)
    found = answer[0] if answer else TimeoutError("timed out")
    if isinstance(found, LiveServer):
        return found
    if isinstance(found, UsageError):
        raise found
    raise failure(found, target) from None


def _ask(target: ServerTarget) -> LiveServer:
    session = connect(target)
    try:
        return _ASK[target.database](session)
    finally:
        session.close()
