"""Moves the rows, unit by unit, each with its checkpoint in one transaction; goes on where a killed run stopped."""

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from appliance.engines.registry import target_engine
from appliance.faults import reached
from appliance.journal import Chunk
from appliance.loading.base import Checkpoint, Refused, TargetWriter, Unit, UnitRefused
from appliance.migration import Migration
from appliance.planning.model import TablePlan
from appliance.progress import Event
from appliance.stages.replace import replace_what_changed
from appliance.stages.units import TableUnits, source_range
from kora._core import Batch, Loader, Progress
from kora.comparison.mapping import TableMapping
from kora.errors import SenseiError

name = "load"

_BATCH_SIZE_BYTES = 1 << 20
"""Encoding and the target work side by side within a unit, but not across its ends: the first and the last batch of
each are waited for. A megabyte is some 10,000 rows, far above what a statement costs."""
_ALONE_SIZE_BYTES = 8 * _BATCH_SIZE_BYTES
"""A batch is larger than its size only by its last row: this one has a row too large for two of them at once."""


def run(migration: Migration) -> tuple[int, int]:
    """Loads every table of the plan in its order.

    Returns:
        Rows read and units loaded in this attempt. Committed units stay whatever happens afterwards.
    """
    plan = migration.decided_plan
    writer = migration.target.writer()
    try:
        migration.checkpoints = writer.checkpoints(migration.run.id)
        if migration.resumed:
            replace_what_changed(migration, writer)
        workers = _workers(migration)
        if workers == 1:
            return _sum([_Table(migration, table, writer).load() for table in plan.tables])
    finally:
        writer.close()
    with ThreadPoolExecutor(workers, thread_name_prefix="load") as pool:
        return _sum(list(pool.map(lambda table: _load_alone(migration, table), plan.tables)))


def _workers(migration: Migration) -> int:
    """Tables at once: more than one only where both engines take several sessions."""
    streams = migration.source.streams_at_once if migration.target.address.engine == "postgresql" else 1
    wanted = max(migration.run.request.workers, 1)
    if wanted > streams:
        source, target = migration.source.dialect.engine, migration.target.address.engine
        at_once = "one table is loaded at a time" if streams == 1 else f"{streams} tables are loaded at a time"
        migration.journal.add_note(f"--workers {wanted} was ignored: from {source} to {target} {at_once}")
    return min(wanted, streams)


def _load_alone(migration: Migration, table: TablePlan) -> tuple[int, int]:
    writer = migration.target.writer()
    try:
        return _Table(migration, table, writer).load()
    finally:
        writer.close()


def _sum(counts: Sequence[tuple[int, int]]) -> tuple[int, int]:
    return sum(rows for rows, _ in counts), sum(units for _, units in counts)


@dataclass
class _Table(TableUnits):
    """One table being loaded through one writer."""

    writer: TargetWriter

    def load(self) -> tuple[int, int]:
        """Loads what is not there yet, and replaces what has changed since it was loaded."""
        progress = Progress()
        self.migration.listener(Event("table", f"load {self.plan.source}", progress, self.plan.rows))
        rows = units = 0
        for chunk in self.chunks():
            if (str(self.plan.target), chunk.number) not in self.migration.checkpoints:
                rows += self._load_unit(chunk, progress)
                units += 1
        return rows, units

    def _load_unit(self, chunk: Chunk, progress: Progress) -> int:
        """Loads one unit; where the engine gives the whole transaction back, again without the rows it blamed."""
        unit, blamed = self.unit(chunk), dict[int, str]()
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
            del batch
            self.writer.settle()
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
        mapping = TableMapping(
            source=self.plan.source,
            target=self.plan.target,
            columns=tuple(column.mapping() for column in self.columns),
            key=self.key or self.shown_key,
        )
        return Loader(
            self.rows(chunk),
            mapping.profile(),
            engine.capabilities.encoding,
            [self.writer.wire_type(column.wire_type) for column in self.columns],
            self.migration.migration_key,
            batch_size_bytes=_BATCH_SIZE_BYTES,
            progress=progress,
        )


def _prefetch(loader: Loader) -> Iterator[Batch]:
    """Encodes the next batch while the target takes this one. At most two batches are alive, a large one alone."""
    with ThreadPoolExecutor(1, thread_name_prefix="encode") as pool:
        coming = [pool.submit(loader.next_batch)]
        while (batch := coming.pop().result()) is not None:
            if batch.byte_count < _ALONE_SIZE_BYTES:
                coming.append(pool.submit(loader.next_batch))
            # Nothing here may hold on to a large batch while the next one is made.
            handed = [batch]
            del batch
            yield handed.pop()
            if not coming:
                coming.append(pool.submit(loader.next_batch))


ShownValue: TypeAlias = str | dict[str, str | int] | None
"""A value's text; a long one as the file that has it, its bytes and its SHA-256."""


def refused_rows(migration: Migration, folder: Path) -> Iterator[tuple[str, Refused, dict[str, ShownValue]]]:
    """Every refused row of the run: source table, refusal, and its values as the source shows them, by column.

    Long values go to files in `folder`, whatever their size, without being held here.
    """
    for place, plan in enumerate(migration.decided_plan.tables):
        for chunk in migration.journal.chunks(str(plan.target)):
            checkpoint = migration.checkpoints.get((str(plan.target), chunk.number))
            if checkpoint is None or not checkpoint.refused:
                continue
            refused = sorted(checkpoint.refused, key=lambda row: row.ordinal)
            table = migration.known_catalog.table(plan.source)
            columns = [column.source for column in plan.columns if column.loaded and not column.not_comparable]
            stream = migration.source.rows(table, columns, source_range(table, chunk))
            shown = stream.picked([row.ordinal for row in refused], str(folder), f"{place}-{chunk.number}")
            for row, cells in zip(refused, shown, strict=True):
                values = {
                    name: _aside(folder.name, *aside) if aside else text
                    for name, (_, text, aside) in zip(columns, cells, strict=True)
                }
                yield str(plan.source), row, values


def _aside(folder: str, name: str, size_bytes: int, sha256: str) -> dict[str, str | int]:
    return {"file": f"{folder}/{name}", "bytes": size_bytes, "sha256": sha256}


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
