"""A MariaDB database opened for reading: its catalog, its snapshot and what lies outside, keys under its collations."""

import threading
from collections.abc import Iterator
from itertools import pairwise

import pytest

from kora.catalog import Name, NotModelled, Table
from kora.databases.base import Database, KeyRange
from kora.databases.registry import open_database
from kora.errors import AccessDenied, InvalidRequest
from tests.mariadb_server import MariadbDatabase, MariadbServer

READER, SECRET = "only_reads", "quiet"


@pytest.fixture
def reader(mariadb_server: MariadbServer, mariadb_database: MariadbDatabase) -> Iterator[str]:
    """The URL of a login that may read this database and nothing else."""
    mariadb_server.execute(
        f"CREATE USER {READER}@'%' IDENTIFIED BY '{SECRET}'; GRANT SELECT ON {mariadb_database.name}.* TO {READER}@'%'"
    )
    yield mariadb_database.url_as(READER, SECRET)
    mariadb_server.execute(f"DROP USER {READER}@'%'")


def opened(url: str, name: str) -> tuple[Database, Table]:
    database = open_database(url)
    return database, database.catalog().table(Name("", name))


def texts(database: Database, table: Table, column: str, key_range: KeyRange | None = None) -> list[str | None]:
    return [row[0][1] for row in database.rows(table, [column], key_range).shown(10_000)]


@pytest.mark.only_on("MariaDB")
def test_a_catalog_holds_what_a_database_is_made_of(mariadb_database: MariadbDatabase) -> None:
    mariadb_database.execute(
        "CREATE TABLE parent (a int, b varchar(9), PRIMARY KEY (b, a), UNIQUE KEY u (a)) COMMENT 'a parent'",
        "CREATE TABLE child (id int unsigned AUTO_INCREMENT PRIMARY KEY, a int DEFAULT 5,"
        " t varchar(20) DEFAULT 'it''s', twice int AS (n * 2) STORED, secret int INVISIBLE,"
        " n int NOT NULL CHECK (n > 0),"
        " upd timestamp NOT NULL DEFAULT current_timestamp() ON UPDATE current_timestamp(),"
        " KEY down (a, t DESC), KEY pre (t(4)), FULLTEXT KEY words (t),"
        " CONSTRAINT fk FOREIGN KEY (a) REFERENCES parent (a) ON DELETE SET NULL ON UPDATE CASCADE)",
        "INSERT INTO child (id, a, n) VALUES (41, NULL, 1)",
        "CREATE TABLE cut (a int) PARTITION BY RANGE (a) (PARTITION low VALUES LESS THAN (9),"
        " PARTITION high VALUES LESS THAN MAXVALUE)",
        "CREATE TABLE aged (a int) WITH SYSTEM VERSIONING",
        "CREATE SEQUENCE numbers START WITH 5 INCREMENT BY 2",
        "CREATE VIEW seen AS SELECT id, t FROM child WHERE n > 1",
        "CREATE EVENT daily ON SCHEDULE EVERY 1 DAY DO SELECT 1",
        "CREATE FUNCTION twice(a int) RETURNS int RETURN a * 2",
    )
    database = open_database(mariadb_database.url)
    catalog = database.catalog()
    database.close()
    parent, child = catalog.table(Name("", "parent")), catalog.table(Name("", "child"))
    assert (parent.stable_key, parent.comment) == (("b", "a"), "a parent")
    assert [(key.name, key.columns) for key in parent.unique_keys] == [("u", ("a",))]
    columns = {column.name: column for column in child.columns}
    assert (columns["id"].type.minimum, columns["id"].type.maximum) == (0, 2**32 - 1)
    assert columns["id"].identity is not None
    assert columns["id"].identity.last_value == 41
    assert (columns["a"].default, columns["t"].default) == ("5", "'it''s'")
    assert columns["twice"].generated is not None
    assert columns["twice"].generated.stored
    assert [column.name for column in child.columns if column.hidden] == ["secret"]
    assert [(index.name, index.method) for index in child.indexes] == [
        ("down", "btree"), ("pre", "btree over prefixes"), ("words", "fulltext"),
    ]  # fmt: skip
    assert [part.descending for part in child.indexes[0].parts] == [False, True]
    key = child.foreign_keys[0]
    assert (key.parent, key.on_delete, key.on_update) == (Name("", "parent"), "set_null", "cascade")
    assert [check.expression for check in child.checks] == ["`n` > 0"]
    partitioning = catalog.table(Name("", "cut")).partitioning
    assert partitioning is not None
    assert [child.name for child in partitioning.children] == ["low", "high"]
    assert [(item.name.name, item.start, item.increment) for item in catalog.sequences] == [("numbers", 5, 2)]
    assert mariadb_database.name not in catalog.views[0].query
    assert [routine.name.name for routine in catalog.routines] == ["twice"]
    assert {item.what for item in catalog.not_modelled} >= {"event", "on update", "row history"}


def test_a_table_without_transactions_is_held_still_until_the_end(mariadb_database: MariadbDatabase) -> None:
    mariadb_database.execute("CREATE TABLE t (a int) ENGINE = MyISAM", "INSERT INTO t VALUES (1)")
    database, table = opened(mariadb_database.url, "t")
    writer = threading.Thread(target=mariadb_database.execute, args=("INSERT INTO t VALUES (2)",))
    writer.start()
    writer.join(0.5)
    assert writer.is_alive()
    assert (database.row_count(table), texts(database, table, "a")) == (1, ["1"])
    database.close()
    writer.join(30)
    assert mariadb_database.query("SELECT count(*) FROM t") == [("2",)]


def test_a_table_that_this_login_cannot_hold_still_is_named_unreadable(
    mariadb_database: MariadbDatabase, reader: str
) -> None:
    mariadb_database.execute("CREATE TABLE loose (a int) ENGINE = MyISAM", "CREATE TABLE firm (a int)")
    database = open_database(reader)
    reasons = {table.name.name: table.unreadable for table in database.catalog().tables}
    database.close()
    assert reasons["firm"] is None
    assert "MyISAM stands outside every snapshot" in str(reasons["loose"])


def test_a_login_without_the_global_lock_reads_alone_and_answers_from_the_same_snapshot(
    mariadb_database: MariadbDatabase, reader: str
) -> None:
    mariadb_database.execute("CREATE TABLE t (a int PRIMARY KEY, s varchar(9) CHARACTER SET latin1)",
                             "INSERT INTO t VALUES (1, 'é'), (2, 'ü')")  # fmt: skip
    database, table = opened(reader, "t")
    mariadb_database.execute("INSERT INTO t VALUES (3, 'ö')")
    assert "alone" in database.identity()["snapshot"]
    assert database.row_count(table) == 2
    assert database.scalar_query("SELECT max(s) FROM t") == [("ü",)]
    assert texts(database, table, "s") == ["é", "ü"]
    with pytest.raises(AccessDenied):
        database.scalar_query("SELECT * FROM mysql.db")
    database.close()


def test_what_a_login_may_not_read_is_marked(
    mariadb_server: MariadbServer, mariadb_database: MariadbDatabase, reader: str
) -> None:
    name = mariadb_database.name
    mariadb_database.execute("CREATE TABLE half (a int, b int)")
    mariadb_server.execute(f"REVOKE SELECT ON {name}.* FROM {READER}@'%'; GRANT INSERT ON {name}.half TO {READER}@'%'")
    database = open_database(reader)
    assert "1142" in str(database.catalog().tables[0].unreadable)
    database.close()


COLLATED = ["a", "B", "ä", "c ", "Ć", "d\te", "é", "F", "g%", "h_", "I\\", "j'", "ß", "z", ""]


@pytest.mark.parametrize(
    "declared",
    ["varchar(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
     "varchar(9) CHARACTER SET latin1 COLLATE latin1_german2_ci",
     "varchar(9) COLLATE utf8mb4_unicode_ci", "varchar(9) CHARACTER SET utf16", "varbinary(20)"],
)  # fmt: skip
@pytest.mark.parametrize("size", [1, 4])
def test_ranges_over_texts_lose_and_double_no_row_whatever_the_collation(
    mariadb_database: MariadbDatabase, declared: str, size: int
) -> None:
    mariadb_database.execute(
        "SET sql_mode = 'NO_BACKSLASH_ESCAPES'",
        f"CREATE TABLE t (k {declared} PRIMARY KEY, n int)",
        *["INSERT IGNORE INTO t VALUES ('{}', {})".format(text.replace("'", "''"), number)
          for number, text in enumerate(COLLATED)],
    )  # fmt: skip
    database, table = opened(mariadb_database.url, "t")
    edges = [None, *database.key_boundaries(table, ("k",), size), None]
    chunks = [texts(database, table, "n", KeyRange(("k",), after, upto)) for after, upto in pairwise(edges)]
    assert {len(chunk) for chunk in chunks[:-1]} == {size}
    assert sorted(number or "" for chunk in chunks for number in chunk) == sorted(
        str(row[0]) for row in mariadb_database.query("SELECT n FROM t")
    )
    found = database.rows_by_key(table, ["n"], ("k",), [key for key in edges if key is not None])
    assert found.count() == len(edges) - 2
    database.close()


@pytest.mark.parametrize(
    ("declared", "values"),
    [
        ("enum('z','a','m')", ["'z'", "'m'", "'a'"]),
        ("float", ["0.1", "0.2", "-1e-20"]),
        ("datetime(6)", ["'2020-01-01 00:00:00.000001'", "'2020-01-01'", "'1999-12-31'"]),
        ("timestamp(3)", ["'2020-01-01 00:00:00.001'", "'2020-01-01'", "'1999-12-31'"]),
        ("decimal(40,20)", ["1.00000000000000000001", "1", "-5"]),
        ("bigint unsigned", ["18446744073709551615", "18446744073709551614", "0"]),
        ("time", ["'-01:00:00'", "'00:00:00'", "'300:00:00'"]),
        ("bit(9)", ["b'100000001'", "b'1'", "b'0'"]),
        pytest.param("uuid", ["uuid()", "uuid()", "uuid()"], marks=pytest.mark.only_on("MariaDB")),
    ],
)
def test_ranges_hold_for_keys_of_every_type(
    mariadb_database: MariadbDatabase, declared: str, values: list[str]
) -> None:
    mariadb_database.execute(
        "SET time_zone = '+00:00'",
        f"CREATE TABLE t (k {declared} NOT NULL PRIMARY KEY, n int)",
        *[f"INSERT INTO t VALUES ({value}, {number})" for number, value in enumerate(values)],
    )
    database, table = opened(mariadb_database.url, "t")
    edges = [None, *database.key_boundaries(table, ("k",), 1), None]
    chunks = [texts(database, table, "n", KeyRange(("k",), after, upto)) for after, upto in pairwise(edges)]
    assert [len(chunk) for chunk in chunks] == [1, 1, 1]
    assert {number for chunk in chunks for number in chunk} == {"0", "1", "2"}
    database.close()


def test_a_key_that_is_equal_only_under_the_collation_is_another_row(mariadb_database: MariadbDatabase) -> None:
    mariadb_database.execute("CREATE TABLE t (k varchar(9) PRIMARY KEY)", "INSERT INTO t VALUES ('Ada'), ('straße')")
    database, table = opened(mariadb_database.url, "t")
    found = database.rows_by_key(table, ["k"], ("k",), [("ada",), ("Ada",), ("Ada ",), ("strasse",)])
    assert found.shown(9) == [[("text", "Ada")]]
    database.close()


def test_an_enumeration_with_an_empty_label_is_told_from_the_invalid_value(mariadb_database: MariadbDatabase) -> None:
    mariadb_database.execute(
        "SET sql_mode = ''", "CREATE TABLE t (id int PRIMARY KEY, e enum('', 'a'))",
        "INSERT INTO t VALUES (1, ''), (2, 'nope'), (3, 'a'), (4, NULL)",
    )  # fmt: skip
    mariadb_database.execute("SET sql_mode = ''", "UPDATE t SET e = 0 WHERE id = 2")
    database, table = opened(mariadb_database.url, "t")
    found = [row[0] for row in database.rows(table, ["e"]).shown(9)]
    assert found == [("enum", ""), ("integer", "0"), ("enum", "a"), ("null", None)]
    database.close()


@pytest.mark.only_on("MariaDB")
def test_history_is_named_and_not_read(mariadb_database: MariadbDatabase) -> None:
    mariadb_database.execute(
        "CREATE TABLE t (a int) WITH SYSTEM VERSIONING", "INSERT INTO t VALUES (1)", "UPDATE t SET a = 2"
    )
    database, table = opened(mariadb_database.url, "t")
    assert texts(database, table, "a") == ["2"]
    assert NotModelled("row history", "t", "system-versioned: only current rows are read") in (
        database.catalog().not_modelled
    )
    database.close()


def test_a_database_that_is_not_there_is_a_request_to_mend(mariadb_database: MariadbDatabase) -> None:
    with pytest.raises(InvalidRequest, match="Unknown database"):
        open_database(mariadb_database.url.rsplit("/", 1)[0] + "/nowhere")
