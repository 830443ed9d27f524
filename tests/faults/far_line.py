"""A line to a server that is far away: every byte arrives late, and the line may be cut. Run as a program of its own.

    python far_line.py SOCKET PORT DELAY_SECONDS READY [CUT_AFTER_BYTES]

Forwards TCP connections on loopback to a server's Unix socket, so that nothing but the client's own line is TCP. What
is read is handed on after the delay, in each direction. The file READY is made once connections are taken. After so
many bytes towards the client every connection is cut, and no other is taken.
"""

import queue
import socket
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

_STEP_BYTES = 1 << 14


class Line:
    """All connections of the line, and how many bytes it still carries."""

    def __init__(self, server: str, delay_seconds: float, cut_after: int | None) -> None:
        self._server, self._delay, self._left = server, delay_seconds, cut_after
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()

    def take(self, listener: socket.socket) -> None:
        """Forwards connections until the line is cut."""
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._server)
                self._open += [client, server]
                self._forward(client, server, counted=False)
                self._forward(server, client, counted=True)

    def _forward(self, here: socket.socket, there: socket.socket, *, counted: bool) -> None:
        late: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()
        threading.Thread(target=self._read, args=(here, late), daemon=True).start()
        threading.Thread(target=self._write, args=(late, there, counted), daemon=True).start()

    def _read(self, here: socket.socket, late: "queue.SimpleQueue[tuple[float, bytes]]") -> None:
        data = b"-"
        while data:
            try:
                data = here.recv(_STEP_BYTES)
            except OSError:
                data = b""
            late.put((time.monotonic() + self._delay, data))

    def _write(self, late: "queue.SimpleQueue[tuple[float, bytes]]", there: socket.socket, counted: bool) -> None:
        with suppress(OSError):
            while True:
                due, data = late.get()
                time.sleep(max(0.0, due - time.monotonic()))
                if not data:
                    there.shutdown(socket.SHUT_WR)
                    return
                if counted and self._cut(len(data)):
                    return
                there.sendall(data)

    def _cut(self, count: int) -> bool:
        with self._lock:
            if self._left is None:
                return False
            self._left -= count
            if self._left > 0:
                return False
            for each in self._open:
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
            return True


def main(server: str, port: str, delay_seconds: str, ready: str, cut_after: str = "") -> None:
    """Serves until the process is ended."""
    line = Line(server, float(delay_seconds), int(cut_after) if cut_after else None)
    listener = socket.create_server(("127.0.0.1", int(port)))
    Path(ready).touch()
    line.take(listener)


if __name__ == "__main__":
    main(*sys.argv[1:])
