"""CREATE statements as SQLite keeps them: what is read out of their text."""

import pytest

from kora.catalog import Check
from kora.databases.sql_text import read_create_index, read_create_view
from kora.databases.sqlite.statements import read_create_table
from kora.databases.sqlite.types import affinity, column_type


def test_checks_are_found_at_column_and_table_level_with_their_names() -> None:
    table = read_create_table(
        """CREATE TABLE "odd (name" (
        id INTEGER PRIMARY KEY CHECK (id > 0), -- a comment, with (parentheses
        [a b] TEXT DEFAULT ')' CONSTRAINT "c 1" CHECK ("a b" IN ('x,y', 'it''s )')),
        `q` NUMERIC(10, 2) DEFAULT (abs(-1)) /* CHECK (not this) */ NOT NULL,
        CONSTRAINT nn CHECK (length(trim("a b")) > (1 + 2)),
        CHECK (q >= 0) )"""
    )
    assert table.checks == [
        Check("", "id > 0"),
        Check("c 1", "\"a b\" IN ('x,y', 'it''s )')"),
        Check("nn", 'length(trim("a b")) > (1 + 2)'),
        Check("", "q >= 0"),
    ]
    assert list(table.columns) == ["id", "a b", "q"]


def test_a_name_belongs_to_its_own_constraint_only() -> None:
    table = read_create_table(
        "CREATE TABLE t (a INT CONSTRAINT n NOT NULL CHECK (a > 1), CONSTRAINT p PRIMARY KEY (a))"
    )
    assert table.checks == [Check("", "a > 1")]
    assert table.primary_key_name == "p"


def test_collations_generated_columns_and_autoincrement_are_found() -> None:
    table = read_create_table(
        "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT COLLATE nocase, b AS (a || 'x') STORED,"
        " c INT GENERATED ALWAYS AS (id * (2 + 1)), UNIQUE (A, b))"
    )
    assert table.columns["id"].autoincrement
    assert table.columns["a"].collation == "NOCASE"
    assert (table.columns["b"].expression, table.columns["b"].stored) == ("a || 'x'", True)
    assert (table.columns["c"].expression, table.columns["c"].stored) == ("id * (2 + 1)", False)
    assert ("a", "b") in table.unique_names


def test_foreign_keys_say_whether_they_may_be_deferred() -> None:
    table = read_create_table(
        "CREATE TABLE t (a REFERENCES p ON DELETE SET DEFAULT CHECK (a <> 1), b INT,"
        " CONSTRAINT f FOREIGN KEY (b) REFERENCES q (x) DEFERRABLE INITIALLY DEFERRED,"
        " FOREIGN KEY (a, b) REFERENCES r NOT DEFERRABLE INITIALLY DEFERRED)"
    )
    assert [(key.name, key.deferrable, key.initially_deferred) for key in table.foreign_keys] == [
        ("", False, False), ("f", True, True), ("", False, False),
    ]  # fmt: skip
    assert table.checks == [Check("", "a <> 1")]


def test_an_index_gives_its_expressions_and_its_where() -> None:
    index = read_create_index('CREATE UNIQUE INDEX i ON t (lower(a) COLLATE NOCASE DESC, "b,c" ASC) WHERE b > (1) ;')
    assert index.parts == ("lower(a)", '"b,c"')
    assert index.where == "b > (1)"


def test_a_view_is_its_select() -> None:
    assert read_create_view('CREATE VIEW "as" (x, y) AS SELECT 1 AS a, 2;') == "SELECT 1 AS a, 2"


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ("INT", "INTEGER"), ("CHARINT", "INTEGER"), ("VARCHAR(3)", "TEXT"), ("BLOB", "BLOB"), ("", "BLOB"),
        ("FLOATING POINT", "INTEGER"), ("DOUBLE", "REAL"), ("DECIMAL(4,2)", "NUMERIC"), ("STRING", "NUMERIC"),
    ],
)  # fmt: skip
def test_affinity_follows_the_rules_of_sqlite(declared: str, expected: str) -> None:
    assert affinity(declared) == expected


def test_a_declared_type_is_a_wish_unless_sqlite_enforces_it() -> None:
    money = column_type("DECIMAL(10, 2)")
    assert (money.kind, money.precision, money.scale, money.dynamic) == ("decimal", 10, 2, True)
    code = column_type("character(5)", collation="NOCASE")
    assert (code.kind, code.length, code.fixed, code.collation) == ("text", 5, True, "NOCASE")
    assert column_type("DATETIME").kind == "timestamp"
    assert column_type("").kind == "dynamic"
    assert not column_type("INTEGER", rowid=True).dynamic
    assert not column_type("TEXT", strict=True).dynamic
    assert column_type("ANY", strict=True).kind == "dynamic"
