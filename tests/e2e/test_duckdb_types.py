"""DuckDB's own types with odd and extreme values on every target, read back with the engines' own clients too."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from tests.e2e.migrating import Said, file_url, migrate
from tests.servers import Database

pytestmark = pytest.mark.usefixtures("sensei_home")

FAMILIES: dict[str, tuple[str, ...]] = {
    "numbers": (
        "CREATE TABLE numbers (id INTEGER PRIMARY KEY, h HUGEINT, uh UHUGEINT, ub UBIGINT, bn BIGNUM, "
        "de DECIMAL(38,37),"
        " f FLOAT, d DOUBLE)",
        "INSERT INTO numbers VALUES"
        " (1, 170141183460469231731687303715884105727, 340282366920938463463374607431768211455, 18446744073709551615,"
        "  ('9' || repeat('0', 400))::BIGNUM, '9.9999999999999999999999999999999999999', 1e-45, 'nan'),"
        " (2, -170141183460469231731687303715884105728, 0, 0, ('-1' || repeat('2', 60))::BIGNUM, -1e-37, "
        "'-inf', -0.0),"
        " (3, 0, 1, 2, 0::BIGNUM, 0, 'inf', 5e-324), (4, NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
    ),
    "moments": (
        "CREATE TABLE moments (id INTEGER PRIMARY KEY, s TIMESTAMP_S, ms TIMESTAMP_MS, ns TIMESTAMP_NS, d DATE,"
        " us TIMESTAMP, tz TIMESTAMPTZ, ttz TIMETZ, iv INTERVAL, tn TIME_NS)",
        "INSERT INTO moments VALUES"
        " (1, '1677-09-22', '2262-04-11 23:47:16.854', '2262-04-11 23:47:16.854775', '0044-03-15 (BC)', '1969-12-31',"
        "  '2024-02-29 12:00:00+02', '24:00:00-15:59:59', "
        "'-2147483648 months 2147483647 days 2562047788 hours', '24:00:00'),"
        " (2, '9999-12-31', '0001-01-01', '1677-09-22', '9999-12-31', '0001-01-01', '0001-01-01 00:00:00+00',"
        "  '00:00:00+00:00:01', '0 seconds', '23:59:59.999999999'),"
        " (3, 'infinity', '-infinity', 'infinity', '-infinity', 'infinity', '-infinity', '12:34:56.789012+05:30',"
        "  '-1 microsecond', '00:00:00.000000001'), (4, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
    ),
    "rest": (
        "CREATE TABLE rest (id INTEGER PRIMARY KEY, u UUID, b BIT, e ENUM('', 'it''s', '[]'), j JSON, bl BLOB)",
        "INSERT INTO rest VALUES"
        " (1, 'ffffffff-ffff-ffff-ffff-ffffffffffff', '1', '', '{\"b\": 1.0, \"a\": [null]}', '\\x00\\xFF'::BLOB),"
        " (2, '00000000-0000-0000-0000-000000000000', '000000001', 'it''s', '\"x\"', ''::BLOB),"
        " (3, '80000000-0000-0000-0000-000000000001', repeat('10', 100)::BIT, '[]', '1e400', NULL),"
        " (4, NULL, NULL, NULL, NULL, NULL)",
    ),
    "nested": (
        "CREATE TABLE nested (id INTEGER PRIMARY KEY, l INTEGER[], ll VARCHAR[][], "
        'a DOUBLE[3], s STRUCT(x INTEGER, "y ""z"""'
        " VARCHAR[]), m MAP(VARCHAR, DECIMAL(4,1)), u UNION(num BIGINT, str VARCHAR), iv INTERVAL[], bn BIGNUM[],"
        " deep STRUCT(k MAP(INTEGER, STRUCT(t TIMESTAMPTZ, u UUID, h HUGEINT)[])[2]), e ENUM('a', 'b,]')[], bi BIT[],"
        " j JSON[], tt TIMETZ[], d DATE[], bo BOOLEAN[])",
        "INSERT INTO nested VALUES"
        " (1, [1, NULL, -2147483648], [['a\"b', NULL, ''], [], NULL], [1.5, NULL, 'nan'::DOUBLE],"
        "  {'x': 1, 'y \"z\"': ['NULL', NULL, 'ß']}, MAP {'k': 1.5, '': NULL}, 7::BIGINT,"
        "  [INTERVAL '300000 years 1 day', NULL], [('1' || repeat('0', 50))::BIGNUM, NULL],"
        "  {'k': [MAP {1: [{'t': '2024-01-01 00:00:00+00'::TIMESTAMPTZ, "
        "'u': '00000000-0000-0000-0000-000000000001'::UUID,"
        "  'h': (-5)::HUGEINT}, NULL]}, NULL]}, ['b,]', NULL, 'a'], ['101', NULL, '0'], ['{\"a\": 1.0}', NULL],"
        "  ['12:00:00+02', NULL], ['infinity', '0044-03-15 (BC)', NULL], [true, false, NULL]),"
        " (2, [], [], [0, '-0.0'::DOUBLE, 'inf'::DOUBLE], {'x': NULL, 'y \"z\"': []}, MAP {}, 'text', [], [], "
        "{'k': NULL}, [], [], [], [],"
        "  [], []),"
        " (3, NULL, NULL, NULL, NULL, NULL, union_value(num := NULL::BIGINT), NULL, NULL, NULL, NULL, NULL, "
        "NULL, NULL,"
        "  NULL, NULL),"
        " (4, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
    ),
}


@pytest.fixture
def source(tmp_path: Path, family: str) -> Path:
    path = tmp_path / "source.duckdb"
    with closing(duckdb.connect(str(path))) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for statement in FAMILIES[family]:
            connection.execute(statement)
    return path


def assert_equivalent(said: Said) -> None:
    if said.code:
        print(said.err, said.out, (said.run_folder / "quarantine.jsonl").read_text())
    assert (said.code, said.verdict) == (0, "equivalent")
    assert {table["outcome"] for table in said.body["tables"]} == {"match"}


def printed(path: Path, family: str) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    """Types, and every value as DuckDB's own text of it."""
    with closing(duckdb.connect(str(path), read_only=True)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        types = connection.execute(f"SELECT column_name, column_type FROM (DESCRIBE {family})").fetchall()
        union = ", union_tag(u) AS tag" if family == "nested" else ""
        rows = connection.execute(f"SELECT COLUMNS(*)::VARCHAR FROM (SELECT *{union} FROM {family}) ORDER BY id")
        return types, rows.fetchall()


@pytest.mark.parametrize("family", FAMILIES)
def test_duckdb_keeps_its_own_types_and_every_value(family: str, source: Path, tmp_path: Path) -> None:
    target = tmp_path / "target.duckdb"
    assert_equivalent(migrate(file_url("duckdb", source), file_url("duckdb", target)))
    assert printed(target, family) == printed(source, family)


@pytest.mark.parametrize("family", FAMILIES)
def test_sqlite_holds_every_value_in_a_form_that_reads_back(family: str, source: Path, tmp_path: Path) -> None:
    """But for NaN, which SQLite stores as NULL: such rows are set aside, as for any source."""
    target = tmp_path / "target.db"
    if family == "numbers":
        with closing(duckdb.connect(str(source))) as connection:
            connection.execute("UPDATE numbers SET d = 1.7976931348623157e308 WHERE isnan(d)")
    assert_equivalent(migrate(file_url("duckdb", source), file_url("sqlite", target)))
    with closing(sqlite3.connect(target)) as connection:
        assert connection.execute(f"SELECT count(*) FROM {family}").fetchone() == (4,)
        if family == "nested":
            (text,) = connection.execute("SELECT s FROM nested WHERE id = 1").fetchone()
            assert json.loads(text) == {"x": 1, 'y "z"': ["NULL", None, "ß"]}
            assert connection.execute("SELECT u FROM nested ORDER BY id").fetchall()[3] == (None,)


@pytest.mark.parametrize("family", FAMILIES)
def test_postgresql_holds_every_value(family: str, source: Path, postgres_database: Database) -> None:
    assert_equivalent(migrate(file_url("duckdb", source), postgres_database.url))
    with postgres_database.connect() as connection:
        if family == "nested":
            row = connection.execute("SELECT l, bo, d::text[] FROM nested WHERE id = 1").fetchone()
            assert row == ([1, None, -(2**31)], [True, False, None], ["infinity", "0044-03-15 BC", None])
        if family == "numbers":
            assert connection.execute("SELECT bn, h FROM numbers WHERE id = 1").fetchone() == (9 * 10**400, 2**127 - 1)


def test_arrays_composites_and_hstore_of_postgresql_become_lists_structs_and_maps(
    postgres_database: Database, tmp_path: Path
) -> None:
    postgres_database.execute(
        "CREATE EXTENSION hstore",
        "CREATE TYPE place AS (street text, number int4)",
        "CREATE TABLE fits (id int PRIMARY KEY, i int4[], t text[], p place, h hstore, odd int4[])",
        """INSERT INTO fits VALUES (1, '{1,NULL}', '{a,"",NULL}', ROW('x', 7), 'a=>1,b=>NULL', '[0:1]={1,2}'),
           (2, '{}', NULL, ROW(NULL, NULL), '', '{3}')""",
    )
    target = tmp_path / "t.duckdb"
    assert_equivalent(migrate(postgres_database.url, file_url("duckdb", target)))
    types, rows = printed(target, "fits")
    assert [kind for _, kind in types[1:]] == [
        "INTEGER[]", "VARCHAR[]", "STRUCT(street VARCHAR, number INTEGER)", "MAP(VARCHAR, VARCHAR)", "VARCHAR",
    ]  # fmt: skip
    assert rows[0][:5] == ("1", "[1, NULL]", "[a, '', NULL]", "{'street': x, 'number': 7}", "{a=1, b=NULL}")


def test_a_union_within_another_type_is_refused_by_name(tmp_path: Path) -> None:
    source = tmp_path / "s.duckdb"
    with closing(duckdb.connect(str(source))) as connection:
        connection.execute("CREATE TABLE t (id INTEGER, u UNION(a INTEGER, b VARCHAR)[])")
    said = migrate(file_url("duckdb", source), file_url("sqlite", tmp_path / "t.db"))
    assert (said.code, said.verdict) == (3, "not_proven")
    result = json.loads((said.run_folder / "result.json").read_text())
    (column,) = result["tables"][0]["not_comparable_columns"]
    assert column["column"] == "u"
    assert "UNION(a INTEGER, b VARCHAR)[]" in column["reason"]
