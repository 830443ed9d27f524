"""Values that SQLite cannot hold as they are stand in the plan, before anything is loaded."""

import pytest
import yaml

from tests.e2e.migrating import file_url, migrate, run_sensei
from tests.servers import Database

pytestmark = pytest.mark.usefixtures("sensei_home")


@pytest.fixture
def source(postgres_database: Database) -> str:
    postgres_database.execute(
        "CREATE TABLE t (id int PRIMARY KEY, day date, at timestamp, moment timestamptz, clock time, x float8,"
        " y float8)",
        "INSERT INTO t VALUES (1, '2024-02-29', '2024-02-29 10:00', '2024-02-29 10:00+00', '10:00', 1.5, '-0')",
        "INSERT INTO t VALUES (2, 'infinity', '2024-01-01', '-infinity', '10:00', 'NaN', 2.5)",
        "INSERT INTO t VALUES"
        " (3, '0044-03-15 BC', '10000-01-01', '2024-01-01 00:00+00', '24:00', 'Infinity', '-Infinity')",
        "INSERT INTO t VALUES (4, '0001-01-01', '9999-12-31 23:59:59.999999', NULL, '23:59:59.999999', NULL, NULL)",
        "CREATE TABLE plain (id int PRIMARY KEY, day date, x float8)",
        "INSERT INTO plain VALUES (1, '0001-01-01', 1.5), (2, '9999-12-31', 'Infinity')",
    )
    return postgres_database.url


def test_the_plan_counts_them_by_column_and_reason(source, tmp_path):
    plan = tmp_path / "plan.yaml"
    assert run_sensei("plan", source, file_url("sqlite", tmp_path / "t.db"), "-o", plan).code == 0
    foreseen = {
        loss["subject"].removeprefix("public."): (loss["count"], loss["reason"])
        for loss in yaml.safe_load(plan.read_text())["losses"]
        if loss["rule"] == "quarantined"
    }
    assert foreseen == {"t.x": (1, "1 values are NaN, which SQLite stores as NULL; their rows are quarantined")}


def test_negative_zero_finds_a_column_that_keeps_it_and_nothing_else_is_set_aside(source, tmp_path):
    said = migrate(source, file_url("sqlite", tmp_path / "t.db"), "--accept-loss", "quarantined")
    assert (said.code, said.verdict) == (0, "equivalent_with_declared_loss")
    assert said.column("public.t", "y")["target_type"] == "BLOB"
    assert said.column("public.plain", "x")["target_type"] == "REAL"
    aside = said.predicate()["quarantined"]
    assert said.column("public.t", "day")["target_representation"] == "moment_text(date)"
    assert said.column("public.plain", "day")["target_representation"].startswith("text_date")
    assert sum(entry["count"] for entry in aside) == 1
    assert {entry["table"] for entry in aside} == {"public.t"}
