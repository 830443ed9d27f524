"""Ways to log in, and what a person does with a plan: both through the commands."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote, urlencode

import duckdb
import pytest
import yaml

from tests.e2e.migrating import Said, file_url, migrate, run_kora, run_sensei
from tests.servers import PASSWORD, SUPERUSER, Certificates, Database, PostgresServer

pytestmark = pytest.mark.usefixtures("sensei_home")

HBA = (
    "local all all scram-sha-256\n"
    "hostssl all certified 127.0.0.1/32 cert\n"
    "hostssl all all 127.0.0.1/32 scram-sha-256\n"
    "host all all 127.0.0.1/32 reject\n"
)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def tls(authority: Certificates) -> Iterator[PostgresServer]:
    certificate, key = authority.issue("server", "irrelevant.example", "DNS:localhost,IP:127.0.0.1")
    server = PostgresServer(hba=HBA)
    server.configure(
        ssl="on",
        ssl_cert_file=str(server.adopt(certificate, "server.crt")),
        ssl_key_file=str(server.adopt(key, "server.key")),
        ssl_ca_file=str(server.adopt(authority.root, "root.crt")),
    )
    with server:
        Database(server.socket_settings).execute("CREATE ROLE certified LOGIN SUPERUSER")
        yield server


@pytest.fixture
def shop(tmp_path: Path) -> str:
    """Two tables, a view that cannot be carried, an orphan and a trigger."""
    path = tmp_path / "shop.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "CREATE TABLE customer (id INTEGER PRIMARY KEY, fullName TEXT, born TEXT);"
            "INSERT INTO customer VALUES (1, 'Ana', '1990-01-01'), (2, 'Bo', '1991-02-03');"
            "CREATE TABLE orders (id INTEGER PRIMARY KEY, customerId INTEGER REFERENCES customer, total INTEGER);"
            "INSERT INTO orders VALUES (1, 1, 10), (2, 9, 20);"
            "CREATE VIEW odd AS SELECT printf('%d', id) AS x FROM customer;"
            "CREATE TRIGGER tg AFTER INSERT ON orders BEGIN SELECT 1; END;"
        )
    return file_url("sqlite", path)


def test_both_sides_over_tls_with_a_client_certificate(tmp_path, authority: Certificates, tls: PostgresServer, shop):
    certificate, key = authority.issue("client", "certified")
    options = urlencode(
        {"sslmode": "verify-full", "sslrootcert": authority.root, "sslcert": certificate, "sslkey": key}, safe="/"
    )
    databases = [tls.create_database().settings["dbname"] for _ in range(2)]
    first, second = (f"postgresql://certified@localhost:{tls.port}/{name}?{options}" for name in databases)
    assert migrate(shop, first, "--tables", "customer").code == 0
    assert migrate(first, second).verdict == "equivalent"
    verified = run_kora("verify", first, second, "--json", "--out", tmp_path / "proof")
    assert (verified.code, verified.rows) == (0, 2)


def test_a_server_that_another_authority_vouches_for_is_not_talked_to(tmp_path, tls: PostgresServer, shop):
    stranger = Certificates(tmp_path / "stranger", "another authority")
    name = tls.create_database().settings["dbname"]
    login = f"postgresql://{SUPERUSER}:{quote(PASSWORD)}@localhost:{tls.port}/{name}"
    said = migrate(shop, f"{login}?sslmode=verify-full&sslrootcert={stranger.root}")
    assert (said.code, said.out) == (2, "")
    assert "certificate" in said.err
    assert PASSWORD not in said.err


def test_a_socket_and_passwords_of_each_side_from_the_environment(
    tmp_path, postgres_server: PostgresServer, monkeypatch, shop
):
    first, second = (postgres_server.create_database().settings["dbname"] for _ in range(2))
    url = f"postgresql://{SUPERUSER}@/{{}}?host={postgres_server.folder}&port={postgres_server.port}"
    monkeypatch.delenv("PGPASSWORD", raising=False)
    monkeypatch.setenv("PGPASSFILE", str(tmp_path / "none"))
    monkeypatch.setenv("SENSEI_TARGET_PASSWORD", PASSWORD)
    assert migrate(shop, url.format(first), "--tables", "customer").code == 0
    monkeypatch.setenv("SENSEI_SOURCE_PASSWORD", "wrong")
    refused = migrate(url.format(first), url.format(second))
    assert (refused.code, refused.out) == (2, "")
    monkeypatch.setenv("SENSEI_SOURCE_PASSWORD", PASSWORD)
    said = migrate(url.format(first), url.format(second))
    assert (said.code, said.verdict) == (0, "equivalent")
    kept = "".join(path.read_text(errors="replace") for path in said.run_folder.rglob("*") if path.is_file())
    assert PASSWORD not in kept


def test_assess_says_what_is_there_and_what_is_hard(shop):
    said = run_sensei("assess", shop)
    assert said.code == 0
    assert "tables         2" in said.out
    assert "rows           4" in said.out
    assert "trigger tg" in said.out
    assert run_sensei("assess", shop, "--json").body["counts"]["foreign keys"] == 1


def planned(shop: str, tmp_path: Path, target: str, *options: object) -> Path:
    file = tmp_path / "plan.yaml"
    said = run_sensei("plan", shop, target, "-o", file, *options)
    assert said.code == 0, said.err
    return file


def edit(file: Path, change) -> None:
    body = yaml.safe_load(file.read_text())
    change(body)
    file.write_text(yaml.safe_dump(body, sort_keys=False, allow_unicode=True))


def test_the_ddl_of_a_plan_runs_as_it_stands(shop, tmp_path):
    planned(shop, tmp_path, "duckdb:///never.duckdb", "--ddl", tmp_path / "schema.sql")
    with duckdb.connect(":memory:") as connection:
        connection.execute((tmp_path / "schema.sql").read_text())
        names = {name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    assert names == {"customer", "orders"}
    assert not Path("never.duckdb").exists()


def test_a_column_whose_type_a_person_changed_is_migrated_so(shop, tmp_path):
    target = file_url("duckdb", tmp_path / "t.duckdb")
    file = planned(shop, tmp_path, target, "--tables", "customer")

    def as_date(body):
        column = next(item for item in body["tables"][0]["columns"] if item["source"] == "born")
        column |= {"target_type": "DATE", "wire_type": "DATE", "author": "person",
                   "source_representation": "text_date(%Y-%m-%d)"}  # fmt: skip

    edit(file, as_date)
    said = migrate(shop, target, "--plan", file, "--tables", "customer")
    assert (said.code, said.verdict) == (0, "equivalent")
    with duckdb.connect(str(tmp_path / "t.duckdb"), read_only=True) as connection:
        assert connection.execute("SELECT typeof(born), year(born) FROM customer ORDER BY id").fetchall() == [
            ("DATE", 1990), ("DATE", 1991),
        ]  # fmt: skip


def losses_of(said: Said) -> set[str]:
    return {rule for rule, _ in said.losses}


def test_losses_need_a_decision_until_the_plan_or_the_command_line_approves_them(shop, tmp_path):
    rules = {"view", "trigger", "orphaned_foreign_key"}
    pending = migrate(shop, file_url("duckdb", tmp_path / "a.duckdb"))
    assert (pending.code, pending.verdict) == (5, "equivalent_with_declared_loss")
    assert losses_of(pending) == rules
    some = migrate(shop, file_url("duckdb", tmp_path / "b.duckdb"), "--accept-loss", "view")
    assert some.code == 5
    every = [word for rule in sorted(rules) for word in ("--accept-loss", rule)]
    accepted = migrate(shop, file_url("duckdb", tmp_path / "c.duckdb"), *every)
    assert (accepted.code, accepted.verdict) == (0, "equivalent_with_declared_loss")
    target = file_url("duckdb", tmp_path / "d.duckdb")
    file = planned(shop, tmp_path, target)
    edit(file, lambda body: [loss.update(approved_by="Dr. Rao") for loss in body["losses"]])
    approved = migrate(shop, target, "--plan", file)
    assert (approved.code, approved.verdict) == (0, "equivalent_with_declared_loss")
    assert {loss["approved_by"] for loss in approved.body["losses"]} == {"Dr. Rao"}


def test_snake_names_are_used_in_tables_columns_and_keys(shop, postgres_server: PostgresServer):
    target = postgres_server.create_database()
    said = migrate(shop, target.url, "--identifiers", "snake", "--exclude", "nothing*")
    assert said.code == 5
    with target.connect() as connection:
        assert connection.execute("SELECT full_name FROM customer ORDER BY id").fetchall() == [("Ana",), ("Bo",)]
        assert connection.execute("SELECT customer_id FROM orders ORDER BY id").fetchall() == [(1,), (9,)]


def test_a_selection_takes_only_what_it_names(shop, tmp_path, postgres_server: PostgresServer):
    only = migrate(shop, file_url("duckdb", tmp_path / "a.duckdb"), "--tables", "cust*")
    assert list(only.tables) == ["customer"]
    without = migrate(shop, file_url("duckdb", tmp_path / "b.duckdb"), "--exclude", "orders")
    assert list(without.tables) == ["customer"]
    source, target = postgres_server.create_database(), postgres_server.create_database()
    source.execute("CREATE SCHEMA sales", "CREATE TABLE sales.t (id int)", "CREATE TABLE other (id int)")
    by_schema = migrate(source.url, target.url, "--schema", "sales")
    assert list(by_schema.tables) == ["sales.t"]
    nothing = migrate(shop, file_url("duckdb", tmp_path / "c.duckdb"), "--tables", "nowhere")
    assert (nothing.code, nothing.out) == (2, "")
    assert "has no table to migrate" in nothing.err


@pytest.mark.parametrize(("engine", "noted"), [("duckdb", True), ("postgresql", False)])
def test_workers_that_do_not_count_are_said_to_be_ignored(engine, noted, tmp_path, postgres_database: Database):
    with duckdb.connect(str(tmp_path / "s.duckdb")) as connection:
        connection.execute("CREATE TABLE a AS SELECT 1 AS id; CREATE TABLE b AS SELECT 2 AS id")
    target = postgres_database.url if engine == "postgresql" else file_url("duckdb", tmp_path / "t.duckdb")
    said = migrate(file_url("duckdb", tmp_path / "s.duckdb"), target, "--workers", "3")
    assert said.code == 0, said.err
    ignored = [note for note in said.body["notes"] if note.startswith("--workers 3 was ignored")]
    assert bool(ignored) == noted
