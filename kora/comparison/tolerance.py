"""Floats that may differ a little: a second pass over rows that differ, with the real values. Never part of a digest.

`float_tolerance(ulps,N)`: at most N doubles apart. `float_tolerance(relative,R)`: apart by at most R times the greater
magnitude. A row whose every differing cell is within its column's tolerance is no difference any more; each such cell
is counted as a loss of its column, which a person must approve. Digests, roots and fingerprints know nothing of it.
"""

import math
import struct
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

from kora import _core
from kora.catalog import Catalog, Name, Type
from kora.comparison.findings import Located
from kora.comparison.mapping import FLOAT_TOLERANCE, SECOND_PASS, ColumnMapping, Loss, Rule, TableMapping
from kora.comparison.mapping import Mapping as TableMappings
from kora.errors import InvalidRequest

ROWS_LOOKED_AT = 100_000
"""Of a table with a tolerance: rows beyond that differ are not looked at, and stay differences."""
_MOST_ULPS = 1 << 40


@dataclass(frozen=True, slots=True)
class Tolerance:
    """One column's: exactly one of both bounds is set. `argument` is how it was written."""

    argument: str
    ulps: int | None = None
    relative: float | None = None

    def covers(self, source: float, target: float) -> bool:
        """Whether two doubles are near enough. NaN is near nothing, infinity only itself."""
        if not (math.isfinite(source) and math.isfinite(target)):
            return False
        if self.ulps is not None:
            return abs(_place(source) - _place(target)) <= self.ulps
        bound = self.relative or 0.0
        return abs(source - target) <= bound * max(abs(source), abs(target))


def tolerances(mapping: TableMapping) -> dict[int, Tolerance]:
    """Column position → tolerance.

    Raises:
        InvalidRequest: An argument that is none, or a tolerance on a key: rows are paired by exact keys.
    """
    found = {}
    for position, column in enumerate(mapping.columns):
        for rule in column.policies:
            if rule.rule not in SECOND_PASS:
                continue
            if column.source in mapping.key:
                raise InvalidRequest(
                    f"{mapping.source}.{column.source} is part of the key, and {rule} stands on it",
                    hint="take the tolerance away: rows are paired by exact keys",
                )
            found[position] = parse_tolerance(rule)
    return found


def with_tolerances(mapping: TableMappings, asked: Mapping[str, str]) -> TableMappings:
    """The mapping with tolerances that somebody asks for beside it.

    Args:
        mapping: The pairs that are compared.
        asked: `table.column` of the source, as the ledger writes it → `ulps,N` or `relative,R`. It takes the place of
            the tolerance that the mapping has for the column.

    Raises:
        InvalidRequest: No such column is compared, or an argument is no tolerance.
    """
    rules = {subject: Rule(rule=FLOAT_TOLERANCE, argument=argument) for subject, argument in asked.items()}
    for rule in rules.values():
        parse_tolerance(rule)
    known = {f"{pair.source}.{column.source}" for pair in mapping.tables for column in pair.columns}
    for subject in rules:
        if subject not in known:
            raise InvalidRequest(
                f"a tolerance was asked for {subject}, and no such column is compared",
                hint="write it as SCHEMA.TABLE.COLUMN of the source (TABLE.COLUMN in SQLite and CSV)",
            )
    tables = []
    for pair in mapping.tables:
        columns = tuple(_asked(column, rules.get(f"{pair.source}.{column.source}")) for column in pair.columns)
        tables.append(pair.model_copy(update={"columns": columns}))
    return TableMappings(tables=tuple(tables))


def refuse_without_floats(mapping: TableMappings, asked: Mapping[str, str], sides: tuple[Catalog, Catalog]) -> None:
    """Makes sure that a tolerance is asked for columns in which floats can stand, on both sides.

    SQLite keeps floats in columns of nearly every declared type: there, only a column of texts has none.

    Raises:
        InvalidRequest: A column that holds none: the tolerance could forgive nothing, and would seem to.
    """
    for pair in mapping.tables:
        for column in pair.columns:
            if f"{pair.source}.{column.source}" not in asked:
                continue
            for catalog, table, name in (
                (sides[0], pair.source, column.source), (sides[1], pair.target, column.target),
            ):  # fmt: skip
                declared = _type_of(catalog, table, name)
                if declared is not None and not _may_be_float(declared, catalog.engine):
                    raise InvalidRequest(
                        f"a tolerance was asked for {pair.source}.{column.source}, and {table}.{name} holds no floats"
                        f" but {declared.declared or declared.kind}",
                        hint="a tolerance is for floats on both sides; take it away",
                    )


def _type_of(catalog: Catalog, table: Name, column: str) -> Type | None:
    found = next((item for item in catalog.tables if item.name == table), None)
    return next((item.type for item in found.columns if item.name == column), None) if found else None


def _may_be_float(declared: Type, engine: str) -> bool:
    return declared.kind != "text" if engine == "sqlite" else declared.kind in ("float", "dynamic")


def _asked(column: ColumnMapping, rule: Rule | None) -> ColumnMapping:
    """The column with this tolerance alone, where one was asked for."""
    if rule is None:
        return column
    others = tuple(other for other in column.policies if other.rule not in SECOND_PASS)
    return column.model_copy(update={"policies": (*others, rule)})


def forgive(
    mapping: TableMapping, allowed: Mapping[int, Tolerance], located: Located
) -> tuple[Located, tuple[Loss, ...]]:
    """What still differs once the tolerances were applied, and what they forgave, per column."""
    counted: Counter[int] = Counter()
    kept = []
    for source, target in located.differing:
        near = _near(source, target, allowed) if source and target else None
        if near is None:
            kept.append((source, target))
        else:
            counted.update(near)
    forgiven = len(located.differing) - len(kept)
    losses = tuple(
        Loss(
            rule=FLOAT_TOLERANCE,
            subject=f"{mapping.source}.{mapping.columns[position].source}",
            count=count,
            reason=f"floats differ within {allowed[position].argument}",
        )
        for position, count in sorted(counted.items())
    )
    return replace(located, mismatch=located.mismatch - forgiven, differing=tuple(kept)), losses


def _near(source: _core.Row, target: _core.Row, allowed: Mapping[int, Tolerance]) -> list[int] | None:
    """Positions of the cells that differ, if every one of them is near enough; else None."""
    near = []
    for position, (left, right) in enumerate(zip(source.cells, target.cells, strict=True)):
        if left == right:
            continue
        tolerance = allowed.get(position)
        values = _float(left), _float(right)
        if tolerance is None or values[0] is None or values[1] is None or not tolerance.covers(values[0], values[1]):
            return None
        near.append(position)
    return near


def _float(cell: bytes) -> float | None:
    ((kind, text),) = _core.decode_cells(cell)
    return float(text) if kind == "float" and text is not None else None


def _place(value: float) -> int:
    """A double's place among all doubles, in their order; both zeros are at 0."""
    (bits,) = struct.unpack("<q", struct.pack("<d", value))
    return int(bits) if bits >= 0 else -(int(bits) & 0x7FFF_FFFF_FFFF_FFFF)


def parse_tolerance(rule: Rule) -> Tolerance:
    """What a rule's argument says. Raises `InvalidRequest` where it is no tolerance."""
    unit, _, text = (rule.argument or "").partition(",")
    try:
        if unit == "ulps" and 0 < int(text) <= _MOST_ULPS:
            return Tolerance(rule.argument or "", ulps=int(text))
        if unit == "relative" and 0 < float(text) < 1:
            return Tolerance(rule.argument or "", relative=float(text))
    except ValueError:
        pass
    raise InvalidRequest(
        f"{rule} is no tolerance", hint="write float_tolerance(ulps,4) or float_tolerance(relative,1e-9)"
    )
