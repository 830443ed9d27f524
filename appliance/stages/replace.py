"""What changed in the source since a killed attempt loaded it is taken out of the target again, before loading goes on.

Chunks cover the whole key space without gaps, so a row that was updated, inserted or deleted anywhere changes the
digest of exactly one chunk, or of two if it was given another key.
"""

from appliance.engines.registry import target_engine
from appliance.faults import reached
from appliance.journal import Chunk
from appliance.loading.base import TargetWriter, Unit
from appliance.migration import Migration
from appliance.stages.prepare import made_objects
from appliance.stages.units import TableUnits, checks_each_statement
from kora._core import raw_digest
from kora.catalog import Name
from kora.errors import SenseiError

_ORDERED_KINDS = frozenset({"integer"})
"""Key kinds that source and target certainly order alike; a chunk of others cannot be removed by its range."""


def replace_what_changed(migration: Migration, writer: TargetWriter) -> None:
    """Digests the source rows of each committed unit anew; removes those that differ, and notes it for the operator."""
    tables = [TableUnits(migration, plan) for plan in migration.decided_plan.tables]
    changed: dict[Name, list[Chunk]] = {}
    for table in tables:
        found = [chunk for chunk in migration.journal.chunks(table.label) if _has_changed(table, chunk)]
        if found:
            changed[table.plan.target] = found
    if not changed:
        return
    _lift_foreign_keys(migration, writer, set(changed))
    referring = _referring(tables, set(changed)) if checks_each_statement(migration) else set()
    for table in reversed(tables):
        target = table.plan.target
        if target in changed:
            _replace(table, writer, changed[target], whole=target in referring or not _ordered_alike(table))
        elif target in referring:
            _remove_whole(table, writer)


def _has_changed(table: TableUnits, chunk: Chunk) -> bool:
    checkpoint = table.migration.checkpoints.get((table.label, chunk.number))
    if checkpoint is None:
        return False
    rows, digest = raw_digest(table.rows(chunk), table.migration.migration_key)
    return (rows, digest.hex()) != (checkpoint.row_count, checkpoint.raw_digest)


def _ordered_alike(table: TableUnits) -> bool:
    """Whether the target can tell a chunk's rows by the source's key range."""
    return bool(table.key) and all(
        table.source_table.column(key).type.kind in _ORDERED_KINDS and not table.plan.column(key).source_representation
        for key in table.key
    )


def _referring(tables: list[TableUnits], changed: set[Name]) -> set[Name]:
    """Tables whose rows hold on to rows of a changed table, directly or through others, a self-reference included."""
    found: set[Name] = set()
    growing = True
    while growing:
        more = {
            table.plan.target
            for table in tables
            for key in table.plan.foreign_keys
            if key.carried and key.parent in changed | found
        }
        growing = not more <= found
        found |= more
    return found


def _lift_foreign_keys(migration: Migration, writer: TargetWriter, changed: set[Name]) -> None:
    """Drops the foreign keys of and to changed tables where `finalize` had made them; it makes them again.

    Standing, they would forbid the removal, or carry it on to rows whose checkpoints remain.
    """
    touching = {
        f"foreign key {table.target}.{key.name}"
        for table in migration.decided_plan.tables
        for key in table.foreign_keys
        if table.target in changed or key.parent in changed
    }
    made = made_objects(migration.journal)
    unsure = migration.journal.fact("making")
    for statement in target_engine(migration.decided_plan.target.engine).drop_statements(migration.decided_plan):
        if statement.object in touching & (made | {unsure}):
            writer.execute(statement.sql)
            made.discard(statement.object)
            migration.journal.set_fact("made", sorted(made))


def _replace(table: TableUnits, writer: TargetWriter, changed: list[Chunk], *, whole: bool) -> None:
    chunks = table.chunks()
    migration = table.migration
    # First, so that a kill between the two is told of twice rather than not at all.
    migration.journal.add_note(
        f"{table.plan.source}: {len(changed)} of {len(chunks)} chunks had changed in the source since they were"
        f" loaded; {len(chunks) if whole else len(changed)} were replaced"
    )
    if whole:
        _remove_whole(table, writer)
        return
    for chunk in changed:
        _remove(table, writer, table.unit(chunk))
        migration.checkpoints.pop((table.label, chunk.number), None)


def _remove_whole(table: TableUnits, writer: TargetWriter) -> None:
    _remove(table, writer, table.unit(Chunk(0, None, None)))
    for label, number in list(table.migration.checkpoints):
        if label == table.label:
            del table.migration.checkpoints[label, number]


def _remove(table: TableUnits, writer: TargetWriter, unit: Unit) -> None:
    reached("load.remove.before")
    try:
        writer.remove(unit)
    except SenseiError:
        writer.rollback()
        raise
    reached("load.remove.after")
