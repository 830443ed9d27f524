"""How a session with PostgreSQL is opened and pinned.

What is stored may be filtered or reworded by a session, a role or a database setting, so each is set here: row
security raises instead of hiding, no search path but the system's, UTC, UTF-8, no timeouts, texts of keys that read
back exactly.
"""

import getpass
import re
from pathlib import Path

from kora._core import LineBytes, PostgresConnection
from kora.databases.address import Address
from kora.databases.postgresql.errors import by_state, translated
from kora.databases.secrets import Secret
from kora.errors import AccessDenied, EngineError, SenseiError

_SOCKET_FOLDER = Path("/var/run/postgresql")
PINS: dict[str, str] = {
    "row_security": "off",
    "TimeZone": "UTC",
    "client_encoding": "UTF8",
    "search_path": "pg_catalog",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "standard_conforming_strings": "on",
    "synchronize_seqscans": "off",
    "max_parallel_workers_per_gather": "0",
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
}
_PINS_SINCE = {140000: "idle_session_timeout", 170000: "transaction_timeout"}
_STATE = re.compile(r"\[([0-9A-Z]{5})\]\Z")
BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


def connection_settings(address: Address, secret: Secret) -> dict[str, str]:
    """Keywords of libpq for an address. Without a host: the local socket where there is one, else localhost."""
    port = address.port or 5432
    host = address.host
    if host is None:
        host = str(_SOCKET_FOLDER) if (_SOCKET_FOLDER / f".s.PGSQL.{port}").exists() else "localhost"
    settings = {
        "application_name": "kora",
        "connect_timeout": "15",
        "sslmode": "prefer",
        **address.options,
        "host": host,
        "port": str(port),
        "user": address.user or getpass.getuser(),
        "dbname": address.database or "",
    }
    password = secret.reveal()
    return settings if password is None else {**settings, "password": password}


def first_session(
    address: Address, secret: Secret, line: LineBytes | None = None
) -> tuple[dict[str, str], PostgresConnection]:
    """Opens the first reading session, and asks for a password once if the server will not do without.

    `line` counts what every session that it is given to sends and receives.

    Raises:
        AccessDenied: The login or the server's certificate was refused.
        ConnectionLost: Nothing listens there.
        InvalidRequest: The database does not exist.
    """
    settings = connection_settings(address, secret)
    try:
        return settings, reading_session(settings, line)
    except AccessDenied:
        if "password" in settings or secret.demand() is None:
            raise
    settings = connection_settings(address, secret)
    return settings, reading_session(settings, line)


def reading_session(settings: dict[str, str], line: LineBytes | None = None) -> PostgresConnection:
    """A session of the core's reader."""
    place = f"{settings['host']}:{settings['port']}"
    try:
        return PostgresConnection(settings, line)
    except EngineError as problem:
        raise by_state(problem.sqlstate, f"{place}: {problem.message}") from problem
    except AccessDenied as problem:
        # While logging in, the reader reports every refusal as this; the state at the message's end tells them apart.
        state = _STATE.search(problem.message)
        if state is None:
            raise
        raise by_state(state[1], f"{place}: {problem.message}") from problem
    except SenseiError as problem:
        raise type(problem)(f"{place}: {problem.message}", hint=problem.hint) from problem


def export_snapshot(session: PostgresConnection, place: str) -> tuple[str, int]:
    """Pins a session and begins the transaction that is the snapshot.

    Returns:
        The name by which others share it, and the server's version as `server_version_num`.
    """
    with translated(place):
        version = int(session.query("SHOW server_version_num")[0][0])
        session.execute(pins(version))
        session.execute(BEGIN)
        return str(session.query("SELECT pg_export_snapshot()")[0][0]), version


def pins(server_version: int) -> str:
    """The SET statements for a server of this version (as `server_version_num`)."""
    timeouts = {name: "0" for since, name in _PINS_SINCE.items() if server_version >= since}
    return "; ".join(f"SET {name} = '{value}'" for name, value in {**PINS, **timeouts}.items())


def join_snapshot(session: PostgresConnection, snapshot: str, server_version: int) -> None:
    """Pins a reading session and puts it into the exported snapshot."""
    session.execute(pins(server_version))
    session.execute(BEGIN)
    session.execute(f"SET TRANSACTION SNAPSHOT '{snapshot}'")
