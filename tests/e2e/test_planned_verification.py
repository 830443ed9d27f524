"""What a plan says of its verification: a tolerance for doubles, and a target that is written meanwhile."""

import math
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml

from appliance.stages import verify
from tests.e2e.migrating import Said, file_url, migrate, run_kora, run_sensei
from tests.servers import Database

pytestmark = pytest.mark.usefixtures("sensei_home")


class Planned:
    """A small SQLite database and a plan that a test edits; its target, in PostgreSQL, is touched after the load."""

    def __init__(self, path: Path, target: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        self.target, self.monkeypatch = target, monkeypatch
        with closing(sqlite3.connect(path / "s.db")) as connection:
            connection.executescript(
                "CREATE TABLE m (id INTEGER PRIMARY KEY, x REAL NOT NULL);"
                "INSERT INTO m VALUES (1, 0.1), (2, 2.5), (3, 3.25);"
            )
        self.urls = file_url("sqlite", path / "s.db"), target.url
        self.plan = path / "plan.yaml"
        assert run_sensei("plan", *self.urls, "-o", self.plan).code == 0

    def edit(self, change: Callable[[dict[str, Any]], None]) -> None:
        body = yaml.safe_load(self.plan.read_text())
        change(body)
        self.plan.write_text(yaml.safe_dump(body, sort_keys=False))

    def migrate(self, after_load: str, *options: str) -> Said:
        """Carries the plan out; `after_load` is done to the target before it is verified."""
        self.target.execute("DROP TABLE IF EXISTS m")
        compare = verify.verify

        def first(*arguments: Any) -> Any:
            self.target.execute(after_load)
            return compare(*arguments)

        with self.monkeypatch.context() as patch:
            patch.setattr(verify, "verify", first)
            return migrate(*self.urls, "--plan", self.plan, *options)


@pytest.fixture
def planned(tmp_path: Path, postgres_database: Database, monkeypatch: pytest.MonkeyPatch) -> Planned:
    return Planned(tmp_path, postgres_database, monkeypatch)


def tolerate(argument: str, column: str = "x") -> Callable[[dict[str, Any]], None]:
    def change(plan: dict[str, Any]) -> None:
        (table,) = plan["tables"]
        next(item for item in table["columns"] if item["source"] == column)["policies"] = [
            f"float_tolerance({argument})"
        ]

    return change


def test_a_plans_tolerance_forgives_counts_and_is_approved_in_the_plan(planned: Planned) -> None:
    touched = f"UPDATE m SET x = {math.nextafter(0.1, 1)!r} WHERE id = 1"
    assert planned.migrate(touched).verdict == "different"
    planned.edit(tolerate("ulps,1"))
    said = planned.migrate(touched)
    assert (said.code, said.verdict, said.losses) == (5, "equivalent_with_declared_loss", [("float_tolerance", "m.x")])
    loss = {"rule": "float_tolerance", "subject": "m.x", "count": 1, "approved_by": "A. Okafor"}
    planned.edit(lambda plan: plan.update(losses=[loss]))
    assert planned.migrate(touched).code == 0
    assert planned.migrate(touched + "; UPDATE m SET x = 2.5000000000000004 WHERE id = 2").code == 5
    assert run_kora("verify", *planned.urls, "--plan", planned.plan, "--json").code == 5


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (tolerate("ulps,0"), "float_tolerance(ulps,4)"),
        (tolerate("about,1"), "float_tolerance(ulps,4)"),
        (tolerate("ulps,1", "id"), "part of the key"),
        (lambda plan: plan.update(verification={"live": True, "settle_seconds": -1}), "settle_seconds"),
        (lambda plan: plan.update(verification={"alive": True}), "alive"),
    ],
    ids=["a bound of nothing", "an unknown bound", "on the key", "a negative wait", "an unknown word"],
)
def test_what_a_plan_cannot_mean_is_refused_before_anything_is_written(planned: Planned, change, said: str) -> None:
    planned.edit(change)
    refused = migrate(*planned.urls, "--plan", planned.plan)
    assert refused.code == 2
    assert said in refused.err
    with planned.target.connect() as connection:
        assert connection.execute("SELECT to_regclass('m')").fetchall() == [(None,)]


def test_a_plan_for_a_living_target_reads_again_what_differs(planned: Planned) -> None:
    touched = "UPDATE m SET x = x + 1 WHERE id IN (1, 2)"
    assert planned.migrate(touched).tables["m"]["mismatch"] == 2
    planned.edit(lambda plan: plan.update(verification={"live": True, "settle_seconds": 0.25}))
    waited = []

    def heal(seconds: float) -> None:
        waited.append(seconds)
        planned.target.execute("UPDATE m SET x = x - 1 WHERE id = 1")

    planned.monkeypatch.setattr("kora.comparison.live.time.sleep", heal)
    said = planned.migrate(touched)
    assert (said.code, said.tables["m"]["mismatch"]) == (1, 1)
    assert waited == [0.25]
    (table,) = said.predicate()["tables"]
    assert table["in_flight"] == 1
