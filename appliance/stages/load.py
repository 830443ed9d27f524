"""Moves the rows, unit by unit, each with its checkpoint in one transaction; goes on where a killed run stopped."""

import json
import queue
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from appliance.engines.registry import target_engine
from appliance.faults import reached
from appliance.journal import Chunk
from appliance.loading.base import Checkpoint, Refused, TargetWriter, Unit, UnitRefused
from appliance.loading.chunks import cut
from appliance.migration import Migration
from appliance.planning.model import ColumnPlan, TablePlan
from appliance.progress import Event
from kora._core import Batch, Loader, Progress, raw_digest
from kora.catalog import Table
from kora.comparison.mapping import TableMapping
from kora.databases.base import KeyRange
from kora.errors import SenseiError

name = "load"

_BATCH_SIZE_BYTES = 2 << 20
"""Encoding and the target work side by side within a unit, but not across its ends: the first and the last batch of
each are waited for. Two megabytes are some 20,000 rows, far above what a statement costs."""
_ONE_CONNECTION_SOURCES = frozenset({"sqlite"})
_ORDERED_KINDS = frozenset({"integer"})


def run(migration: Migration) -> tuple[int, int]:
    """Loads every table of the plan in its order.

    Returns:
        Rows read and units loaded in this attempt. Committed units stay whatever happens afterwards.
    """
    plan = migration.decided_plan
    writer = migration.target.writer()
    try:
        migration.checkpoints = writer.checkpoints(migration.run.id)
        workers = _workers(migration)
        if workers == 1:
            return _sum([_Table(migration, table, writer).load() for table in plan.tables])
    finally:
        writer.close()
    with ThreadPoolExecutor(workers, thread_name_prefix="load") as pool:
        return _sum(list(pool.map(lambda table: _load_alone(migration, table), plan.tables)))


def _workers(migration: Migration) -> int:
    """Tables at once: more than one only where both engines take several sessions."""
    several = (
        migration.source.dialect.engine not in _ONE_CONNECTION_SOURCES
        and migration.target.address.engine == "postgresql"
    )
    return max(migration.run.request.workers, 1) if several else 1


def _load_alone(migration: Migration, table: TablePlan) -> tuple[int, int]:
    writer = migration.target.writer()
    try:
        return _Table(migration, table, writer).load()
    finally:
        writer.close()


def _sum(counts: Sequence[tuple[int, int]]) -> tuple[int, int]:
    return sum(rows for rows, _ in counts), sum(units for _, units in counts)


@dataclass
class _Table:
    """One table being loaded through one writer."""

    migration: Migration
    plan: TablePlan
    writer: TargetWriter

    def load(self) -> tuple[int, int]:
        """Loads what is not there yet, and replaces what has changed since it was loaded."""
        progress = Progress()
        self.migration.listener(Event("table", f"load {self.plan.source}", progress, self.plan.rows))
        chunks = self._chunks()
        if self.migration.resumed:
            self._replace_what_changed(chunks)
        rows = units = 0
        for chunk in chunks:
            if (str(self.plan.target), chunk.number) not in self.migration.checkpoints:
                rows += self._load_unit(chunk, progress)
                units += 1
        return rows, units

    @property
    def _columns(self) -> list[ColumnPlan]:
        return [column for column in self.plan.columns if column.loaded and not column.not_comparable]

    @property
    def _source_table(self) -> Table:
        return self.migration.known_catalog.table(self.plan.source)

    @property
    def _key(self) -> tuple[str, ...]:
        """Source columns that rows are cut by; none for a table that must arrive in one statement per generation."""
        if self._generations:
            return ()
        loaded = {column.source for column in self._columns}
        key = self._source_table.stable_key
        return key if loaded.issuperset(key) else ()

    @property
    def _generations(self) -> tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]:
        """Self-references that the engine checks in each statement."""
        engine = target_engine(self.migration.decided_plan.target.engine)
        if engine.capabilities.foreign_keys_when != "in_create" or not engine.capabilities.enforces_foreign_keys:
            return ()
        return tuple(
            (key.columns, key.parent_columns)
            for key in self.plan.foreign_keys
            if key.carried and key.parent == self.plan.target
        )

    def _chunks(self) -> list[Chunk]:
        journal, label = self.migration.journal, str(self.plan.target)
        chunks = journal.chunks(label)
        if not chunks:
            size = self.migration.run.request.chunk_size_bytes
            chunks = cut(self.migration.source, self._source_table, self._key, size)
            journal.set_chunks(label, chunks)
        return chunks

    def _unit(self, chunk: Chunk) -> Unit:
        names = {column.source: column for column in self._columns}
        bounds = None
        if chunk.after is not None or chunk.upto is not None:
            bounds = KeyRange(tuple(names[key].target for key in self._key), chunk.after, chunk.upto)
        return Unit(
            run=self.migration.run.id,
            table=self.plan.target,
            number=chunk.number,
            columns=tuple(column.target for column in self._columns),
            key_range=bounds,
            generations=self._generations,
            key_types=tuple(names[key].target_type for key in self._key),
        )

    def _load_unit(self, chunk: Chunk, progress: Progress) -> int:
        """Loads one unit; where the engine gives the whole transaction back, again without the rows it blamed."""
        unit, blamed = self._unit(chunk), dict[int, str]()
        while True:
            try:
                checkpoint = self._attempt(unit, chunk, blamed, progress)
            except UnitRefused as error:
                blamed.update(error.bad)
                continue
            except (SenseiError, KeyboardInterrupt):
                self.writer.rollback()
                raise
            self.migration.checkpoints[str(unit.table), unit.number] = checkpoint
            return checkpoint.row_count

    def _attempt(self, unit: Unit, chunk: Chunk, blamed: dict[int, str], progress: Progress) -> Checkpoint:
        reached("load.begin.before")
        self.writer.begin(unit)
        reached("load.begin.after")
        loader = self._loader(chunk, progress)
        refused: list[Refused] = []
        for batch in _prefetch(loader):
            refused += [Refused(*entry) for entry in batch.rejected]
            refused += [
                Refused(ordinal, batch.key_text(index), "", blamed[ordinal])
                for index, ordinal in enumerate(batch.ordinals() if blamed else [])
                if ordinal in blamed
            ]
            refused += self.writer.write(batch, blamed.keys())
            reached("load.batch.after")
        checkpoint = Checkpoint(
            table=str(unit.table),
            number=unit.number,
            row_count=loader.row_count,
            raw_digest=loader.raw_digest.hex(),
            refused=tuple(refused),
            tallies=loader.tallies,
        )
        reached("load.commit.before")
        self.writer.commit(unit, checkpoint)
        reached("load.commit.after")
        return checkpoint

    def _loader(self, chunk: Chunk, progress: Progress) -> Loader:
        engine = target_engine(self.migration.decided_plan.target.engine)
        stream = self.migration.source.rows(
            self._source_table, [column.source for column in self._columns], source_range(self._source_table, chunk)
        )
        mapping = TableMapping(
            source=self.plan.source,
            target=self.plan.target,
            columns=tuple(column.mapping() for column in self._columns),
            key=self._key or self._shown_key(),
        )
        return Loader(
            stream,
            mapping.profile(),
            engine.capabilities.encoding,
            [column.wire_type for column in self._columns],
            self.migration.migration_key,
            batch_size_bytes=_BATCH_SIZE_BYTES,
            progress=progress,
        )

    def _shown_key(self) -> tuple[str, ...]:
        """Columns that name a row to a person where the table is not cut by its key."""
        loaded = {column.source for column in self._columns}
        return tuple(key for key in self._source_table.stable_key if key in loaded)

    def _replace_what_changed(self, chunks: list[Chunk]) -> None:
        """Digests the source rows of each committed unit anew and removes those that have changed since."""
        changed = [chunk for chunk in chunks if self._has_changed(chunk)]
        if not changed:
            return
        label = str(self.plan.target)
        in_order = all(
            self._source_table.column(key).type.kind in _ORDERED_KINDS
            and not self.plan.column(key).source_representation
            for key in self._key
        )
        if self._key and in_order:
            removed = changed
            for chunk in removed:
                self._remove(self._unit(chunk))
        else:
            removed = chunks
            whole = self._unit(Chunk(0, None, None))
            self._remove(whole)
        for chunk in removed:
            self.migration.checkpoints.pop((label, chunk.number), None)
        self.migration.journal.add_note(
            f"{self.plan.source}: {len(changed)} of {len(chunks)} chunks had changed in the source since they were"
            f" loaded; {len(removed)} were replaced"
        )

    def _remove(self, unit: Unit) -> None:
        reached("load.remove.before")
        try:
            self.writer.remove(unit)
        except SenseiError:
            self.writer.rollback()
            raise
        reached("load.remove.after")

    def _has_changed(self, chunk: Chunk) -> bool:
        checkpoint = self.migration.checkpoints.get((str(self.plan.target), chunk.number))
        if checkpoint is None:
            return False
        stream = self.migration.source.rows(
            self._source_table, [column.source for column in self._columns], source_range(self._source_table, chunk)
        )
        rows, digest = raw_digest(stream, self.migration.migration_key)
        return (rows, digest.hex()) != (checkpoint.row_count, checkpoint.raw_digest)


def _prefetch(loader: Loader) -> Iterator[Batch]:
    """Encodes the next batch while the target takes this one. At most two batches are alive."""
    slots: queue.Queue[Batch | SenseiError | None] = queue.Queue(maxsize=1)
    stopped = threading.Event()

    def produce() -> None:
        try:
            while not stopped.is_set():
                batch = loader.next_batch()
                slots.put(batch)
                if batch is None:
                    return
        except SenseiError as error:
            slots.put(error)

    thread = threading.Thread(target=produce, name="encode", daemon=True)
    thread.start()
    try:
        while True:
            item = slots.get()
            if item is None:
                return
            if isinstance(item, SenseiError):
                raise item
            yield item
    finally:
        stopped.set()
        while thread.is_alive():
            try:
                slots.get(timeout=0.05)
            except queue.Empty:
                thread.join(0.05)


def refused_rows(migration: Migration) -> Iterator[tuple[str, Refused, dict[str, str | None]]]:
    """Every refused row of the run: source table, refusal, and its values as the source shows them, by column."""
    for plan in migration.decided_plan.tables:
        for chunk in migration.journal.chunks(str(plan.target)):
            checkpoint = migration.checkpoints.get((str(plan.target), chunk.number))
            if checkpoint is None or not checkpoint.refused:
                continue
            refused = sorted(checkpoint.refused, key=lambda row: row.ordinal)
            table = migration.known_catalog.table(plan.source)
            columns = [column.source for column in plan.columns if column.loaded and not column.not_comparable]
            stream = migration.source.rows(table, columns, source_range(table, chunk))
            shown = stream.picked([row.ordinal for row in refused])
            for row, cells in zip(refused, shown, strict=True):
                values = {name: text for name, (_, text) in zip(columns, cells, strict=True)}
                yield str(plan.source), row, values


def source_range(table: Table, chunk: Chunk) -> KeyRange | None:
    """A chunk of the source. None for a whole table: it is then read as it lies, without the cost of an order."""
    if chunk.after is None and chunk.upto is None:
        return None
    return KeyRange(table.stable_key, chunk.after, chunk.upto)


def loader_counts(migration: Migration) -> dict[tuple[str, str], int]:
    """What the loader's policies changed, per rule and `table.column`, summed over all units of the run."""
    sources = {str(table.target): str(table.source) for table in migration.decided_plan.tables}
    counts: dict[tuple[str, str], int] = {}
    for (table, _), checkpoint in migration.checkpoints.items():
        for tally in json.loads(checkpoint.tallies):
            for rule, changed in tally["policies"].items():
                if changed:
                    entry = (rule, f"{sources[table]}.{tally['pair']}")
                    counts[entry] = counts.get(entry, 0) + changed
    return counts
