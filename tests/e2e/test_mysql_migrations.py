"""Migrations into MySQL under settings that only it has, and between MySQL and its neighbours."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.migrating import DATA, file_url, migrate
from tests.mariadb_builds import named
from tests.mariadb_server import MariadbDatabase, MariadbServer
from tests.servers import Database

pytestmark = [pytest.mark.only_on("MySQL"), pytest.mark.usefixtures("sensei_home")]
CHINOOK, CHINOOK_ROWS = file_url("sqlite", DATA / "chinook" / "chinook.sqlite"), 15_607
SHOP = (
    "CREATE TABLE customer (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(40) COLLATE utf8mb4_0900_ai_ci NOT NULL"
    " DEFAULT 'it''s', code CHAR(5) COLLATE utf8mb4_0900_as_cs, note TEXT, CHECK (name <> 'b''c'))",
    "INSERT INTO customer VALUES (1, 'Ada', 'ab', NULL), (2, 'it''s \"odd\" \\\\ back', '', 'x'),"
    " (7, 'Ω 🙂', NULL, '')",
    "CREATE TABLE item (id BIGINT UNSIGNED PRIMARY KEY, customer_id INT, facts JSON, born DATE DEFAULT (curdate()),"
    " price DECIMAL(10,2) NOT NULL DEFAULT 1.5, size ENUM('small','large'), upper_note VARCHAR(9)"
    " AS (upper(size)) STORED, flags BIT(5) DEFAULT b'101', made YEAR, place POINT SRID 4326,"
    " FOREIGN KEY (customer_id) REFERENCES customer (id) ON DELETE CASCADE)",
    "INSERT INTO item (id, customer_id, facts, born, price, size, flags, made, place) VALUES"
    " (1, 1, '{\"b\": 1, \"a\": [1.0, 1e3]}', '2020-02-29', 0.99, 'small', b'10001', 1999,"
    " ST_GeomFromText('POINT(48 11)', 4326)), (18446744073709551615, 7, '\"é\"', NULL, -1, 'large', NULL, NULL, NULL)",
)
ROWS = 5


@pytest.fixture
def shop(mariadb_database: MariadbDatabase) -> MariadbDatabase:
    mariadb_database.execute(*SHOP)
    return mariadb_database


@pytest.fixture(scope="module")
def strange_server() -> Iterator[MariadbServer]:
    """As a server in a cluster is set up; `local_infile` is off, which is MySQL's default."""
    settings = {"local_infile": "OFF", "sql_require_primary_key": "ON", "sql_generate_invisible_primary_key": "ON",
                "gtid_mode": "ON", "enforce_gtid_consistency": "ON"}  # fmt: skip
    with MariadbServer(settings) as server:
        yield server


@pytest.fixture(scope="module")
def mariadb_beside() -> Iterator[MariadbServer]:
    """The installed MariaDB."""
    with MariadbServer(build=named("installed")) as server:
        yield server


def file(path: Path, script: str) -> str:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)
    return file_url("sqlite", path)


KEYLESS = "CREATE TABLE log (line TEXT); INSERT INTO log VALUES ('same'), ('same'), (NULL);"


def test_a_server_that_demands_keys_and_makes_them_gets_the_tables_that_were_planned(strange_server, tmp_path) -> None:
    database = strange_server.create_database()
    said = migrate(file(tmp_path / "log.db", KEYLESS), database.url)
    assert (said.code, said.verdict, said.rows) == (0, "equivalent", 3), said.err
    assert any("local_infile=OFF" in note for note in said.body["notes"])
    columns = "SELECT column_name FROM information_schema.columns WHERE table_schema = DATABASE()"
    assert database.query(columns) == [("line",)]


def test_a_login_that_may_not_put_those_demands_aside_is_told_of_the_table_and_the_setting(
    strange_server, tmp_path
) -> None:
    database = strange_server.create_database()
    strange_server.login("plain", "plain", f"ALL ON {database.name}.*", "ALL ON `\\_sensei\\_scratch\\_%`.*")
    strange_server.execute("SET GLOBAL sql_generate_invisible_primary_key = OFF")
    refused = migrate(file(tmp_path / "log.db", KEYLESS), database.url_as("plain", "plain"))
    strange_server.execute("SET GLOBAL sql_generate_invisible_primary_key = ON")
    assert (refused.code, refused.out) == (4, ""), refused.err
    assert "log cannot be created" in refused.err
    assert "sql_require_primary_key" in refused.err
    # The server's own hidden key is no column of the plan's, and stands in nobody's way.
    made = migrate(file(tmp_path / "log2.db", KEYLESS), database.url_as("plain", "plain"))
    assert (made.code, made.verdict, made.rows) == (0, "equivalent", 3), made.err


def test_chinook_arrives_by_inserts_where_local_files_are_off(strange_server) -> None:
    said = migrate(CHINOOK, strange_server.create_database().url)
    assert (said.code, said.verdict, said.rows, said.losses) == (0, "equivalent", CHINOOK_ROWS, []), said.err


def test_a_server_that_takes_no_writes_of_anybody_is_refused_before_anything_is_read(strange_server, tmp_path) -> None:
    database = strange_server.create_database()
    strange_server.execute("SET GLOBAL super_read_only = ON")
    try:
        said = migrate(file(tmp_path / "log.db", KEYLESS), database.url)
    finally:
        strange_server.execute("SET GLOBAL super_read_only = OFF; SET GLOBAL read_only = OFF")
    assert (said.code, said.out) == (2, ""), said.err
    assert "read-only" in said.err


def test_mysql_goes_to_another_mysql_and_loses_its_collations_by_name_alone(
    shop: MariadbDatabase, mariadb_server: MariadbServer
) -> None:
    target = mariadb_server.create_database()
    said = migrate(shop.url, target.url)
    assert said.rows == ROWS
    assert {table["outcome"] for table in said.tables.values()} == {"match"}
    assert {rule for rule, _ in said.losses} <= {"collation"}, said.losses
    assert target.query("SELECT facts, size, hex(flags), made FROM item ORDER BY id") == [
        ('{"a": [1.0, 1000.0], "b": 1}', "small", "11", "1999"), ('"é"', "large", None, None),
    ]  # fmt: skip


def test_mysql_goes_to_mariadb_and_comes_back(
    shop: MariadbDatabase, mariadb_server: MariadbServer, mariadb_beside: MariadbServer
) -> None:
    middle, last = mariadb_beside.create_database(), mariadb_server.create_database()
    for source, target in ((shop, middle), (middle, last)):
        said = migrate(source.url, target.url)
        assert said.rows == ROWS, said.err
        assert {table["outcome"] for table in said.tables.values()} == {"match"}
        assert {rule for rule, _ in said.losses} <= {"collation"}, said.losses
    shown = "SELECT id, customer_id, facts, born, price, size, upper_note, hex(flags), made, ST_AsText(place) FROM item"
    assert last.query(shown) == shop.query(shown)


def test_mysql_goes_to_postgresql_and_back(
    shop: MariadbDatabase, mariadb_server: MariadbServer, postgres_database: Database
) -> None:
    last = mariadb_server.create_database()
    for source, target in ((shop.url, postgres_database.url), (postgres_database.url, last.url)):
        said = migrate(source, target)
        assert said.rows == ROWS, said.err
        assert {table["outcome"] for table in said.tables.values()} == {"match"}
    assert last.query("SELECT id, name FROM customer ORDER BY id") == shop.query(
        "SELECT id, name FROM customer ORDER BY id"
    )


def test_addresses_and_vectors_arrive_as_themselves_where_the_other_server_has_them_and_as_text_where_not(
    mariadb_server: MariadbServer, mariadb_beside: MariadbServer
) -> None:
    first, middle, last = (server.create_database() for server in (mariadb_beside, mariadb_server, mariadb_beside))
    first.execute(
        "CREATE TABLE host (id int PRIMARY KEY, a inet4, b inet6)",
        "INSERT INTO host VALUES (1, '10.0.0.1', '2001:db8::1'), (2, NULL, '::ffff:1.2.3.4'), (3, '0.0.0.0', NULL)",
    )
    said = migrate(first.url, middle.url)
    assert (said.code, said.verdict, said.losses) == (0, "equivalent", []), said.err
    assert middle.query("SELECT * FROM host ORDER BY id") == first.query("SELECT * FROM host ORDER BY id")
    middle.execute(
        "DROP TABLE host",
        "CREATE TABLE near (id int PRIMARY KEY, v vector(2))",
        "INSERT INTO near VALUES (1, TO_VECTOR('[1.5,-2]'))",
    )
    said = migrate(middle.url, last.url)
    assert (said.code, said.verdict, said.losses) == (0, "equivalent", []), said.err
    assert last.query("SELECT v FROM near") == [("[1.5,-2.0]",)]
    assert said.column("near", "v")["target_type"] == "longtext"
