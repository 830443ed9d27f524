"""A TCP line to a server on loopback that can be cut, as a cable is, and takes new connections afterwards."""

import socket
import threading
from contextlib import suppress

_STEP_BYTES = 1 << 16


class CutLine:
    """Forwards connections to a server. Use as a context manager."""

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._open: list[socket.socket] = []

    def __enter__(self) -> "CutLine":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        self.cut()

    def cut(self) -> None:
        """Ends every connection that stands, without a goodbye on either side; new ones are taken."""
        for each in self._open:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        self._open = []

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._server_port))
                self._open += [client, server]
                for here, there in ((client, server), (server, client)):
                    threading.Thread(target=self._forward, args=(here, there), daemon=True).start()

    @staticmethod
    def _forward(here: socket.socket, there: socket.socket) -> None:
        with suppress(OSError):
            while data := here.recv(_STEP_BYTES):
                there.sendall(data)
        with suppress(OSError):
            there.shutdown(socket.SHUT_WR)
