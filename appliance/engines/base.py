"""The seam that every target engine fills: what it can do, how it holds a logical type, and its DDL for a plan.

Pure: an engine makes statements and never executes them. Engines stand in `appliance.engines.registry`.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from appliance.conversion.survey import ColumnSurvey
from kora.catalog import Type
from kora.comparison.mapping import LossClass, Rule
from kora.databases.base import Dialect

if TYPE_CHECKING:
    from appliance.planning.model import Plan, TablePlan

Phase: TypeAlias = Literal["before_data", "after_data", "views", "counters"]
When: TypeAlias = Literal["in_create", "after_data", "never"]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an engine can do, as data. `*_when`: whether a constraint stands in CREATE TABLE or comes after the data."""

    keys_when: When
    foreign_keys_when: When
    checks_when: When
    foreign_key_actions: bool
    cyclic_foreign_keys: bool
    not_valid_foreign_keys: bool
    """Whether a foreign key that existing rows break can be created for new rows."""
    enforces_foreign_keys: bool
    """False: it can be created although rows break it, because enforcement is switched off."""
    partial_indexes: bool
    descending_indexes: bool
    expression_indexes: bool
    included_columns: bool
    schemas: bool
    enums: Literal["named", "inline", "none"]
    identity: Literal["native", "sequence", "rowid", "auto_increment", "none"]
    sequences: bool
    stored_generated: bool
    virtual_generated: bool
    generated_keys: bool
    deferrable_keys: bool
    comments: bool
    nul_in_text: bool
    decimal_digits: int | None
    """Most digits of an exact decimal; None: as many as anybody needs."""
    deferrable_foreign_keys: bool = True
    unnamed_constraints_keep_names: bool = True
    exclusion_constraints: bool = False
    encoding: Literal["postgres_copy", "arrow", "sqlite", "mysql_load_data"] = "arrow"
    """Which of the core's encodings loads it."""
    indexes: bool = True
    notes: tuple[str, ...] = ()
    """What a person should know about every plan for it."""
    row_bytes: int | None = None
    """What the columns of one row may hold together; None: no such limit."""
    any_class: bool = False
    """Whether a column takes values of any storage class, whatever its type says."""
    enum_label_bytes: int | None = None
    """What one label of a named enumeration may hold; None: no such limit."""
    named_types: bool = False
    """Whether domains, composite types and ranges of the same engine can be made."""
    hidden_columns: bool = False
    """Whether a column can be left out of `SELECT *`."""
    own_collations: tuple[str, ...] = ()
    """Collations that every server or library of the engine has, so that an index from the same engine keeps them."""
    keyless_types: tuple[str, ...] = ()
    """Target types over which no primary key can stand."""


@dataclass(frozen=True, slots=True)
class Placement:
    """How an engine holds a logical type. `refused` says why it cannot; then nothing else counts."""

    target_type: str
    wire_type: str
    representation: Rule | None = None
    loss_class: LossClass = "lossless"
    note: str = ""
    refused: str = ""
    quarantined: int = 0
    """Surveyed values that the target cannot take: their rows will be set aside. `note` says why."""
    row_bytes: int = 0
    """What it takes of the row, on an engine that limits that."""
    off_row: str = ""
    """The type that takes its place where the row would be too long; empty: it must stay."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of DDL. `object` names what it makes, as `table public.album` or `index public.album_artist`."""

    sql: str
    object: str
    phase: Phase


class TargetEngine(Protocol):
    """One engine as a target."""

    name: str
    dialect: Dialect
    capabilities: Capabilities

    def place(self, logical: Type, survey: ColumnSurvey) -> Placement:
        """How this engine holds a logical type, given what the values are."""
        ...

    def create_table(self, plan: "Plan", table: "TablePlan") -> Statement:
        """CREATE TABLE with everything that must stand inside it."""
        ...

    def create_statements(self, plan: "Plan") -> list[Statement]:
        """All DDL of a plan in order: `before_data`, then `after_data`, then `views`."""
        ...

    def counter_statements(self, plan: "Plan") -> list[Statement]:
        """What sets every counter behind the loaded values; safe to repeat."""
        ...

    def drop_statements(self, plan: "Plan") -> list[Statement]:
        """What removes exactly the objects of `create_statements`, dependents first; absent ones do not fail."""
        ...


def refused(reason: str) -> Placement:
    """A type that an engine cannot hold."""
    return Placement("", "", refused=reason, loss_class="refused")
