"""A session on a server that tries rows and takes everything back: for a caller who names the target for it.

Nothing in KORA opens one by itself. PostgreSQL's rollback covers DDL, so the engine's copy of a table (`LIKE`) lives and
dies within the trial. In MariaDB it is a temporary table of the session: nobody else sees it, and a ROLLBACK that its
engine does not know is no harm. What a rollback never covers, the positions of counters, is read before and after.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from kora._core import MysqlConnection, PostgresConnection
from kora.behavior.trials import Bench, Texts, TrialWriter
from kora.catalog import Table
from kora.databases.address import parse_address
from kora.databases.mariadb.errors import translated as told_by_mariadb
from kora.databases.mariadb.read import DIALECT as MARIADB
from kora.databases.mariadb.session import first_session as first_mariadb
from kora.databases.postgresql.errors import translated as told_by_postgres
from kora.databases.postgresql.read import DIALECT as POSTGRESQL
from kora.databases.postgresql.session import first_session as first_postgres
from kora.databases.postgresql.session import pins
from kora.databases.secrets import Prompt, resolve
from kora.errors import EngineError, InvalidRequest, SenseiError

ROWS_OF_A_COPY = 5
PATIENCE_SECONDS = 5
"""How long a row or table that somebody else has locked is waited for."""
STATEMENT_SECONDS = 30
_COPY = "_sensei_probe"
_NO_COPY_OF_REFERENCES = "its triggers would run, and a copy of the table keeps no references"


@contextmanager
def writer_on_server(url: str, prompt: Prompt | None = None) -> Iterator["PostgresTrials | MariadbTrials"]:
    """A session that tries rows on a PostgreSQL or MariaDB database, until the block ends.

    Raises:
        InvalidRequest: It is no such server.
        AccessDenied, ConnectionLost, Busy: As their names say.
    """
    address = parse_address(url)
    secret = resolve(address, "target", prompt)
    writer: PostgresTrials | MariadbTrials
    if address.engine == "postgresql":
        writer = PostgresTrials(first_postgres(address, secret)[1], address.place)
    elif address.engine == "mariadb":
        writer = MariadbTrials(first_mariadb(address, secret)[1], address.place)
    else:
        raise InvalidRequest(
            f"{address} is no server: rows are tried on a copy of the file",
            hint="leave the confirmation away: it is for PostgreSQL and MariaDB",
        )
    try:
        yield writer
    finally:
        writer.close()


class PostgresTrials:
    """Implements `TrialWriter`."""

    engine = "postgresql"

    def __init__(self, session: PostgresConnection, place: str) -> None:
        self.place = place
        self._session = session
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
        return Bench(copy, (f"CREATE TABLE {copy} (LIKE {name} {parts})", _some_rows(table, name, copy, '"')))

    def attempt(self, *statements: str) -> None:
        """Within BEGIN and ROLLBACK."""
        self.look("", *statements)

    def look(self, query: str, *statements: str) -> Texts:
        """Texts of a query's values."""
        with told_by_postgres(self.place):
            self._session.execute("BEGIN READ WRITE")
            try:
                self._session.execute("SET CONSTRAINTS ALL IMMEDIATE")
                for statement in statements:
                    self._session.execute(statement)
                rows = self._session.query(query) if query else []
                return [tuple(None if value is None else _text(value) for value in row) for row in rows]
            finally:
                self._session.execute("ROLLBACK")

    def positions(self) -> dict[str, str]:
        """Every sequence that this login may read."""
        with told_by_postgres(self.place):
            rows = self._session.query("SELECT schemaname::text, sequencename::text, last_value FROM pg_sequences")
        return {f"{schema}.{name}": str(last) for schema, name, last in rows}

    def close(self) -> None:
        """Ends the session."""
        self._session.close()


class MariadbTrials:
    """Implements `TrialWriter`."""

    engine = "mariadb"

    def __init__(self, session: MysqlConnection, place: str) -> None:
        self.place = place
        self._session = session
        with told_by_mariadb(self.place):
            session.execute("SET NAMES utf8mb4")
            # As the applications write: what is too long is refused or cut by the server's own mode.
            session.execute("SET SESSION sql_mode = @@GLOBAL.sql_mode, time_zone = '+00:00'")
            for setting in (f"innodb_lock_wait_timeout = {PATIENCE_SECONDS}", f"lock_wait_timeout = {PATIENCE_SECONDS}",
                            f"max_statement_time = {STATEMENT_SECONDS}"):  # fmt: skip
                with suppress(EngineError):  # a version that has no such setting
                    session.execute(f"SET SESSION {setting}")
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
        return Bench(_COPY, (*made, _some_rows(table, name, _COPY, "`")))

    def attempt(self, *statements: str) -> None:
        """Within START TRANSACTION and ROLLBACK."""
        self.look("", *statements)

    def look(self, query: str, *statements: str) -> Texts:
        """Texts of a query's values."""
        with told_by_mariadb(self.place):
            self._session.execute("START TRANSACTION READ WRITE")
            try:
                for statement in statements:
                    self._session.execute(statement)
                return [tuple(row) for row in self._session.query(query)] if query else []
            finally:
                self._session.execute("ROLLBACK")

    def positions(self) -> dict[str, str]:
        """AUTO_INCREMENT of every table, and the sequences."""
        with told_by_mariadb(self.place):
            rows = self._session.query(
                "SELECT TABLE_NAME, AUTO_INCREMENT FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()"
                " AND AUTO_INCREMENT IS NOT NULL"
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


def _some_rows(table: Table, name: str, copy: str, mark: str) -> str:
    """The statement that puts a few rows of a table into its copy: those that references among them would need too."""
    columns = ", ".join(
        mark + column.name.replace(mark, mark * 2) + mark for column in table.columns if column.generated is None
    )
    key = ", ".join(mark + column.replace(mark, mark * 2) + mark for column in table.stable_key)
    return f"INSERT INTO {copy} ({columns}) SELECT {columns} FROM {name} ORDER BY {key} LIMIT {ROWS_OF_A_COPY}"


def _text(value: object) -> str:
    return value if isinstance(value, str) else str(value)


def is_server(url: str) -> bool:
    """Whether a URL names a PostgreSQL or MariaDB database."""
    try:
        return parse_address(url).engine in ("postgresql", "mariadb")
    except SenseiError:
        return False
