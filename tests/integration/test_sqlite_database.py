"""SQLite's own habits in the catalog, odd files, and files that are none."""

import os
from pathlib import Path

import pytest

from kora._core import SqliteConnection
from kora.catalog import Catalog, Generated, Identity, IndexPart, Name, Table
from kora.databases.registry import open_database
from kora.errors import FileProblem, InvalidRequest, MalformedInput, SenseiError

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("SENSEI_TEST_DATA", ROOT / "../shared/data"))
ODD = sorted((DATA / "sqlite_odd").glob("*.db"))


def catalog_of(folder: Path, *statements: str) -> Catalog:
    path = folder / "made.db"
    connection = SqliteConnection(str(path), "create")
    for statement in statements:
        connection.execute(statement)
    connection.close()
    database = open_database(f"sqlite:///{path}")
    catalog = database.catalog()
    database.close()
    return catalog


def table_of(folder: Path, *statements: str) -> Table:
    return catalog_of(folder, *statements).tables[0]


@pytest.mark.parametrize("path", ODD, ids=lambda path: path.name)
def test_every_odd_file_gives_a_catalog_whose_tables_can_be_read(path: Path) -> None:
    database = open_database(f"sqlite:///{path}")
    catalog = database.catalog()
    assert catalog.tables or catalog.not_modelled
    for table in catalog.tables:
        assert table.unreadable is None
        assert database.rows(table, [column.name for column in table.columns]).count() == database.row_count(table)
    database.close()


def test_chinook_has_eleven_tables_with_keys_and_resolved_references() -> None:
    database = open_database(f"sqlite:///{DATA / 'chinook/chinook.sqlite'}")
    catalog = database.catalog()
    assert len(catalog.tables) == 11
    assert sum(database.row_count(table) for table in catalog.tables) == 15607
    assert all(table.stable_key for table in catalog.tables)
    references = {(str(table.name), str(key.parent)) for table in catalog.tables for key in table.foreign_keys}
    assert ("Employee", "Employee") in references
    assert len(references) == 11
    database.close()


def test_a_primary_key_that_may_be_null_is_no_stable_key(tmp_path: Path) -> None:
    tables = catalog_of(
        tmp_path,
        "CREATE TABLE a_loose (k TEXT PRIMARY KEY)",
        "CREATE TABLE b_rowid (k INTEGER PRIMARY KEY)",
        "CREATE TABLE c_descending (k INTEGER PRIMARY KEY DESC)",
        "CREATE TABLE d_bare (k TEXT PRIMARY KEY) WITHOUT ROWID",
        "CREATE TABLE e_strict (k TEXT PRIMARY KEY) STRICT",
        "CREATE TABLE f_unique (a TEXT, k TEXT NOT NULL UNIQUE)",
    ).tables
    assert [table.stable_key for table in tables] == [(), ("k",), (), ("k",), ("k",), ("k",)]
    assert tables[0].primary_key is not None
    assert not tables[0].primary_key.validated
    assert [table.columns[0].identity for table in tables[:3]] == [None, Identity(), None]
    assert (tables[3].without_rowid, tables[4].strict) == (True, True)


def test_generated_columns_partial_and_expression_indexes_are_described(tmp_path: Path) -> None:
    table = table_of(
        tmp_path,
        "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT COLLATE NOCASE DEFAULT 'x',"
        " b AS (upper(a)) VIRTUAL, c INT AS (id + 1) STORED, CONSTRAINT u UNIQUE (a, id))",
        "CREATE INDEX i ON t (lower(a), c DESC, a COLLATE BINARY) WHERE c > 0",
    )
    assert table.column("b").generated == Generated("upper(a)", stored=False)
    assert table.column("c").generated == Generated("id + 1", stored=True)
    assert table.column("a").default == "'x'"
    assert table.column("id").identity == Identity(sequence=Name("", "sqlite_sequence"))
    assert [(key.name, key.columns) for key in table.unique_keys] == [("u", ("a", "id"))]
    (index,) = table.indexes
    assert index.parts == (
        IndexPart(None, "lower(a)"), IndexPart("c", descending=True), IndexPart("a", collation="BINARY"),
    )  # fmt: skip
    assert index.where == "c > 0"


def test_foreign_keys_come_in_the_order_of_the_text_with_the_parents_columns(tmp_path: Path) -> None:
    catalog = catalog_of(
        tmp_path,
        "CREATE TABLE Parent (x INT, y INT, z TEXT UNIQUE, PRIMARY KEY (x, y))",
        "CREATE TABLE child (a INT, b INT, c TEXT CONSTRAINT one REFERENCES parent (Z) ON DELETE CASCADE,"
        " CONSTRAINT two FOREIGN KEY (a, b) REFERENCES PARENT ON UPDATE SET NULL DEFERRABLE INITIALLY DEFERRED)",
    )
    one, two = catalog.table(Name("", "child")).foreign_keys
    assert (one.name, one.parent, one.parent_columns, one.on_delete) == ("one", Name("", "Parent"), ("z",), "cascade")
    assert (two.name, two.parent_columns, two.on_update) == ("two", ("x", "y"), "set_null")
    assert (one.deferrable, two.deferrable, two.initially_deferred) == (False, True, True)


def test_virtual_tables_their_shadows_views_and_triggers_are_named(tmp_path: Path) -> None:
    catalog = catalog_of(
        tmp_path,
        "CREATE VIRTUAL TABLE search USING fts5(body)",
        "CREATE TABLE search_notes (n INT)",
        "CREATE VIEW v (m) AS SELECT n + 1 FROM search_notes",
        "CREATE VIEW broken AS SELECT missing FROM nowhere",
        "CREATE TRIGGER t AFTER INSERT ON search_notes BEGIN DELETE FROM search_notes WHERE n = 0; END",
    )
    assert [str(table.name) for table in catalog.tables] == ["search_notes"]
    assert {(entry.what, entry.name) for entry in catalog.not_modelled} >= {
        ("virtual table", "search"), ("shadow table", "search_content"),
    }  # fmt: skip
    assert [(view.name.name, view.columns) for view in catalog.views] == [("broken", ()), ("v", ("m",))]
    assert catalog.views[1].query == "SELECT n + 1 FROM search_notes"
    assert catalog.triggers[0].text.startswith("CREATE TRIGGER t AFTER INSERT")


def test_a_table_whose_pages_are_damaged_is_marked_and_the_others_are_read(tmp_path: Path) -> None:
    path = tmp_path / "hurt.db"
    connection = SqliteConnection(str(path), "create")
    for statement in (
        "CREATE TABLE a (x)",
        "INSERT INTO a VALUES (1)",
        "CREATE TABLE b (x)",
        "INSERT INTO b VALUES (1)",
    ):
        connection.execute(statement)
    page_size = int(str(connection.query("PRAGMA page_size")[0][0]))
    connection.close()
    with path.open("r+b") as file:
        file.seek(page_size)
        file.write(b"\xee" * page_size)
    database = open_database(f"sqlite:///{path}")
    hurt, whole = database.catalog().tables
    assert hurt.unreadable
    assert whole.unreadable is None
    assert database.row_count(whole) == 1
    database.close()


def test_what_is_no_sqlite_file_is_refused_in_words(tmp_path: Path) -> None:
    noise = tmp_path / "noise.db"
    noise.write_bytes(b"certainly not a database" * 100)
    chinook = (DATA / "chinook/chinook.sqlite").read_bytes()
    cut = tmp_path / "cut.db"
    cut.write_bytes(chinook[:5000])
    with pytest.raises(MalformedInput, match=r"noise\.db"):
        open_database(f"sqlite:///{noise}")
    with pytest.raises(SenseiError, match=r"cut\.db|malformed"):
        database = open_database(f"sqlite:///{cut}")
        [database.row_count(table) for table in database.catalog().tables]
    with pytest.raises(FileProblem, match="is a folder"):
        open_database(f"sqlite:///{tmp_path}")
    with pytest.raises(FileProblem, match="does not exist"):
        open_database(f"sqlite:///{tmp_path}/none.db")
    with pytest.raises(FileProblem) as missing:
        open_database(f"sqlite://{noise}")
    assert f"sqlite:///{noise}" in missing.value.hint


def test_a_thousand_and_one_keys_are_too_many_and_a_thousand_are_not(tmp_path: Path) -> None:
    path = tmp_path / "many.db"
    connection = SqliteConnection(str(path), "create")
    connection.execute("CREATE TABLE t (a INT NOT NULL, b TEXT NOT NULL, PRIMARY KEY (a, b))")
    connection.execute(
        "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 1500)"
        " INSERT INTO t SELECT i, i || 'x' FROM n"
    )
    connection.close()
    database = open_database(f"sqlite:///{path}")
    table = database.catalog().tables[0]
    keys = [(number, f"{number}x") for number in range(1001)]
    assert database.rows_by_key(table, ["a"], table.stable_key, keys[:1000]).count() == 1000
    with pytest.raises(InvalidRequest, match="1 to 1000 keys"):
        database.rows_by_key(table, ["a"], table.stable_key, keys)
    database.close()
