"""A database's URL: parsed once, never printed with its password. Passwords are resolved in `kora.databases.secrets`.

    sqlite:///clinic.db             relative to the working folder
    sqlite:////srv/data/clinic.db   absolute (the path begins behind the third slash)
    duckdb:///warehouse.duckdb
    postgresql://user@host:5432/db?sslmode=verify-full&sslrootcert=ca.pem
    postgresql:///db?host=/run/postgresql
    mariadb://user@host:3306/db?ssl-mode=VERIFY_IDENTITY&ssl-ca=ca.pem, or mysql://
    mariadb://user@/db?socket=/run/mysqld/mysqld.sock
    csv:///folder, csv:///archive.zip, csv:///one.csv
    parquet:///folder, parquet:///one.parquet

A plain path whose suffix says what it is (`clinic.db`, `export.zip`) is accepted too. This room reads no environment
and opens nothing; it looks at the file system only to tell a folder of CSV files from a typing error.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit

from kora.errors import InvalidRequest

Engine: TypeAlias = Literal["sqlite", "duckdb", "postgresql", "mariadb", "csv", "parquet"]

_SCHEMES: dict[str, Engine] = {
    "sqlite": "sqlite",
    "duckdb": "duckdb",
    "postgresql": "postgresql",
    "postgres": "postgresql",
    "mariadb": "mariadb",
    "mysql": "mariadb",
    "csv": "csv",
    "parquet": "parquet",
}
_SUFFIXES: dict[str, Engine] = {
    ".db": "sqlite",
    ".sqlite": "sqlite",
    ".sqlite3": "sqlite",
    ".duckdb": "duckdb",
    ".csv": "csv",
    ".tsv": "csv",
    ".zip": "csv",
    ".parquet": "parquet",
}
_OPTIONS: dict[Engine, tuple[str, ...]] = {
    "sqlite": (),
    "duckdb": (),
    "parquet": (),
    "csv": ("delimiter", "encoding", "header", "quote", "schema"),
    "postgresql": (
        "application_name", "connect_timeout", "options", "sslcert", "sslkey", "sslmode", "sslrootcert",
    ),
    "mariadb": (
        "connect_timeout", "server-public-key-path", "socket", "ssl-ca", "ssl-cert", "ssl-key", "ssl-mode",
    ),
}  # fmt: skip
_PORTS: dict[Engine, int] = {"postgresql": 5432, "mariadb": 3306}
"""The engines that are servers, and where each listens unless told otherwise."""
_MARIADB_SSL_MODES = ("DISABLED", "PREFERRED", "REQUIRED", "VERIFY_CA", "VERIFY_IDENTITY")
_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
KEYRING = "keyring"
"""`?password=keyring`: the password is in the keyring, and not finding it there is an error."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a database is. Compares without the password; `str` gives a URL without it, which parses to an equal one.

    `path` belongs to files (sqlite, duckdb, csv, parquet), `host` to `database` to servers. A `host` that begins with
    `/` is the folder of a Unix socket; None leaves the choice to the engine. `options` are what else the URL said,
    without passwords.
    """

    engine: Engine
    path: Path | None = None
    host: str | None = None
    port: int | None = None
    user: str | None = None
    database: str | None = None
    options: dict[str, str] = field(default_factory=dict, hash=False)
    password: str | None = field(default=None, repr=False, compare=False)
    password_in_keyring: bool = False

    @property
    def file(self) -> Path:
        """The path of a file engine; `InvalidRequest` for a server."""
        if self.path is None:
            raise InvalidRequest(f"{self} is a server, not a file")
        return self.path

    @property
    def place(self) -> str:
        """`host:port` or the file: for messages."""
        if self.path is not None:
            return str(self.path)
        if "socket" in self.options:
            return self.options["socket"]
        return f"{self.host or 'the local server'}:{self.effective_port}"

    @property
    def effective_port(self) -> int:
        """The port that was named, or the engine's own; `InvalidRequest` for a file."""
        if self.engine not in _PORTS:
            raise InvalidRequest(f"{self} is a file, not a server")
        return self.port or _PORTS[self.engine]

    def __str__(self) -> str:
        if self.path is not None:
            query = urlencode(self.options)
            return f"{self.engine}:///{quote(str(self.path))}" + (f"?{query}" if query else "")
        return f"{self.engine}://{self._authority()}/{quote(self.database or '', safe='')}{self._query()}"

    def _authority(self) -> str:
        user = quote(self.user, safe="") + "@" if self.user else ""
        if self.host is None or self.host.startswith("/"):
            return user
        host = f"[{self.host}]" if ":" in self.host else quote(self.host, safe=".-_~")
        return f"{user}{host}" + (f":{self.port}" if self.port else "")

    def _query(self) -> str:
        options = dict(self.options)
        if self.host is None or self.host.startswith("/"):
            options |= {"host": self.host} if self.host else {}
            options |= {"port": str(self.port)} if self.port else {}
        options |= {"password": KEYRING} if self.password_in_keyring else {}
        return f"?{urlencode(options, safe='/')}" if options else ""


def parse_address(text: str) -> Address:
    """The address that a URL or plain path names.

    Raises:
        InvalidRequest: an unknown scheme or option, a malformed port, no file or database named. The message repeats
            neither the password nor anything that might be a part of one whose signs were not escaped.
    """
    if "\0" in unquote(text):
        raise InvalidRequest("a URL or path holds a zero byte", hint="write it as a person would")
    if "://" not in text:
        return _plain_path(text)
    scheme = text.split("://", 1)[0].lower()
    engine = _SCHEMES.get(scheme)
    if engine is None:
        known = f"{scheme}://" if re.fullmatch("[a-z0-9+.-]{1,30}", scheme) else "of the URL"
        raise InvalidRequest(f"unknown scheme {known}", hint=f"known are {', '.join(f'{s}://' for s in _SCHEMES)}")
    return _server(text, engine) if engine in _PORTS else _file(text, engine)


def _plain_path(text: str) -> Address:
    path = Path(text)
    engine: Engine | None = "csv" if text and _is_folder(path) else _SUFFIXES.get(path.suffix.lower())
    if engine is None:
        what = "a text with an @ and no ENGINE:// before it" if "@" in text else repr(text[:200])
        raise InvalidRequest(
            f"{what} names no database",
            hint=f"write ENGINE:///PATH, or a path that ends in {', '.join(_SUFFIXES)}",
        )
    return Address(engine, path=path)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a name that no file system takes
        return False


def _file(text: str, engine: Engine) -> Address:
    rest = text.split("://", 1)[1]
    location, _, query = rest.partition("?")
    authority, slash, path = location.partition("/")
    if authority or not slash:
        where = "…" if "@" in location else location
        raise InvalidRequest(
            f"{engine}://{where} lacks a slash",
            hint=f"write {engine}:///relative/path or {engine}:////absolute/path",
        )
    if not path:
        raise InvalidRequest(f"{engine}:/// names no file", hint=f"write {engine}:///PATH")
    return Address(engine, path=Path(unquote(path)), options=_known_options(engine, _pairs(query)))


def _server(text: str, engine: Engine) -> Address:
    try:
        parts = urlsplit(text)
    except ValueError:  # its words would repeat the password
        raise InvalidRequest("the URL's host is not one", hint=f"write {engine}://USER@HOST:PORT/DATABASE") from None
    _require_escaped(parts)
    if "," in parts.netloc:
        raise InvalidRequest("several hosts in one URL are not supported", hint="name the one host to read from")
    pairs = _pairs(parts.query)
    password, in_keyring = _password(parts.password, pairs.pop("password", None))
    database = unquote(parts.path.removeprefix("/")) or pairs.pop("dbname", "")
    host = pairs.pop("host", None) or (unquote(parts.hostname) if parts.hostname else None)
    if not database:
        where = f" on {host}" if host else ""
        raise InvalidRequest(f"the URL names no database{where}", hint=f"write {engine}://USER@HOST:PORT/DATABASE")
    user = pairs.pop("user", None) or (unquote(parts.username) if parts.username else None)
    return Address(
        engine,
        host=host,
        port=_port(parts.netloc, pairs.pop("port", None)),
        user=user,
        database=database,
        options=_known_options(engine, pairs),
        password=password,
        password_in_keyring=in_keyring,
    )


def _require_escaped(parts: SplitResult) -> None:
    """Refuses a URL with an @ behind its authority: a / ? # in a password ended that, and its rest would be a name."""
    if "@" in parts.path or parts.fragment or (not parts.path and "@" in parts.query):
        raise InvalidRequest(
            "the URL has an @ or # where none can stand: a password or name holds a sign that is not escaped",
            hint="write @ : / ? # in a password or name as %40 %3A %2F %3F %23",
        )


def _pairs(query: str) -> dict[str, str]:
    try:
        return dict(parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query)))
    except ValueError:
        raise InvalidRequest("malformed options behind the ?", hint="write NAME=VALUE&NAME=VALUE") from None


def _password(in_authority: str | None, in_query: str | None) -> tuple[str | None, bool]:
    if in_query == KEYRING:
        return None, True
    given = in_query if in_query is not None else (unquote(in_authority) if in_authority is not None else None)
    return given or None, False


def _port(netloc: str, in_query: str | None) -> int | None:
    """The port, read by hand: `urlsplit` would put the whole authority, password included, into its error."""
    behind_host = netloc.rpartition("@")[2].rpartition("]")[2]
    text = in_query or (behind_host.partition(":")[2] if ":" in behind_host else "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and 0 < int(text[:6]) <= 65535):
        # Without an @ what follows the colon may be a password whose host was forgotten.
        what = repr(text) if in_query or "@" in netloc else "what follows the host's colon"
        raise InvalidRequest(
            f"{what} is not a port",
            hint="a port is a number from 1 to 65535; write @ : / in a password as %40 %3A %2F",
        )
    return int(text)


def _known_options(engine: Engine, options: dict[str, str]) -> dict[str, str]:
    known = _OPTIONS[engine]
    for name in options:
        if name not in known:
            hint = f"known are {', '.join(known)}" if known else f"{engine} URLs take none"
            shown = repr(name) if re.fullmatch("[A-Za-z_-]{1,30}", name) else "behind the ?"
            raise InvalidRequest(f"unknown option {shown} in a {engine} URL", hint=hint)
    capital = options.get("ssl-mode", "").upper()
    if capital:
        if capital not in _MARIADB_SSL_MODES:
            raise InvalidRequest(f"ssl-mode={capital} is unknown", hint=f"known are {', '.join(_MARIADB_SSL_MODES)}")
        return {**options, "ssl-mode": capital}
    mode = options.get("sslmode")
    if mode is not None and mode not in _SSL_MODES:
        raise InvalidRequest(f"sslmode={mode} is unknown", hint=f"known are {', '.join(_SSL_MODES)}")
    return options
