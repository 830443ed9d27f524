"""Values for a column, as an engine's SQL, from what the catalog says of its type: for rows that are made up.

Several for each column, the likeliest first; those of two turns differ, so that two rows of one table can stand beside
each other under a unique key. Whether an engine takes them, and whether a CHECK does, is for the caller to find out.
"""

import re
from collections.abc import Callable, Sequence

from kora.catalog import Column, Type

_BASE = 424_200
"""Where made numbers begin, if they fit: seldom somebody else's."""
_ODD_TEXTS = ("K", "0", "kora@kora.example", "https://kora.example/", "0700000000", "")
_NUMBERS = ("integer", "decimal", "float")
_NAMED_LIMIT = 12


def samples(engine: str, column: Column, turn: int, hints: Sequence[str] = ()) -> list[str]:
    """SQL expressions for values of the column, without NULL; none where no value of its type is known.

    Args:
        engine: Whose SQL.
        column: As the catalog has it.
        turn: Rows of different turns get different values, as far as the type has some.
        hints: Expressions that speak of the column (its checks): what they name is tried too.
    """
    made = _of_type(engine, column.type, turn)
    words = _named(column.type, hints)
    first = turn % len(words) if words else 0
    named = words[first:] + words[:first]
    return list(dict.fromkeys(made[:1] + named + made[1:]))


def _of_type(engine: str, kind: Type, turn: int) -> list[str]:
    known = _KINDS.get(kind.kind)
    return known(engine, kind, turn) if known else []


def _named(kind: Type, hints: Sequence[str]) -> list[str]:
    """What the expressions compare with: words in quotes, numbers and their neighbours."""
    text = " ".join(hints)
    if kind.kind in _NUMBERS:
        numbers = [int(word) for word in re.findall(r"(?<![\w.])-?\d{1,15}(?![\w.])", text)]
        return [str(n) for n in dict.fromkeys(n + step for n in numbers for step in (0, 1, -1)) if _fits(kind, n)][
            :_NAMED_LIMIT
        ]
    words = dict.fromkeys(re.findall(r"'((?:[^']|'')*)'", text))
    return [f"'{word}'" for word in words if kind.length is None or len(word) <= kind.length][:_NAMED_LIMIT]


def _fits(kind: Type, number: int) -> bool:
    if (kind.minimum is not None and number < kind.minimum) or (kind.maximum is not None and number > kind.maximum):
        return False
    return kind.precision is None or abs(number) < 10 ** max(0, kind.precision - (kind.scale or 0))


def _number(engine: str, kind: Type, turn: int) -> list[str]:
    wanted = (_BASE + turn, 1 + turn, 42 + turn, 2000 + turn, 2 + turn, 0, -1 - turn, 1)
    found = [str(number) for number in wanted if _fits(kind, number)]
    return [f"0.{turn % 9 + 1}"] if found[:1] == ["0"] and kind.scale else found


def _text(engine: str, kind: Type, turn: int) -> list[str]:
    room = kind.length if kind.length is not None else 40
    base = f"kora{turn}"[-room:] if room else ""
    return [f"'{text}'" for text in (base, base.upper(), *_ODD_TEXTS) if len(text) <= room]


def _bytes(engine: str, kind: Type, turn: int) -> list[str]:
    length = kind.length if kind.fixed and kind.length is not None else min(2, kind.length or 2)
    digits = f"{turn + 1:02x}" * length
    if engine == "postgresql":
        return [f"'\\x{digits}'"]
    if engine == "duckdb":
        return ["'" + "".join(f"\\x{digits[place : place + 2]}" for place in range(0, len(digits), 2)) + "'::BLOB"]
    return [f"X'{digits}'"]


def _bit(engine: str, kind: Type, turn: int) -> list[str]:
    width = min(kind.length or 1, 64)
    bits = format(turn % 2, "b").zfill(width)
    return [f"'{bits}'::BIT"] if engine == "duckdb" else [f"b'{bits}'"]


def _boolean(engine: str, kind: Type, turn: int) -> list[str]:
    words = ("TRUE", "FALSE") if engine in ("postgresql", "duckdb") else ("1", "0")
    return [words[turn % 2], words[1 - turn % 2]]


def _label(engine: str, kind: Type, turn: int) -> list[str]:
    labels = [label.replace("'", "''") for label in kind.labels]
    first = turn % len(labels) if labels else 0
    return [f"'{label}'" for label in labels[first:] + labels[:first]]


def _date(engine: str, kind: Type, turn: int) -> list[str]:
    return [f"'{year}-02-{turn % 27 + 1:02}'" for year in (2020, 1990, 2090)]


def _time(engine: str, kind: Type, turn: int) -> list[str]:
    return [f"'10:{turn % 60:02}:00{'+00' if kind.kind == 'timetz' else ''}'"]


def _moment(engine: str, kind: Type, turn: int) -> list[str]:
    zone = "+00" if kind.kind == "instant" and engine != "mariadb" else ""
    return [f"'{year}-02-{turn % 27 + 1:02} 10:00:00{zone}'" for year in (2020, 1990, 2030)]


def _interval(engine: str, kind: Type, turn: int) -> list[str]:
    return [f"INTERVAL '{turn + 1}' DAY"]


def _json(engine: str, kind: Type, turn: int) -> list[str]:
    return [f"'[{turn}]'", "'{\"kora\": 1}'", "'{}'"]


def _uuid(engine: str, kind: Type, turn: int) -> list[str]:
    return [f"'6b6f7261-0000-4000-8000-6d61646520{turn % 100:02}'"]


def _list(engine: str, kind: Type, turn: int) -> list[str]:
    element = _of_type(engine, kind.elements[0], turn)[:1] if kind.elements else []
    if engine == "postgresql":
        return [*(f"CAST(ARRAY[{value}] AS {kind.declared})" for value in element), "'{}'"]
    length = kind.length or 1
    return [f"[{', '.join(element * length)}]"] if element else []


def _range(engine: str, kind: Type, turn: int) -> list[str]:
    """Ranges of two turns do not overlap; two of one turn do."""
    of = kind.elements[0].kind if kind.elements else ""
    if of in _NUMBERS:
        text = f"[{10 * turn + 1},{10 * turn + 5})"
    elif of in ("date", "timestamp", "instant"):
        text = f"[{2020 + turn}-02-01,{2020 + turn}-03-01)"
    else:
        return []
    return [f"'{{{text}}}'" if kind.kind == "multirange" else f"'{text}'"]


def _geometry(engine: str, kind: Type, turn: int) -> list[str]:
    point = engine == "mariadb" and kind.declared.casefold().startswith(("point", "geometry"))
    return [f"ST_GeomFromText('POINT({turn} 1)')"] if point and "collection" not in kind.declared.casefold() else []


def _fixed(text: str) -> Callable[[str, Type, int], list[str]]:
    return lambda engine, kind, turn: [text.format(turn % 99 + 1)]


_KINDS: dict[str, Callable[[str, Type, int], list[str]]] = {
    **dict.fromkeys(_NUMBERS, _number),
    "dynamic": _number,
    "money": _fixed("'{}.00'"),
    "text": _text,
    "bytes": _bytes,
    "bit": _bit,
    "boolean": _boolean,
    "enum": _label,
    "set": _label,
    "date": _date,
    **dict.fromkeys(("time", "timetz"), _time),
    **dict.fromkeys(("timestamp", "instant"), _moment),
    "interval": _interval,
    "json": _json,
    "uuid": _uuid,
    **dict.fromkeys(("list", "array"), _list),
    **dict.fromkeys(("range", "multirange"), _range),
    "inet": _fixed("'10.0.0.{}'"),
    "cidr": _fixed("'10.0.{}.0/24'"),
    "macaddr": _fixed("'08:00:2b:01:02:{:02}'"),
    "geometry": _geometry,
}
