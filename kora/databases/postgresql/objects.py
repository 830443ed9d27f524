"""PostgreSQL's other objects: views, triggers, routines, sequences, types. And the census of what is not modelled."""

from collections import defaultdict

from kora.catalog import (
    Check,
    CompositeType,
    DomainType,
    EnumType,
    Name,
    NotModelled,
    RangeType,
    Routine,
    Sequence,
    Trigger,
    Type,
    View,
)
from kora.databases.base import Selection
from kora.databases.postgresql.tables import NO_SYSTEM, Query
from kora.databases.postgresql.types import TypeTable
from kora.databases.sql_text import text_without_end

_FIRST_OF_USERS = 16384
"""`FirstNormalObjectId`: what has a lower OID came with the server."""
_NOT_OF_EXTENSION = """NOT EXISTS (SELECT 1 FROM pg_depend x WHERE x.classid = '{catalog}'::regclass
    AND x.objid = {oid} AND x.deptype = 'e')"""


_SEQUENCES_AT_ONCE = 200


def _own(catalog: str, oid: str) -> str:
    """SQL: the object does not belong to an extension."""
    return _NOT_OF_EXTENSION.format(catalog=catalog, oid=oid)


def read_views(query: Query, selection: Selection) -> tuple[View, ...]:
    """Views that no extension brought."""
    rows = query(
        f"""SELECT n.nspname, c.relname, pg_get_viewdef(c.oid), obj_description(c.oid, 'pg_class'),
            (SELECT array_agg(a.attname::text ORDER BY a.attnum) FROM pg_attribute a
                WHERE a.attrelid = c.oid AND a.attnum > 0)
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind = 'v' AND {NO_SYSTEM} AND {_own("pg_class", "c.oid")}"""
    )
    views = [
        View(Name(schema, name), text_without_end(text), tuple(columns or ()), comment=comment)
        for schema, name, text, comment, columns in rows
    ]
    return tuple(sorted((view for view in views if selection.includes(view.name)), key=lambda view: view.name))


def read_triggers(query: Query, selection: Selection) -> tuple[Trigger, ...]:
    """Triggers of the chosen tables and of views; their functions are among the routines."""
    rows = query(
        f"""SELECT n.nspname, t.tgname, c.relname, pg_get_triggerdef(t.oid) FROM pg_trigger t
        JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE NOT t.tgisinternal AND NOT c.relispartition AND {NO_SYSTEM} ORDER BY 1, 2, 3"""
    )
    triggers = [Trigger(Name(schema, name), Name(schema, table), text) for schema, name, table, text in rows]
    return tuple(trigger for trigger in triggers if selection.includes(trigger.table))


def read_routines(query: Query) -> tuple[Routine, ...]:
    """Functions, procedures and aggregates that no extension brought, and no range type its constructors."""
    rows = query(
        f"""SELECT n.nspname, p.proname, p.prokind::text, pg_get_function_identity_arguments(p.oid), l.lanname,
            CASE WHEN p.prokind = 'a' THEN 'AGGREGATE ' || p.oid::regprocedure ELSE pg_get_functiondef(p.oid) END
        FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang
        WHERE {NO_SYSTEM} AND {_own("pg_proc", "p.oid")} AND NOT EXISTS (SELECT 1 FROM pg_depend y
            WHERE y.classid = 'pg_proc'::regclass AND y.objid = p.oid AND y.refclassid = 'pg_type'::regclass
            AND y.deptype = 'i') ORDER BY 1, 2, 4"""
    )
    return tuple(
        Routine(
            Name(schema, name),
            "procedure" if kind == "p" else "aggregate" if kind == "a" else "function",
            signature,
            language,
            text,
        )
        for schema, name, kind, signature, language, text in rows
    )


def read_sequences(query: Query) -> tuple[Sequence, ...]:
    """All sequences, those behind identity and serial columns too.

    Where a sequence stands is read as a row of it: PostgreSQL's function for it takes a lock until the snapshot ends,
    and who wants to set the sequence back would wait. Only a login that may use it and not read it needs the function.
    """
    rows = query(
        f"""SELECT n.nspname, c.relname, q.seqstart, q.seqincrement, q.seqmin, q.seqmax, q.seqcycle,
            CASE WHEN has_sequence_privilege(c.oid, 'SELECT') THEN NULL
                WHEN has_sequence_privilege(c.oid, 'USAGE') THEN pg_sequence_last_value(c.oid) END,
            tn.nspname, t.relname, a.attname,
            CASE WHEN has_sequence_privilege(c.oid, 'SELECT') THEN c.oid::regclass::text END
        FROM pg_sequence q JOIN pg_class c ON c.oid = q.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.objsubid = 0
            AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
        LEFT JOIN pg_class t ON t.oid = d.refobjid LEFT JOIN pg_namespace tn ON tn.oid = t.relnamespace
        LEFT JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
        WHERE {NO_SYSTEM} AND c.relpersistence <> 't' ORDER BY 1, 2"""
    )
    standing = _positions(query, [str(row[11]) for row in rows if row[11]])
    return tuple(
        Sequence(
            Name(schema, name), start, increment, minimum, maximum, cycle, standing.get(str(read), last),
            (Name(table_schema, table), column) if table else None,
        )
        for schema, name, start, increment, minimum, maximum, cycle, last, table_schema, table, column, read in rows
    )  # fmt: skip


def _positions(query: Query, names: list[str]) -> dict[str, int | None]:
    """The last value that each sequence gave out, None where it gave out none. `names` are SQL."""
    found: dict[str, int | None] = {}
    for begin in range(0, len(names), _SEQUENCES_AT_ONCE):
        some = names[begin : begin + _SEQUENCES_AT_ONCE]
        asked = (f"SELECT {place}, last_value, is_called FROM {name}" for place, name in enumerate(some))
        for place, last, called in query(" UNION ALL ".join(asked)):
            found[some[int(place)]] = last if called else None
    return found


def read_enums(query: Query) -> tuple[EnumType, ...]:
    """Enumerations with their labels in order."""
    rows = query(
        f"""SELECT n.nspname, t.typname, array_agg(e.enumlabel::text ORDER BY e.enumsortorder)
        FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace JOIN pg_enum e ON e.enumtypid = t.oid
        WHERE {NO_SYSTEM} AND {_own("pg_type", "t.oid")} GROUP BY 1, 2 ORDER BY 1, 2"""
    )
    return tuple(EnumType(Name(schema, name), tuple(labels)) for schema, name, labels in rows)


def read_domains(query: Query, types: TypeTable) -> tuple[DomainType, ...]:
    """Domains over base types, with their checks."""
    checks: dict[int, list[Check]] = defaultdict(list)
    for domain, name, expression in query(
        "SELECT contypid, conname, pg_get_expr(conbin, 0) FROM pg_constraint WHERE contype = 'c' AND contypid <> 0"
        " ORDER BY contypid, conname"
    ):
        checks[domain].append(Check(name, expression))
    rows = query(
        f"""SELECT t.oid, n.nspname, t.typname, t.typbasetype, t.typtypmod, format_type(t.typbasetype, t.typtypmod),
            t.typnotnull, t.typdefault
        FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
        WHERE t.typtype = 'd' AND {NO_SYSTEM} AND {_own("pg_type", "t.oid")} ORDER BY 2, 3"""
    )
    return tuple(
        DomainType(
            Name(schema, name),
            types.column_type(base, modifier, declared, None),
            nullable=not not_null,
            default=default,
            checks=tuple(checks[oid]),
        )
        for oid, schema, name, base, modifier, declared, not_null, default in rows
    )


def read_composites(query: Query, types: TypeTable) -> tuple[CompositeType, ...]:
    """Types of fields that stand by themselves; the row types of tables are none of these."""
    rows = query(
        f"""SELECT n.nspname, t.typname, a.attname, a.atttypid, a.atttypmod, format_type(a.atttypid, a.atttypmod),
            CASE WHEN a.attcollation <> b.typcollation THEN co.collname END
        FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
        JOIN pg_class c ON c.oid = t.typrelid AND c.relkind = 'c'
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        JOIN pg_type b ON b.oid = a.atttypid LEFT JOIN pg_collation co ON co.oid = a.attcollation
        WHERE {NO_SYSTEM} AND {_own("pg_type", "t.oid")} ORDER BY 1, 2, a.attnum"""
    )
    fields: dict[Name, list[tuple[str, Type]]] = defaultdict(list)
    for schema, name, field, oid, modifier, declared, collation in rows:
        fields[Name(schema, name)].append((field, types.column_type(oid, modifier, declared, collation)))
    return tuple(CompositeType(name, tuple(found)) for name, found in fields.items())


def read_ranges(query: Query, types: TypeTable) -> tuple[RangeType, ...]:
    """Ranges that no extension brought."""
    rows = query(
        f"""SELECT n.nspname, t.typname, r.rngsubtype, format_type(r.rngsubtype, NULL), mn.nspname, m.typname,
            nullif(r.rngsubdiff, 0)::regproc::text,
            CASE WHEN r.rngcollation <> 0 AND r.rngcollation <> b.typcollation THEN co.collname END,
            r.rngcanonical <> 0 OR r.rngsubdiff >= {_FIRST_OF_USERS} OR NOT k.opcdefault
        FROM pg_range r JOIN pg_type t ON t.oid = r.rngtypid JOIN pg_namespace n ON n.oid = t.typnamespace
        JOIN pg_type b ON b.oid = r.rngsubtype JOIN pg_opclass k ON k.oid = r.rngsubopc
        LEFT JOIN pg_collation co ON co.oid = r.rngcollation
        LEFT JOIN pg_type m ON m.oid = (to_jsonb(r) ->> 'rngmultitypid')::oid
        LEFT JOIN pg_namespace mn ON mn.oid = m.typnamespace
        WHERE {NO_SYSTEM} AND {_own("pg_type", "t.oid")} ORDER BY 1, 2"""
    )
    return tuple(
        RangeType(
            Name(schema, name), types.column_type(subtype, -1, declared, None),
            Name(many_schema, many) if many else None, difference, collation, bool(own),
        )
        for schema, name, subtype, declared, many_schema, many, difference, collation, own in rows
    )  # fmt: skip


_RELATION = "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE"
_RELATION_OF = "JOIN pg_class c ON c.oid = {0} JOIN pg_namespace n ON n.oid = c.relnamespace WHERE"
_NAMED = "n.nspname || '.' || c.relname"
_CENSUS: dict[str, str] = {
    "materialized view": f"SELECT {_NAMED}, '' {_RELATION} c.relkind = 'm' AND {NO_SYSTEM}",
    "foreign table": f"SELECT {_NAMED}, '' {_RELATION} c.relkind = 'f' AND {NO_SYSTEM}",
    "grant": f"SELECT {_NAMED}, c.relacl::text {_RELATION} c.relacl IS NOT NULL AND {NO_SYSTEM}",
    "row security": f"SELECT {_NAMED}, 'enabled' {_RELATION} c.relrowsecurity AND {NO_SYSTEM}",
    "unlogged table": f"SELECT {_NAMED}, '' {_RELATION} c.relpersistence = 'u' AND c.relkind = 'r' AND {NO_SYSTEM}",
    "composite type": f"SELECT {_NAMED}, '' {_RELATION} c.relkind = 'c' AND {NO_SYSTEM}",
    "row security policy": f"""SELECT {_NAMED} || '.' || p.polname, coalesce(pg_get_expr(p.polqual, p.polrelid), '')
        FROM pg_policy p {_RELATION_OF.format("p.polrelid")} {NO_SYSTEM}""",
    "inheritance": f"""SELECT {_NAMED}, 'of ' || h.inhparent::regclass FROM pg_inherits h
        {_RELATION_OF.format("h.inhrelid")} NOT c.relispartition AND c.relkind = 'r' AND {NO_SYSTEM}""",
    "check not validated": f"""SELECT {_NAMED} || '.' || o.conname, pg_get_constraintdef(o.oid) FROM pg_constraint o
        {_RELATION_OF.format("o.conrelid")} o.contype = 'c' AND NOT o.convalidated
            AND coalesce(to_jsonb(o) ->> 'conenforced', 'true') = 'true' AND {NO_SYSTEM}""",
    "constraint not enforced": f"""SELECT {_NAMED} || '.' || o.conname, pg_get_constraintdef(o.oid) FROM pg_constraint o
        {_RELATION_OF.format("o.conrelid")} o.contype IN ('c', 'f') AND o.conparentid = 0
            AND to_jsonb(o) ->> 'conenforced' = 'false' AND {NO_SYSTEM}""",
    "not null not validated": f"""SELECT {_NAMED} || '.' || o.conname, pg_get_constraintdef(o.oid) FROM pg_constraint o
        {_RELATION_OF.format("o.conrelid")} o.contype = 'n' AND NOT o.convalidated AND {NO_SYSTEM}""",
    "name of a not null": f"""SELECT {_NAMED} || '.' || o.conname, pg_get_constraintdef(o.oid) FROM pg_constraint o
        {_RELATION_OF.format("o.conrelid")} o.contype = 'n' AND o.convalidated AND NOT c.relispartition
            AND o.conname !~ '_not_null[0-9]*$' AND {NO_SYSTEM}""",
    "invalid index": f"""SELECT {_NAMED}, pg_get_indexdef(i.indexrelid) FROM pg_index i
        {_RELATION_OF.format("i.indexrelid")} NOT i.indisvalid AND {NO_SYSTEM}""",
    "rule": f"""SELECT {_NAMED} || '.' || r.rulename, pg_get_ruledef(r.oid) FROM pg_rewrite r
        {_RELATION_OF.format("r.ev_class")} r.rulename <> '_RETURN' AND {NO_SYSTEM}""",
    "extension": "SELECT extname::text, extversion FROM pg_extension WHERE extname <> 'plpgsql'",
    "publication": "SELECT pubname::text, '' FROM pg_publication",
    "event trigger": "SELECT evtname::text, evtevent::text FROM pg_event_trigger",
    "foreign server": "SELECT srvname::text, '' FROM pg_foreign_server",
    "range type": f"""SELECT n.nspname || '.' || t.typname, '' FROM pg_type t
        JOIN pg_namespace n ON n.oid = t.typnamespace WHERE t.typtype = 'r' AND {NO_SYSTEM}""",
    "extended statistics": f"""SELECT n.nspname || '.' || s.stxname, '' FROM pg_statistic_ext s
        JOIN pg_namespace n ON n.oid = s.stxnamespace WHERE {NO_SYSTEM}""",
    "default privilege": "SELECT defaclrole::regrole::text, defaclacl::text FROM pg_default_acl",
}


def read_not_modelled(query: Query) -> tuple[NotModelled, ...]:
    """Everything that exists and that the catalog does not carry, by kind and name."""
    found = [
        NotModelled(what, name, detail or "")
        for what, sql in sorted(_CENSUS.items())
        for name, detail in sorted(query(sql))
    ]
    large_objects = query("SELECT count(*) FROM pg_largeobject_metadata")[0][0]
    if large_objects:
        found.append(NotModelled("large object", "pg_largeobject", count=large_objects))
    return tuple(found)
