"""Workload files: what is taken apart, what is refused by name."""

from pathlib import Path

import pytest

from kora.behavior.workload import read_workload
from kora.errors import InvalidRequest


def written(folder: Path, text: str) -> Path:
    path = folder / "w.sql"
    path.write_text(text, encoding="utf-8")
    return path


def test_statements_end_at_semicolons_outside_of_quotes_and_comments(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "select ';' as a; -- one; two\n-- name: second\nselect 2;;\n/* ; */ with x as (select 1) select * from x",
    )
    workload = read_workload(path, "sqlite")
    assert [query.name for query in workload.queries] == ["q1", "second", "q3"]
    assert workload.queries[0].text == "select ';' as a"
    assert workload.sha256


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("insert into t values (1)", "INSERT"),
        ("delete from t", "DELETE"),
        ("drop table t", "DROP"),
        ("create table t (a int)", "CREATE"),
        ("with gone as (delete from t returning *) select * from gone", "DELETE"),
        ("select * into copy from t", "INTO"),
        ("select * from t for update", "LOCK"),
        ("set x = 1", "SET"),
        ("vacuum", "VACUUM"),
        ("begin", "TRANSACTION"),
    ],
)
def test_whatever_is_no_select_is_refused_by_name(tmp_path: Path, text: str, word: str) -> None:
    path = written(tmp_path, f"select 1; -- name: culprit\n{text}")
    with pytest.raises(InvalidRequest, match=f"culprit is no SELECT: it holds {word}"):
        read_workload(path, "postgres")


def test_a_statement_that_is_not_understood_is_refused_with_its_number(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="statement q2 is not understood"):
        read_workload(written(tmp_path, "select 1; select from where ("), "sqlite")


def test_two_statements_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="named a"):
        read_workload(written(tmp_path, "-- name: a\nselect 1;\n-- name: a\nselect 2;"), "sqlite")


def test_an_empty_workload_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="holds no statement"):
        read_workload(written(tmp_path, "-- nothing\n;"), "sqlite")
