"""What a list of allowed values becomes elsewhere: enumerations, checks in another engine's spelling, predicates."""

import sqlite3
from contextlib import closing
from pathlib import Path

import duckdb
import psycopg
import pytest

from tests.e2e.migrating import file_url, migrate
from tests.mariadb_server import MariadbServer
from tests.servers import Database, PostgresServer

pytestmark = pytest.mark.usefixtures("sensei_home")
LONG = "a label of more than sixty-three bytes, which no enumeration of PostgreSQL takes"


def test_an_enum_of_mariadb_sorts_compares_and_refuses_on_postgresql_as_it_did(
    mariadb_server: MariadbServer, postgres_database: Database
):
    source = mariadb_server.create_database()
    source.execute(
        "CREATE TABLE size (name enum('small','medium','large','') PRIMARY KEY)",
        f"CREATE TABLE shirt (id int PRIMARY KEY, size enum('small','medium','large','') DEFAULT 'large',"
        f" other enum('small','medium','large',''), remark enum('short','{LONG}') NOT NULL,"
        " FOREIGN KEY (size) REFERENCES size (name), CHECK (other <> 'small'))",
        "INSERT INTO size VALUES ('small'), ('medium'), ('large'), ('')",
        f"INSERT INTO shirt VALUES (1, 'large', 'large', 'short'), (2, 'small', NULL, '{LONG}'), (3, '', '', 'short')",
    )
    said = migrate(source.url, postgres_database.url)
    assert (said.code, said.verdict, said.losses) == (0, "equivalent", []), said.err
    with postgres_database.connect() as connection:
        ordered = connection.execute("SELECT id, size::text FROM shirt ORDER BY shirt.size, id").fetchall()
    assert ordered == [(2, "small"), (1, "large"), (3, "")]
    assert "longer than 63 bytes" in said.column("shirt", "remark")["evidence"]
    for refused, error in (
        ("(4, 'huge', NULL, 'short')", psycopg.errors.InvalidTextRepresentation),
        ("(4, 'small', NULL, 'else')", psycopg.errors.CheckViolation),
        ("(4, 'small', 'small', 'short')", psycopg.errors.CheckViolation),
    ):
        with pytest.raises(error):
            postgres_database.execute(f"INSERT INTO shirt VALUES {refused}")


def test_an_enumeration_that_becomes_text_keeps_a_check_of_its_labels(tmp_path: Path, postgres_database: Database):
    postgres_database.execute(
        "CREATE TYPE size AS ENUM ('small', 'it''s large')",
        "CREATE TABLE shirt (id int PRIMARY KEY, size size)",
        "INSERT INTO shirt VALUES (1, 'small'), (2, NULL)",
    )
    said = migrate(postgres_database.url, file_url("sqlite", tmp_path / "t.db"))
    assert (said.code, said.verdict, said.losses) == (0, "equivalent", [])
    with closing(sqlite3.connect(tmp_path / "t.db")) as connection:
        connection.execute("INSERT INTO shirt VALUES (3, 'it''s large')")
        with pytest.raises(sqlite3.IntegrityError, match="shirt_size_labels"):
            connection.execute("INSERT INTO shirt VALUES (4, 'huge')")


ODD_LABELS = r"'a\\b', 'x', 'q''q', 'two\\\\', '\\''', 'line\nline', '%', 'Ω'"


@pytest.mark.parametrize("engine", ["mariadb", "postgresql", "duckdb", "sqlite"])
def test_labels_with_backslashes_quotes_and_line_ends_arrive_as_they_are(
    mariadb_server: MariadbServer, postgres_database: Database, tmp_path: Path, engine: str
):
    source, other = mariadb_server.create_database(), mariadb_server.create_database()
    source.execute(
        f"CREATE TABLE t (id int PRIMARY KEY, e enum({ODD_LABELS}), s set('a\\\\b', 'c''') NOT NULL)",
        *(f"INSERT INTO t VALUES ({number}, {number}, {number % 4})" for number in range(1, 9)),
    )
    targets = {"mariadb": other.url, "postgresql": postgres_database.url}
    said = migrate(source.url, targets.get(engine) or file_url(engine, tmp_path / "t.db"))
    assert (said.code, said.verdict, said.rows, said.losses) == (0, "equivalent", 8, []), said.err


CHECKED = (
    "CREATE TABLE visit (id int PRIMARY KEY, status varchar(10) CHECK (status IN ('open', 'done')),"
    " stage int CHECK (stage IN (1, 2, 3)), place text CHECK (place NOT IN ('', 'nowhere')))",
    "INSERT INTO visit VALUES (1, 'open', 1, 'here'), (2, NULL, NULL, NULL)",
)
BROKEN = ("(3, 'lost', 1, 'here')", "(3, 'open', 4, 'here')", "(3, 'open', 1, '')")


def test_a_list_that_postgresql_keeps_as_an_array_is_checked_on_every_other_engine(
    tmp_path: Path, postgres_server: PostgresServer, mariadb_server: MariadbServer
):
    source, mariadb = postgres_server.create_database(), mariadb_server.create_database()
    source.execute(*CHECKED)
    urls = (file_url("sqlite", tmp_path / "t.db"), file_url("duckdb", tmp_path / "t.duckdb"), mariadb.url)
    for url in urls:
        said = migrate(source.url, url)
        assert (said.code, said.verdict, said.losses) == (0, "equivalent", []), (url, said.err, said.losses)
    for row in BROKEN:
        with closing(sqlite3.connect(tmp_path / "t.db")) as connection, pytest.raises(sqlite3.IntegrityError):
            connection.execute(f"INSERT INTO visit VALUES {row}")
        with duckdb.connect(str(tmp_path / "t.duckdb")) as other, pytest.raises(duckdb.ConstraintException):
            other.execute(f"INSERT INTO visit VALUES {row}")
        with pytest.raises(Exception, match="CONSTRAINT"):
            mariadb.execute(f"INSERT INTO visit VALUES {row}")


def test_a_partial_index_over_a_number_that_became_a_boolean_is_one_over_the_boolean(
    tmp_path: Path, postgres_database: Database
):
    with closing(sqlite3.connect(tmp_path / "s.db")) as connection:
        connection.executescript(
            """CREATE TABLE bill (id INTEGER PRIMARY KEY, paid BOOLEAN NOT NULL, due TEXT,
                CHECK (paid = 0 OR due <> ''));
            CREATE INDEX bill_unpaid ON bill (due) WHERE paid = 0;
            CREATE INDEX bill_paid ON bill (due) WHERE 1 = paid AND due IS NOT NULL;
            INSERT INTO bill VALUES (1, 0, 'x'), (2, 1, 'y');"""
        )
    said = migrate(file_url("sqlite", tmp_path / "s.db"), postgres_database.url)
    assert (said.code, said.verdict, said.losses) == (0, "equivalent", []), said.err
    with postgres_database.connect() as connection:
        found = connection.execute(
            "SELECT indexrelid::regclass::text, pg_get_expr(indpred, indrelid) FROM pg_index"
            " WHERE indpred IS NOT NULL ORDER BY 1"
        ).fetchall()
    assert found == [("bill_paid", "(paid AND (NOT (due IS NULL)))"), ("bill_unpaid", "(NOT paid)")]


def test_a_moment_of_postgresqls_last_years_is_set_aside_by_key_where_no_clock_reaches_it(
    tmp_path: Path, postgres_server: PostgresServer
):
    source, target = postgres_server.create_database(), postgres_server.create_database()
    source.execute(
        "CREATE TABLE plan (id int PRIMARY KEY, ends timestamptz NOT NULL)",
        "INSERT INTO plan VALUES (1, '2030-01-01 00:00:00+00'), (7, '294276-12-31 23:59:59.999999+00')",
    )
    said = migrate(source.url, file_url("duckdb", tmp_path / "t.duckdb"))
    assert (said.code, said.verdict) == (5, "equivalent_with_declared_loss"), said.err
    (loss,) = [loss for loss in said.plan["losses"] if loss["rule"] == "quarantined"]
    assert (loss["subject"], loss["count"]) == ("public.plan.ends", 1)
    assert "294247-01-10" in loss["reason"]
    assert '"id=7"' in (said.run_folder / "quarantine.jsonl").read_text()
    kept = migrate(source.url, target.url)
    assert (kept.code, kept.verdict) == (0, "equivalent"), kept.err
    with target.connect() as connection:
        assert connection.execute("SELECT ends::text FROM plan WHERE id = 7").fetchone() == (
            "294276-12-31 23:59:59.999999+00",
        )
