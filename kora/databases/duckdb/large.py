"""Which rows of a DuckDB table are large, and how they are read a few at a time.

DuckDB hands rows out in vectors of 2,048 and takes all strings of a vector into memory, so that a scan of rows of
megabytes needs gigabytes. What its storage says of each row group (`pragma_storage_info`: no row is read for it) tells
where that would happen. There rows are read in windows: one by one through the primary key's index, which fetches a
row alone, or, without one, by row ids, some megabytes at a time. The file does not change, so neither do row ids.

The statistics do not say which row ids a row group has. They follow each other without gaps until a whole row group is
deleted; then the next one keeps its row ids. So the spans here are held against the row ids that the table really has.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby

VECTOR_ROWS = 2048
_ROW_GROUP_ROWS = 122_880
_VECTOR_SIZE_BYTES = 32 << 20
"""A vector's strings above this are read in windows."""
_BATCH_SIZE_BYTES = 64 << 20
"""Row groups with more strings than this are read a few vectors at a time."""
_SKEW = 4
"""How much larger than the average of its row group the largest vector may be before that shows as large."""
_WINDOW_SIZE_BYTES = 16 << 20
_WINDOWS_PER_VECTOR = 4
"""A compressed vector is decompressed for each window of it, however small the window is."""
_ALONE_SIZE_BYTES = 1 << 20
"""Rows of this size are fetched one at a time where the primary key has an index."""
_TOTAL = re.compile(r"total_string_length'?: (\d+)")
_LONGEST = re.compile(r"max_string_length'?: (\d+)|Max String Length: (\d+)")

Query = Callable[[str], list[tuple[object, ...]]]


@dataclass(frozen=True, slots=True)
class Span:
    """Neighbouring rows by row id, both ends included."""

    first: int
    last: int
    string_bytes: int = 0
    """Bytes of all strings."""
    longest_bytes: int = 0
    """Bytes of the longest string."""
    stored_rows: int = 0
    """Rows that the sizes are of, where they are not of all row ids; 0: of all."""

    @property
    def rows(self) -> int:
        """Row ids, of deleted rows too."""
        return self.last - self.first + 1

    @property
    def sized_rows(self) -> int:
        """Rows that the sizes are of."""
        return self.stored_rows or self.rows

    @property
    def vector_bytes(self) -> int:
        """Bytes of strings in a vector, at most."""
        return min(self.string_bytes, self.longest_bytes * VECTOR_ROWS)

    @property
    def large(self) -> bool:
        """Whether a vector's strings may be more than is wanted in memory at once."""
        average = self.string_bytes * VECTOR_ROWS // max(self.sized_rows, VECTOR_ROWS)
        return min(average * _SKEW + self.longest_bytes, self.vector_bytes) > _VECTOR_SIZE_BYTES

    @property
    def plain(self) -> bool:
        """Whether DuckDB may hand out the row group as it does: all of it as one batch."""
        return not self.large and self.string_bytes <= _BATCH_SIZE_BYTES

    @property
    def row_bytes(self) -> int:
        """Bytes of strings in a row, on average."""
        return self.string_bytes // self.sized_rows


def read_spans(query: Query, table: str, columns: Sequence[str] | None) -> tuple[Span, ...]:
    """A table's row groups, from its storage's statistics. Together they cover every row id that the table has.

    None for a table with a column `rowid`, behind which DuckDB hides the row ids: such a table is not read in windows.

    Args:
        query: Runs a SELECT.
        table: The qualified name, quoted.
        columns: Those that are to be read; None: all. Strings in nested columns count too.
    """
    groups = _row_groups(query, table, columns)
    spans = _side_by_side(groups, [])
    if all(span.plain for span in spans):
        return spans
    [(rows, last)] = query(f"SELECT count(*), coalesce(max(rowid), -1) FROM {table}")
    stored = sum(group.rows for group in groups)
    if int(str(last)) < stored:
        return spans
    if int(str(rows)) == stored:
        return _side_by_side(groups, _first_row_ids(query, table, groups))
    return _of_the_worst(groups, int(str(last)))


def _row_groups(query: Query, table: str, columns: Sequence[str] | None) -> list[Span]:
    """The row groups with their sizes, each as if it began at row id 0."""
    rows = query(
        "SELECT row_group_id, column_name, column_path = '[0, 0]', count,"
        " CASE WHEN segment_type NOT IN ('VALIDITY', 'INTEGER', 'BIGINT', 'DOUBLE') THEN CAST(stats AS VARCHAR) END"
        f" FROM pragma_storage_info({literal(table)}) ORDER BY row_group_id"
    )
    if any(str(row[1]).lower() == "rowid" for row in rows):
        return []
    groups: list[Span] = []
    for _, segments in groupby(rows, key=lambda row: row[0]):
        count = strings = longest = 0
        for _, column, counted, segment_rows, stats in segments:
            count += int(str(segment_rows)) if counted else 0
            if stats is not None and (columns is None or column in columns):
                total, most = _lengths(str(stats), int(str(segment_rows)))
                strings, longest = strings + total, max(longest, most)
        if count:
            groups.append(Span(0, count - 1, strings, longest))
    return groups


def _side_by_side(groups: Sequence[Span], first_row_ids: Sequence[int]) -> tuple[Span, ...]:
    """Row groups where they lie: each at its first row id, or behind the one before. A gap goes to the next of them."""
    spans: list[Span] = []
    for place, group in enumerate(groups):
        after = spans[-1].last + 1 if spans else 0
        first = first_row_ids[place] if first_row_ids else after
        spans.append(Span(after, first + group.rows - 1, group.string_bytes, group.longest_bytes, group.rows))
    return tuple(spans)


def _first_row_ids(query: Query, table: str, groups: Sequence[Span]) -> list[int]:
    """Where each row group begins, in a table none of whose stored rows is deleted: at its first row."""
    rows_before = [0, *accumulate(group.rows for group in groups)][:-1]
    listed = query(
        f"SELECT kora_row_id FROM (SELECT rowid AS kora_row_id, row_number() OVER (ORDER BY rowid) - 1 AS kora_row"
        f" FROM {table}) WHERE kora_row IN ({', '.join(map(str, rows_before))}) ORDER BY kora_row"
    )
    return [int(str(row[0])) for row in listed]


def _of_the_worst(groups: Sequence[Span], last: int) -> tuple[Span, ...]:
    """All row ids up to `last` where nobody knows which row group has which: each place may be that of the worst."""
    worst = max(groups, key=lambda group: (group.large, not group.plain, group.vector_bytes))
    longest = max(group.longest_bytes for group in groups)
    return tuple(
        Span(first, min(first + _ROW_GROUP_ROWS - 1, last), worst.string_bytes, longest, worst.rows)
        for first in range(0, last + 1, _ROW_GROUP_ROWS)
    )


def _lengths(stats: str, rows: int) -> tuple[int, int]:
    """Bytes in all and in the longest string; without a total, as if each were the longest."""
    longest = max((int(one or other) for one, other in _LONGEST.findall(stats)), default=0)
    totals = _TOTAL.findall(stats)
    return (sum(map(int, totals)) if totals else longest * rows), longest


def memory_bytes(spans: Sequence[Span], base_bytes: int) -> int:
    """What DuckDB must be allowed for the largest vector: its strings as stored, their copy, and room to grow it."""
    largest = max((span.vector_bytes for span in spans if span.large), default=0)
    return max(base_bytes, base_bytes // 2 + 4 * largest)


@dataclass(frozen=True, slots=True)
class Source:
    """The parts of a query that is to be cut into windows."""

    query: Query
    select: str
    """SELECT … FROM …, without conditions."""
    table: str
    """The qualified name, quoted."""
    lengths: str
    """An expression: bytes of a row's strings."""
    where: str = ""
    """Conditions, beginning with WHERE; empty for all rows."""
    order: str = ""
    """ORDER BY …; empty for any order."""
    index_keys: tuple[tuple[str, str], ...] = ()
    """Name and type of the primary key's columns, quoted; empty if it has none."""

    def windows(self, spans: Sequence[Span]) -> Iterator[str]:
        """Queries that give all rows, in the order asked for, a few large ones at a time."""
        if self.where or self.order:
            yield from self._listed(spans)
            return
        for plain, neighbours in groupby(spans, key=lambda span: span.plain):
            for span in [_joined(list(neighbours))] if plain else neighbours:
                if span.large:
                    yield from self._listed([span], f"WHERE {_between(span)}")
                else:
                    yield from (f"{self.select} WHERE {_between(part)}" for part in _parts(span))

    def _listed(self, spans: Sequence[Span], where: str = "") -> Iterator[str]:
        """Windows over rows that are listed first, by row id in the order asked for."""
        keys = "".join(f", CAST({name} AS VARCHAR)" for name, _ in self.index_keys)
        listed = self.query(f"SELECT rowid{keys} FROM {self.table} {where or self.where} {self.order}")
        places = _Places(spans)
        start = 0
        while start < len(listed):
            span = places.span(int(str(listed[start][0])))
            stop = start + 1
            if span.large and span.row_bytes >= _ALONE_SIZE_BYTES and self.index_keys:
                yield f"{self.select} WHERE {self._equal(listed[start])}"
            else:
                while stop < len(listed) and places.span(int(str(listed[stop][0]))) == span:
                    stop += 1
                yield from self._by_row_ids([int(str(row[0])) for row in listed[start:stop]], span)
            start = stop

    def _equal(self, row: tuple[object, ...]) -> str:
        """The condition that the primary key's index answers."""
        values = zip(self.index_keys, row[1:], strict=True)
        return " AND ".join(f"{name} = CAST({literal(str(value))} AS {kind})" for (name, kind), value in values)

    def _by_row_ids(self, row_ids: list[int], span: Span) -> Iterator[str]:
        limit = max(_WINDOW_SIZE_BYTES, span.vector_bytes // _WINDOWS_PER_VECTOR)
        sizes: dict[int, int] = {}
        if span.large:
            lengths = self.query(f"SELECT rowid, {self.lengths} FROM {self.table} WHERE {_among(row_ids)}")
            sizes = {int(str(row_id)): int(str(size)) for row_id, size in lengths}
        window: list[int] = []
        held = 0
        for row_id in row_ids:
            size = sizes.get(row_id, 0)
            if window and (held + size > limit or len(window) == VECTOR_ROWS):
                yield self._window(window)
                window, held = [], 0
            window.append(row_id)
            held += size
        yield self._window(window)

    def _window(self, row_ids: list[int]) -> str:
        """One row needs no order, and sorting would copy it."""
        return f"{self.select} WHERE {_among(row_ids)} {self.order if len(row_ids) > 1 else ''}"


class _Places:
    """Finds a row's span. Rows that no span has (none should be) are taken for small ones."""

    def __init__(self, spans: Sequence[Span]) -> None:
        self._spans = spans
        self._last = Span(0, -1)

    def span(self, row_id: int) -> Span:
        if not self._last.first <= row_id <= self._last.last:
            found = (span for span in self._spans if span.first <= row_id <= span.last)
            self._last = next(found, Span(row_id, row_id))
        return self._last


def _joined(spans: list[Span]) -> Span:
    return Span(spans[0].first, spans[-1].last)


def _parts(span: Span) -> Iterator[Span]:
    """Whole vectors of a span whose strings together are much, though none of them is large."""
    rows = (
        span.rows if span.plain else max(_VECTOR_SIZE_BYTES // max(span.row_bytes, 1) // VECTOR_ROWS, 1) * VECTOR_ROWS
    )
    for first in range(span.first, span.last + 1, rows):
        yield Span(first, min(first + rows - 1, span.last))


def _between(span: Span) -> str:
    return f"rowid BETWEEN {span.first} AND {span.last}"


def _among(row_ids: list[int]) -> str:
    low, high = min(row_ids), max(row_ids)
    if high - low + 1 == len(row_ids):
        return f"rowid BETWEEN {low} AND {high}"
    return f"rowid BETWEEN {low} AND {high} AND rowid IN ({', '.join(map(str, row_ids))})"


def literal(text: str) -> str:
    """A string literal; NUL has no place in DuckDB's SQL text."""
    parts = ["'" + part.replace("'", "''") + "'" for part in text.split("\0")]
    return parts[0] if len(parts) == 1 else "(" + " || chr(0) || ".join(parts) + ")"
