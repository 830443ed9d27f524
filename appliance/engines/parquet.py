"""Parquet files as a target: one folder per table, types as DuckDB writes them, and a record of what files cannot hold.

There is no DDL for files. The statements of this engine are words of its own, `DECLARE {table}`, `SEAL {table}` and
`DROP {table}`, with catalog facts as JSON; the writer keeps them in `_sensei.json`. Keys and references are recorded
there and enforced by nobody; whatever must be computed or checked (checks, defaults, indexes, views) is left behind as
a declared loss.
"""

import re
from dataclasses import replace
from typing import Literal, TypeAlias, cast

from pydantic import TypeAdapter, ValidationError

from appliance.conversion.structures import text_note, text_rule
from appliance.conversion.survey import ColumnSurvey
from appliance.engines.base import Capabilities, Placement, Statement, refused
from appliance.engines.duckdb import DECIMAL_DIGITS, DuckDbTarget
from appliance.planning.model import ColumnPlan, ForeignKeyPlan, KeyPlan, Plan, TablePlan
from kora.catalog import Column, ForeignKey, Key, Name, Table, Type
from kora.comparison.mapping import Rule
from kora.databases.base import Dialect
from kora.databases.duckdb.types import column_type
from kora.errors import EngineError

Word: TypeAlias = Literal["DECLARE", "SEAL", "DROP", "WORK", "CLEAN"]
WORK, CLEAN = "WORK", "CLEAN"
"""Statements without a table: make the folder for work in progress; remove it, and the record once it is empty."""
_TABLE = TypeAdapter(Table)
_NAME = TypeAdapter(Name)
_DUCKDB = DuckDbTarget()
_NOTES = (
    "keys and references are recorded in _sensei.json and enforced by nobody: Parquet files hold rows alone",
    "nothing counts up in files: the last values of counters are not carried",
    "a table outside the source's default schema is called schema_table: folders of Parquet files have no schemas",
)
_SPELLED = {"TIMESTAMPTZ": "TIMESTAMP WITH TIME ZONE"}
"""DuckDB's short names, as its catalog spells them."""
_WORDS = re.compile(r'"(?:[^"]|"")*"|\w+')
_AS_TEXT = frozenset({"bit", "interval", "timetz"})
"""Parquet has no bit strings, keeps intervals to milliseconds, and a time without the zone that it was written in."""

_CHANGED = frozenset({"TIMESTAMP_S", "TIMESTAMP_MS", "BIGNUM"})
"""Types of DuckDB that come back from a file as another one: the ordinary one of their kind is taken."""


class ParquetTarget:
    """Folders of Parquet files, written by DuckDB."""

    name = "parquet"
    dialect = Dialect("parquet", "duckdb", None, folds_case="insensitive", system_columns=("file_row_number",))
    capabilities = Capabilities(
        keys_when="in_create",
        foreign_keys_when="in_create",
        checks_when="never",
        foreign_key_actions=True,
        cyclic_foreign_keys=True,
        not_valid_foreign_keys=False,
        enforces_foreign_keys=False,
        partial_indexes=False,
        descending_indexes=False,
        expression_indexes=False,
        included_columns=False,
        schemas=False,
        enums="none",
        identity="none",
        sequences=False,
        stored_generated=False,
        virtual_generated=False,
        generated_keys=False,
        deferrable_keys=False,
        comments=True,
        nul_in_text=True,
        decimal_digits=DECIMAL_DIGITS,
        encoding="arrow",
        indexes=False,
        notes=_NOTES,
    )

    def place(self, logical: Type, survey: ColumnSurvey) -> Placement:
        """How Parquet holds a logical type: as DuckDB does, but for what does not come back from the file."""
        rule = text_rule(logical) if logical.kind in _AS_TEXT else None
        if rule:
            return Placement("VARCHAR", "VARCHAR", rule, note=text_note(logical))
        if survey.infinite_moments:
            note = f"{survey.infinite_moments:,} infinities, which are no date or time in Parquet: all as exact text"
            return Placement("VARCHAR", "VARCHAR", Rule(rule="moment_text", argument=logical.kind), note=note)
        if logical.kind == "enum":
            return Placement("VARCHAR", "VARCHAR", Rule(rule="enum_label"))
        if logical.elements:
            return _nested(logical, survey)
        if logical.wire in _CHANGED:
            logical = replace(logical, wire="")
        placement = _DUCKDB.place(logical, survey)
        return _huge(logical, survey) if placement.target_type in ("HUGEINT", "UHUGEINT") else placement

    def create_table(self, plan: Plan, table: TablePlan) -> Statement:
        """What is recorded about a table."""
        del plan
        return Statement(f"DECLARE {_json(_recorded(table))}", f"table {table.target}", "before_data")

    def create_statements(self, plan: Plan) -> list[Statement]:
        """A declaration per table; nothing comes after the data but the seals."""
        return [self.create_table(plan, table) for table in plan.tables]

    def counter_statements(self, plan: Plan) -> list[Statement]:
        """The seals: each finished table's files by size and SHA-256. Safe to repeat."""
        return [
            Statement(f"SEAL {_name_json(table.target)}", f"seal {table.target}", "counters") for table in plan.tables
        ]

    def drop_statements(self, plan: Plan) -> list[Statement]:
        """What removes the files and the record of each table."""
        return [
            Statement(f"DROP {_name_json(table.target)}", f"table {table.target}", "before_data")
            for table in reversed(plan.tables)
        ]


def read_words(sql: str) -> tuple[Word, str]:
    """A statement's word and what it is about, as JSON. Raises `EngineError` for one of another engine."""
    word, _, body = sql.partition(" ")
    if word not in ("DECLARE", "SEAL", "DROP", "WORK", "CLEAN"):
        raise EngineError(f"parquet: no statement of this engine: {sql[:80]}")
    return cast("Word", word), body


def read_table(body: str) -> Table:
    """The table of a `DECLARE`. Raises `EngineError` if it is none."""
    try:
        return _TABLE.validate_json(body)
    except ValidationError as error:
        raise EngineError(f"parquet: not a declaration: {error.errors()[0]['msg']}") from error


def read_name(body: str) -> Name:
    """The name of a `SEAL` or `DROP`. Raises `EngineError` if it is none."""
    try:
        return _NAME.validate_json(body)
    except ValidationError as error:
        raise EngineError(f"parquet: not a table's name: {error.errors()[0]['msg']}") from error


def _json(table: Table) -> str:
    return _TABLE.dump_json(table).decode()


def _name_json(name: Name) -> str:
    return _NAME.dump_json(name).decode()


def _nested(logical: Type, survey: ColumnSurvey) -> Placement:
    """Values made of values, where the files give back all that they are made of; else their text."""
    placement = _DUCKDB.place(logical, survey)
    if placement.refused or placement.representation:
        return placement
    rule = text_rule(logical)
    if _comes_back(logical):
        plain = re.sub(r"\[\d+\]", "[]", placement.target_type)
        return replace(placement, target_type=plain, wire_type=plain)
    if rule is None:
        return refused(f"{logical.declared} does not come back from a Parquet file")
    return Placement("VARCHAR", "VARCHAR", rule, note=text_note(logical))


def _comes_back(part: Type) -> bool:
    if part.kind in (*_AS_TEXT, "enum", "union") or part.wire in _CHANGED:
        return False
    beyond = part.kind == "integer" and max(abs(part.minimum or 0), abs(part.maximum or 0)) >= 2**64
    return not beyond and all(map(_comes_back, part.elements))


def _huge(logical: Type, survey: ColumnSurvey) -> Placement:
    """DuckDB writes integers of 128 bits as doubles: they go as decimals of 38 digits, or as text."""
    limit = 10**DECIMAL_DIGITS
    declared = [bound for bound in (logical.minimum, logical.maximum) if bound is not None]
    if len(declared) == 2 and all(abs(bound) < limit for bound in declared):
        return Placement(f"DECIMAL({DECIMAL_DIGITS},0)", f"DECIMAL({DECIMAL_DIGITS},0)")
    if survey.values and survey.integer_digits <= DECIMAL_DIGITS:
        name, note = f"DECIMAL({DECIMAL_DIGITS},0)", f"at most {survey.integer_digits} digits surveyed"
        return Placement(name, name, loss_class="narrowed_proven", note=note)
    rule = Rule(rule="text_number")
    return Placement("VARCHAR", "VARCHAR", rule, note=f"integers beyond {DECIMAL_DIGITS} digits are kept as text")


def _recorded(table: TablePlan) -> Table:
    primary = table.primary_key
    return Table(
        table.target,
        tuple(_column(column) for column in table.columns),
        primary_key=_key(primary) if primary and primary.carried else None,
        unique_keys=tuple(_key(key) for key in table.unique_keys if key.carried),
        foreign_keys=tuple(_foreign_key(key) for key in table.foreign_keys if key.carried),
        comment=table.comment,
    )


def _column(column: ColumnPlan) -> Column:
    return Column(
        column.target,
        column_type(_spelled(column.target_type)),
        nullable=column.nullable,
        comment=column.comment,
    )


def _spelled(target_type: str) -> str:
    """A type as DuckDB's catalog spells it, parts of it too; names of fields stand in quotes."""
    return _WORDS.sub(lambda found: _SPELLED.get(found[0], found[0]), target_type)


def _key(key: KeyPlan) -> Key:
    return Key(key.name, key.columns, nulls_distinct=key.nulls_distinct)


def _foreign_key(key: ForeignKeyPlan) -> ForeignKey:
    """Not validated: nobody ever checks the files' rows."""
    return ForeignKey(
        key.name,
        key.columns,
        key.parent,
        key.parent_columns,
        on_delete=key.on_delete,
        on_update=key.on_update,
        match_full=key.match_full,
        deferrable=key.deferrable,
        initially_deferred=key.initially_deferred,
        validated=False,
        set_columns=key.set_columns,
    )
