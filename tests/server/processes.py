"""Programs that the tests start, on a port of their own: gone when their owner is."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

HOST = "127.0.0.1"
SECONDS = 60  # a server that is not up, or a program that has not ended, by then will never be

_UNTIL_STDIN_CLOSES = '"$@" & server=$!; read -r _; kill -KILL "$server"; wait "$server"'
_NO_OWNER: Mapping[str, Any] = MappingProxyType({})


@contextmanager
def running(
    command: list[str], log: Path, directory: Path | None = None, owner: Mapping[str, Any] = _NO_OWNER
) -> Iterator[None]:
    """A program that runs until the block is left; `owner`: arguments of Popen that name its user."""
    with ExitStack() as stack, log.open("wb") as words:
        # However this process ends, the pipe is closed, and the shell at its other end kills the program.
        shell = subprocess.Popen(
            ["sh", "-c", _UNTIL_STDIN_CLOSES, "sh", *command],
            stdin=subprocess.PIPE,
            stdout=words,
            stderr=words,
            cwd=directory,
            start_new_session=True,
            **owner,
        )
        assert shell.stdin is not None
        stack.callback(shell.wait)
        stack.callback(shell.stdin.close)
        yield


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def program(name: str, places: str) -> str:
    found = shutil.which(name, path=places)
    assert found is not None
    return found
