"""Logins with MySQL's own plugin: the password leaves this side under a proof, over TLS or over a socket."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from appliance.loading.mariadb_session import MariadbSession
from appliance.loading.mariadb_target import MariadbTarget
from kora._core import MysqlConnection
from kora.databases.address import parse_address
from kora.databases.secrets import Secret
from kora.errors import AccessDenied
from tests.mariadb_server import MariadbDatabase, MariadbServer

pytestmark = pytest.mark.only_on("MySQL")
USER, PASSWORD = "fresh", "never seen"


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


def write_as(database: MariadbDatabase, options: str = "", password: str = PASSWORD) -> str:
    address = parse_address(database.url_as(USER, "", options))
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


def test_an_account_under_a_plugin_that_is_not_known_is_told_how_to_change(
    mariadb_server: MariadbServer, mariadb_database: MariadbDatabase
) -> None:
    mariadb_server.execute(f"CREATE USER hashed@'%' IDENTIFIED WITH sha256_password BY '{PASSWORD}'")
    with pytest.raises(AccessDenied, match=r"sha256_password.*IDENTIFIED WITH caching_sha2_password BY"):
        read_as(mariadb_database, user="hashed")
    mariadb_server.execute("DROP USER hashed@'%'")


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
