"""Writing sessions of MariaDB and MySQL: settings that make the server strict, errors in our words, rows from memory.

`LOAD DATA LOCAL` lets the *server* name the file that the client sends. Nothing here ever opens one: whatever name
arrives, what is sent are the bytes that this session was given for the statement, or nothing. The server also names how
a login is proved, and might ask for the password itself: it gets it over TLS or a socket, and never over an open line.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import pymysql
from pymysql import _auth
from pymysql.connections import Connection, MySQLResult

from kora._core import mysql_sealed_password
from kora.errors import AccessDenied, Busy, ConnectionLost, EngineError, InvalidRequest, SenseiError

Row: TypeAlias = tuple[Any, ...]
Bytes: TypeAlias = bytes | memoryview

_PIECE_BYTES = 1 << 16
SQL_MODE = (
    # Strict, whatever the server says; 0 in an AUTO_INCREMENT column is a 0; impossible dates arrive as they are.
    "STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"
)
_SETTINGS = (
    f"SET SESSION sql_mode = '{SQL_MODE}'",
    "SET SESSION time_zone = '+00:00'",
    "SET SESSION transaction_isolation = 'READ-COMMITTED'",
    "SET SESSION tx_isolation = 'READ-COMMITTED'",
    "SET SESSION lock_wait_timeout = 60",
    "SET SESSION innodb_lock_wait_timeout = 60",
    "SET SESSION wait_timeout = 86400",
    "SET SESSION net_read_timeout = 3600",
    "SET SESSION net_write_timeout = 3600",
    "SET SESSION max_statement_time = 0",
    "SET SESSION foreign_key_checks = 1",
    "SET SESSION unique_checks = 1",
    "SET SESSION explicit_defaults_for_timestamp = 1",
    "SET SESSION max_error_count = 65535",
    # A table without a key stays one: neither refused nor given a column that nobody planned.
    "SET SESSION sql_require_primary_key = 0",
    "SET SESSION sql_generate_invisible_primary_key = 0",
)
"""The two servers and their ages know different ones of these; an unknown one is passed over."""
_UNKNOWN_SETTINGS = (1193, 1238, 1227)
_DENIED = {1044, 1045, 1142, 1143, 1227, 1370, 1698, 1251, 4151}
_READ_ONLY = {1290, 1792, 1836}
_BUSY = {
    1021: "the server's disk is full",
    1040: "the server takes no more connections",
    1114: "the server's table space is full",
    1205: "another session holds a lock",
    1206: "the server's lock table is full",
    1213: "another session and this one waited for each other",
}
_LOST = {1053, 1152, 1184, 1317, 1927, 2002, 2003, 2006, 2013, 2014, 2055}
_INTEGRITY = {1048, 1062, 1169, 1216, 1217, 1364, 1451, 1452, 1557, 1586, 1761, 1762, 3819, 4025}


CACHING_SHA2, SHA256 = b"caching_sha2_password", b"sha256_password"
_PROOFS = (b"mysql_native_password", CACHING_SHA2, b"client_ed25519")
"""What is answered by a proof, from which nobody learns the password."""
_PROVED, _WANTS_PASSWORD = 3, 4
"""What `caching_sha2_password` answers to a proof: it is enough, or the password itself is wanted."""


def _in_clear(plugin: str, *, sealable: bool = False) -> AccessDenied:
    also = ", or name the server's public key: ?server-public-key-path=FILE" if sealable else ""
    return AccessDenied(
        f"mariadb: the server wants the password itself ({plugin}), and this line is not encrypted",
        hint=f"use ?ssl-mode=REQUIRED in the URL, or the server's socket{also}",
    )


class SealedLogin:
    """Answers a plugin with the password under the server's public key, which is in a file and never asked for.

    Over a line that is encrypted the client's own way is taken.
    """

    def __init__(self, plugin: bytes, key_path: str, connection: Any) -> None:
        self._plugin, self._key_path, self._connection = plugin, key_path, connection

    def authenticate(self, packet: Any) -> Any:
        """Goes on from a packet of the server's to the next that is not this plugin's alone."""
        line = self._connection
        caching = self._plugin == CACHING_SHA2
        if line._secure:
            return (_auth.caching_sha2_password_auth if caching else _auth.sha256_password_auth)(line, packet)
        if packet.is_auth_switch_request():
            line.salt = packet.read_all().removesuffix(b"\0")
            return _asked(line, _auth.scramble_caching_sha2(line.password, line.salt) if caching else self._sealed())
        if not caching:
            # A key, which anybody may have sent: the one in the file is taken.
            return _asked(line, self._sealed())
        packet.advance(1)
        answer = packet.read_uint8()
        if answer == _WANTS_PASSWORD:
            return _asked(line, self._sealed())
        if answer != _PROVED:
            raise pymysql.err.OperationalError(0, f"an answer to a proof that makes no sense: {answer}")
        return _checked(line)

    def _sealed(self) -> bytes:
        line = self._connection
        if not line.password:
            return b"\0"
        return mysql_sealed_password(line.password.decode(), bytes(line.salt), self._key_path)


def _asked(line: Any, answer: bytes) -> Any:
    line.write_packet(answer)
    return _checked(line)


def _checked(line: Any) -> Any:
    packet = line._read_packet()
    packet.check_error()
    return packet


class _Result(MySQLResult):  # type: ignore[misc]
    def _read_load_local_packet(self, first_packet: Any) -> None:
        """Sends the bytes that the session holds; the file name in the packet is not looked at."""
        del first_packet
        session: LoadingConnection = self.connection
        data, session.load_bytes = session.load_bytes, None
        size = session.piece_bytes
        for offset in range(0, len(data or b""), size):
            session.write_packet(bytes(memoryview(data or b"")[offset : offset + size]))
        session.write_packet(b"")
        self._read_ok_packet(session._read_packet())
        if data is None:
            raise EngineError("mariadb: the server asked for a file that no statement of ours named")


class LoadingConnection(Connection):  # type: ignore[misc]
    """A connection whose `LOAD DATA LOCAL` reads from memory, and whose login keeps the password to itself."""

    load_bytes: Bytes | None = None
    piece_bytes = _PIECE_BYTES
    """How much of them one packet holds."""
    _result: Any = None

    def _process_auth(self, plugin_name: bytes, auth_packet: Any, handler: Any = None) -> Any:
        if not self._secure and plugin_name not in _PROOFS and not isinstance(handler, SealedLogin):
            raise _in_clear(plugin_name.decode(errors="replace"), sealable=plugin_name == SHA256)
        return super()._process_auth(plugin_name, auth_packet, handler)

    @property
    def server_public_key(self) -> None:
        """Asked for where a password is to go over an open line, under a key that anybody on it may have sent."""
        raise _in_clear("caching_sha2_password, not in its cache", sealable=True)

    @server_public_key.setter
    def server_public_key(self, _: object) -> None:
        """The client sets it when it is made."""

    def _read_query_result(self, unbuffered: bool = False) -> int:
        del unbuffered
        self._result = None
        result = _Result(self)
        result.read()
        self._result = result
        if result.server_status is not None:
            self.server_status = result.server_status
        return int(result.affected_rows)


class MariadbSession:
    """One session under our settings. Every statement commits by itself unless a transaction was begun."""

    def __init__(self, connect: Callable[[], LoadingConnection]) -> None:
        with translated("connecting"):
            self._connection = connect()
        self.warnings = 0
        for setting in _SETTINGS:
            self._set(setting)

    def _set(self, setting: str) -> None:
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(setting)
        except pymysql.MySQLError as error:
            if number(error) not in _UNKNOWN_SETTINGS:
                raise translate(error, setting) from error

    def execute(self, sql: str, values: tuple[object, ...] = (), *, doing: str = "") -> int:
        """One statement; gives the affected rows and keeps the count of warnings."""
        with translated(doing or sql), self._connection.cursor() as cursor:
            affected = cursor.execute(sql, values or None)
            self.warnings = self._connection._result.warning_count
            return int(affected)

    def execute_bytes(self, sql: memoryview, *, doing: str) -> int:
        """A statement that is no text, since values of any bytes stand in it; a view, which is sent without a copy."""
        with translated(doing):
            affected = self._connection.query(sql)
            self.warnings = self._connection._result.warning_count
            return int(affected)

    def query(self, sql: str, values: tuple[object, ...] = (), *, doing: str = "") -> list[Row]:
        """All rows of a small query."""
        with translated(doing or sql), self._connection.cursor() as cursor:
            cursor.execute(sql, values or None)
            return list(cursor.fetchall())

    def load(self, sql: str, data: Bytes, *, doing: str) -> int:
        """A `LOAD DATA LOCAL` that reads `data`; gives the affected rows and keeps the count of warnings."""
        self._connection.load_bytes = data
        try:
            return self.execute(sql, doing=doing)
        finally:
            self._connection.load_bytes = None

    def fit_packets(self, packet_bytes: int) -> None:
        """Keeps what `load` sends below the server's `max_allowed_packet`, which counts a packet's head too."""
        self._connection.piece_bytes = max(min(_PIECE_BYTES, packet_bytes // 2), 1)

    @property
    def is_open(self) -> bool:
        """Whether the line still stands, as far as this side knows."""
        return bool(self._connection.open)

    def close(self) -> None:
        """Ends the session; safe to call twice."""
        if self._connection.open:
            try:
                self._connection.close()
            except pymysql.MySQLError:
                self._connection._force_close()


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Turns the client's errors into ours."""
    try:
        yield
    except pymysql.MySQLError as error:
        raise translate(error, doing) from error
    except OSError as error:
        raise ConnectionLost(f"mariadb: {error}", hint="check the server and the line, then `sensei resume`") from error


def number(error: pymysql.MySQLError) -> int:
    """The server's or client's error number; 0 where there is none."""
    first = error.args[0] if error.args else 0
    return first if isinstance(first, int) else 0


def translate(error: pymysql.MySQLError, doing: str) -> SenseiError:
    """The typed error for one of the client's."""
    code = number(error)
    said = str(error.args[1]) if len(error.args) > 1 else str(error)
    words = f"mariadb: {said or 'the connection is closed'}"
    if "certificate" in words.lower() and code in _LOST:
        return AccessDenied(
            words, hint="name the authority that vouches for the server: ?ssl-ca=FILE&ssl-mode=VERIFY_CA"
        )
    if code in _BUSY:
        return Busy(f"{words} (while: {_short(doing)})", hint=f"{_BUSY[code]}; mend it, then `sensei resume`")
    if code in _READ_ONLY:
        return AccessDenied(words, hint="the target is read-only: choose another, or lift the restriction")
    if code in _DENIED:
        return AccessDenied(
            f"{words} (while: {_short(doing)})", hint="check user, password and GRANTs, then `sensei resume`"
        )
    if code == 1049:
        return InvalidRequest(words, hint="make it first: CREATE DATABASE …, or name another in the URL")
    if code in _LOST or (code == 0 and isinstance(error, pymysql.err.InterfaceError)):
        return ConnectionLost(words, hint="check the server and the line, then `sensei resume`")
    return EngineError(f"{words} (while: {_short(doing)})", "23000" if code in _INTEGRITY else f"HY{code:04d}"[:6])


def _short(doing: str) -> str:
    return doing if len(doing) <= 200 else f"{doing[:200]}…"
