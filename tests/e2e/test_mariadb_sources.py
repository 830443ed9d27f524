"""From MariaDB: the Chinook dump on every other engine, and the values that no other engine has, decided by name."""

from pathlib import Path

import pytest

from tests.e2e.migrating import DATA, file_url, migrate, run_kora
from tests.mariadb_server import MariadbDatabase, MariadbServer
from tests.servers import Database

pytestmark = pytest.mark.usefixtures("sensei_home")
CHINOOK_ROWS = 15_607


@pytest.fixture(scope="module")
def chinook(mariadb_server: MariadbServer) -> str:
    """The URL of Chinook, loaded by the engine's own client from its published dump."""
    dump = DATA / "chinook" / "chinook_mysql.sql"
    assert dump.exists(), f"{dump} is missing; set SENSEI_TEST_DATA to the folder with the development data"
    database = mariadb_server.create_database()
    database.script(dump)
    return database.url.replace(f"/{database.name}", "/Chinook")


@pytest.mark.parametrize("engine", ["duckdb", "sqlite"])
def test_chinook_goes_to_a_file_and_is_equivalent(tmp_path: Path, chinook: str, engine: str) -> None:
    said = migrate(chinook, file_url(engine, tmp_path / f"chinook.{engine}"))
    assert (said.code, said.verdict, said.rows) == (0, "equivalent", CHINOOK_ROWS), (said.err, said.body)


def test_chinook_goes_to_postgresql_and_verifies_in_both_directions(chinook: str, postgres_database: Database) -> None:
    said = migrate(chinook, postgres_database.url)
    assert (said.code, said.verdict, said.rows) == (0, "equivalent", CHINOOK_ROWS), (said.err, said.body)
    back = run_kora("verify", postgres_database.url, chinook, "--json")
    assert (back.code, back.verdict, back.rows) == (0, "equivalent", CHINOOK_ROWS), back.body


def test_one_altered_value_is_found_by_name(chinook: str, mariadb_server: MariadbServer, tmp_path: Path) -> None:
    target = file_url("duckdb", tmp_path / "altered.duckdb")
    assert migrate(chinook, target).code == 0
    mariadb_server.execute("UPDATE Chinook.Track SET Name = concat(Name, ' ') WHERE TrackId = 7")
    try:
        said = run_kora("verify", chinook, target, "--json")
    finally:
        mariadb_server.execute("UPDATE Chinook.Track SET Name = trim(Name) WHERE TrackId = 7")
    assert (said.code, said.verdict) == (1, "different")
    assert {name: table["mismatch"] for name, table in said.tables.items() if table["mismatch"]} == {"Track": 1}


def test_values_that_no_other_engine_has_are_declared_by_name(
    mariadb_database: MariadbDatabase, tmp_path: Path
) -> None:
    mariadb_database.execute(
        "SET sql_mode = 'ALLOW_INVALID_DATES', time_zone = '+00:00'",
        "CREATE TABLE odd (id int PRIMARY KEY, paid tinyint(1), level tinyint(1), born date, made datetime,"
        " long_time time,"
        " short_time time, mood enum('x','y'), marks set('a','b'), big bigint unsigned,"
        " note varchar(20) charset latin1)",
        "INSERT INTO odd VALUES"
        " (1, 1, 3, '0000-00-00', '2020-02-29 10:00:00', '-838:59:59', '23:59:59',"
        " 'x', 'b,a', 18446744073709551615, 'é'),"
        " (2, 0, 0, '2020-02-29', '2020-02-31 10:00:00', '838:59:59', '00:00:00',"
        " 'y', '', 0, ''),"
        " (3, NULL, NULL, NULL, NULL, NULL, NULL, 'nope', NULL, NULL, NULL)",
    )
    said = migrate(mariadb_database.url, file_url("duckdb", tmp_path / "odd.duckdb"))
    assert (said.code, said.verdict) == (5, "equivalent_with_declared_loss"), (said.err, said.body)
    assert said.losses == [("zero_date_is_null", "odd.born")]
    assert said.tables["odd"]["target_rows"] == 1
    types = {name: said.column("odd", name)["target_type"] for name in ("paid", "level", "short_time", "big")}
    assert types == {"paid": "BOOLEAN", "level": "TINYINT", "short_time": "TIME", "big": "UBIGINT"}


def test_a_table_that_nobody_could_hold_still_proves_nothing(
    mariadb_server: MariadbServer, mariadb_database: MariadbDatabase, tmp_path: Path
) -> None:
    mariadb_database.execute("CREATE TABLE t (a int PRIMARY KEY) ENGINE = MyISAM", "INSERT INTO t VALUES (1)")
    target = file_url("duckdb", tmp_path / "t.duckdb")
    assert migrate(mariadb_database.url, target).verdict == "equivalent"
    mariadb_server.execute(
        f"CREATE USER weak@'%' IDENTIFIED BY 'weak'; GRANT SELECT ON {mariadb_database.name}.* TO weak@'%'"
    )
    said = run_kora("verify", mariadb_database.url_as("weak", "weak"), target, "--json")
    assert said.verdict == "not_proven", said.body
