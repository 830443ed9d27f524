"""The DuckDB writer by itself: units with many large rows, which come in several transactions."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from appliance.loading import duckdb as loading
from appliance.loading.base import Checkpoint, Unit
from appliance.loading.checkpoints import create_statements
from appliance.loading.duckdb import DuckDBWriter
from kora import _core
from kora.catalog import Name
from kora.databases.base import KeyRange
from tests.integration.arrow_values import profile

TABLE = Name("main", "visit")
FIRST = Unit("run-1", TABLE, 0, ("id", "name"), KeyRange(("id",), None, (2,)), key_types=("BIGINT",))
SECOND = Unit("run-1", TABLE, 1, ("id", "name"), KeyRange(("id",), (2,), None), key_types=("BIGINT",))
ROWS = [[3, "c"], [4, "d"], [5, "e"]]


def done(unit: Unit, rows: int) -> Checkpoint:
    return Checkpoint(str(TABLE), unit.number, rows, "ab" * 32)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(loading, "_LARGE_ROW_BYTES", 0)
    monkeypatch.setattr(loading, "_PART_SIZE_BYTES", 1)
    monkeypatch.setattr(loading, "_LARGE_UNIT_SIZE_BYTES", 1)
    return tmp_path / "t.duckdb"


def made(file: Path) -> DuckDBWriter:
    writer = DuckDBWriter(file)
    for _, statement, _ in create_statements("duckdb"):
        writer.execute(statement)
    writer.execute("CREATE TABLE visit (id BIGINT PRIMARY KEY, name VARCHAR)")
    return writer


def load(writer: DuckDBWriter, unit: Unit, rows: list[list[object]]) -> None:
    writer.begin(unit)
    for batch in batches(rows):
        assert writer.write(batch, frozenset()) == []
        writer.settle()


def batches(rows: list[list[object]]) -> Iterator[_core.Batch]:
    loader = _core.Loader(
        _core.memory_rows(rows), profile(2, key=(0,)), "arrow", ["BIGINT", "VARCHAR"],
        _core.DigestKey(bytes(range(32))), batch_size_bytes=1,
    )  # fmt: skip
    while (batch := loader.next_batch()) is not None:
        yield batch


def ids(file: Path) -> list[int]:
    with duckdb.connect(str(file), read_only=True) as connection:
        return [row[0] for row in connection.execute("SELECT id FROM visit ORDER BY id").fetchall()]


def test_a_unit_that_broke_off_between_its_parts_does_not_count_and_its_rows_go_when_it_is_begun_again(file) -> None:
    writer = made(file)
    load(writer, FIRST, [[1, "a"], [2, "b"]])
    writer.commit(FIRST, done(FIRST, 2))
    load(writer, SECOND, ROWS[:2])
    writer.close()
    assert ids(file) == [1, 2, 3, 4]
    again = DuckDBWriter(file)
    assert again.checkpoints("run-1") == {(str(TABLE), 0): done(FIRST, 2)}
    load(again, SECOND, ROWS)
    again.commit(SECOND, done(SECOND, 3))
    assert set(again.checkpoints("run-1")) == {(str(TABLE), 0), (str(TABLE), 1)}
    again.close()
    assert ids(file) == [1, 2, 3, 4, 5]


def test_another_unit_may_be_taken_out_before_the_one_that_broke_off_is_loaded_again(file) -> None:
    writer = made(file)
    load(writer, FIRST, [[1, "a"], [2, "b"]])
    writer.commit(FIRST, done(FIRST, 2))
    load(writer, SECOND, ROWS[:2])
    writer.close()
    again = DuckDBWriter(file)
    again.remove(FIRST)
    load(again, FIRST, [[2, "b"]])
    again.commit(FIRST, done(FIRST, 1))
    load(again, SECOND, ROWS)
    again.commit(SECOND, done(SECOND, 3))
    again.close()
    assert ids(file) == [2, 3, 4, 5]


def test_each_part_has_a_row_group_of_its_own(file) -> None:
    writer = made(file)
    load(writer, SECOND, ROWS)
    writer.commit(SECOND, done(SECOND, 3))
    writer.close()
    with duckdb.connect(str(file), read_only=True) as connection:
        groups = "SELECT DISTINCT row_group_id FROM pragma_storage_info('visit')"
        assert len(connection.execute(groups).fetchall()) == 3
