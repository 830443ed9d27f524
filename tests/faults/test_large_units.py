"""`kill -9` around the parts in which DuckDB commits a unit of large rows: each row arrives once all the same."""

from contextlib import closing

import duckdb
import pytest

from tests.faults.conftest import MakeTarget
from tests.faults.sensei import KILLED, DuckdbTarget, Sensei
from tests.faults.test_crash import migrate, problems_after_resume, undisturbed


def numbers(target: DuckdbTarget) -> list[tuple[int, int]]:
    """Every row's number and the length of its body, as DuckDB itself reads them."""
    with closing(duckdb.connect(str(target.file), read_only=True)) as connection:
        return connection.execute("SELECT number, octet_length(body) FROM scan ORDER BY number").fetchall()


@pytest.mark.parametrize("point", ["load.part.before", "load.part.after"])
@pytest.mark.parametrize("times", [1, 2])
def test_a_unit_killed_between_its_parts_is_loaded_once_by_resume(
    point, times, large_rows, make_target: MakeTarget, tmp_path
):
    expected = undisturbed(large_rows, make_target("duckdb", tmp_path / "whole"), tmp_path / "whole", code=0)
    target, sensei = DuckdbTarget(tmp_path / "target.duckdb"), Sensei(tmp_path / "a")
    assert sensei.run(*migrate(large_rows, target), fault=f"{point}:{times}").code == KILLED
    assert problems_after_resume(sensei, target, expected) == []
    lengths = [5 if not 2990 <= number < 3010 else (4 << 20) - number for number in range(3020)]
    assert numbers(target) == list(enumerate(lengths))


def test_what_a_killed_unit_had_committed_is_in_the_file_and_counts_for_nothing(large_rows, tmp_path):
    target, sensei = DuckdbTarget(tmp_path / "target.duckdb"), Sensei(tmp_path / "a")
    assert sensei.run(*migrate(large_rows, target), fault="load.part.after:2").code == KILLED
    assert len(numbers(target)) > 2990
    with closing(duckdb.connect(str(target.file), read_only=True)) as connection:
        found = connection.execute("SELECT count(*), count(row_count) FROM _sensei.checkpoint").fetchone()
    assert found == (1, 0)
