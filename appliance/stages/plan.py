"""Decides about every object, tries the decisions on the real engine, and writes the plan that is carried out."""

from appliance.conversion.survey import read_surveys
from appliance.engines.postgresql import other_wire
from appliance.engines.rehearse import TypeRefused, rehearse
from appliance.migration import Migration
from appliance.planning.files import save_plan
from appliance.planning.model import Plan
from appliance.planning.planner import PlanOptions, make_plan
from appliance.stages.default_values import prove_defaults
from kora.catalog import Catalog
from kora.comparison.orphans import find_orphans
from kora.errors import InvalidRequest

name = "plan"


def run(migration: Migration) -> tuple[int, int]:
    """Fills `migration.plan` and writes it into the run's folder; returns the number of tables."""
    migration.plan = propose(migration)
    save_plan(migration.plan, migration.run.plan_path)
    return len(migration.plan.tables), 0


def propose(migration: Migration) -> Plan:
    """A plan by rules, rehearsed: what does not run on the target is refused by name."""
    request = migration.run.request
    migration.orphans = find_orphans(migration.source, migration.known_catalog)
    refused: dict[str, str] = {}
    while True:
        plan = make_plan(
            migration.known_catalog,
            read_surveys(migration.known_catalog, migration.surveys),
            migration.target.address.engine,
            PlanOptions(request.source, request.target, request.identifier_policy, refused=refused),
            orphans={orphans.foreign_key: orphans.count for orphans in migration.orphans},
        )
        try:
            with migration.target.scratch() as scratch:
                return prove_defaults(rehearse(plan, scratch), migration.source, migration.known_catalog, scratch)
        except TypeRefused as refusal:
            if refusal.made in refused:
                raise
            # Each turn leaves one more type away, so that there are at most as many turns as types.
            refused[refusal.made] = refusal.reason


def check_against(plan: Plan, catalog: Catalog) -> None:
    """A plan that was made for another source, or is out of date, is refused before anything is written.

    Raises:
        InvalidRequest: It names a table or column that the source does not have, leaves a table undecided, or sends
            a column in another form than its type has.
    """
    tables = {table.name: table for table in catalog.tables}
    for planned in plan.tables:
        if planned.source not in tables:
            raise InvalidRequest(
                f"the plan has a table {planned.source} that the source lacks",
                hint="make a new plan with `sensei plan`",
            )
        there = {column.name for column in tables[planned.source].columns}
        known = {column.source for column in planned.columns} | set(planned.left_out)
        for missing in sorted(known - there):
            raise InvalidRequest(f"the plan has a column {planned.source}.{missing} that the source lacks")
        for undecided in sorted(there - known):
            raise InvalidRequest(
                f"the plan says nothing about {planned.source}.{undecided}",
                hint="add the column, or name it under left_out with a reason",
            )
    _check_wires(plan)
    decided = {table.source for table in plan.tables}
    refused = {item.name for item in plan.refused if item.kind == "table"}
    for name_ in sorted(set(tables) - decided):
        if str(name_) not in refused:
            raise InvalidRequest(
                f"the plan says nothing about the table {name_}", hint="make a new plan, or leave it out with --exclude"
            )


def _check_wires(plan: Plan) -> None:
    """A type that was changed by hand without the form in which its values are sent: no row would arrive."""
    if plan.target.engine != "postgresql":
        return
    for table in plan.tables:
        for column in table.columns:
            needed = other_wire(column.target_type, column.wire_type)
            if needed:
                raise InvalidRequest(
                    f"the plan sends {table.source}.{column.source} as {column.wire_type}, but its target_type is"
                    f" {column.target_type}",
                    hint=f"set its wire_type to {needed}, too",
                )
