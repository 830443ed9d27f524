"""A session on a server that tries rows or calls routines and takes everything back.

One that may write is opened only where a caller names the place for it; nothing in KORA does so by itself. One that
may not is refused every change by the server. PostgreSQL's rollback covers DDL, so the engine's copy of a table
(`LIKE`) lives and dies within the trial. In MariaDB it is a temporary table of the session: nobody else sees it, and a
ROLLBACK that its engine does not know is no harm. What no rollback covers, the positions of counters, is read before
and after.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from threading import Event, Thread
from typing import Protocol, TypeAlias

from kora import _core
from kora._core import MysqlConnection, PostgresConnection, RowStream
from kora.behavior.trials import Bench, Texts
from kora.catalog import Table
from kora.databases.address import Address, parse_address
from kora.databases.mariadb.errors import translated as told_by_mariadb
from kora.databases.mariadb.read import DIALECT as MARIADB
from kora.databases.mariadb.session import first_session as first_mariadb
from kora.databases.postgresql.errors import translated as told_by_postgres
from kora.databases.postgresql.read import DIALECT as POSTGRESQL
from kora.databases.postgresql.session import first_session as first_postgres
from kora.databases.postgresql.session import pins
from kora.databases.postgresql.tables import read_types
from kora.databases.postgresql.types import TypeTable
from kora.databases.secrets import Prompt, Role, Secret, resolve
from kora.errors import AccessDenied, EngineError, InvalidRequest, SenseiError, UnsupportedType

ROWS_OF_A_COPY = 5
PATIENCE_SECONDS = 5
"""How long a row or table that somebody else has locked is waited for."""
STATEMENT_SECONDS = 30
KILL_SECONDS = 0.2
"""Between two attempts to end what takes too long."""
_COPY = "_sensei_probe"
_NO_COPY_OF_REFERENCES = "its triggers would run, and a copy of the table keeps no references"


class Transaction(Protocol):
    """What can be done before everything is taken back."""

    def execute(self, sql: str) -> None:
        """A statement for its effect."""
        ...

    def texts(self, sql: str) -> Texts:
        """The rows of a statement, every value as text; of several results the last one."""
        ...

    def stream(self, sql: str) -> RowStream:
        """The rows of a SELECT, typed."""
        ...

    def results(self, call: str) -> Iterator[RowStream]:
        """The results of a CALL, typed; each is read to its end before the next."""
        ...


@contextmanager
def writer_on_server(
    url: str, prompt: Prompt | None = None, *, role: Role = "target", read_only: bool = False
) -> Iterator["ServerTrials"]:
    """A session on a PostgreSQL or MariaDB database that takes everything back, until the block ends.

    Args:
        url: The database's address.
        prompt: Asks a person for a password.
        role: Which password variable counts.
        read_only: Whether the server shall refuse every change.

    Raises:
        InvalidRequest: It is no such server.
        AccessDenied, ConnectionLost, Busy: As their names say.
    """
    address = parse_address(url)
    with trials_on(address, resolve(address, role, prompt), read_only=read_only) as writer:
        yield writer


@contextmanager
def trials_on(address: Address, secret: Secret, *, read_only: bool = False) -> Iterator["ServerTrials"]:
    """As `writer_on_server`, for a caller that has the password already."""
    writer: ServerTrials
    if address.engine == "postgresql":
        writer = PostgresTrials(first_postgres(address, secret)[1], address.place, read_only=read_only)
    elif address.engine == "mariadb":
        settings, session = first_mariadb(address, secret)
        writer = MariadbTrials(session, address.place, read_only=read_only, settings=settings)
    else:
        raise InvalidRequest(
            f"{address} is no server: it keeps no routines, and rows are tried on a copy of the file",
            hint="leave --probe-target and --routines away: they are for PostgreSQL and MariaDB",
        )
    try:
        yield writer
    finally:
        writer.close()


class _Trials(ABC):
    """What trials on every server have in common: a transaction in which all is done, and of which nothing stays."""

    @abstractmethod
    def transaction(self) -> AbstractContextManager[Transaction]:
        """Between its beginning and its ROLLBACK."""

    def attempt(self, *statements: str) -> None:
        """Statements for their effect, taken back."""
        self.look("", *statements)

    def look(self, query: str, *statements: str) -> Texts:
        """Texts of a query's values after the statements, which are taken back."""
        with self.transaction() as transaction:
            for statement in statements:
                transaction.execute(statement)
            return transaction.texts(query) if query else []


class PostgresTrials(_Trials):
    """Implements `TrialWriter`."""

    engine = "postgresql"
    logged = ""
    without_rollback: frozenset[str] = frozenset()

    def __init__(self, session: PostgresConnection, place: str, *, read_only: bool = False) -> None:
        self.place, self.read_only = place, read_only
        self._session = session
        self._types: TypeTable | None = None
        with told_by_postgres(self.place):
            self._session.execute(pins(int(session.query("SHOW server_version_num")[0][0])))
            self._session.execute(
                f"RESET search_path; SET statement_timeout = '{STATEMENT_SECONDS}s';"
                f" SET lock_timeout = '{PATIENCE_SECONDS}s'"
            )

    def bench(self, table: Table, *, triggers: bool, references: bool) -> Bench | str:
        """The table itself; a copy where triggers or rules would run."""
        name = POSTGRESQL.qualify(table.name)
        if not triggers:
            return Bench(name)
        if references:
            return _NO_COPY_OF_REFERENCES
        copy = f"{POSTGRESQL.quote(table.name.schema)}.{_COPY}"
        parts = "INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES INCLUDING GENERATED"
        return Bench(copy, (f"CREATE TABLE {copy} (LIKE {name} {parts})", *_some_rows(table, name, copy, '"')))

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Between BEGIN and ROLLBACK, deferred constraints checked at once."""
        with told_by_postgres(self.place):
            self._session.execute(f"BEGIN READ {'ONLY' if self.read_only else 'WRITE'}")
            try:
                self._session.execute("SET CONSTRAINTS ALL IMMEDIATE")
                yield self
            finally:
                self._session.execute("ROLLBACK")

    def execute(self, sql: str) -> None:
        """Within a transaction."""
        self._session.execute(sql)

    def texts(self, sql: str) -> Texts:
        """Within a transaction."""
        rows = self._session.query(sql)
        return [tuple(None if value is None else _text(value) for value in row) for row in rows]

    def stream(self, sql: str) -> RowStream:
        """Within a transaction."""
        if self._types is None:
            self._types = read_types(self._session.query)
        shape = f"SELECT * FROM ({sql}\n) AS kora_answer LIMIT 0"
        types = [self._types.column_type(oid, -1, str(oid), None) for oid in self._session.column_types(shape)]
        if any(kind.kind == "unsupported" for kind in types):
            raise UnsupportedType("an answer has a column of a type that cannot be decoded")
        return _core.postgres_rows(self._session, sql, [kind.wire for kind in types])

    def results(self, call: str) -> Iterator[RowStream]:
        """Within a transaction. Its procedures give back one row at most, which `texts` reads."""
        yield _core.memory_rows(self.texts(call))

    def hold_counters(self) -> None:
        """Within a transaction: every sequence gets new storage, so that what it gives out is rolled back too.

        ALTER SEQUENCE … RESTART is transactional since PostgreSQL 10, nextval is not.
        """
        listed = "SELECT quote_ident(schemaname) || '.' || quote_ident(sequencename), increment_by FROM pg_sequences"
        self._require_own_sequences()
        for name, step in self.texts(listed):
            last, called = self.texts(f"SELECT last_value, is_called FROM {name}")[0]
            following = int(last or 0) + (int(step or 1) if called == "True" else 0)
            self._session.execute(f"ALTER SEQUENCE {name} RESTART WITH {following}")

    def _require_own_sequences(self) -> None:
        """Raises `AccessDenied` for a sequence that could not be held: what it gave out would be gone."""
        others = self.texts(
            "SELECT quote_ident(schemaname) || '.' || quote_ident(sequencename) FROM pg_sequences"
            " WHERE NOT pg_has_role(sequenceowner, 'USAGE') LIMIT 1"
        )
        if others:
            raise AccessDenied(f"the sequence {others[0][0]} is not this login's, and could not be held still")

    def positions(self) -> dict[str, str]:
        """Every sequence that this login may read."""
        with told_by_postgres(self.place):
            rows = self._session.query("SELECT schemaname::text, sequencename::text, last_value FROM pg_sequences")
        return {f"{schema}.{name}": str(last) for schema, name, last in rows}

    def close(self) -> None:
        """Ends the session."""
        self._session.close()


class MariadbTrials(_Trials):
    """Implements `TrialWriter`."""

    engine = "mariadb"

    def __init__(
        self, session: MysqlConnection, place: str, *, read_only: bool = False, settings: dict[str, str] | None = None
    ) -> None:
        """`settings`: how a further session of this login is opened, where one may be."""
        self.place, self.read_only, self.settings = place, read_only, settings
        self._session = session
        self._watcher: Thread | None = None
        self._call_ended = Event()
        with told_by_mariadb(self.place):
            session.execute("SET NAMES utf8mb4")
            # As the applications write: what is too long is refused or cut by the server's own mode.
            # A zero is a number here: one below the counter, which then stands still.
            mode = "CONCAT_WS(',', NULLIF(@@GLOBAL.sql_mode, ''), 'NO_AUTO_VALUE_ON_ZERO')"
            session.execute(f"SET SESSION sql_mode = {mode}, time_zone = '+00:00'")
            for setting in (f"innodb_lock_wait_timeout = {PATIENCE_SECONDS}", f"lock_wait_timeout = {PATIENCE_SECONDS}",
                            f"max_statement_time = {STATEMENT_SECONDS}",
                            f"max_execution_time = {STATEMENT_SECONDS * 1000}",
                            "information_schema_stats_expiry = 0"):  # fmt: skip
                with suppress(EngineError):  # a version that has no such setting
                    session.execute(f"SET SESSION {setting}")
            self.logged = "" if read_only else kept_in_log(session)
            self._ends_itself = bool(session.query("SHOW VARIABLES LIKE 'max_statement_time'"))
            self._number = str(session.query("SELECT CONNECTION_ID()")[0][0])
            rows = session.query(
                "SELECT t.TABLE_NAME, COALESCE(e.TRANSACTIONS, 'NO') FROM information_schema.TABLES t LEFT JOIN"
                " information_schema.ENGINES e ON e.ENGINE = t.ENGINE WHERE t.TABLE_SCHEMA = DATABASE()"
            )
        self.without_rollback = frozenset(str(name) for name, transactions in rows if transactions != "YES")

    def bench(self, table: Table, *, triggers: bool, references: bool) -> Bench | str:
        """The table itself; a temporary copy where triggers would run or its engine knows no rollback."""
        name = MARIADB.qualify(table.name)
        outside = table.name.name in self.without_rollback
        if not triggers and not outside:
            return Bench(name)
        if references and outside:
            return "its engine keeps no references, and knows no rollback to try one with"
        if references:
            return _NO_COPY_OF_REFERENCES
        made = (f"DROP TEMPORARY TABLE IF EXISTS {_COPY}", f"CREATE TEMPORARY TABLE {_COPY} LIKE {name}")
        return Bench(_COPY, (*made, *_some_rows(table, name, _COPY, "`")))

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Between START TRANSACTION and ROLLBACK."""
        with told_by_mariadb(self.place):
            if not self._ends_itself:
                self._watch()
            try:
                self._session.execute(f"START TRANSACTION READ {'ONLY' if self.read_only else 'WRITE'}")
                try:
                    yield self
                finally:
                    self._end_call()
                    self._session.execute("ROLLBACK")
            finally:
                self._stop_watching()

    def _watch(self) -> None:
        """Until the transaction ends, another session ends what takes too long: no server limit ends every CALL."""
        if self._watcher is None and self.settings is not None:
            self._call_ended.clear()
            self._watcher = Thread(target=self._kill, daemon=True)
            self._watcher.start()

    def _kill(self) -> None:
        """Again and again: a procedure that is between two statements hears nothing of it."""
        if self._call_ended.wait(STATEMENT_SECONDS):
            return
        with suppress(SenseiError):  # what runs too long has ended by itself, or runs on: the server is gone
            killer = MysqlConnection(self.settings or {})
            while not self._call_ended.wait(KILL_SECONDS):
                killer.execute(f"KILL QUERY {self._number}")
            killer.close()

    def _end_call(self) -> None:
        """What is left of a call is read away while somebody watches; what ends it must not meet the ROLLBACK."""
        if self._watcher is not None:
            with suppress(SenseiError):
                self._session.execute("DO 0")
            self._stop_watching()
            with suppress(SenseiError):
                self._session.execute("DO 0")

    def _stop_watching(self) -> None:
        if self._watcher is not None:
            self._call_ended.set()
            self._watcher.join()
            self._watcher = None

    def execute(self, sql: str) -> None:
        """Within a transaction."""
        self._session.execute(sql)

    def texts(self, sql: str) -> Texts:
        """Within a transaction."""
        self._session.execute("SET character_set_results = utf8mb4")
        return [tuple(row) for row in self._session.query(sql)]

    def stream(self, sql: str) -> RowStream:
        """Within a transaction."""
        self._session.execute("SET character_set_results = NULL")
        return _core.mysql_rows(self._session, sql, [])

    def results(self, call: str) -> Iterator[RowStream]:
        """Within a transaction. One that is not read to its end is read away."""
        self._session.execute("SET character_set_results = NULL")
        self._watch()
        stream = self._session.results(call)
        while stream is not None:
            yield stream
            stream = self._session.results()

    def hold_counters(self) -> None:
        """Nothing here takes AUTO_INCREMENT back: routines that would use it are called on a copy."""

    def positions(self) -> dict[str, str]:
        """AUTO_INCREMENT of every table, and the sequences."""
        with told_by_mariadb(self.place):
            rows = self._session.query(
                "SELECT TABLE_NAME, AUTO_INCREMENT FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()"
                " AND AUTO_INCREMENT IS NOT NULL AND TABLE_TYPE <> 'TEMPORARY'"  # since MariaDB 11.2 the copy is shown
            )
            found = {str(name): str(following) for name, following in rows}
            for (name,) in self._session.query(
                "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()"
                " AND TABLE_TYPE = 'SEQUENCE'"
            ):
                quoted = MARIADB.quote(str(name))
                found[str(name)] = str(self._session.query(f"SELECT next_not_cached_value FROM {quoted}")[0][0])
        return found

    def close(self) -> None:
        """Ends the session, and with it the temporary copy."""
        self._session.close()


def kept_in_log(session: MysqlConnection) -> str:
    """Keeps what a session does out of the server's binary log, and so from its replicas.

    Gives why that cannot be, as the end of a sentence; empty where it is done, or no log is kept. The right for it is
    SUPER, in MariaDB since 10.5 BINLOG ADMIN, in MySQL since 8.0 SESSION_VARIABLES_ADMIN.
    """
    if str(session.query("SELECT @@GLOBAL.log_bin")[0][0]) != "1":
        return ""
    try:
        session.execute("SET SESSION sql_log_bin = 0")
    except (EngineError, AccessDenied):
        return (
            "; what no rollback covers, as copies of tables that are made and dropped, is written to the server's"
            " binary log and reaches its replicas: this login may not keep it out (GRANT BINLOG ADMIN, in MySQL"
            " SESSION_VARIABLES_ADMIN, would let it)"
        )
    return ""


def _some_rows(table: Table, name: str, copy: str, mark: str) -> tuple[str, ...]:
    """The statement that puts a few rows of a table into its copy; none for a table without a key: rows are made."""
    if not table.stable_key:
        return ()
    columns = ", ".join(
        mark + column.name.replace(mark, mark * 2) + mark for column in table.columns if column.generated is None
    )
    key = ", ".join(mark + column.replace(mark, mark * 2) + mark for column in table.stable_key)
    return (f"INSERT INTO {copy} ({columns}) SELECT {columns} FROM {name} ORDER BY {key} LIMIT {ROWS_OF_A_COPY}",)


def _text(value: object) -> str:
    return value if isinstance(value, str) else str(value)


ServerTrials: TypeAlias = PostgresTrials | MariadbTrials
