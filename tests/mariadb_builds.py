"""Which server of MariaDB's family the tests talk to: the installed MariaDB, or one of a later Debian suite.

`SENSEI_TEST_MARIADB` chooses: `installed` (the default), `mysql` or `mariadb`; the last two are unpacked by
`tests.debian_suite`. What differs between starting one and another stands here and nowhere else.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.debian_suite import Unpacked, unpacked

VARIABLE = "SENSEI_TEST_MARIADB"
_SYSTEM_TABLES = (
    "mariadb_system_tables.sql", "mariadb_performance_tables.sql", "mariadb_system_tables_data.sql",
    "maria_add_gis_sp_bootstrap.sql", "mariadb_sys_schema.sql",
)  # fmt: skip
_FAST = {
    "innodb_flush_log_at_trx_commit": "2",
    "innodb_buffer_pool_size": "64M",
    "innodb_fast_shutdown": "2",
    "innodb_doublewrite": "0",
    "innodb_use_native_aio": "0",
    "performance_schema": "OFF",
    "max_connections": "50",
    "max_allowed_packet": "1G",
    "skip_name_resolve": "ON",
    "local_infile": "ON",
    "character_set_server": "utf8mb4",
    "server_id": "1",
}


@dataclass(frozen=True)
class Build:
    """One server's programs and habits."""

    product: str
    """`MariaDB` or `MySQL`."""
    server: list[str]
    client: list[str]
    settings: Mapping[str, str]
    prepare: str
    """Statements of the administrator after the first start."""
    root: Unpacked | None = None
    """Where its files are, if not in this system."""
    arguments: tuple[str, ...] = field(default=())
    """What the server's command line says of its own files."""

    @property
    def byte_collation(self) -> str:
        """Texts are equal only byte by byte, blanks at their ends too."""
        return "utf8mb4_0900_bin" if self.product == "MySQL" else "utf8mb4_nopad_bin"

    def install(self, data: Path, temporary: Path, as_user: list[str]) -> None:
        """Makes the system tables; as root without a password."""
        if self.product == "MySQL":
            _run([*self.server, "--no-defaults", "--initialize-insecure", f"--datadir={data}", *self.arguments,
                  *as_user])  # fmt: skip
        elif self.root is None:
            _run(["mariadb-install-db", "--no-defaults", f"--datadir={data}", f"--tmpdir={temporary}",
                  "--skip-test-db", "--auth-root-authentication-method=normal", *as_user])  # fmt: skip
        else:
            # The engine's own script would start the server without its loader.
            scripts = [self.root.path("usr/share/mariadb") / name for name in _SYSTEM_TABLES]
            head = b"CREATE DATABASE mysql;\nUSE mysql;\nSET @auth_root_socket = NULL;\n"
            text = head + b"".join(script.read_bytes() for script in scripts)
            _run([*self.server, "--no-defaults", "--bootstrap", f"--datadir={data}", f"--tmpdir={temporary}",
                  "--max-allowed-packet=16M", *self.arguments, *as_user], text)  # fmt: skip


def _run(command: list[str], text: bytes = b"") -> None:
    done = subprocess.run(command, input=text, capture_output=True, cwd="/")
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed:\n{done.stdout.decode()}{done.stderr.decode(errors='replace')}")


def chosen() -> Build:
    """The build that this test run is about."""
    return named(os.environ.get(VARIABLE) or "installed")


def product() -> str:
    """Whose server this test run is about, without looking for it."""
    return "MySQL" if os.environ.get(VARIABLE) == "mysql" else "MariaDB"


def named(name: str) -> Build:
    """A build by its name in `SENSEI_TEST_MARIADB`."""
    return {"installed": _installed, "mysql": _mysql, "mariadb": _mariadb_of_suite}[name]()


_MARIADB_LOGINS = "DELETE FROM mysql.global_priv WHERE user = ''; FLUSH PRIVILEGES"


def _installed() -> Build:
    if not shutil.which("mariadbd") or not shutil.which("mariadb-install-db"):
        raise RuntimeError("MariaDB is not installed; run: apt-get install mariadb-server")
    settings = {**_FAST, "innodb_log_file_size": "64M"}
    return Build("MariaDB", ["mariadbd"], ["mariadb", "--no-defaults"], settings, _MARIADB_LOGINS)


def _mariadb_of_suite() -> Build:
    root = unpacked("mariadb")
    arguments = (f"--lc-messages-dir={root.path('usr/share/mariadb')}",
                 f"--character-sets-dir={root.path('usr/share/mariadb/charsets')}",
                 f"--plugin-dir={root.path('usr/lib/mysql/plugin')}")  # fmt: skip
    settings = {**_FAST, "innodb_log_file_size": "64M"}
    client = [*root.program("usr/bin/mariadb"), "--no-defaults"]
    return Build("MariaDB", root.program("usr/sbin/mariadbd"), client, settings, _MARIADB_LOGINS, root, arguments)


def _mysql() -> Build:
    root = unpacked("mysql")
    arguments = (f"--basedir={root.path('usr')}", f"--lc-messages-dir={root.path('usr/share/mysql')}",
                 f"--character-sets-dir={root.path('usr/share/mysql/charsets')}",
                 f"--plugin-dir={root.path('usr/lib/mysql/plugin')}")  # fmt: skip
    settings = {**_FAST, "innodb_redo_log_capacity": "64M", "mysqlx": "OFF", "secure_file_priv": "",
                "sync_binlog": "0", "innodb_flush_method": "nosync"}  # fmt: skip
    client = [*root.program("usr/bin/mysql"), "--no-defaults", "--commands"]
    return Build("MySQL", root.program("usr/sbin/mysqld"), client, settings, "SELECT 1", root, arguments)
