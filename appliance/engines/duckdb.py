"""DuckDB as a target. It adds neither CHECK nor FOREIGN KEY later, so every constraint stands in CREATE TABLE."""

from dataclasses import replace

from appliance.conversion.structures import text_note, text_rule
from appliance.conversion.survey import ColumnSurvey
from appliance.engines import ddl
from appliance.engines.base import Capabilities, Placement, Statement, refused
from appliance.planning.model import ColumnPlan, Plan, SequencePlan, TablePlan
from kora.catalog import Type
from kora.comparison.mapping import Rule
from kora.databases.base import Dialect

DECIMAL_DIGITS = 38
UNDECLARED_SCALE = 10
_INTEGERS = (
    ("TINYINT", -(2**7), 2**7 - 1),
    ("SMALLINT", -(2**15), 2**15 - 1),
    ("INTEGER", -(2**31), 2**31 - 1),
    ("BIGINT", -(2**63), 2**63 - 1),
    ("UBIGINT", 0, 2**64 - 1),
    ("HUGEINT", -(2**127), 2**127 - 1),
    ("UHUGEINT", 0, 2**128 - 1),
)
_OWN = frozenset({"TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "TIME_NS", "BIGNUM"})
"""Wire types that only DuckDB has, each with values that no other of its types holds as well."""
_PLAIN = {
    "boolean": "BOOLEAN",
    "bytes": "BLOB",
    "uuid": "UUID",
    "bit": "BIT",
    "date": "DATE",
    "time": "TIME",
    "timetz": "TIMETZ",
    "instant": "TIMESTAMPTZ",
    "interval": "INTERVAL",
    "json": "JSON",
}


class DuckDbTarget:
    """DuckDB 1.5 and later."""

    name = "duckdb"
    dialect = Dialect("duckdb", "duckdb", None, folds_case="insensitive", default_schema="main")
    capabilities = Capabilities(
        keys_when="in_create",
        foreign_keys_when="in_create",
        checks_when="in_create",
        foreign_key_actions=False,
        cyclic_foreign_keys=False,
        not_valid_foreign_keys=False,
        enforces_foreign_keys=True,
        partial_indexes=False,
        descending_indexes=True,
        expression_indexes=True,
        included_columns=False,
        schemas=True,
        enums="inline",
        identity="sequence",
        sequences=True,
        stored_generated=False,
        virtual_generated=True,
        generated_keys=False,
        deferrable_keys=False,
        comments=True,
        nul_in_text=True,
        decimal_digits=DECIMAL_DIGITS,
        encoding="arrow",
    )

    def place(self, logical: Type, survey: ColumnSurvey) -> Placement:
        """How DuckDB holds a logical type."""
        if logical.wire in _OWN:
            return _same(logical.wire)
        lacking = _lacks(logical, survey)
        if lacking:
            note = f"kept as its exact text: {lacking}"
            return Placement("VARCHAR", "VARCHAR", text_rule(logical), note=note)
        if logical.kind in _PLAIN:
            return _same(_PLAIN[logical.kind])
        if logical.kind == "integer":
            return _integer(logical)
        if logical.kind == "decimal":
            return _decimal(logical, survey)
        if logical.kind == "float":
            return _same("FLOAT" if logical.float_bits == 32 else "DOUBLE")
        if logical.kind == "text":
            return _same("VARCHAR")
        if logical.kind == "timestamp":
            return _same("TIMESTAMP_NS" if (logical.fraction_digits or 6) > 6 else "TIMESTAMP")
        if logical.kind == "enum":
            return _same("ENUM(" + ", ".join(ddl.literal(label) for label in logical.labels) + ")")
        if logical.kind == "money":
            name = f"DECIMAL(19,{logical.scale or 0})"
            return Placement(name, name, Rule(rule="money", argument=str(logical.scale or 0)))
        native = self._nested(logical, survey)
        if native:
            return _same(native)
        rule = text_rule(logical)
        if rule:
            return Placement("VARCHAR", "VARCHAR", rule, note=text_note(logical))
        return refused(f"DuckDB has no type for {logical.declared or logical.kind}")

    def _nested(self, logical: Type, survey: ColumnSurvey) -> str | None:
        """A type of DuckDB's own for values made of values; None where it has none that holds all of them."""
        if logical.kind == "union":
            return self._fields("UNION", logical)
        if logical.kind == "array":
            # Arrays of one dimension that begin at 1 were surveyed as lists.
            return self._part(replace(logical, kind="list")) if not survey.count("array") else None
        return self._part(logical) if logical.kind in ("list", "struct", "map") else None

    def _part(self, logical: Type) -> str | None:
        """The type of a part, decided without a survey: what it may hold counts."""
        match logical.kind:
            case "list":
                element = self._part(logical.elements[0])
                return element and f"{element}[{logical.length or ''}]"
            case "struct":
                return self._fields("STRUCT", logical)
            case "map":
                key, value = (self._part(element) for element in logical.elements)
                return f"MAP({key}, {value})" if key and value else None
            case "array" | "union" | "range" | "multirange" | "set":
                return None
            case "decimal" if logical.precision is None and logical.wire != "BIGNUM":
                return None
        placement = self.place(logical, ColumnSurvey())
        return None if placement.refused or placement.representation else placement.target_type

    def _fields(self, word: str, logical: Type) -> str | None:
        parts = [self._part(element) for element in logical.elements]
        if len({name.casefold() for name in logical.names if name}) < len(parts) or not all(parts):
            return None
        fields = (f"{self.dialect.quote(name)} {part}" for name, part in zip(logical.names, parts, strict=True))
        return f"{word}({', '.join(fields)})"

    def create_table(self, plan: Plan, table: TablePlan) -> Statement:
        """CREATE TABLE with all constraints."""
        clauses = [self._column(column) for column in table.columns]
        return ddl.table_statement(self.dialect, table, clauses + ddl.inline_constraints(self.dialect, table))

    def create_statements(self, plan: Plan) -> list[Statement]:
        """All DDL in order."""
        statements = [
            Statement(f"CREATE SCHEMA IF NOT EXISTS {self.dialect.quote(schema)}", f"schema {schema}", "before_data")
            for schema in plan.schemas
        ]
        statements += [ddl.sequence_statement(self.dialect, item) for item in plan.sequences if item.carried]
        statements += [self.create_table(plan, table) for table in plan.tables]
        for table in plan.tables:
            statements += [
                ddl.index_statement(self.dialect, table, index, self.dialect.quote(index.name))
                for index in table.indexes
                if index.carried
            ]
        statements += ddl.comment_statements(self.dialect, plan)
        return statements + [ddl.view_statement(self.dialect, view) for view in plan.views if view.carried]

    def counter_statements(self, plan: Plan) -> list[Statement]:
        """Draws values until each sequence stands behind its column: DuckDB has no setval."""
        steps = {item.name: item for item in plan.sequences}
        statements = []
        for table in plan.tables:
            for column in table.columns:
                if column.identity and column.identity.sequence:
                    sequence = steps[column.identity.sequence]
                    statements.append(self._advance(table, column.target, sequence))
        return statements

    def _advance(self, table: TablePlan, column: str, sequence: SequencePlan) -> Statement:
        name = ddl.literal(self.dialect.qualify(sequence.name))
        first = sequence.start if sequence.last_value is None else sequence.last_value + sequence.increment
        end = "max" if sequence.increment > 0 else "min"
        last = (
            "(SELECT coalesce(last_value, "
            f"{first - sequence.increment}) FROM duckdb_sequences()"
            f" WHERE schema_name = {ddl.literal(sequence.name.schema)}"
            f" AND sequence_name = {ddl.literal(sequence.name.name)})"
        )
        reached = f"(SELECT {end}({self.dialect.quote(column)}) FROM {self.dialect.qualify(table.target)})"
        steps = f"greatest(0, ceil((coalesce({reached}, {last}) - {last}) / {sequence.increment}))::BIGINT"
        sql = f"SELECT sum(nextval({name})) FROM (SELECT unnest(range({steps})))"
        return Statement(sql, f"sequence {sequence.name}", "counters")

    def drop_statements(self, plan: Plan) -> list[Statement]:
        """Views, tables, sequences, schemas that are ours."""
        drops = ddl.drop_tables_and_views(self.dialect, plan)
        drops += [
            Statement(
                f"DROP SEQUENCE IF EXISTS {self.dialect.qualify(item.name)}", f"sequence {item.name}", "before_data"
            )
            for item in plan.sequences
            if item.carried
        ]
        return drops

    def _column(self, column: ColumnPlan) -> str:
        text = f"{self.dialect.quote(column.target)} {column.target_type}"
        if column.generated:
            return f"{text} GENERATED ALWAYS AS ({column.generated.expression}) VIRTUAL"
        if column.identity and column.identity.sequence:
            sequence = ddl.literal(self.dialect.qualify(column.identity.sequence))
            text += f" DEFAULT nextval({sequence})"
        elif column.default is not None:
            text += f" DEFAULT {column.default}"
        return text if column.nullable else f"{text} NOT NULL"


def _lacks(logical: Type, survey: ColumnSurvey) -> str:
    """What a type of DuckDB's that bears the same name has no value for; empty if it has them all."""
    if logical.kind == "bit" and logical.wire == "varbit":
        return "DuckDB's BIT has no empty bit string"
    if logical.kind == "interval" and survey.infinite_moments:
        return f"{survey.infinite_moments:,} infinities, which DuckDB's INTERVAL lacks"
    return ""


def _same(name: str) -> Placement:
    return Placement(name, name)


def _integer(logical: Type) -> Placement:
    low = logical.minimum if logical.minimum is not None else -(2**63)
    high = logical.maximum if logical.maximum is not None else 2**63 - 1
    for name, minimum, maximum in _INTEGERS:
        if minimum <= low and high <= maximum:
            return _same(name)
    return refused("DuckDB's integers stop at 128 bits")


def _decimal(logical: Type, survey: ColumnSurvey) -> Placement:
    """DECIMAL(p,s); a decimal without a declared scale takes the surveyed digits, and text where 38 do not hold it."""
    if survey.count("decimal infinity", "decimal nan"):
        return _as_number_text("NaN or infinity, which DuckDB's DECIMAL lacks", "special")
    if logical.precision is not None:
        scale = max(logical.scale or 0, 0)
        # With a negative scale that many zeros stand before the point, beside the digits that are counted.
        precision = max(logical.precision - min(logical.scale or 0, 0), scale)
        if precision <= DECIMAL_DIGITS:
            return _same(f"DECIMAL({precision},{scale})")
    if not survey.values and logical.precision is None:
        name = f"DECIMAL({DECIMAL_DIGITS},{UNDECLARED_SCALE})"
        return Placement(name, name, note=f"no values and no declared digits: {UNDECLARED_SCALE} after the point")
    digits = survey.integer_digits + survey.fraction_digits
    if not survey.values or digits > DECIMAL_DIGITS:
        return _as_number_text(f"DuckDB's DECIMAL stops at {DECIMAL_DIGITS} digits")
    name = f"DECIMAL({DECIMAL_DIGITS},{survey.fraction_digits})"
    return Placement(name, name, loss_class="narrowed_proven", note=f"at most {digits} digits surveyed")


def _as_number_text(reason: str, argument: str | None = None) -> Placement:
    rule = Rule(rule="text_number", argument=argument)
    return Placement("VARCHAR", "VARCHAR", rule, "lossless", f"kept as its exact text: {reason}")
