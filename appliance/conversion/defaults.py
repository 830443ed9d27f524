"""Column defaults: literals, moments and constants, in the target's words and for the target's type.

A default is part of behaviour, not of data: what cannot be carried is refused by name, never dropped in silence.
"""

import re

from appliance.conversion.expressions import NotTranslated, Scope, require_sql, translate_expression
from appliance.conversion.reading import Reading
from appliance.conversion.structures import is_kept_as_text
from appliance.engines.base import Placement

_MOMENTS = frozenset(
    {
        "current_timestamp", "current_timestamp()", "now()", "datetime('now')", "get_current_timestamp()",
        "transaction_timestamp()", "statement_timestamp()", "localtimestamp",
    }
)  # fmt: skip
_DAYS = frozenset({"current_date", "current_date()", "date('now')", "today()"})
_CLOCKS = frozenset({"current_time", "time('now')", "localtime"})
_LABEL = re.compile(r"'(?:[^']|'')*'(?=::|$)")
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
        # TIMESTAMP is an instant of its own: what it is given counts in the session's zone.
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
    },
    "postgresql": {"timestamp": "LOCALTIMESTAMP", "date": "CURRENT_DATE", "time": "LOCALTIME"},
    "mariadb": {"timestamp": "current_timestamp(6)", "date": "current_date()", "time": "current_time(6)"},
    "sqlite": {"timestamp": "CURRENT_TIMESTAMP", "date": "CURRENT_DATE", "time": "CURRENT_TIME"},
}
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
    kind = reading.type.kind
    if is_kept_as_text(reading.target_representation or placement.representation):
        raise NotTranslated(f"the target keeps {reading.type.declared or kind} as text, which this default is not")
    moment = _moment(lowered)
    if moment:
        if target == "mariadb" and placement.wire_type.startswith("timestamp"):
            kind = "own instant"
        return _now(moment, kind, source, target)
    if kind == "boolean":
        return _boolean(lowered, text, target)
    label = _LABEL.match(text)
    bare_label = placement.wire_type != "enum" if kind == "enum" else target == "mariadb" and source == "postgresql"
    if label and bare_label:
        return label[0]
    rule = reading.source_representation
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
    """SQLite's clock says UTC; the others say what the session's zone says."""
    if kind == moment and source != "sqlite":
        return _LOCAL_NOW[target][kind]
    wanted = f"text {moment}" if kind == "text" else kind
    found = _NOW[target].get(wanted)
    if found is None:
        raise NotTranslated(f"{moment} is no {kind}")
    return found


def _boolean(lowered: str, text: str, target: str) -> str:
    if lowered in _TRUE:
        return "1" if target == "sqlite" else "TRUE"
    if lowered in _FALSE:
        return "0" if target == "sqlite" else "FALSE"
    raise NotTranslated(f"{text} is not plainly true or false")
