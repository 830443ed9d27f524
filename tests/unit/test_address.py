"""URLs: what they mean, what is refused, and that a password never shows."""

import pickle
from pathlib import Path

import pytest

from kora.databases.address import Address, parse_address
from kora.databases.secrets import Secret, keyring_account, resolve
from kora.errors import AccessDenied, InvalidRequest


@pytest.mark.parametrize(
    ("url", "engine", "path"),
    [
        ("sqlite:///clinic.db", "sqlite", "clinic.db"),
        ("sqlite:////srv/a.db", "sqlite", "/srv/a.db"),
        ("sqlite:///a%20b%3F.db", "sqlite", "a b?.db"),
        ("SQLITE:///x.db", "sqlite", "x.db"),
        ("duckdb:///w.duckdb", "duckdb", "w.duckdb"),
        ("csv:////tmp/x.zip", "csv", "/tmp/x.zip"),
        ("clinic.db", "sqlite", "clinic.db"),
        ("clinic.SQLITE3", "sqlite", "clinic.SQLITE3"),
        ("w.duckdb", "duckdb", "w.duckdb"),
        ("export.zip", "csv", "export.zip"),
    ],
)
def test_a_file_is_relative_behind_three_slashes_and_absolute_behind_four(url: str, engine: str, path: str) -> None:
    address = parse_address(url)
    assert (address.engine, address.path) == (engine, Path(path))


def test_a_folder_without_a_scheme_is_csv(tmp_path: Path) -> None:
    assert parse_address(str(tmp_path)).engine == "csv"


def test_a_server_url_is_percent_decoded() -> None:
    address = parse_address(
        "postgres://an%40a:p%3Aw%2Fd@db.example:6543/clinic%20old?sslmode=verify-full&sslrootcert=/ca.pem"
    )
    assert address == Address(
        "postgresql",
        host="db.example",
        port=6543,
        user="an@a",
        database="clinic old",
        options={"sslmode": "verify-full", "sslrootcert": "/ca.pem"},
    )
    assert address.password == "p:w/d"


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("postgresql://u@[::1]:5433/d", "::1", 5433),
        ("postgresql:///d?host=/run/pg&port=5433", "/run/pg", 5433),
        ("postgresql://u@%2Frun%2Fpg/d", "/run/pg", None),
        ("postgresql://u@h/d", "h", None),
        ("postgresql:///d", None, None),
    ],
)
def test_hosts_may_be_sockets_and_ipv6(url: str, host: str | None, port: int | None) -> None:
    address = parse_address(url)
    assert (address.host, address.port) == (host, port)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:geheim@h:1/d?sslmode=require",
        "postgresql://u@h/d?password=geheim",
        "postgresql://u:geheim@[::1]:5433/d",
        "postgresql:///d?host=/run/pg&port=5433&password=geheim&user=a%26b",
        "postgresql://u@h/d?password=keyring",
        "csv:///a%20b.zip?delimiter=%3B&header=false",
        "duckdb:////abs/x y.duckdb",
    ],
)
def test_an_address_prints_without_its_password_and_reads_back_equal(url: str) -> None:
    address = parse_address(url)
    assert "geheim" not in str(address) + repr(address)
    assert parse_address(str(address)) == address
    assert hash(parse_address(str(address))) == hash(address)


@pytest.mark.parametrize(
    ("url", "message", "hint"),
    [
        ("oracle://h/d", "unknown scheme oracle://", "postgresql://"),
        ("postgresql://u:geheim@h:54x2/d", "'54x2' is not a port", "%40"),
        ("postgresql://u:geheim@h:99999/d", "'99999' is not a port", "65535"),
        ("postgresql://u:ge/heim@h/d", "holds a sign that is not escaped", "%2F"),
        ("postgresql://u:p@ge/heim@h:5432/d", "holds a sign that is not escaped", "%40"),
        ("postgresql://u:ge?heim@h/d", "holds a sign that is not escaped", "%3F"),
        ("postgresql://u:x@ge?heim=y@h/d", "holds a sign that is not escaped", "%3F"),
        ("postgresql://u:ge#heim@h/d", "holds a sign that is not escaped", "%23"),
        ("mariadb://u:12/b?geheim@h=1", "unknown option behind the ?", "known are"),
        ("postgresql://u:geheim/d", "what follows the host's colon is not a port", "%2F"),
        ("u:geheim@127.0.0.1/x", "a text with an @", "ENGINE:///PATH"),
        ("postgres:/u:geheim@127.0.0.1/x", "a text with an @", "ENGINE:///PATH"),
        ("sqlite://u:geheim@h/x", "lacks a slash", "sqlite:///relative"),
        ("u:geheim@h?x=http://y", "unknown scheme of the URL", "known are"),
        ("postgresql://u:geheim@h:5432", "names no database", "DATABASE"),
        ("postgresql://u:geheim@h:5432/", "names no database", "DATABASE"),
        ("postgresql://a,b/d", "several hosts", "one host"),
        ("postgresql://u@h/d?sslmode=maybe", "sslmode=maybe", "verify-full"),
        ("postgresql://u:geheim@h/d?ssl_mode=require", "unknown option 'ssl_mode'", "sslmode"),
        ("sqlite://clinic.db", "lacks a slash", "sqlite:///"),
        ("sqlite:///", "names no file", "PATH"),
        ("sqlite:///x.db?mode=rw", "unknown option 'mode'", "take none"),
        ("clinic", "names no database", "ENGINE"),
        ("", "names no database", "ENGINE"),
    ],
)
def test_nonsense_is_refused_with_a_hint_and_without_the_password(url: str, message: str, hint: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_address(url)
    assert message in refused.value.message
    assert hint in refused.value.hint
    assert "geheim" not in refused.value.message + refused.value.hint


SERVER = "postgresql://ana@h:5433/clinic"


def test_the_url_comes_before_the_environment_and_the_role_chooses_the_variable() -> None:
    environment = {"SENSEI_SOURCE_PASSWORD": "s", "SENSEI_TARGET_PASSWORD": "t", "PGPASSWORD": "p"}
    server = parse_address(SERVER)
    assert resolve(parse_address("postgresql://a:u@h/d"), "source", environment=environment).reveal() == "u"
    assert resolve(server, "source", environment=environment).reveal() == "s"
    assert resolve(server, "target", environment=environment).reveal() == "t"
    assert resolve(server, "target", environment={"PGPASSWORD": "p"}).reveal() == "p"
    assert resolve(parse_address("sqlite:///x.db"), "source", environment=environment).reveal() is None


def test_the_password_file_follows_the_rules_of_libpq(tmp_path: Path) -> None:
    file = tmp_path / "pgpass"
    file.write_text("# comment\nother:5433:clinic:ana:no\nh:5433:*:ana:with\\:colon\\\\\n*:*:*:*:last\n")
    file.chmod(0o600)
    environment = {"PGPASSFILE": str(file)}
    assert resolve(parse_address(SERVER), "source", environment=environment).reveal() == "with:colon\\"
    assert resolve(parse_address("postgresql://b@h/d"), "source", environment=environment).reveal() == "last"
    file.chmod(0o644)
    assert resolve(parse_address(SERVER), "source", environment=environment).reveal() is None


def test_a_person_is_asked_only_when_the_server_demands_a_password_and_only_once() -> None:
    questions: list[str] = []

    def prompt(question: str) -> str:
        questions.append(question)
        return "typed"

    secret = resolve(parse_address(SERVER), "source", prompt, environment={})
    assert secret.reveal() is None
    assert questions == []
    assert secret.demand() == "typed"
    assert secret.demand() == "typed"
    assert questions == ["Password for source ana@h:5433/clinic: "]


def test_a_keyring_that_was_asked_for_and_has_nothing_is_an_error() -> None:
    with pytest.raises(AccessDenied, match="keyring has no password for ana@h:5432/clinic") as refused:
        resolve(parse_address("postgresql://ana@h/clinic?password=keyring"), "source", environment={})
    assert "keyring set sensei" in refused.value.hint
    assert keyring_account(parse_address(SERVER)) == "ana@h:5433/clinic"


def test_a_secret_shows_and_stores_nothing_of_itself() -> None:
    secret = Secret("geheim")
    assert "geheim" not in repr(secret) + str(secret)
    with pytest.raises(TypeError):
        pickle.dumps(secret)
