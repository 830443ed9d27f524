"""The source's fingerprint as it was logged before the first row was loaded, and whether the source still obeys it.

Per table the rows and the sum of their raw digests under the migration's key, without a value. Whoever makes the target
writes it down first and names its SHA-256; KORA reads the source anew and must find the same. A sum, not a set hash:
`docs/adr` says what that leaves open.
"""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from kora._core import DigestKey, RawTally, raw_digest
from kora.catalog import Catalog, Table
from kora.comparison.result import LoggedSource, NotChecked
from kora.databases.base import Database, readable_type

SOURCE_LOG_FORMAT: Literal["kora-source-log-1"] = "kora-source-log-1"
_HEX_DIGEST = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class LoggedTable(_Frozen):
    """One table: which columns were read in which order, how many rows, and Σ of their raw digests (mod 2²⁵⁶)."""

    name: str
    columns: Annotated[tuple[str, ...], Field(min_length=1)]
    row_count: Annotated[int, Field(ge=0)]
    raw_digest: _HEX_DIGEST


class SourceLog(_Frozen):
    """What was written before the load. `claimed_time` is the writer's clock (RFC 3339, UTC)."""

    format: Literal["kora-source-log-1"] = SOURCE_LOG_FORMAT
    url: str
    identity: dict[str, str]
    tables: tuple[LoggedTable, ...]
    key_id: str
    run_id: str
    claimed_time: str


class SourceWitness:
    """Digests the source's raw rows while they are compared, and holds the totals against the log."""

    def __init__(self, log: SourceLog, key: DigestKey) -> None:
        self._log = log
        self._key = key
        self._tallies: dict[str, RawTally] = {}

    def tally(self, table: Table, columns: Sequence[str]) -> RawTally | None:
        """A tally for a pass that reads all rows of just the logged columns; None where it would not do."""
        name = str(table.name)
        if not any(entry.name == name and entry.columns == tuple(columns) for entry in self._log.tables):
            return None
        return self._tallies.setdefault(name, RawTally(self._key))

    def judge(self, database: Database, catalog: Catalog, *, sha256: str) -> tuple[LoggedSource, list[NotChecked]]:
        """What the certificate says of the log, and for each table that disobeys it a reason to prove nothing.

        A table that no tally saw is read once more. Raises as the database's own methods do.
        """
        changed = []
        for entry in self._log.tables:
            now = self._total(entry, database, catalog)
            if now != (entry.row_count, bytes.fromhex(entry.raw_digest)):
                changed.append(_changed(entry, now))
        if self._log.key_id != self._key.key_id:
            changed.append(_blocking("(all)", "it was logged under another migration key, so nothing can be compared"))
        facts = LoggedSource(
            sha256=sha256,
            claimed_time=self._log.claimed_time,
            tables=len(self._log.tables),
            rows=sum(entry.row_count for entry in self._log.tables),
            agrees=not changed,
        )
        return facts, changed

    def _total(self, entry: LoggedTable, database: Database, catalog: Catalog) -> tuple[int, bytes] | None:
        if entry.name in self._tallies:
            return self._tallies[entry.name].total()
        table = next((item for item in catalog.tables if str(item.name) == entry.name), None)
        there = {column.name for column in table.columns if readable_type(column.type)} if table else set()
        if table is None or table.unreadable or not set(entry.columns) <= there:
            return None
        return raw_digest(database.rows(table, list(entry.columns)), self._key)


def _changed(entry: LoggedTable, now: tuple[int, bytes] | None) -> NotChecked:
    if now is None:
        return _blocking(entry.name, "the source changed since it was logged: it can no longer be read as it was then")
    counts = f"{entry.row_count:,} rows then, {now[0]:,} now" if entry.row_count != now[0] else "other values"
    return _blocking(entry.name, f"the source changed since it was logged: {counts}")


def _blocking(name: str, detail: str) -> NotChecked:
    return NotChecked(what="logged source", name=name, detail=detail, side="source", blocking=True)
