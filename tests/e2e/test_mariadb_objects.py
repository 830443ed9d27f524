"""What a MariaDB or MySQL table can be besides rows: hidden, computed, in parts, versioned, somewhere on earth."""

import pytest

from tests.e2e.migrating import Said, migrate
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


def source_of(server: MariadbServer) -> MariadbDatabase:
    database = server.create_database()
    database.execute(*OBJECTS, *(VERSIONED if product() == "MariaDB" else ()))
    return database


def test_between_servers_of_the_family_hidden_and_computed_columns_stay_and_the_rest_is_named(
    mariadb_server: MariadbServer,
) -> None:
    source, target = source_of(mariadb_server), mariadb_server.create_database()
    said = migrate(source.url, target.url)
    assert (said.code, said.losses) == (5, [("partitioning", "partitioning sale")]), said.err
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
    assert said.losses == [("partitioning", "partitioning sale")], said.err
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
