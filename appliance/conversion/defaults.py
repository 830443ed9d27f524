"""Column defaults: literals, moments and constants, in the target's words and for the target's type.

A default is part of behaviour, not of data: what cannot be carried is refused by name, never dropped in silence.
"""

import re

from appliance.conversion.expressions import (
    SQLGLOT_DIALECTS,
    NotTranslated,
    Scope,
    require_sql,
    translate_expression,
)
from appliance.conversion.literals import constant, spelled
from appliance.conversion.reading import Reading
from appliance.conversion.structures import is_kept_as_text
from appliance.engines.base import Placement

_MOMENTS = frozenset(
    {
        "current_timestamp", "current_timestamp()", "now()", "datetime('now')", "get_current_timestamp()",
        "transaction_timestamp()", "statement_timestamp()", "localtimestamp",
    }
)  # fmt: skip
_DAYS = frozenset({"current_date", "current_date()", "curdate()", "date('now')", "today()"})
_CLOCKS = frozenset({"current_time", "current_time()", "curtime()", "time('now')", "localtime"})
_NEXT_VALUE = re.compile(r"nextval\(\s*'(?P<name>(?:[^']|'')+)'", re.IGNORECASE)

_UTC = "now() AT TIME ZONE 'UTC'"
_NOW: dict[str, dict[str, str]] = {
    "duckdb": {
        "timestamp": f"CAST({_UTC} AS TIMESTAMP)",
        "instant": "now()",
        "date": f"CAST({_UTC} AS DATE)",
        "time": f"CAST({_UTC} AS TIME)",
        "text timestamp": f"strftime({_UTC}, '%Y-%m-%d %H:%M:%S')",
        "text date": f"strftime({_UTC}, '%Y-%m-%d')",
        "text time": f"strftime({_UTC}, '%H:%M:%S')",
    },
    "postgresql": {
        "timestamp": f"({_UTC})",
        "instant": "now()",
        "date": f"CAST({_UTC} AS date)",
        "time": f"CAST({_UTC} AS time)",
        "text timestamp": f"to_char({_UTC}, 'YYYY-MM-DD HH24:MI:SS')",
        "text date": f"to_char({_UTC}, 'YYYY-MM-DD')",
        "text time": f"to_char({_UTC}, 'HH24:MI:SS')",
    },
    "mariadb": {
        "timestamp": "utc_timestamp(6)",
        "instant": "utc_timestamp(6)",
        "own instant": "current_timestamp(6)",
        "date": "utc_date()",
        "time": "utc_time(6)",
        "text timestamp": "date_format(utc_timestamp(), '%Y-%m-%d %H:%i:%s')",
        "text date": "date_format(utc_timestamp(), '%Y-%m-%d')",
        "text time": "date_format(utc_timestamp(), '%H:%i:%s')",
    },
    "sqlite": {
        "timestamp": "CURRENT_TIMESTAMP",
        "instant": "strftime('%Y-%m-%d %H:%M:%SZ', 'now')",
        "date": "CURRENT_DATE",
        "time": "CURRENT_TIME",
        "text timestamp": "CURRENT_TIMESTAMP",
        "text date": "CURRENT_DATE",
        "text time": "CURRENT_TIME",
    },
}
_LOCAL_NOW: dict[str, dict[str, str]] = {
    "duckdb": {
        "timestamp": "CAST(now() AS TIMESTAMP)",
        "date": "CAST(CAST(now() AS TIMESTAMP) AS DATE)",
        "time": "CAST(CAST(now() AS TIMESTAMP) AS TIME)",
        "text mariadb timestamp": "strftime(CAST(now() AS TIMESTAMP), '%Y-%m-%d %H:%M:%S')",
        "text mariadb date": "strftime(CAST(now() AS TIMESTAMP), '%Y-%m-%d')",
        "text mariadb time": "strftime(CAST(now() AS TIMESTAMP), '%H:%M:%S')",
    },
    "postgresql": {
        "timestamp": "LOCALTIMESTAMP",
        "date": "CURRENT_DATE",
        "time": "LOCALTIME",
        "text mariadb timestamp": "to_char(LOCALTIMESTAMP, 'YYYY-MM-DD HH24:MI:SS')",
        "text mariadb date": "to_char(LOCALTIMESTAMP, 'YYYY-MM-DD')",
        "text mariadb time": "to_char(LOCALTIMESTAMP, 'HH24:MI:SS')",
    },
    "mariadb": {
        "timestamp": "current_timestamp(6)",
        "date": "current_date()",
        "time": "current_time(6)",
        "text mariadb timestamp": "current_timestamp()",
        "text mariadb date": "current_date()",
        "text mariadb time": "current_time()",
    },
    "sqlite": {"timestamp": "CURRENT_TIMESTAMP", "date": "CURRENT_DATE", "time": "CURRENT_TIME"},
}
_OWN_INSTANT = "own instant"
"""An instant in MariaDB's TIMESTAMP: what it is given counts in the session's zone."""
_AT_MIDNIGHT = {"mariadb": ("timestamp", _OWN_INSTANT), "postgresql": ("timestamp", "instant"),
                "duckdb": ("timestamp", "instant")}  # fmt: skip
"""Which kinds a day becomes by itself."""
_TRUE = frozenset({"1", "true", "'1'", "'t'", "'true'"})
_FALSE = frozenset({"0", "false", "'0'", "'f'", "'false'"})


def sequence_of_default(default: str) -> str | None:
    """The sequence whose next value a default draws, as the source spells it; None for any other default."""
    found = _NEXT_VALUE.match(bare(default))
    return found["name"].replace("''", "'") if found else None


def bare(text: str) -> str:
    """The expression without parentheses around the whole of it."""
    text = text.strip()
    while text.startswith("(") and text.endswith(")") and _encloses(text):
        text = text[1:-1].strip()
    return text


def translate_default(default: str, source: str, target: str, reading: Reading, placement: Placement) -> str | None:
    """A default in the target's words; None for DEFAULT NULL. Raises `NotTranslated`."""
    text = bare(default)
    lowered = re.sub(r"::[a-z0-9_ \"()]+$", "", text, flags=re.IGNORECASE).strip().lower()
    if lowered == "null":
        return None
    require_sql(target)
    if reading.type.dynamic:
        return text  # SQLite on both sides, and the column as it was declared
    kind: str = reading.type.kind
    if is_kept_as_text(reading.target_representation or placement.representation):
        raise NotTranslated(f"the target keeps {reading.type.declared or kind} as text, which this default is not")
    moment = _moment(lowered)
    if moment:
        if target == "mariadb" and placement.wire_type.startswith("timestamp"):
            kind = _OWN_INSTANT
        return _now(moment, kind, source, target)
    if kind == "boolean":
        return _boolean(lowered, text, target)
    rule = reading.source_representation
    value = constant(text, SQLGLOT_DIALECTS[source])
    if value is not None and rule is None:
        held = reading.target_representation or placement.representation
        known = spelled(value, kind, source, target, held)
        if known is not None and "\0" in known:
            raise NotTranslated("it holds a NUL character, which no statement may")
        if known is not None:
            return known
        if kind in ("integer", "decimal", "float") and target not in ("postgresql", "duckdb"):
            raise NotTranslated(f"{target} has no number {value!r}")
    if rule and rule.rule == "epoch":
        raise NotTranslated("an epoch is no timestamp; the target's column holds one")
    return translate_expression(text, source, target, Scope(columns={}))


def _encloses(text: str) -> bool:
    depth, quoted = 0, False
    for position, character in enumerate(text):
        quoted ^= character == "'"
        depth += 0 if quoted else (character == "(") - (character == ")")
        if depth == 0 and position < len(text) - 1:
            return False
    return True


def _moment(lowered: str) -> str | None:
    for moment, spellings in (("timestamp", _MOMENTS), ("date", _DAYS), ("time", _CLOCKS)):
        if lowered in spellings:
            return moment
    return None


def _now(moment: str, kind: str, source: str, target: str) -> str:
    """SQLite's clock says UTC; the others say what the session's zone says.

    A day where a moment stands is its midnight, in the zone of the session as on the source.
    """
    if source != "sqlite":
        midnight = moment == "date" and kind in _AT_MIDNIGHT.get(target, ())
        part = moment == "timestamp" and kind in ("date", "time")
        name = f"text {source} {moment}" if kind == "text" else moment if midnight else kind
        local = _LOCAL_NOW[target].get(name)
        if local and (kind in (moment, "text") or midnight or part):
            return local
    wanted = f"text {moment}" if kind == "text" else kind
    found = _NOW[target].get(wanted)
    if found is None or (moment != "timestamp" and kind in ("timestamp", "instant", _OWN_INSTANT)):
        raise NotTranslated(f"{moment} is no {kind}")
    return found


def _boolean(lowered: str, text: str, target: str) -> str:
    if lowered in _TRUE:
        return "1" if target == "sqlite" else "TRUE"
    if lowered in _FALSE:
        return "0" if target == "sqlite" else "FALSE"
    raise NotTranslated(f"{text} is not plainly true or false")
