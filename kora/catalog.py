"""What a database holds, in words that no engine owns.

This room owns the vocabulary alone. How an engine is asked is in `kora.databases`; what becomes of an object is the
appliance's plan. A type is a *domain of values*: what may stand in the column, not what the engine calls it.

Every object is a frozen dataclass that compares by value and serialises with `to_json`.
"""

from dataclasses import asdict, dataclass, field
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal[
    "boolean", "integer", "decimal", "float", "text", "bytes", "uuid", "bit", "date", "time", "timetz",
    "timestamp", "instant", "interval", "json", "enum",
    "list", "array", "range", "multirange", "struct", "map", "union", "set",
    "inet", "cidr", "macaddr", "geometry", "money", "opaque",
    "dynamic", "unsupported",
]  # fmt: skip
Action: TypeAlias = Literal["no_action", "restrict", "cascade", "set_null", "set_default"]


@dataclass(frozen=True, slots=True, order=True)
class Name:
    """An object's name as the catalog stores it: exact case, unquoted.

    `schema` is empty for engines without schemas (SQLite, files); DuckDB and PostgreSQL always give theirs.
    """

    schema: str
    name: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}" if self.schema else self.name


@dataclass(frozen=True, slots=True)
class Type:
    """The values that a column may hold.

    `minimum`/`maximum` bound integers; `precision`/`scale` are decimal digits (both None: any number of digits);
    `length` counts `length_unit`s, `fixed` means CHAR(n)-like padding; `fraction_digits` are of a second (6 =
    microseconds); `dynamic` is SQLite's: any storage class may stand there and `kind` is only what was declared.
    """

    kind: Kind
    declared: str
    wire: str = ""
    """The name under which the engine's reader decodes it: pg_type.typname, a DuckDB type, a SQLite affinity."""
    minimum: int | None = None
    maximum: int | None = None
    precision: int | None = None
    scale: int | None = None
    float_bits: Literal[32, 64] | None = None
    length: int | None = None
    length_unit: Literal["characters", "bytes", "bits"] | None = None
    fixed: bool = False
    charset: str | None = None
    collation: str | None = None
    fraction_digits: int | None = None
    labels: tuple[str, ...] = ()
    sentinels: tuple[str, ...] = ()
    """Values of the engine that are not ordinary ones: `infinity`, `NaN`, `0000-00-00`."""
    dynamic: bool = False
    domain: str | None = None
    """The CREATE DOMAIN that this type came through."""
    elements: tuple["Type", ...] = ()
    """What a structured value holds: the element of a list, array, range or multirange; a struct's fields and a
    union's alternatives in order; a map's key and value. A set has `labels` instead."""
    names: tuple[str, ...] = ()
    """The names of a struct's fields or a union's alternatives, one for each of `elements`."""
    created: Name | None = None
    """The CREATE TYPE or the extension's type that this is, on an engine where types have names; a domain's is in
    `domain`."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A value that the engine counts up. `always` refuses explicit ones (GENERATED ALWAYS)."""

    always: bool = False
    start: int = 1
    increment: int = 1
    sequence: Name | None = None
    last_value: int | None = None
    """The last one given out, where no sequence of the catalog says so."""


@dataclass(frozen=True, slots=True)
class Generated:
    """A column that the engine computes."""

    expression: str
    stored: bool


@dataclass(frozen=True, slots=True)
class Column:
    """A column. `default` is the engine's own expression text."""

    name: str
    type: Type
    nullable: bool = True
    default: str | None = None
    identity: Identity | None = None
    generated: Generated | None = None
    hidden: bool = False
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class Key:
    """A primary key or unique constraint. `name` is empty where the engine gave none."""

    name: str
    columns: tuple[str, ...]
    nulls_distinct: bool = True
    deferrable: bool = False
    validated: bool = True
    """Whether the engine enforces it on every row (NOT NULL included, for a primary key)."""


@dataclass(frozen=True, slots=True)
class IndexPart:
    """One column or expression of an index."""

    column: str | None
    expression: str | None = None
    descending: bool = False
    nulls_first: bool | None = None
    collation: str | None = None


@dataclass(frozen=True, slots=True)
class Index:
    """An index that is not the shadow of a key."""

    name: str
    parts: tuple[IndexPart, ...]
    unique: bool = False
    where: str | None = None
    method: str = "btree"
    definition: str | None = None
    included: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A reference. `parent_columns` are resolved: never empty where the parent exists.

    `set_columns` are those that SET NULL or SET DEFAULT changes when a parent goes; empty: all of them.
    `temporal`: the last columns are periods, of which the parent's must cover the child's (PostgreSQL 18, PERIOD).
    """

    name: str
    columns: tuple[str, ...]
    parent: Name
    parent_columns: tuple[str, ...]
    on_delete: Action = "no_action"
    on_update: Action = "no_action"
    match_full: bool = False
    deferrable: bool = False
    initially_deferred: bool = False
    validated: bool = True
    temporal: bool = False
    set_columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Check:
    """A check constraint in the engine's own expression text."""

    name: str
    expression: str


@dataclass(frozen=True, slots=True)
class Exclusion:
    """An exclusion constraint: no two rows for which all its operators hold. `definition` is the engine's own text.

    A key WITHOUT OVERLAPS is one: its columns may be equal in two rows, but for their periods.
    """

    name: str
    columns: tuple[str, ...]
    definition: str


@dataclass(frozen=True, slots=True)
class Partitioning:
    """How a table is cut. `children` hold the rows."""

    strategy: str
    key: str
    children: tuple[Name, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """A table of rows.

    `row_estimate` is the engine's guess, never a count. `unreadable` says why the login cannot read it.
    """

    name: Name
    columns: tuple[Column, ...]
    primary_key: Key | None = None
    unique_keys: tuple[Key, ...] = ()
    indexes: tuple[Index, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    checks: tuple[Check, ...] = ()
    exclusions: tuple[Exclusion, ...] = ()
    comment: str | None = None
    partitioning: Partitioning | None = None
    row_estimate: int | None = None
    size_bytes: int | None = None
    without_rowid: bool = False
    strict: bool = False
    unreadable: str | None = None

    def column(self, name: str) -> Column:
        """The column of exactly this name; `KeyError` if there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    @property
    def stable_key(self) -> tuple[str, ...]:
        """Columns of a validated unique NOT NULL key: the primary one, else the narrowest unique; empty if none."""
        nullable = {column.name for column in self.columns if column.nullable}
        keys = ([self.primary_key] if self.primary_key else []) + sorted(
            self.unique_keys, key=lambda key: len(key.columns)
        )
        for key in keys:
            if key.validated and not key.deferrable and not nullable.intersection(key.columns):
                return key.columns
        return ()


@dataclass(frozen=True, slots=True)
class View:
    """A view: `query` is the SELECT behind AS, in the engine's own words."""

    name: Name
    query: str
    columns: tuple[str, ...] = ()
    materialized: bool = False
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class Trigger:
    """A trigger with its whole text."""

    name: Name
    table: Name
    text: str


@dataclass(frozen=True, slots=True)
class Routine:
    """A function or procedure with its whole text. `signature` tells overloads apart."""

    name: Name
    routine_kind: Literal["function", "procedure", "aggregate", "macro"]
    signature: str
    language: str
    text: str

    @property
    def called(self) -> str:
        """Its name with its parameters, if it has any: what the ledger calls it."""
        return f"{self.name}({self.signature})" if self.signature else str(self.name)


@dataclass(frozen=True, slots=True)
class Sequence:
    """A counter. `last_value` is None while it was never called."""

    name: Name
    start: int = 1
    increment: int = 1
    minimum: int | None = None
    maximum: int | None = None
    cycle: bool = False
    last_value: int | None = None
    owned_by: tuple[Name, str] | None = None


@dataclass(frozen=True, slots=True)
class EnumType:
    """A named enumeration, labels in order."""

    name: Name
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DomainType:
    """A named domain over a base type."""

    name: Name
    base: Type
    nullable: bool = True
    default: str | None = None
    checks: tuple[Check, ...] = ()


@dataclass(frozen=True, slots=True)
class CompositeType:
    """A named type of fields. A field that the reader knows no form of is of the kind `unsupported`."""

    name: Name
    fields: tuple[tuple[str, Type], ...]


@dataclass(frozen=True, slots=True)
class RangeType:
    """A named range over a subtype. `multirange` is the type of several of them, where the server has such.

    `own_functions`: it needs an operator class, a canonical or a difference function that somebody wrote.
    """

    name: Name
    subtype: Type
    multirange: Name | None = None
    difference: str | None = None
    collation: str | None = None
    own_functions: bool = False


@dataclass(frozen=True, slots=True)
class NotModelled:
    """Something that exists and that this catalog does not carry: it stands in every `not_checked`.

    `what` is a kind of object (`grant`, `row security`, `extension`, `virtual table` …), `count` how many of it.
    `hides`: the login cannot see whether there is more: `data` (tables, columns) or `structure` (other objects).
    """

    what: str
    name: str
    detail: str = ""
    count: int = 1
    hides: Literal["", "data", "structure"] = ""

    def blocks(self, side: str) -> bool:
        """Whether nothing can be proven with it on this side.

        An object that only the target hides can make no loss go unseen: it counts as missing there.
        """
        return self.hides == "data" or (self.hides == "structure" and side == "source")


@dataclass(frozen=True, slots=True)
class Catalog:
    """All that was found, each collection sorted by name."""

    engine: str
    version: str
    tables: tuple[Table, ...] = ()
    views: tuple[View, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    routines: tuple[Routine, ...] = ()
    sequences: tuple[Sequence, ...] = ()
    enums: tuple[EnumType, ...] = ()
    domains: tuple[DomainType, ...] = ()
    composites: tuple[CompositeType, ...] = ()
    ranges: tuple[RangeType, ...] = ()
    not_modelled: tuple[NotModelled, ...] = ()
    facts: dict[str, str] = field(default_factory=dict)
    """Encoding, collation, time zone, user version … as text."""

    def table(self, name: Name) -> Table:
        """The table of exactly this name; `KeyError` if there is none."""
        for table in self.tables:
            if table.name == name:
                return table
        raise KeyError(str(name))

    def to_json(self) -> dict[str, object]:
        """Plain dicts and lists, stable order."""
        return asdict(self)
