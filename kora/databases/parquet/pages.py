"""Rows read page by page by the core, where row groups are large: memory then grows with a value, not with a group.

The core reads columns without parts. It does not sort and knows no keys: which rows a condition means, and where they
lie, DuckDB says first, from the columns that the condition names alone.
"""

from collections.abc import Sequence

from kora import _core
from kora._core import RowStream
from kora.catalog import Table
from kora.databases.parquet.files import TableFiles, reader_call
from kora.databases.parquet.groups import RowGroup
from kora.databases.parquet.schema import Query
from kora.errors import UnsupportedType

ROW_NUMBER = "file_row_number"
_FILE_NAME = "filename"
_KEYED_ROW_BYTES = 4 << 10
"""Rows from this size on are worth a list of their places; of smaller ones, a range holds too many."""
_MOST_SPANS = 100_000

Picked = list[tuple[str, list[tuple[int, int]] | None]]
"""Files with the rows wanted of each: first and the one behind the last, in order. None: all rows."""


def all_rows(files: TableFiles) -> Picked:
    """Every row of every file."""
    return [(str(file.path), None) for file in files.files]


def worth_a_list(groups: Sequence[RowGroup]) -> bool:
    """Whether rows that a condition names are large enough to be looked up one by one."""
    return any(not group.plain and group.string_bytes // max(group.rows, 1) >= _KEYED_ROW_BYTES for group in groups)


def rows_at(query: Query, table: Table, files: TableFiles, options: str, where: str, order: str) -> Picked | None:
    """Where the rows lie that a condition names; None if they cannot be read in the order asked for.

    Args:
        query: Runs a SELECT.
        table: The table.
        files: Its files.
        options: How DuckDB reads them.
        where: The condition, beginning with WHERE; empty for all rows.
        order: ORDER BY …; empty for any order.
    """
    if {ROW_NUMBER, _FILE_NAME} & {column.name.lower() for column in table.columns}:
        return None
    paths = [file.path for file in files.files]
    call = reader_call("read_parquet", paths, f"file_row_number=true, filename=true, {options}")
    # The files are listed by their paths, and DuckDB's texts are ordered as bytes.
    found = query(
        f"SELECT {_FILE_NAME}, {ROW_NUMBER} FROM {call}{where}{order or f' ORDER BY {_FILE_NAME}, {ROW_NUMBER}'}"
    )
    return _in_file_order(found, {str(path): place for place, path in enumerate(paths)})


def _in_file_order(found: Sequence[tuple[object, ...]], places: dict[str, int]) -> Picked | None:
    """Neighbouring rows as one; None where a row lies before the one that it follows."""
    picked: list[tuple[str, list[tuple[int, int]]]] = []
    spans = 0
    for name, number in found:
        path, row = str(name), int(str(number))
        if path not in places:
            return None
        if not picked or picked[-1][0] != path:
            if picked and places[path] < places[picked[-1][0]]:
                return None
            picked.append((path, [(row, row)]))
        first, end = picked[-1][1][-1]
        if row < end:
            return None
        if row == end:
            picked[-1][1][-1] = (first, row + 1)
        else:
            picked[-1][1].append((row, row + 1))
            spans += 1
    return [*picked] if spans <= _MOST_SPANS else None


def read_pages(table: Table, columns: Sequence[str], files: TableFiles, picked: Picked) -> RowStream | None:
    """The rows, read by the core; None where it does not read one of the columns as it lies in these files.

    Raises:
        FileProblem: A file cannot be read.
        MalformedInput: A file's footer is damaged; of what lies deeper, the stream tells.
    """
    if set(columns) & set(files.partition_keys):
        return None
    try:
        return _core.parquet_rows(picked, [(name, table.column(name).type.wire) for name in columns])
    except UnsupportedType:
        return None
