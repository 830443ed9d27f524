"""The loader: rows in, batches in the target's encoding out, refused values named."""

import json
from decimal import Decimal

import duckdb
import pytest

from kora import _core, errors
from tests.integration.arrow_values import profile

KEY = _core.DigestKey(bytes(range(32)))


def loader(rows, encoding, types, **options):
    columns = len(types)
    return _core.Loader(_core.memory_rows(rows), profile(columns, key=(0,)), encoding, types, KEY, **options)


REFUSED = [
    ("TINYINT", 128),
    ("UTINYINT", -1),
    ("BIGINT", 2**63),
    ("UHUGEINT", -1),
    ("INTEGER", "1"),
    ("INTEGER", 1.0),
    ("FLOAT", 0.1),
    ("DOUBLE", 1),
    ("DECIMAL(4,1)", 1000),
    ("DECIMAL(4,1)", 0.5),
    ("DECIMAL(38,0)", 10**38),
    ("VARCHAR", 1),
    ("VARCHAR", b"x"),
    ("BLOB", "x"),
    ("BOOLEAN", 1),
    ("DATE", "2020-01-01"),
    ("TIMESTAMP", 0),
    ("UUID", "00112233-4455-6677-8899-aabbccddeeff"),
    ("BIT", "101"),
]


@pytest.mark.parametrize(("column_type", "value"), REFUSED)
def test_a_value_that_a_duckdb_type_cannot_hold_exactly_is_rejected_by_name(column_type, value):
    batch = loader([["k1", value], ["k2", None]], "arrow", ["VARCHAR", column_type]).next_batch()
    [(ordinal, key, pair, reason)] = batch.rejected
    assert (ordinal, key, pair) == (0, "p0=k1", "p1")
    assert reason
    assert batch.ordinals() == [1]


def test_rows_after_a_rejected_one_keep_their_own_values():
    connection = duckdb.connect()
    rows = [[1, "a"], [2, 3], [3, "c"], [4, None]]
    connection.register("stream", loader(rows, "arrow", ["BIGINT", "VARCHAR"]).next_batch().arrow())
    assert connection.execute("SELECT * FROM stream").fetchall() == [(1, "a"), (3, "c"), (4, None)]


def test_a_slice_for_duckdb_leaves_out_the_rows_named():
    connection = duckdb.connect()
    batch = loader([[i, str(i)] for i in range(10)], "arrow", ["BIGINT", "VARCHAR"]).next_batch()
    connection.register("stream", batch.arrow(2, 9, without=[0, 3, 4, 8]))
    assert connection.execute("SELECT c0 FROM stream").fetchall() == [(2,), (5,), (6,), (7,)]
    connection.register("empty", batch.arrow(5, 5))
    assert connection.execute("SELECT count(*) FROM empty").fetchone() == (0,)


def test_a_document_that_does_not_parse_and_a_label_that_is_not_there_are_refused_by_duckdb():
    connection = duckdb.connect()
    connection.execute("CREATE TABLE t (j JSON, e ENUM('a'))")
    connection.register("good", loader([["{}", "a"]], "arrow", ["JSON", "ENUM"]).next_batch().arrow())
    connection.execute("INSERT INTO t SELECT * FROM good")
    for row in (["{", "a"], ["{}", "b"]):
        connection.register("bad", loader([row], "arrow", ["JSON", "ENUM"]).next_batch().arrow())
        with pytest.raises(duckdb.ConversionException):
            connection.execute("INSERT INTO t SELECT * FROM bad")
    assert connection.execute("SELECT count(*) FROM t").fetchone() == (1,)


def test_a_representation_turns_text_and_reals_into_what_duckdb_declares():
    columns = [
        {"pair": "day", "policies": [], "source": {"rule": "text_date", "argument": "%Y-%m-%d"}},
        {"pair": "price", "policies": [], "source": {"rule": "real_decimal"}},
    ]
    body = {"format": "kora-profile-1", "pair": "t~t", "columns": columns, "key": [], "unicode": "16.0"}
    rows = _core.memory_rows([["2020-02-29", 0.99], ["2020-02-30", 1.0], [None, 1.999]])
    made = _core.Loader(rows, json.dumps(body), "arrow", ["DATE", "DECIMAL(10,2)"], KEY)
    batch = made.next_batch()
    connection = duckdb.connect()
    assert [(ordinal, pair) for ordinal, _, pair, _ in batch.rejected] == [(1, "day"), (2, "price")]
    connection.register("stream", batch.arrow())
    [(day, price)] = connection.execute("SELECT c0::VARCHAR, c1 FROM stream").fetchall()
    assert (day, price) == ("2020-02-29", Decimal("0.99"))
    assert json.loads(made.tallies)[0]["disobeyed"] == 1


def test_what_sqlite_holds_after_a_load_is_what_was_read(tmp_path):
    connection = _core.SqliteConnection(str(tmp_path / "t.db"), "create")
    connection.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b, c TEXT)")
    rows = [[1, b"\0\xff", "ż\0"], [2, 0.1, ""], [3, -(2**63), None], [1, None, "again"]]
    batch = loader(rows, "sqlite", ["INTEGER", "", "TEXT"]).next_batch()
    refused = batch.insert_sqlite(connection, "INSERT INTO t VALUES (?, ?, ?)")
    assert [index for index, _ in refused] == [3]
    assert "UNIQUE" in refused[0][1]
    assert connection.query("SELECT * FROM t ORDER BY a") == [tuple(row) for row in rows[:3]]


@pytest.mark.parametrize(("affinity", "value"), [("INTEGER", "007"), ("TEXT", 7), ("NUMERIC", "1e3"), ("BLOB", 2**63)])
def test_a_value_that_sqlite_would_store_as_another_is_rejected(affinity, value):
    batch = loader([["k", value]], "sqlite", ["TEXT", affinity]).next_batch()
    assert [(key, pair) for _, key, pair, _ in batch.rejected] == [("p0=k", "p1")]


def test_the_digest_of_what_was_loaded_is_the_one_that_a_checkpoint_recomputes():
    rows = [[i, f"text {i}"] for i in range(5000)]
    made = loader(rows, "arrow", ["BIGINT", "VARCHAR"], batch_size_bytes=4096)
    batches = 0
    while made.next_batch() is not None:
        batches += 1
    assert batches > 10
    assert (made.row_count, made.raw_digest) == _core.raw_digest(_core.memory_rows(rows), KEY)


def test_a_stopped_load_ends_with_stopped_and_counts_what_it_read():
    progress = _core.Progress()
    made = loader([[i, "x"] for i in range(5000)], "arrow", ["BIGINT", "VARCHAR"], progress=progress)
    progress.stop()
    with pytest.raises(errors.Stopped):
        made.next_batch()
    assert 0 < progress.rows <= 5000


def test_an_encoding_or_type_that_does_not_exist_is_refused_before_reading():
    with pytest.raises(errors.InvalidRequest, match="postgres_copy, arrow, sqlite"):
        loader([[1]], "parquet", ["BIGINT"])
    with pytest.raises(errors.UnsupportedType):
        loader([[1]], "arrow", ["MAP(INTEGER)"])
    with pytest.raises(errors.UnsupportedType):
        loader([[1]], "arrow", ["NO SUCH TYPE"])
