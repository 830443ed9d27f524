"""Stored functions and procedures of PostgreSQL and MariaDB: what they take, and whether they can be called at all.

The rules read a routine's text and, through the names that stand in it, the texts of the routines and triggers that it
leads to. They are for what no rollback takes back and what answers otherwise each time; a text that hides a name in a
string that it executes is not called.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from kora.catalog import Catalog
from kora.databases.base import Database

InputKind: TypeAlias = Literal["integer", "decimal", "float", "text", "boolean", "date", "timestamp", "other"]
_KINDS: dict[str, InputKind] = {
    **dict.fromkeys(("int2", "int4", "int8", "tinyint", "smallint", "mediumint", "int", "bigint"), "integer"),
    **dict.fromkeys(("numeric", "decimal"), "decimal"),
    **dict.fromkeys(("float4", "float8", "float", "double"), "float"),
    **dict.fromkeys(("text", "varchar", "bpchar", "char", "tinytext", "mediumtext", "longtext"), "text"),
    **dict.fromkeys(("bool", "tinyint(1)"), "boolean"),
    "date": "date",
    **dict.fromkeys(("timestamp", "datetime"), "timestamp"),
}
_PATTERNS = (
    ("gives another answer each time", r"""\b(random|rand|now|clock_timestamp|statement_timestamp|gen_random_uuid|uuid
        |transaction_timestamp|timeofday|sysdate|curdate|curtime|utc_date|utc_time|utc_timestamp|uuid_short|setseed
        |uuid_generate_v[14]|random_bytes|connection_id|pg_backend_pid|txid_current|unix_timestamp
        |pg_current_xact_id|current_setting|version)\s*\(
        |\b(current_(timestamp|date|time|user|role|schema|catalog)|session_user|localtime(stamp)?|tablesample)\b"""),
    ("does what no rollback takes back", r"""\b(dblink\w*|lo_\w+|pg_sleep\w*|pg_terminate_backend|pg_cancel_backend
        |pg_advisory\w*|pg_try_advisory\w*|pg_read_\w+|pg_reload_conf|pg_switch_wal|pg_notify|load_file|get_lock
        |release_lock|sleep|benchmark|master_pos_wait)\s*\(
        |\b(commit|rollback|savepoint|listen|notify|outfile|dumpfile|flush|grant|revoke|shutdown|kill)\b|@@global
        |\b(start\s+transaction|begin\s+work|set\s+global|lock\s+tables?|load\s+data|alter\s+system|copy)\b
        |\b(create|alter|drop|truncate|rename|analyze|optimize|repair)\s+\w"""),
    ("executes a text that is not known before it runs", r"""\b(execute(?!\s+(function|procedure)\s+[\w."]+\s*\()
        |prepare|perform\s+dblink)\b"""),
)  # fmt: skip
_OF_THE_SESSION = re.compile(r"\b(last_insert_id|lastval|currval|row_count|found_rows)\s*\(", re.IGNORECASE)
_BEFORE_IT = re.compile(r"\b(insert|replace|update|delete|nextval|select)\b", re.IGNORECASE)
_HAZARDS = tuple((why, re.compile(pattern, re.IGNORECASE | re.VERBOSE)) for why, pattern in _PATTERNS)
_SEQUENCES = re.compile(r"\b(nextval|setval|lastval)\s*\(|next\s+value\s+for", re.IGNORECASE)
_COMMENTS = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_TEXTS_LIMIT = 1 << 20


@dataclass(frozen=True, slots=True)
class Argument:
    """One parameter. `mode`: `in`, `out` or `inout`."""

    kind: InputKind
    declared: str
    mode: str = "in"


@dataclass(frozen=True, slots=True)
class Callable:
    """A routine. `name` pairs it with the other side's. `why`: why it is not called; empty where it can be."""

    name: str
    called: str
    """Its quoted name in SQL."""
    procedure: bool
    arguments: tuple[Argument, ...]
    reach: str
    """Its text with the texts of all that it leads to."""
    why: str = ""
    needs: str = ""
    """Why it is called on a copy of what it touches alone; empty where a rollback takes back all it does."""

    @property
    def taken(self) -> tuple[Argument, ...]:
        """The parameters that need a value."""
        return tuple(argument for argument in self.arguments if argument.mode != "out")


def callables_of(database: Database, catalog: Catalog, outside: frozenset[str] = frozenset()) -> tuple[Callable, ...]:
    """The routines of a database by name, but triggers' functions. `outside`: tables that know no rollback."""
    engine = database.dialect.engine
    found = _of_postgres(database) if engine == "postgresql" else _of_mariadb(database) if engine == "mariadb" else []
    names = [item.name for item in found]
    told = []
    for item in found:
        name = item.name
        if names.count(name) > 1:
            name = f"{name}({', '.join(argument.declared for argument in item.taken)})"
        reach = _reach(item, found, catalog)
        why = item.why or hazard(reach) or _unknown(item)
        needs = _counting(reach, catalog, engine, outside)
        told.append(Callable(name, item.called, item.procedure, item.arguments, reach, why, needs))
    return tuple(sorted(told, key=lambda item: item.name))


def hazard(text: str) -> str:
    """Why a text is not to be called; empty where nothing in it speaks against it."""
    plain = _COMMENTS.sub(" ", text)
    for why, pattern in _HAZARDS:
        found = pattern.search(plain)
        if found:
            return f"{' '.join(found[0].split()).strip('( ')} {why}"
    session = _OF_THE_SESSION.search(plain)
    if session and not _BEFORE_IT.search(plain[: session.start()]):
        return f"{session[1]} answers with what the session did before"
    return ""


def _unknown(item: Callable) -> str:
    odd = [argument.declared for argument in item.taken if argument.kind == "other"]
    return f"no input is known for {odd[0]}" if odd else ""


def _counting(reach: str, catalog: Catalog, engine: str, outside: frozenset[str]) -> str:
    """In MariaDB no rollback takes AUTO_INCREMENT back, nor what a table without transactions was told."""
    if engine != "mariadb":
        return ""
    if _SEQUENCES.search(reach):
        return "a sequence gives out numbers, and no rollback takes them back"
    words = set(re.findall(r"\w+", reach.casefold()))
    inserts = bool(words & {"insert", "replace"})
    writes = inserts or bool(words & {"update", "delete"})
    for table in catalog.tables:
        name = table.name.name.casefold()
        counted = any(column.identity is not None for column in table.columns)
        if name in words and inserts and counted:
            return f"it inserts into {table.name}, whose AUTO_INCREMENT no rollback takes back"
        if name in words and writes and table.name.name in outside:
            return f"it writes to {table.name}, which knows no rollback"
    return ""


def _reach(item: Callable, others: Iterable[Callable], catalog: Catalog) -> str:
    """The routine's text and those of the routines and triggers whose names or tables stand in it, at most 1 MiB."""
    texts = {routine.name.name.casefold(): _body(routine.text) for routine in catalog.routines}
    texts |= {other.name: other.reach for other in others}
    pieces, seen, waiting = [item.reach], {item.name}, [item.reach]
    while waiting and sum(map(len, pieces)) < _TEXTS_LIMIT:
        words = set(re.findall(r"\w+", waiting.pop().casefold()))
        for name, text in texts.items():
            if name in words and name not in seen:
                seen.add(name)
                pieces.append(text)
                waiting.append(text)
        for trigger in catalog.triggers:
            mark = f"trigger {trigger.name}"
            if trigger.table.name.casefold() in words and mark not in seen:
                seen.add(mark)
                pieces.append(_body(trigger.text))
                waiting.append(trigger.text)
    return "\n".join(pieces)


def _body(text: str) -> str:
    """A definition without the words that would make it: they are no DDL of its own."""
    return re.sub(r"(?i)^\s*create\s+(or\s+replace\s+)?", "", text)


def _of_postgres(database: Database) -> list[Callable]:
    own = """n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_%' AND NOT EXISTS
        (SELECT 1 FROM pg_depend x WHERE x.classid = 'pg_proc'::regclass AND x.objid = p.oid AND x.deptype = 'e')"""
    rows = database.scalar_query(
        f"""SELECT p.oid::text, quote_ident(n.nspname) || '.' || quote_ident(p.proname), p.proname::text,
            p.prokind::text, l.lanname::text, p.prorettype::regtype::text, coalesce(p.prosrc, ''),
            (p.provariadic <> 0)::text, (SELECT count(*) FROM unnest(p.proargmodes) m WHERE m IN ('o', 't', 'b'))::text,
            pg_get_functiondef(CASE WHEN p.prokind IN ('f', 'p') THEN p.oid END)
        FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang
        WHERE {own} ORDER BY 2, 1"""
    )
    arguments: dict[str, list[Argument]] = {}
    for oid, mode, name, declared in database.scalar_query(
        f"""SELECT p.oid::text, coalesce(p.proargmodes[a.place]::text, 'i'), t.typname::text, format_type(a.type, NULL)
        FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace, unnest(coalesce(p.proallargtypes,
            p.proargtypes::oid[])) WITH ORDINALITY AS a(type, place) JOIN pg_type t ON t.oid = a.type
        WHERE {own} ORDER BY 1, a.place"""
    ):
        modes = {"o": "out", "b": "inout", "t": "table"}
        made = Argument(_KINDS.get(str(name), "other"), str(declared), modes.get(str(mode), "in"))
        arguments.setdefault(str(oid), []).append(made)
    found = []
    for oid, called, name, kind, language, returns, source, variadic, outs, whole in rows:
        if str(returns) in ("trigger", "event_trigger"):
            continue
        why = "an aggregate or window function is not called by itself" if kind in ("a", "w") else ""
        why = why or ("" if language in ("sql", "plpgsql") else f"what {language!s} does is not known here")
        why = why or ("it takes any number of arguments" if variadic == "true" else "")
        why = why or ("its columns are not declared" if returns == "record" and outs == "0" else "")
        body = str(source) or re.sub(r"(?is)^\s*create\s+or\s+replace\s+\w+", "", str(whole or ""))
        taken = tuple(item for item in arguments.get(str(oid), ()) if item.mode != "table")
        if kind != "p":
            taken = tuple(item for item in taken if item.mode != "out")
        found.append(Callable(str(name).casefold(), str(called), kind == "p", taken, body, why))
    return found


def _of_mariadb(database: Database) -> list[Callable]:
    arguments: dict[tuple[str, str], list[Argument]] = {}
    for kind, name, mode, data_type, declared in database.scalar_query(
        "SELECT ROUTINE_TYPE, SPECIFIC_NAME, COALESCE(PARAMETER_MODE, 'IN'), DATA_TYPE, DTD_IDENTIFIER"
        " FROM information_schema.PARAMETERS WHERE SPECIFIC_SCHEMA = DATABASE() AND ORDINAL_POSITION > 0"
        " ORDER BY 1, 2, ORDINAL_POSITION"
    ):
        known = _KINDS.get(str(declared).casefold()) or _KINDS.get(str(data_type).casefold(), "other")
        made = Argument(known, str(declared), str(mode).lower())
        arguments.setdefault((str(kind), str(name)), []).append(made)
    rows = database.scalar_query(
        "SELECT ROUTINE_TYPE, SPECIFIC_NAME, ROUTINE_DEFINITION FROM information_schema.ROUTINES"
        " WHERE ROUTINE_SCHEMA = DATABASE() AND ROUTINE_TYPE IN ('FUNCTION', 'PROCEDURE') ORDER BY 2, 1"
    )
    quote = database.dialect.quote
    return [
        Callable(str(name).casefold(), quote(str(name)), kind == "PROCEDURE",
                 tuple(arguments.get((str(kind), str(name)), ())), str(text or ""),
                 "" if text is not None else "this login may not read its text")
        for kind, name, text in rows
    ]  # fmt: skip
