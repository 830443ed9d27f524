"""A MariaDB or MySQL database from the outside: how sessions are opened, where a rehearsal runs, what a load needs."""

import re
import secrets
import ssl
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pymysql

from appliance.loading.base import TargetWriter
from appliance.loading.locks import taken
from appliance.loading.mariadb import NO_LOCAL_FILES, MariadbWriter
from appliance.loading.mariadb_session import (
    CACHING_SHA2,
    SHA256,
    LoadingConnection,
    MariadbSession,
    Row,
    SealedLogin,
    number,
)
from appliance.loading.scratch import Scratch, opened_when_asked
from kora.databases.address import Address
from kora.databases.base import Database
from kora.databases.mariadb.session import connection_settings
from kora.databases.registry import open_database
from kora.databases.secrets import Secret
from kora.errors import AccessDenied

if TYPE_CHECKING:
    from kora.behavior.servers import ServerTrials

SCRATCH_PREFIX = "_sensei_scratch_"
_LOCK_PREFIX = "sensei."
_LOCK_SECONDS = 3
"""A killed run's session ends as soon as the server hears of it: so long another may take to be really there."""
_LOGIN_REFUSED = 1045
_NEEDED = (
    "SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "REFERENCES", "INDEX", "ALTER", "CREATE VIEW",
    "SHOW VIEW",
)  # fmt: skip
_GRANT = re.compile(r"^GRANT (?P<rights>.+?) ON (?P<place>.+?) TO ", re.IGNORECASE)


class MariadbTarget:
    """A database on a server."""

    def __init__(self, address: Address, secret: Secret) -> None:
        self.address, self._secret = address, secret

    def _connect(self) -> LoadingConnection:
        """A session under the same login and TLS as the reader's; asks for a password once if the server insists."""
        try:
            return self._open(self._secret.reveal())
        except pymysql.err.OperationalError as error:
            asked = None if number(error) != _LOGIN_REFUSED or self._secret.reveal() else self._secret.demand()
            if asked is None:
                raise
            return self._open(asked)

    def _open(self, password: str | None) -> LoadingConnection:
        settings = connection_settings(self.address, Secret(password))
        return LoadingConnection(
            host=settings["host"],
            unix_socket=settings.get("socket"),
            port=int(settings["port"]),
            user=settings["user"],
            password=password or "",
            database=settings["database"],
            charset="utf8mb4",
            autocommit=True,
            local_infile=True,
            connect_timeout=int(settings["connect_timeout"]),
            program_name="sensei",
            auth_plugin_map=_sealed(self.address),
            **_tls(self.address),
        )

    def trials(self) -> AbstractContextManager["ServerTrials | None"]:
        """A session that takes everything back."""
        from kora.behavior.servers import trials_on

        return trials_on(self.address, self._secret)

    def exists(self) -> bool:
        """A server that answers is there; whether it does, connecting tells."""
        return True

    @contextmanager
    def lock(self) -> Iterator[None]:
        """A named lock of the server, for this database, in a session of its own."""
        with closing(MariadbSession(self._connect)) as session:
            sql = f"SELECT get_lock(concat('{_LOCK_PREFIX}', left(sha2(database(), 256), 40)), {_LOCK_SECONDS})"
            if session.query(sql)[0][0] != 1:
                raise taken(str(self.address))
            yield

    def writer(self) -> TargetWriter:
        """A new writing session."""
        return MariadbWriter(self._connect)

    def reader(self) -> Database:
        """The stored data."""
        return open_database(self.address, role="target", secret=self._secret)

    @contextmanager
    def scratch(self) -> Iterator[Scratch]:
        """A database of its own, which goes when the block ends.

        MariaDB commits each statement of DDL, so a killed run leaves it behind. A lock on its name, which ends with the
        session, says that it is in use: one whose lock is free is removed by the next run.
        """
        self.sweep()
        name = f"{SCRATCH_PREFIX}{secrets.token_hex(6)}"
        with closing(MariadbSession(self._connect)) as session:
            session.query("SELECT get_lock(%s, 0)", (name,))
            self._create_scratch(session, name)
            try:
                session.execute(f"USE `{name}`")
                with opened_when_asked(partial(self._reader_of, name)) as asked:
                    yield Scratch(lambda sql: _run(session, sql), lambda sql: asked().query_rows(sql))
            finally:
                if session.is_open:
                    session.execute(f"DROP DATABASE IF EXISTS `{name}`")

    def _reader_of(self, name: str) -> Database:
        return open_database(replace(self.address, database=name), role="target", secret=self._secret)

    def _create_scratch(self, session: MariadbSession, name: str) -> None:
        try:
            session.execute(f"CREATE DATABASE `{name}`")
        except AccessDenied as error:
            escaped = SCRATCH_PREFIX.replace("_", r"\_")
            raise AccessDenied(
                f"{error.message}: the plan is tried in a database of its own, which is dropped again",
                hint=f"GRANT ALL ON `{escaped}%`.* TO {_login(session)};",
            ) from error

    def sweep(self) -> None:
        """Removes scratch databases whose session is gone."""
        with closing(MariadbSession(self._connect)) as session:
            escaped = SCRATCH_PREFIX.replace("_", r"\_")
            for (name,) in session.query(f"SHOW DATABASES LIKE '{escaped}%'"):
                if re.fullmatch(rf"{SCRATCH_PREFIX}[0-9a-f]{{12}}", str(name)) and _is_free(session, str(name)):
                    session.execute(f"DROP DATABASE IF EXISTS `{name}`")
                    session.query("SELECT release_lock(%s)", (name,))

    def preflight(self, needed_bytes: int, schemas: tuple[str, ...]) -> tuple[str, ...]:
        """Asks the server for the rights that the load needs, and for settings that stand in the way."""
        del (
            needed_bytes,
            schemas,
        )  # A server does not tell its free space; a full disk is met when it comes, and resumed.
        self.sweep()
        with closing(MariadbSession(self._connect)) as session:
            read_only, local_files = session.query("SELECT @@read_only, @@local_infile")[0]
            # A read-only server still takes writes of those who may set it so, unless MySQL is told to take none.
            for_all = ("super_read_only", "ON") in session.query("SHOW GLOBAL VARIABLES LIKE 'super_read_only'")
            if for_all or (int(read_only) and not _may_write_anyway(session)):
                raise AccessDenied(
                    f"mariadb: {self.address.place} is read-only",
                    hint="connect to the primary, or SET GLOBAL read_only = OFF",
                )
            self._refuse_missing_rights(session)
        return () if int(local_files) else (NO_LOCAL_FILES,)

    def _refuse_missing_rights(self, session: MariadbSession) -> None:
        grants = [str(row[0]) for row in session.query("SHOW GRANTS")]
        held = _rights(grants, self.address.database or "")
        if held is None:
            return
        missing = [right for right in _NEEDED if right not in held]
        if missing:
            raise AccessDenied(
                f"mariadb: {self.address.user} lacks {', '.join(missing)} on {self.address.database}",
                hint=f"GRANT {', '.join(missing)} ON `{self.address.database}`.* TO {_login(session)};",
            )

    def remove_if_ours(self) -> str:
        """A server's database is never ours."""
        return ""


def _run(session: MariadbSession, sql: str) -> None:
    if sql.startswith("SELECT"):
        session.query(sql)
    else:
        session.execute(sql)


def _is_free(session: MariadbSession, name: str) -> bool:
    """Whether nobody rehearses there; this session holds the lock then."""
    rows: list[Row] = session.query("SELECT get_lock(%s, 0)", (name,))
    return bool(rows[0][0] == 1)


def _login(session: MariadbSession) -> str:
    user, _, host = str(session.query("SELECT current_user()")[0][0]).rpartition("@")
    return f"'{user}'@'{host}'"


def _may_write_anyway(session: MariadbSession) -> bool:
    words = " ".join(str(row[0]) for row in session.query("SHOW GRANTS"))
    return any(right in words for right in ("READ_ONLY ADMIN", "CONNECTION_ADMIN", "SUPER", "ALL PRIVILEGES ON *.*"))


def _rights(grants: list[str], database: str) -> set[str] | None:
    """Rights on a database, out of SHOW GRANTS; None where they cannot be told (all of them, or roles)."""
    held: set[str] = set()
    for grant in grants:
        found = _GRANT.match(grant)
        if found is None:
            return None
        place, rights = found["place"].strip(), found["rights"].upper()
        if place == "*.*" or _is_database(place, database):
            if rights.startswith("ALL PRIVILEGES"):
                return None
            held |= {right.strip() for right in rights.split(",")}
    return held


def _is_database(place: str, database: str) -> bool:
    """Whether a GRANT's place is all of the database; `%` and `_` are wildcards in it."""
    pattern, dot, table = place.rpartition(".")
    if not dot or table != "*":
        return False
    pieces = re.findall(r"\\.|.", pattern.strip("`").replace("``", "`"))
    wanted = "".join(
        re.escape(piece[1:])
        if piece[0] == "\\" and len(piece) > 1
        else {"%": ".*", "_": "."}.get(piece, re.escape(piece))
        for piece in pieces
    )
    return re.fullmatch(wanted, database) is not None


def _sealed(address: Address) -> dict[str, partial[SealedLogin]]:
    """Per plugin that wants the password itself what seals it, where the URL names the server's public key."""
    key_path = address.options.get("server-public-key-path")
    if not key_path:
        return {}
    return {plugin.decode(): partial(SealedLogin, plugin, key_path) for plugin in (CACHING_SHA2, SHA256)}


def _tls(address: Address) -> dict[str, Any]:
    """The client's settings for TLS; where the URL says nothing, TLS is used if the server has it."""
    options = address.options
    mode = options.get("ssl-mode", "VERIFY_CA" if "ssl-ca" in options else "PREFERRED")
    if mode == "DISABLED":
        return {"ssl_disabled": True}
    if mode == "PREFERRED" and "ssl-cert" not in options:
        return {}
    context = ssl.create_default_context(cafile=options.get("ssl-ca"))
    context.check_hostname = mode == "VERIFY_IDENTITY"
    context.verify_mode = ssl.CERT_REQUIRED if mode.startswith("VERIFY") else ssl.CERT_NONE
    if "ssl-cert" in options:
        context.load_cert_chain(options["ssl-cert"], options.get("ssl-key"))
    return {"ssl": context}
