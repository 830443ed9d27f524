"""How MariaDB and MySQL hold logical types: exactly, or under a representation that reads back, or not at all.

`target_type` is what CREATE TABLE says, `wire_type` what the core's encoder checks each value against.
"""

from dataclasses import replace

from appliance.conversion.structures import text_note, text_rule
from appliance.conversion.survey import ColumnSurvey
from appliance.engines.base import Placement, refused
from appliance.engines.ddl import literal
from kora.catalog import Type
from kora.comparison.mapping import LossClass, Rule

KEY_BYTES = 3072
DECIMAL_DIGITS = 65
DECIMAL_SCALE = 30
LONGEST_VARCHAR = 16_383
"""Characters that a row of 65,535 bytes could hold at four bytes each."""
_CLOCK_DIGITS = 6
_INTEGERS = (
    ("tinyint", 8), ("smallint", 16), ("mediumint", 24), ("int", 32), ("bigint", 64),
)  # fmt: skip
_TEXT_BYTES = (("tinytext", 255), ("text", 65_535), ("mediumtext", (1 << 24) - 1))
_LONGEST_LABEL = 255
_GEOMETRIES = (
    "geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon",
    "geometrycollection",
)  # fmt: skip
_ZERO_DATE = "0000-00-00"
_SHARED_COLLATIONS = ("utf8mb4_general_ci", "utf8mb4_unicode_ci", "utf8mb4_unicode_520_ci", "utf8mb4_bin")


_PLAIN = {
    "boolean": Placement("tinyint(1)", "tinyint(1)", Rule(rule="bool01"), row_bytes=1),
    "uuid": Placement("uuid", "uuid", Rule(rule="uuid_text"), row_bytes=36),
    "json": Placement("json", "json", Rule(rule="json_text"), row_bytes=12),
    "date": Placement("date", "date", row_bytes=3),
}


def place(logical: Type, survey: ColumnSurvey) -> Placement:
    """How a logical type is held, given what the values are and whether a key stands on them."""
    if logical.kind in ("date", "timestamp", "instant") and survey.odd_moments and not _of_this_family(logical):
        rule = Rule(rule="moment_text", argument=logical.kind)
        return _as_text(rule, "infinities, years BC or of five digits: all as exact text")
    if logical.kind in _PLAIN:
        return _PLAIN[logical.kind]
    match logical.kind:
        case "integer":
            return _integer(logical)
        case "decimal":
            return _decimal(logical, survey)
        case "float":
            return _float(logical, survey)
        case "text":
            return _collated(logical, _text(logical, survey))
        case "bytes":
            return _bytes(logical, survey)
        case "enum":
            return _enum(logical)
        case "set":
            return _set(logical)
        case "bit":
            return _bit(logical)
        case "time" | "timestamp" | "instant":
            return _moment(logical)
        case _:
            return _other(logical)


def _of_this_family(moment: Type) -> bool:
    """Whether a moment comes from MariaDB or MySQL, whose calendar begins at 0000-00-00 and ends with 9999."""
    return _ZERO_DATE in moment.sentinels


def _other(logical: Type) -> Placement:
    """What MariaDB has no type for, as text that reads back; a geometry as itself where it comes from its like."""
    if logical.kind == "geometry" and logical.declared.lower() in _GEOMETRIES:
        return Placement(logical.declared.lower(), "geometry", row_bytes=12)
    rule = text_rule(logical)
    if rule is None:
        return refused(f"MariaDB has no type for {logical.declared or logical.kind}")
    return _as_text(rule, text_note(logical))


def _as_text(rule: Rule, note: str) -> Placement:
    return Placement("longtext", "longtext", rule, note=note, row_bytes=12)


def _float(logical: Type, survey: ColumnSurvey) -> Placement:
    """FLOAT or DOUBLE. What they have no bits for is quarantined, and declared beforehand."""
    name, size = ("float", 4) if logical.float_bits == 32 else ("double", 8)
    note = f"{survey.special:,} values are NaN, infinite or -0.0, which MariaDB lacks" if survey.special else ""
    return Placement(name, name, note=note, row_bytes=size, quarantined=survey.special)


def _same(name: str, row_bytes: int) -> Placement:
    return Placement(name, name, row_bytes=row_bytes)


def _integer(logical: Type) -> Placement:
    """The source's own bounds where a type has them, else the smallest signed type that holds them."""
    if logical.declared.lower().startswith("year"):
        return _same("year", 1)
    low = logical.minimum if logical.minimum is not None else -(2**63)
    high = logical.maximum if logical.maximum is not None else 2**63 - 1
    for name, bits in _INTEGERS:
        if (low, high) == (0, 2**bits - 1):
            return _same(f"{name} unsigned", bits // 8)
    for name, bits in _INTEGERS:
        if -(2 ** (bits - 1)) <= low and high <= 2 ** (bits - 1) - 1:
            shown = "tinyint(1)" if logical.declared.lower().startswith("tinyint(1)") else name
            return _same(shown, bits // 8)
    if low >= 0 and high < 2**64:
        return _same("bigint unsigned", 8)
    digits = max(len(str(abs(low))), len(str(abs(high))))
    if digits > DECIMAL_DIGITS:
        return _number_text(f"integers of {digits} digits")
    name = f"decimal({digits},0)"
    return Placement(name, name, loss_class="widened", note="integers beyond 64 bits", row_bytes=30)


def _decimal(logical: Type, survey: ColumnSurvey) -> Placement:
    """DECIMAL(p,s); without declared digits those of the survey; exact text where 65 digits do not hold it."""
    if survey.count("decimal infinity", "decimal nan"):
        return _number_text("NaN or infinity, which DECIMAL lacks", "special")
    if logical.precision is not None:
        scale = max(logical.scale or 0, 0)
        precision = max(logical.precision - min(logical.scale or 0, 0), scale, 1)
        if precision <= DECIMAL_DIGITS and scale <= DECIMAL_SCALE:
            return _same(f"decimal({precision},{scale})", 30)
        return _number_text(f"DECIMAL stops at {DECIMAL_DIGITS} digits, {DECIMAL_SCALE} of them behind the point")
    if not survey.values:
        name = f"decimal({DECIMAL_DIGITS},{DECIMAL_SCALE})"
        return Placement(name, name, note="no values and no declared digits", row_bytes=30)
    if survey.integer_digits + survey.fraction_digits > DECIMAL_DIGITS or survey.fraction_digits > DECIMAL_SCALE:
        return _number_text(f"DECIMAL stops at {DECIMAL_DIGITS} digits, {DECIMAL_SCALE} of them behind the point")
    name = f"decimal({DECIMAL_DIGITS},{survey.fraction_digits})"
    note = f"at most {survey.integer_digits}+{survey.fraction_digits} digits surveyed"
    return Placement(name, name, loss_class="narrowed_proven", note=note, row_bytes=30)


def _number_text(reason: str, argument: str | None = None) -> Placement:
    rule = Rule(rule="text_number", argument=argument)
    return Placement("longtext", "longtext", rule, "lossless", f"kept as its exact text: {reason}", row_bytes=12)


def _text(logical: Type, survey: ColumnSurvey) -> Placement:
    """VARCHAR(n) as declared where every value fits, or as long as a key may be; otherwise TEXT by the bytes."""
    length = logical.length if logical.length_unit != "bytes" else None
    if survey.keyed:
        return _keyed_text(length, survey)
    if logical.length_unit == "bytes" and logical.length:
        for name, most in _TEXT_BYTES:
            if survey.text_bytes <= logical.length <= most:
                return _same(name, 12)
    if not length or length > LONGEST_VARCHAR:
        return _same("longtext", 12)
    if survey.text_characters > length:
        note = f"declared for {length} characters, but holds up to {survey.text_characters}"
        return Placement("longtext", "longtext", loss_class="widened", note=note, row_bytes=12)
    if logical.fixed and length <= _LONGEST_LABEL:
        return _same(f"char({length})", 4 * length)
    name = f"varchar({length})"
    return Placement(name, name, row_bytes=4 * length + 2, off_row="longtext")


def _collated(logical: Type, placement: Placement) -> Placement:
    """With the column's own collation, where it comes from a server of the same family and every one has it."""
    if logical.charset != "utf8mb4" or logical.collation not in _SHARED_COLLATIONS:
        return placement
    return replace(placement, target_type=f"{placement.target_type} collate {logical.collation}")


def _keyed_text(length: int | None, survey: ColumnSurvey) -> Placement:
    """A key holds 3,072 bytes in all, and only of columns that stand in the row."""
    most = KEY_BYTES // survey.keyed // 4
    wanted = most if not length else min(length, most)
    if survey.text_characters > wanted:
        note = f"values of up to {survey.text_characters} characters, of which a key holds {wanted}"
        return Placement("longtext", "longtext", note=note, row_bytes=12)
    name = f"varchar({wanted})"
    if wanted == length:
        return _same(name, 4 * wanted + 2)
    note = f"stands in a key, which holds {wanted} characters of it; the longest value has {survey.text_characters}"
    return Placement(name, name, loss_class="narrowed_proven", note=note, row_bytes=4 * wanted + 2)


def _bytes(logical: Type, survey: ColumnSurvey) -> Placement:
    if logical.fixed and logical.length and logical.length <= _LONGEST_LABEL:
        return _same(f"binary({logical.length})", logical.length)
    if survey.keyed:
        most = KEY_BYTES // survey.keyed
        wanted = min(logical.length or most, most)
        loss: LossClass = "lossless" if wanted == logical.length else "narrowed_proven"
        return Placement(
            f"varbinary({wanted})", f"varbinary({wanted})", loss_class=loss,
            note="stands in a key", row_bytes=wanted + 2,
        )  # fmt: skip
    if logical.length and logical.length <= LONGEST_VARCHAR:
        name = f"varbinary({logical.length})"
        return Placement(name, name, row_bytes=logical.length + 2, off_row="longblob")
    return _same("longblob", 12)


def _enum(logical: Type) -> Placement:
    """ENUM; labels that it would cut or trim make it text."""
    if any(label.endswith(" ") or len(label) > _LONGEST_LABEL for label in logical.labels) or not logical.labels:
        longest = max((len(label) for label in logical.labels), default=_LONGEST_LABEL)
        name = f"varchar({max(longest, 1)})" if longest <= _LONGEST_LABEL else "longtext"
        note = "a label ends in a blank or is too long for ENUM"
        return Placement(name, name, Rule(rule="enum_label"), note=note, row_bytes=4 * _LONGEST_LABEL)
    wire = f"enum({','.join(literal(label) for label in logical.labels)})"
    return Placement(wire.replace("\\", "\\\\"), wire, row_bytes=2)


def _set(logical: Type) -> Placement:
    """SET where its labels are known and stand in one as they are; any other as JSON text."""
    plain = logical.labels and all(not label.endswith(" ") and "," not in label for label in logical.labels)
    if not plain:
        return _other(logical)
    wire = f"set({','.join(literal(label) for label in logical.labels)})"
    return Placement(wire.replace("\\", "\\\\"), wire, row_bytes=8)


def _bit(logical: Type) -> Placement:
    if logical.fixed and logical.length and logical.length <= 64:
        return _same(f"bit({logical.length})", 8)
    return _other(logical)


def _moment(logical: Type) -> Placement:
    """Clocks with at most microseconds. An instant becomes a DATETIME that shows UTC: TIMESTAMP ends in 2038."""
    digits = _CLOCK_DIGITS if logical.fraction_digits is None else logical.fraction_digits
    if digits > _CLOCK_DIGITS:
        formats = {"time": "%H:%M:%S%.f", "timestamp": "%Y-%m-%d %H:%M:%S%.f", "instant": "%Y-%m-%d %H:%M:%S%.fZ"}
        rule = Rule(rule="text_date", argument=formats[logical.kind])
        note = "nanoseconds, which MariaDB's clock lacks, are kept as text"
        return Placement("varchar(40)", "varchar(40)", rule, note=note, row_bytes=162)
    suffix = f"({digits})" if digits else ""
    if logical.kind == "time":
        return _same(f"time{suffix}", 6)
    if logical.kind == "timestamp":
        return _same(f"datetime{suffix}", 8)
    if logical.declared.lower() == "timestamp" or logical.declared.lower().startswith("timestamp("):
        return _same(f"timestamp{suffix}", 7)
    name = f"datetime{suffix}"
    return Placement(name, name, Rule(rule="utc_clock"), note="kept in UTC, as TIMESTAMP ends in 2038", row_bytes=8)
