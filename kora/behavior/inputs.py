"""What routines are called with: inputs generated from the kinds of their parameters, and recorded ones from a file.

Generated inputs hang on the seed, the routine's name and its parameters' kinds alone, so that two sides that declare
the same are called with the same. An input is a tuple of texts; None is NULL.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from kora import _core
from kora.behavior.callables import Argument
from kora.errors import InvalidRequest
from kora.evidence.files import read_bounded

Input: TypeAlias = tuple[str | None, ...]
GENERATED = 12
"""Calls of a routine that takes anything."""
FILE_LIMIT_BYTES = 16 << 20
RECORDED_LIMIT = 10_000
_POOLS: dict[str, tuple[str, ...]] = {
    "integer": ("0", "1", "-1", "2", "7", "-7", "10", "100", "999", "32767"),
    "decimal": ("0", "1", "-1", "0.5", "2.5", "-2.5", "1.005", "2.675", "99.995", "1000000.01"),
    "float": ("0", "1", "-1", "0.5", "2.5", "-2.5", "1.5", "0.1", "1e10", "-1e-3"),
    "text": ("", "a", "Kisumu", " b ", "é", "O'Brien", "a\\b", "100%", "ab_c", "kk"),
    "boolean": ("1", "0"),
    "date": ("2024-02-29", "1999-12-31", "2023-01-31", "1970-01-01", "2000-03-01"),
    "timestamp": ("2024-02-29 23:59:59", "1999-12-31 00:00:00", "2023-01-31 12:30:00", "1970-01-01 00:00:01"),
}
_NUMBER = re.compile(r"-?\d{1,60}(\.\d{1,60})?([eE][+-]?\d{1,3})?")


def seed_of(key: _core.DigestKey) -> str:
    """The seed that two sides under one key share: 16 hex digits."""
    return _core.sha256(f"kora routines {key.key_id}".encode())[:16]


def generated(seed: str, name: str, arguments: Sequence[Argument]) -> list[Input]:
    """Values at the edges and random ones, each parameter NULL once; one call for a routine that takes nothing."""
    if not arguments:
        return [()]
    found: dict[Input, None] = {}
    for turn in range(GENERATED):
        found[tuple(_value(seed, name, argument.kind, place, turn) for place, argument in enumerate(arguments))] = None
    first = next(iter(found))
    for place in range(len(arguments)):
        found[(*first[:place], None, *first[place + 1 :])] = None
    return list(found)


def _value(seed: str, name: str, kind: str, place: int, turn: int) -> str:
    """From the pool in a shuffled order, and behind it at random."""
    pool = _POOLS[kind]
    begin = _chance(seed, name, place, -1)
    if turn < len(pool):
        return pool[(begin + turn) % len(pool)]
    drawn = _chance(seed, name, place, turn)
    if kind == "integer":
        return str(drawn % 20_001 - 10_000)
    if kind in ("decimal", "float"):
        cents = drawn % 2_000_001 - 1_000_000
        return f"{'-' if cents < 0 else ''}{abs(cents) // 100}.{abs(cents) % 100:02}"
    if kind == "text":
        return hashlib.sha256(str(drawn).encode()).hexdigest()[: drawn % 9]
    if kind in ("date", "timestamp"):
        day = f"{1990 + drawn % 40}-{1 + drawn % 12:02}-{1 + drawn % 28:02}"
        return day if kind == "date" else f"{day} {drawn % 24:02}:{drawn % 60:02}:00"
    return pool[drawn % len(pool)]


def _chance(seed: str, name: str, place: int, turn: int) -> int:
    told = f"{seed}|{name}|{place}|{turn}".encode()
    return int.from_bytes(hashlib.sha256(told).digest()[:6], "big")


def read_inputs(path: Path) -> tuple[dict[str, list[Input]], str]:
    """Recorded inputs by routine, and the file's SHA-256. One JSON object a line: `routine` and `arguments`.

    Raises:
        InvalidRequest: A line is no such object. FileProblem, LimitExceeded: The file cannot be read.
    """
    data = read_bounded(path, FILE_LIMIT_BYTES)
    found: dict[str, list[Input]] = {}
    lines = [line for line in data.decode("utf-8-sig", "replace").splitlines() if line.strip()]
    if len(lines) > RECORDED_LIMIT:
        raise InvalidRequest(f"{path} has {len(lines):,} lines; the limit is {RECORDED_LIMIT:,}")
    for number, line in enumerate(lines, 1):
        try:
            told = json.loads(line, parse_float=str, parse_int=str)
            name, values = told["routine"], told["arguments"]
        except (ValueError, TypeError, KeyError, RecursionError):
            name, values = None, None
        if not isinstance(name, str) or not isinstance(values, list):
            raise InvalidRequest(
                f"line {number} of {path} is no recorded input",
                hint='each line is {"routine": "name", "arguments": [1, "text", null]}',
            )
        found.setdefault(name.casefold(), []).append(tuple(_plain(value, number, path) for value in values))
    return found, _core.sha256(data)


def _plain(value: object, number: int, path: Path) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(int(value))
    raise InvalidRequest(f"line {number} of {path} has an argument that is no scalar")


def digest_of(given: Input) -> str:
    """16 hex digits that name an input."""
    return _core.sha256(json.dumps(given, ensure_ascii=True).encode())[:16]


def literal(engine: str, argument: Argument, value: str | None) -> str:
    """A value as the parameter's type in an engine's SQL.

    Raises:
        ValueError: A number that is none.
    """
    if value is None:
        return "NULL" if engine == "mariadb" else f"CAST(NULL AS {argument.declared})"
    if argument.kind in ("integer", "decimal", "float") and not _NUMBER.fullmatch(value):
        raise ValueError("not a number")
    if engine == "mariadb":
        if argument.kind in ("integer", "decimal", "float", "boolean") and _NUMBER.fullmatch(value):
            return value
        return f"CONVERT(X'{value.encode().hex()}' USING utf8mb4)"
    quoted = value.replace("'", "''")
    return f"CAST('{quoted}' AS {argument.declared})"
