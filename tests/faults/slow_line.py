"""A TCP line to a server that can hold back a COMMIT and outlive its client, as a real network may."""

import socket
import threading
from contextlib import suppress

_STEP_BYTES = 1 << 16


class SlowLine:
    """Forwards connections to a server on loopback. Use as a context manager.

    The COMMIT of that ordinal stays in the line (an early one: drivers soon send prepared statements, which do not say
    the word); the server's side of its connection then stays open, whatever becomes of the client, until `deliver` or
    `drop`.
    """

    def __init__(self, server_port: int, held_commit: int) -> None:
        self._server_port, self._commits_to_go = server_port, held_commit
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.holding = threading.Event()
        self._held = b""
        self._survivor: socket.socket | None = None
        self._open: list[socket.socket] = []

    def __enter__(self) -> "SlowLine":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for each in [self._listener, *self._open]:
            each.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._server_port))
                self._open += [client, server]
                threading.Thread(target=self._to_server, args=(client, server), daemon=True).start()
                threading.Thread(target=self._to_client, args=(server, client), daemon=True).start()

    def _to_server(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(_STEP_BYTES):
                self._commits_to_go -= data.count(b"COMMIT\0")
                if self._commits_to_go == 0 and b"COMMIT\0" in data:
                    self._held, self._survivor = data, server
                    self.holding.set()
                    return
                server.sendall(data)
        with suppress(OSError):
            server.shutdown(socket.SHUT_WR)

    def _to_client(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(_STEP_BYTES):
                # The client may be gone; the server must not hear of it.
                with suppress(OSError):
                    client.sendall(data)
            client.shutdown(socket.SHUT_WR)

    def deliver(self) -> None:
        """Sends what was held back."""
        assert self._survivor is not None
        self._survivor.sendall(self._held)

    def drop(self) -> None:
        """Ends the surviving connection without its COMMIT."""
        assert self._survivor is not None
        self._survivor.shutdown(socket.SHUT_RDWR)
