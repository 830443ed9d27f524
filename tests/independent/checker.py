"""A second implementation of what a certificate's roots rest on, written from docs/formats alone.

It imports nothing of KORA's, and no package but `blake3`, whose function any library computes. Kinds: NULL, numbers,
floats, text, bytes, dates. Rules: `real_decimal`, `text_date(%Y-%m-%d)`, `text_number`, `empty_is_null`, `rtrim_char`.
What it does not know it refuses: then it says nothing.
"""

import base64
import hashlib
import json
import math
import re
import struct
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias

import blake3

Value: TypeAlias = None | int | Decimal | float | str | bytes | date
Profile: TypeAlias = dict[str, Any]
_NOTHING = object()


# ---- kcf.md: cells and rows ----


def varint(number: int) -> bytes:
    """Seven bits a byte, least significant first; the high bit says that more follow."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def signed(number: int) -> bytes:
    """0, −1, 1, −2 … as 0, 1, 2, 3 …"""
    return varint(2 * number if number >= 0 else -2 * number - 1)


def cell(value: Value) -> bytes:
    """`tag · length · payload`; NULL is its tag alone."""
    match value:
        case None:
            return b"\x00"
        case int() | Decimal():
            tag, payload = 0x01, _number(Decimal(value))
        case float():
            tag, payload = 0x06, bytes.fromhex("7ff8000000000000") if math.isnan(value) else struct.pack(">d", value)
        case str():
            tag, payload = 0x07, value.encode()
        case bytes():
            tag, payload = 0x09, value
        case date():
            tag, payload = 0x10, signed((value - date(1970, 1, 1)).days)
    return bytes([tag]) + varint(len(payload)) + payload


def _number(value: Decimal) -> bytes:
    minus, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    coefficient = int("".join(map(str, digits)) or "0")
    scale = -exponent
    while scale < 0:
        coefficient, scale = coefficient * 10, scale + 1
    while scale > 0 and coefficient % 10 == 0:
        coefficient, scale = coefficient // 10, scale - 1
    if coefficient == 0:
        return b"\x00\x00"
    magnitude = coefficient.to_bytes((coefficient.bit_length() + 7) // 8, "big")
    return varint(scale) + bytes([minus]) + magnitude


def canonical_row(cells: Iterable[bytes]) -> bytes:
    """Its length, then its cells."""
    body = b"".join(cells)
    return struct.pack("<I", len(body)) + body


# ---- kcf.md: representations, policies and their order ----


def _real_decimal(value: Value) -> object:
    if isinstance(value, float) and math.isfinite(value) and not (value == 0 and math.copysign(1, value) < 0):
        return Decimal(repr(value))
    return value if isinstance(value, int | Decimal) else _NOTHING


def _text_date(value: Value) -> object:
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.ASCII):
        try:
            return date.fromisoformat(value)
        except ValueError:
            return _NOTHING
    return value if isinstance(value, date) else _NOTHING


def _text_number(value: Value) -> object:
    if isinstance(value, str) and value != "-0" and re.fullmatch(r"-?(0|[1-9]\d*)(\.\d*[1-9])?", value, re.ASCII):
        return Decimal(value)
    return value if isinstance(value, int | Decimal) else _NOTHING


_READINGS: dict[tuple[str, str | None], Callable[[Value], object]] = {
    ("real_decimal", None): _real_decimal,
    ("text_date", "%Y-%m-%d"): _text_date,
    ("text_number", None): _text_number,
}
_POLICIES: dict[str, Callable[[Value], Value]] = {
    "empty_is_null": lambda value: None if value == "" else value,
    "rtrim_char": lambda value: value.rstrip(" ") if isinstance(value, str) else value,
}


def read(value: Value, column: dict[str, Any], side: str) -> Value:
    """A stored value under its column's rules, in the order that kcf.md gives."""
    if value is None:
        return None
    rule = column.get(side)
    reading = _READINGS[rule["rule"], rule.get("argument")] if rule else None
    found = reading(value) if reading else _NOTHING
    stored = value if found is _NOTHING else found
    shaped = _under_policies(stored, column)  # type: ignore[arg-type]
    if reading and found is _NOTHING and shaped is not None and shaped != stored:
        again = reading(shaped)
        if again is not _NOTHING:
            return _under_policies(again, column)  # type: ignore[arg-type]
    return shaped


def _under_policies(value: Value, column: dict[str, Any]) -> Value:
    for policy in column["policies"]:
        value = _POLICIES[policy["rule"]](value) if value is not None else None
    return value


# ---- digests.md and row-proof.md ----


def canonical_profile(profile: Profile) -> bytes:
    """Keys sorted, no spaces."""
    return json.dumps(profile, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def derive(key: bytes, label: str, profile: Profile | None) -> bytes:
    """BLAKE3 keyed by K over the label, a zero byte and the profile's digest (nothing for an empty context)."""
    context = blake3.blake3(canonical_profile(profile)).digest() if profile else b""
    return keyed(key, label.encode() + b"\x00" + context)


def keyed(key: bytes, data: bytes) -> bytes:
    """BLAKE3's keyed mode."""
    return blake3.blake3(data, key=key).digest()


def padded(data: bytes) -> bytes:
    """Zeros up to whole 64-byte blocks."""
    return data + bytes(-len(data) % 64)


def key_id(key: bytes) -> str:
    """What a file calls the migration's key."""
    return derive(key, "kora-1 name", None)[:16].hex()


@dataclass(frozen=True)
class Table:
    """A table's rows under a profile: the key's cells, and the canonical row, per row."""

    profile: Profile
    rows: list[tuple[bytes, bytes]]

    def root(self, key: bytes) -> str:
        """The set's root under the migration's key."""
        row_key = derive(key, "kora-1 row", self.profile)
        counted = Counter(keyed(row_key, padded(row)) for _, row in self.rows)
        parts = [digest + struct.pack("<Q", count) for digest, count in sorted(counted.items())]
        body = b"".join(parts) + struct.pack("<Q", len(self.rows))
        return keyed(derive(key, "kora-1 set root", self.profile), body).hex()

    def tree(self, key: bytes, *, by_key: bool) -> dict[str, object]:
        """The row tree that a certificate of `--provable` holds: size, root, and the proof key's commitment."""
        proof_key, leaf_key = (derive(key, f"kora-1 proof {name}", self.profile) for name in ("key", "leaf"))
        leaves: Counter[bytes] = Counter()
        for cells, row in self.rows:
            digest = keyed(proof_key, padded(cells if by_key else row))
            leaves[digest + keyed(keyed(leaf_key, digest), row)] += 1
        ordered = [leaf + struct.pack(">Q", count) for leaf, count in sorted(leaves.items())]
        commitment = hashlib.sha256(b"kora-1 proof key commitment\x00" + proof_key).hexdigest()
        return {"size": len(ordered), "root": rfc6962(ordered).hex(), "key_commitment": commitment}


def rfc6962(leaves: Sequence[bytes]) -> bytes:
    """Merkle tree hash, RFC 6962 section 2.1."""
    if len(leaves) <= 1:
        return hashlib.sha256(b"\x00" + leaves[0] if leaves else b"").digest()
    half = 1 << ((len(leaves) - 1).bit_length() - 1)
    return hashlib.sha256(b"\x01" + rfc6962(leaves[:half]) + rfc6962(leaves[half:])).digest()


def table(profile: Profile, side: str, rows: Iterable[Sequence[Value]]) -> Table:
    """Rows, whose values stand in the order of the profile's columns, under it."""
    if profile["format"] != "kora-profile-1":
        raise ValueError("another format")
    made = []
    for row in rows:
        cells = [cell(read(value, column, side)) for value, column in zip(row, profile["columns"], strict=True)]
        made.append((b"".join(cells[position] for position in profile["key"]), canonical_row(cells)))
    return Table(profile, made)


# ---- certificate.md and kfp.md ----


def migration_key(path: Path) -> bytes:
    """`sensei-migration-key-1 BASE64` on one line."""
    header, _, text = path.read_text().strip().partition(" ")
    if header != "sensei-migration-key-1":
        raise ValueError("no migration key")
    return base64.b64decode(text, validate=True)


def payload(line: bytes) -> Any:
    """What an envelope signs. Its signature is for `kora-check`, or any DSSE library."""
    return json.loads(base64.b64decode(json.loads(line)["payload"], validate=True))


@dataclass(frozen=True)
class Evidence:
    """A certificate, and the profiles that lie beside it and are those that it was signed over."""

    predicate: dict[str, Any]
    profiles: dict[str, Profile]

    @classmethod
    def of(cls, folder: Path) -> "Evidence":
        """From `certificate.json` and `profiles.json`."""
        statement = payload((folder / "certificate.json").read_bytes())
        data = (folder / "profiles.json").read_bytes()
        (subject,) = (item for item in statement["subject"] if item["name"] == "profiles.json")
        if hashlib.sha256(data).hexdigest() != subject["digest"]["sha256"]:
            raise ValueError("other profiles than those that were certified")
        profiles = {pair: json.loads(text) for pair, text in json.loads(data)["profiles"].items()}
        return cls(statement["predicate"], profiles)

    def certified(self, source: str) -> dict[str, Any]:
        """What the certificate says of a table."""
        (found,) = (entry for entry in self.predicate["tables"] if entry["source"] == source)
        return dict(found)
