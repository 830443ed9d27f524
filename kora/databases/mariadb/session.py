"""How sessions with MariaDB or MySQL are opened, pinned and put into one snapshot.

What is stored may be filtered or reworded by a session's settings, so each is set here: UTC, UTF-8 in, stored bytes
out, no limit on rows or time, no padding of CHAR, no history of system-versioned tables. InnoDB's snapshot belongs to
one session; several see the same only if no transaction commits between their beginnings, which a brief global read
lock ensures. Tables of engines without transactions stand outside any snapshot: a session of its own holds them locked.
"""

import getpass
from dataclasses import dataclass, field
from pathlib import Path

from kora._core import LineBytes, MysqlConnection
from kora.databases.address import Address
from kora.databases.mariadb.errors import translated
from kora.databases.mariadb.products import Product, product_of
from kora.databases.secrets import Secret
from kora.errors import AccessDenied, EngineError, InvalidRequest, SenseiError

READERS = 4
"""Sessions that read, where they can be synchronised."""
_SOCKET = Path("/run/mysqld/mysqld.sock")
LOCK_PATIENCE_SECONDS = 10
READ_PATIENCE_SECONDS = 60
"""How long a table that another session has locked is waited for; servers wait a day unless told otherwise."""
_A_YEAR_SECONDS = 31536000
PINS: dict[str, str] = {
    "time_zone": "'+00:00'",
    "sql_select_limit": "18446744073709551615",
    "sql_big_selects": "1",
    "net_write_timeout": str(_A_YEAR_SECONDS),
    "net_read_timeout": str(_A_YEAR_SECONDS),
    "wait_timeout": str(_A_YEAR_SECONDS),
    "completion_type": "'NO_CHAIN'",
    "group_concat_max_len": str(1 << 20),
}
_BEGIN = ("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
          "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")  # fmt: skip
_UNLOCKED = "stands outside every snapshot, and this login may not lock it: GRANT LOCK TABLES and SELECT TO it"


@dataclass(frozen=True, slots=True)
class Server:
    """Which server answered."""

    product: Product
    version: str


@dataclass
class Sessions:
    """What stands open for one database."""

    server: Server
    control: MysqlConnection
    """For the catalog and small queries: results in UTF-8. Within a snapshot too."""
    readers: list[MysqlConnection]
    """For rows: results as stored."""
    line: LineBytes
    """What went over TCP, every session together."""
    locks: MysqlConnection | None = None
    """Holds tables of engines without transactions."""
    outside: dict[str, str] = field(default_factory=dict)
    """Tables that nobody could hold still, and why."""
    position: dict[str, str] = field(default_factory=dict)
    """Where the snapshot stands."""

    def close(self) -> None:
        """Ends the snapshot and the locks."""
        for session in (*self.readers, self.control, *([self.locks] if self.locks else [])):
            session.close()


def connection_settings(address: Address, secret: Secret) -> dict[str, str]:
    """Keywords of the core's reader. Without host and socket: the local socket where there is one, else localhost."""
    settings = {
        "connect_timeout": "15",
        **address.options,
        "host": address.host or "localhost",
        "port": str(address.effective_port),
        "user": address.user or getpass.getuser(),
        "database": address.database or "",
    }
    if address.host is None and address.port is None and "socket" not in settings and _SOCKET.exists():
        settings["socket"] = str(_SOCKET)
    password = secret.reveal()
    return settings if password is None else {**settings, "password": password}


def first_session(
    address: Address, secret: Secret, line: LineBytes | None = None
) -> tuple[dict[str, str], MysqlConnection]:
    """Opens the first session, and asks for a password once if the server will not do without.

    `line` counts what every session that it is given to sends and receives.

    Raises:
        AccessDenied: The login or the server's certificate was refused.
        ConnectionLost: Nothing listens there.
        InvalidRequest: The database does not exist.
    """
    settings = connection_settings(address, secret)
    with translated(address.place):
        try:
            return settings, MysqlConnection(settings, line)
        except AccessDenied:
            if "password" in settings or secret.demand() is None:
                raise
        settings = connection_settings(address, secret)
        return settings, MysqlConnection(settings, line)


def open_sessions(address: Address, secret: Secret) -> Sessions:
    """A snapshot of a database: readers that all see the same, and what lies outside of it.

    Raises:
        InvalidRequest: The database does not exist, or the server is too old.
        AccessDenied, ConnectionLost, Busy: As their names say.
    """
    line = LineBytes()
    settings, control = first_session(address, secret, line)
    opened = [control]
    try:
        with translated(address.place):
            server = _server(control)
            for _ in range(READERS):
                opened.append(MysqlConnection(settings, line))
            for session in opened:
                pin(session, server)
            opened[0].execute("SET character_set_results = 'utf8mb4'")
            return _begin(server, settings, opened, line)
    except SenseiError:
        for session in opened:
            session.close()
        raise


def pin(session: MysqlConnection, server: Server) -> None:
    """Sets a session up for reading; a setting that a version does not have is left out."""
    session.execute("SET NAMES utf8mb4")
    session.execute("SET character_set_results = NULL")
    patience = {"lock_wait_timeout": str(READ_PATIENCE_SECONDS)}
    for name, value in {**PINS, **server.product.pins, **patience}.items():
        try:
            session.execute(f"SET SESSION {name} = {value}")
        except EngineError as problem:
            if problem.sqlstate != "1193":  # unknown system variable
                raise


def _server(session: MysqlConnection) -> Server:
    version = str(session.query("SELECT VERSION()")[0][0])
    product = product_of(version)
    numbers = tuple(int(part) for part in version.split("-", maxsplit=1)[0].split(".")[:2])
    if numbers < product.oldest:
        oldest = ".".join(map(str, product.oldest))
        raise InvalidRequest(f"this is {product.name} {version}: {oldest} and later are read")
    return Server(product, version)


def _begin(server: Server, settings: dict[str, str], opened: list[MysqlConnection], line: LineBytes) -> Sessions:
    """Begins every snapshot at one point, or keeps one reader alone where this login may not stop the others' commits.

    The lock is taken on a session that reads nothing: LOCK and UNLOCK TABLES end transactions.
    """
    gate = MysqlConnection(settings, line)
    try:
        locked = _lock_everything(gate)
        if not locked:
            for session in opened[2:]:
                session.close()
            del opened[2:]
        sessions = Sessions(server, opened[0], opened[1:], line)
        _hold_tables(sessions, settings)
        # Without the lock the control session's snapshot is not the reader's; only the reader answers for data.
        for session in opened:
            for statement in _BEGIN:
                session.execute(statement)
        sessions.position = _position(sessions, still=locked)
        sessions.position["readers"] = f"{len(sessions.readers)} {'synchronised' if locked else 'alone'}"
        return sessions
    finally:
        gate.close()  # and with it the lock


def _lock_everything(gate: MysqlConnection) -> bool:
    try:
        gate.execute(f"SET SESSION lock_wait_timeout = {LOCK_PATIENCE_SECONDS}")
        gate.execute("FLUSH TABLES WITH READ LOCK")
    except EngineError:  # no RELOAD privilege, or a statement that runs for long
        return False
    return True


def _hold_tables(sessions: Sessions, settings: dict[str, str]) -> None:
    """Locks every table whose engine has no transactions, for as long as the snapshot lasts."""
    rows = sessions.control.query(
        "SELECT t.TABLE_NAME, t.ENGINE FROM information_schema.TABLES t JOIN information_schema.ENGINES e"
        " ON e.ENGINE = t.ENGINE WHERE t.TABLE_SCHEMA = DATABASE() AND t.TABLE_TYPE IN ('BASE TABLE',"
        " 'SYSTEM VERSIONED') AND e.TRANSACTIONS <> 'YES' ORDER BY 1"
    )
    outside = {str(name): str(engine) for name, engine in rows}
    if not outside:
        return
    locks = MysqlConnection(settings, sessions.line)
    pin(locks, sessions.server)
    try:
        locks.execute(f"SET SESSION lock_wait_timeout = {LOCK_PATIENCE_SECONDS}")
        locks.execute("LOCK TABLES " + ", ".join(f"{quoted(name)} READ" for name in outside))
    except EngineError:
        locks.close()
        sessions.outside = {name: f"{engine} {_UNLOCKED}" for name, engine in outside.items()}
        return
    sessions.locks = locks


def _position(sessions: Sessions, *, still: bool) -> dict[str, str]:
    """Binary log position and GTID at the snapshot, as far as the server keeps a log and tells this login.

    `still`: nobody can commit now, so that where the log ends is where the snapshot is.
    """
    control, product = sessions.control, sessions.server.product
    found = {"claimed_time": str(control.query("SELECT UTC_TIMESTAMP(6)")[0][0])}
    for name, value in control.query("SHOW STATUS LIKE 'binlog_snapshot_%'"):
        if value:
            found[str(name).lower()] = value
    for statement in product.log_position if still else ():
        try:
            rows = control.query(statement)
        except EngineError:  # another version's word
            continue
        except AccessDenied:
            break
        for file, position, *_ in rows:
            found |= {"binlog_file": str(file), "binlog_position": str(position)}
        break
    # MySQL breaks a long set of transactions into lines.
    found[product.gtid] = variable(control, product.gtid).replace("\n", "")
    return {name: value for name, value in found.items() if value}


def variable(session: MysqlConnection, name: str) -> str:
    """A system variable as text; empty where this server has none of that name."""
    try:
        value = session.query(f"SELECT @@GLOBAL.{name}")[0][0]
    except EngineError:
        return ""
    return value or ""


def quoted(name: str) -> str:
    """An identifier in backticks."""
    return "`" + name.replace("`", "``") + "`"
