"""DuckDB's values through Arrow: read as what is stored, written as exactly that, refused where they do not fit."""

import sys
import threading

import duckdb
import pytest

from kora import _core, errors
from tests.integration.arrow_values import EXTREMES, profile

KEY = _core.DigestKey(bytes(range(32)))


@pytest.fixture
def database():
    connection = duckdb.connect()
    connection.execute("SET arrow_lossless_conversion = true; SET TimeZone = 'UTC'")
    connection.execute("CREATE TYPE mood AS ENUM ('', 'calm', 'łódź')")
    yield connection
    connection.close()


def rows_of(database, sql, types):
    return _core.arrow_rows(database.cursor().sql(sql), types)


def stored(database, sql, types):
    collected = _core.collect_rows(rows_of(database, sql, types), profile(len(types)), "source", KEY)
    return [row.stored for row in collected]


def arrow_type(column_type):
    return "ENUM" if column_type == "mood" else column_type


@pytest.mark.parametrize(("column_type", "literal", "kind", "text"), EXTREMES)
def test_a_stored_value_is_read_as_its_kind_with_its_exact_text(database, column_type, literal, kind, text):
    database.execute(f"CREATE TABLE t AS SELECT {literal} AS c UNION ALL SELECT CAST(NULL AS {column_type})")
    read = stored(database, "SELECT c FROM t", [arrow_type(column_type)])
    assert {cell for row in read for cell in row} == {(kind, text), ("null", None)}


@pytest.mark.parametrize(("column_type", "literal", "kind", "text"), EXTREMES)
def test_a_value_written_to_duckdb_is_exactly_the_value_that_was_read(database, column_type, literal, kind, text):
    database.execute(f"CREATE TABLE s (c {column_type}); INSERT INTO s VALUES ({literal}), (NULL), ({literal})")
    database.execute(f"CREATE TABLE t (c {column_type})")
    types = [arrow_type(column_type)]
    loader = _core.Loader(rows_of(database, "SELECT c FROM s", types), profile(1), "arrow", types, KEY)
    batch = loader.next_batch()
    assert batch.rejected == []
    stream = batch.arrow()
    database.execute("INSERT INTO t SELECT * FROM stream")
    difference = "(SELECT CAST(c AS VARCHAR), typeof(c) FROM {} EXCEPT ALL SELECT CAST(c AS VARCHAR), typeof(c) FROM {})"
    assert database.execute(f"SELECT count(*) FROM {difference.format('s', 't')}").fetchone() == (0,)
    assert database.execute("SELECT count(*), count(c) FROM t").fetchone() == (3, 2)


def test_rows_are_read_in_order_across_many_batches(database):
    sql = "SELECT i, 'n' || i FROM range(10000) AS r(i)"
    rows = stored(database, sql, ["BIGINT", "VARCHAR"])
    assert [row[0][1] for row in rows] == [str(i) for i in range(10000)]
    assert rows[9999][1] == ("text", "n9999")


def test_a_text_column_of_an_interval_keeps_what_the_arrow_export_would_wrap(database):
    sql = "SELECT CAST(INTERVAL '-9223372036854775807 microseconds' AS VARCHAR)"
    [[(kind, text)]] = stored(database, sql, ["INTERVAL"])
    database.execute("CREATE TABLE t AS SELECT to_microseconds(-9223372036854775807) AS c")
    [[(_, wrapped)]] = stored(database, "SELECT c FROM t", ["INTERVAL"])
    assert (kind, text != wrapped) == ("interval", True)
    assert "9223372036854775807" in text or "54.775807" in text


def test_the_offset_that_duckdb_drops_without_lossless_export_is_not_dropped_in_silence(database):
    database.execute("SET arrow_lossless_conversion = false")
    with pytest.raises(errors.UnsupportedType, match="arrow_lossless_conversion"):
        rows_of(database, "SELECT TIMETZ '12:00:00+02' AS c", ["TIME WITH TIME ZONE"])


@pytest.mark.parametrize("declared", ["INTEGER[]", "STRUCT(a INTEGER)", "BIGNUM", "GEOMETRY", "NOT A TYPE"])
def test_a_type_that_is_not_decoded_is_refused_with_its_column(database, declared):
    with pytest.raises(errors.UnsupportedType, match="the_column"):
        rows_of(database, "SELECT 1 AS the_column", [declared])


def test_a_declared_type_that_is_not_the_stream_s_is_refused(database):
    with pytest.raises(errors.UnsupportedType, match="the_column"):
        rows_of(database, "SELECT 1::BIGINT AS the_column", ["INTEGER"])


def test_a_failing_query_is_an_engine_error_and_not_an_end(database):
    sql = "SELECT CASE WHEN i = 9000 THEN error('broken here') ELSE i END FROM range(10000) AS r(i)"
    with pytest.raises(errors.EngineError, match="broken here"):
        stored(database, sql, ["BIGINT"])


def test_another_python_thread_runs_while_rows_are_read(database):
    ticks = 0
    done = threading.Event()

    def tick():
        nonlocal ticks
        while not done.wait(0.001):
            ticks += 1

    thread = threading.Thread(target=tick)
    thread.start()
    try:
        rows = rows_of(database, "SELECT i, sha256(i::VARCHAR) FROM range(300000) AS r(i)", ["BIGINT", "VARCHAR"])
        before = ticks
        count, _ = _core.raw_digest(rows, KEY)
    finally:
        done.set()
        thread.join()
    assert count == 300_000
    assert ticks > before + 3


def test_a_stream_of_a_python_function_s_rows_takes_the_interpreter_when_it_needs_it(database):
    database.create_function("twice", lambda value: value * 2, ["BIGINT"], "BIGINT")
    rows = stored(database, "SELECT twice(i) FROM range(3000) AS r(i)", ["BIGINT"])
    assert rows[2999] == [("integer", "5998")]


def test_a_stream_that_is_never_read_is_let_go(database):
    for _ in range(20):
        rows_of(database, "SELECT i FROM range(100000) AS r(i)", ["BIGINT"])
    assert stored(database, "SELECT 1::BIGINT", ["BIGINT"]) == [[("integer", "1")]]


def test_an_object_without_a_stream_is_refused():
    with pytest.raises(AttributeError, match="__arrow_c_stream__"):
        _core.arrow_rows(object(), [])


def test_neither_way_needs_pyarrow(database, monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "pyarrow"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    database.execute("CREATE TABLE t (c BIGINT)")
    rows = rows_of(database, "SELECT 42::BIGINT", ["BIGINT"])
    stream = _core.Loader(rows, profile(1), "arrow", ["BIGINT"], KEY).next_batch().arrow()
    database.execute("INSERT INTO t SELECT * FROM stream")
    assert database.execute("SELECT c FROM t").fetchall() == [(42,)]
