"""A table read in lanes: every row once, whatever its rows are, all as of one moment; what fails, fails all."""

import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import duckdb
import pytest

from kora._core import RowStream, row_lanes
from kora.catalog import Name, Table
from kora.databases.base import Database, Lanes
from kora.databases.lanes import integer_bounds
from kora.databases.registry import open_database
from kora.errors import AccessDenied, EngineError
from tests.mariadb_server import MariadbDatabase
from tests.mariadb_server import numbers as counted
from tests.servers import Database as Server

FOUR = Lanes(4, fewest_rows=1)


@contextmanager
def opened(url: str, name: str, schema: str = "") -> Iterator[tuple[Database, Table]]:
    with closing(open_database(url)) as database:
        yield database, database.catalog().table(Name(schema, name))


def texts(stream: RowStream) -> list[tuple[str | None, ...]]:
    return [tuple(text for _, text in row) for row in stream.shown(1_000_000)]


def each_lane(stream: RowStream) -> list[list[tuple[str | None, ...]]]:
    """Each lane's rows where the lanes are read side by side: a row of every one in turn is what threads would take."""
    lanes = stream.lanes()
    return [texts(lane) for lane in reversed(lanes)]


def assert_whole(database: Database, table: Table, *, lanes: int = 4) -> None:
    """All lanes together are the table; they are as many as were expected."""
    columns = [column.name for column in table.columns]
    whole = sorted(texts(database.rows(table, columns)), key=repr)
    stream = database.rows_in_lanes(table, columns, FOUR)
    parts = each_lane(stream)
    assert len(parts) == lanes
    assert sorted((row for part in parts for row in part), key=repr) == whole
    assert sorted(texts(database.rows_in_lanes(table, columns, FOUR)), key=repr) == whole


def made_sqlite(path: Path, *statements: str) -> str:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(";".join(statements))
    return f"sqlite:///{path}"


def by_another_program(path: Path, *statements: str) -> bool:
    """Whether it could write. In this process a second SQLite would void the first one's locks."""
    program = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], timeout=0); c.executescript(sys.argv[2])"
    done = subprocess.run([sys.executable, "-c", program, path, ";".join(statements)], capture_output=True, text=True)
    assert done.returncode == 0 or "database is locked" in done.stderr
    return done.returncode == 0


def numbers(count: int) -> str:
    return f"WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {count})"


SQLITE_TABLES = {
    "row ids in a row": ("CREATE TABLE t (v)", numbers(500) + " INSERT INTO t SELECT n % 7 FROM c"),
    "both ends of the numbers": (
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v)",
        numbers(90) + " INSERT INTO t SELECT n, 'low' FROM c",
        "INSERT INTO t VALUES (-9223372036854775808, 'first'), (9223372036854775807, 'last'), (0, NULL), (-5, '')",
    ),
    "one giant gap": (
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v)",
        numbers(300) + " INSERT INTO t SELECT n + 4611686018427387904, n FROM c",
        "INSERT INTO t VALUES (1, 'alone')",
    ),
    "columns that take two of the row id's names": (
        "CREATE TABLE t (rowid TEXT, oid TEXT, v)",
        numbers(200) + " INSERT INTO t SELECT 'x', NULL, n FROM c",
    ),
    "columns that take all of the row id's names, and a key": (
        "CREATE TABLE t (rowid TEXT, oid TEXT, _rowid_ TEXT NOT NULL UNIQUE)",
        numbers(200) + " INSERT INTO t SELECT 'x', NULL, 'k' || n FROM c",
    ),
    "a key under a collation, without row ids": (
        "CREATE TABLE t (k TEXT COLLATE NOCASE, p INTEGER, v, PRIMARY KEY (k, p)) WITHOUT ROWID",
        numbers(300) + " INSERT INTO t SELECT CASE n % 3 WHEN 0 THEN 'a' WHEN 1 THEN 'Ä' ELSE 'b' END, n, n FROM c",
    ),
    "a key of mixed storage classes": (
        "CREATE TABLE t (k, v, PRIMARY KEY (k)) WITHOUT ROWID",
        numbers(60) + " INSERT INTO t SELECT n, 1 FROM c",
        numbers(60) + " INSERT INTO t SELECT 't' || n, 2 FROM c",
        numbers(60) + " INSERT INTO t SELECT CAST('b' || n AS BLOB), 3 FROM c",
        "INSERT INTO t VALUES (-1.5, 4), ('', 5), (x'', 6)",
    ),
}


@pytest.mark.parametrize("journal", ["delete", "wal"])
@pytest.mark.parametrize("shape", SQLITE_TABLES)
def test_lanes_of_a_sqlite_table_are_the_whole_of_it(tmp_path: Path, shape: str, journal: str) -> None:
    url = made_sqlite(tmp_path / "t.db", f"PRAGMA journal_mode = {journal}", *SQLITE_TABLES[shape])
    with opened(url, "t") as (database, table):
        assert_whole(database, table)


@pytest.mark.parametrize(
    "statements",
    [
        ("CREATE TABLE t (v)",),
        ("CREATE TABLE t (v)", "INSERT INTO t VALUES (1)"),
        ("CREATE TABLE t (rowid, oid, _rowid_)", numbers(200) + " INSERT INTO t SELECT n, n, n FROM c"),
    ],
    ids=["empty", "one row", "no name for a row and no key"],
)
def test_a_sqlite_table_that_cannot_be_cut_comes_in_one_lane(tmp_path: Path, statements: tuple[str, ...]) -> None:
    with opened(made_sqlite(tmp_path / "t.db", *statements), "t") as (database, table):
        assert_whole(database, table, lanes=1)


@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_a_row_that_is_written_to_sqlite_between_two_lanes_is_in_none(tmp_path: Path, journal: str) -> None:
    path = tmp_path / "t.db"
    url = made_sqlite(path, f"PRAGMA journal_mode = {journal}", *SQLITE_TABLES["row ids in a row"])
    with opened(url, "t") as (database, table):
        before = database.rows_in_lanes(table, ["v"], FOUR)
        written = by_another_program(path, "INSERT INTO t VALUES ('late')", "DELETE FROM t WHERE rowid < 50")
        assert written == (journal == "wal")
        lanes = each_lane(before)
        assert (len(lanes), sum(map(len, lanes))) == (4, 500)
        # Connections that are there already still see the moment; more of them cannot any more.
        again = each_lane(database.rows_in_lanes(table, ["v"], FOUR))
        more = each_lane(database.rows_in_lanes(table, ["v"], Lanes(8, fewest_rows=1)))
        assert (len(again), sum(map(len, again))) == (4, 500)
        assert (len(more), sum(map(len, more))) == (4 if journal == "wal" else 8, 500)


def test_a_sqlite_file_in_wal_mode_that_was_written_after_it_was_opened_is_read_in_one_lane(tmp_path: Path) -> None:
    url = made_sqlite(tmp_path / "t.db", "PRAGMA journal_mode = wal", *SQLITE_TABLES["row ids in a row"])
    with opened(url, "t") as (database, table):
        assert by_another_program(tmp_path / "t.db", "INSERT INTO t VALUES ('late')")
        (only,) = each_lane(database.rows_in_lanes(table, ["v"], FOUR))
        assert len(only) == 500


def test_another_file_under_the_same_name_is_not_read_beside_the_first(tmp_path: Path) -> None:
    url = made_sqlite(tmp_path / "t.db", *SQLITE_TABLES["row ids in a row"])
    made_sqlite(tmp_path / "other.db", "CREATE TABLE t (v)", numbers(500) + " INSERT INTO t SELECT 'other' FROM c")
    with opened(url, "t") as (database, table):
        (tmp_path / "other.db").rename(tmp_path / "t.db")
        (only,) = each_lane(database.rows_in_lanes(table, ["v"], FOUR))
        assert len(only) == 500
        assert ("other",) not in only


def made_duckdb(path: Path, *statements: str) -> str:
    """With row groups of 2,048 rows, the fewest that DuckDB has."""
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{path}' AS made (ROW_GROUP_SIZE 2048); USE made")
        for statement in statements:
            connection.execute(statement)
    return f"duckdb:///{path}"


@pytest.mark.parametrize(
    ("statements", "lanes"),
    [
        (("CREATE TABLE t AS SELECT range AS id, range % 9 AS v FROM range(30000)",), 4),
        (("CREATE TABLE t AS SELECT range AS v FROM range(30000)", "DELETE FROM t WHERE v BETWEEN 100 AND 25000"), 3),
        (("CREATE TABLE t (rowid INTEGER, v INTEGER)", "INSERT INTO t SELECT 5, range FROM range(9000)"), 1),
        (("CREATE TABLE t AS SELECT range AS v FROM range(2000)",), 1),
        (("CREATE TABLE t (v INTEGER)",), 1),
    ],
    ids=["row groups", "deleted rows", "a column that takes the row id's name", "one row group", "empty"],
)
def test_lanes_of_a_duckdb_table_are_the_whole_of_it(tmp_path: Path, statements: tuple[str, ...], lanes: int) -> None:
    with opened(made_duckdb(tmp_path / "t.duckdb", *statements), "t", "main") as (database, table):
        assert_whole(database, table, lanes=lanes)


POSTGRESQL_TABLES = {
    "a heap": (("CREATE TABLE t AS SELECT n, repeat('x', 300) AS v FROM generate_series(1, 2000) n",), 4),
    "updated and deleted rows": (
        (
            "CREATE TABLE t AS SELECT n, repeat('x', 300) AS v FROM generate_series(1, 2000) n",
            "UPDATE t SET v = 'changed' WHERE n % 3 = 0",
            "DELETE FROM t WHERE n < 700",
        ),
        4,
    ),
    "uneven partitions, one of them empty": (
        (
            "CREATE TABLE t (n int, v text) PARTITION BY RANGE (n)",
            "CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10)",
            "CREATE TABLE t2 (v text, n int)",
            "ALTER TABLE t ATTACH PARTITION t2 FOR VALUES FROM (10) TO (1990)",
            "CREATE TABLE t3 PARTITION OF t FOR VALUES FROM (1990) TO (5000) PARTITION BY LIST (n)",
            "CREATE TABLE t4 PARTITION OF t3 DEFAULT",
            "CREATE TABLE t5 PARTITION OF t DEFAULT",
            "INSERT INTO t SELECT n, repeat('y', 200) FROM generate_series(1, 2100) n",
        ),
        4,
    ),
    "a table that others inherit from": (
        (
            "CREATE TABLE t AS SELECT n, repeat('x', 300) AS v FROM generate_series(1, 1000) n",
            "CREATE TABLE heir (more int) INHERITS (t)",
            "INSERT INTO heir SELECT n, 'heir', n FROM generate_series(1, 1000) n",
        ),
        4,
    ),
    "fewer blocks than lanes": (("CREATE TABLE t AS SELECT n FROM generate_series(1, 400) n",), 2),
    "one block": (("CREATE TABLE t AS SELECT n FROM generate_series(1, 4) n",), 1),
    "an empty table": (("CREATE TABLE t (n int)",), 1),
    "a hostile name": (("""CREATE TABLE "t'; --\\" AS SELECT n FROM generate_series(1, 5000) n""",), 4),
}


@pytest.mark.parametrize("shape", POSTGRESQL_TABLES)
def test_lanes_of_a_postgresql_table_are_the_whole_of_it(postgres_database: Server, shape: str) -> None:
    statements, lanes = POSTGRESQL_TABLES[shape]
    postgres_database.execute(*statements)
    name = "t'; --\\" if shape == "a hostile name" else "t"
    with opened(postgres_database.url, name, "public") as (database, table):
        assert_whole(database, table, lanes=lanes)


def test_a_piece_of_a_postgresql_table_is_found_by_its_blocks_also_where_it_was_never_analysed(
    postgres_database: Server,
) -> None:
    postgres_database.execute(
        *POSTGRESQL_TABLES["a heap"][0],
        *(statement.replace("t1", "u1").replace(" t ", " u ") for statement in _PARTITIONED),
    )
    for name in ("t", "u"):
        with opened(postgres_database.url, name, "public") as (database, _):
            asked = (
                f"EXPLAIN (COSTS OFF) SELECT * FROM public.{name} WHERE ctid >= '(3,0)'::tid AND ctid < '(9,0)'::tid"
            )
            plan = " ".join(str(line) for (line,) in database.scalar_query(asked))
            assert "Tid Range Scan" in plan
            assert "Seq Scan" not in plan


_PARTITIONED = (
    "CREATE TABLE t (n int) PARTITION BY RANGE (n)",
    "CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (9000)",
    "INSERT INTO t SELECT generate_series(1, 8000)",
)


def test_a_row_that_is_written_to_postgresql_between_two_lanes_is_in_none(postgres_database: Server) -> None:
    postgres_database.execute(*POSTGRESQL_TABLES["a heap"][0])
    with opened(postgres_database.url, "t", "public") as (database, table):
        stream = database.rows_in_lanes(table, ["n"], FOUR)
        postgres_database.execute(
            "INSERT INTO t SELECT -n, repeat('late', 200) FROM generate_series(1, 3000) n",
            "UPDATE t SET v = 'moved' WHERE n % 2 = 0",
            "DELETE FROM t WHERE n BETWEEN 1 AND 500",
        )
        found = sorted(int(n or 0) for lane in each_lane(stream) for (n,) in lane)
        assert found == list(range(1, 2001))


def test_a_login_that_may_open_few_sessions_gets_few_lanes(postgres_database: Server) -> None:
    postgres_database.execute(
        *POSTGRESQL_TABLES["a heap"][0],
        "CREATE ROLE few LOGIN CONNECTION LIMIT 3 PASSWORD 'open sesame'",
        "GRANT SELECT ON t TO few",
    )
    url = replace(postgres_database, settings={**postgres_database.settings, "user": "few"}).url
    try:
        with opened(url, "t", "public") as (database, table):
            assert_whole(database, table, lanes=2)  # a third session asks
    finally:
        postgres_database.execute("DROP OWNED BY few", "DROP ROLE few")


def test_older_servers_without_ranges_of_addresses_are_read_in_one_lane(postgres_database: Server) -> None:
    postgres_database.execute(*POSTGRESQL_TABLES["a heap"][0])
    with opened(postgres_database.url, "t", "public") as (database, table):
        database._version = 130022  # type: ignore[attr-defined]
        assert_whole(database, table, lanes=1)


def test_numbers_are_cut_where_they_are_dense_however_far_apart_their_ends() -> None:
    found = sorted([*range(1000), *range(10**18, 10**18 + 1000), -(2**63), 2**63 - 1])

    def smallest_above(bound: int) -> int | None:
        return next((number for number in found if number > bound), None)

    def largest_upto(bound: int) -> int | None:
        return next((number for number in reversed(found) if number <= bound), None)

    bounds = integer_bounds(smallest_above, largest_upto, (found[0], found[-1]), 12)
    assert bounds == sorted(set(bounds))
    assert len(bounds) == 11
    edges = [found[0] - 1, *bounds, found[-1]]
    sizes = [sum(low < number <= high for number in found) for low, high in pairwise(edges)]
    assert sum(sizes) == len(found)
    assert max(sizes) <= 600
    assert integer_bounds(smallest_above, largest_upto, (5, 5), 12) == []


def raising(error: Exception) -> Callable[[], RowStream | None]:
    def lane() -> RowStream | None:
        raise error

    return lane


def test_what_opening_a_piece_raises_is_raised_again_as_it_is() -> None:
    refusal = AccessDenied("no", hint="ask")
    with pytest.raises(AccessDenied) as told:
        row_lanes(1, [lambda: None, raising(refusal)]).count()
    assert told.value is refusal
    with pytest.raises(EngineError, match="first"):
        row_lanes(1, [raising(EngineError("first"))]).shown(3)
    with pytest.raises(TypeError):
        row_lanes(1, [lambda: "rows"]).count()  # type: ignore[list-item,return-value]


MARIADB_TABLES = {
    "numbers with gaps, both ends of the type": (
        (
            "CREATE TABLE t (id BIGINT PRIMARY KEY, v VARCHAR(10))",
            f"INSERT INTO t SELECT n * 7, 'x' FROM {counted(3000)}",
            "INSERT INTO t VALUES (-9223372036854775808, 'first'), (9223372036854775807, 'last')",
        ),
        4,
    ),
    "numbers without a sign": (
        (
            "CREATE TABLE t (id BIGINT UNSIGNED PRIMARY KEY)",
            f"INSERT INTO t SELECT 18446744073709551615 - (n - 1) FROM {counted(2001)}",
        ),
        4,
    ),
    "texts under a collation that knows no accents": (
        (
            "CREATE TABLE t (k VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci PRIMARY KEY, v INT)",
            f"INSERT INTO t SELECT CONCAT(ELT(1 + n % 4, 'ä', 'Z', 'ß', 'a '), n), n FROM {counted(2000)}",
        ),
        4,
    ),
    "several columns, an enum among them": (
        (
            "CREATE TABLE t (e ENUM('z', 'a', 'm'), d DATE, n INT, PRIMARY KEY (e, d, n))",
            f"INSERT INTO t SELECT 1 + n % 3, '2020-01-01' + INTERVAL n % 9 DAY, n FROM {counted(2000)}",
        ),
        4,
    ),
    "no key": (("CREATE TABLE t (v INT)", f"INSERT INTO t SELECT n FROM {counted(2000)}"), 1),
    "a key over the beginnings of texts": (
        ("CREATE TABLE t (k TEXT, PRIMARY KEY (k(20)))", f"INSERT INTO t SELECT n FROM {counted(2000)}"),
        1,
    ),
    "an empty table": (("CREATE TABLE t (id INT PRIMARY KEY)",), 1),
}


@pytest.mark.parametrize("shape", MARIADB_TABLES)
def test_lanes_of_a_mariadb_table_are_the_whole_of_it(mariadb_database: MariadbDatabase, shape: str) -> None:
    statements, lanes = MARIADB_TABLES[shape]
    mariadb_database.execute(*statements, "ANALYZE TABLE t")
    with opened(mariadb_database.url, "t") as (database, table):
        assert_whole(database, table, lanes=lanes)


def test_a_row_that_is_written_to_mariadb_between_two_lanes_is_in_none(mariadb_database: MariadbDatabase) -> None:
    mariadb_database.execute(
        "CREATE TABLE t (id INT PRIMARY KEY)", f"INSERT INTO t SELECT n FROM {counted(2000)}", "ANALYZE TABLE t"
    )
    with opened(mariadb_database.url, "t") as (database, table):
        stream = database.rows_in_lanes(table, ["id"], FOUR)
        mariadb_database.execute(
            f"INSERT INTO t SELECT n + 2000 FROM {counted(2000)}", "DELETE FROM t WHERE id BETWEEN 5 AND 900"
        )
        lanes = each_lane(stream)
        assert sorted(int(number or 0) for lane in lanes for (number,) in lane) == list(range(1, 2001))


@pytest.mark.parametrize(
    ("files", "lanes"),
    [
        ({"one": (9000, 2048)}, 4),
        ({f"small-{number}": (number * 40, 2048) for number in range(30)}, 4),
        ({"large": (20000, 2048), "empty": (0, 2048), "small": (3, 2048)}, 4),
        ({"one": (1500, 2048)}, 1),
    ],
    ids=["row groups of one file", "many small files", "one large among small ones", "one row group"],
)
def test_lanes_of_a_parquet_table_are_the_whole_of_it(
    tmp_path: Path, files: dict[str, tuple[int, int]], lanes: int
) -> None:
    folder = tmp_path / "data" / "t"
    folder.mkdir(parents=True)
    with duckdb.connect() as connection:
        for name, (rows, group) in files.items():
            connection.execute(
                f"COPY (SELECT range AS id, '{name}' || range AS v FROM range({rows})) TO '{folder}/{name}.parquet'"
                f" (ROW_GROUP_SIZE {group})"
            )
    with opened(f"parquet:///{tmp_path / 'data'}", "t") as (database, table):
        assert_whole(database, table, lanes=lanes)


def test_parquet_files_in_partition_folders_keep_their_keys_in_every_lane(tmp_path: Path) -> None:
    with duckdb.connect() as connection:
        connection.execute(
            "COPY (SELECT range AS id, CASE WHEN range % 5 > 0 THEN 'k' || range % 5 END AS part FROM range(20000))"
            f" TO '{tmp_path}/t' (FORMAT parquet, PARTITION_BY part)"
        )
    with opened(f"parquet:///{tmp_path}", "t") as (database, table):
        assert {column.name for column in table.columns} == {"id", "part"}
        assert_whole(database, table)
