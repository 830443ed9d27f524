"""The assessment: what a source holds and what will be hard, before anything is decided."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal, TypeAlias

from appliance.conversion.survey import NUMBER_KINDS, ColumnSurvey
from kora.catalog import Catalog, Name, NotModelled, Table
from kora.comparison.unmodelled import lossy_objects

Severity: TypeAlias = Literal["note", "decision", "obstacle"]


@dataclass(frozen=True, slots=True)
class Hardship:
    """Something hard. `decision`: a person must approve it; `obstacle`: it cannot be carried."""

    severity: Severity
    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class TableSize:
    """One table's size. `rows` is counted where it was surveyed, else the engine's guess."""

    name: Name
    columns: int
    rows: int | None
    counted: bool
    size_bytes: int | None
    has_key: bool


@dataclass(frozen=True, slots=True)
class Assessment:
    """What is there, in counts, and what is hard, the hardest first."""

    engine: str
    version: str
    counts: Mapping[str, int]
    tables: tuple[TableSize, ...]
    hard: tuple[Hardship, ...]

    def to_json(self) -> dict[str, object]:
        """Plain dicts and lists."""
        return asdict(self)

    def summary(self) -> list[tuple[str, str]]:
        """Counts and sizes as a person reads them, those that are zero left out."""
        rows = sum(table.rows or 0 for table in self.tables)
        size = sum(table.size_bytes or 0 for table in self.tables)
        lines = [("engine", f"{self.engine} {self.version}")]
        lines += [(name, f"{count:,}") for name, count in self.counts.items() if count]
        lines.append(("rows", f"{rows:,}" if all(table.counted for table in self.tables) else f"about {rows:,}"))
        return [*lines, ("bytes", f"{size:,}")] if size else lines


_ORDER: tuple[Severity, ...] = ("obstacle", "decision", "note")


def assess(catalog: Catalog, surveys: Mapping[Name, Mapping[str, ColumnSurvey]]) -> Assessment:
    """Counts and hardships of a source. Tables without a survey are judged by their declarations alone."""
    counts = {
        "tables": len(catalog.tables),
        "columns": sum(len(table.columns) for table in catalog.tables),
        "views": len(catalog.views),
        "triggers": len(catalog.triggers),
        "routines": len(catalog.routines),
        "sequences": len(catalog.sequences),
        "enums": len(catalog.enums),
        "indexes": sum(len(table.indexes) for table in catalog.tables),
        "foreign keys": sum(len(table.foreign_keys) for table in catalog.tables),
        "checks": sum(len(table.checks) for table in catalog.tables),
    }
    hardships = _objects(catalog)
    for table in catalog.tables:
        hardships += _table(table)
        for name, survey in surveys.get(table.name, {}).items():
            hardships += _column(f"{table.name}.{name}", survey)
    hardships.sort(key=lambda item: (_ORDER.index(item.severity), item.subject))
    sizes = tuple(_size(table, surveys.get(table.name, {})) for table in catalog.tables)
    return Assessment(catalog.engine, catalog.version, counts, sizes, tuple(hardships))


def _size(table: Table, surveys: Mapping[str, ColumnSurvey]) -> TableSize:
    rows = max((survey.rows for survey in surveys.values()), default=None)
    return TableSize(
        table.name,
        len(table.columns),
        table.row_estimate if rows is None else rows,
        rows is not None,
        table.size_bytes,
        bool(table.stable_key),
    )


def _objects(catalog: Catalog) -> list[Hardship]:
    found = [Hardship("decision", f"trigger {item.name}", "triggers are not converted") for item in catalog.triggers]
    found += [
        Hardship("decision", f"{item.routine_kind} {item.name}", f"a routine in {item.language} is not converted")
        for item in catalog.routines
    ]
    lost = {id(item): reason for item, reason in lossy_objects(catalog)}
    return found + [_unmodelled(item, lost.get(id(item))) for item in catalog.not_modelled]


def _unmodelled(item: NotModelled, lost: str | None) -> Hardship:
    subject = f"{item.what} {item.name}"
    if item.hides:
        return Hardship("obstacle", subject, item.detail)
    if lost:
        return Hardship("decision", subject, lost)
    return Hardship("note", subject, f"not carried and not checked{': ' if item.detail else ''}{item.detail}")


def _table(table: Table) -> list[Hardship]:
    found = []
    if table.unreadable:
        found.append(Hardship("obstacle", str(table.name), f"cannot be read: {table.unreadable}"))
    if not table.stable_key:
        text = "has no key that is unique and never NULL: loaded in one piece, compared as a multiset"
        found.append(Hardship("note", str(table.name), text))
    for column in table.columns:
        if column.type.kind == "unsupported":
            text = f"its type {column.type.declared} cannot be decoded"
            found.append(Hardship("obstacle", f"{table.name}.{column.name}", text))
    return found


def _column(subject: str, survey: ColumnSurvey) -> list[Hardship]:
    found = []
    broken = survey.count("undecodable text")
    if broken:
        found.append(Hardship("decision", subject, f"{broken:,} texts are not valid in their character set"))
    if survey.zero_dates:
        found.append(Hardship("decision", subject, f"{survey.zero_dates:,} zero dates, which no calendar has"))
    if survey.with_nul:
        found.append(Hardship("decision", subject, f"{survey.with_nul:,} texts hold a NUL character"))
    numbers, texts = survey.count(*NUMBER_KINDS), survey.count("text")
    if numbers and texts:
        found.append(Hardship("note", subject, f"{texts:,} texts stand beside {numbers:,} numbers"))
    return found
