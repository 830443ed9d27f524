"""Parquet files read by the core, page by page: every value is what DuckDB's reader makes of it, and damage is named."""

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
from kora.databases.parquet import groups
from kora.databases.parquet.pages import all_rows, read_pages
from kora.errors import FileProblem, InvalidRequest, MalformedInput, UnsupportedType
from tests.e2e.migrating import DATA
from tests.integration.parquet_files import export, opened

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
            pages, duck = both(database, table, [column.name])
            if pages is None:
                left.add(column.type.declared)
            else:
                assert pages == duck, f"{table.name}.{column.name}"
        flat = [column.name for column in table.columns if not column.type.elements]
        readable = [name for name in flat if table.column(name).type.kind != "unsupported"]
        if readable:
            pages, duck = both(database, table, readable)
            assert pages is None or pages == duck
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
    "single": (pa.float32(), [struct.unpack("<f", struct.pack("<f", value))[0] for value in REALS if abs(value) > 1e-38]),
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
    "fixed": "DELTA_BYTE_ARRAY", "single": "BYTE_STREAM_SPLIT", "double": "BYTE_STREAM_SPLIT", "day": "BYTE_STREAM_SPLIT",
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
    for number, (nulls, dictionary, encodings) in enumerate(
        [(True, True, None), (False, True, None), (True, False, None), (True, False, ENCODINGS), (False, False, ENCODINGS)]
    ):
        pq.write_table(
            generated(nulls=nulls, seed=number), tmp_path / f"t{number}.parquet", compression=codec,
            data_page_version=version, use_dictionary=dictionary, column_encoding=encodings, data_page_size=1500,
            write_batch_size=64, row_group_size=300, version="2.6",
        )  # fmt: skip
    assert compared(tmp_path) == set()


@pytest.mark.parametrize("version", ["V1", "V2"])
def test_what_duckdb_writes_is_what_duckdb_reads(tmp_path: Path, version: str) -> None:
    select = (
        "SELECT i::TINYINT AS a, i * 1000003 AS b, (i % 3)::UTINYINT AS c, i::UBIGINT AS d, i / 7 AS e, i::FLOAT AS f,"
        " i % 2 = 0 AS g, DATE '2000-01-01' + i::INTEGER AS h, TIME '00:00:01' + to_microseconds(i) AS j,"
        " TIMETZ '10:11:12+02:30' AS k, TIMESTAMP '2000-01-01' + to_microseconds(i * 1000003) AS l,"
        " (TIMESTAMPTZ '2000-01-01 00:00:00+00' + to_days(i::INTEGER)) AS m, TIMESTAMP_NS '2001-02-03 04:05:06.123456789' AS n,"
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
