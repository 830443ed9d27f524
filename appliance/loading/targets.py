"""One target database from the outside: who writes to it, who reads it back, where a rehearsal runs, what it needs.

A DuckDB file has one library copy in this process and one connection mode at a time: the writer is closed before the
reader is opened. SQLite goes through the core alone.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from appliance.loading.base import TargetWriter
from appliance.loading.duckdb import DuckDBWriter
from appliance.loading.locks import advisory_lock, file_lock
from appliance.loading.parquet import ParquetWriter
from appliance.loading.scratch import Scratch, duckdb_scratch, parquet_scratch, postgresql_scratch, sqlite_scratch
from appliance.loading.sqlite import SqliteWriter
from kora.databases.address import Address
from kora.databases.base import Database
from kora.databases.parquet.files import find_tables
from kora.databases.parquet.manifest import MANIFEST_NAME
from kora.databases.registry import open_database
from kora.databases.secrets import Secret
from kora.errors import AccessDenied, Busy, FileProblem, InvalidRequest

if TYPE_CHECKING:
    import psycopg

    from kora.behavior.servers import ServerTrials


class Target(Protocol):
    """What the stages need of a target. `scratch` yields an executor whose work leaves nothing behind."""

    address: Address

    def lock(self) -> AbstractContextManager[None]:
        """Held by one run at a time, by whatever name it knows this target. Raises `Busy`."""
        ...

    def writer(self) -> TargetWriter:
        """A new writing session."""
        ...

    def reader(self) -> Database:
        """The stored data, opened as KORA opens them."""
        ...

    def trials(self) -> AbstractContextManager["ServerTrials | None"]:
        """A session that tries rows and takes everything back; None where KORA makes a copy of a file for it."""
        ...

    def exists(self) -> bool:
        """Whether there is anything to read yet."""
        ...

    def scratch(self) -> AbstractContextManager[Scratch]:
        """A place on the real engine where DDL can be tried."""
        ...

    def preflight(self, needed_bytes: int, schemas: tuple[str, ...]) -> tuple[str, ...]:
        """Checks rights, in the database and in these schemas, and room. Raises with the exact GRANT or figure.

        Returns:
            What an operator should know, though it stops nothing.
        """
        ...

    def sweep(self) -> None:
        """Removes what the rehearsal of a killed run left on a server."""
        ...

    def remove_if_ours(self) -> str:
        """Removes what only this run made of the container itself (a file that is empty now); says what it did."""
        ...


def open_target(address: Address, secret: Secret) -> Target:
    """The target behind an address.

    Raises:
        InvalidRequest: An engine that nothing can be written to (CSV files are a source only).
    """
    if address.engine == "postgresql":
        return PostgresTarget(address, secret)
    if address.engine == "mariadb":
        from appliance.loading.mariadb_target import MariadbTarget

        return MariadbTarget(address, secret)
    if address.engine == "duckdb" and address.path is not None:
        return DuckDBTarget(address, secret, Path(address.path))
    if address.engine == "sqlite" and address.path is not None:
        return SqliteTarget(address, secret, Path(address.path))
    if address.engine == "parquet" and address.path is not None:
        return ParquetTarget(address, secret, Path(address.path))
    raise InvalidRequest(
        f"{address}: nothing can be migrated into {address.engine}",
        hint="targets are sqlite, duckdb, postgresql, mariadb and parquet",
    )


def _require_writable(path: Path, folder: Path, needed_bytes: int) -> None:
    """Raises unless `path`, which lies in `folder` or is it, can be written and so many bytes are free."""
    if not folder.is_dir():
        raise FileProblem(f"{folder}: no such folder", hint=f"mkdir -p {folder}")
    writable = os.access(path if path.exists() else folder, os.W_OK) and os.access(folder, os.W_OK)
    if not writable or os.statvfs(folder).f_flag & os.ST_RDONLY:
        raise FileProblem(
            f"{path}: the target is read-only for this user", hint="choose another target, or chmod u+w it"
        )
    free = shutil.disk_usage(folder).free
    if free < needed_bytes:
        raise Busy(
            f"{folder}: {free >> 20} MiB free, about {needed_bytes >> 20} MiB needed",
            hint="free some disk space, or choose a target on another disk",
        )


class _FileTarget:
    """What SQLite and DuckDB files share."""

    def __init__(self, address: Address, secret: Secret, path: Path) -> None:
        self.address, self._secret, self._path = address, secret, path

    def lock(self) -> AbstractContextManager[None]:
        """A lock file beside the database."""
        return file_lock(self._path, str(self.address))

    def trials(self) -> AbstractContextManager["ServerTrials | None"]:
        """None: rows are tried on a copy of the file, if at all."""
        return nullcontext()

    def exists(self) -> bool:
        """Whether the file is there and not empty."""
        return self._path.exists() and self._path.stat().st_size > 0

    def reader(self) -> Database:
        """The stored data."""
        return open_database(self.address, role="target", secret=self._secret)

    def preflight(self, needed_bytes: int, schemas: tuple[str, ...]) -> tuple[str, ...]:
        """The folder must be there, writable, and roomy enough."""
        del schemas
        if self._path.is_dir():
            raise FileProblem(f"{self._path}: is a folder, not a database file", hint="name a file in it")
        _require_writable(self._path, self._path.parent, needed_bytes)
        return ()

    def sweep(self) -> None:
        """A rehearsal in memory leaves nothing."""

    def remove_if_ours(self) -> str:
        """Deletes the file if nothing stands in it any more."""
        if not self.exists():
            return ""
        reader = self.reader()
        try:
            catalog = reader.catalog()
        finally:
            reader.close()
        if catalog.tables or catalog.views or catalog.sequences or catalog.enums:
            return f"{self._path} is kept: it holds objects that this run did not make"
        for leftover in (
            self._path,
            *self._path.parent.glob(f"{self._path.name}[.-]wal"),
            *self._path.parent.glob(f"{self._path.name}-journal"),
        ):
            leftover.unlink(missing_ok=True)
        return f"{self._path} held nothing else and was deleted"


class DuckDBTarget(_FileTarget):
    """A DuckDB file."""

    def writer(self) -> TargetWriter:
        """The one writing connection."""
        return DuckDBWriter(self._path)

    def scratch(self) -> AbstractContextManager[Scratch]:
        """A DuckDB in memory."""
        return duckdb_scratch()


class SqliteTarget(_FileTarget):
    """A SQLite file."""

    def writer(self) -> TargetWriter:
        """The one writing connection."""
        return SqliteWriter(self._path)

    def scratch(self) -> AbstractContextManager[Scratch]:
        """A SQLite in memory."""
        return sqlite_scratch()


class ParquetTarget:
    """A folder of Parquet files."""

    def __init__(self, address: Address, secret: Secret, path: Path) -> None:
        self.address, self._secret, self._path = address, secret, path

    def trials(self) -> AbstractContextManager["ServerTrials | None"]:
        """None: rows are tried on a copy of the file, if at all."""
        return nullcontext()

    def exists(self) -> bool:
        """Whether a table or the record of an export is there."""
        if not self._path.is_dir():
            return False
        return (self._path / MANIFEST_NAME).exists() or bool(find_tables(self._path).tables)

    def lock(self) -> AbstractContextManager[None]:
        """A lock file beside the folder."""
        return file_lock(self._path, str(self.address))

    def writer(self) -> TargetWriter:
        """The one writer."""
        return ParquetWriter(self._path)

    def reader(self) -> Database:
        """The stored data."""
        return open_database(self.address, role="target", secret=self._secret)

    def scratch(self) -> AbstractContextManager[Scratch]:
        """A folder that is thrown away."""
        return parquet_scratch()

    def preflight(self, needed_bytes: int, schemas: tuple[str, ...]) -> tuple[str, ...]:
        """The folder, or the one that it will be made in, must be writable and roomy enough."""
        del schemas
        if self._path.exists() and not self._path.is_dir():
            raise FileProblem(f"{self._path}: is a file, not a folder", hint="name a folder for the Parquet files")
        _require_writable(self._path, self._path if self._path.exists() else self._path.parent, needed_bytes)
        return ()

    def sweep(self) -> None:
        """A rehearsal in a folder of its own leaves nothing."""

    def remove_if_ours(self) -> str:
        """Says whether the folder went with what the run made in it."""
        return "" if self._path.exists() else f"{self._path} held nothing else and was deleted"


class PostgresTarget:
    """A PostgreSQL database."""

    def __init__(self, address: Address, secret: Secret) -> None:
        self.address, self._secret = address, secret

    def _connect(self) -> "psycopg.Connection[tuple[Any, ...]]":
        """A writing session under the same settings as the reader's, password and TLS included."""
        from psycopg import Error, connect
        from psycopg.conninfo import make_conninfo

        from kora.databases.postgresql.errors import by_state
        from kora.databases.postgresql.session import first_session

        settings, probe = first_session(self.address, self._secret)
        probe.close()
        # GSS and environment options would make this session differ from the reader's.
        conninfo = make_conninfo("", gssencmode="disable", **{"options": "", **settings, "application_name": "sensei"})
        try:
            return connect(conninfo)
        except Error as error:
            raise by_state(error.sqlstate or "", f"postgresql: {self.address.place}: {error}".strip()) from error

    def lock(self) -> AbstractContextManager[None]:
        """An advisory lock in the database."""
        return advisory_lock(self._connect, str(self.address))

    def trials(self) -> AbstractContextManager["ServerTrials | None"]:
        """A session that takes everything back."""
        from kora.behavior.servers import trials_on

        return trials_on(self.address, self._secret)

    def exists(self) -> bool:
        """A server that answers is there; whether it does, connecting tells."""
        return True

    def writer(self) -> TargetWriter:
        """A new writing session."""
        from appliance.loading.postgresql import PostgresWriter

        return PostgresWriter(self._connect)

    def reader(self) -> Database:
        """The stored data."""
        return open_database(self.address, role="target", secret=self._secret)

    @contextmanager
    def scratch(self) -> Iterator[Scratch]:
        """A transaction on the real target that is rolled back."""
        with closing(self._connect()) as connection, postgresql_scratch(connection, self.reader) as scratch:
            yield scratch

    def preflight(self, needed_bytes: int, schemas: tuple[str, ...]) -> tuple[str, ...]:
        """Asks the server for the rights that the load needs."""
        del needed_bytes  # A server does not tell its free space; a full disk is met when it comes, and resumed.
        connection = self._connect()
        try:
            row = connection.execute(
                "SELECT current_user, current_database(), has_database_privilege(current_database(), 'CREATE'),"
                " current_setting('transaction_read_only'), pg_is_in_recovery()"
            ).fetchone()
            user, database, may_create, read_only, recovering = row or ("", "", False, "on", True)
            if read_only == "on" or recovering:
                raise AccessDenied(
                    f"postgresql: {database} is read-only",
                    hint="connect to the primary, or ALTER DATABASE … SET default_transaction_read_only = off",
                )
            if not may_create:
                raise AccessDenied(
                    f"postgresql: {user} may not create schemas in {database}",
                    hint=f'GRANT CREATE ON DATABASE "{database}" TO "{user}";',
                )
            for schema in schemas:
                allowed = connection.execute(
                    "SELECT has_schema_privilege(oid, 'CREATE') FROM pg_namespace WHERE nspname = %s", (schema,)
                ).fetchone()
                if allowed is not None and not allowed[0]:
                    raise AccessDenied(
                        f'postgresql: {user} may not create tables in schema "{schema}"',
                        hint=f'GRANT CREATE ON SCHEMA "{schema}" TO "{user}";',
                    )
        finally:
            connection.close()
        return ()

    def sweep(self) -> None:
        """A rehearsal is a transaction, which ends with its session."""

    def remove_if_ours(self) -> str:
        """A server's database is never ours."""
        return ""
