"""SQLite's catalog: sqlite_schema and the PRAGMAs, with the CREATE texts for what these leave out.

SQLite's own habits that show here: a PRIMARY KEY column may hold NULL unless it is the rowid, NOT NULL, or the table
is STRICT or WITHOUT ROWID (sqlite.org/lang_createtable.html §3.5); a foreign key may leave out its parent's columns;
virtual tables and the shadow tables that carry them are named as not modelled.
"""

from collections.abc import Sequence as Many
from dataclasses import dataclass, replace

from kora._core import SqliteConnection
from kora.catalog import (
    Action,
    Catalog,
    Column,
    ForeignKey,
    Generated,
    Identity,
    Index,
    IndexPart,
    Key,
    Name,
    NotModelled,
    Table,
    Trigger,
    View,
)
from kora.databases.base import OWN_PREFIX, Selection
from kora.databases.sql_text import read_create_index, read_create_view
from kora.databases.sqlite.statements import (
    ColumnClauses,
    CreateTable,
    ForeignKeyClause,
    read_create_table,
)
from kora.databases.sqlite.types import column_type
from kora.errors import EngineError, MalformedInput, SenseiError

_SHADOW_SUFFIXES = {
    "fts": ("content", "segments", "segdir", "docsize", "stat", "data", "idx", "config"),
    "rtree": ("node", "rowid", "parent"),
    "geopoly": ("node", "rowid", "parent"),
}
_FACTS = ("encoding", "user_version", "application_id", "schema_version", "page_size", "journal_mode", "auto_vacuum")


@dataclass(frozen=True, slots=True)
class _Entry:
    """One row of sqlite_schema."""

    kind: str
    name: str
    table: str
    sql: str


def read_catalog(connection: SqliteConnection, selection: Selection) -> Catalog:
    """What a SQLite file holds.

    Raises:
        MalformedInput: sqlite_schema itself cannot be read. A table that cannot be read is marked instead.
    """
    entries = _entries(connection)
    virtual = {entry.name: _module(entry.sql) for entry in entries if _is_virtual(entry)}
    shadows = _shadows(connection, entries, virtual)
    ordinary = [e for e in entries if e.kind == "table" and e.name not in virtual and e.name not in shadows]
    described = {entry.name.lower(): _table(connection, entry) for entry in ordinary}
    chosen = [table for table in described.values() if selection.includes(table.name)]
    chosen = [_with_parents(table, described) for table in chosen]
    kept = {table.name.name.lower() for table in chosen}
    return Catalog(
        engine="sqlite",
        version=connection.sqlite_version,
        tables=tuple(sorted(chosen, key=lambda table: table.name)),
        views=tuple(_view(connection, e) for e in entries if e.kind == "view" and _wanted(selection, e.name)),
        triggers=tuple(
            Trigger(Name("", e.name), Name("", e.table), e.sql)
            for e in entries
            if e.kind == "trigger" and (e.table.lower() in kept or e.table.lower() not in described)
        ),
        not_modelled=_not_modelled(virtual, shadows),
        facts=_facts(connection),
    )


def _wanted(selection: Selection, name: str) -> bool:
    return selection.includes(Name("", name))


def _entries(connection: SqliteConnection) -> list[_Entry]:
    rows = connection.query(
        "SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
        " ORDER BY name"
    )
    entries = [_Entry(*(_text(value) for value in row)) for row in rows]
    return [entry for entry in entries if not entry.table.startswith(OWN_PREFIX)]


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _is_virtual(entry: _Entry) -> bool:
    return entry.kind == "table" and entry.sql[:40].upper().split()[:2] == ["CREATE", "VIRTUAL"]


def _module(sql: str) -> str:
    """The module behind USING."""
    words = sql.replace("(", " ").split()
    upper = [word.upper() for word in words]
    return words[upper.index("USING") + 1].lower() if "USING" in upper[:-1] else "unknown"


def _shadows(connection: SqliteConnection, entries: list[_Entry], virtual: dict[str, str]) -> dict[str, str]:
    """Shadow table → its virtual table: what SQLite says, and the well-known names where a module is not loaded."""
    said = {str(row[1]) for row in connection.query("PRAGMA table_list") if row[2] == "shadow"}
    tables = [entry.name for entry in entries if entry.kind == "table" and entry.name not in virtual]
    found: dict[str, str] = {}
    for owner, module in virtual.items():
        family = next((known for known in _SHADOW_SUFFIXES if module.startswith(known)), "")
        names = {f"{owner}_{suffix}" for suffix in _SHADOW_SUFFIXES.get(family, ())}
        found |= {name: owner for name in tables if name in names or (name in said and name.startswith(f"{owner}_"))}
    return found


def _not_modelled(virtual: dict[str, str], shadows: dict[str, str]) -> tuple[NotModelled, ...]:
    tables = [NotModelled("virtual table", name, f"module {module}") for name, module in sorted(virtual.items())]
    return (*tables, *(NotModelled("shadow table", name, f"of {owner}") for name, owner in sorted(shadows.items())))


def _facts(connection: SqliteConnection) -> dict[str, str]:
    facts = {}
    for name in _FACTS:
        rows = connection.query(f"PRAGMA {name}")
        if rows:
            facts[name] = str(rows[0][0])
    return facts


def _view(connection: SqliteConnection, entry: _Entry) -> View:
    """A view; one whose query no longer runs has no columns."""
    try:
        columns = tuple(_text(row[1]) for row in _pragma(connection, "table_xinfo", entry.name))
    except EngineError:
        columns = ()
    return View(Name("", entry.name), read_create_view(entry.sql), columns)


def _pragma(connection: SqliteConnection, pragma: str, name: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in connection.query(f"SELECT * FROM pragma_{pragma}(?)", (name,))]


def _table(connection: SqliteConnection, entry: _Entry) -> Table:
    name = Name("", entry.name)
    try:
        return _described(connection, entry, name)
    except (EngineError, MalformedInput) as problem:
        return Table(name, (), unreadable=problem.message)


def _described(connection: SqliteConnection, entry: _Entry, name: Name) -> Table:
    text = read_create_table(entry.sql)
    listed = connection.query("SELECT wr, strict FROM pragma_table_list(?) WHERE schema = 'main'", (entry.name,))
    without_rowid, strict = (bool(listed[0][0]), bool(listed[0][1])) if listed else (False, False)
    information = _pragma(connection, "table_xinfo", entry.name)
    indexes = _pragma(connection, "index_list", entry.name)
    rowid = None if without_rowid else _rowid_column(information, indexes)
    columns = tuple(_column(row, text, strict=strict, without_rowid=without_rowid, rowid=rowid) for row in information)
    columns = tuple(_with_high_water_mark(connection, entry.name, column) for column in columns)
    return Table(
        name,
        columns,
        primary_key=_primary_key(information, columns, text),
        unique_keys=_unique_keys(connection, indexes, text),
        indexes=_indexes(connection, indexes, columns),
        foreign_keys=_foreign_keys(_pragma(connection, "foreign_key_list", entry.name), text.foreign_keys),
        checks=tuple(text.checks),
        row_estimate=_row_estimate(connection, entry.name),
        without_rowid=without_rowid,
        strict=strict,
        unreadable=_unreadable(connection, entry.name),
    )


def _unreadable(connection: SqliteConnection, name: str) -> str | None:
    """Why the first row cannot be read; None where it can. Damage further in shows when the table is read."""
    try:
        connection.query(f"SELECT * FROM {_quote(name)} LIMIT 1")
    except SenseiError as problem:
        return problem.message
    return None


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _rowid_column(information: list[tuple[object, ...]], indexes: list[tuple[object, ...]]) -> str | None:
    """The column that is the rowid: a single INTEGER PRIMARY KEY for which SQLite keeps no index."""
    keys = [row for row in information if row[5]]
    has_index = any(row[3] == "pk" for row in indexes)
    if len(keys) == 1 and str(keys[0][2]).upper() == "INTEGER" and not has_index:
        return str(keys[0][1])
    return None


def _column(
    row: tuple[object, ...], text: CreateTable, *, strict: bool, without_rowid: bool, rowid: str | None
) -> Column:
    _, name, declared, not_null, default, key_position, hidden = row
    clauses = text.columns.get(str(name).lower(), ColumnClauses())
    is_rowid = name == rowid
    never_null = bool(not_null) or is_rowid or bool(key_position and (strict or without_rowid))
    return Column(
        str(name),
        column_type(str(declared or ""), strict=strict, rowid=is_rowid, collation=clauses.collation),
        nullable=not never_null,
        default=None if default is None else _text(default),
        identity=_identity(clauses) if is_rowid else None,
        generated=Generated(clauses.expression or "", stored=hidden == 3) if hidden in (2, 3) else None,
        hidden=hidden == 1,
    )


def _identity(clauses: ColumnClauses) -> Identity:
    """The rowid counts up by itself; AUTOINCREMENT keeps its high-water mark in sqlite_sequence."""
    return Identity(sequence=Name("", "sqlite_sequence") if clauses.autoincrement else None)


def _with_high_water_mark(connection: SqliteConnection, table: str, column: Column) -> Column:
    """What AUTOINCREMENT last gave out: it may be more than any row holds."""
    if column.identity is None or column.identity.sequence is None:
        return column
    found = connection.query("SELECT max(seq) FROM sqlite_sequence WHERE name = ?", (table,))
    last = found[0][0] if found else None
    return replace(column, identity=replace(column.identity, last_value=last)) if isinstance(last, int) else column


def _primary_key(information: list[tuple[object, ...]], columns: Many[Column], text: CreateTable) -> Key | None:
    placed = sorted((int(str(row[5])), str(row[1])) for row in information if row[5])
    if not placed:
        return None
    names = tuple(name for _, name in placed)
    nullable = any(column.nullable for column in columns if column.name in names)
    return Key(text.primary_key_name, names, validated=not nullable)


def _unique_keys(connection: SqliteConnection, indexes: list[tuple[object, ...]], text: CreateTable) -> tuple[Key, ...]:
    keys = []
    for row in reversed(indexes):
        if row[3] == "u":
            columns = tuple(str(part[2]) for part in _pragma(connection, "index_info", str(row[1])))
            keys.append(Key(text.unique_names.get(tuple(name.lower() for name in columns), ""), columns))
    return tuple(keys)


def _indexes(
    connection: SqliteConnection, indexes: list[tuple[object, ...]], columns: Many[Column]
) -> tuple[Index, ...]:
    own = sorted(str(row[1]) for row in indexes if row[3] == "c")
    unique = {str(row[1]) for row in indexes if row[2]}
    collations = {column.name: column.type.collation or "BINARY" for column in columns}
    return tuple(_index(connection, name, unique=name in unique, collations=collations) for name in own)


def _index(connection: SqliteConnection, name: str, *, unique: bool, collations: dict[str, str]) -> Index:
    found = connection.query("SELECT sql FROM sqlite_schema WHERE type = 'index' AND name = ?", (name,))
    definition = _text(found[0][0]) if found else ""
    text = read_create_index(definition)
    parts = []
    for position, column, name_of_column, descending, collation, is_key in _pragma(connection, "index_xinfo", name):
        if not is_key:
            continue
        place = int(str(position))
        plain = None if column == -2 or name_of_column is None else str(name_of_column)
        ordinary = collations.get(plain or "", "BINARY")
        parts.append(
            IndexPart(
                plain,
                text.parts[place] if plain is None and place < len(text.parts) else None,
                descending=bool(descending),
                collation=None if collation == ordinary else str(collation),
            )
        )
    return Index(name, tuple(parts), unique=unique, where=text.where, definition=definition)


def _foreign_keys(rows: list[tuple[object, ...]], clauses: list[ForeignKeyClause]) -> tuple[ForeignKey, ...]:
    """In the order of the text; SQLite numbers them backwards. Parent columns may still be missing."""
    numbers = sorted({int(str(row[0])) for row in rows}, reverse=True)
    matched = clauses if len(clauses) == len(numbers) else [ForeignKeyClause() for _ in numbers]
    return tuple(
        _foreign_key([row for row in rows if row[0] == number], clause)
        for number, clause in zip(numbers, matched, strict=True)
    )


def _foreign_key(rows: list[tuple[object, ...]], clause: ForeignKeyClause) -> ForeignKey:
    rows = sorted(rows, key=lambda row: int(str(row[1])))
    _, _, parent, _, _, on_update, on_delete, _ = rows[0]  # MATCH is parsed, and never obeyed
    return ForeignKey(
        clause.name,
        tuple(str(row[3]) for row in rows),
        Name("", str(parent)),
        tuple(str(row[4]) for row in rows if row[4] is not None),
        on_delete=_action(on_delete),
        on_update=_action(on_update),
        deferrable=clause.deferrable,
        initially_deferred=clause.initially_deferred,
        validated=False,
    )


_ACTIONS: dict[str, Action] = {
    "RESTRICT": "restrict",
    "CASCADE": "cascade",
    "SET NULL": "set_null",
    "SET DEFAULT": "set_default",
}


def _action(text: object) -> Action:
    return _ACTIONS.get(str(text).upper(), "no_action")


def _with_parents(table: Table, described: dict[str, Table]) -> Table:
    """Foreign keys with the parent's exact name and, where the text left them out, its primary key's columns."""
    resolved = []
    for key in table.foreign_keys:
        parent = described.get(key.parent.name.lower())
        implied = parent.primary_key.columns if parent and parent.primary_key else ()
        names = {column.name.lower(): column.name for column in parent.columns} if parent else {}
        written = tuple(names.get(name.lower(), name) for name in key.parent_columns)
        resolved.append(replace(key, parent=parent.name if parent else key.parent, parent_columns=written or implied))
    return replace(table, foreign_keys=tuple(resolved))


def _row_estimate(connection: SqliteConnection, name: str) -> int | None:
    """What ANALYZE left in sqlite_stat1."""
    if not connection.query("SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_stat1'"):
        return None
    rows = connection.query("SELECT stat FROM sqlite_stat1 WHERE tbl = ?", (name,))
    counts = [int(first) for row in rows if (first := _text(row[0]).split(" ")[0]).isdigit()]
    return max(counts, default=None)
