"""The survey: what is said of columns, and that values stay where they are."""

import json

import duckdb
import pytest

from kora import _core, errors


def survey(rows):
    return json.loads(_core.survey_rows(_core.memory_rows(rows)))


def obeyed(column):
    return {(line["rule"], line.get("argument")): (line["obeyed"], line["failed"]) for line in column["candidates"]}


def test_a_clinic_s_columns_are_described():
    made = survey([[i, f"2020-01-{i:02}", i / 4, None, f"{i}.50"] for i in range(1, 29)])
    identity, day, weight, nothing, price = made["columns"]
    assert made["rows"] == 28
    assert (identity["numbers"]["min_integer"], identity["numbers"]["max_integer"]) == (1, 28)
    assert obeyed(day)["text_date", "%Y-%m-%d"] == (28, 0)
    assert obeyed(weight)["real_decimal", None] == (28, 0)
    assert weight["floats"]["decimals"]["fraction_digits"] == 2
    assert (nothing["nulls"], nothing["kinds"], nothing["candidates"]) == (28, {}, [])
    assert obeyed(price)["text_number", "2"] == (28, 0)
    assert identity["distinct"] == {"count": 28, "exact": True}


def test_no_text_value_is_in_the_survey():
    secret = "Zażółć-gęślą-4711"
    assert secret not in json.dumps(survey([[secret]] * 3), ensure_ascii=False)


def test_numbers_beyond_64_bits_arrive_whole():
    stream = _core.arrow_rows(duckdb.sql("SELECT 170141183460469231731687303715884105727::HUGEINT"), ["HUGEINT"])
    [column] = json.loads(_core.survey_rows(stream))["columns"]
    assert column["numbers"]["max_integer"] == 2**127 - 1


def test_an_empty_stream_has_columns_without_values():
    stream = _core.arrow_rows(duckdb.sql("SELECT 1::BIGINT AS a, 'x' AS b WHERE false"), ["BIGINT", "VARCHAR"])
    made = json.loads(_core.survey_rows(stream))
    assert [column["kinds"] for column in made["columns"]] == [{}, {}]


def test_progress_counts_rows_and_stops_a_survey():
    progress = _core.Progress()
    _core.survey_rows(_core.memory_rows([[1]] * 3000), progress=progress)
    assert progress.rows == 3000
    progress.stop()
    with pytest.raises(errors.Stopped):
        _core.survey_rows(_core.memory_rows([[1]] * 3000), progress=progress)
