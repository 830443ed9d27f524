"""Whether each counter of the target stands beyond the largest key that is there. Only read, never called."""

from collections.abc import Iterator

from kora.behavior.origins import Origin
from kora.catalog import Catalog, Column, Sequence, Table
from kora.comparison.behavior import ConstraintProbe
from kora.databases.base import Database
from kora.errors import EngineError


def check_counters(
    database: Database, catalog: Catalog, table: Table, origin: Origin | None
) -> Iterator[ConstraintProbe]:
    """Each column of a table that a counter fills: what it gives out next, and the largest value that is there."""
    for column in table.columns:
        following = next_value(catalog, table, column)
        before = origin.column(column.name) if origin else None
        counted = before is not None and origin is not None and is_counted(origin.catalog, origin.table, before)
        if following is None and not counted and not is_counted(catalog, table, column):
            continue
        made = {"table": str(table.name), "constraint": f"COUNTER {column.name}"[:200]}
        if following is None:
            known = is_counted(catalog, table, column)
            outcome, detail = ("not_run", "its position cannot be read") if known else (
                "lost", "the source counts it up, the target does not")  # fmt: skip
        else:
            outcome, detail = _judged(database, table, column, *following)
        yield ConstraintProbe.model_validate({**made, "outcome": outcome, "detail": detail})


def _judged(database: Database, table: Table, column: Column, following: int, step: int) -> tuple[str, str]:
    most = "max" if step > 0 else "min"
    sql = f"SELECT {most}({database.dialect.quote(column.name)}) FROM {database.dialect.qualify(table.name)}"
    try:
        ((value,),) = database.scalar_query(sql)
        largest = None if value is None else int(value)
    except (EngineError, ValueError):
        return "not_run", "the largest value cannot be read"
    if largest is None or (following > largest if step > 0 else following < largest):
        return "kept", ""
    return "broken", f"it gives out {following} next, and {largest} is there"


def is_counted(catalog: Catalog, table: Table, column: Column) -> bool:
    """Whether a counter fills the column. SQLite's own key, one above the largest, is none: it cannot fall behind."""
    own = catalog.engine == "sqlite" and column.identity is not None and column.identity.last_value is None
    return (column.identity is not None and not own) or bool(_sequences(catalog, table, column))


def next_value(catalog: Catalog, table: Table, column: Column) -> tuple[int, int] | None:
    """What the column's counter gives out next, and its step; None where it has none that anybody can read."""
    owned = _sequences(catalog, table, column)
    if owned:
        sequence = owned[0]
        last = sequence.last_value
        return (sequence.start if last is None else last + sequence.increment), sequence.increment
    identity = column.identity
    if identity is None or identity.last_value is None:
        return None
    return identity.last_value + identity.increment, identity.increment


def _sequences(catalog: Catalog, table: Table, column: Column) -> list[Sequence]:
    named = column.identity.sequence if column.identity else None
    owned = [item for item in catalog.sequences if item.owned_by == (table.name, column.name)]
    owned += [item for item in catalog.sequences if named is not None and item.name == named and not owned]
    default = (column.default or "").casefold()
    if not owned and ("nextval" in default or "next value" in default):
        words = default.replace('"', "").replace("`", "")
        owned += [item for item in catalog.sequences if item.name.name.casefold() in words]
        owned.sort(key=lambda item: -len(item.name.name))
    return owned
