"""What a value that a client showed stands for, whichever client it was: the corpus's own reading, apart from KORA's.

`meaning(family, shown)` gives something that can be compared. Two engines spell the same value differently; what is
no spelling of the family keeps its exact text, so that it equals nothing but itself.
"""

import ipaddress
import json
import math
import re
import struct
from collections.abc import Callable, Collection, Hashable
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from tests.corpus.clients import Shown

_DATE = r"(?P<year>\d{4,7})-(?P<month>\d\d)-(?P<day>\d\d)"
_CLOCK = r"(?P<sign>-?)(?P<hour>\d{2,3}):(?P<minute>\d\d):(?P<second>\d\d)(?:\.(?P<fraction>\d{1,9}))?"
_ZONE = r"(?P<zone>Z|[+-]\d\d(?::\d\d(?::\d\d)?)?)?"
_ERA = r"(?P<era> BC| \(BC\))?"
_DATE_ALONE = re.compile(f"{_DATE}{_ERA}")
_TIME = re.compile(f"{_CLOCK}{_ZONE}")
_MOMENT = re.compile(f"{_DATE}(?P<early> \\(BC\\))?[ T]{_CLOCK}{_ZONE}{_ERA}")
_INFINITE = ("infinity", "-infinity")


def meaning(family: str, shown: Shown, rules: Collection[str] = ()) -> Hashable:
    """A value's meaning within a family, under the representations that a plan names. NULL is itself in each."""
    if shown is None:
        return None
    named = {rule.partition("(")[0] for rule in rules}
    if "epoch" in named:
        return _instant(f"{datetime.fromtimestamp(shown, UTC):%Y-%m-%d %H:%M:%S}" if isinstance(shown, int) else shown)
    if isinstance(shown, float) and "real_decimal" in named:
        return _number(repr(shown))
    if "text_number" in named:
        return _number(shown)
    return _FAMILIES[family](shown)


def _text(shown: Any) -> Hashable:
    return shown


_NUMBER = re.compile(r"-?\d*\.?\d+(?:[eE][+-]?\d+)?|NaN|-?Infinity")


def _number(shown: Any) -> Hashable:
    if isinstance(shown, float):
        return ("double", struct.pack(">d", shown))
    if not isinstance(shown, int) and not (isinstance(shown, str) and _NUMBER.fullmatch(shown)):
        return shown
    try:
        number = Decimal(shown)
    except (InvalidOperation, TypeError, ValueError):
        return shown
    if not number.is_finite():
        return str(number).lower().replace("inf", "infinity").replace("infinityinity", "infinity")
    return _exact(number)


def _exact(number: Decimal) -> tuple[int, int]:
    """Coefficient and exponent without trailing zeros; `Decimal.normalize` would round to the context's digits."""
    sign, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)
    coefficient = int("".join(map(str, digits)))
    while coefficient and coefficient % 10 == 0:
        coefficient //= 10
        exponent += 1
    return (-coefficient if sign else coefficient, exponent if coefficient else 0)


def _float(shown: Any) -> Hashable:
    try:
        number = float(shown)
    except ValueError:
        return shown
    return "NaN" if math.isnan(number) else struct.pack(">d", number)


def _boolean(shown: Any) -> Hashable:
    return {"true": True, "false": False, "t": True, "f": False, "1": True, "0": False}.get(str(shown), shown)


def _year(found: dict[str, Any]) -> int:
    year = int(found["year"])
    return 1 - year if found.get("era") or found.get("early") else year


def _nanoseconds(found: dict[str, Any]) -> int:
    whole = (int(found["hour"]) * 60 + int(found["minute"])) * 60 + int(found["second"])
    counted = whole * 10**9 + int((found["fraction"] or "0").ljust(9, "0"))
    return -counted if found["sign"] else counted


def _zone_seconds(zone: str | None) -> int:
    if not zone or zone == "Z":
        return 0
    hours, minutes, seconds = ([*map(int, zone[1:].split(":")), 0, 0])[:3]
    total = (hours * 60 + minutes) * 60 + seconds
    return -total if zone[0] == "-" else total


def _date(shown: Any) -> Hashable:
    found = _DATE_ALONE.fullmatch(str(shown))
    return (_year(found.groupdict()), int(found["month"]), int(found["day"])) if found else shown


def _time(shown: Any) -> Hashable:
    found = _TIME.fullmatch(str(shown))
    return _nanoseconds(found.groupdict()) if found and not found["zone"] else shown


def _timetz(shown: Any) -> Hashable:
    found = _TIME.fullmatch(str(shown))
    return (_nanoseconds(found.groupdict()), _zone_seconds(found["zone"])) if found and found["zone"] else shown


def _timestamp(shown: Any) -> Hashable:
    found = _MOMENT.fullmatch(str(shown))
    if not found or found["zone"]:
        return shown
    return (_year(found.groupdict()), int(found["month"]), int(found["day"]), _nanoseconds(found.groupdict()))


def _instant(shown: Any) -> Hashable:
    """All clients show UTC; an instant in a column without a zone is a clock in UTC."""
    found = _MOMENT.fullmatch(str(shown))
    if not found or _zone_seconds(found["zone"]):
        return shown
    return (_year(found.groupdict()), int(found["month"]), int(found["day"]), _nanoseconds(found.groupdict()))


_WORDS = re.compile(r"(-?\d+) (year|mon|month|day)s?")
_ISO = re.compile(r"P(?:(-?\d+)Y)?(?:(-?\d+)M)?(?:(-?\d+)D)?(?:T(?:(-?\d+)H)?(?:(-?\d+)M)?(?:(-?\d+(?:\.\d+)?)S)?)?")
_SPAN = re.compile(r"([+-]?)(\d+):(\d\d):(\d\d(?:\.\d+)?)$")


def _interval(shown: Any) -> Hashable:
    """Months, days and seconds: three numbers that no engine may turn into each other."""
    text = str(shown)
    iso = _ISO.fullmatch(text)
    if iso:
        years, months, days, hours, minutes, seconds = (Decimal(part or 0) for part in iso.groups())
        return (int(years * 12 + months), int(days), _exact((hours * 60 + minutes) * 60 + seconds))
    months = days = 0
    for count, unit in _WORDS.findall(text):
        months += int(count) * {"year": 12, "mon": 1, "month": 1}.get(unit, 0)
        days += int(count) if unit == "day" else 0
    clock = _SPAN.search(text)
    span = Decimal(0)
    if clock:
        span = (Decimal(clock[2]) * 60 + Decimal(clock[3])) * 60 + Decimal(clock[4])
        span = -span if clock[1] == "-" else span
    return (months, days, _exact(span))


def _network(shown: Any) -> Hashable:
    try:
        found = ipaddress.ip_interface(str(shown))
    except ValueError:
        return shown
    return (found.version, int(found.ip), found.network.prefixlen)


def _frozen(value: Any) -> Hashable:
    if isinstance(value, dict) and set(value) in ({"empty"}, {"lower", "upper", "bounds"}):
        return _range(_range_text(value))
    if isinstance(value, str) and _RANGE.fullmatch(value):
        return _range(value)
    if isinstance(value, dict):
        return ("object", tuple((key, _frozen(item)) for key, item in value.items()))
    if isinstance(value, list):
        return ("list", tuple(map(_frozen, value)))
    return _exact(value) if isinstance(value, Decimal) else value


def _parsed(text: str) -> Any:
    return json.loads(text, parse_int=Decimal, parse_float=Decimal)


def _nested(shown: Any) -> Hashable:
    try:
        return _frozen(_unfolded(_parsed(str(shown))))
    except ValueError:
        return shown


def _unfolded(found: Any) -> Any:
    """An array of arrays that came as its bounds and its elements in a row, if every bound begins at 1."""
    if not isinstance(found, dict) or set(found) != {"bounds", "elements"}:
        return found
    elements = found["elements"]
    for first, last in reversed(found["bounds"][1:]):
        assert first == 1
        elements = [elements[start : start + int(last)] for start in range(0, len(elements), int(last))]
    return elements


_BOUNDED = re.compile(r"(?:\[(-?\d+):(-?\d+)\]=)?\{([-\d,]*)\}")


def _bounded(shown: Any) -> Hashable:
    """A PostgreSQL array of numbers and where it begins."""
    own = _BOUNDED.fullmatch(str(shown))
    if own:
        return (int(own[1] or 1), tuple(Decimal(item) for item in own[3].split(",")))
    found = _parsed(str(shown))
    if isinstance(found, list):
        return (1, tuple(found))
    ((first, _),) = found["bounds"]
    return (int(first), tuple(found["elements"]))


def _vector(shown: Any) -> Hashable:
    """Numbers with blanks between them, which begin at 0."""
    text = str(shown)
    return _bounded(text) if text.startswith("{") else (0, tuple(map(Decimal, text.split())))


_RANGE = re.compile(r"([\[(])([^,]*),([^,]*)([\])])")


def _range(shown: Any) -> Hashable:
    """PostgreSQL's own spelling, which the JSON of a range is turned into; bounds that are numbers by their value."""
    text = str(shown)
    text = _range_text(_parsed(text)) if text.startswith("{") else text
    found = _RANGE.fullmatch(text)
    return (found[1], _number(found[2]), _number(found[3]), found[4]) if found else text


def _range_text(found: dict[str, Any]) -> str:
    if found.get("empty"):
        return "empty"
    low, high = ("" if found[end] is None else str(found[end]) for end in ("lower", "upper"))
    return f"{found['bounds'][0]}{low},{high}{found['bounds'][1]}"


def _multirange(shown: Any) -> Hashable:
    text = str(shown)
    return "{" + ",".join(map(_range_text, _parsed(text))) + "}" if text.startswith("[") else text


def _point(shown: Any) -> Hashable:
    text = str(shown)
    parts = _parsed(text).values() if text.startswith("{") else text.strip("()").split(",")
    return tuple(_float(str(part)) for part in parts)


_COORDINATE = re.compile(r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?")


def _points(shown: Any) -> Hashable:
    """Coordinates in a row, and whether it is an open path."""
    text = str(shown).replace(" ", "").lower()
    numbers = _COORDINATE.findall(re.sub(r'"[a-z]+\d?":', "", text))
    return (text.startswith("[(") or '"closed":false' in text, tuple(map(_float, numbers)))


def _floats(shown: Any) -> Hashable:
    """Singles in a row: as JSON, or as the hexadecimal digits of their bytes."""
    text = str(shown)
    if not text.startswith("["):
        return bytes.fromhex(text)
    return b"".join(struct.pack("<f", float(number)) for number in json.loads(text))


def _set(shown: Any) -> Hashable:
    text = str(shown)
    return tuple(json.loads(text)) if text.startswith("[") else tuple(label for label in text.split(",") if label)


def _geometry(shown: Any) -> Hashable:
    """Reference system and well-known bytes: as `SRID=4326;0101…`, or with a blank between them."""
    return tuple(re.split("[ ;]", str(shown).removeprefix("SRID=").lower()))


def _union(shown: Any) -> Hashable:
    """A member's name and its value: as `name value`, or as JSON."""
    text = str(shown)
    found = [*_parsed(text).items()] if text.startswith("{") else [tuple(text.split(" ", maxsplit=1))]
    return tuple((name, str(value)) for name, value in found)


_FAMILIES: dict[str, Callable[[Any], Hashable]] = {
    "text": _text, "bytes": _text, "raw": _text, "bit": _text, "json": _text, "geometry": _geometry,
    "union": _union, "set": _set, "uuid": lambda shown: str(shown).lower(),
    "number": _number, "float": _float, "boolean": _boolean, "date": _date,
    "time": _time, "timetz": _timetz, "timestamp": _timestamp, "instant": _instant, "interval": _interval,
    "network": _network, "nested": _nested, "map": _nested, "bounded": _bounded, "vector": _vector, "range": _range,
    "multirange": _multirange, "point": _point, "points": _points, "floats": _floats,
}  # fmt: skip


def family_of(target_type: str) -> str:
    """For a source without types of its own: what a target's column of this type holds."""
    name = target_type.lower()
    for prefix, family in _BY_TYPE:
        if name.startswith(prefix):
            return family
    return "text"


_BY_TYPE = (
    ("timestamp with", "instant"), ("timestamptz", "instant"), ("timestamp", "timestamp"), ("datetime", "timestamp"),
    ("date", "date"), ("time", "time"), ("numeric", "number"), ("decimal", "number"), ("bigint", "number"),
    ("integer", "number"), ("int", "number"), ("smallint", "number"), ("tinyint(1)", "boolean"), ("boolean", "boolean"),
    ("tinyint", "number"), ("hugeint", "number"), ("ubigint", "number"), ("double", "float"), ("real", "float"),
    ("uuid", "uuid"), ("bytea", "bytes"), ("blob", "bytes"), ("longblob", "bytes"), ("varbinary", "bytes"),
)  # fmt: skip
