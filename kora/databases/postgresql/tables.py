"""PostgreSQL's tables: columns, keys, indexes, foreign keys, checks, partitions. From pg_catalog alone.

A partitioned table is one table, its partitions stand in `Partitioning.children`. An ordinary table with inheriting
children is read with ONLY; the children are tables of their own.
"""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from kora.catalog import (
    Action,
    Check,
    Column,
    Exclusion,
    ForeignKey,
    Generated,
    Identity,
    Index,
    IndexPart,
    Key,
    Name,
    Partitioning,
    Table,
)
from kora.databases.base import Selection
from kora.databases.postgresql.types import ENDLESS_INTERVALS, TypeTable

SINCE_NOT_ENFORCED = 180000
"""The version that brought constraints over periods, constraints NOT ENFORCED, and NOT NULL as a constraint."""
Query = Callable[[str], list[tuple[Any, ...]]]
"""Runs a SELECT; the catalog's rows have no static types."""

NO_SYSTEM = r"n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND n.nspname !~ '^_sensei'"
_TABLES = f"""c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't' AND {NO_SYSTEM}
    AND c.relname !~ '^_sensei'"""
_ACTIONS: dict[str, Action] = {
    "a": "no_action", "r": "restrict", "c": "cascade", "n": "set_null", "d": "set_default",
}  # fmt: skip
_STRATEGIES: dict[str, str] = {"r": "range", "l": "list", "h": "hash"}


def read_types(query: Query) -> TypeTable:
    """Every type that a column may have, and how many digits money has here (`lc_monetary`)."""
    # A column that PostgreSQL 13 does not have is asked for through JSON.
    of_many = "(SELECT r.rngsubtype FROM pg_range r WHERE (to_jsonb(r) ->> 'rngmultitypid')::oid = t.oid)"
    rows = query(
        "SELECT t.oid, n.nspname, t.typname, t.typtype::text, t.typbasetype, t.typtypmod, (SELECT"
        " array_agg(e.enumlabel::text ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid),"
        " CASE WHEN t.typcategory = 'A' AND t.typlen = -1 THEN t.typelem END,"
        f" (SELECT r.rngsubtype FROM pg_range r WHERE r.rngtypid = t.oid), {of_many},"
        " CASE WHEN t.typtype = 'c' THEN (SELECT json_agg(json_build_array(a.attname, a.atttypid::int8, a.atttypmod,"
        " format_type(a.atttypid, a.atttypmod)) ORDER BY a.attnum)::text FROM pg_attribute a WHERE"
        " a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped) END"
        " FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace"
    )
    version = "current_setting('server_version_num')::int / 10000"
    ((digits, major),) = query(f"SELECT scale('0'::money::numeric), {version}")
    return TypeTable(rows, money_digits=digits, endless=major >= ENDLESS_INTERVALS)


def read_tables(query: Query, types: TypeTable, selection: Selection, server_version: int) -> tuple[Table, ...]:
    """The tables of the selection, sorted by name."""
    columns = _columns(query, types)
    keys = _keys(query, server_version)
    indexes = _indexes(query)
    foreign_keys = _foreign_keys(query, server_version)
    checks = _checks(query, server_version)
    exclusions = _exclusions(query, server_version)
    partitions = _partitions(query)
    rows = query(
        f"""SELECT c.oid, n.nspname, c.relname, obj_description(c.oid, 'pg_class'), c.reltuples::bigint,
            (SELECT sum(pg_table_size(t.relid))::bigint FROM pg_partition_tree(c.oid) t), pg_table_size(c.oid),
            has_schema_privilege(n.oid, 'USAGE'), has_table_privilege(c.oid, 'SELECT'), row_security_active(c.oid)
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {_TABLES} ORDER BY 2, 3"""
    )
    tables = []
    for oid, schema, name, comment, estimate, tree_size, size, may_enter, may_read, filtered in rows:
        if not selection.includes(Name(schema, name)):
            continue
        primary = [key for is_primary, key in keys[oid] if is_primary]
        tables.append(
            Table(
                Name(schema, name),
                tuple(columns[oid]),
                primary_key=primary[0] if primary else None,
                unique_keys=tuple(key for is_primary, key in keys[oid] if not is_primary),
                indexes=tuple(indexes[oid]),
                foreign_keys=tuple(foreign_keys[oid]),
                checks=tuple(checks[oid]),
                exclusions=tuple(exclusions[oid]),
                comment=comment,
                partitioning=partitions.get(oid),
                row_estimate=estimate if estimate >= 0 else None,
                size_bytes=tree_size if tree_size is not None else size,
                unreadable=_why_unreadable(Name(schema, name), may_enter, may_read, filtered),
            )
        )
    return tuple(sorted(tables, key=lambda table: table.name))


def _why_unreadable(name: Name, may_enter: bool, may_read: bool, filtered: bool) -> str | None:
    if not may_enter:
        return f'this login may not use the schema: GRANT USAGE ON SCHEMA "{name.schema}" TO it'
    if not may_read:
        return f'this login may not read it: GRANT SELECT ON "{name.schema}"."{name.name}" TO it'
    return "row security hides rows from this login: it needs BYPASSRLS, or must own the table" if filtered else None


def _columns(query: Query, types: TypeTable) -> dict[int, list[Column]]:
    rows = query(
        f"""SELECT a.attrelid, a.attname, a.atttypid, a.atttypmod, format_type(a.atttypid, a.atttypmod),
            CASE WHEN a.attcollation <> 0 AND a.attcollation <> t.typcollation THEN co.collname END,
            a.attnotnull AND NOT EXISTS (SELECT 1 FROM pg_constraint nn WHERE nn.conrelid = a.attrelid
                AND nn.contype = 'n' AND nn.conkey = ARRAY[a.attnum] AND NOT nn.convalidated)
            OR EXISTS (SELECT 1 FROM pg_type d WHERE d.oid = a.atttypid AND d.typnotnull),
            pg_get_expr(d.adbin, d.adrelid), a.attidentity::text, a.attgenerated::text,
            col_description(a.attrelid, a.attnum), sn.nspname, s.relname, q.seqstart, q.seqincrement
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_type t ON t.oid = a.atttypid
        LEFT JOIN pg_collation co ON co.oid = a.attcollation
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        LEFT JOIN pg_depend p ON p.refclassid = 'pg_class'::regclass AND p.refobjid = a.attrelid
            AND p.refobjsubid = a.attnum AND p.classid = 'pg_class'::regclass AND p.deptype = 'i'
            AND a.attidentity <> ''
        LEFT JOIN pg_sequence q ON q.seqrelid = p.objid
        LEFT JOIN pg_class s ON s.oid = q.seqrelid LEFT JOIN pg_namespace sn ON sn.oid = s.relnamespace
        WHERE {_TABLES} AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attrelid, a.attnum"""
    )
    found: dict[int, list[Column]] = defaultdict(list)
    for (
        table,
        name,
        oid,
        modifier,
        declared,
        collation,
        not_null,
        default,
        identity,
        generated,
        comment,
        *sequence,
    ) in rows:
        found[table].append(
            Column(
                name,
                types.column_type(oid, modifier, declared, collation),
                nullable=not not_null,
                default=None if generated else default,
                identity=_identity(identity, sequence),
                generated=Generated(default, stored=generated == "s") if generated else None,
                comment=comment,
            )
        )
    return found


def _identity(kind: str, sequence: list[Any]) -> Identity | None:
    if not kind:
        return None
    schema, name, start, increment = sequence
    return Identity(kind == "a", start or 1, increment or 1, Name(schema, name) if name else None)


def _column_names(array: str, table: str) -> str:
    """SQL for the names behind an array of attribute numbers, in its order."""
    return (
        f"(SELECT array_agg(ka.attname::text ORDER BY k.place) FROM unnest({array}) WITH ORDINALITY k(number, place)"
        f" JOIN pg_attribute ka ON ka.attrelid = {table} AND ka.attnum = k.number)"
    )


def _since_18(server_version: int, expression: str, before: str) -> str:
    """SQL of an expression over a column of PostgreSQL 18, and what it was before."""
    return expression if server_version >= SINCE_NOT_ENFORCED else before


def _keys(query: Query, server_version: int) -> dict[int, list[tuple[bool, Key]]]:
    nulls_distinct = "NOT i.indnullsnotdistinct" if server_version >= 150000 else "true"
    rows = query(
        f"""SELECT o.conrelid, o.conname, o.contype::text, {_column_names("o.conkey", "o.conrelid")}, {nulls_distinct},
            o.condeferrable, i.indisvalid
        FROM pg_constraint o JOIN pg_index i ON i.indexrelid = o.conindid WHERE o.contype IN ('p', 'u')
            AND NOT {_since_18(server_version, "o.conperiod", "false")} ORDER BY o.conrelid, o.conname"""
    )
    found: dict[int, list[tuple[bool, Key]]] = defaultdict(list)
    for table, name, kind, columns, distinct, deferrable, valid in rows:
        found[table].append((kind == "p", Key(name, tuple(columns), distinct, deferrable, valid)))
    return found


def _foreign_keys(query: Query, server_version: int) -> dict[int, list[ForeignKey]]:
    set_columns = _column_names("o.confdelsetcols", "o.conrelid") if server_version >= 150000 else "NULL::text[]"
    rows = query(
        f"""SELECT o.conrelid, o.conname, {_column_names("o.conkey", "o.conrelid")}, n.nspname, c.relname,
            {_column_names("o.confkey", "o.confrelid")}, o.confdeltype::text, o.confupdtype::text,
            o.confmatchtype::text, o.condeferrable, o.condeferred, o.convalidated,
            {_since_18(server_version, "o.conperiod", "false")}, {set_columns}
        FROM pg_constraint o JOIN pg_class c ON c.oid = o.confrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE o.contype = 'f' AND o.conparentid = 0
            AND {_since_18(server_version, "o.conenforced", "true")} ORDER BY o.conrelid, o.conname"""
    )
    found: dict[int, list[ForeignKey]] = defaultdict(list)
    for table, name, columns, schema, parent, parent_columns, delete, update, match, *flags in rows:
        deferrable, deferred, validated, temporal, changed = flags
        found[table].append(
            ForeignKey(
                name,
                tuple(columns),
                Name(schema, parent),
                tuple(parent_columns),
                on_delete=_ACTIONS[delete],
                on_update=_ACTIONS[update],
                match_full=match == "f",
                deferrable=deferrable,
                initially_deferred=deferred,
                validated=validated,
                temporal=temporal,
                set_columns=tuple(changed or ()),
            )
        )
    return found


def _checks(query: Query, server_version: int) -> dict[int, list[Check]]:
    rows = query(
        "SELECT conrelid, conname, pg_get_expr(conbin, conrelid) FROM pg_constraint WHERE contype = 'c'"
        f" AND conrelid <> 0 AND {_since_18(server_version, 'conenforced', 'true')} ORDER BY conrelid, conname"
    )
    found: dict[int, list[Check]] = defaultdict(list)
    for table, name, expression in rows:
        found[table].append(Check(name, expression))
    return found


def _exclusions(query: Query, server_version: int) -> dict[int, list[Exclusion]]:
    rows = query(
        f"""SELECT o.conrelid, o.conname, {_column_names("o.conkey", "o.conrelid")}, pg_get_constraintdef(o.oid)
        FROM pg_constraint o WHERE o.contype = 'x' OR o.contype IN ('p', 'u')
            AND {_since_18(server_version, "o.conperiod", "false")} ORDER BY o.conrelid, o.conname"""
    )
    found: dict[int, list[Exclusion]] = defaultdict(list)
    for table, name, columns, definition in rows:
        found[table].append(Exclusion(name, tuple(columns or ()), definition))
    return found


def _indexes(query: Query) -> dict[int, list[Index]]:
    rows = query(
        """SELECT i.indrelid, c.relname, i.indisunique, pg_get_expr(i.indpred, i.indrelid), m.amname,
            pg_get_indexdef(i.indexrelid), array_agg(a.attname::text ORDER BY k.place),
            array_agg(pg_get_indexdef(i.indexrelid, k.place::int, false) ORDER BY k.place),
            array_agg((i.indoption::int2[])[k.place - 1]::int ORDER BY k.place),
            array_agg(CASE WHEN co.collname <> 'default' AND co.oid <> a.attcollation THEN co.collname::text END
                ORDER BY k.place), i.indnkeyatts
        FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam
        CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY k(number, place)
        LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number AND k.number <> 0
        LEFT JOIN pg_collation co ON co.oid = (i.indcollation::oid[])[k.place - 1]
        WHERE NOT EXISTS (SELECT 1 FROM pg_constraint o WHERE o.conindid = i.indexrelid AND o.contype IN ('p','u','x'))
            AND i.indisvalid
        GROUP BY i.indrelid, i.indexrelid, c.relname, i.indisunique, i.indpred, m.amname, i.indnkeyatts
        ORDER BY i.indrelid, c.relname"""
    )
    found: dict[int, list[Index]] = defaultdict(list)
    for table, name, unique, where, method, definition, columns, texts, options, collations, key_count in rows:
        parts = tuple(
            IndexPart(column, None if column else text, bool(option & 1), bool(option & 2), collation)
            for column, text, option, collation in list(zip(columns, texts, options, collations, strict=True))[
                :key_count
            ]
        )
        found[table].append(Index(name, parts, unique, where, method, definition, tuple(columns[key_count:])))
    return found


def _partitions(query: Query) -> dict[int, Partitioning]:
    rows = query(
        """SELECT p.partrelid, p.partstrat::text, pg_get_partkeydef(p.partrelid), (SELECT
            array_agg(n.nspname::text ORDER BY n.nspname, c.relname) FROM pg_partition_tree(p.partrelid) t
            JOIN pg_class c ON c.oid = t.relid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE t.isleaf),
            (SELECT array_agg(c.relname::text ORDER BY n.nspname, c.relname) FROM pg_partition_tree(p.partrelid) t
            JOIN pg_class c ON c.oid = t.relid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE t.isleaf)
        FROM pg_partitioned_table p"""
    )
    return {
        table: Partitioning(
            _STRATEGIES.get(str(strategy), str(strategy)),
            key,
            tuple(Name(schema, name) for schema, name in zip(schemas or (), names or (), strict=True)),
        )
        for table, strategy, key, schemas, names in rows
    }
