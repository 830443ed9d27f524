"""A server that is none, on a line without TLS: whatever it asks for, it does not get the password."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress

import pytest

from appliance.loading.mariadb_session import MariadbSession
from appliance.loading.mariadb_target import MariadbTarget
from kora._core import MysqlConnection
from kora.databases.address import parse_address
from kora.databases.secrets import Secret
from kora.errors import AccessDenied, ProtocolViolation

PASSWORD = "open sesame"
_CAPABILITIES = 0x1 | 0x8 | 0x200 | 0x2000 | 0x8000 | 0x80000 | 0x200000
_CHALLENGE = b"abcdefghijklmnopqrst"
_ENOUGH_SECONDS = 20


class Pretender:
    """Greets as MySQL does, without TLS; answers every login with `answers`, and keeps all that it is told."""

    def __init__(self, plugin: str, answers: list[bytes]) -> None:
        self._plugin, self._answers = plugin, answers
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._door.getsockname()[1])
        self.told = b""
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._door.close()
        self._thread.join(_ENOUGH_SECONDS)

    def _serve(self) -> None:
        with suppress(OSError):
            line, _ = self._door.accept()
            with line:
                line.settimeout(_ENOUGH_SECONDS)
                line.sendall(_packet(0, self._greeting()))
                for answer in self._answers:
                    sequence = self._hear(line)
                    line.sendall(_packet(sequence + 1, answer))
                while heard := line.recv(4096):
                    self.told += heard

    def _hear(self, line: socket.socket) -> int:
        heard = line.recv(4096)
        self.told += heard
        return heard[3] if len(heard) > 3 else 0

    def _greeting(self) -> bytes:
        low, high = _CAPABILITIES & 0xFFFF, _CAPABILITIES >> 16
        head = b"\x0a9.7.4\0" + struct.pack("<I", 7) + _CHALLENGE[:8] + b"\0"
        middle = struct.pack("<HBHHB", low, 45, 2, high, 21) + bytes(10)
        return head + middle + _CHALLENGE[8:] + b"\0" + self._plugin.encode() + b"\0"


def _packet(sequence: int, body: bytes) -> bytes:
    return struct.pack("<I", len(body))[:3] + bytes([sequence % 256]) + body


def read(port: int) -> None:
    MysqlConnection({"host": "127.0.0.1", "port": str(port), "user": "ada", "password": PASSWORD, "database": "d"})


def write(port: int) -> None:
    target = MariadbTarget(parse_address(f"mysql://ada@127.0.0.1:{port}/d"), Secret(PASSWORD))
    with closing(MariadbSession(target._connect)):
        pass


@pytest.fixture
def pretend() -> Iterator[Callable[[str, list[bytes]], Pretender]]:
    made: list[Pretender] = []

    def make(plugin: str, answers: list[bytes]) -> Pretender:
        made.append(Pretender(plugin, answers))
        return made[-1]

    yield make
    for pretender in made:
        pretender.close()


ASKED = {
    "for the text": ("mysql_native_password", [b"\xfemysql_clear_password\0"]),
    "by a dialog": ("mysql_native_password", [b"\xfedialog\0\x04Password: "]),
    "for a weak hash": ("mysql_native_password", [b"\xfemysql_old_password\0" + _CHALLENGE + b"\0"]),
    "since it is in no cache": ("caching_sha2_password", [b"\x01\x04"]),
    "under its own key": ("caching_sha2_password", [b"\x01\x04", b"\x01-----BEGIN PUBLIC KEY-----\n"]),
    "as sha256": ("sha256_password", [b"\x01-----BEGIN PUBLIC KEY-----\n"]),
}


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("client", [read, write], ids=["reader", "writer"])
def test_a_server_on_an_open_line_never_learns_the_password(
    client: Callable[[int], None], asked: str, pretend: Callable[[str, list[bytes]], Pretender]
) -> None:
    pretender = pretend(*ASKED[asked])
    with pytest.raises((AccessDenied, ProtocolViolation)):
        client(pretender.port)
    pretender.close()
    assert b"ada" in pretender.told
    assert PASSWORD.encode() not in pretender.told
