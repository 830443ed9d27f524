"""What a target's constraints and types do otherwise than the source's is a loss by name."""

from pathlib import Path

import pytest

from tests.e2e.migrating import file_url, migrate, run_kora
from tests.mariadb_server import MariadbDatabase
from tests.servers import Database, PostgresServer

pytestmark = pytest.mark.usefixtures("sensei_home")

_PARENT = "CREATE TABLE p (a int, b int, PRIMARY KEY (a, b))"
_SET_NULL = """CREATE TABLE c (id int PRIMARY KEY, a int, b int,
    CONSTRAINT c_p FOREIGN KEY (a, b) REFERENCES p ON DELETE SET NULL (b) DEFERRABLE INITIALLY DEFERRED)"""
_FULL = "CREATE TABLE f (id int PRIMARY KEY, a int, b int, FOREIGN KEY (a, b) REFERENCES p MATCH FULL)"
_ROWS = ("INSERT INTO p VALUES (1, 2), (3, 4)", "INSERT INTO c VALUES (1, 1, 2)", "INSERT INTO f VALUES (1, 3, 4)")
_LOST = {
    "foreign key public.c(a, b) -> public.p(a, b)": ("ON DELETE set_null (b)", "DEFERRABLE INITIALLY DEFERRED"),
    "foreign key public.f(a, b) -> public.p(a, b)": ("MATCH FULL",),
}


def test_set_null_of_some_columns_means_the_same_between_two_postgresqls(
    postgres_database: Database, postgres_server: PostgresServer
):
    postgres_database.execute(_PARENT, _SET_NULL, _FULL, *_ROWS)
    target = postgres_server.create_database()
    said = migrate(postgres_database.url, target.url)
    assert (said.code, said.losses) == (0, []), said.err
    target.execute("DELETE FROM p WHERE a = 1")
    with target.connect() as connection:
        assert connection.execute("SELECT a, b FROM c").fetchall() == [(1, None)]


def test_what_a_reference_does_on_postgresql_alone_is_lost_by_name_on_mariadb(
    postgres_database: Database, mariadb_database: MariadbDatabase
):
    postgres_database.execute(_PARENT, _SET_NULL, _FULL, *_ROWS)
    said = migrate(postgres_database.url, mariadb_database.url)
    assert said.code == 5, said.err
    losses = {loss["subject"]: loss["reason"] for loss in said.body["losses"] if loss["rule"] == "foreign_key_action"}
    assert losses.keys() == _LOST.keys()
    for subject, words in _LOST.items():
        assert all(word in losses[subject] for word in words), losses[subject]


def test_kora_finds_by_itself_what_a_reference_no_longer_does(
    postgres_database: Database, postgres_server: PostgresServer, tmp_path: Path
):
    postgres_database.execute(_PARENT, _SET_NULL, _FULL, *_ROWS)
    target = postgres_server.create_database()
    target.execute(
        _PARENT, _SET_NULL.replace(" (b) DEFERRABLE INITIALLY DEFERRED", ""), _FULL.replace("MATCH FULL", ""), *_ROWS
    )
    said = run_kora("verify", postgres_database.url, target.url, "--json", "--out", tmp_path)
    assert {(loss["rule"], loss["subject"]) for loss in said.body["losses"]} == {
        ("foreign_key_action", subject) for subject in _LOST
    }


@pytest.mark.parametrize("engine", ["mariadb", "sqlite", "duckdb"])
def test_text_that_was_compared_without_case_is_a_loss_where_case_counts(
    engine: str, postgres_database: Database, mariadb_database: MariadbDatabase, tmp_path: Path
):
    postgres_database.execute("CREATE EXTENSION citext", "CREATE TABLE u (name citext PRIMARY KEY)")
    target = mariadb_database.url if engine == "mariadb" else file_url(engine, tmp_path / "t.db")
    said = migrate(postgres_database.url, target)
    assert (said.code, said.losses) == (5, [("collation", "public.u.name")]), said.err
    assert "without regard to case" in said.body["losses"][0]["reason"]
