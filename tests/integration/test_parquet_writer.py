"""The Parquet writer by itself: what stands in the folder after each step, and what it never touches."""

from pathlib import Path

import duckdb
import pytest

from appliance.engines.parquet import WORK
from appliance.loading import parquet
from appliance.loading.base import Checkpoint, Unit
from appliance.loading.parquet import ParquetWriter
from kora import _core
from kora.catalog import Name
from kora.errors import EngineError, FileProblem, MalformedInput
from tests.integration.arrow_values import profile

VISIT = (
    'DECLARE {"name": {"schema": "", "name": "visit"}, "columns": [{"name": "id", "nullable": false, "type":'
    ' {"kind": "integer", "declared": "BIGINT", "wire": "BIGINT", "minimum": -9223372036854775808,'
    ' "maximum": 9223372036854775807}}, {"name": "name", "type": {"kind": "text", "declared": "VARCHAR",'
    ' "wire": "VARCHAR", "charset": "utf8"}}]}'
)
NAME = '{"schema": "", "name": "visit"}'
UNIT = Unit("run-1", Name("", "visit"), 0, ("id", "name"))
DONE = Checkpoint("visit", 0, 3, "ab" * 32, (), "[]")
ROWS = [[1, "a"], [2, "b"], [3, "c"]]


@pytest.fixture
def writer(tmp_path: Path):
    made = ParquetWriter(tmp_path / "out")
    made.execute(WORK)
    made.execute(VISIT)
    yield made
    made.close()


def batches(rows):
    loader = _core.Loader(
        _core.memory_rows(rows), profile(2, key=(0,)), "arrow", ["BIGINT", "VARCHAR"],
        _core.DigestKey(bytes(range(32))), batch_size_bytes=1,
    )  # fmt: skip
    while (batch := loader.next_batch()) is not None:
        yield batch


def load(writer: ParquetWriter, rows, unit: Unit = UNIT):
    writer.begin(unit)
    return [refused for batch in batches(rows) for refused in writer.write(batch, frozenset())]


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_rows_stand_in_the_folder_only_once_their_checkpoint_does(writer: ParquetWriter, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert load(writer, ROWS) == []
    assert names(out) == ["_sensei.json"]
    assert writer.checkpoints("run-1") == {}
    writer.commit(UNIT, DONE)
    assert names(out) == ["_sensei.json", "visit/part-000001.parquet"]
    assert writer.checkpoints("run-1") == {("visit", 0): DONE}
    assert writer.checkpoints("run-2") == {}
    assert duckdb.sql(f"SELECT * FROM '{out}/visit/*.parquet' ORDER BY id").fetchall() == [(1, "a"), (2, "b"), (3, "c")]


def test_a_unit_given_back_leaves_nothing(writer: ParquetWriter, tmp_path: Path) -> None:
    load(writer, ROWS)
    writer.rollback()
    writer.rollback()
    assert names(tmp_path / "out") == ["_sensei.json"]
    assert load(writer, ROWS) == []
    writer.commit(UNIT, DONE)
    assert len(writer.checkpoints("run-1")) == 1


def test_a_row_that_breaks_not_null_is_left_out_and_named(writer: ParquetWriter, tmp_path: Path) -> None:
    (refused,) = load(writer, [[1, "a"], [None, "b"], [3, "c"]])
    assert (refused.ordinal, "NOT NULL" in refused.reason) == (1, True)
    writer.commit(UNIT, DONE)
    assert duckdb.sql(f"SELECT id FROM '{tmp_path}/out/visit/*.parquet' ORDER BY id").fetchall() == [(1,), (3,)]


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "_PIECE_SIZE_BYTES", 1)


@pytest.mark.usefixtures("small_pieces")
def test_a_large_unit_comes_in_pieces_and_counts_only_beside_all_of_them(writer, tmp_path: Path) -> None:
    out = tmp_path / "out"
    load(writer, ROWS)
    assert all(name.startswith("_sensei") for name in names(out))
    writer.commit(UNIT, DONE)
    pieces = ["visit/part-000001-0001.parquet", "visit/part-000001-0002.parquet", "visit/part-000001.parquet"]
    assert names(out) == ["_sensei.json", *pieces]
    assert duckdb.sql(f"SELECT count(*) FROM '{out}/visit/*.parquet'").fetchall() == [(3,)]
    assert writer.checkpoints("run-1") == {("visit", 0): DONE}
    (out / pieces[0]).unlink()
    assert writer.checkpoints("run-1") == {}


def test_a_large_row_is_a_piece_of_its_own_and_is_refused_like_any_other(
    writer: ParquetWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "_ALONE_SIZE_BYTES", 1)
    out = tmp_path / "out"
    (refused,) = load(writer, [[1, "a"], [None, "b"], [3, "c"]])
    assert (refused.ordinal, refused.reason) == (1, 'Constraint Error: NOT NULL constraint failed: "id"')
    writer.commit(UNIT, DONE)
    pieces = [f"part-000001-000{number}.parquet" for number in (1, 2)]
    assert names(out / "visit") == [*pieces, "part-000001.parquet"]
    rows = duckdb.sql(f"SELECT id, name FROM '{out}/visit/*.parquet' ORDER BY id").fetchall()
    assert rows == [(1, "a"), (3, "c")]
    assert writer.checkpoints("run-1") == {("visit", 0): DONE}
    (out / "visit" / pieces[0]).unlink()
    assert writer.checkpoints("run-1") == {}


@pytest.mark.usefixtures("small_pieces")
def test_pieces_that_a_killed_process_left_are_replaced_when_the_unit_is_begun_again(writer, tmp_path: Path) -> None:
    out = tmp_path / "out"
    load(writer, ROWS)
    writer.commit(UNIT, DONE)
    (out / "visit" / "part-000001.parquet").unlink()
    other = Unit("run-1", Name("", "visit"), 1, ("id", "name"))
    load(writer, [[4, "d"]], other)
    writer.commit(other, Checkpoint("visit", 1, 1, "cd" * 32))
    load(writer, ROWS[:2])
    writer.commit(UNIT, DONE)
    assert names(out / "visit") == ["part-000001-0001.parquet", "part-000001.parquet", "part-000002.parquet"]
    assert duckdb.sql(f"SELECT id FROM '{out}/visit/*.parquet' ORDER BY id").fetchall() == [(1,), (2,), (4,)]


def test_removing_a_unit_takes_its_file_and_its_checkpoint(writer: ParquetWriter, tmp_path: Path) -> None:
    load(writer, ROWS)
    writer.commit(UNIT, DONE)
    writer.execute(f"SEAL {NAME}")
    assert '"sha256"' in (tmp_path / "out" / "_sensei.json").read_text()
    writer.remove(UNIT)
    assert writer.checkpoints("run-1") == {}
    assert names(tmp_path / "out") == ["_sensei.json"]
    assert '"sha256"' not in (tmp_path / "out" / "_sensei.json").read_text()


def test_a_file_of_somebody_else_in_the_way_is_named_and_kept(writer: ParquetWriter, tmp_path: Path) -> None:
    theirs = tmp_path / "out" / "visit" / "part-000001.parquet"
    duckdb.sql("SELECT 7 AS id").write_parquet(str(theirs))
    content = theirs.read_bytes()
    load(writer, ROWS)
    with pytest.raises(FileProblem, match=r"part-000001\.parquet is in the way"):
        writer.commit(UNIT, DONE)
    writer.rollback()
    writer.remove(UNIT)
    writer.execute(f"DROP {NAME}")
    assert theirs.read_bytes() == content


def test_a_damaged_file_in_the_place_of_a_unit_is_named(writer: ParquetWriter, tmp_path: Path) -> None:
    load(writer, ROWS)
    writer.commit(UNIT, DONE)
    part = tmp_path / "out" / "visit" / "part-000001.parquet"
    part.write_bytes(part.read_bytes()[:-3])
    with pytest.raises((MalformedInput, EngineError), match=r"part-000001\.parquet"):
        writer.checkpoints("run-1")


def test_a_table_that_is_there_is_not_declared_again(writer: ParquetWriter, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="visit already exists"):
        writer.execute(VISIT)
    writer.execute(f"DROP {NAME}")
    writer.execute(f"DROP {NAME}")
    (tmp_path / "out" / "visit.parquet").write_bytes(b"theirs")
    with pytest.raises(EngineError, match="visit already exists"):
        writer.execute(VISIT)


def test_a_record_that_was_taken_away_is_named(writer: ParquetWriter, tmp_path: Path) -> None:
    (tmp_path / "out" / "_sensei.json").unlink()
    with pytest.raises(FileProblem, match=r"_sensei\.json does not know the table visit"):
        writer.begin(UNIT)
