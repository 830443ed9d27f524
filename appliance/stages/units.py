"""One table's units: what loads and what commits at once, derived from the plan and the journal's chunk boundaries."""

from dataclasses import dataclass

from appliance.engines.registry import target_engine
from appliance.journal import Chunk
from appliance.loading.base import Unit
from appliance.loading.chunks import cut
from appliance.migration import Migration
from appliance.planning.model import ColumnPlan, TablePlan
from kora._core import RowStream
from kora.catalog import Table
from kora.databases.base import KeyRange


@dataclass
class TableUnits:
    """One table of the plan on its way from the source to the target."""

    migration: Migration
    plan: TablePlan

    @property
    def label(self) -> str:
        """How the journal and the checkpoints call the table."""
        return str(self.plan.target)

    @property
    def columns(self) -> list[ColumnPlan]:
        """Those that are loaded."""
        return [column for column in self.plan.columns if column.loaded and not column.not_comparable]

    @property
    def source_table(self) -> Table:
        """The table in the source's catalog."""
        return self.migration.known_catalog.table(self.plan.source)

    @property
    def key(self) -> tuple[str, ...]:
        """Source columns that rows are cut by; none for a table that must arrive in one statement per generation."""
        key = self.source_table.stable_key
        return key if self.shown_key == key and not self.generations else ()

    @property
    def shown_key(self) -> tuple[str, ...]:
        """Columns that name a row to a person where the table is not cut by its key."""
        loaded = {column.source for column in self.columns}
        return tuple(key for key in self.source_table.stable_key if key in loaded)

    @property
    def generations(self) -> tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]:
        """Self-references that the engine checks in each statement."""
        if not checks_each_statement(self.migration):
            return ()
        return tuple(
            (key.columns, key.parent_columns)
            for key in self.plan.foreign_keys
            if key.carried and key.parent == self.plan.target
        )

    def chunks(self) -> list[Chunk]:
        """The journal's boundaries; set now if they never were."""
        journal = self.migration.journal
        chunks = journal.chunks(self.label)
        if not chunks:
            size = self.migration.run.request.chunk_size_bytes
            chunks = cut(self.migration.source, self.source_table, self.key, size)
            journal.set_chunks(self.label, chunks)
        return chunks

    def unit(self, chunk: Chunk) -> Unit:
        """A chunk in the target's names."""
        names = {column.source: column for column in self.columns}
        bounds = None
        if chunk.after is not None or chunk.upto is not None:
            bounds = KeyRange(tuple(names[key].target for key in self.key), chunk.after, chunk.upto)
        return Unit(
            run=self.migration.run.id,
            table=self.plan.target,
            number=chunk.number,
            columns=tuple(column.target for column in self.columns),
            key_range=bounds,
            generations=self.generations,
            key_types=tuple(names[key].target_type for key in self.key),
        )

    def rows(self, chunk: Chunk) -> RowStream:
        """A chunk's rows in the source's snapshot."""
        columns = [column.source for column in self.columns]
        return self.migration.source.rows(self.source_table, columns, source_range(self.source_table, chunk))


def checks_each_statement(migration: Migration) -> bool:
    """Whether the target holds its foreign keys from the beginning and checks them in each statement."""
    capabilities = target_engine(migration.decided_plan.target.engine).capabilities
    return capabilities.foreign_keys_when == "in_create" and capabilities.enforces_foreign_keys


def source_range(table: Table, chunk: Chunk) -> KeyRange | None:
    """A chunk of the source. None for a whole table: it is then read as it lies, without the cost of an order."""
    if chunk.after is None and chunk.upto is None:
        return None
    return KeyRange(table.stable_key, chunk.after, chunk.upto)
