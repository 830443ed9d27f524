"""What a verification found, as frozen values: what verdict, certificate, report and `--json` are all made of.

This room owns the shape alone. How a result comes about is `kora.verify`'s; what it amounts to is
`kora.evidence.verdict`'s. Values in findings are redacted before they get here, unless the operator asked for them.
"""

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from kora.comparison.behavior import Behavior
from kora.comparison.mapping import Loss, Outcome, Side

Verdict: TypeAlias = Literal["equivalent", "equivalent_with_declared_loss", "different", "not_proven"]
Count: TypeAlias = Annotated[int, Field(ge=0)]
RESULT_FORMAT = "kora-result-1"


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class NotComparableColumn(_Frozen):
    """A column that was left out of the comparison, and why. One of them makes the verdict `not_proven`."""

    column: str
    reason: str


class Reading(_Frozen):
    """A representation at work on one side of a column: values read through it, and those that did not obey."""

    column: str
    side: Side
    rule: str
    read: Count
    disobeyed: Count = 0


Strategy: TypeAlias = Literal["stream", "pushdown"]
AskedStrategy: TypeAlias = Literal["stream", "pushdown", "auto"]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class ColumnDifference(_Frozen):
    """One column in which two rows of the same key differ.

    `source_value`/`target_value` are display text; None is SQL NULL only where the kind says `null`, else the row
    does not exist on that side or its value is redacted. `rule` is the canonical-row rule under which they differ.
    """

    column: str
    source_kind: str
    source_value: str | None
    target_kind: str
    target_value: str | None
    rule: str


class Finding(_Frozen):
    """A difference in one row, with the SQL that shows it on each side (empty where there is none)."""

    outcome: Outcome
    key: str
    columns: tuple[ColumnDifference, ...] = ()
    source_sql: str = ""
    target_sql: str = ""


class LineUse(_Frozen):
    """What one side's connections moved over TCP, and what was measured of their line, where it was.

    Microseconds of one question and its answer; bytes a second of a long one.
    """

    side: Side
    sent: Count
    received: Count
    round_trip_microseconds: Count | None = None
    bytes_per_second: Count | None = None


class StrategyUsed(_Frozen):
    """How tables were to be compared, and which hash servers computed where they did.

    `row_hash` is None where no server digested a row.
    """

    asked: AskedStrategy
    row_hash: str | None = None


class RowTree(_Frozen):
    """The Merkle tree over the target's rows in provable mode; `docs/formats/row-proof.md`.

    Leaves ascend by the digest of their key (`keyed`) or, in a table without a unique one, of the row.
    `target_columns` are the compared columns by their names there, in the profile's order.
    """

    size: Count
    root: Sha256
    sorted: Literal[True] = True
    key_commitment: Sha256
    keyed: bool
    target_columns: tuple[str, ...]


class TableResult(_Frozen):
    """One pair of tables. `source` or `target` is None where that side has no such table.

    Counts are exact and count rows, None where nobody could count; `findings` lists the first of them and
    `findings_omitted` says how many more there are. `root` is the set hash under the migration's key, in hex: the
    target's own, which holds for both sides only where the outcome is `match`.
    """

    source: str | None
    target: str | None
    outcome: Outcome
    source_rows: Count | None = None
    target_rows: Count | None = None
    mismatch: Count = 0
    missing_in_target: Count = 0
    extra_in_target: Count = 0
    in_flight: Count = 0
    not_comparable_columns: tuple[NotComparableColumn, ...] = ()
    losses: tuple[Loss, ...] = ()
    readings: tuple[Reading, ...] = ()
    root: Sha256 | None = None
    tree: RowTree | None = None
    findings: tuple[Finding, ...] = ()
    findings_omitted: Count = 0
    seconds: float = 0.0
    strategy: Strategy = "stream"
    strategy_reason: str = ""
    """Why this strategy, or why the one that was asked for could not be kept to; empty where nothing is to be said."""

    @property
    def name(self) -> str:
        """The pair as a person reads it: one name where both sides agree."""
        source, target = self.source or "(none)", self.target or "(none)"
        return source if source == target else f"{source} → {target}"

    @property
    def difference_count(self) -> int:
        """Rows that differ, are missing or are extra."""
        return self.mismatch + self.missing_in_target + self.extra_in_target


class Orphans(_Frozen):
    """Rows whose parent does not exist, per foreign key: counted exactly, the first keys listed, never deleted."""

    foreign_key: str
    table: str
    count: Count
    keys: tuple[str, ...] = ()


class NotChecked(_Frozen):
    """Something that exists and about which this result says nothing.

    `blocking`: nothing can be called equivalent without it (an unreadable table), so the verdict is `not_proven`.
    """

    what: str
    name: str
    detail: str = ""
    count: Count = 1
    side: Side | Literal["both"] = "both"
    blocking: bool = False


class Quarantined(_Frozen):
    """Source rows that the target's type or constraint refused; they lie in quarantine, not in the target.

    `table` is the source table's name as in `TableResult.source`.
    """

    table: str
    key: str
    column: str
    reason: str
    count: Count = 1
    approved_by: str | None = None


class Recount(_Frozen):
    """A loss that the loader declared with one count and KORA, from the raw source values, with another."""

    rule: str
    subject: str
    declared: Count
    recounted: Count


class DatabaseFacts(_Frozen):
    """One side: its URL without password, and what `Database.identity` said."""

    url: str
    identity: dict[str, str] = Field(default_factory=dict)


class LoggedSource(_Frozen):
    """The source's fingerprint as it was logged before the load: its file's SHA-256, and whether KORA found the same.

    `claimed_time` is the clock of whoever logged it (RFC 3339, UTC): claimed, not proven.
    """

    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    claimed_time: str
    tables: Count
    rows: Count
    agrees: bool


class Timing(_Frozen):
    """What one stage took."""

    stage: str
    seconds: float
    rows: Count = 0
    bytes: Count = 0


class VerificationResult(_Frozen):
    """Everything one verification found.

    `losses` is the whole ledger, refused objects included, with its approvals. `started`/`ended` are this machine's
    clock (RFC 3339, UTC): claimed, not proven. `key_id` names the migration key of the roots.
    """

    verdict: Verdict
    source: DatabaseFacts
    target: DatabaseFacts
    tables: tuple[TableResult, ...]
    orphans: tuple[Orphans, ...] = ()
    losses: tuple[Loss, ...] = ()
    quarantined: tuple[Quarantined, ...] = ()
    recounts: tuple[Recount, ...] = ()
    logged: LoggedSource | None = None
    behavior: Literal["not_run"] | Behavior = "not_run"
    not_checked: tuple[NotChecked, ...] = ()
    strategy: StrategyUsed = StrategyUsed(asked="stream")
    lines: tuple[LineUse, ...] = ()
    seconds: float = 0.0
    timings: tuple[Timing, ...] = ()
    key_id: str
    run_id: str
    started: str
    ended: str
