"""MySQL's catalog: what its information_schema says otherwise than MariaDB's, and what only MySQL has."""

from collections.abc import Iterator

import pytest

from kora.catalog import Catalog, Column, Name, NotModelled
from kora.databases.registry import open_database
from tests.mariadb_server import MariadbDatabase, MariadbServer

pytestmark = pytest.mark.only_on("MySQL")


def catalog_of(database: MariadbDatabase) -> Catalog:
    opened = open_database(database.url)
    found = opened.catalog()
    opened.close()
    return found


def columns_of(database: MariadbDatabase, table: str) -> dict[str, Column]:
    return {column.name: column for column in catalog_of(database).table(Name("", table)).columns}


def test_a_catalog_holds_what_a_database_is_made_of(mariadb_database: MariadbDatabase) -> None:
    mariadb_database.execute(
        "CREATE TABLE parent (a int, b varchar(9), PRIMARY KEY (b, a), UNIQUE KEY u (a)) COMMENT 'a parent'",
        "CREATE TABLE child (id int unsigned AUTO_INCREMENT PRIMARY KEY, a int, t varchar(20),"
        " n int NOT NULL CHECK (n > 0), secret int INVISIBLE, twice int AS (n * 2) STORED,"
        " CONSTRAINT slack CHECK (n > 5) NOT ENFORCED, KEY down (a, t DESC), KEY pre (t(4)), FULLTEXT KEY words (t),"
        " UNIQUE KEY low ((lower(t)), n), KEY hidden (n) INVISIBLE,"
        " CONSTRAINT fk FOREIGN KEY (a) REFERENCES parent (a) ON DELETE SET NULL ON UPDATE CASCADE)",
        "INSERT INTO child (id, a, n) VALUES (41, NULL, 1)",
        "CREATE VIEW seen AS SELECT id, t FROM child WHERE n > 1",
        "CREATE EVENT daily ON SCHEDULE EVERY 1 DAY DO SELECT 1",
        "CREATE FUNCTION twice(a int) RETURNS int DETERMINISTIC RETURN a * 2",
    )
    catalog = catalog_of(mariadb_database)
    parent, child = catalog.table(Name("", "parent")), catalog.table(Name("", "child"))
    assert (parent.stable_key, parent.comment) == (("b", "a"), "a parent")
    columns = {column.name: column for column in child.columns}
    assert columns["id"].identity is not None
    assert columns["id"].identity.last_value == 41
    assert [column.name for column in child.columns if column.hidden] == ["secret"]
    indexes = {index.name: index for index in child.indexes}
    assert set(indexes) == {"down", "pre", "words", "low", "hidden"}
    assert [(part.column, part.expression) for part in indexes["low"].parts] == [(None, "lower(`t`)"), ("n", None)]
    assert indexes["low"].unique
    assert not child.unique_keys
    assert [part.descending for part in indexes["down"].parts] == [False, True]
    assert [check.expression for check in child.checks] == ["(`n` > 0)"]
    assert NotModelled("check that is not enforced", "child.slack", "(`n` > 5)") in catalog.not_modelled
    key = child.foreign_keys[0]
    assert (key.parent, key.on_delete, key.on_update) == (Name("", "parent"), "set_null", "cascade")
    assert mariadb_database.name not in catalog.views[0].query
    assert [routine.name.name for routine in catalog.routines] == ["twice"]
    assert {item.what for item in catalog.not_modelled} >= {"event"}
    assert catalog.facts["product"] == "MySQL"


@pytest.mark.parametrize(
    ("declared", "default"),
    [
        ("varchar(20) DEFAULT 'it''s \\\\ x'", "'it''s \\\\ x'"),
        ("varchar(40) DEFAULT 'CURRENT_TIMESTAMP x'", "'CURRENT_TIMESTAMP x'"),
        ("varchar(40) DEFAULT 'b''1'", "'b''1'"),
        ("varchar(20) DEFAULT (concat('a''b', \"é€\"))", "concat('a\\'b','é€')"),
        ("timestamp DEFAULT CURRENT_TIMESTAMP", "CURRENT_TIMESTAMP"),
        ("bit(3) DEFAULT b'101'", "b'101'"),
        ("binary(3) DEFAULT x'00ff01'", "0x00FF01"),
        ("varbinary(9) DEFAULT x'610062'", "0x610062"),
        ("decimal(5,2) DEFAULT 1.5", "1.50"),
        ("date DEFAULT (current_date)", "curdate()"),
        ("year DEFAULT 2020", "'2020'"),
        ("enum('x','y''z') DEFAULT 'y''z'", "'y''z'"),
        ("char(36) DEFAULT (uuid())", "uuid()"),
        ("json DEFAULT (json_array(1))", "json_array(1)"),
    ],
)
def test_a_default_is_the_expression_that_the_table_was_made_with(
    mariadb_database: MariadbDatabase, declared: str, default: str
) -> None:
    mariadb_database.execute(f"CREATE TABLE t (id int PRIMARY KEY, v {declared})")
    assert columns_of(mariadb_database, "t")["v"].default == default


def test_an_expression_with_quotes_backslashes_and_letters_beyond_ascii_can_be_read_and_keeps_them(
    mariadb_database: MariadbDatabase,
) -> None:
    """The server cannot open such a table in a session with NO_BACKSLASH_ESCAPES."""
    mariadb_database.execute(
        "CREATE TABLE t (id int PRIMARY KEY, a varchar(9), CHECK (a <> 'b''c \\\\ é'),"
        " g varchar(50) AS (concat(a, 'it''s', 'é', '\\\\n')) STORED, KEY k ((concat(a, 'ü'))))",
        "INSERT INTO t (id, a) VALUES (1, 'x')", "FLUSH TABLES",
    )  # fmt: skip
    opened = open_database(mariadb_database.url)
    table = opened.catalog().table(Name("", "t"))
    assert table.unreadable is None
    generated = table.column("g").generated
    assert generated is not None
    assert generated.expression == "concat(`a`,'it\\'s','é','\\\\n')"
    assert [check.expression for check in table.checks] == ["(`a` <> 'b\\'c \\\\ é')"]
    assert table.indexes[0].parts[0].expression == "concat(`a`,'ü')"
    assert opened.rows(table, ["g"]).shown(2) == [[("text", "xit'sé\\n")]]
    opened.close()


def test_an_invisible_key_that_the_server_made_is_a_hidden_column(mariadb_database: MariadbDatabase) -> None:
    mariadb_database.execute("SET sql_generate_invisible_primary_key = 1", "CREATE TABLE t (a int)")
    found = columns_of(mariadb_database, "t")["my_row_id"]
    assert (found.hidden, found.identity is not None) == (True, True)


@pytest.fixture
def with_transaction_names() -> Iterator[MariadbServer]:
    with MariadbServer({"gtid_mode": "ON", "enforce_gtid_consistency": "ON"}) as server:
        yield server


def test_a_snapshot_knows_its_position_in_the_log_and_the_transactions_before_it(
    with_transaction_names: MariadbServer,
) -> None:
    database = with_transaction_names.create_database()
    database.execute("CREATE TABLE t (a int)", "INSERT INTO t VALUES (1)")
    [(file, position, *_, executed)] = database.query("SHOW BINARY LOG STATUS")
    opened = open_database(database.url)
    identity = opened.identity()
    opened.close()
    assert (identity["binlog_file"], identity["binlog_position"]) == (file, position)
    assert identity["gtid_executed"] == executed
    assert identity["system_identifier"] in str(executed)
    assert (identity["product"], identity["engine"]) == ("MySQL", "mariadb")
