"""Counters that go on behind the data: set where the engine can set them, asserted where it cannot."""

from collections.abc import Iterator

from appliance.engines.registry import target_engine
from appliance.planning.model import ColumnPlan, Plan, TablePlan


def counter_statements(plan: Plan) -> Iterator[str]:
    """One statement per counted column. It fails if the next value drawn would repeat one that is stored.

    PostgreSQL: `setval` to the greatest value stored, never backwards. DuckDB has no setval, so its sequences are made
    to start behind the surveyed values and the statement only asserts that this still holds. SQLite counts from the
    greatest rowid by itself.
    """
    for table in plan.tables:
        for column in table.columns:
            if column.identity is None or not column.loaded:
                continue
            if plan.target.engine == "postgresql":
                yield _set_postgres(table, column)
            elif plan.target.engine == "duckdb" and column.identity.sequence is not None:
                yield _assert_duckdb(table, column)


def _set_postgres(table: TablePlan, column: ColumnPlan) -> str:
    dialect = target_engine("postgresql").dialect
    name, quoted = dialect.qualify(table.target), dialect.quote(column.target)
    sequence = f"pg_get_serial_sequence({_literal(name)}, {_literal(column.target)})"
    if column.identity is not None and column.identity.sequence is not None:
        sequence = _literal(dialect.qualify(column.identity.sequence))
    extreme = "max" if column.identity is None or column.identity.increment > 0 else "min"
    last = column.identity.last_value if column.identity else None
    floor = f"SELECT {last}::bigint AS v UNION ALL " if last is not None else ""
    return (
        f"SELECT setval({sequence}::regclass, {extreme}(v)) FROM"
        f" ({floor}SELECT {extreme}({quoted}) FROM {name}) AS stored (v) HAVING {extreme}(v) IS NOT NULL"
    )


def _assert_duckdb(table: TablePlan, column: ColumnPlan) -> str:
    dialect = target_engine("duckdb").dialect
    identity = column.identity
    sequence = identity.sequence if identity else None
    if identity is None or sequence is None:
        return "SELECT 1"
    extreme = "max" if identity.increment > 0 else "min"
    stored = f"(SELECT {extreme}({dialect.quote(column.target)}) FROM {dialect.qualify(table.target)})"
    following = (
        "(SELECT coalesce(last_value + increment_by, start_value) FROM duckdb_sequences()"
        f" WHERE schema_name = {_literal(sequence.schema)} AND sequence_name = {_literal(sequence.name)})"
    )
    operator = ">=" if identity.increment > 0 else "<="
    words = _literal(f"the sequence {sequence} would repeat a value of {table.target}.{column.target}: plan anew")
    return f"SELECT CASE WHEN {stored} {operator} {following} THEN error({words}) END"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
