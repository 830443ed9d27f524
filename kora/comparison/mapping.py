"""What a comparison needs of a plan: which tables and columns pair up, and the rules under which values are equal.

`Mapping` is the only part of a plan that KORA reads. Representations are invertible readings and cost nothing;
policies are lossy and every value that one changes is counted.
"""

import json
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from kora.catalog import Name

UNICODE_VERSION = "18.0"
PROFILE_FORMAT = "kora-profile-1"

REPRESENTATIONS = (
    "real_decimal", "text_date", "text_number", "epoch", "uuid_text", "bool01", "enum_label", "json_text",
    "bool_text", "utc_clock", "structured_json", "network_text", "moment_text", "interval_iso", "bit_text",
    "timetz_text", "geometry_text", "money", "money_text",
)  # fmt: skip
POLICIES = (
    "rtrim_char", "nfc", "empty_is_null", "casefold", "zero_date_is_null", "round", "json_value", "f32",
    "negative_zero", "as_text", "float_tolerance",
)  # fmt: skip
FLOAT_TOLERANCE = "float_tolerance"
SECOND_PASS = frozenset({FLOAT_TOLERANCE})
"""Policies that look at rows that differ, with their real values: no part of a profile, and of no digest."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Rule(_Strict):
    """A rule by name with its argument: `text_date` a format, `epoch` a unit, `round` the digits."""

    rule: str
    argument: str | None = None

    def __str__(self) -> str:
        return f"{self.rule}({self.argument})" if self.argument else self.rule


class ColumnMapping(_Strict):
    """One pair of columns."""

    source: str
    target: str
    source_representation: Rule | None = None
    target_representation: Rule | None = None
    policies: tuple[Rule, ...] = ()


class TableMapping(_Strict):
    """One pair of tables. `key` names source columns of a key that is stable on both sides; empty if there is none."""

    source: Name
    target: Name
    columns: tuple[ColumnMapping, ...]
    key: tuple[str, ...] = ()
    unique: bool = False
    """Whether each row's multiplicity is 1 by right on the target (a validated unique NOT NULL key)."""
    not_comparable: dict[str, str] = Field(default_factory=dict)
    """Source column → why it is left out of the comparison."""

    @property
    def pair(self) -> str:
        """The pair's own name."""
        return f"{self.source}~{self.target}"

    def profile(self) -> str:
        """The comparison profile as canonical JSON: what the core digests rows under."""
        positions = [column.source for column in self.columns]
        body = {
            "format": PROFILE_FORMAT,
            "pair": self.pair,
            "columns": [_column_pair(column) for column in self.columns],
            "key": [positions.index(name) for name in self.key],
            "unicode": UNICODE_VERSION,
        }
        return json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _column_pair(column: ColumnMapping) -> dict[str, object]:
    digested = [_rule(rule) for rule in column.policies if rule.rule not in SECOND_PASS]
    body: dict[str, object] = {"pair": column.source, "policies": digested}
    if column.source_representation:
        body["source"] = _rule(column.source_representation)
    if column.target_representation:
        body["target"] = _rule(column.target_representation)
    return body


def _rule(rule: Rule) -> dict[str, str]:
    return {"rule": rule.rule} if rule.argument is None else {"rule": rule.rule, "argument": rule.argument}


class Mapping(_Strict):
    """Every pair of tables that is compared."""

    tables: tuple[TableMapping, ...]


class Verification(_Strict):
    """How a plan wants its databases compared. `live`: they are written meanwhile, so what differs is read again, after
    `settle_seconds`, before it is called different.
    """

    live: bool = False
    settle_seconds: Annotated[float, Field(ge=0, le=3600)] = 2.0

    @property
    def settling(self) -> float | None:
        """How long to wait before reading again; None where nobody writes."""
        return self.settle_seconds if self.live else None


LossClass: TypeAlias = Literal["lossless", "widened", "narrowed_proven", "lossy_approved", "refused"]
Outcome: TypeAlias = Literal[
    "match", "mismatch", "missing_in_target", "extra_in_target", "in_flight", "not_comparable", "not_run"
]
Side: TypeAlias = Literal["source", "target"]


class Loss(_Strict):
    """One line of the loss ledger: a rule changed `count` values of a column, or an object was left behind.

    `subject` is `table.column` for values, `view name`, `trigger name` … for objects.
    """

    rule: str
    subject: str
    count: Annotated[int, Field(ge=0)]
    reason: str = ""
    approved_by: str | None = None


class LossLedger(_Strict):
    """All declared losses. What is not in it is a finding."""

    losses: tuple[Loss, ...] = ()

    @property
    def unapproved(self) -> tuple[Loss, ...]:
        """Those that still need a person."""
        return tuple(loss for loss in self.losses if loss.count and not loss.approved_by)
