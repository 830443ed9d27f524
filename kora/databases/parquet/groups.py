"""Row groups of Parquet files, and how rows are read a few at a time where a group's strings are many bytes.

DuckDB hands out a row group as one batch. Where its strings are larger than is wanted in memory at once, the rows are
read in windows by their number in the file; the reader skips the groups that a window does not touch, and reads those
that it does once for each window. Pages are its smallest unit, so that strings of megabytes take as much memory as the
file's writer put into one page, whatever the window.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from kora.databases.parquet.files import TableFiles, reader_call
from kora.databases.parquet.schema import Query

VECTOR_ROWS = 2048
_BATCH_SIZE_BYTES = 32 << 20
_WINDOW_SIZE_BYTES = 128 << 20
"""A vector whose strings are more is read in parts, although each part reads the group anew."""
_BASE_MEMORY_BYTES = 256 << 20
_MEMORY_FACTOR = 4
"""A page as it is stored, in a buffer that doubles as it grows; the page decompressed; and the strings made of it."""
_MOST_MEMORY_BYTES = 2 << 30
"""Whatever a file says of itself: beyond this the reader refuses its rows."""


@dataclass(frozen=True, slots=True)
class RowGroup:
    """Neighbouring rows of one file, by their numbers in it from 0."""

    path: Path
    first: int
    rows: int
    string_bytes: int
    """Bytes of all strings and byte strings, as far as the file's metadata and the dictionaries tell."""

    @property
    def plain(self) -> bool:
        """Whether the reader may hand it out as one batch."""
        return self.string_bytes <= _BATCH_SIZE_BYTES

    def windows(self) -> Iterator[tuple[int, int]]:
        """First and last row of each window: whole vectors, about as large as a batch may be, or a part of one."""
        row_bytes = max(self.string_bytes // max(self.rows, 1), 1)
        step = max(_BATCH_SIZE_BYTES // row_bytes // VECTOR_ROWS, 1) * VECTOR_ROWS
        step = max(min(step, _WINDOW_SIZE_BYTES // row_bytes), 1)
        for start in range(self.first, self.first + self.rows, step):
            yield start, min(start + step, self.first + self.rows) - 1


def read_groups(query: Query, table: TableFiles) -> tuple[list[RowGroup], list[str]]:
    """The row groups of a table's files in order, and the top-level columns whose strings stand in dictionaries.

    What a dictionary stands for is not in the metadata: `with_dictionaries` adds it.
    """
    call = reader_call("parquet_metadata", [file.path for file in table.files])
    strings = "type IN ('BYTE_ARRAY', 'FIXED_LEN_BYTE_ARRAY')"
    rows = query(
        "SELECT file_name, row_group_id, any_value(row_group_num_rows)::BIGINT,"
        f" coalesce(sum(total_uncompressed_size) FILTER ({strings}), 0)::BIGINT FROM {call}"
        " GROUP BY ALL ORDER BY file_name, row_group_id"
    )
    coded = query(f"SELECT DISTINCT path_in_schema FROM {call} WHERE {strings} AND encodings LIKE '%DICT%' ORDER BY 1")
    groups = []
    for file, numbered in groupby(rows, key=lambda row: row[0]):
        first = 0
        for _, _, count, size in numbered:
            groups.append(RowGroup(Path(str(file)), first, int(count), int(size)))
            first += int(count)
    return groups, [str(path) for (path,) in coded]


def with_dictionaries(groups: Sequence[RowGroup], dictionary_bytes: int) -> list[RowGroup]:
    """The groups with bytes that dictionaries stand for in all of them, by each one's share of the rows."""
    rows = max(sum(group.rows for group in groups), 1)
    return [
        RowGroup(group.path, group.first, group.rows, group.string_bytes + dictionary_bytes * group.rows // rows)
        for group in groups
    ]


def memory_bytes(groups: Sequence[RowGroup]) -> int:
    """What DuckDB must be allowed for the largest group, at most 2 GiB."""
    largest = max((group.string_bytes for group in groups if not group.plain), default=0)
    return min(_BASE_MEMORY_BYTES + _MEMORY_FACTOR * largest, _MOST_MEMORY_BYTES)


def lane_queries(select: str, groups: Sequence[RowGroup], options: str, fewest_rows: int) -> list[str]:
    """SELECTs that together give all rows of plain groups, each of about so many rows or more: whole small files
    together, large ones between their groups.
    """
    pieces: list[str] = []
    together: list[RowGroup] = []
    for path, found in groupby(groups, key=lambda group: group.path):
        of_file = list(found)
        rows = sum(group.rows for group in of_file)
        if rows >= 2 * fewest_rows and len(of_file) > 1:
            call = reader_call("read_parquet", [path], f"file_row_number=true, {options}")
            ranges = [(part[0].first, part[-1].first + part[-1].rows - 1) for part in _batches(of_file, fewest_rows)]
            pieces += [
                f"{select} FROM {call} WHERE file_row_number BETWEEN {first} AND {last}" for first, last in ranges
            ]
        else:
            together.append(RowGroup(path, 0, rows, 0))
    for batch in _batches(together, fewest_rows):
        pieces.append(f"{select} FROM {reader_call('read_parquet', [file.path for file in batch], options)}")
    return pieces


def _batches(groups: Sequence[RowGroup], fewest_rows: int) -> Iterator[list[RowGroup]]:
    """Neighbours until they hold so many rows; the last batch may hold fewer."""
    batch: list[RowGroup] = []
    for group in groups:
        batch.append(group)
        if sum(member.rows for member in batch) >= fewest_rows:
            yield batch
            batch = []
    if batch:
        yield batch


def queries(select: str, groups: Sequence[RowGroup], options: str) -> Iterator[str]:
    """SELECTs that together give all rows: neighbouring plain groups of a file in one, large ones in windows."""
    for (path, plain), neighbours in groupby(groups, key=lambda group: (group.path, group.plain)):
        found = list(neighbours)
        spans: list[Any] = [window for group in found for window in group.windows()]
        if plain:
            spans = [(found[0].first, found[-1].first + found[-1].rows - 1)]
        call = reader_call("read_parquet", [path], f"file_row_number=true, {options}")
        for first, last in spans:
            yield f"{select} FROM {call} WHERE file_row_number BETWEEN {first} AND {last}"
