"""Types of one's own: how a column is declared where source and target are of one engine.

An engine's ordinary placement asks what its type must hold; between equals the answer is the same type, also where it
is one that nobody else has. Types that CREATE TYPE made are `appliance.planning.named_types`'.
"""

from collections.abc import Mapping
from dataclasses import replace

from appliance.conversion.survey import ColumnSurvey
from appliance.engines.base import Placement
from kora.catalog import Type

_CLOCK_DIGITS = 6
_ONLY_POSTGRESQL = frozenset({"oid", "xid", "cid", "xid8", "pg_lsn", "name", "jsonpath", "polygon", "path"})
_VECTORS = frozenset({"int2vector", "oidvector"})
"""Arrays with a type of their own, which begin at 0."""
_CLOCKS = frozenset({"time", "timetz", "timestamp", "instant"})
_TEXT_BYTES = {"tinytext": 255, "text": 65_535, "mediumtext": (1 << 24) - 1}
_BLOBS = frozenset({"tinyblob", "blob", "mediumblob"})
_VECTOR_ROW_BYTES = 12
"""What a vector takes of the row: it stands beside it, as BLOBs do."""
_ADDRESSES = frozenset({"inet4", "inet6"})
"""MariaDB's; text on MySQL, which the representation reads as well."""


NEWER = ("inet4", "vector")
"""Types that only newer versions of an engine have: a rehearsal tries them before any table that needs them."""


def place_own(
    engine: str, logical: Type, survey: ColumnSurvey, placement: Placement, refused: Mapping[str, str]
) -> Placement:
    """The placement of a type that comes from the same engine; the ordinary one where that says the same already.

    `refused`: what the target refused, by the object's words (`type vector`), with its reasons.
    """
    match engine:
        case "postgresql":
            return _postgresql(logical) or placement
        case "mariadb":
            found = _mariadb(logical, survey, placement)
            return placement if f"type {type_name(found.target_type)}" in refused else found
        case _:
            return placement


def type_name(target_type: str) -> str:
    """A type without its modifier."""
    return target_type.partition("(")[0]


def _postgresql(logical: Type) -> Placement | None:
    """With the type's own name or modifier; None where PostgreSQL's ordinary placement is that type."""
    wire = logical.wire
    if logical.kind == "opaque" or wire in _ONLY_POSTGRESQL:
        return Placement(logical.declared, wire)
    if logical.declared in _VECTORS:
        return Placement(logical.declared, logical.declared)
    if logical.kind == "interval":
        return Placement(logical.declared, f"{wire}({_digits(logical)})")
    if logical.kind in _CLOCKS and _digits(logical) < _CLOCK_DIGITS:
        return Placement(logical.declared, f"{wire}({_digits(logical)})")
    if logical.kind == "bit" and logical.length:
        return Placement(logical.declared, f"{wire}({logical.length})")
    if wire == "bpchar" and not logical.length:
        return Placement(logical.declared, wire)
    if logical.kind in ("list", "array") and _postgresql(logical.elements[0]):
        return Placement(logical.declared, wire)
    return None


def _digits(logical: Type) -> int:
    return _CLOCK_DIGITS if logical.fraction_digits is None else logical.fraction_digits


def _is_own_number(kind: str, declared: str) -> bool:
    """Whether a number's declaration says more than its bounds or digits do; of integers those say UNSIGNED already."""
    if kind == "integer":
        return "zerofill" in declared
    return "unsigned" in declared or (kind == "float" and "(" in declared)


def _mariadb(logical: Type, survey: ColumnSurvey, placement: Placement) -> Placement:
    """Sizes of TEXT and BLOB, UNSIGNED and ZEROFILL, digits of FLOAT, addresses."""
    declared = logical.declared.lower()
    if logical.wire == "vector" and logical.length:
        return Placement(declared, declared, row_bytes=_VECTOR_ROW_BYTES)
    if declared in _ADDRESSES:
        return replace(placement, target_type=declared, wire_type=declared, note="")
    if logical.kind in ("integer", "decimal", "float") and placement.representation is None:
        return replace(placement, target_type=declared) if _is_own_number(logical.kind, declared) else placement
    if survey.keyed:
        return placement
    if declared in _BLOBS:
        return replace(placement, target_type=declared, wire_type=declared)
    if declared in _TEXT_BYTES and survey.text_bytes <= _TEXT_BYTES[declared]:
        # What stands behind is the column's own collation.
        told = placement.target_type.removeprefix(placement.wire_type)
        return replace(placement, target_type=f"{declared}{told}", wire_type=declared)
    return placement
