"""What a kind of the corpus is, and seeded values for the kinds that have many."""

import random
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

SEED = "sensei corpus 1"
SEEDED = 4
"""Seeded values of each kind that has any, beside those that were written by hand."""


@dataclass(frozen=True)
class Kind:
    """One table `k_<name>` with a key `id` from 1 and a column `v`; a row for each value, and one for NULL.

    `values` are literals of the engine's own SQL. `family` says how to read what a client shows (see `meaning`);
    SQLite's kinds have none: there the target's type decides. `show`: what the client is asked for instead of `v`.
    """

    name: str
    declared: str
    values: tuple[str, ...]
    family: str = ""
    setup: tuple[str, ...] = ()
    show: str = ""
    nullable: bool = True

    @property
    def table(self) -> str:
        return f"k_{self.name}"

    @property
    def literals(self) -> tuple[str, ...]:
        return (*self.values, "NULL") if self.nullable else self.values


def draw(name: str) -> random.Random:
    """A generator of its own for each kind, so that a new kind changes no other's values."""
    return random.Random(f"{SEED} {name}")


def integers(low: int, high: int) -> tuple[str, ...]:
    """Both ends, what lies beside them and around zero, and seeded ones between."""
    chosen = draw(f"integer {low} {high}")
    edges = [low, low + 1, -1, 0, 1, high - 1, high]
    found = [*edges, *(chosen.randint(low, high) for _ in range(SEEDED))]
    return tuple(str(value) for value in dict.fromkeys(found) if low <= value <= high)


def decimals(precision: int, scale: int, *, signed: bool = True) -> tuple[str, ...]:
    """The largest, the smallest step, zeros at the end, and seeded ones."""
    chosen = draw(f"decimal {precision} {scale}")
    edges = [10**precision - 1, 1, 0, 10 ** (scale or 1) % 10**precision]
    found = [*edges, *(chosen.randrange(10**precision) for _ in range(SEEDED))]
    if signed:
        found += [-value for value in found if value]
    exact = (Decimal((value < 0, tuple(map(int, str(abs(value)))), -scale)) for value in found)
    return tuple(dict.fromkeys(f"{value:f}" for value in exact))


DOUBLES = (
    "0", "1.5", "-2.25", "0.1", "0.30000000000000004", "1e300", "5e-324", "2.2250738585072014e-308",
    "1.7976931348623157e308", "-1.7976931348623157e308", "9007199254740993", "123456789012345680",
)  # fmt: skip
SINGLES = ("0", "1.5", "0.1", "16777216", "3.4028234663852886e38", "-1.1754943508222875e-38", "1.401298464324817e-45")


def doubles() -> tuple[str, ...]:
    """Extremes and seeded bit patterns."""
    chosen = draw("double")
    return DOUBLES + tuple(repr(chosen.uniform(-1, 1) * 10.0 ** chosen.randint(-300, 300)) for _ in range(SEEDED))


def singles() -> tuple[str, ...]:
    """Extremes and seeded ones, each spelled as the double that it is."""
    chosen = draw("single")
    rounded = (struct.unpack("<f", struct.pack("<f", chosen.uniform(-1e30, 1e30)))[0] for _ in range(SEEDED))
    return SINGLES + tuple(repr(value) for value in rounded)


_ALPHABETS = ("abcXYZ 0189", "äöüßÉñ", "жЖщ", "漢字仮名", "עברית", "é\u0301ﬁÅ", "🙂👩‍👩‍👧", "\t\n\r'\"\\%_;--")
TEXTS = (
    "", " ", "NULL", "null", "0", "007", "1e2", "true", "trailing ", " leading", "it's", 'say "x"', "back\\slash",
    "\\N", "tab\there", "two\nlines", "cr\r\nlf", "Zo\u00eb", "Zoe\u0308", "\u212b", "\u00c5", "ﬁ", "fi", "\ufeffbom",
    "\u200b", "🙂", "\U0010ffff", "\x01\x1f\x7f", "2020-01-31", "a,b;c|d", "%s {} $1 ?", "x" * 300, "\u0130ıSS\u00df",
)  # fmt: skip


def texts() -> tuple[str, ...]:
    """Odd texts and seeded ones, not yet quoted."""
    chosen = draw("text")
    made = (
        "".join(chosen.choice(chosen.choice(_ALPHABETS)) for _ in range(chosen.randint(1, 40))) for _ in range(SEEDED)
    )
    return TEXTS + tuple(made)


def blobs() -> tuple[bytes, ...]:
    """Odd bytes and seeded ones."""
    chosen = draw("bytes")
    odd = (b"", b"\x00", b"\x00\x00", b"\xff", b"ASCII", b"it's \\ \"", b"\xc3\x28", bytes(range(256)), b"\r\n\t\x1a")
    return odd + tuple(chosen.randbytes(chosen.randint(1, 600)) for _ in range(SEEDED))


def quoted(values: Iterable[str], pattern: str = "{}") -> tuple[str, ...]:
    """SQL literals of texts: quotes doubled, nothing else changed. `pattern` stands around each."""
    return tuple(pattern.format("'" + value.replace("'", "''") + "'") for value in values)


UUIDS = ("00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff",
         "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "80000000-0000-0000-8000-000000000000")  # fmt: skip
JSONS = ('{}', '[]', 'null', '"x"', '1.0', '1e400', '{"a": 1, "b": [true, null, 1.10]}', '{"b":1,"a":1}',
         '{"a":1,"a":2}', '{"a" :  1}', '"\\u00e9"', '"é"', '12345678901234567890.1234567890', '[[[[]]]]')  # fmt: skip
