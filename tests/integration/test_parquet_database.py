"""Folders of Parquet files as a database: which files are which table, what types arrive, what damage is named."""

import os
import shutil
import subprocess
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kora.catalog import ForeignKey, Name
from kora.databases.parquet import groups
from kora.databases.parquet.manifest import MANIFEST_NAME
from kora.errors import FileProblem, InvalidRequest, MalformedInput, UnsupportedType
from tests.e2e.migrating import DATA
from tests.integration.parquet_files import export, opened, texts, unreadable, write

PUBLISHED = DATA / "parquet"


def test_a_file_is_a_table_and_so_is_a_folder_of_files(tmp_path: Path) -> None:
    write(tmp_path / "ward.parquet", "SELECT 1 AS id")
    write(tmp_path / "visit" / "a.parquet", "SELECT 1 AS id")
    write(tmp_path / "visit" / "b.PARQUET", "SELECT 2 AS id")
    write(tmp_path / "_sensei" / "part-000001.parquet", "SELECT 3 AS id")
    write(tmp_path / ".hidden.parquet", "SELECT 4 AS id")
    (tmp_path / "visit" / "notes.txt").write_text("not a table")
    (tmp_path / "README").write_text("not a table")
    database = opened(tmp_path)
    catalog = database.catalog()
    assert [(str(table.name), table.row_estimate) for table in catalog.tables] == [("visit", 2), ("ward", 1)]
    assert [(item.what, item.name) for item in catalog.not_modelled] == [
        ("other file", "README"),
        ("other file", "visit/notes.txt"),
    ]
    assert texts(database, "visit", "id") == [("1",), ("2",)]
    database.close()


def test_one_file_is_a_database_of_one_table(tmp_path: Path) -> None:
    database = opened(write(tmp_path / "ward.parquet", "SELECT 'x' AS name"))
    assert texts(database, "ward", "name") == [("x",)]
    assert "sha256 ward.parquet" in database.identity()
    database.close()


def test_signs_that_mean_patterns_to_the_reader_are_ordinary_in_names(tmp_path: Path) -> None:
    for number, name in enumerate(["a*", "ab", "q?", "qx", "b[1]", "b1", "it's", "per%20cent", "back\\slash", "x=1"]):
        write(tmp_path / f"{name}.parquet", f"SELECT {number} AS id")
    database = opened(tmp_path)
    assert texts(database, "a*", "id") == [("0",)]
    assert texts(database, "q?", "id") == [("2",)]
    assert texts(database, "b[1]", "id") == [("4",)]
    assert len(database.catalog().tables) == 10
    assert all(len(database.catalog().table(table.name).columns) == 1 for table in database.catalog().tables)
    database.close()


def test_tables_whose_names_differ_in_case_alone_are_refused_by_name(tmp_path: Path) -> None:
    write(tmp_path / "ward.parquet", "SELECT 1 AS id")
    write(tmp_path / "Ward" / "1.parquet", "SELECT 1 AS id")
    with pytest.raises(InvalidRequest, match=r"Ward/ and ward\.parquet would be one table"):
        opened(tmp_path)


def test_a_folder_without_parquet_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("a\n1\n")
    with pytest.raises(FileProblem, match=r"holds no \.parquet file"):
        opened(tmp_path)
    with pytest.raises(FileProblem, match="does not exist"):
        opened(tmp_path / "nowhere")


def test_partition_folders_become_columns_of_text(tmp_path: Path) -> None:
    write(tmp_path / "visit" / "year=2024" / "site=a%20b" / "1.parquet", "SELECT 1 AS id")
    write(tmp_path / "visit" / "year=__HIVE_DEFAULT_PARTITION__" / "site=01" / "1.parquet", "SELECT 2 AS id")
    database = opened(tmp_path)
    table = database.catalog().table(Name("", "visit"))
    assert {column.name: (column.type.kind, column.nullable) for column in table.columns} == {
        "id": ("integer", False),
        "year": ("text", True),
        "site": ("text", True),
    }
    assert texts(database, "visit", "id", "year", "site") == [("1", "2024", "a b"), ("2", None, "01")]
    assert [item.what for item in database.catalog().not_modelled] == ["partition folders"]
    database.close()


def test_partitions_of_different_keys_or_of_a_columns_name_make_a_table_unreadable(tmp_path: Path) -> None:
    write(tmp_path / "visit" / "year=2024" / "1.parquet", "SELECT 1 AS id")
    write(tmp_path / "visit" / "2.parquet", "SELECT 2 AS id")
    write(tmp_path / "ward" / "id=7" / "1.parquet", "SELECT 1 AS id")
    assert "partition folders of different keys" in unreadable(tmp_path, "visit")
    assert "'id' stands in the file and in the name of its folder" in unreadable(tmp_path, "ward")


@pytest.mark.parametrize(
    ("second", "words"),
    [
        ("SELECT 'x' AS id, 1 AS n", "column 'id' is VARCHAR, but INTEGER in"),
        ("SELECT 1::BIGINT AS id, 1 AS n", "column 'id' is BIGINT, but INTEGER in"),
        ("SELECT 1 AS id", "lacks the column 'n'"),
        ("SELECT 1 AS id, 1 AS n, 2 AS more", "has a column 'more'"),
    ],
)
def test_files_of_one_table_with_different_schemas_are_refused_by_file_and_column(tmp_path, second, words) -> None:
    write(tmp_path / "visit" / "1.parquet", "SELECT 1 AS id, 1 AS n")
    write(tmp_path / "visit" / "2.parquet", second)
    write(tmp_path / "ward.parquet", "SELECT 1 AS id")
    problem = unreadable(tmp_path, "visit")
    assert "2.parquet" in problem
    assert words in problem
    assert unreadable(tmp_path, "ward") == ""


def test_columns_in_another_order_are_the_same_schema(tmp_path: Path) -> None:
    write(tmp_path / "visit" / "1.parquet", "SELECT 1 AS id, 'a' AS n")
    write(tmp_path / "visit" / "2.parquet", "SELECT 'b' AS n, 2 AS id")
    database = opened(tmp_path)
    assert texts(database, "visit", "id", "n") == [("1", "a"), ("2", "b")]
    database.close()


def test_not_null_is_what_the_schema_of_every_file_says(tmp_path: Path) -> None:
    schema = pa.schema([pa.field("a", pa.int32(), nullable=False), pa.field("b", pa.int32(), nullable=False)])
    loose = pa.schema([pa.field("a", pa.int32(), nullable=False), pa.field("b", pa.int32())])
    (tmp_path / "t").mkdir()
    pq.write_table(pa.table([[1], [1]], schema=schema), tmp_path / "t" / "1.parquet")
    pq.write_table(pa.table([[2], [None]], schema=loose), tmp_path / "t" / "2.parquet")
    database = opened(tmp_path)
    columns = database.catalog().table(Name("", "t")).columns
    assert [(column.name, column.nullable) for column in columns] == [("a", False), ("b", True)]
    database.close()


MOMENT = 1_577_836_800_123_456_789
FOREIGN = {
    "int8": (pa.array([-5], pa.int8()), "integer", "-5"),
    "uint32": (pa.array([2**32 - 1], pa.uint32()), "integer", "4294967295"),
    "uint64": (pa.array([2**64 - 1], pa.uint64()), "integer", "18446744073709551615"),
    "decimal38": (
        pa.array([Decimal("9" * 28 + ".0123456789")], pa.decimal128(38, 10)),
        "decimal",
        "9" * 28 + ".0123456789",
    ),
    "seconds": (pa.array([1_577_836_800], pa.timestamp("s")), "timestamp", "2020-01-01 00:00:00"),
    "nanoseconds": (pa.array([MOMENT], pa.timestamp("ns")), "timestamp", "2020-01-01 00:00:00.123456789"),
    "utc": (pa.array([MOMENT // 1000], pa.timestamp("us", "UTC")), "instant", "2020-01-01 00:00:00.123456+00"),
    "time_ns": (pa.array([86_399_123_456_789], pa.time64("ns")), "time", "23:59:59.123456789"),
    "time_ms": (pa.array([86_399_123], pa.time32("ms")), "time", "23:59:59.123"),
    "day": (pa.array([-719_162], pa.date32()), "date", "0001-01-01"),
    "dictionary": (pa.array(["a"]).dictionary_encode(), "text", "a"),
    "bytes": (pa.array([b"\xff\x00"]), "bytes", "ff00"),
    "fixed": (pa.array([b"abcd"], pa.binary(4)), "bytes", "61626364"),
    "uuid": (pa.array([bytes(range(16))], pa.uuid()), "uuid", "00010203-0405-0607-0809-0a0b0c0d0e0f"),
    "boolean": (pa.array([True]), "boolean", "true"),
    "double": (pa.array([0.1]), "float", "0.1"),
}
REFUSED = {
    "decimal40": (pa.array([Decimal("1.55")], pa.decimal256(40, 2)), "DECIMAL(40,2), which the reader rounds"),
    "utc_ns": (pa.array([MOMENT], pa.timestamp("ns", "UTC")), "TIMESTAMPTZ_NS"),
    "nothing": (pa.array([None], pa.null()), "NULL"),
}


def test_what_another_writer_wrote_arrives_exactly_or_is_refused_by_name(tmp_path: Path) -> None:
    columns = {name: values for name, (values, *_) in (FOREIGN | REFUSED).items()}
    pq.write_table(pa.table(columns), tmp_path / "foreign.parquet")
    pq.write_table(
        pa.table({"moment": columns["nanoseconds"]}), tmp_path / "old.parquet", use_deprecated_int96_timestamps=True
    )
    database = opened(tmp_path)
    table = database.catalog().table(Name("", "foreign"))
    kinds = {column.name: column.type.kind for column in table.columns}
    assert kinds == {name: kind for name, (_, kind, _) in FOREIGN.items()} | dict.fromkeys(REFUSED, "unsupported")
    assert texts(database, "foreign", *FOREIGN) == [tuple(text for _, _, text in FOREIGN.values())]
    for name, (_, words) in REFUSED.items():
        assert words in table.column(name).type.declared
        with pytest.raises(UnsupportedType, match=f"foreign.{name}"):
            database.rows(table, [name])
    old = database.catalog().table(Name("", "old"))
    assert "INT96" in old.column("moment").type.declared
    database.close()


def test_columns_that_the_reader_would_rename_make_a_table_unreadable(tmp_path: Path) -> None:
    pq.write_table(pa.table([[1], [2]], names=["a", "A"]), tmp_path / "case.parquet")
    pq.write_table(pa.table([[1], [2]], names=["a", "a"]), tmp_path / "twice.parquet")
    assert "'A' has the name of another but for the case" in unreadable(tmp_path, "case")
    assert "has the name of another" in unreadable(tmp_path, "twice")


def test_text_that_is_no_utf8_stops_the_reading_by_name(tmp_path: Path) -> None:
    broken = pa.Array.from_buffers(
        pa.string(), 1, [None, pa.array([0, 2], pa.int32()).buffers()[1], pa.py_buffer(b"\xff\xfe")]
    )
    pq.write_table(pa.table({"name": broken}), tmp_path / "odd.parquet")
    database = opened(tmp_path)
    with pytest.raises(Exception, match="not valid UTF8"):
        database.rows(database.catalog().table(Name("", "odd")), ["name"]).count()
    database.close()


def test_published_files_of_other_writers_are_read_or_refused_by_column() -> None:
    database = opened(PUBLISHED)
    catalog = database.catalog()
    assert [str(table.name) for table in catalog.tables if table.unreadable] == []
    assert texts(database, "int64_decimal", "value")[:2] == [("1",), ("10",)]
    counts = {
        name: database.row_count(catalog.table(Name("", name))) for name in ("alltypes_tiny_pages", "nulls.snappy")
    }
    assert counts == {"alltypes_tiny_pages": 7300, "nulls.snappy": 8}
    refused = {
        f"{table.name}.{column.name}"
        for table in catalog.tables
        for column in table.columns
        if column.type.declared.startswith("INT96")
    }
    assert refused == {"alltypes_plain.timestamp_col", "alltypes_tiny_pages.timestamp_col"}
    database.close()


@pytest.mark.parametrize("change", ["rewritten", "touched", "removed", "replaced"])
def test_a_file_that_changes_while_it_is_open_is_found(tmp_path: Path, change: str) -> None:
    file = write(tmp_path / "t" / "1.parquet", "SELECT 1 AS id")
    other = write(tmp_path / "other", "SELECT 2 AS id")
    database = opened(tmp_path)
    table = database.catalog().table(Name("", "t"))
    assert database.rows(table, ["id"]).count() == 1
    match change:
        case "rewritten":
            shutil.copyfile(other, file)
        case "touched":
            os.utime(file)
        case "removed":
            file.unlink()
        case _:
            other.rename(file)
    for look in (lambda: database.rows(table, ["id"]), lambda: database.row_count(table), database.identity):
        with pytest.raises(MalformedInput, match=r"1\.parquet: changed since it was opened"):
            look()
    database.close()


def test_the_identity_is_what_sha256sum_prints(tmp_path: Path) -> None:
    for number in (1, 2):
        write(tmp_path / "t" / f"{number}.parquet", f"SELECT {number} AS id")
    database = opened(tmp_path)
    command = "sha256sum *.parquet | sha256sum"
    printed = subprocess.run(command, shell=True, cwd=tmp_path / "t", check=True, capture_output=True, text=True)
    assert database.identity()["sha256 t"] == printed.stdout.split()[0]
    assert database.identity()["files t"] == "2"
    database.close()


PARTS = {
    "part-000001.parquet": "SELECT 1 AS id, 'Ada' AS name",
    "part-000002.parquet": "SELECT 2 AS id, 'Eve' AS name",
}


def test_an_export_gives_its_keys_and_comments_back(tmp_path: Path) -> None:
    reference = ForeignKey("", ("id",), Name("", "people"), ("id",), on_delete="cascade", validated=False)
    database = opened(export(tmp_path, PARTS, foreign_keys=(reference,)))
    catalog = database.catalog()
    table = catalog.table(Name("", "people"))
    assert (table.stable_key, table.comment, table.column("name").comment) == (("id",), "who came", "about name")
    assert (table.column("id").nullable, table.column("name").nullable) == (False, True)
    assert table.foreign_keys == (reference,)
    assert [(item.what, item.count) for item in catalog.not_modelled] == [("recorded keys", 2)]
    database.close()


@pytest.mark.parametrize("row", ["SELECT 1 AS id, 'again' AS name", "SELECT NULL::INTEGER AS id, 'none' AS name"])
def test_a_recorded_key_that_the_rows_break_does_not_count(tmp_path: Path, row: str) -> None:
    database = opened(export(tmp_path, PARTS | {"part-000003.parquet": row}))
    catalog = database.catalog()
    table = catalog.table(Name("", "people"))
    assert (table.primary_key, table.stable_key) == (None, ())
    assert table.column("id").nullable == ("NULL" in row)
    assert ("recorded key", "people(id)") in [(item.what, item.name) for item in catalog.not_modelled]
    database.close()


def test_a_flipped_bit_in_an_export_is_named_by_its_file(tmp_path: Path) -> None:
    export(tmp_path, PARTS)
    file = tmp_path / "people" / "part-000002.parquet"
    data = bytearray(file.read_bytes())
    for place in range(0, len(data), 7):
        data[place] ^= 1
        file.write_bytes(data)
        problem = unreadable(tmp_path, "people")
        assert "part-000002.parquet: damaged or changed" in problem
        data[place] ^= 1


def test_a_missing_or_foreign_file_in_an_export_is_named(tmp_path: Path) -> None:
    export(tmp_path, PARTS)
    (tmp_path / "people" / "part-000001.parquet").rename(tmp_path / "people" / "part-000009.parquet")
    assert "part-000001.parquet: is missing" in unreadable(tmp_path, "people")
    (tmp_path / "people" / "part-000009.parquet").rename(tmp_path / "people" / "part-000001.parquet")
    write(tmp_path / "people" / "mine.parquet", "SELECT 3 AS id, 'x' AS name")
    assert "mine.parquet: is no file of the export" in unreadable(tmp_path, "people")


def test_an_export_that_was_not_finished_is_not_read(tmp_path: Path) -> None:
    export(tmp_path, PARTS, sealed=False)
    assert "its export was not finished" in unreadable(tmp_path, "people")
    shutil.rmtree(tmp_path / "people")
    database = opened(tmp_path)
    assert database.catalog().tables == ()
    assert [item.name for item in database.catalog().not_modelled] == ["people"]
    database.close()


@pytest.mark.parametrize("text", ["", "[]", '{"format": "another"}', '{"tables": [{"folder": "x"}]}', "\0"])
def test_a_damaged_record_is_refused_and_the_hint_says_how_to_do_without(tmp_path: Path, text: str) -> None:
    export(tmp_path, PARTS)
    (tmp_path / MANIFEST_NAME).write_text(text)
    with pytest.raises(MalformedInput) as raised:
        opened(tmp_path)
    assert MANIFEST_NAME in raised.value.message
    assert "without the keys" in raised.value.hint


@pytest.mark.parametrize("keep", [0, 3, 20, -4])
def test_a_truncated_file_makes_its_table_unreadable_and_no_other(tmp_path: Path, keep: int) -> None:
    file = write(tmp_path / "bad.parquet", "SELECT 1 AS id")
    write(tmp_path / "good.parquet", "SELECT 1 AS id")
    file.write_bytes(file.read_bytes()[:keep])
    assert "bad.parquet" in unreadable(tmp_path, "bad")
    assert unreadable(tmp_path, "good") == ""


def test_large_row_groups_with_lists_are_read_in_windows_that_give_every_row_once(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(groups, "_BATCH_SIZE_BYTES", 1 << 16)
    monkeypatch.setattr(groups, "VECTOR_ROWS", 256)
    with duckdb.connect() as connection:
        for number, rows in ((1, 5000), (2, 3), (3, 7000)):
            file = tmp_path / "t" / f"{number}.parquet"
            file.parent.mkdir(exist_ok=True)
            texts_of = "repeat('é', 50) || i" if number < 3 else "repeat('x', 400)"
            connection.execute(
                f"COPY (SELECT i + {number}0000 AS id, {texts_of} AS s, [i] AS l FROM range({rows}) r(i)) TO '{file}'"
                " (FORMAT parquet, ROW_GROUP_SIZE 2048)"
            )
    database = opened(tmp_path)
    table = database.catalog().table(Name("", "t"))
    found, coded = groups.read_groups(database._query, database._files[Name("", "t")])
    # 7,000 equal texts take some bytes in their file, and 2.8 MB for whoever reads them.
    assert coded == ["s"]
    assert all(group.plain for group in found if group.path.name == "3.parquet")
    seen = [int(row[0][1]) for row in database.rows(table, ["id", "s", "l"]).shown(20_000)]
    assert sorted(seen) == [*range(10_000, 15_000), *range(20_000, 20_003), *range(30_000, 37_000)]
    large = groups.with_dictionaries(found, 2_800_000)
    windows = list(groups.queries("SELECT 1", large, "union_by_name=false"))
    assert len(windows) > 2 * len(found)
    assert groups.memory_bytes(large) > 256 << 20
    database.close()
