"""PostgreSQL as a target: keys, checks, indexes and foreign keys come after the data, orphans leave one NOT VALID."""

import re

from appliance.conversion.structures import holds_free_decimals, text_note, text_rule
from appliance.conversion.survey import ColumnSurvey
from appliance.engines import ddl
from appliance.engines.base import Capabilities, Placement, Statement, refused
from appliance.planning.model import ColumnPlan, IdentityPlan, Plan, TablePlan
from kora.catalog import Type
from kora.comparison.mapping import Rule
from kora.databases.base import Dialect

IDENTIFIER_BYTES = 63
LONGEST_VARCHAR = 10_485_760
_INTEGERS = (
    ("smallint", "int2", -(2**15), 2**15 - 1),
    ("integer", "int4", -(2**31), 2**31 - 1),
    ("bigint", "int8", -(2**63), 2**63 - 1),
)
_CLOCK_DIGITS = 6
_FIRST_DAY = (-4713, 11, 24)
_LAST_DAYS = {"date": (5_874_897, 12, 31), "timestamp": (294_276, 12, 31), "instant": (294_276, 12, 31)}
"""Ends of the calendar; astronomical years. PostgreSQL manual, "Date/Time Types"."""
_PLAIN = {
    "boolean": ("boolean", "bool"),
    "bytes": ("bytea", "bytea"),
    "uuid": ("uuid", "uuid"),
    "date": ("date", "date"),
    "time": ("time", "time"),
    "timetz": ("time with time zone", "timetz"),
    "interval": ("interval", "interval"),
    "bit": ("bit varying", "varbit"),
    "inet": ("inet", "inet"),
    "cidr": ("cidr", "cidr"),
}
_TEXT_WIRES = frozenset({"text", "varchar", "bpchar"})
_WIRES = {
    **dict(_PLAIN.values()),
    **{wire: wire for wire in ("int2", "int4", "int8", "float4", "float8", "text", "varchar", "bpchar", "numeric")},
    "smallint": "int2", "integer": "int4", "int": "int4", "bigint": "int8", "decimal": "numeric", "real": "float4",
    "double precision": "float8", "character varying": "varchar", "character": "bpchar", "char": "bpchar",
    "bool": "bool", "json": "json", "jsonb": "jsonb", "time without time zone": "time",
    "timestamp": "timestamp", "timestamp without time zone": "timestamp",
    "timestamptz": "timestamptz", "timestamp with time zone": "timestamptz",
}  # fmt: skip
"""Types of the server that are sent in a binary form of their own, under all their names."""
_RANGES = {
    "int4range": "range<int4>",
    "int8range": "range<int8>",
    "numrange": "range<numeric>",
    "daterange": "range<date>",
    "tsrange": "range<timestamp>",
    "tstzrange": "range<timestamptz>",
}
_BUILT_IN = (
    _RANGES
    | {name.replace("range", "multirange"): f"multi{wire}" for name, wire in _RANGES.items()}
    | {name: name for name in ("point", "line", "lseg", "box", "circle")}
)
"""Types of values made of values that every server has, with their wire forms."""


class PostgresTarget:
    """PostgreSQL 13 and later."""

    name = "postgresql"
    dialect = Dialect(
        "postgresql",
        "postgres",
        IDENTIFIER_BYTES,
        identifier_length_unit="bytes",
        folds_case="lower",
        default_schema="public",
        system_columns=("tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"),
    )
    capabilities = Capabilities(
        keys_when="after_data",
        foreign_keys_when="after_data",
        checks_when="after_data",
        foreign_key_actions=True,
        cyclic_foreign_keys=True,
        not_valid_foreign_keys=True,
        enforces_foreign_keys=True,
        partial_indexes=True,
        descending_indexes=True,
        expression_indexes=True,
        included_columns=True,
        schemas=True,
        enums="named",
        identity="native",
        sequences=True,
        stored_generated=True,
        virtual_generated=False,
        generated_keys=True,
        deferrable_keys=True,
        comments=True,
        nul_in_text=False,
        decimal_digits=None,
        exclusion_constraints=True,
        enum_label_bytes=IDENTIFIER_BYTES,
        named_types=True,
        encoding="postgres_copy",
    )

    def place(self, logical: Type, survey: ColumnSurvey) -> Placement:
        """How PostgreSQL holds a logical type."""
        if logical.kind == "bytes" and logical.wire == "char":
            return Placement('"char"', "char")
        if logical.kind == "time" and (logical.fraction_digits or 6) > _CLOCK_DIGITS:
            rule = Rule(rule="text_date", argument="%H:%M:%S%.f")
            return Placement("text", "text", rule, note="nanoseconds, which PostgreSQL's clock lacks, are kept as text")
        if logical.kind in _LAST_DAYS and _beyond_the_calendar(logical, survey):
            note = "days that PostgreSQL's calendar does not reach: all as exact text"
            return Placement("text", "text", Rule(rule="moment_text", argument=logical.kind), note=note)
        if logical.kind in _PLAIN:
            return Placement(*_PLAIN[logical.kind])
        if logical.kind == "integer":
            return _integer(logical)
        if logical.kind == "decimal":
            return _decimal(logical)
        if logical.kind == "float":
            single = logical.float_bits == 32
            return Placement("real", "float4") if single else Placement("double precision", "float8")
        if logical.kind == "text":
            return _text(logical, survey)
        if logical.kind in ("timestamp", "instant"):
            return _moment(logical, survey)
        if logical.kind == "json":
            return Placement("jsonb", "jsonb") if logical.wire == "jsonb" else Placement("json", "json")
        if logical.kind == "enum":
            return Placement("", "enum")
        return self._rare(logical)

    def _rare(self, logical: Type) -> Placement:
        """Kinds that PostgreSQL alone has, and values made of values: as itself, else as text that reads back."""
        if logical.kind == "macaddr":
            name = "macaddr8" if logical.length == 8 else "macaddr"
            return Placement(name, name)
        if logical.kind == "money":
            note = "counts of the smallest unit: the server's lc_monetary must give it as many digits as the source's"
            return Placement("money", "money", note=note)
        if logical.declared in _BUILT_IN and logical.kind in ("range", "multirange", "struct"):
            return Placement(logical.declared, _BUILT_IN[logical.declared], note=_free_decimals(logical))
        if logical.kind in ("list", "array") and logical.elements[0].kind not in ("list", "array", "enum"):
            element = self.place(logical.elements[0], ColumnSurvey())
            if not element.refused and element.representation is None:
                return Placement(
                    f"{element.target_type}[]", f"array<{element.wire_type}>", note=_free_decimals(logical)
                )
        if logical.wire.startswith("reg"):
            return refused(
                f"a {logical.declared} is the number of an object on its own server, and of another elsewhere"
            )
        rule = text_rule(logical)
        if rule is None:
            return refused(f"PostgreSQL has no type for {logical.declared or logical.kind}")
        return Placement("text", "text", rule, note=text_note(logical))

    def create_table(self, plan: Plan, table: TablePlan) -> Statement:
        """CREATE TABLE with columns alone; constraints follow the data."""
        return ddl.table_statement(self.dialect, table, [self._column(column) for column in table.columns])

    def create_statements(self, plan: Plan) -> list[Statement]:
        """All DDL in order."""
        quote = self.dialect.quote
        statements = [
            Statement(f"CREATE SCHEMA IF NOT EXISTS {quote(schema)}", f"schema {schema}", "before_data")
            for schema in plan.schemas
        ]
        statements += [
            Statement(f"CREATE EXTENSION IF NOT EXISTS {quote(name)}", f"extension {name}", "before_data")
            for name in plan.extensions
        ]
        for enum in plan.enums:
            labels = ", ".join(ddl.literal(label) for label in enum.labels)
            sql = f"CREATE TYPE {self.dialect.qualify(enum.name)} AS ENUM ({labels})"
            statements.append(Statement(sql, f"type {enum.name}", "before_data"))
        for made in plan.types:
            word = "DOMAIN" if made.kind == "domain" else "TYPE"
            sql = f"CREATE {word} {self.dialect.qualify(made.name)} {made.definition}"
            statements.append(Statement(sql, f"type {made.name}", "before_data"))
        statements += [ddl.sequence_statement(self.dialect, item) for item in plan.sequences if item.carried]
        statements += [self.create_table(plan, table) for table in plan.tables]
        for table in plan.tables:
            statements += self._keys_and_checks(table)
            statements += [
                ddl.index_statement(self.dialect, table, index, quote(index.name))
                for index in table.indexes
                if index.carried
            ]
        for table in plan.tables:
            statements += self._foreign_keys(table)
        statements += ddl.comment_statements(self.dialect, plan)
        return statements + [ddl.view_statement(self.dialect, view) for view in plan.views if view.carried]

    def counter_statements(self, plan: Plan) -> list[Statement]:
        """Setval of each identity column to the value that comes next."""
        statements = []
        for table in plan.tables:
            for column in table.columns:
                if column.identity:
                    statements.append(self._counter(table, column.target, column.identity))
        return statements

    def _counter(self, table: TablePlan, column: str, identity: IdentityPlan) -> Statement:
        name = self.dialect.qualify(table.target)
        sequence = f"pg_get_serial_sequence({ddl.literal(name)}, {ddl.literal(column)})"
        end, furthest = ("max", "greatest") if identity.increment > 0 else ("min", "least")
        following = f"{end}({self.dialect.quote(column)}) + {identity.increment}"
        # What the source gave out and deleted again must not be given out a second time.
        first = _first(identity)
        found = f"SELECT {furthest}({following}, {first}) AS following FROM {name}"
        # As if the last one had been drawn here, so that the catalog shows it; untouched if none ever was.
        begun = f"following <> {identity.start}"
        last = f"CASE WHEN {begun} THEN following - {identity.increment} ELSE following END"
        sql = f"SELECT setval({sequence}, {last}, {begun}) FROM ({found}) counted"
        return Statement(sql, f"counter {table.target}.{column}", "counters")

    def drop_statements(self, plan: Plan) -> list[Statement]:
        """Foreign keys first, so that cycles do not hold a table; then views, tables, sequences, types."""
        qualify, quote = self.dialect.qualify, self.dialect.quote
        drops = [
            Statement(
                f"ALTER TABLE IF EXISTS {qualify(table.target)} DROP CONSTRAINT IF EXISTS {quote(key.name)}",
                f"foreign key {table.target}.{key.name}",
                "after_data",
            )
            for table in plan.tables
            for key in table.foreign_keys
            if key.carried and key.name
        ]
        drops += ddl.drop_tables_and_views(self.dialect, plan)
        drops += [
            Statement(f"DROP SEQUENCE IF EXISTS {qualify(item.name)}", f"sequence {item.name}", "before_data")
            for item in plan.sequences
            if item.carried
        ]
        # Extensions are not the plan's alone: `prepare` notes those that it makes, and `discard` drops them.
        drops += [
            Statement(f"DROP TYPE IF EXISTS {qualify(made.name)}", f"type {made.name}", "before_data")
            for made in reversed(plan.types)
        ]
        drops += [
            Statement(f"DROP TYPE IF EXISTS {qualify(enum.name)}", f"type {enum.name}", "before_data")
            for enum in plan.enums
        ]
        return drops

    def _column(self, column: ColumnPlan) -> str:
        text = f"{self.dialect.quote(column.target)} {column.target_type}"
        if column.generated:
            text += f" GENERATED ALWAYS AS ({column.generated.expression}) STORED"
        elif column.identity:
            text += _identity(column.identity)
        elif column.default is not None:
            text += f" DEFAULT {column.default}"
        return text if column.nullable else f"{text} NOT NULL"

    def _alter(self, table: TablePlan, clause: str, made: str) -> Statement:
        return Statement(f"ALTER TABLE {self.dialect.qualify(table.target)} ADD {clause}", made, "after_data")

    def _keys_and_checks(self, table: TablePlan) -> list[Statement]:
        statements = []
        if table.primary_key and table.primary_key.carried:
            clause = ddl.key_clause(self.dialect, table.primary_key, "PRIMARY KEY")
            statements.append(self._alter(table, clause, f"primary key {table.target}"))
        for key in table.unique_keys:
            if key.carried:
                clause = ddl.key_clause(self.dialect, key, "UNIQUE")
                statements.append(self._alter(table, clause, f"unique key {table.target}.{key.name}"))
        for check in table.checks:
            if check.carried:
                clause = ddl.check_clause(self.dialect, check)
                statements.append(self._alter(table, clause, f"check {table.target}.{check.name}"))
        for item in table.exclusions:
            if item.carried:
                clause = f"{ddl.constraint_name(self.dialect, item.name)}{item.definition}"
                statements.append(self._alter(table, clause, f"exclusion constraint {table.target}.{item.name}"))
        return statements

    def _foreign_keys(self, table: TablePlan) -> list[Statement]:
        statements = []
        for key in table.foreign_keys:
            if key.carried:
                clause = ddl.foreign_key_clause(self.dialect, key) + ("" if key.validated else " NOT VALID")
                statements.append(self._alter(table, clause, f"foreign key {table.target}.{key.name}"))
        return statements


def other_wire(target_type: str, wire_type: str) -> str:
    """The wire form that a type needs, where another one was named for it; empty where it fits or is not known here.

    COPY sends values in binary, and the server reads them as the column's type says.
    """
    needed, named = _WIRES.get(_base(target_type)), _base(wire_type)
    if needed is None or named not in _WIRES.values() or needed == named or {needed, named} <= _TEXT_WIRES:
        return ""
    return needed


def _base(name: str) -> str:
    """A type's name without what stands in parentheses."""
    return " ".join(re.sub(r"\([^)]*\)", " ", name).lower().split())


def _first(identity: IdentityPlan) -> int:
    """The next number by the plan alone."""
    return identity.start if identity.last_value is None else identity.last_value + identity.increment


def _identity(identity: IdentityPlan) -> str:
    start = _first(identity)
    last = start - identity.increment
    low = f" MINVALUE {last}" if identity.increment > 0 and last < 1 and start != 1 else ""
    high = f" MAXVALUE {last}" if identity.increment < 0 and last > -1 else ""
    mode = "ALWAYS" if identity.always else "BY DEFAULT"
    return f" GENERATED {mode} AS IDENTITY (START WITH {start} INCREMENT BY {identity.increment}{low}{high})"


def _free_decimals(logical: Type) -> str:
    told = "decimals within keep their value, but not the zeros that end it (1.10 is 1.1)"
    return told if holds_free_decimals(logical) else ""


def _integer(logical: Type) -> Placement:
    low = logical.minimum if logical.minimum is not None else -(2**63)
    high = logical.maximum if logical.maximum is not None else 2**63 - 1
    for name, wire, minimum, maximum in _INTEGERS:
        if minimum <= low and high <= maximum:
            return Placement(name, wire)
    digits = max(len(str(abs(low))), len(str(abs(high))))
    name = f"numeric({digits},0)"
    return Placement(name, name, loss_class="widened", note="integers beyond 64 bits")


def _decimal(logical: Type) -> Placement:
    if logical.precision is None:
        return Placement("numeric", "numeric")
    name = f"numeric({logical.precision},{logical.scale or 0})"
    return Placement(name, name)


def _text(logical: Type, survey: ColumnSurvey) -> Placement:
    """VARCHAR(n) only where the survey proves that every value fits; CHAR(n) only from an engine that pads alike."""
    length = logical.length
    if logical.wire == "xml":
        return Placement("xml", "xml")
    if logical.wire == "citext":
        return Placement("text", "text", note="citext compares without case, text with it")
    if not length or logical.length_unit == "bytes" or length > LONGEST_VARCHAR:
        return Placement("text", "text")
    if survey.text_characters > length:
        note = f"declared for {length} characters, but holds up to {survey.text_characters}"
        return Placement("text", "text", loss_class="widened", note=note)
    if logical.fixed:
        return Placement(f"character({length})", f"bpchar({length})")
    return Placement(f"character varying({length})", f"varchar({length})")


def _beyond_the_calendar(logical: Type, survey: ColumnSurvey) -> bool:
    if survey.moments is None:
        return False
    first, last = survey.moments
    return first < _FIRST_DAY or last > _LAST_DAYS[logical.kind]


def _moment(logical: Type, survey: ColumnSurvey) -> Placement:
    name, wire, suffix = (
        ("timestamp", "timestamp", "")
        if logical.kind == "timestamp"
        else ("timestamp with time zone", "timestamptz", "Z")
    )
    if (logical.fraction_digits or 6) <= _CLOCK_DIGITS:
        return Placement(name, wire)
    if survey.odd_moments:
        note = "nanoseconds, which PostgreSQL's clock lacks, and infinities: all as exact text"
        return Placement("text", "text", Rule(rule="moment_text", argument=logical.kind), note=note)
    rule = Rule(rule="text_date", argument=f"%Y-%m-%d %H:%M:%S%.f{suffix}")
    return Placement("text", "text", rule, note="nanoseconds, which PostgreSQL's clock lacks, are kept as text")
