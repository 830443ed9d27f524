"""The core's own PostgreSQL session against a real server, beside psycopg (libpq) with the same settings."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from kora._core import PostgresConnection, postgres_rows
from kora.errors import AccessDenied, ConnectionLost, EngineError, InvalidRequest, SenseiError, UnsupportedType
from tests.servers import PASSWORD, SUPERUSER, Certificates, Database, PostgresServer, free_port

TLS_HBA = """
local all all trust
hostssl all needs_certificate localhost cert
hostssl all needs_certificate 127.0.0.1/32 cert
hostssl all tls_only 127.0.0.1/32 scram-sha-256
hostnossl all plain_only 127.0.0.1/32 scram-sha-256
hostnossl all tls_only,needs_certificate 127.0.0.1/32 reject
hostssl all plain_only 127.0.0.1/32 reject
host all hashed 127.0.0.1/32 md5
host all clear 127.0.0.1/32 password
host all all 127.0.0.1/32 scram-sha-256
"""


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("stranger"), "another authority")


@pytest.fixture(scope="module")
def client_pair(authority: Certificates) -> tuple[Path, Path]:
    return authority.issue("client", "needs_certificate")


def tls_server(authority: Certificates, certificate: Path, key: Path) -> PostgresServer:
    server = PostgresServer(hba=TLS_HBA)
    server.configure(
        ssl="on",
        ssl_cert_file=str(server.adopt(certificate, "server.crt")),
        ssl_key_file=str(server.adopt(key, "server.key")),
        ssl_ca_file=str(server.adopt(authority.root, "root.crt")),
    )
    return server


def create_roles(server: PostgresServer) -> None:
    with psycopg.connect(**server.socket_settings, autocommit=True) as connection:  # type: ignore[arg-type]
        for role in ("tls_only", "plain_only", "needs_certificate", "clear"):
            connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'".encode())
        connection.execute("SET password_encryption = md5")
        connection.execute(f"CREATE ROLE hashed LOGIN PASSWORD '{PASSWORD}'".encode())


@pytest.fixture(scope="module")
def tls(authority: Certificates) -> Iterator[PostgresServer]:
    pair = authority.issue("server", "irrelevant.example", "DNS:localhost,IP:127.0.0.1")
    with tls_server(authority, *pair) as server:
        create_roles(server)
        yield server


@pytest.fixture(scope="module")
def old_style_tls(authority: Certificates) -> Iterator[PostgresServer]:
    """Its certificate has no extension at all, as `openssl x509 -req` makes them; its name is only a common name."""
    with tls_server(authority, *authority.issue("old", "localhost")) as server:
        create_roles(server)
        yield server


IN_TLS = "SELECT ssl::text FROM pg_stat_ssl WHERE pid = pg_backend_pid()"


def ours(settings: dict[str, str]) -> str:
    """`true`/`false` for TLS, or `refused`."""
    try:
        connection = PostgresConnection(settings)
    except (AccessDenied, InvalidRequest):
        return "refused"
    rows = connection.query(IN_TLS)
    connection.close()
    return str(rows[0][0])


def libpq(settings: dict[str, str]) -> str:
    try:
        with psycopg.connect(**settings) as connection:  # type: ignore[arg-type]
            row = connection.execute(IN_TLS.encode()).fetchone()
            assert row is not None
            return str(row[0])
    except psycopg.OperationalError:
        return "refused"


MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("root", ["none", "right", "wrong"])
def test_every_tls_mode_ends_as_it_does_in_libpq(
    tls: PostgresServer, authority: Certificates, stranger: Certificates, mode: str, root: str
) -> None:
    roots = {"none": {}, "right": {"sslrootcert": str(authority.root)}, "wrong": {"sslrootcert": str(stranger.root)}}
    for user in (SUPERUSER, "tls_only", "plain_only"):
        for host in ("127.0.0.1", "localhost"):
            settings = {**tls.settings, "user": user, "host": host, "sslmode": mode, **roots[root]}
            assert ours(settings) == libpq(settings), (user, host)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_certificate_without_extensions_counts_as_it_does_in_libpq(
    old_style_tls: PostgresServer, authority: Certificates, stranger: Certificates, mode: str, host: str
) -> None:
    for root in (authority.root, stranger.root):
        settings = {**old_style_tls.settings, "host": host, "sslmode": mode, "sslrootcert": str(root)}
        assert ours(settings) == libpq(settings), root


def test_a_host_that_the_certificate_does_not_name_passes_only_below_verify_full(authority: Certificates) -> None:
    names = "DNS:elsewhere.example,DNS:*.localhost,IP:10.0.0.1"
    with tls_server(authority, *authority.issue("elsewhere", "localhost", names)) as server:
        for mode in MODES:
            settings = {**server.settings, "host": "localhost", "sslmode": mode, "sslrootcert": str(authority.root)}
            expected = {"disable": "false", "allow": "false", "verify-full": "refused"}.get(mode, "true")
            assert (ours(settings), libpq(settings)) == (expected, expected), mode


def test_a_server_s_own_certificate_may_be_its_root(tmp_path: Path) -> None:
    itself = Certificates(tmp_path, "localhost")
    with tls_server(itself, itself.root, tmp_path / "root.key") as server:
        settings = {**server.settings, "host": "localhost", "sslmode": "verify-full", "sslrootcert": str(itself.root)}
        assert (ours(settings), libpq(settings)) == ("true", "true")


def test_an_expired_certificate_is_not_trusted(authority: Certificates) -> None:
    for names in ("DNS:localhost", ""):
        with tls_server(authority, *authority.issue("expired", "localhost", names, days=-1)) as server:
            settings = {**server.settings, "host": "localhost", "sslrootcert": str(authority.root)}
            for mode in ("require", "verify-ca", "verify-full"):
                assert (ours({**settings, "sslmode": mode}), libpq({**settings, "sslmode": mode})) == ("refused",) * 2


@pytest.mark.parametrize("mode", MODES)
def test_a_client_certificate_is_asked_for_and_taken(
    tls: PostgresServer, client_pair: tuple[Path, Path], stranger: Certificates, authority: Certificates, mode: str
) -> None:
    base = {**tls.settings, "user": "needs_certificate", "sslmode": mode, "sslrootcert": str(authority.root)}
    for certificate, key in (client_pair, stranger.issue("client", "needs_certificate")):
        settings = {**base, "sslcert": str(certificate), "sslkey": str(key)}
        assert ours(settings) == libpq(settings)
    assert ours(base) == libpq(base) == "refused"
    if mode != "disable":
        assert ours({**base, "sslcert": str(client_pair[0]), "sslkey": str(client_pair[1])}) == "true"


def test_a_key_that_others_may_read_is_refused(
    tls: PostgresServer, client_pair: tuple[Path, Path], tmp_path: Path
) -> None:
    key = tmp_path / "open.key"
    key.write_text(client_pair[1].read_text())
    key.chmod(0o644)
    settings = {**tls.settings, "sslmode": "require", "sslcert": str(client_pair[0]), "sslkey": str(key)}
    with pytest.raises(InvalidRequest, match="chmod 600"):
        PostgresConnection(settings)
    assert libpq(settings) == "refused"


def test_tls_without_its_root_certificate_is_refused_before_anything_is_sent(tls: PostgresServer) -> None:
    with pytest.raises(InvalidRequest, match="sslrootcert"):
        PostgresConnection({**tls.settings, "sslmode": "verify-full"})


def test_require_does_not_settle_for_a_server_without_tls(postgres_server: PostgresServer) -> None:
    with pytest.raises(AccessDenied, match="does not speak TLS"):
        PostgresConnection({**postgres_server.settings, "sslmode": "require"})
    assert ours({**postgres_server.settings, "sslmode": "prefer"}) == "false"


@pytest.mark.parametrize("user", [SUPERUSER, "hashed", "clear"])
def test_every_password_method_lets_the_right_one_in_and_no_other(tls: PostgresServer, user: str) -> None:
    settings = {**tls.settings, "user": user}
    assert ours(settings) == "true"
    with pytest.raises(AccessDenied, match="password authentication failed"):
        PostgresConnection({**settings, "password": "open barley"})
    with pytest.raises(AccessDenied, match="none was given"):
        PostgresConnection({**settings, "password": ""})


def test_an_unknown_database_and_a_wrong_role_are_refusals(postgres_server: PostgresServer) -> None:
    for change in ({"dbname": "nowhere"}, {"user": "nobody"}):
        with pytest.raises(AccessDenied):
            PostgresConnection({**postgres_server.settings, **change})


def test_a_port_where_nobody_listens_is_a_connection_lost() -> None:
    with pytest.raises(ConnectionLost, match="refused"):
        PostgresConnection({"host": "127.0.0.1", "port": str(free_port()), "user": "ada", "connect_timeout": "2"})


def test_a_server_that_says_nothing_is_given_up_after_the_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = str(silent.getsockname()[1])
        with pytest.raises(ConnectionLost, match="did not answer in time"):
            PostgresConnection({"host": "127.0.0.1", "port": port, "user": "ada", "connect_timeout": "2"})


def test_the_socket_folder_serves_as_host(postgres_server: PostgresServer) -> None:
    connection = PostgresConnection({**postgres_server.socket_settings, "application_name": "kora"})
    sql = "SELECT application_name, client_addr FROM pg_stat_activity WHERE pid = pg_backend_pid()"
    assert connection.query(sql) == [("kora", None)]


def test_options_and_text_results_are_exact(postgres_database: Database) -> None:
    connection = PostgresConnection({**postgres_database.settings, "options": "-c DateStyle=German"})
    rows = connection.query("SELECT DATE '2024-02-29', NULL, 'ü'; ")
    assert rows == [("29.02.2024", None, "ü")]
    assert connection.query("SELECT 1 WHERE false") == []


def test_a_refused_statement_has_its_sqlstate_and_leaves_the_session_usable(postgres_database: Database) -> None:
    connection = PostgresConnection(postgres_database.settings)
    with pytest.raises(EngineError, match="division by zero") as caught:
        connection.execute("SELECT 1/0")
    assert caught.value.sqlstate == "22012"
    with pytest.raises(EngineError, match="this session only reads"):
        connection.execute("COPY pg_class FROM STDIN")
    assert connection.query("SELECT 1") == [(1,)]


def test_an_error_never_quotes_the_row_that_caused_it(postgres_database: Database) -> None:
    postgres_database.execute(
        "CREATE TABLE patients (name text PRIMARY KEY)", "INSERT INTO patients VALUES ('Ada Secret')"
    )
    connection = PostgresConnection(postgres_database.settings)
    with pytest.raises(EngineError) as caught:
        connection.execute("INSERT INTO patients VALUES ('Ada Secret')")
    assert "Secret" not in str(caught.value)


def test_columns_that_cannot_be_read_are_named(postgres_database: Database) -> None:
    connection = PostgresConnection(postgres_database.settings)
    with pytest.raises(UnsupportedType, match="column 1: aclitem"):
        postgres_rows(connection, "SELECT 1, makeaclitem(10, 10, 'SELECT', false)", ["int4", "aclitem"])
    assert postgres_rows(connection, "SELECT 1, 2", ["int4", "int4"]).column_count == 2
    assert connection.query("SELECT 'a stream that nobody read is left behind'")


def test_a_closed_session_says_so(postgres_database: Database) -> None:
    connection = PostgresConnection(postgres_database.settings)
    connection.close()
    connection.close()
    with pytest.raises(ConnectionLost, match="closed"):
        connection.query("SELECT 1")


def test_a_session_that_the_server_ends_is_a_connection_lost(postgres_database: Database) -> None:
    connection = PostgresConnection(postgres_database.settings)
    pid = connection.query("SELECT pg_backend_pid()")[0][0]
    killer = threading.Timer(0.2, postgres_database.execute, [f"SELECT pg_terminate_backend({pid})"])
    killer.start()
    with pytest.raises(ConnectionLost, match="57P01"):
        connection.query("SELECT pg_sleep(20)")
    killer.join()
    with pytest.raises(SenseiError, match="no session"):
        connection.query("SELECT 1")
