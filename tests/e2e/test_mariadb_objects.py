"""What a MariaDB or MySQL table can be besides rows: hidden, computed, in parts, versioned, somewhere on earth."""

import pytest

from tests.e2e.migrating import Said, migrate, run_kora
from tests.mariadb_builds import product
from tests.mariadb_server import MariadbDatabase, MariadbServer
from tests.servers import Database

pytestmark = pytest.mark.usefixtures("sensei_home")
OBJECTS = (
    "CREATE TABLE person (id int AUTO_INCREMENT PRIMARY KEY, name varchar(20), secret int INVISIBLE DEFAULT 7,"
    " twice int AS (secret * 2) VIRTUAL, loud varchar(20) AS (upper(name)) STORED)",
    "INSERT INTO person (id, name, secret) VALUES (1, 'Ada', 1), (2, 'Bob', NULL), (9, NULL, 3)",
    "CREATE TABLE sale (id int, day date, PRIMARY KEY (id, day)) PARTITION BY RANGE (year(day))"
    " (PARTITION early VALUES LESS THAN (2000), PARTITION late VALUES LESS THAN MAXVALUE)",
    "INSERT INTO sale VALUES (1, '1999-12-31'), (2, '2020-02-29'), (3, '0001-01-01')",
    "CREATE TABLE place (id int PRIMARY KEY, at point NOT NULL, area geometry)",
    "INSERT INTO place VALUES (1, ST_GeomFromText('POINT(48 11)', 4326), NULL),"
    " (2, ST_GeomFromText('POINT(1 2)'), ST_GeomFromText('MULTIPOLYGON(((0 0,1 0,1 1,0 0)))', 3857))",
    "CREATE EVENT daily ON SCHEDULE EVERY 1 DAY DO DELETE FROM sale",
)
VERSIONED = (
    "CREATE TABLE aged (id int PRIMARY KEY, v int) WITH SYSTEM VERSIONING",
    "INSERT INTO aged VALUES (1, 1), (2, 2)",
    "UPDATE aged SET v = 10 WHERE id = 1",
    "DELETE FROM aged WHERE id = 2",
)


LOST = [("partitioning", "partitioning sale"), ("event", "event daily"),
        *([("row_history", "row history aged")] if product() == "MariaDB" else [])]  # fmt: skip


def source_of(server: MariadbServer) -> MariadbDatabase:
    database = server.create_database()
    database.execute(*OBJECTS, *(VERSIONED if product() == "MariaDB" else ()))
    return database


def test_between_servers_of_the_family_hidden_and_computed_columns_stay_and_the_rest_is_named(
    mariadb_server: MariadbServer,
) -> None:
    source, target = source_of(mariadb_server), mariadb_server.create_database()
    said = migrate(source.url, target.url)
    assert (said.code, said.losses) == (5, LOST), said.err
    assert {(loss["rule"], loss["subject"]) for loss in said.plan["losses"]} == set(LOST)
    proof = run_kora("verify", source.url, target.url, "--json")
    assert (proof.code, set(proof.losses)) == (5, set(LOST))
    again = run_kora("verify", source.url, source.url, "--json")
    assert (again.code, again.losses) == (0, [])
    assert named(said) == named_of_the_source()
    for asked in (
        "SELECT * FROM person ORDER BY id",
        "SELECT secret FROM person ORDER BY id",
        "SELECT * FROM sale ORDER BY id",
        "SELECT id, ST_SRID(at), HEX(at), ST_SRID(area), HEX(area) FROM place ORDER BY id",
    ):
        assert target.query(asked) == source.query(asked)
    target.execute("INSERT INTO person (name) VALUES ('Eve')")
    assert target.query("SELECT id, twice, loud, secret FROM person WHERE name = 'Eve'") == [("10", "14", "EVE", "7")]


def test_postgresql_gets_hidden_and_computed_columns_and_geometries_with_their_system(
    mariadb_server: MariadbServer, postgres_database: Database
) -> None:
    said = migrate(source_of(mariadb_server).url, postgres_database.url)
    assert said.losses == LOST, said.err
    assert named(said) == named_of_the_source()
    with postgres_database.connect() as connection:
        rows = connection.execute("SELECT id, name, secret, twice, loud FROM person ORDER BY id").fetchall()
        assert rows == [(1, "Ada", 1, 2, "ADA"), (2, "Bob", None, None, "BOB"), (9, None, 3, 6, None)]
        systems = connection.execute(
            "SELECT id, split_part(at, ';', 1), split_part(area, ';', 1) FROM place ORDER BY 1"
        )
        assert systems.fetchall() == [(1, "SRID=4326", None), (2, "SRID=0", "SRID=3857")]


def named(said: Said) -> set[tuple[str, str]]:
    """What was not compared, by name."""
    return {(item["what"], item["name"]) for item in said.body["not_checked"] if item["what"] != "behaviour"}


def named_of_the_source() -> set[tuple[str, str]]:
    return {("event", "daily")} | ({("row history", "aged")} if product() == "MariaDB" else set())


def test_what_a_server_does_by_itself_to_rows_to_come_is_lost_by_name_in_the_chosen_tables_alone(
    mariadb_server: MariadbServer, postgres_database: Database
) -> None:
    source = mariadb_server.create_database()
    source.execute(
        "CREATE TABLE kept (name varchar(90) NOT NULL, seen datetime DEFAULT now() ON UPDATE now(),"
        " PRIMARY KEY (name(10)))",
        "CREATE TABLE other (id int PRIMARY KEY, seen datetime DEFAULT now() ON UPDATE now())",
    )
    said = migrate(source.url, postgres_database.url, "--exclude", "other", "--accept-loss", "on_update")
    assert said.code == 5, said.err
    assert said.losses[:2] == [("key_over_prefixes", "key over prefixes kept"), ("on_update", "on update kept.seen")]
    assert said.body["losses"][1]["approved_by"] == "--accept-loss"


def test_an_ordinary_collation_is_one_loss_where_keys_or_checks_compare_by_it_and_a_note_elsewhere(
    mariadb_server: MariadbServer, postgres_database: Database
) -> None:
    source = mariadb_server.create_database("CHARACTER SET latin1 COLLATE latin1_german1_ci")
    source.execute(
        "CREATE TABLE t (id int PRIMARY KEY, a varchar(9) UNIQUE, b varchar(9) CHECK (b <> 'x'), c varchar(9))",
        "CREATE TABLE u (id int PRIMARY KEY, d varchar(9) CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci,"
        " e int, UNIQUE KEY (e))",
        "INSERT INTO t VALUES (1, 'a', 'b', 'c')",
    )
    for target in (postgres_database.url, mariadb_server.create_database().url):
        said = migrate(source.url, target)
        assert (said.code, said.losses) == (5, [("collation", "collation latin1_german1_ci")]), said.err
        [loss] = said.plan["losses"]
        assert loss["count"] == 2
        assert "compare t.a, t.b under it" in loss["reason"]
        notes = [note for note in said.plan["notes"] if note.startswith("collation ")]
        assert [note.split(" sort")[0] for note in notes] == [
            "collation latin1_german1_ci: t.c", "collation utf8mb3_general_ci: u.d",
        ]  # fmt: skip
