"""Canonical JSON: one value has exactly one spelling, so a signature over the bytes is a signature over the value.

Keys sorted by code point, no white space, UTF-8 without needless escapes, one newline at the end, whole numbers only
(times are in milliseconds). Reading is strict: what does not serialise back to the very same bytes is refused.
"""

import base64
import binascii
import json
from collections.abc import Iterable
from typing import NoReturn, TypeAlias

from kora.errors import LimitExceeded, MalformedInput, NotAuthentic

JsonValue: TypeAlias = bool | int | str | list["JsonValue"] | dict[str, "JsonValue"] | None

FILE_SIZE_LIMIT_BYTES = 64 << 20
_INTEGER_DIGITS_LIMIT = 19
_LEVELS_LIMIT = 64


def canonical_bytes(value: object) -> bytes:
    """The one spelling of a value. Raises `TypeError` for floats and whatever else JSON here does not hold.

    A lone surrogate (a file name that is not UTF-8) is written as its escape, so that it survives the round trip.
    """
    _refuse_floats(value)
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8", "backslashreplace") + b"\n"


def parse_canonical(data: bytes, what: str) -> JsonValue:
    """Read canonical bytes; `what` names the file in messages.

    Raises:
        MalformedInput: Not JSON as specified here.
        NotAuthentic: JSON, but not in its canonical spelling.
        LimitExceeded: More than `FILE_SIZE_LIMIT_BYTES`.
    """
    value = parse_json(data, what)
    if canonical_bytes(value) != data:
        raise NotAuthentic(
            f"{what} is not in its canonical form: something rewrote it after it was signed",
            hint="ask for the original file; for envelopes made by other tools use --lenient",
        )
    return value


def parse_json(data: bytes, what: str) -> JsonValue:
    """Read JSON in any spelling, but without duplicate keys, floats, NaN, huge integers, or more than 64 levels."""
    if len(data) > FILE_SIZE_LIMIT_BYTES:
        raise LimitExceeded(f"{what} has {len(data):,} bytes; the limit is {FILE_SIZE_LIMIT_BYTES:,}")
    try:
        value: JsonValue = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=_no_float,
            parse_constant=_no_float,
        )
        _refuse_depth(value)
    except (ValueError, RecursionError) as error:
        raise MalformedInput(
            f"{what} is not a file that KORA wrote: {error}", hint="name the certificate or fingerprint file itself"
        ) from error
    return value


def encode_base64(data: bytes) -> str:
    """Standard alphabet, padded."""
    return base64.b64encode(data).decode("ascii")


def decode_base64(text: str, what: str) -> bytes:
    """Decode strictly: standard alphabet, padding, zero tail bits.

    Raises:
        NotAuthentic: Another spelling, or not base64 at all.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise NotAuthentic(f"{what} is not base64") from error
    if encode_base64(data) != text:
        raise NotAuthentic(f"{what} is not in canonical base64: its tail bits or padding were altered")
    return data


def decode_base64_leniently(text: str, what: str) -> bytes:
    """Decode the standard or the URL-safe alphabet, padded or not, as the DSSE specification asks of readers."""
    plain = text.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise NotAuthentic(f"{what} is not base64") from error


def _object(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("an object names one key twice")
    return value


def _refuse_depth(value: JsonValue) -> None:
    """Level by level, so that no depth is too much for this one. Raises `ValueError`."""
    level: list[JsonValue] = [value]
    for _ in range(_LEVELS_LIMIT + 1):
        level = [item for held in level if isinstance(held, dict | list) for item in _items(held)]
        if not level:
            return
    raise ValueError(f"it is nested in more than {_LEVELS_LIMIT} levels")


def _items(held: dict[str, JsonValue] | list[JsonValue]) -> Iterable[JsonValue]:
    return held.values() if isinstance(held, dict) else held


def _integer(digits: str) -> int:
    if len(digits) > _INTEGER_DIGITS_LIMIT:
        raise ValueError("a number has too many digits")
    return int(digits)


def _no_float(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a whole number")


def _refuse_floats(value: object) -> None:
    if isinstance(value, float):
        raise TypeError("canonical JSON holds whole numbers only")
    if isinstance(value, dict):
        for item in value.values():
            _refuse_floats(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _refuse_floats(item)
