"""What two fingerprints say of each other, as frozen values: what the terminal, `--json` and `kora locate` work from.

No value of any row is in it: keys are tags and rows half digests, which only a side's own database turns into keys.
"""

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from kora.comparison.mapping import Loss, Outcome, Side
from kora.comparison.result import Count, NotChecked, NotComparableColumn, TableResult, Verdict

DIFF_FORMAT: Literal["kora-diff-1"] = "kora-diff-1"
LocatedBy: TypeAlias = Literal["counts and roots", "bucket sums", "sketch", "list of rows"]
_Hex: TypeAlias = Annotated[str, Field(pattern="^(?:[0-9a-f]{2})+$", max_length=64)]
RowDigests: TypeAlias = tuple[tuple[_Hex, Count], ...]
"""Half a row digest in hex, and how many such rows one side has more than the other."""


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class KeyDifference(_Frozen):
    """One key whose rows differ: its tag, and the rows that stand on one side only."""

    key_tag: Annotated[str, Field(pattern="^[0-9a-f]{16}$")]
    source: RowDigests = ()
    target: RowDigests = ()


class CarriedSide(_Frozen):
    """How one side calls a table, and its columns in the profile's order."""

    table: str
    columns: tuple[str, ...] = ()


class CarriedTable(_Frozen):
    """One pair of tables. Counts are exact, or None where the files do not hold enough to count.

    `partial`: `keys` came out of a sketch that was too short, so they are some of those that differ. `buckets` are
    those in which the tables differ, where tier 1 says so.
    """

    source: CarriedSide | None
    target: CarriedSide | None
    outcome: Outcome
    profile: str | None = None
    source_rows: Count | None = None
    target_rows: Count | None = None
    mismatch: Count | None = None
    missing_in_target: Count | None = None
    extra_in_target: Count | None = None
    located_by: LocatedBy = "counts and roots"
    keys: tuple[KeyDifference, ...] = ()
    keys_omitted: Count = 0
    partial: bool = False
    buckets: tuple[int, ...] = ()
    not_comparable_columns: tuple[NotComparableColumn, ...] = ()
    losses: tuple[Loss, ...] = ()
    detail: str = ""

    @property
    def name(self) -> str:
        """The pair as a person reads it."""
        source, target = (side.table if side else "(none)" for side in (self.source, self.target))
        return source if source == target else f"{source} → {target}"

    @property
    def counted(self) -> bool:
        """Whether the differing rows were counted."""
        return self.mismatch is not None

    def as_result(self) -> TableResult:
        """For the verdict, which judges carried and live comparisons alike."""
        return TableResult(
            source=self.source.table if self.source else None,
            target=self.target.table if self.target else None,
            outcome=self.outcome,
            source_rows=self.source_rows,
            target_rows=self.target_rows,
            mismatch=self.mismatch or 0,
            missing_in_target=self.missing_in_target or 0,
            extra_in_target=self.extra_in_target or 0,
            not_comparable_columns=self.not_comparable_columns,
            losses=self.losses,
        )


class CarriedFacts(_Frozen):
    """One side: what its file says of itself."""

    url: str
    role: Side | Literal["unassigned"]
    identity: dict[str, str] = Field(default_factory=dict)
    claimed_time: str = ""
    file: str = ""


class CarriedDiff(_Frozen):
    """The whole comparison. `hints` are the commands that would say more."""

    format: Literal["kora-diff-1"] = DIFF_FORMAT
    verdict: Verdict
    exit_code: int
    reasons: tuple[str, ...] = ()
    decisions_needed: tuple[str, ...] = ()
    tier: int
    key_id: str
    run_id: str
    source: CarriedFacts
    target: CarriedFacts
    tables: tuple[CarriedTable, ...]
    losses: tuple[Loss, ...] = ()
    not_checked: tuple[NotChecked, ...] = ()
    hints: tuple[str, ...] = ()
