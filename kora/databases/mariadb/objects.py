"""MariaDB's other objects: views, triggers, routines, sequences. And the census of what is not modelled."""

from typing import Literal

from kora.catalog import Name, NotModelled, Routine, Sequence, Trigger, View
from kora.databases.base import Selection
from kora.databases.mariadb.session import quoted
from kora.databases.mariadb.tables import HERE, Query
from kora.databases.sql_text import read_statement
from kora.errors import SenseiError


def read_views(query: Query, selection: Selection) -> tuple[View, ...]:
    """Views; the server keeps them with every name qualified, which is taken back for this database's own."""
    here = str(query("SELECT DATABASE()")[0][0])
    columns: dict[str, list[str]] = {}
    for table, column in query(
        f"SELECT TABLE_NAME, COLUMN_NAME FROM information_schema.COLUMNS WHERE {HERE} ORDER BY 1, ORDINAL_POSITION"
    ):
        columns.setdefault(str(table), []).append(str(column))
    rows = query(f"SELECT TABLE_NAME, VIEW_DEFINITION FROM information_schema.VIEWS WHERE {HERE} ORDER BY 1")
    views = [
        View(Name("", str(name)), _unqualified(str(text or ""), here), tuple(columns.get(str(name), ())))
        for name, text in rows
    ]
    return tuple(sorted((view for view in views if selection.includes(view.name)), key=lambda view: view.name))


def _unqualified(text: str, database: str) -> str:
    """A query without this database's name in front of names."""
    statement = read_statement(text)
    kept, position = [], 0
    for token, following in zip(statement.tokens, statement.tokens[1:], strict=False):
        if token.kind == "quoted" and token.name == database and following.text == ".":
            kept.append(statement.text[position : token.start])
            position = following.end
    return "".join(kept) + statement.text[position:]


def read_triggers(query: Query, selection: Selection) -> tuple[Trigger, ...]:
    """Triggers of the chosen tables."""
    rows = query(
        "SELECT TRIGGER_NAME, EVENT_OBJECT_TABLE, ACTION_TIMING, EVENT_MANIPULATION, ACTION_STATEMENT"
        " FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE() ORDER BY 1"
    )
    triggers = [
        Trigger(
            Name("", str(name)),
            Name("", str(table)),
            f"CREATE TRIGGER {quoted(str(name))} {timing} {event} ON {quoted(str(table))} FOR EACH ROW {text}",
        )
        for name, table, timing, event, text in rows
    ]
    return tuple(trigger for trigger in triggers if selection.includes(trigger.table))


def read_routines(query: Query) -> tuple[Routine, ...]:
    """Functions and procedures; the text is their body, which a login without rights to it does not see."""
    parameters: dict[str, list[str]] = {}
    for routine, name, declared in query(
        "SELECT SPECIFIC_NAME, PARAMETER_NAME, DTD_IDENTIFIER FROM information_schema.PARAMETERS"
        " WHERE SPECIFIC_SCHEMA = DATABASE() AND ORDINAL_POSITION > 0 ORDER BY 1, ORDINAL_POSITION"
    ):
        parameters.setdefault(str(routine), []).append(f"{name} {declared}")
    rows = query(
        "SELECT ROUTINE_NAME, ROUTINE_TYPE, SPECIFIC_NAME, ROUTINE_BODY, ROUTINE_DEFINITION"
        " FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = DATABASE()"
        " AND ROUTINE_TYPE IN ('FUNCTION', 'PROCEDURE') ORDER BY 1, 2"
    )
    found = []
    for name, routine_type, specific, language, text in rows:
        kind: Literal["function", "procedure"] = "function" if routine_type == "FUNCTION" else "procedure"
        signature = ", ".join(parameters.get(str(specific), ()))
        found.append(Routine(Name("", str(name)), kind, signature, str(language).lower(), text or ""))
    return tuple(found)


def read_sequences(query: Query) -> tuple[Sequence, ...]:
    """MariaDB's sequences, each a table of one row. What a server has cached counts as given out."""
    names = query(
        f"SELECT TABLE_NAME FROM information_schema.TABLES WHERE {HERE} AND TABLE_TYPE = 'SEQUENCE' ORDER BY 1"
    )
    found = []
    for (name,) in names:
        try:
            rows = query(
                "SELECT next_not_cached_value, start_value, increment, minimum_value, maximum_value, cycle_option"
                f" FROM {quoted(str(name))}"
            )
        except SenseiError:
            continue  # the census counts it
        following, start, increment, minimum, maximum, cycle = (int(str(value)) for value in rows[0])
        last = None if following == start else following - increment
        found.append(Sequence(Name("", str(name)), start, increment, minimum, maximum, bool(cycle), last))
    return tuple(found)


_CENSUS: dict[str, str] = {
    "event": "SELECT EVENT_NAME, concat_ws(' ', EVENT_TYPE, STATUS) FROM information_schema.EVENTS"
    " WHERE EVENT_SCHEMA = DATABASE()",
    "grant": f"SELECT concat(TABLE_NAME, ' to ', GRANTEE), PRIVILEGE_TYPE FROM information_schema.TABLE_PRIVILEGES"
    f" WHERE {HERE}",
    "package": "SELECT ROUTINE_NAME, ROUTINE_TYPE FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = DATABASE()"
    " AND ROUTINE_TYPE NOT IN ('FUNCTION', 'PROCEDURE')",
    "application period": f"SELECT TABLE_NAME, PERIOD FROM information_schema.PERIODS WHERE {HERE}",
}


def read_not_modelled(query: Query) -> list[NotModelled]:
    """Everything that exists and that the catalog does not carry, by kind and name, as far as this server knows it."""
    found = []
    for what, sql in sorted(_CENSUS.items()):
        try:
            rows = query(sql)
        except SenseiError:
            continue  # a version without that view has none of it
        found += [NotModelled(what, str(name), detail or "") for name, detail in sorted(rows, key=str)]
    return found
