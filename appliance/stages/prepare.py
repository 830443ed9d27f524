"""Makes the target ready: rights, room, an empty place, then tables and checkpoints."""

from collections.abc import Mapping
from contextlib import closing

from appliance.engines.base import Phase, Statement
from appliance.engines.registry import target_engine
from appliance.faults import reached
from appliance.journal import Journal
from appliance.loading.base import TargetWriter
from appliance.loading.checkpoints import create_statements
from appliance.migration import Migration
from kora.errors import EngineError, InvalidRequest

name = "prepare"

_MADE_ALREADY = (
    "already exists", "multiple primary keys", "duplicate key name", "duplicate key on write",
    "duplicate foreign key constraint name",
)  # fmt: skip
_DEFAULT_SCHEMAS = ("", "main", "public")
"""Where sources keep tables that go to the target's own default schema."""
SCHEMA = "schema "
"""How the names of schemas begin in statements and in the journal."""
EXTENSION = "extension "
"""And those of extensions."""
_SCHEMAS = {
    "duckdb": "SELECT schema_name FROM duckdb_schemas() WHERE database_name = current_database()",
    "postgresql": "SELECT nspname FROM pg_catalog.pg_namespace",
}
_EXTENSIONS = {"postgresql": "SELECT extname FROM pg_catalog.pg_extension"}
_ROOM_FACTOR = 3
_FEWEST_BYTES = 16 << 20


def run(migration: Migration) -> tuple[int, int]:
    """Creates what must stand before the data. Safe to repeat: what a killed run made is found and kept."""
    plan = migration.decided_plan
    engine = target_engine(plan.target.engine)
    schemas = tuple(sorted({table.target.schema for table in plan.tables}))
    for note in migration.target.preflight(_needed_bytes(migration), schemas):
        migration.journal.add_note(note)
    statements = engine.create_statements(plan)
    if not migration.journal.created():
        _refuse_occupied(migration, [statement.object for statement in statements])
        migration.journal.set_fact("target_stood", migration.target.exists())
    # `drop_statements` names dependents first; the journal gives back the last recorded first.
    drops = [(statement.object, statement.sql) for statement in reversed(engine.drop_statements(plan))]
    own = [(made, sql, drop) for made, sql, drop in create_statements(plan.target.engine)]
    shared = _schemas_to_make(migration, statements) + _extensions_to_make(migration)
    migration.journal.will_create(shared + [(o, drop) for o, _, drop in own] + drops)
    writer = migration.target.writer()
    try:
        for _, sql, _ in own:
            writer.execute(sql)
        done = made_objects(migration.journal)
        execute_phase(migration, writer, statements, "before_data", done)
    finally:
        writer.close()
    return len(statements), 0


def _schemas_to_make(migration: Migration, statements: list[Statement]) -> list[tuple[str, str]]:
    """Schemas of the plan that do not stand yet, each with the statement that drops it if nothing is left in it."""
    engine = target_engine(migration.decided_plan.target.engine)
    standing = _standing(migration, _SCHEMAS)
    planned = {statement.object for statement in statements}
    return [
        (f"{SCHEMA}{name}", f"DROP SCHEMA {engine.dialect.quote(name)}")
        for name in migration.decided_plan.schemas
        if f"{SCHEMA}{name}" in planned and name.casefold() not in standing
    ]


def _extensions_to_make(migration: Migration) -> list[tuple[str, str]]:
    """Extensions of the plan that do not stand yet, each with the statement that drops it if nobody else needs it."""
    wanted = migration.decided_plan.extensions
    if not wanted:
        return []
    quote, standing = (
        target_engine(migration.decided_plan.target.engine).dialect.quote,
        _standing(migration, _EXTENSIONS),
    )
    return [
        (f"{EXTENSION}{name}", f"DROP EXTENSION IF EXISTS {quote(name)}")
        for name in wanted
        if name.casefold() not in standing
    ]


def _standing(migration: Migration, queries: Mapping[str, str]) -> set[str]:
    """Names that an engine's query finds on the target, folded; none where the target has no such thing."""
    query = queries.get(migration.decided_plan.target.engine)
    if query is None or not migration.target.exists():
        return set()
    with closing(migration.target.reader()) as reader:
        return {str(row[0]).casefold() for row in reader.scalar_query(query)}


def look(migration: Migration) -> None:
    """What would stop the run anyway is said before the source is read: a missing right, no room, a full target."""
    default = target_engine(migration.target.address.engine).dialect.default_schema
    goes_there = any(table.name.schema in _DEFAULT_SCHEMAS for table in migration.known_catalog.tables)
    migration.target.preflight(_needed_bytes(migration), (default,) if goes_there else ())
    _refuse_occupied(migration, [])


def _needed_bytes(migration: Migration) -> int:
    size = sum(table.size_bytes or 0 for table in migration.known_catalog.tables)
    return max(size * _ROOM_FACTOR, _FEWEST_BYTES)


def execute_phase(
    migration: Migration, writer: TargetWriter, statements: list[Statement], phase: Phase, done: set[str]
) -> None:
    """Executes a phase's statements that a killed attempt had not made yet; each is noted once it stands."""
    for statement in statements:
        if statement.phase != phase or statement.object in done:
            continue
        interrupted = migration.journal.fact("making") == statement.object
        migration.journal.set_fact("making", statement.object)
        reached(f"{phase}.statement.before")
        try:
            writer.execute(statement.sql)
        except EngineError as error:
            # Only the one statement at which an attempt was killed can have been made without our note of it.
            if not (interrupted and any(words in error.message.lower() for words in _MADE_ALREADY)):
                migration.journal.set_fact("making", None)
                raise
        reached(f"{phase}.statement.after")
        done.add(statement.object)
        migration.journal.set_fact("made", sorted(done))


def made_objects(journal: Journal) -> set[str]:
    """Objects that stand in the target because this run made them, by their names in statements."""
    made = journal.fact("made")
    return {str(item) for item in made} if isinstance(made, list) else set()


def _refuse_occupied(migration: Migration, planned: list[str]) -> None:
    """A target that holds anything is refused, unless the operator said otherwise; a name that is taken always is."""
    if not migration.target.exists():
        return
    reader = migration.target.reader()
    try:
        catalog = reader.catalog()
    finally:
        reader.close()
    taken = [f"table {table.name}" for table in catalog.tables] + [f"view {view.name}" for view in catalog.views]
    clash = sorted({item.casefold() for item in taken} & {item.casefold() for item in planned})
    if clash:
        raise InvalidRequest(
            f"{migration.target.address} already has {', '.join(clash[:5])}"
            + (f" and {len(clash) - 5} more of the plan's objects" if len(clash) > 5 else ""),
            hint="rename them in the plan, drop them yourself, or choose another target",
        )
    if taken and not migration.run.request.into_existing:
        raise InvalidRequest(
            f"{migration.target.address} is not empty: {len(taken)} objects, first {sorted(taken)[0]}",
            hint="choose an empty target, or add --into-existing to put the new tables beside them",
        )
