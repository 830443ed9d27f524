import sqlite3
from pathlib import Path

import pytest

from appliance.conversion.survey import ColumnSurvey
from appliance.engines.registry import target_engine
from appliance.engines.rehearse import rehearse
from appliance.loading.scratch import duckdb_scratch, sqlite_scratch
from appliance.planning.assess import assess
from appliance.planning.model import Plan
from appliance.planning.order import load_order
from appliance.planning.planner import PlanOptions, make_plan
from kora.catalog import Catalog, Name
from kora.databases.registry import open_database
from tests.unit.chinook import DATA, chinook, surveys_of

CLINIC = """
CREATE TABLE district (code CHAR(4) PRIMARY KEY NOT NULL, title TEXT COLLATE NOCASE);
CREATE TABLE doctor (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL DEFAULT 'unknown', ward INTEGER REFERENCES ward (id),
    active BOOLEAN DEFAULT 1 CHECK (active IN (0, 1)), since DATETIME DEFAULT CURRENT_TIMESTAMP,
    token TEXT DEFAULT (lower(hex(randomblob(4))))
);
CREATE TABLE ward (id INTEGER PRIMARY KEY, head INTEGER REFERENCES doctor (id),
    district CHAR(4) REFERENCES district (code) ON DELETE CASCADE);
CREATE TABLE log (at TEXT, what TEXT);
CREATE INDEX active_doctors ON doctor (name) WHERE active = 1;
CREATE INDEX upper_name ON doctor (upper(name));
CREATE VIEW active_doctor AS
    SELECT d.id, d.name, w.id AS ward_id FROM doctor d JOIN ward w ON w.id = d.ward WHERE d.active = 1;
CREATE VIEW counted AS SELECT count(*) AS n FROM active_doctor;
CREATE VIEW odd AS SELECT printf('%d', id) AS text FROM doctor;
CREATE TRIGGER doctor_log AFTER INSERT ON doctor BEGIN INSERT INTO log VALUES ('now', 'new doctor'); END;
INSERT INTO district VALUES ('N1', 'North');
INSERT INTO doctor VALUES (1, 'Ada', 1, 1, '2020-01-01 00:00:00', 'x'), (2, 'Ben', 9, 0, '2020-01-02 10:00:00', 'y');
INSERT INTO ward VALUES (1, 1, 'N1');
"""  # fmt: skip
ORPHAN = "doctor(ward) -> ward(id)"


@pytest.fixture
def clinic(tmp_path: Path) -> tuple[Catalog, dict[Name, dict[str, ColumnSurvey]]]:
    path = tmp_path / "clinic.db"
    connection = sqlite3.connect(path)
    connection.executescript(CLINIC)
    connection.close()
    database = open_database(f"sqlite:///{path}")
    catalog = database.catalog()
    database.close()
    return catalog, surveys_of(path, catalog)


def losses(plan: Plan) -> dict[str, str]:
    return {loss.subject: loss.rule for loss in plan.losses}


@pytest.mark.parametrize("target", ["duckdb", "postgresql", "sqlite"])
def test_chinook_is_carried_without_any_loss(target: str) -> None:
    plan = make_plan(*chinook(), target)
    assert plan.losses == plan.refused == ()
    assert len(plan.tables) == 11
    assert not any(column.policies for table in plan.tables for column in table.columns)
    assert all(table.stable_key for table in plan.tables)
    invoice = {column.source: column for column in plan.table(Name("", "Invoice")).columns}
    if target == "sqlite":
        assert (invoice["Total"].target_type, invoice["InvoiceDate"].target_type) == ("NUMERIC(10,2)", "DATETIME")
        assert not any(column.source_representation for column in invoice.values())
        return
    assert str(invoice["Total"].source_representation) == "real_decimal"
    assert str(invoice["InvoiceDate"].source_representation) == "text_date(%Y-%m-%d %H:%M:%S)"


@pytest.mark.parametrize(("target", "scratch"), [("duckdb", duckdb_scratch), ("sqlite", sqlite_scratch)])
def test_chinook_rehearses_unchanged_and_drops_to_nothing(target: str, scratch) -> None:  # type: ignore[no-untyped-def]
    plan = make_plan(*chinook(), target)
    with scratch() as execute:
        assert rehearse(plan, execute) == plan
        for _ in range(2):
            for statement in target_engine(target).drop_statements(plan):
                execute(statement.sql)


def test_the_same_input_gives_the_same_digest_and_an_approval_another(clinic) -> None:  # type: ignore[no-untyped-def]
    plan = make_plan(*clinic, "duckdb")
    assert plan.digest == make_plan(*clinic, "duckdb").digest
    losses = tuple(loss.model_copy(update={"approved_by": "A. Person"}) for loss in plan.losses)
    assert losses and plan.model_copy(update={"losses": losses}).digest != plan.digest


def test_duckdb_refuses_by_name_what_it_cannot_do(clinic) -> None:  # type: ignore[no-untyped-def]
    plan = make_plan(*clinic, "duckdb")
    assert losses(plan) == {
        "district.title": "collation",
        "default doctor.token": "default",
        "index doctor.active_doctors": "index",
        "foreign key doctor(ward) -> ward(id)": "foreign_key",
        "foreign key ward(district) -> district(code)": "foreign_key_action",
        "view odd": "view",
        "trigger doctor_log": "trigger",
    }
    with duckdb_scratch() as execute:
        assert rehearse(plan, execute) == plan


def test_parents_are_loaded_before_children_and_a_circle_is_cut_once(clinic) -> None:  # type: ignore[no-untyped-def]
    plan = make_plan(*clinic, "duckdb")
    order = [str(table.source) for table in plan.tables]
    assert order.index("district") < order.index("ward")
    assert order.index("doctor") < order.index("ward")
    assert [note for note in plan.notes if "circle" in note] == [
        "doctor and ward refer to each other in a circle; doctor is loaded first"
    ]
    assert not plan.table(Name("", "doctor")).foreign_keys[0].carried


def test_an_orphaned_reference_in_a_circle_costs_no_other_one(clinic) -> None:  # type: ignore[no-untyped-def]
    plan = make_plan(*clinic, "duckdb", orphans={ORPHAN: 1})
    refused = [key.source for table in plan.tables for key in table.foreign_keys if not key.carried]
    assert refused == [ORPHAN]


@pytest.mark.parametrize(
    ("target", "decision", "validated"),
    [("duckdb", "refused", True), ("postgresql", "carried", False), ("sqlite", "carried", True)],
)
def test_an_orphaned_foreign_key_is_a_counted_loss(clinic, target: str, decision: str, validated: bool) -> None:  # type: ignore[no-untyped-def]
    plan = make_plan(*clinic, target, orphans={ORPHAN: 1})
    key = plan.table(Name("", "doctor")).foreign_keys[0]
    assert (key.decision, key.validated) == (decision, validated)
    assert [loss.count for loss in plan.losses if loss.rule == "orphaned_foreign_key"] == [1]


def test_views_are_renamed_with_their_tables_and_stand_in_order(clinic) -> None:  # type: ignore[no-untyped-def]
    plan = make_plan(*clinic, "postgresql", PlanOptions(schema="clinic"))
    carried = [str(view.target) for view in plan.views if view.carried]
    assert carried == ["clinic.active_doctor", "clinic.counted"]
    assert '"clinic"."doctor" AS "d"' in plan.views[0].query


def test_what_the_engine_refuses_in_the_rehearsal_is_refused_in_the_plan(clinic) -> None:  # type: ignore[no-untyped-def]
    plan = make_plan(*clinic, "duckdb")
    doctor = plan.table(Name("", "doctor"))
    bad_check = doctor.checks[0].model_copy(update={"expression": "no_such_function(name)"})
    broken = doctor.model_copy(update={"checks": (bad_check,)})
    tables = tuple(broken if table is doctor else table for table in plan.tables)
    view = next(view for view in plan.views if str(view.source) == "counted")
    views = tuple(item.model_copy(update={"query": "SELECT nothing"}) if item is view else item for item in plan.views)
    with duckdb_scratch() as execute:
        rehearsed = rehearse(plan.model_copy(update={"tables": tables, "views": views}), execute)
    check = rehearsed.table(Name("", "doctor")).checks[0]
    assert check.decision == "refused"
    assert "no_such_function" in check.reason
    assert {"check doctor.doctor_check1", "view counted"} <= set(losses(rehearsed))


def test_the_mapping_names_keys_and_rules_for_the_comparison(clinic) -> None:  # type: ignore[no-untyped-def]
    mapping = make_plan(*clinic, "duckdb").mapping()
    by_name = {str(table.source): table for table in mapping.tables}
    assert by_name["doctor"].key == ("id",)
    assert by_name["doctor"].unique
    assert by_name["log"].key == ()
    assert not by_name["log"].unique


def test_a_key_with_a_null_is_refused_and_its_table_has_no_stable_key(tmp_path: Path) -> None:
    path = tmp_path / "null.db"
    connection = sqlite3.connect(path)
    connection.executescript("CREATE TABLE t (k TEXT PRIMARY KEY); INSERT INTO t VALUES (NULL), ('a');")
    connection.close()
    database = open_database(f"sqlite:///{path}")
    catalog = database.catalog()
    database.close()
    table = make_plan(catalog, surveys_of(path, catalog), "postgresql").tables[0]
    assert table.primary_key is not None
    assert "NULL" in table.primary_key.reason
    assert table.stable_key == ()


def test_a_circle_of_references_is_cut_at_one_edge() -> None:
    order, cut = load_order(["a", "b", "c"], {"a": {"b", "a"}, "b": {"c"}, "c": {"a"}})
    assert len(cut) == 1
    assert sorted(order) == ["a", "b", "c"]


def test_the_assessment_counts_and_names_what_is_hard(clinic) -> None:  # type: ignore[no-untyped-def]
    found = assess(*clinic)
    assert (found.counts["tables"], found.counts["views"], found.counts["triggers"]) == (4, 3, 1)
    assert {(item.severity, item.subject) for item in found.hard} >= {
        ("decision", "trigger doctor_log"),
        ("note", "log"),
    }


def test_a_circle_is_cut_where_a_reference_may_be_null() -> None:
    references = {"a": {"b"}, "b": {"a"}}
    assert load_order(["a", "b"], references, {("a", "b")}) == (["a", "b"], {("a", "b")})
    assert load_order(["a", "b"], references, {("b", "a")}) == (["b", "a"], {("b", "a")})


@pytest.mark.parametrize("name", ["negativepk.db", "zeropk.db", "borked.db", "mixed_data_numeric.db", "emptytype.db"])
def test_odd_files_are_planned_and_rehearsed_without_an_unapproved_loss(name: str) -> None:
    path = DATA / "sqlite_odd" / name
    database = open_database(f"sqlite:///{path.resolve()}")
    catalog = database.catalog()
    database.close()
    plan = make_plan(catalog, surveys_of(path, catalog), "duckdb")
    with duckdb_scratch() as execute:
        assert rehearse(plan, execute) == plan
    assert not plan.ledger.unapproved
