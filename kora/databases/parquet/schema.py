"""The columns of a table, from the schemas of its Parquet files as DuckDB's reader understands them.

What that reader would change is refused by name: INT96 times lose their nanoseconds in it, decimals beyond 38 digits
become doubles, and a column whose name differs from another's in case alone is given another name. Format:
github.com/apache/parquet-format, LogicalTypes.md.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from kora.catalog import Column, Type
from kora.databases.duckdb.types import column_type
from kora.databases.parquet.files import TableFiles, reader_call
from kora.errors import MalformedInput

Query = Callable[[str], list[tuple[Any, ...]]]
"""Runs a SELECT; DuckDB's rows have no static types."""

MOST_DIGITS = 38


class _Element(NamedTuple):
    """One node of a file's schema tree, as `parquet_schema` gives it."""

    name: str
    physical: str | None
    length: str | None
    repetition: str | None
    children: int | None
    converted: str | None
    logical: str | None
    precision: int | None
    scale: int | None
    duckdb_type: str | None


@dataclass(frozen=True, slots=True)
class FileColumn:
    """A column as one file has it. `shape` is everything that must be the same in all files of a table."""

    name: str
    nullable: bool
    spelled: str
    shape: tuple[object, ...]
    unreadable: str = ""
    """What the reader would change about it."""


def read_columns(query: Query, table: TableFiles, types: Mapping[str, str]) -> tuple[Column, ...]:
    """The columns of a table.

    Args:
        query: Runs a SELECT.
        table: Its files.
        types: DuckDB's types by column, in order, as its reader gives them for all files together.

    Raises:
        MalformedInput: Files of different schemas, or columns that the reader cannot tell apart; file and column are
            named.
    """
    schemas = file_schemas(query, table)
    first_file, first = next(iter(schemas.items()))
    for file, columns in schemas.items():
        _require_same(first_file, first, file, columns)
    _require_own_names(first_file, first, table, types)
    found = []
    for column in first:
        nullable = any(other.nullable for columns in schemas.values() for other in columns if other.name == column.name)
        found.append(Column(column.name, _type(column, types[column.name]), nullable=nullable))
    return (*found, *(Column(key, column_type(types[key])) for key in types if key in table.partition_keys))


def file_schemas(query: Query, table: TableFiles) -> dict[str, list[FileColumn]]:
    """The columns of each file, by its path."""
    paths = [file.path for file in table.files]
    rows = query(
        "SELECT file_name, name, type, type_length, repetition_type, num_children, converted_type, logical_type,"
        f" precision, scale, duckdb_type FROM {reader_call('parquet_schema', paths)} ORDER BY file_name, column_id"
    )
    by_file: dict[str, list[_Element]] = defaultdict(list)
    for file, *element in rows:
        by_file[str(file)].append(_Element(*element))
    return {file: _columns(elements) for file, elements in by_file.items()}


def _columns(elements: Sequence[_Element]) -> list[FileColumn]:
    """The children of the root: the elements are the schema's tree, depth first."""
    columns = []
    place = 1
    while place < len(elements):
        end = _end(elements, place)
        columns.append(_column(elements[place:end]))
        place = end
    return columns


def _end(elements: Sequence[_Element], place: int) -> int:
    """Behind the subtree that begins at a place."""
    waiting = 1
    while waiting and place < len(elements):
        waiting += (elements[place].children or 0) - 1
        place += 1
    return place


def _column(subtree: Sequence[_Element]) -> FileColumn:
    top = subtree[0]
    inner = tuple((element.name, element.repetition) for element in subtree[1:])
    shape = tuple(
        (element.physical, element.length, element.duckdb_type, element.precision, element.scale, element.children)
        for element in subtree
    )
    unreadable = _changed_by_reader(subtree)
    spelled = unreadable or str(top.duckdb_type or top.physical or "nested")
    return FileColumn(top.name, top.repetition != "REQUIRED", spelled, (shape, inner), unreadable)


def _changed_by_reader(subtree: Sequence[_Element]) -> str:
    for element in subtree:
        if element.physical == "INT96":
            return "INT96 timestamp, whose nanoseconds the reader drops"
        decimal = element.converted == "DECIMAL" or (element.logical or "").startswith("Decimal")
        if decimal and (element.precision or 0) > MOST_DIGITS:
            return f"DECIMAL({element.precision},{element.scale}), which the reader rounds to a double"
    return ""


def _type(column: FileColumn, spelled: str) -> Type:
    if column.unreadable:
        return Type("unsupported", column.unreadable, column.unreadable)
    return column_type(spelled)


def _require_same(first_file: str, first: list[FileColumn], file: str, columns: list[FileColumn]) -> None:
    known, own = ({column.name: column for column in side} for side in (first, columns))
    for name in (*known, *own):
        if name not in own:
            problem = f"lacks the column {name!r}, which {first_file} has"
        elif name not in known:
            problem = f"has a column {name!r}, which {first_file} lacks"
        elif own[name].shape != known[name].shape:
            problem = f"column {name!r} is {own[name].spelled}, but {known[name].spelled} in {first_file}"
        else:
            continue
        raise MalformedInput(f"{file}: {problem}", hint="files of one table must have one schema: put it elsewhere")


def _require_own_names(file: str, columns: list[FileColumn], table: TableFiles, types: Mapping[str, str]) -> None:
    names = [column.name for column in columns]
    both = sorted(set(names) & set(table.partition_keys))
    if both:
        raise MalformedInput(f"{file}: the column {both[0]!r} stands in the file and in the name of its folder")
    given = [name for name in types if name not in table.partition_keys]
    if given != names:
        odd = next((name for name in names if name not in given), names[-1])
        raise MalformedInput(
            f"{file}: the column {odd!r} has the name of another but for the case, or the reader renames it",
            hint="write the file anew with names that differ in more than case",
        )
    missing = sorted(set(table.partition_keys) ^ (set(types) - set(names)))
    if missing:
        raise MalformedInput(f"{file}: its path makes a column {missing[0]!r} that is no partition of its table")
