"""DuckDB's own habits in the catalog, its types as rows, and its errors as this project's."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from kora.catalog import Catalog, Generated, IndexPart, Name
from kora.databases.base import Database, KeyRange
from kora.databases.registry import open_database
from kora.errors import Busy, FileProblem, MalformedInput, SenseiError, UnsupportedType


def made(folder: Path, *statements: str) -> Path:
    path = folder / "made.duckdb"
    with duckdb.connect(str(path)) as connection:
        for statement in statements:
            connection.execute(statement)
    return path


def opened(path: Path) -> Database:
    return open_database(f"duckdb:///{path}")


def catalog_of(folder: Path, *statements: str) -> Catalog:
    database = opened(made(folder, *statements))
    catalog = database.catalog()
    database.close()
    return catalog


def test_constraints_indexes_and_generated_columns_are_described(tmp_path: Path) -> None:
    catalog = catalog_of(
        tmp_path,
        "CREATE TABLE parent (id INTEGER PRIMARY KEY, code VARCHAR UNIQUE)",
        "CREATE SCHEMA other",
        "CREATE TABLE other.t (k INTEGER NOT NULL DEFAULT 7, g INTEGER GENERATED ALWAYS AS (k + 1), CHECK (k > 0))",
        "CREATE TABLE child (p INTEGER REFERENCES parent (id), n DECIMAL(10, 2))",
        'CREATE UNIQUE INDEX "by n" ON child (n, (p + 1))',
        "COMMENT ON TABLE child IS 'small'",
    )
    assert [str(table.name) for table in catalog.tables] == ["main.child", "main.parent", "other.t"]
    child, parent, other = catalog.tables
    assert (parent.stable_key, parent.unique_keys[0].columns) == (("id",), ("code",))
    assert (child.foreign_keys[0].parent, child.foreign_keys[0].parent_columns) == (Name("main", "parent"), ("id",))
    assert child.comment == "small"
    (index,) = child.indexes
    assert (index.name, index.unique, index.parts[0]) == ("by n", True, IndexPart("n"))
    assert index.parts[1].column is None
    assert "p + 1" in str(index.parts[1].expression)
    assert isinstance(other.column("g").generated, Generated)
    assert (other.column("k").default, other.column("k").nullable) == ("7", False)
    assert "k > 0" in other.checks[0].expression
    assert (child.column("n").type.precision, child.column("n").type.scale) == (10, 2)


def test_views_macros_sequences_and_enumerations_are_described(tmp_path: Path) -> None:
    catalog = catalog_of(
        tmp_path,
        "CREATE TYPE mood AS ENUM ('sad', 'it''s ok')",
        "CREATE TABLE t (m mood)",
        "CREATE VIEW v (w) AS SELECT m FROM t",
        "CREATE MACRO plus(a, b) AS a + b",
        "CREATE SEQUENCE s START 5 INCREMENT 2",
    )
    assert catalog.enums[0].labels == ("sad", "it's ok")
    assert catalog.tables[0].column("m").type.labels == ("sad", "it's ok")
    assert (catalog.views[0].columns, catalog.views[0].query) == (("w",), "SELECT m FROM t")
    assert (catalog.routines[0].name, catalog.routines[0].signature) == (Name("main", "plus"), "a, b")
    assert (catalog.sequences[0].start, catalog.sequences[0].increment, catalog.sequences[0].last_value) == (5, 2, None)


def test_each_type_that_the_catalog_calls_readable_is_read(tmp_path: Path) -> None:
    types = [
        "BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER",
        "UBIGINT", "UHUGEINT", "FLOAT", "DOUBLE", "DECIMAL(38,10)", "VARCHAR", "BLOB", "UUID", "BIT", "DATE", "TIME",
        "TIMETZ", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "TIMESTAMPTZ", "INTERVAL", "JSON",
    ]  # fmt: skip
    columns = ", ".join(f"c{place} {declared}" for place, declared in enumerate(types))
    database = opened(
        made(tmp_path, f"CREATE TABLE t ({columns})", f"INSERT INTO t VALUES ({', '.join(['NULL'] * 28)})")
    )
    table = database.catalog().tables[0]
    assert "unsupported" not in {column.type.kind for column in table.columns}
    names = [column.name for column in table.columns]
    assert database.rows(table, names).shown(2) == [[("null", None)] * len(types)]
    database.close()


def test_unknown_types_within_others_are_unsupported_and_refused_by_name(tmp_path: Path) -> None:
    database = opened(
        made(tmp_path, "CREATE TABLE t (a INTEGER, s STRUCT(x INTEGER[2]), u UNION(n INTEGER)[], v STRUCT(x VARIANT))")
    )
    table = database.catalog().tables[0]
    assert [column.type.kind for column in table.columns] == ["integer", "struct", "unsupported", "unsupported"]
    with pytest.raises(UnsupportedType, match=r"main\.t\.v: STRUCT"):
        database.rows(table, ["v"])
    database.close()


@pytest.mark.parametrize(
    ("declared", "values"),
    [
        ("UUID", "SELECT uuid() FROM range(9)"),
        ("TIMESTAMPTZ", "SELECT TIMESTAMPTZ '2020-01-01 00:00:00.000001+00' + to_days(i::INT) FROM range(9) r(i)"),
        ("DECIMAL(20,3)", "SELECT i / 3 FROM range(-4, 5) r(i)"),
        ("DOUBLE", "SELECT i / 7 FROM range(-4, 5) r(i)"),
        ("BLOB", "SELECT ('\\xFF\\x0' || i)::BLOB FROM range(9) r(i)"),
        ("VARCHAR", "SELECT chr(i::INT) || chr(39) FROM range(0, 9) r(i)"),
        ("ENUM('z', 'a', 'm')", "SELECT unnest(['z', 'a', 'm'])"),
        ("DATE", "SELECT DATE '0044-03-15 (BC)' + i::INT FROM range(9) r(i)"),
    ],
)
def test_keys_of_every_kind_cut_a_table_without_loss(tmp_path: Path, declared: str, values: str) -> None:
    database = opened(made(tmp_path, f"CREATE TABLE t (k {declared} PRIMARY KEY)", f"INSERT INTO t {values}"))
    table = database.catalog().tables[0]
    boundaries = database.key_boundaries(table, ("k",), 2)
    ends = [None, *boundaries, None]
    counts = [
        database.rows(table, ["k"], KeyRange(("k",), ends[place], ends[place + 1])).count()
        for place in range(len(ends) - 1)
    ]
    assert sum(counts) == database.row_count(table)
    assert set(counts[:-1]) == {2}
    assert database.rows_by_key(table, ["k"], ("k",), boundaries).count() == len(boundaries)
    database.close()


def test_what_is_no_duckdb_file_is_refused_in_words(tmp_path: Path) -> None:
    noise = tmp_path / "noise.duckdb"
    noise.write_bytes(b"certainly not a database" * 1000)
    whole = made(tmp_path, "CREATE TABLE t AS SELECT i FROM range(10000) r(i)")
    cut = tmp_path / "cut.duckdb"
    cut.write_bytes(whole.read_bytes()[:5000])
    with pytest.raises(MalformedInput, match=r"noise\.duckdb"):
        opened(noise)
    with pytest.raises(MalformedInput, match=r"cut\.duckdb"):
        opened(cut)
    with pytest.raises(FileProblem, match="is a folder"):
        opened(tmp_path)
    with pytest.raises(FileProblem, match="does not exist"):
        opened(tmp_path / "none.duckdb")


def test_a_file_that_is_open_for_writing_is_busy_here_and_elsewhere(tmp_path: Path) -> None:
    path = made(tmp_path, "CREATE TABLE t (a INTEGER)")
    with duckdb.connect(str(path)), pytest.raises(Busy, match="open for writing in this process"):
        opened(path)
    code = f"import duckdb, sys; c = duckdb.connect({str(path)!r}); print(1, flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        with pytest.raises(Busy) as refused:
            opened(path)
        writer.communicate()
    assert "open for writing" in refused.value.hint


def test_nothing_is_fetched_or_written(tmp_path: Path) -> None:
    path = made(tmp_path, "CREATE TABLE t (a INTEGER)")
    before = sorted(file.name for file in tmp_path.iterdir())
    database = opened(path)
    with pytest.raises(SenseiError):
        database.scalar_query("INSERT INTO t VALUES (1)")
    with pytest.raises(SenseiError):
        database.scalar_query("SELECT * FROM 'http://127.0.0.1:9/x.parquet'")
    assert database.scalar_query("SELECT current_setting('TimeZone')") == [("UTC",)]
    assert sorted(file.name for file in tmp_path.iterdir()) == before
    database.close()


def test_what_a_killed_reader_spilled_is_gone_after_the_next_one(tmp_path: Path) -> None:
    file, folder = tmp_path / "t.duckdb", tmp_path / "temporary"
    folder.mkdir()
    with duckdb.connect(str(file)) as connection:
        connection.execute("CREATE TABLE t AS SELECT 1 AS id")
    # Row by row in order, so that the sort's runs lie on the disk while the first row is there.
    program = (
        "import os, signal, sys; from kora.databases.registry import open_database;"
        " database = open_database(sys.argv[1]); database.scalar_query(\"SET GLOBAL memory_limit = '64MiB'\");"
        " cursor = database._connection.cursor();"
        " cursor.execute('SELECT hash(range) || repeat(chr(97), 100) AS v FROM range(2000000) ORDER BY v');"
        " cursor.fetchone(); sys.argv[2] == 'killed' and os.kill(os.getpid(), signal.SIGKILL); database.close()"
    )

    def read(how: str) -> int:
        return subprocess.run(
            [sys.executable, "-c", program, f"duckdb:///{file}", how],
            env=os.environ | {"TMPDIR": str(folder), "PYTHONPATH": str(Path.cwd())}, check=False,
        ).returncode  # fmt: skip

    assert read("killed") == -signal.SIGKILL
    [left] = folder.iterdir()
    assert left.stat().st_mode & 0o777 == 0o700
    assert any(path.stat().st_size > 1 << 20 for path in left.rglob("duckdb_temp_*"))
    assert read("to its end") == 0
    assert list(folder.iterdir()) == []
