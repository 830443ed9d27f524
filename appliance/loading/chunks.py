"""Cuts a table into chunks of about the same size in bytes, by ranges of its stable key."""

from appliance.journal import Chunk
from kora.catalog import Table
from kora.databases.base import Database

_SAMPLE_ROWS = 2000
_FEWEST_ROWS = 1000
_LARGEST_BYTES = 32 << 20
"""Rows that are few and large are cut by their bytes, however few a chunk then holds."""
_LARGE_ROW_BYTES = 16 << 10
_BYTES_OF = {
    "sqlite": "coalesce(length(CAST({} AS BLOB)), 1)",
    "duckdb": "coalesce(strlen(CAST({} AS VARCHAR)), 1)",
    "parquet": "coalesce(strlen(CAST({} AS VARCHAR)), 1)",
    "postgresql": "coalesce(octet_length(CAST({} AS text)), 1)",
}


def cut(database: Database, table: Table, key: tuple[str, ...], chunk_size_bytes: int) -> list[Chunk]:
    """Chunks that cover the whole key space: the first is open below, the last above.

    Args:
        database: The source, within its snapshot.
        table: The table.
        key: A stable key; without one the table is a single chunk.
        chunk_size_bytes: What a chunk should hold, by the average of the table's first rows.
    """
    if not key:
        return [Chunk(0, None, None)]
    size = row_size_bytes(database, table)
    fewest = max(min(_FEWEST_ROWS, max(chunk_size_bytes, _LARGEST_BYTES) // size), 1)
    rows = max(chunk_size_bytes // size, fewest)
    bounds = database.key_boundaries(table, key, rows)
    edges = [None, *bounds, None]
    return [Chunk(number, edges[number], edges[number + 1]) for number in range(len(edges) - 1)]


def row_size_bytes(database: Database, table: Table) -> int:
    """The average length of the first rows as text, at least 1."""
    template = _BYTES_OF.get(database.dialect.engine)
    columns = [column.name for column in table.columns if column.type.kind != "unsupported"]
    if template is None or not columns:
        return 256
    stored = _stored_size_bytes(database, table)
    if stored >= _LARGE_ROW_BYTES:
        return stored
    quoted = [database.dialect.quote(name) for name in columns]
    total = " + ".join(template.format(name) for name in quoted)
    rows = database.scalar_query(
        f"SELECT avg({total}) FROM (SELECT {', '.join(quoted)} FROM {database.dialect.qualify(table.name)}"
        f" LIMIT {_SAMPLE_ROWS}) s"
    )
    average = rows[0][0]
    return max(int(float(str(average))), 1) if average is not None else 256


def _stored_size_bytes(database: Database, table: Table) -> int:
    """The average bytes of a row's strings from DuckDB's own statistics, or of a row in Parquet files; 0 without these.

    DuckDB takes all strings of 2,048 rows into memory to show one of them, so large ones are not sampled.
    """
    if database.dialect.engine == "parquet":
        return (table.size_bytes or 0) // max(table.row_estimate or 0, 1)
    if database.dialect.engine != "duckdb":
        return 0
    name = database.dialect.qualify(table.name).replace("'", "''")
    total = "CAST(nullif(regexp_extract(CAST(stats AS VARCHAR), 'total_string_length''?: ([0-9]+)', 1), '') AS HUGEINT)"
    rows = database.scalar_query(
        f"SELECT coalesce(sum({total}) / nullif(sum(count) FILTER (column_path = '[0, 0]'), 0), 0)"
        f" FROM pragma_storage_info('{name}')"
    )
    return int(float(str(rows[0][0])))
