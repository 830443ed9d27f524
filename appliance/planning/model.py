"""The plan: every decision about one migration, as immutable data.

Nothing is decided elsewhere: the DDL, the load and the comparison are computed from this alone. KORA reads only
`Plan.mapping()`. What is lossy or left behind stands in `losses`, where a person approves it.
"""

import hashlib
import json
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, field_validator, model_validator

from appliance.conversion.identifiers import IdentifierPolicy
from kora.catalog import Action, Name
from kora.comparison.mapping import (
    POLICIES,
    REPRESENTATIONS,
    SECOND_PASS,
    ColumnMapping,
    Loss,
    LossClass,
    LossLedger,
    Mapping,
    Rule,
    TableMapping,
    Verification,
)
from kora.comparison.tolerance import parse_tolerance
from kora.errors import InvalidRequest

PLAN_FORMAT = "sensei-plan-1"
Engine: TypeAlias = Literal["sqlite", "duckdb", "postgresql", "mariadb", "csv", "parquet"]
Decision: TypeAlias = Literal["carried", "refused"]


def _name_from_text(value: object) -> object:
    """`schema.name` or `name`, where that says it all; names with dots of their own are written as a mapping."""
    if not isinstance(value, str):
        return value
    schema, dot, name = value.partition(".")
    if "." in name:
        raise ValueError("a name with dots is written as {schema: …, name: …}")
    return Name(schema, name) if dot else Name("", value)


def _name_to_text(name: Name) -> str | dict[str, str]:
    if "." in name.name or "." in name.schema:
        return {"schema": name.schema, "name": name.name}
    return str(name)


def _rule_from_text(value: object) -> object:
    """`rule` or `rule(argument)`."""
    if not isinstance(value, str):
        return value
    rule, parenthesis, rest = value.partition("(")
    if not parenthesis:
        return Rule(rule=rule)
    if not rest.endswith(")"):
        raise ValueError(f"a rule is written as `name` or `name(argument)`, not {value!r}")
    return Rule(rule=rule, argument=rest[:-1])


PlanName: TypeAlias = Annotated[Name, BeforeValidator(_name_from_text), PlainSerializer(_name_to_text)]
PlanRule: TypeAlias = Annotated[Rule, BeforeValidator(_rule_from_text), PlainSerializer(str)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Decided(_Strict):
    """Something that is carried to the target, or refused with a reason."""

    decision: Decision = "carried"
    reason: str = ""

    @property
    def carried(self) -> bool:
        """Whether the target gets it."""
        return self.decision == "carried"

    @model_validator(mode="after")
    def _reasoned(self) -> "Decided":
        if self.decision == "refused" and not self.reason:
            raise ValueError("what is refused needs a reason")
        return self


class SequencePlan(Decided):
    """A counter on the target. It continues behind `last_value`, which the load corrects to what the data hold."""

    name: PlanName
    source: PlanName | None = None
    start: int = 1
    increment: int = 1
    minimum: int | None = None
    maximum: int | None = None
    cycle: bool = False
    last_value: int | None = None


class IdentityPlan(_Strict):
    """A column that the target counts up. `sequence` where the engine needs one of ours."""

    always: bool = False
    start: int = 1
    increment: int = 1
    last_value: int | None = None
    sequence: PlanName | None = None


class GeneratedPlan(_Strict):
    """A column that the target computes, in its own words."""

    expression: str
    stored: bool = True


class ColumnPlan(_Strict):
    """One column. `default` is the target's own expression text."""

    source: str
    target: str
    source_type: str = ""
    target_type: str
    wire_type: str
    nullable: bool = True
    default: str | None = None
    identity: IdentityPlan | None = None
    generated: GeneratedPlan | None = None
    hidden: bool = False
    """Whether `SELECT *` leaves it out, as on the source; between MariaDB and its like alone."""
    source_representation: PlanRule | None = None
    target_representation: PlanRule | None = None
    policies: tuple[PlanRule, ...] = ()
    loss_class: LossClass = "lossless"
    author: str = "person"
    evidence: str = ""
    comment: str | None = None
    not_comparable: str | None = None
    """Why its values cannot be compared; then the verdict is `not_proven`."""

    @field_validator("source_representation", "target_representation")
    @classmethod
    def _known_representation(cls, rule: Rule | None) -> Rule | None:
        if rule and rule.rule not in REPRESENTATIONS:
            raise ValueError(f"{rule.rule} is no representation; known: {', '.join(REPRESENTATIONS)}")
        return rule

    @field_validator("policies")
    @classmethod
    def _known_policies(cls, rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
        for rule in rules:
            if rule.rule not in POLICIES:
                raise ValueError(f"{rule.rule} is no policy; known: {', '.join(POLICIES)}")
            if rule.rule in SECOND_PASS:
                _check_tolerance(rule)
        return rules

    @property
    def loaded(self) -> bool:
        """Whether the load writes it; the engine computes the others."""
        return self.generated is None

    def mapping(self) -> ColumnMapping:
        """What KORA needs of it."""
        return ColumnMapping(
            source=self.source,
            target=self.target,
            source_representation=self.source_representation,
            target_representation=self.target_representation,
            policies=self.policies,
        )


def _check_tolerance(rule: Rule) -> None:
    """Refused here, where a line of the file can be named, and not after the load."""
    try:
        parse_tolerance(rule)
    except InvalidRequest as error:
        raise ValueError(f"{error.message}; {error.hint}") from error


class KeyPlan(Decided):
    """A primary key or unique constraint, in target names."""

    name: str = ""
    source: str = ""
    """How the source's catalog calls it: `table(columns)`."""
    columns: tuple[str, ...]
    nulls_distinct: bool = True
    deferrable: bool = False


class IndexPartPlan(_Strict):
    """One column or expression of an index."""

    column: str | None = None
    expression: str | None = None
    descending: bool = False
    nulls_first: bool | None = None
    collation: str | None = None


class IndexPlan(Decided):
    """An index, in target names."""

    name: str
    source: str = ""
    parts: tuple[IndexPartPlan, ...]
    unique: bool = False
    where: str | None = None
    included: tuple[str, ...] = ()


class ForeignKeyPlan(Decided):
    """A reference, in target names. Not `validated`: the engine enforces it on new rows only.

    `set_columns`: what `on_delete` changes; empty: every column.
    """

    name: str = ""
    source: str = ""
    columns: tuple[str, ...]
    parent: PlanName
    parent_columns: tuple[str, ...]
    on_delete: Action = "no_action"
    on_update: Action = "no_action"
    match_full: bool = False
    deferrable: bool = False
    initially_deferred: bool = False
    validated: bool = True
    set_columns: tuple[str, ...] = ()


class CheckPlan(Decided):
    """A check in the target's words."""

    name: str = ""
    source: str = ""
    expression: str


class ExclusionPlan(Decided):
    """An exclusion constraint in the target's words."""

    name: str
    source: str = ""
    definition: str


class TablePlan(_Strict):
    """One table."""

    source: PlanName
    target: PlanName
    columns: Annotated[tuple[ColumnPlan, ...], Field(min_length=1)]
    left_out: dict[str, str] = Field(default_factory=dict)
    """Source column → why the target has none for it."""
    stable_key: tuple[str, ...] = ()
    """Source columns of a key that is unique and NOT NULL on both sides."""
    primary_key: KeyPlan | None = None
    unique_keys: tuple[KeyPlan, ...] = ()
    indexes: tuple[IndexPlan, ...] = ()
    foreign_keys: tuple[ForeignKeyPlan, ...] = ()
    checks: tuple[CheckPlan, ...] = ()
    exclusions: tuple[ExclusionPlan, ...] = ()
    comment: str | None = None
    rows: int | None = None
    """Rows that the survey counted."""

    @model_validator(mode="after")
    def _columns_exist(self) -> "TablePlan":
        targets = [column.target for column in self.columns]
        for kind, names in (("source", [column.source for column in self.columns]), ("target", targets)):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"{kind} column {twice[0]!r} stands twice in {self.source}")
        keys = ([self.primary_key] if self.primary_key else []) + list(self.unique_keys) + list(self.foreign_keys)
        for key in keys:
            missing = [name for name in key.columns if name not in targets]
            if missing and key.carried:
                raise ValueError(f"{self.source} has no target column {missing[0]!r}, which a key names")
        return self

    @model_validator(mode="after")
    def _keys_exact(self) -> "TablePlan":
        for column in self.columns:
            if column.source in self.stable_key and any(rule.rule in SECOND_PASS for rule in column.policies):
                raise ValueError(f"{self.source}.{column.source} is part of the key: rows are paired by exact keys")
        return self

    def column(self, source: str) -> ColumnPlan:
        """The column of exactly this source name; `KeyError` if there is none."""
        for column in self.columns:
            if column.source == source:
                return column
        raise KeyError(source)

    def mapping(self) -> TableMapping:
        """What KORA needs of it."""
        return TableMapping(
            source=self.source,
            target=self.target,
            columns=tuple(column.mapping() for column in self.columns if not column.not_comparable),
            key=self.stable_key,
            unique=bool(self.stable_key),
            not_comparable=self.left_out
            | {column.source: column.not_comparable for column in self.columns if column.not_comparable},
        )


class ViewPlan(Decided):
    """A view in the target's words."""

    source: PlanName
    target: PlanName
    columns: tuple[str, ...] = ()
    query: str = ""


class RefusedObject(_Strict):
    """What is left behind, with its whole text, so that it is not forgotten."""

    kind: str
    name: str
    reason: str
    text: str = ""


class EnumPlan(_Strict):
    """A named enumeration on the target."""

    name: PlanName
    labels: tuple[str, ...]


TypeKind: TypeAlias = Literal["domain", "composite", "range"]


class TypePlan(_Strict):
    """A named type on the target. `definition` stands behind its name in CREATE TYPE or CREATE DOMAIN."""

    name: PlanName
    source: PlanName
    kind: TypeKind
    definition: str


class Endpoint(_Strict):
    """One side: its engine, and its URL without a password."""

    engine: Engine
    url: str = ""


class Plan(_Strict):
    """The plan of one migration. Tables stand in load order: parents before children."""

    format: Literal["sensei-plan-1"] = "sensei-plan-1"
    source: Endpoint
    target: Endpoint
    identifier_policy: IdentifierPolicy = "preserve"
    losses: tuple[Loss, ...] = ()
    verification: Verification = Verification()
    """How KORA is to compare in the end, and whenever `kora verify --plan` is asked."""
    schemas: tuple[str, ...] = ()
    extensions: tuple[str, ...] = ()
    """Of the target's server, whose types columns are of."""
    enums: tuple[EnumPlan, ...] = ()
    types: tuple[TypePlan, ...] = ()
    """In the order in which they can be made."""
    sequences: tuple[SequencePlan, ...] = ()
    tables: tuple[TablePlan, ...] = ()
    views: tuple[ViewPlan, ...] = ()
    refused: tuple[RefusedObject, ...] = ()
    notes: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _tables_once(self) -> "Plan":
        for side in ("source", "target"):
            names = [getattr(table, side) for table in self.tables]
            twice = sorted({str(name) for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"{side} table {twice[0]!r} stands twice")
        return self

    @property
    def digest(self) -> str:
        """SHA-256, hex, over the plan's canonical JSON: every decision and every approval."""
        body = self.model_dump(mode="json", by_alias=True)
        text = json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

    @property
    def ledger(self) -> LossLedger:
        """The declared losses."""
        return LossLedger(losses=self.losses)

    def table(self, source: Name) -> TablePlan:
        """The table of exactly this source name; `KeyError` if there is none."""
        for table in self.tables:
            if table.source == source:
                return table
        raise KeyError(str(source))

    def mapping(self) -> Mapping:
        """All that KORA needs of the plan."""
        return Mapping(tables=tuple(table.mapping() for table in self.tables))
