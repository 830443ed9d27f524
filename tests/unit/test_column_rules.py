from typing import Any

import pytest

from appliance.conversion.reading import Reading
from appliance.conversion.types import read_column
from appliance.engines.base import Placement
from appliance.engines.registry import target_engine
from kora.catalog import Column, Type
from tests.unit.surveyed import survey_of

KINDS = {"DATE": "date", "DATETIME": "timestamp", "BOOLEAN": "boolean", "NUMERIC(10,2)": "decimal", "DOUBLE": "float"}


def read(declared: str, values: list[Any], target: str = "duckdb") -> tuple[Reading, Placement]:
    column = Column("c", Type(KINDS.get(declared, "text"), declared, dynamic=True))  # type: ignore[arg-type]
    survey = survey_of(values)
    reading = read_column("sqlite", column, survey)
    return reading, target_engine(target).place(reading.type, survey)


@pytest.mark.parametrize(
    ("declared", "values", "target_type", "representation"),
    [
        ("INTEGER", [1, 2, None], "BIGINT", "None"),
        ("NUMERIC(10,2)", [0.99, 13.86, 1], "DECIMAL(10,2)", "real_decimal"),
        ("NUMERIC(10,2)", [0.999], "DECIMAL(11,3)", "real_decimal"),
        ("DOUBLE", [0.99, 1.5], "DOUBLE", "None"),
        ("DATETIME", ["2009-01-01 00:00:00"], "TIMESTAMP", "text_date(%Y-%m-%d %H:%M:%S)"),
        ("DATE", ["2009-01-01", None], "DATE", "text_date(%Y-%m-%d)"),
        ("DATE", ["2009-01-01", "soon"], "VARCHAR", "None"),
        ("DATETIME", [1_600_000_000], "TIMESTAMPTZ", "epoch(s)"),
        ("BOOLEAN", [0, 1, None], "BOOLEAN", "bool01"),
        ("BOOLEAN", [0, 1, 2], "BIGINT", "None"),
        ("TEXT", ["1", "2"], "VARCHAR", "None"),
        ("TEXT", ["2009-01-01"], "VARCHAR", "None"),
        ("BLOB", [b"x"], "BLOB", "None"),
        ("DATE", [None], "DATE", "None"),
    ],
)
def test_sqlite_columns_become_what_their_values_prove(
    declared: str, values: list[Any], target_type: str, representation: str
) -> None:
    reading, placement = read(declared, values)
    assert (placement.target_type, str(reading.source_representation)) == (target_type, representation)
    assert not reading.losses


def test_a_zero_date_becomes_null_only_as_a_counted_loss() -> None:
    reading, placement = read("DATE", ["2009-01-01", "0000-00-00", "0000-00-00"])
    assert placement.target_type == "DATE"
    assert [(loss.rule, loss.count, loss.approved_by) for loss in reading.losses] == [("zero_date_is_null", 2, None)]
    assert [str(rule) for rule in reading.policies] == ["zero_date_is_null"]


def test_words_among_integers_are_kept_as_text_without_loss() -> None:
    reading, placement = read("INTEGER", [1, 2, "unknown"])
    assert placement.target_type == "VARCHAR"
    assert str(reading.target_representation) == "text_number"
    assert not reading.losses


def test_digits_as_text_beside_integers_need_approval() -> None:
    reading, _ = read("INTEGER", [1, 2, "007"])
    assert [(loss.rule, loss.count) for loss in reading.losses] == [("as_text", 2)]


@pytest.mark.parametrize(
    ("values", "target_type"),
    [
        (["1", "20", None], "BIGINT"),
        (["007", "1"], "VARCHAR"),
        (["1.5", "2"], "DECIMAL(2,1)"),
        (["1.50"], "VARCHAR"),
        (["2020-01-01"], "DATE"),
        ([None, None], "VARCHAR"),
        (["", "1"], "VARCHAR"),
    ],
)
def test_a_csv_column_has_a_type_only_if_every_value_inverts(values: list[Any], target_type: str) -> None:
    survey = survey_of(values)
    reading = read_column("csv", Column("c", Type("text", "text")), survey)
    assert target_engine("duckdb").place(reading.type, survey).target_type == target_type


@pytest.mark.parametrize(
    ("logical", "target", "target_type", "representation"),
    [
        (Type("decimal", "numeric(10,2)", precision=10, scale=2), "sqlite", "NUMERIC(10,2)", "real_decimal"),
        (Type("decimal", "numeric(30,2)", precision=30, scale=2), "sqlite", "TEXT", "text_number"),
        (Type("decimal", "numeric"), "duckdb", "DECIMAL(38,10)", "None"),
        (Type("timestamp", "timestamp"), "sqlite", "TEXT", "text_date(%Y-%m-%d %H:%M:%S%.f)"),
        (Type("boolean", "bool"), "sqlite", "BOOLEAN", "bool01"),
        (Type("uuid", "uuid"), "sqlite", "TEXT", "uuid_text"),
        (Type("integer", "HUGEINT", minimum=-(2**127), maximum=2**127 - 1), "postgresql", "numeric(39,0)", "None"),
    ],
)
def test_a_logical_type_is_held_without_loss(logical: Type, target: str, target_type: str, representation: str) -> None:
    placement = target_engine(target).place(logical, survey_of([]))
    assert (placement.target_type, str(placement.representation)) == (target_type, representation)


def test_an_interval_is_text_on_sqlite_and_itself_on_postgresql() -> None:
    interval = Type("interval", "interval")
    assert str(target_engine("sqlite").place(interval, survey_of([])).representation) == "interval_iso"
    assert target_engine("postgresql").place(interval, survey_of([])).target_type == "interval"
