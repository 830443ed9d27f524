"""SQLite as a target: four storage classes; what it has no class for is kept as text or number that reads back.

A column's declared name decides its affinity, and an affinity may change what is stored: only names whose affinity
keeps the loaded values are used (NUMERIC keeps the exact number; TEXT keeps all text; BLOB keeps everything).
"""

import re

from appliance.conversion.structures import text_note, text_rule
from appliance.conversion.survey import NUMBER_KINDS, ColumnSurvey
from appliance.engines import ddl
from appliance.engines.base import Capabilities, Placement, Statement, refused
from appliance.planning.model import ColumnPlan, Plan, TablePlan
from kora.catalog import Type
from kora.comparison.mapping import Rule
from kora.databases.base import Dialect

EXACT_REAL_DIGITS = 15
"""Every decimal of at most 15 digits is the shortest decimal of its nearest double (IEEE 754 binary64)."""

_OWN_COLLATIONS = ("BINARY", "NOCASE", "RTRIM")
_DECLARATION = re.compile(r"\w+( \w+)*( ?\( ?[+-]?\d+ ?(, ?[+-]?\d+ ?)?\))?", re.ASCII)
"""Declarations that can be repeated as they are. Another spelling gives way to its affinity."""
_AS_TEXT = {
    "date": Rule(rule="text_date", argument="%Y-%m-%d"),
    "time": Rule(rule="text_date", argument="%H:%M:%S%.f"),
    "timestamp": Rule(rule="text_date", argument="%Y-%m-%d %H:%M:%S%.f"),
    "instant": Rule(rule="text_date", argument="%Y-%m-%d %H:%M:%S%.fZ"),
    "uuid": Rule(rule="uuid_text"),
    "json": Rule(rule="json_text"),
    "enum": Rule(rule="enum_label"),
}


class SqliteTarget:
    """SQLite 3.31 and later (generated columns)."""

    name = "sqlite"
    dialect = Dialect("sqlite", "sqlite", None, folds_case="insensitive", reserved_prefix="sqlite_")
    capabilities = Capabilities(
        keys_when="in_create",
        foreign_keys_when="in_create",
        checks_when="in_create",
        foreign_key_actions=True,
        cyclic_foreign_keys=True,
        not_valid_foreign_keys=False,
        enforces_foreign_keys=False,
        partial_indexes=True,
        descending_indexes=True,
        expression_indexes=True,
        included_columns=False,
        schemas=False,
        enums="none",
        identity="rowid",
        sequences=False,
        stored_generated=True,
        virtual_generated=True,
        generated_keys=False,
        deferrable_keys=False,
        comments=False,
        nul_in_text=True,
        decimal_digits=None,
        encoding="sqlite",
        any_class=True,
        own_collations=_OWN_COLLATIONS,
    )

    def place(self, logical: Type, survey: ColumnSurvey) -> Placement:
        """How SQLite holds a logical type."""
        if logical.dynamic:
            return _as_declared(logical, survey)
        if logical.kind in _AS_TEXT:
            return _as_text(logical, survey)
        if logical.kind == "boolean":
            return Placement("BOOLEAN", "NUMERIC", Rule(rule="bool01"))
        if logical.kind == "integer":
            return _integer(logical)
        if logical.kind == "decimal":
            return _decimal(logical, survey)
        if logical.kind == "float":
            return _float(survey)
        if logical.kind == "text":
            return Placement("TEXT", "TEXT")
        if logical.kind == "bytes":
            return Placement("BLOB", "BLOB")
        exact = text_rule(logical)
        if exact:
            return Placement("TEXT", "TEXT", exact, note=text_note(logical))
        return refused(f"SQLite has no storage class from which {logical.declared or logical.kind} reads back")

    def create_table(self, plan: Plan, table: TablePlan) -> Statement:
        """CREATE TABLE with all constraints."""
        counted = _counted_ahead(table)
        clauses = [
            f"{self.dialect.quote(column.target)} INTEGER PRIMARY KEY AUTOINCREMENT"
            if column is counted
            else self._column(column)
            for column in table.columns
        ]
        rest = table.model_copy(update={"primary_key": None}) if counted else table
        return ddl.table_statement(self.dialect, table, clauses + ddl.inline_constraints(self.dialect, rest))

    def create_statements(self, plan: Plan) -> list[Statement]:
        """All DDL in order."""
        statements = [self.create_table(plan, table) for table in plan.tables]
        for table in plan.tables:
            statements += [
                ddl.index_statement(self.dialect, table, index, self.dialect.quote(index.name))
                for index in table.indexes
                if index.carried
            ]
        return statements + [ddl.view_statement(self.dialect, view) for view in plan.views if view.carried]

    def counter_statements(self, plan: Plan) -> list[Statement]:
        """A rowid counts on by itself; sqlite_sequence says so where the source was ahead of its largest one."""
        statements = []
        for table in plan.tables:
            counted = _counted_ahead(table)
            if counted and counted.identity:
                name, last = ddl.literal(table.target.name), counted.identity.last_value
                subject = f"counter {table.target}.{counted.target}"
                add = f"INSERT INTO sqlite_sequence (name, seq) SELECT {name}, 0 WHERE NOT EXISTS"
                statements += [
                    Statement(f"{add} (SELECT 1 FROM sqlite_sequence WHERE name = {name})", subject, "counters"),
                    Statement(
                        f"UPDATE sqlite_sequence SET seq = max(seq, {last}) WHERE name = {name}", subject, "counters"
                    ),
                ]
        return statements

    def drop_statements(self, plan: Plan) -> list[Statement]:
        """Views, then tables."""
        return ddl.drop_tables_and_views(self.dialect, plan)

    def _column(self, column: ColumnPlan) -> str:
        text = f"{self.dialect.quote(column.target)} {column.target_type}"
        if column.generated:
            kind = "STORED" if column.generated.stored else "VIRTUAL"
            text += f" GENERATED ALWAYS AS ({column.generated.expression}) {kind}"
        elif column.default is not None:
            text += f" DEFAULT ({column.default})"
        return text if column.nullable else f"{text} NOT NULL"


def _counted_ahead(table: TablePlan) -> ColumnPlan | None:
    """The key column whose counter stands behind the largest stored value."""
    for column in table.columns:
        if column.identity and column.identity.last_value is not None and column.target_type == "INTEGER":
            return column
    return None


def _as_declared(logical: Type, survey: ColumnSurvey) -> Placement:
    """SQLite's own column with its declaration, whose affinity leaves alone what went through it once.

    An old file, or one whose schema was rewritten, may hold what the affinity would change today: that takes a column
    without affinity, where every storage class stays what it is.
    """
    numbers, texts = survey.count(*NUMBER_KINDS), survey.numeric_text
    changed = numbers if logical.wire == "TEXT" else 0 if logical.wire == "BLOB" else texts
    if changed or survey.negative_zero:
        count = changed or survey.negative_zero
        note = f"{count:,} values that the affinity of {logical.declared} would change: kept in a column without one"
        return Placement("BLOB", "BLOB", note=note)
    name = logical.declared if _DECLARATION.fullmatch(logical.declared) else logical.wire
    if name.upper() in ("", "ANY"):
        # No affinity either; in a table that is not STRICT the word ANY would mean NUMERIC.
        name = "BLOB"
    collation = f" collate {logical.collation}" if logical.collation in _OWN_COLLATIONS else ""
    return Placement(name + collation, name)


def _as_text(logical: Type, survey: ColumnSurvey) -> Placement:
    """Text in the one ISO spelling; where a value has none, all take the exact text, which infinities and BC have."""
    infinite, outside = survey.infinite_moments, survey.outside_moments
    found = [f"{infinite:,} infinite"] * bool(infinite)
    found += [f"{outside:,} before year 1, after 9999 or outside a day"] * bool(outside)
    if not found:
        return Placement("TEXT", "TEXT", _AS_TEXT[logical.kind])
    note = f"values without an ISO text: {', '.join(found)}; all are kept as exact text"
    return Placement("TEXT", "TEXT", Rule(rule="moment_text", argument=logical.kind), note=note)


def _float(survey: ColumnSurvey) -> Placement:
    """A double. NaN would become NULL; −0.0 keeps its sign only in a column without affinity."""
    notes = []
    if survey.nan:
        notes.append(f"{survey.nan:,} values are NaN, which SQLite stores as NULL")
    if survey.negative_zero:
        notes.append(f"{survey.negative_zero:,} values are -0.0, which only a BLOB column keeps")
    name = "BLOB" if survey.negative_zero else "REAL"
    return Placement(name, name, note="; ".join(notes), quarantined=survey.nan)


def _integer(logical: Type) -> Placement:
    low = logical.minimum if logical.minimum is not None else -(2**63)
    high = logical.maximum if logical.maximum is not None else 2**63 - 1
    if low >= -(2**63) and high <= 2**63 - 1:
        return Placement("INTEGER", "INTEGER")
    return Placement("TEXT", "TEXT", Rule(rule="text_number"), note="integers beyond 64 bits are kept as text")


def _decimal(logical: Type, survey: ColumnSurvey) -> Placement:
    """A REAL that reads back where 15 digits are enough, else exact text."""
    precision = logical.precision
    special = survey.count("decimal nan", "decimal infinity")
    if precision is not None and precision <= EXACT_REAL_DIGITS and not special:
        name = f"NUMERIC({precision},{logical.scale or 0})"
        return Placement(name, "NUMERIC", Rule(rule="real_decimal"))
    if special:
        rule = Rule(rule="text_number", argument="special")
        return Placement("TEXT", "TEXT", rule, note="NaN or infinity: all are kept as exact text")
    return Placement("TEXT", "TEXT", Rule(rule="text_number"), note="more than 15 digits are kept as exact text")
