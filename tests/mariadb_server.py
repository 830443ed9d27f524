"""A real server of MariaDB's family for tests: `MariadbServer` runs one in a temporary folder, as `tests.servers` does
PostgreSQL. Which one, `tests.mariadb_builds` says.

These servers refuse to run as root, so a root process tells them to become the `mysql` user. The server offers TLS with
a certificate of its own authority. Statements go through the engine's own client.
"""

import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from tests.mariadb_builds import Build, chosen
from tests.servers import PASSWORD, START_TIMEOUT_SECONDS, SUPERUSER, Certificates, free_port


@dataclass(frozen=True)
class MariadbDatabase:
    """One fresh database on a server."""

    host: str
    port: int
    socket: Path
    name: str
    user: str = SUPERUSER
    password: str = PASSWORD
    build: Build = field(default_factory=chosen, compare=False)

    @property
    def url(self) -> str:
        """`mariadb://user:password@host:port/name`, or `mysql://…`."""
        return self.url_as(self.user, self.password)

    def url_as(self, user: str, password: str, options: str = "") -> str:
        """The same database for another login. `options` as `ssl-mode=DISABLED&…`."""
        login = f"{quote(user, safe='')}:{quote(password, safe='')}"
        place = f"{self.host}:{self.port}/{self.name}" + (f"?{options}" if options else "")
        return f"{self.build.product.lower()}://{login}@{place}"

    @property
    def settings(self) -> dict[str, str]:
        """As the core's `MysqlConnection` takes them."""
        return {"host": self.host, "port": str(self.port), "user": self.user, "password": self.password,
                "database": self.name}  # fmt: skip

    def execute(self, *statements: str) -> None:
        """Runs statements, in one session."""
        self._client(";\n".join(statements))

    def script(self, path: Path, *, first: str = "") -> None:
        """Runs a file of statements behind `first`, as the engine's client reads a dump."""
        self._client(f"{first}\nsource {path}")

    def query(self, sql: str) -> list[tuple[str | None, ...]]:
        """Rows as the engine's own client shows them, `NULL` as None; for values without tabs and new lines."""
        lines = self._client(sql, "--batch", "--skip-column-names").splitlines()
        return [tuple(None if value == "NULL" else value for value in line.split("\t")) for line in lines]

    def _client(self, text: str, *arguments: str) -> str:
        done = subprocess.run(
            [*self.build.client, f"--socket={self.socket}", f"--user={self.user}",
             "--default-character-set=utf8mb4", "--max-allowed-packet=1G", *arguments, self.name],
            input=text.encode(), capture_output=True, env={**os.environ, "MYSQL_PWD": self.password},
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(done.stderr.decode(errors="replace").strip())
        return done.stdout.decode()


def numbers(count: int) -> str:
    """A subquery of the numbers `n` from 1 to `count`, at most a million, as every server of the family has it."""
    digits = " UNION ALL ".join(f"SELECT {digit} AS d" for digit in range(10))
    places = range(len(str(count)))
    joined = " JOIN ".join(f"({digits}) p{place}" for place in places)
    total = " + ".join(f"p{place}.d * {10**place}" for place in places)
    return f"(SELECT n FROM (SELECT {total} + 1 AS n FROM {joined}) counted WHERE n <= {count}) numbers"


class MariadbServer:
    """One server with its own data. Use as a context manager."""

    def __init__(self, settings: Mapping[str, str] | None = None, build: Build | None = None) -> None:
        self.build = build or chosen()
        self.folder = Path(tempfile.mkdtemp(prefix="maria-"))
        self.data = self.folder / "data"
        self.socket = self.folder / "socket"
        self.port = free_port()
        self.authority = Certificates(self.folder / "tls")
        self._settings = dict(self.build.settings, **(settings or {}))
        self._names = itertools.count(1)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "MariadbServer":
        self.data.mkdir()
        # Of its own: a server that starts deletes all temporary tables of the folder, also another server's.
        temporary = self.folder / "tmp"
        temporary.mkdir()
        self._settings["tmpdir"] = str(temporary)
        certificate, key = self.authority.issue("server", "localhost", "DNS:localhost,IP:127.0.0.1")
        self._settings |= {"ssl_ca": str(self.authority.root), "ssl_cert": str(certificate), "ssl_key": str(key)}
        self._own_everything()
        with ExitStack() as undone:
            undone.push(self)
            self._make(temporary)
            undone.pop_all()
        return self

    def _make(self, temporary: Path) -> None:
        self.build.install(self.data, temporary, self._as_user())
        self.start()
        self._root(
            f"{self.build.prepare}; CREATE USER {SUPERUSER}@'%' IDENTIFIED BY '{PASSWORD}'; "
            f"GRANT ALL ON *.* TO {SUPERUSER}@'%' WITH GRANT OPTION"
        )

    def __exit__(self, *_: object) -> None:
        self.stop("immediate")
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self) -> None:
        """Starts the server and waits until it takes connections."""
        options = [f"--{name}={value}" for name, value in self._settings.items()]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self.build.server, "--no-defaults", f"--datadir={self.data}", f"--socket={self.socket}",
                 f"--port={self.port}", "--bind-address=127.0.0.1", f"--pid-file={self.folder / 'pid'}",
                 *self.build.arguments, *self._as_user(), *options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/",
            )  # fmt: skip
        patience = time.monotonic() + START_TIMEOUT_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > patience:
                raise RuntimeError(
                    f"{self.build.product} did not start:\n{(self.folder / 'log').read_text(errors='replace')}"
                )
            time.sleep(0.05)

    def stop(self, mode: str = "fast") -> None:
        """Stops it: `immediate` kills it, `fast` lets it shut down."""
        if self._process is None:
            return
        if mode == "immediate":
            self._process.kill()
        else:
            self._process.terminate()
        self._process.wait(START_TIMEOUT_SECONDS)
        self._process = None

    def create_database(self, options: str = "") -> MariadbDatabase:
        """A database of its own, for one test. `options` as in CREATE DATABASE."""
        name = f"test_{next(self._names)}"
        self._root(f"CREATE DATABASE {name} {options}")
        return MariadbDatabase("127.0.0.1", self.port, self.socket, name, build=self.build)

    def execute(self, statements: str) -> None:
        """Statements of the administrator, in no database: users, global settings."""
        self._root(statements)

    def login(self, user: str, password: str, *grants: str) -> None:
        """A fresh account. `grants` as `SELECT ON shop.*`."""
        rights = "".join(f"GRANT {grant} TO {user}@'%';" for grant in grants)
        self._root(f"DROP USER IF EXISTS {user}@'%'; CREATE USER {user}@'%' IDENTIFIED BY '{password}'; {rights}")

    def _root(self, statements: str) -> None:
        MariadbDatabase("127.0.0.1", self.port, self.socket, "mysql", "root", "", self.build).execute(statements)

    def _answers(self) -> bool:
        try:
            self._root("SELECT 1")
        except RuntimeError:
            return False
        return True

    @staticmethod
    def _as_user() -> list[str]:
        return ["--user=mysql"] if os.geteuid() == 0 else []

    def _own_everything(self) -> None:
        if os.geteuid() == 0:
            account = pwd.getpwnam("mysql")
            for path in (self.folder, *self.folder.rglob("*")):
                os.chown(path, account.pw_uid, account.pw_gid)
