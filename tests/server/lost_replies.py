"""A proxy before the server that loses one reply: the statement is done, and its client hears of a lost connection."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from threading import Lock, Thread

from .processes import HOST

_QUERY = b"\x03"  # the command of a packet, behind three bytes for its length and one for its number
_SIZE = 1 << 16


class _Proxy:
    def __init__(self, port: int, statement: bytes) -> None:
        self._port, self._statement = port, statement
        self._lock = Lock()
        self._lost = False

    def serve(self, listener: socket.socket) -> None:
        with suppress(OSError):  # the listener is closed
            while True:
                client, _ = listener.accept()
                Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        """Carry the bytes of one connection: in this protocol, client and server take turns."""
        with closing(client), closing(socket.create_connection((HOST, self._port))) as server, suppress(OSError):
            back = Thread(target=_copy, args=(server, client), daemon=True)
            back.start()
            while sent := client.recv(_SIZE):
                if self._is_to_lose(sent):
                    client.shutdown(socket.SHUT_RDWR)
                    server.sendall(sent)
                    back.join()  # until the server has replied
                    return
                server.sendall(sent)

    def _is_to_lose(self, packet: bytes) -> bool:
        with self._lock:
            found = packet[4:5] == _QUERY and packet[5:].upper().startswith(self._statement) and not self._lost
            self._lost = self._lost or found
            return found


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while got := source.recv(_SIZE):
            target.sendall(got)


@contextmanager
def losing_reply(port: int, statement: str) -> Iterator[int]:
    """Give the port of a proxy that loses the reply to the first statement that begins with these words."""
    with ExitStack() as stack:
        listener = stack.enter_context(closing(socket.create_server((HOST, 0))))
        stack.callback(listener.shutdown, socket.SHUT_RDWR)
        proxy = _Proxy(port, statement.upper().encode())
        Thread(target=proxy.serve, args=(listener,), daemon=True).start()
        yield listener.getsockname()[1]
