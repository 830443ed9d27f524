"""Logins with MySQL's own plugin: the password leaves this side under a proof, over TLS or over a socket."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TypeAlias

import pytest

from appliance.loading.mariadb_session import MariadbSession
from appliance.loading.mariadb_target import MariadbTarget
from kora._core import MysqlConnection
from kora.databases.address import parse_address
from kora.databases.secrets import Secret
from kora.errors import AccessDenied, InvalidRequest
from tests.mariadb_server import MariadbDatabase, MariadbServer

pytestmark = pytest.mark.only_on("MySQL")
USER, PASSWORD = "fresh", "never seen"
Way: TypeAlias = Callable[..., str]


@pytest.fixture
def account(mariadb_server: MariadbServer) -> Iterator[None]:
    """A login whose password the server has not in its cache."""
    mariadb_server.login(USER, PASSWORD, "ALL ON *.*")
    yield
    mariadb_server.execute(f"DROP USER {USER}@'%'")


def read_as(database: MariadbDatabase, **changed: str) -> str:
    settings = {**database.settings, "user": USER, "password": PASSWORD, **changed}
    session = MysqlConnection(settings)
    try:
        return str(session.query("SELECT USER()")[0][0])
    finally:
        session.close()


def write_as(database: MariadbDatabase, options: str = "", password: str = PASSWORD, user: str = USER) -> str:
    address = parse_address(database.url_as(user, "", options))
    with closing(MariadbSession(MariadbTarget(address, Secret(password))._connect)) as session:
        return str(session.query("SELECT USER()")[0][0])


@pytest.mark.usefixtures("account")
def test_a_first_login_goes_over_tls_and_the_next_ones_by_proof_alone(mariadb_database: MariadbDatabase) -> None:
    with pytest.raises(AccessDenied, match=r"not encrypted: use ssl-mode=REQUIRED or the server's socket"):
        read_as(mariadb_database, **{"ssl-mode": "DISABLED"})
    assert read_as(mariadb_database).startswith(f"{USER}@")
    assert read_as(mariadb_database, **{"ssl-mode": "DISABLED"}).startswith(f"{USER}@")


@pytest.mark.usefixtures("account")
def test_a_first_login_goes_over_the_socket(mariadb_database: MariadbDatabase) -> None:
    assert read_as(mariadb_database, socket=str(mariadb_database.socket)) == f"{USER}@localhost"


@pytest.mark.usefixtures("account")
def test_a_writer_logs_in_as_a_reader_does(mariadb_database: MariadbDatabase) -> None:
    with pytest.raises(AccessDenied, match="this line is not encrypted") as caught:
        write_as(mariadb_database, "ssl-mode=DISABLED")
    assert "ssl-mode=REQUIRED" in caught.value.hint
    assert write_as(mariadb_database).startswith(f"{USER}@")
    assert write_as(mariadb_database, "ssl-mode=DISABLED").startswith(f"{USER}@")


@pytest.mark.usefixtures("account")
def test_a_writers_first_login_goes_over_the_socket(mariadb_database: MariadbDatabase) -> None:
    assert write_as(mariadb_database, f"socket={mariadb_database.socket}") == f"{USER}@localhost"


@pytest.mark.usefixtures("account")
def test_a_wrong_password_is_refused_by_both(mariadb_database: MariadbDatabase) -> None:
    with pytest.raises(AccessDenied, match="1045"):
        read_as(mariadb_database, password="guessed")
    with pytest.raises(AccessDenied, match="Access denied"):
        write_as(mariadb_database, password="guessed")


@pytest.fixture
def hashed(mariadb_server: MariadbServer) -> Iterator[str]:
    """An account under the plugin before `caching_sha2_password`, which always wants the password itself."""
    mariadb_server.execute(
        f"CREATE USER hashed@'%' IDENTIFIED WITH sha256_password BY '{PASSWORD}'; GRANT ALL ON *.* TO hashed@'%'"
    )
    yield "hashed"
    mariadb_server.execute("DROP USER hashed@'%'")


@pytest.fixture
def server_key(mariadb_server: MariadbServer, tmp_path: Path) -> Path:
    """The server's public key, carried to this side by hand."""
    key = tmp_path / "public_key.pem"
    key.write_bytes((mariadb_server.data / "public_key.pem").read_bytes())
    return key


BOTH = pytest.mark.parametrize("way", [read_as, write_as], ids=["reader", "writer"])


@BOTH
@pytest.mark.usefixtures("account")
def test_a_first_login_over_an_open_line_is_sealed_with_the_key_that_the_url_names(
    mariadb_database: MariadbDatabase, server_key: Path, way: Way
) -> None:
    assert open_line(way, mariadb_database, USER, server_key).startswith(f"{USER}@")


@BOTH
def test_a_sha256_account_is_answered_over_tls_and_with_the_key_over_an_open_line(
    mariadb_database: MariadbDatabase, server_key: Path, hashed: str, way: Way
) -> None:
    assert way(mariadb_database, user=hashed).startswith(f"{hashed}@")
    assert open_line(way, mariadb_database, hashed, server_key).startswith(f"{hashed}@")
    with pytest.raises(AccessDenied, match=r"sha256_password.*not encrypted"):
        open_line(way, mariadb_database, hashed, None)
    with pytest.raises(AccessDenied, match="Access denied"):
        open_line(way, mariadb_database, hashed, server_key, password="guessed")


@BOTH
@pytest.mark.usefixtures("account")
def test_a_key_of_another_server_opens_nothing_and_a_file_that_is_none_is_named(
    mariadb_database: MariadbDatabase, tmp_path: Path, way: Way
) -> None:
    private, other = tmp_path / "private.pem", tmp_path / "other.pem"
    subprocess.run(["openssl", "genrsa", "-out", private, "2048"], check=True, capture_output=True)
    subprocess.run(["openssl", "rsa", "-in", private, "-pubout", "-out", other], check=True, capture_output=True)
    with pytest.raises(AccessDenied, match="Access denied"):
        open_line(way, mariadb_database, USER, other)
    with pytest.raises(InvalidRequest, match=r"private\.pem: no public key of RSA"):
        open_line(way, mariadb_database, USER, private)


def open_line(way: Way, database: MariadbDatabase, user: str, key: Path | None, password: str = PASSWORD) -> str:
    """A login without TLS, by the reader's settings or the writer's URL."""
    if way is read_as:
        named = {"server-public-key-path": str(key)} if key else {}
        return way(database, user=user, password=password, **{"ssl-mode": "DISABLED"}, **named)
    named_in_url = f"&server-public-key-path={key}" if key else ""
    return way(database, options=f"ssl-mode=DISABLED{named_in_url}", password=password, user=user)


def test_an_account_that_must_use_tls_is_not_asked_over_an_open_line(
    mariadb_server: MariadbServer, mariadb_database: MariadbDatabase
) -> None:
    mariadb_server.execute(
        f"CREATE USER careful@'%' IDENTIFIED BY '{PASSWORD}' REQUIRE SSL; GRANT ALL ON *.* TO careful@'%'"
    )
    assert read_as(mariadb_database, user="careful").startswith("careful@")
    with pytest.raises(AccessDenied):
        read_as(mariadb_database, user="careful", **{"ssl-mode": "DISABLED"})
    mariadb_server.execute("DROP USER careful@'%'")
