"""How Parquet files hold logical types, what is recorded about tables, and what their folders are called."""

import pytest
from pydantic import TypeAdapter

from appliance.conversion.survey import ColumnSurvey
from appliance.engines.parquet import ParquetTarget, read_name, read_table, read_words
from appliance.engines.registry import target_engine
from appliance.loading.parquet import folder_name, type_text
from appliance.loading.scratch import parquet_scratch
from appliance.planning.planner import make_plan
from kora.catalog import Catalog, Check, Column, ForeignKey, Identity, Index, IndexPart, Key, Name, Table, Type, View
from kora.databases.duckdb.types import column_type
from kora.errors import EngineError

ENGINE = ParquetTarget()
ID = Column("id", Type("integer", "INTEGER", "INTEGER", minimum=0, maximum=9), nullable=False)


@pytest.mark.parametrize(
    ("logical", "target_type", "rule"),
    [
        (Type("integer", "x", minimum=-5, maximum=2**40), "BIGINT", None),
        (Type("integer", "x", minimum=0, maximum=2**64 - 1), "UBIGINT", None),
        (Type("integer", "x", minimum=-(10**37), maximum=10**37), "DECIMAL(38,0)", None),
        (Type("decimal", "x", precision=38, scale=10), "DECIMAL(38,10)", None),
        (Type("decimal", "x", precision=50, scale=10), "VARCHAR", "text_number"),
        (Type("enum", "x", labels=("a", "b")), "VARCHAR", "enum_label"),
        (Type("timestamp", "x", fraction_digits=9), "TIMESTAMP_NS", None),
        (Type("instant", "x", fraction_digits=6), "TIMESTAMPTZ", None),
        (Type("uuid", "x"), "UUID", None),
        (Type("bit", "x"), "VARCHAR", "bit_text"),
        (Type("interval", "x"), "VARCHAR", "interval_iso"),
        (Type("timetz", "x"), "VARCHAR", "timetz_text"),
        (Type("json", "x"), "JSON", None),
        (Type("time", "x", fraction_digits=6), "TIME", None),
        (Type("bytes", "x"), "BLOB", None),
    ],
)
def test_a_type_is_placed_where_its_values_come_back(logical: Type, target_type: str, rule: str | None) -> None:
    placement = ENGINE.place(logical, ColumnSurvey())
    assert (placement.target_type, placement.refused) == (target_type, "")
    assert (placement.representation.rule if placement.representation else None) == rule


def test_infinite_days_are_kept_as_exact_text() -> None:
    placement = ENGINE.place(Type("date", "DATE"), ColumnSurvey(rows=9, infinite_moments=2))
    assert (placement.target_type, str(placement.representation)) == ("VARCHAR", "moment_text(date)")


@pytest.mark.parametrize(
    ("logical", "survey", "words"),
    [
        (Type("opaque", "tsquery", "tsquery"), ColumnSurvey(), "tsquery"),
        (Type("unsupported", "GEOMETRY"), ColumnSurvey(), "GEOMETRY"),
    ],
)
def test_a_type_that_does_not_come_back_is_refused_with_the_reason(logical, survey, words) -> None:
    assert words in ENGINE.place(logical, survey).refused


def test_integers_of_128_bits_are_decimals_where_the_survey_proves_it_and_text_elsewhere() -> None:
    huge = Type("integer", "HUGEINT", minimum=-(2**127), maximum=2**127 - 1)
    proven = ENGINE.place(huge, ColumnSurvey(rows=3, integer_digits=38))
    assert (proven.target_type, proven.loss_class) == ("DECIMAL(38,0)", "narrowed_proven")
    assert ENGINE.place(huge, ColumnSurvey(rows=3, integer_digits=39)).target_type == "VARCHAR"


@pytest.mark.parametrize("declared", ["HUGEINT", "BIT", "TIMESTAMP_S"])
def test_the_rehearsal_refuses_a_type_that_a_person_wrote_and_a_file_does_not_give_back(declared: str) -> None:
    assert type_text(Column("a", column_type(declared))) == declared
    table = Table(Name("", "t"), (Column("a", column_type(declared)),))
    statement = f"DECLARE {TypeAdapter(Table).dump_json(table).decode()}"
    with parquet_scratch() as execute, pytest.raises(EngineError):
        execute(statement)


def test_a_recorded_type_that_is_none_never_reaches_the_engine() -> None:
    forged = Type("text", "VARCHAR); COPY (SELECT 1) TO 'x'; --", "VARCHAR")
    with pytest.raises(EngineError, match="no type of this engine"):
        type_text(Column("a", forged))


def _plan(table: Table, **more: object):
    return make_plan(Catalog("duckdb", "1", tables=(table,), **more), {}, "parquet")


def test_keys_and_references_are_recorded_and_the_plan_says_that_nobody_enforces_them() -> None:
    name = Name("main", "staff")
    table = Table(
        name,
        (ID, Column("boss", ID.type)),
        primary_key=Key("", ("id",)),
        foreign_keys=(ForeignKey("", ("boss",), name, ("id",), on_delete="cascade"),),
        comment="who works here",
    )
    plan = _plan(table)
    (statement,) = ENGINE.create_statements(plan)
    word, body = read_words(statement.sql)
    recorded = read_table(body)
    assert (word, recorded.name, recorded.comment) == ("DECLARE", Name("", "staff"), "who works here")
    assert recorded.primary_key is not None
    assert recorded.primary_key.columns == ("id",)
    assert [(key.on_delete, key.validated) for key in recorded.foreign_keys] == [("cascade", False)]
    assert plan.losses == ()
    assert any("enforced by nobody" in note for note in plan.notes)
    (drop,), (seal,) = ENGINE.drop_statements(plan), ENGINE.counter_statements(plan)
    assert (read_words(drop.sql)[0], read_name(read_words(drop.sql)[1])) == ("DROP", Name("", "staff"))
    assert (read_words(seal.sql)[0], seal.phase) == ("SEAL", "counters")


def test_what_files_cannot_compute_or_check_is_a_loss_by_name() -> None:
    table = Table(
        Name("main", "staff"),
        (ID, Column("n", ID.type, default="7"), Column("k", ID.type, identity=Identity())),
        indexes=(Index("by_n", (IndexPart("n"),)),),
        checks=(Check("positive", "n > 0"),),
    )
    plan = _plan(table, views=(View(Name("main", "all_staff"), "SELECT * FROM staff"),))
    assert {(loss.rule, loss.subject) for loss in plan.losses} == {
        ("default", "default main.staff.n"),
        ("index", "index main.staff.by_n"),
        ("check", "check main.staff.positive"),
        ("view", "view main.all_staff"),
    }


def test_a_table_of_another_schema_carries_it_in_its_name() -> None:
    plan = _plan(Table(Name("sales", "visit"), (ID,)))
    assert plan.tables[0].target == Name("", "sales_visit")


def test_the_engine_refuses_statements_of_others() -> None:
    assert target_engine("parquet").name == "parquet"
    for sql in ("CREATE TABLE t (a INTEGER)", "DECLARE {}", "DROP 7"):
        with pytest.raises(EngineError):
            word, body = read_words(sql)
            (read_table if word == "DECLARE" else read_name)(body)


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("visit", "visit"),
        ("Größe 🙂", "Größe 🙂"),
        ("a/b", "a%2Fb"),
        ("..", "%2E."),
        (".hidden", "%2Ehidden"),
        ("100%", "100%25"),
        ("x=1", "x=1"),
    ],
)
def test_a_table_s_folder_is_its_name_but_for_what_no_path_takes(name: str, folder: str) -> None:
    assert folder_name(Name("", name)) == folder


def test_names_too_long_for_a_folder_stay_apart() -> None:
    folders = {folder_name(Name("", "ü" * 200 + end)) for end in "ab"}
    assert len(folders) == 2
    assert all(len(folder.encode()) < 255 for folder in folders)
