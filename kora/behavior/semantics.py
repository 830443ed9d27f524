"""Habits of an engine: small questions with a known meaning, whose answers need no table.

Differences are told, not judged: most migrations change some of them, and whether it matters is for a person to say.
What hangs on each stands in `kora.comparison.habits`.
"""

import re
from decimal import Decimal, InvalidOperation
from typing import TypeAlias

from kora.behavior.answers import QUERY_SECONDS, error_class
from kora.comparison.behavior import ComparedProbe
from kora.databases.base import AnswersQueries
from kora.errors import EngineError, Stopped, UnsupportedType

Words: TypeAlias = dict[str, str]
"""SQL by engine; `*` is for those that are not named. `{text}` is written as the database's own text."""

PROBES: tuple[tuple[str, str, Words], ...] = (
    ("collation order", "whether 'B' stands before 'a'", {"*": "SELECT CASE WHEN {B} < {a} THEN 1 ELSE 0 END"}),
    ("case equality", "whether 'a' equals 'A'", {"*": "SELECT CASE WHEN {a} = {A} THEN 1 ELSE 0 END"}),
    ("accent equality", "whether 'e' equals 'é'", {"*": "SELECT CASE WHEN {e} = {é} THEN 1 ELSE 0 END"}),
    ("trailing blanks", "whether 'a' equals 'a '", {"*": "SELECT CASE WHEN {a} = {a } THEN 1 ELSE 0 END"}),
    ("empty and blank", "whether '' equals ' '", {"*": "SELECT CASE WHEN {} = { } THEN 1 ELSE 0 END"}),
    ("LIKE and case", "whether 'A' LIKE 'a'", {"*": "SELECT CASE WHEN {A} LIKE {a} THEN 1 ELSE 0 END"}),
    ("LIKE and backslash", r"whether 'a%' LIKE 'a\%' and 'ab' does not", {
        "*": r"SELECT CASE WHEN 'a%' LIKE 'a\%' AND NOT 'ab' LIKE 'a\%' THEN 1 ELSE 0 END",
    }),
    ("backslash in a text", r"LENGTH of 'a\nb'", {"*": r"SELECT LENGTH('a\nb')"}),
    ("double quotes", 'a word in double quotes that names nothing', {"*": 'SELECT "kora_no_such_name"'}),
    ("text length", "LENGTH of 'é'", {"*": "SELECT LENGTH({é})"}),
    ("upper case", "UPPER of 'é'", {"*": "SELECT UPPER({é})"}),
    ("substring from 0", "SUBSTR('abc', 0, 2)", {"*": "SELECT SUBSTR({abc}, 0, 2)"}),
    ("integer division", "7 / 2", {"*": "SELECT 7 / 2"}),
    ("negative division", "-7 / 2", {"*": "SELECT -7 / 2"}),
    ("modulo", "-7 % 2", {"*": "SELECT -7 % 2"}),
    ("modulo of a fraction", "5.5 % 2", {"*": "SELECT 5.5 % 2"}),
    ("division by zero", "1 / 0", {"*": "SELECT 1 / 0"}),
    ("decimal division", "1.0 / 3", {"*": "SELECT 1.0 / 3"}),
    ("average", "AVG of 1, 1 and 2", {
        "*": "SELECT AVG(v) FROM (SELECT 1 AS v UNION ALL SELECT 1 UNION ALL SELECT 2) AS t",
    }),
    ("rounding", "ROUND(2.5)", {"*": "SELECT ROUND(2.5)"}),
    ("rounding a negative", "ROUND(-2.5)", {"*": "SELECT ROUND(-2.5)"}),
    ("rounding a float", "ROUND of 2.5 as a double", {
        "*": "SELECT ROUND(CAST(2.5 AS DOUBLE PRECISION))", "mariadb": "SELECT ROUND(2.5e0)",
        "sqlite": "SELECT ROUND(CAST(2.5 AS REAL))", "duckdb": "SELECT ROUND(CAST(2.5 AS DOUBLE))",
    }),
    ("rounding to digits", "ROUND(1.005, 2)", {"*": "SELECT ROUND(1.005, 2)"}),
    ("cast to integer", "2.5 as an integer", {
        "*": "SELECT CAST(2.5 AS INTEGER)", "mariadb": "SELECT CAST(2.5 AS SIGNED)",
    }),
    ("text as a number", "whether '10' equals 10", {"*": "SELECT CASE WHEN '10' = 10 THEN 1 ELSE 0 END"}),
    ("text that is no number", "'12 kg' as an integer", {
        "*": "SELECT CAST('12 kg' AS INTEGER)", "mariadb": "SELECT CAST('12 kg' AS SIGNED)",
    }),
    ("a word and zero", "whether 'kg' equals 0", {"*": "SELECT CASE WHEN 'kg' = 0 THEN 1 ELSE 0 END"}),
    ("overflow", "9223372036854775807 + 1", {
        "*": "SELECT CAST(9223372036854775807 AS BIGINT) + CAST(1 AS BIGINT)",
        "mariadb": "SELECT 9223372036854775807 + 1",
    }),
    ("32-bit overflow", "2147483647 + 1", {"*": "SELECT 2147483647 + 1"}),
    ("logarithm", "LOG(100)", {"*": "SELECT LOG(100)"}),
    ("NULL order", "what stands first, ascending, of 1 and NULL", {
        "*": "SELECT v FROM (SELECT 1 AS v UNION ALL SELECT NULL) AS t ORDER BY v LIMIT 1",
    }),
    ("empty string", "whether '' is NULL", {"*": "SELECT CASE WHEN '' IS NULL THEN 1 ELSE 0 END"}),
    ("text and NULL", "'a' joined with NULL", {
        "*": "SELECT 'a' || CAST(NULL AS VARCHAR(9))", "mariadb": "SELECT CONCAT('a', NULL)",
    }),
    ("CONCAT and NULL", "CONCAT('a', NULL)", {"*": "SELECT CONCAT('a', NULL)"}),
    ("GREATEST and NULL", "GREATEST(1, NULL)", {
        "*": "SELECT GREATEST(1, NULL)", "sqlite": "SELECT max(1, NULL)",
    }),
    ("truth as text", "TRUE as a text", {
        "*": "SELECT CAST(TRUE AS VARCHAR(9))", "mariadb": "SELECT CAST(TRUE AS CHAR)",
    }),
    ("|| on texts", "'1' || '0'", {"*": "SELECT '1' || '0'"}),
    ("a month later", "2024-01-31 and one month", {
        "*": "SELECT CAST(CAST('2024-01-31' AS DATE) + INTERVAL '1' MONTH AS DATE)",
        "sqlite": "SELECT date('2024-01-31', '+1 month')",
    }),
    ("a date plus 1", "2024-02-29 and the number 1", {
        "*": "SELECT CAST('2024-02-29' AS DATE) + 1", "sqlite": "SELECT date('2024-02-29') + 1",
    }),
    ("date minus date", "2024-03-01 minus 2024-02-28", {
        "*": "SELECT CAST('2024-03-01' AS DATE) - CAST('2024-02-28' AS DATE)",
        "sqlite": "SELECT date('2024-03-01') - date('2024-02-28')",
    }),
    ("fraction of a second", "2024-01-01 00:00:00.987654 as a moment", {
        "*": "SELECT CAST('2024-01-01 00:00:00.987654' AS TIMESTAMP)",
        "mariadb": "SELECT CAST('2024-01-01 00:00:00.987654' AS DATETIME)",
        "sqlite": "SELECT datetime('2024-01-01 00:00:00.987654')",
    }),
    ("impossible date", "2023-02-30 as a date", {
        "*": "SELECT CAST('2023-02-30' AS DATE)", "sqlite": "SELECT date('2023-02-30')",
    }),
)  # fmt: skip
_SLOT = re.compile(r"\{([^{}]*)\}")
_PLAIN_NAME = re.compile(r"[a-z0-9_]{1,64}")


def probe_habits(source: AnswersQueries, target: AnswersQueries) -> tuple[ComparedProbe, ...]:
    """Every question asked of both sides, in the order of `PROBES`."""
    before, after = _answers(source), _answers(target)
    return tuple(
        ComparedProbe(name=name, meaning=meaning, source=left, target=right, differs=left != right)
        for (name, meaning, _), left, right in zip(PROBES, before, after, strict=True)
    )


def _answers(database: AnswersQueries) -> list[str]:
    engine = database.dialect.engine
    frame = _collated(database) if engine == "mariadb" else "{}"
    asked = (words.get(engine, words["*"]) for _, _, words in PROBES)
    with database.asking(QUERY_SECONDS):
        return [_told(database, _SLOT.sub(lambda slot: frame.replace("{}", f"'{slot[1]}'"), sql)) for sql in asked]


def _collated(database: AnswersQueries) -> str:
    """MariaDB's literals follow the session; its columns follow the database, which is what data are compared by."""
    rows = database.query_rows("SELECT @@character_set_database, @@collation_database").shown(1)
    charset, collation = (str(text) for _, text in rows[0])
    if not (_PLAIN_NAME.fullmatch(charset) and _PLAIN_NAME.fullmatch(collation)):
        return "{}"
    return f"CONVERT({{}} USING {charset}) COLLATE {collation}"


def _told(database: AnswersQueries, sql: str) -> str:
    """An answer as a person reads it."""
    try:
        rows = database.query_rows(sql).shown(1)
    except EngineError as problem:
        return f"refuses ({error_class(problem)})"
    except Stopped:
        return "takes too long"
    except UnsupportedType:
        return "of a kind that is not known here"
    kind, text = rows[0][0] if rows else ("null", None)
    if text is None:
        return "NULL"
    if kind in ("integer", "decimal", "float"):
        return _number(text)
    if kind == "boolean":
        return "1" if text == "true" else "0"
    return text or "(empty)"


def _number(text: str) -> str:
    try:
        value = Decimal(text)
    except InvalidOperation:
        return text
    return format(value.normalize(), "f") if value.is_finite() else text
