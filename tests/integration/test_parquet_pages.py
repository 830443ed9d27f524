"""Parquet files read by the core, page by page: every value is the one that DuckDB reads, and damage is named."""

import random
import struct
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kora import _core
from kora.catalog import Name, Table
from kora.databases.base import Database, KeyRange
from kora.databases.parquet import groups, pages
from kora.databases.parquet.pages import all_rows, read_pages
from kora.errors import Busy, FileProblem, InvalidRequest, MalformedInput, UnsupportedType
from tests.e2e.migrating import DATA
from tests.full_disk import small_disk
from tests.integration.parquet_files import export, opened, write

PUBLISHED = DATA / "parquet"
ROWS = 700
CODECS = ("NONE", "SNAPPY", "GZIP", "BROTLI", "ZSTD", "LZ4")
Rows = list[list[tuple[str, str | None]]]


def both(database: Database, table: Table, columns: list[str]) -> tuple[Rows | None, Rows]:
    """The rows as the core reads them, None where it does not, and as DuckDB does."""
    files = database._files[table.name]
    stream = read_pages(table, columns, files, all_rows(files))
    return (None if stream is None else stream.shown(1 << 30)), database.rows(table, columns).shown(1 << 30)


def compared(root: Path) -> set[str]:
    """Reads every flat column of every table in both ways; the types that the core left to DuckDB."""
    database = opened(root)
    left = set()
    for table in database.catalog().tables:
        assert not table.unreadable
        for column in table.columns:
            if column.type.kind == "unsupported":
                continue
            by_core, duck = both(database, table, [column.name])
            if by_core is None:
                left.add(column.type.declared)
            else:
                assert by_core == duck, f"{table.name}.{column.name}"
        flat = [column.name for column in table.columns if not column.type.elements]
        readable = [name for name in flat if table.column(name).type.kind != "unsupported"]
        if readable:
            by_core, duck = both(database, table, readable)
            assert by_core is None or by_core == duck
    database.close()
    return left


def some(values: list[Any], chance: random.Random, nulls: bool) -> list[Any]:
    """The given values first, then any of them; every fifth a NULL where there are some."""
    filled = [*values, *chance.choices(values, k=ROWS - len(values))]
    return [None if nulls and place % 5 == 3 else value for place, value in enumerate(filled)]


def integers(bits: int, *, signed: bool) -> list[int]:
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    return [low, high, 0, 1, *range(3, 40), high - 1, low + 1, high // 3]


EPOCH = datetime(1970, 1, 1)
DAYS = [date(1970, 1, 1) + timedelta(days=days) for days in (-719_162, -1, 0, 1, 11_016, 2_932_896)]
MOMENTS = [EPOCH + timedelta(microseconds=count * 1000) for count in (-62_135_596_800_000, -1, 0, 1, 1_577_836_800_123)]
FINE = [*MOMENTS, EPOCH + timedelta(microseconds=-1), EPOCH + timedelta(microseconds=1_577_836_800_123_457)]
TEXTS = ["", "a", "é", "a longer text of some words", "\U0001f600", "nul\0nul", "x" * 3000, *map(str, range(300))]
REALS = [0.0, -0.0, 1.5, -1e-300, float("inf"), float("-inf"), float("nan"), 0.1]


def decimals(digits: int, scale: int) -> list[Decimal]:
    return [Decimal(count).scaleb(-scale) for count in (0, 1, -1, 10**digits - 1, 1 - 10**digits, 12)]


VALUES: dict[str, tuple[pa.DataType, list[Any]]] = {
    "bool": (pa.bool_(), [True, False, False, True, True]),
    **{
        f"{'int' if signed else 'uint'}{bits}": (
            getattr(pa, f"{'int' if signed else 'uint'}{bits}")(),
            integers(bits, signed=signed),
        )
        for bits in (8, 16, 32, 64)
        for signed in (True, False)
    },
    "half": (pa.float16(), [0.0, -0.0, 1.5, 65504.0, 6e-8, float("inf"), float("-inf")]),
    "single": (pa.float32(), [struct.unpack("<f", struct.pack("<f", value))[0] for value in REALS]),
    "double": (pa.float64(), REALS),
    "day": (pa.date32(), DAYS),
    "time_ms": (pa.time32("ms"), [time(0), time(23, 59, 59, 999_000), time(12, 0, 0, 1000)]),
    "time_us": (pa.time64("us"), [time(0), time(23, 59, 59, 999_999)]),
    "time_ns": (pa.time64("ns"), [0, 86_399_999_999_999, 1, 999]),
    "ms": (pa.timestamp("ms"), MOMENTS),
    "us": (pa.timestamp("us"), FINE),
    "ns": (pa.timestamp("ns"), [0, 1, -1, 999, 1_577_836_800_123_456_789, -(2**62)]),
    "ms_utc": (pa.timestamp("ms", "UTC"), [moment.replace(tzinfo=UTC) for moment in MOMENTS]),
    "us_utc": (pa.timestamp("us", "UTC"), [moment.replace(tzinfo=UTC) for moment in FINE]),
    "dec4": (pa.decimal128(4, 2), decimals(4, 2)),
    "dec9": (pa.decimal128(9, 0), decimals(9, 0)),
    "dec18": (pa.decimal128(18, 6), decimals(18, 6)),
    "dec38": (pa.decimal128(38, 10), decimals(28, 10)),
    "text": (pa.string(), TEXTS),
    "bytes": (pa.binary(), [text.encode("utf-16") for text in TEXTS]),
    "fixed": (pa.binary(5), [bytes([number] * 5) for number in range(90)]),
    "uuid": (pa.uuid(), [bytes(range(start, start + 16)) for start in range(200)]),
    "json": (pa.json_(), ['{"a": 1}', "[]", "null", '"\\u00e9"']),
}
ENCODINGS = {
    "int32": "DELTA_BINARY_PACKED", "int64": "DELTA_BINARY_PACKED", "us": "DELTA_BINARY_PACKED",
    "uint64": "DELTA_BINARY_PACKED", "text": "DELTA_BYTE_ARRAY", "bytes": "DELTA_LENGTH_BYTE_ARRAY",
    "fixed": "DELTA_BYTE_ARRAY", "single": "BYTE_STREAM_SPLIT", "double": "BYTE_STREAM_SPLIT",
    "day": "BYTE_STREAM_SPLIT",
    "bool": "RLE", "json": "DELTA_BYTE_ARRAY",
}  # fmt: skip


def generated(*, nulls: bool, seed: int) -> pa.Table:
    """All kinds of values; without NULLs the columns are REQUIRED."""
    chance = random.Random(seed)
    columns, fields = [], []
    for name, (kind, values) in VALUES.items():
        filled = some(values, chance, nulls)
        if isinstance(kind, pa.BaseExtensionType):
            columns.append(pa.ExtensionArray.from_storage(kind, pa.array(filled, kind.storage_type)))
        else:
            columns.append(pa.array(filled, kind))
        fields.append(pa.field(name, kind, nullable=nulls))
    return pa.table(columns, schema=pa.schema(fields))


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("codec", CODECS)
def test_every_kind_in_every_codec_is_what_duckdb_reads(tmp_path: Path, codec: str, version: str) -> None:
    ways = [(True, True), (False, True), (True, False), (True, ENCODINGS), (False, ENCODINGS)]
    for number, (nulls, coding) in enumerate(ways):
        pq.write_table(
            generated(nulls=nulls, seed=number), tmp_path / f"t{number}.parquet", compression=codec,
            data_page_version=version, use_dictionary=coding is True,
            column_encoding=coding if isinstance(coding, dict) else None, data_page_size=1500,
            write_batch_size=64, row_group_size=300, version="2.6",
        )  # fmt: skip
    assert compared(tmp_path) == set()


@pytest.mark.parametrize("version", ["V1", "V2"])
def test_what_duckdb_writes_is_what_duckdb_reads(tmp_path: Path, version: str) -> None:
    select = (
        "SELECT i::TINYINT AS a, i * 1000003 AS b, (i % 3)::UTINYINT AS c, i::UBIGINT AS d, i / 7 AS e, i::FLOAT AS f,"
        " i % 2 = 0 AS g, DATE '2000-01-01' + i::INTEGER AS h, TIME '00:00:01' + to_microseconds(i) AS j,"
        " TIMETZ '10:11:12+02:30' AS k, TIMESTAMP '2000-01-01' + to_microseconds(i * 1000003) AS l,"
        " (TIMESTAMPTZ '2000-01-01 00:00:00+00' + to_days(i::INTEGER)) AS m,"
        " TIMESTAMP_NS '2001-02-03 04:05:06.123456789' AS n,"
        " TIMESTAMP_MS '2001-02-03 04:05:06.123' AS o, TIMESTAMP_S '2001-02-03 04:05:06' AS p, i::DECIMAL(4,1) AS q,"
        " i::DECIMAL(9,2) AS r, i::DECIMAL(18,3) AS s, (i * -1)::DECIMAL(38,9) AS t, md5(i::VARCHAR)::UUID AS u,"
        " repeat('x', i::INTEGER) AS v, md5(i::VARCHAR)::BLOB AS w, '{\"a\": 1}'::JSON AS x,"
        " INTERVAL (i) MONTH + INTERVAL (i) SECOND AS y, 'sad'::ENUM('sad', 'ok') AS z,"
        " CASE WHEN i % 7 > 2 THEN i::VARCHAR END AS aa, NULL::INTEGER AS ab, 'infinity'::DATE AS ac,"
        " '-infinity'::TIMESTAMP AS ad, CASE WHEN i < 0 THEN 1 END AS ae, i::HUGEINT AS af FROM range(120) r(i)"
    )
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for codec in ("uncompressed", "snappy", "gzip", "zstd", "brotli", "lz4_raw"):
            connection.execute(
                f"COPY ({select}) TO '{tmp_path / codec}.parquet'"
                f" (FORMAT parquet, CODEC {codec}, PARQUET_VERSION {version}, ROW_GROUP_SIZE 50)"
            )
    assert compared(tmp_path) == set()


def test_published_files_of_other_writers_are_what_duckdb_reads() -> None:
    assert compared(PUBLISHED) == {"INTEGER[]", "STRUCT(b_c_int INTEGER)", "VARCHAR[][][]"}


def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Row groups of some kilobytes count as large, and so do their rows."""
    monkeypatch.setattr(groups, "_BATCH_SIZE_BYTES", 1 << 12)
    monkeypatch.setattr(pages, "_KEYED_ROW_BYTES", 8)


def long_texts(first: int, rows: int, order: str = "id") -> str:
    numbers = f"range({first}, {first + rows}) r(i)"
    return f"SELECT i::INTEGER AS id, repeat('é' || i, 20) AS name FROM {numbers} ORDER BY {order}"


PARTS = {"part-000001.parquet": long_texts(0, 400), "part-000002.parquet": long_texts(400, 300)}
RANGES = [
    KeyRange(("id",)), KeyRange(("id",), None, ("17",)), KeyRange(("id",), ("17",), ("420",)),
    KeyRange(("id",), ("650",), None), KeyRange(("id",), ("5000",), None),
]  # fmt: skip


def test_ranges_and_keys_of_large_row_groups_are_read_by_the_core_and_are_the_same_rows(tmp_path, monkeypatch) -> None:
    usual = opened(export(tmp_path, PARTS))
    table = usual.catalog().table(Name("", "people"))
    keys = [(str(number),) for number in (3, 699, 4, 401, 12345)]
    expected = [usual.rows(table, ["name", "id"], wanted).shown(1000) for wanted in RANGES]
    expected.append(usual.rows_by_key(table, ["id"], ["id"], keys).shown(1000))
    small_limits(monkeypatch)
    database = opened(tmp_path)
    assert database._by_pages(table, ["id"], " WHERE id > 3", " ORDER BY id") is not None
    found = [database.rows(table, ["name", "id"], wanted).shown(1000) for wanted in RANGES]
    assert found == expected[:-1]
    assert [len(rows) for rows in found] == [700, 18, 403, 49, 0]
    by_key = database.rows_by_key(table, ["id"], ["id"], keys).shown(1000)
    assert sorted(by_key) == sorted(expected[-1])
    assert len(by_key) == 4
    usual.close()
    database.close()


def test_rows_whose_order_in_the_files_is_not_that_of_their_keys_come_in_key_order(tmp_path, monkeypatch) -> None:
    small_limits(monkeypatch)
    parts = {"part-000001.parquet": long_texts(400, 300, "id % 7"), "part-000002.parquet": long_texts(0, 400)}
    database = opened(export(tmp_path, parts))
    table = database.catalog().table(Name("", "people"))
    assert database._by_pages(table, ["id"], "", " ORDER BY id") is None
    found = database.rows(table, ["id"], KeyRange(("id",), ("9",), None)).shown(1000)
    assert [int(str(row[0][1])) for row in found] == list(range(10, 700))
    database.close()


@pytest.mark.parametrize("column", ["file_row_number", "filename", "list"])
def test_what_the_core_does_not_read_comes_through_duckdb(tmp_path, monkeypatch, column: str) -> None:
    small_limits(monkeypatch)
    value = "[i]" if column == "list" else "i"
    parts = {"part-000001.parquet": f"SELECT i AS id, {value} AS {column}, repeat('x', 99) AS s FROM range(500) r(i)"}
    database = opened(export(tmp_path, parts))
    table = database.catalog().table(Name("", "people"))
    assert not groups_are_plain(database, table)
    # A range needs the reader's own columns; all rows need the column itself.
    assert database._by_pages(table, ["id", column], " WHERE id > 3", " ORDER BY id") is None
    wanted = KeyRange(("id",), ("3",), ("450",))
    found = database.rows(table, ["id", column], wanted).shown(999)
    assert [int(str(row[0][1])) for row in found] == list(range(4, 451))
    assert database.rows(table, ["id", column]).count() == 500
    database.close()


def groups_are_plain(database: Database, table: Table) -> bool:
    return all(group.plain for group in database._row_groups(table))


def test_partition_columns_come_through_duckdb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_limits(monkeypatch)
    write(tmp_path / "visit" / "year=2024" / "1.parquet", long_texts(0, 300))
    database = opened(tmp_path)
    table = database.catalog().table(Name("", "visit"))
    assert database._by_pages(table, ["id", "year"], "", "") is None
    assert database._by_pages(table, ["id"], "", "") is not None
    assert {row[0][1] for row in database.rows(table, ["year"]).shown(999)} == {"2024"}
    database.close()


def test_a_dictionary_too_large_to_be_held_gives_the_same_values(tmp_path: Path) -> None:
    # 1,024 values are taken in before the size is looked at: a dictionary of 40 MB.
    values = [str(number) * 10_000 for number in range(1000, 2000)]
    table = pa.table({"s": [*values, *reversed(values), None]})
    pq.write_table(table, tmp_path / "t.parquet", compression="zstd", dictionary_pagesize_limit=1 << 30)
    stream = _core.parquet_rows([(str(tmp_path / "t.parquet"), None)], [("s", "VARCHAR")])
    assert [row[0][1] for row in stream.shown(3000)] == table.column("s").to_pylist()


def test_a_dictionary_that_finds_no_room_names_the_temporary_folder(tmp_path: Path, monkeypatch) -> None:
    table = pa.table({"s": [str(number) * 10_000 for number in range(1000, 2000)]})
    pq.write_table(table, tmp_path / "t.parquet", compression="zstd", dictionary_pagesize_limit=1 << 30)
    with small_disk(tmp_path / "disk", 1) as disk:
        monkeypatch.setenv("TMPDIR", str(disk))
        with pytest.raises(Busy, match="No space left") as caught:
            _core.parquet_rows([(str(tmp_path / "t.parquet"), None)], [("s", "VARCHAR")]).shown(1)
        assert caught.value.message.startswith(str(disk))
        assert "TMPDIR" in caught.value.hint


@pytest.mark.parametrize("codec", CODECS)
def test_damage_within_pages_is_named_by_file_and_column(tmp_path: Path, codec: str) -> None:
    path = tmp_path / "t.parquet"
    texts = [f"{number}" * 50 for number in range(5000)]
    pq.write_table(pa.table({"s": texts}), path, compression=codec, use_dictionary=False)
    whole = path.read_bytes()
    wanted = [(str(path), None)]
    assert [row[0][1] for row in _core.parquet_rows(wanted, [("s", "VARCHAR")]).shown(9999)] == texts
    for damage in (b"\x00" * 64, b"\xff" * 64):
        path.write_bytes(whole[:8000] + damage + whole[8064:])
        # What is not compressed may be damaged without a sign, unless a length is hit or no text is left.
        if codec == "NONE" and damage[0] == 0:
            continue
        with pytest.raises(MalformedInput, match=r"t\.parquet: column s: "):
            _core.parquet_rows(wanted, [("s", "VARCHAR")]).count()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(MalformedInput, match="the marks at its ends are missing"):
        _core.parquet_rows(wanted, [("s", "VARCHAR")])
    path.unlink()
    with pytest.raises(FileProblem):
        _core.parquet_rows(wanted, [("s", "VARCHAR")])


def test_numbers_beyond_their_declared_type_are_damage(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"n": pa.array([1, 2, 77], pa.int32())}), path, use_dictionary=False, compression="none")
    data = path.read_bytes()
    assert data.count((77).to_bytes(4, "little")) >= 1
    path.write_bytes(data.replace((77).to_bytes(4, "little"), (300).to_bytes(4, "little")))
    files = [(str(path), None)]
    assert _core.parquet_rows(files, [("n", "INTEGER")]).count() == 3
    with pytest.raises(MalformedInput, match="a value that its type cannot have"):
        _core.parquet_rows(files, [("n", "TINYINT")]).count()


def test_rows_that_are_not_there_or_not_in_order_are_refused(tmp_path: Path) -> None:
    path = str(write(tmp_path / "t.parquet", "SELECT 1 AS id FROM range(10)"))
    for spans in ([(0, 11)], [(5, 6), (4, 5)], [(3, 2)]):
        with pytest.raises(InvalidRequest, match="of 10"):
            _core.parquet_rows([(path, spans)], [("id", "INTEGER")])
    for columns in ([("id", "VARCHAR")], [("other", "INTEGER")], [("id", "INTEGER[]")]):
        with pytest.raises(UnsupportedType):
            _core.parquet_rows([(path, None)], columns)


def test_text_that_is_no_utf8_stops_the_reading_by_name(tmp_path: Path) -> None:
    bad = pa.Array.from_buffers(
        pa.string(), 1, [None, pa.array([0, 2], pa.int32()).buffers()[1], pa.py_buffer(b"\xff\xfe")]
    )
    pq.write_table(pa.table({"name": bad}), tmp_path / "odd.parquet")
    with pytest.raises(MalformedInput, match="column name: not valid UTF8"):
        _core.parquet_rows([(str(tmp_path / "odd.parquet"), None)], [("name", "VARCHAR")]).count()
