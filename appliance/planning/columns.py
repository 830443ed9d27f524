"""Column decisions: type, representation, default, identity and generation of each column of one table."""

from dataclasses import dataclass, field, replace

from appliance.conversion.defaults import sequence_of_default, translate_default
from appliance.conversion.division import Numbers
from appliance.conversion.dynamic import MIXED_WITH_BYTES
from appliance.conversion.expressions import NotTranslated, Scope, translate_expression
from appliance.conversion.reading import Reading
from appliance.conversion.structures import is_kept_as_text
from appliance.conversion.survey import ColumnSurvey
from appliance.conversion.types import read_column
from appliance.engines.base import Placement, TargetEngine
from appliance.engines.own_types import place_own
from appliance.planning.decisions import Decisions
from appliance.planning.enumerations import Enumerations
from appliance.planning.model import ColumnPlan, GeneratedPlan, IdentityPlan, SequencePlan
from appliance.planning.named_types import NamedTypes
from appliance.planning.names import TargetNames
from kora.catalog import Catalog, Column, Name, Sequence, Table, Type
from kora.comparison.mapping import Loss, LossClass
from kora.comparison.structure import inner_domains

BY_BYTES = ("_nopad_bin", "_0900_bin")
"""How collations end under which texts are equal byte by byte alone."""
_LAST_BIGINT = 2**63 - 1
_LOSS_ORDER: tuple[LossClass, ...] = ("lossless", "widened", "narrowed_proven", "lossy_approved", "refused")


@dataclass(frozen=True, slots=True)
class Context:
    """What every decision of one plan shares."""

    catalog: Catalog
    engine: TargetEngine
    names: TargetNames
    decisions: Decisions
    sequences: list[SequencePlan]
    enumerations: Enumerations
    types: NamedTypes
    numbers: list[Numbers] = field(default_factory=list)
    """Of each table so far: what its columns hold."""

    @property
    def at_home(self) -> bool:
        """Whether both sides are of one engine, so that what only this engine has can stay as it is."""
        return self.catalog.engine == self.engine.name


@dataclass(frozen=True, slots=True)
class PlannedColumns:
    """A table's columns; `left_out` says why a source column has none on the target."""

    columns: tuple[ColumnPlan, ...]
    left_out: dict[str, str]
    scope: Scope


def plan_columns(context: Context, table: Table, surveys: dict[str, ColumnSurvey]) -> PlannedColumns:
    """Decides every column of a table."""
    names = context.names.columns[table.name]
    placed: list[tuple[Column, Reading, Placement]] = []
    left_out: dict[str, str] = {}
    keyed = _keyed(table)
    for column in (_through_domain(context, column) for column in table.columns):
        survey = replace(surveys.get(column.name, ColumnSurvey()), keyed=keyed.get(column.name, 0))
        reading = read_column(context.catalog.engine, column, survey, at_home=context.at_home)
        placement = _countable(context, table, column, survey, _place(context, table, column, reading, survey))
        if placement.refused:
            left_out[column.name] = placement.refused
            context.decisions.refuse("column", f"{table.name}.{column.name}", placement.refused, column.type.declared)
        else:
            placed.append((column, reading, placement))
    placed = _fit_row(context, placed)
    booleans = frozenset(column.name for column, reading, _ in placed if _became_boolean(column.type, reading.type))
    opaque = frozenset(
        column.name.lower()
        for column, reading, placement in placed
        if is_kept_as_text(reading.target_representation or placement.representation)
    )
    texts = frozenset(column.name.lower() for column, _, _ in placed if column.type.kind == "text")
    kept = {name: names[name] for name in names if name not in left_out}
    numbers = _numbers(context, placed)
    context.numbers.append(numbers)
    scope = Scope(columns=kept, booleans=booleans, opaque=opaque, texts=texts, numbers=numbers)
    columns = tuple(
        _column(context, table, column, (reading, placement, surveys.get(column.name, ColumnSurvey())), scope)
        for column, reading, placement in placed
    )
    return PlannedColumns(columns, left_out, scope)


def _numbers(context: Context, placed: list[tuple[Column, Reading, Placement]]) -> Numbers:
    """Which columns hold whole numbers. A decimal of SQLite's may be stored as one, and then divides as one."""
    fractions = ("float",) if context.catalog.engine == "sqlite" else ("float", "decimal")
    kinds = {column.name.lower(): reading.type.kind for column, reading, _ in placed}
    return Numbers(
        frozenset(name for name, kind in kinds.items() if kind == "integer"),
        frozenset(name for name, kind in kinds.items() if kind in fractions),
        frozenset(name for name, kind in kinds.items() if kind != "integer" and kind not in fractions),
    )


def _became_boolean(source: Type, read: Type) -> bool:
    """Whether 0 and 1 became false and true: SQLite's BOOLEAN is a number too, as long as it stays in SQLite."""
    return read.kind == "boolean" and not read.dynamic and (source.dynamic or source.kind != "boolean")


def _keyed(table: Table) -> dict[str, int]:
    """Per column the number of columns in the widest key or reference that it stands in."""
    keys = [key.columns for key in ([table.primary_key] if table.primary_key else []) + list(table.unique_keys)]
    keys += [key.columns for key in table.foreign_keys]
    keys += [tuple(part.column or "" for part in index.parts) for index in table.indexes if index.unique]
    widest: dict[str, int] = {}
    for columns in keys:
        for name in columns:
            widest[name] = max(widest.get(name, 0), len(columns))
    return widest


def _fit_row(
    context: Context, placed: list[tuple[Column, Reading, Placement]]
) -> list[tuple[Column, Reading, Placement]]:
    """Moves the widest columns out of a row that would be too long, as far as the engine has another place for them."""
    limit = context.engine.capabilities.row_bytes
    order = sorted(range(len(placed)), key=lambda index: -placed[index][2].row_bytes)
    total = sum(placement.row_bytes for _, _, placement in placed)
    fitted = list(placed)
    for index in order:
        column, reading, placement = placed[index]
        if limit is None or total <= limit:
            break
        if placement.off_row:
            note = "; ".join(filter(None, (placement.note, "moved out of the row, which would be too long")))
            total -= placement.row_bytes
            moved = replace(placement, target_type=placement.off_row, wire_type=placement.off_row, note=note)
            fitted[index] = (column, reading, moved)
    return fitted


def _through_domain(context: Context, column: Column) -> Column:
    """The column with what its domain adds to it; the domain's checks become the table's."""
    domain = next((item for item in context.catalog.domains if str(item.name) == column.type.domain), None)
    if domain is None or context.types.keeps(column.type):
        return column
    return replace(column, nullable=column.nullable and domain.nullable, default=column.default or domain.default)


def _countable(context: Context, table: Table, column: Column, survey: ColumnSurvey, placement: Placement) -> Placement:
    """A number beyond 64 bits that counts itself up, or refers to one: PostgreSQL counts up to bigint's end.

    All values there are fit by the survey, or the type stays and its identity is lost by name (`_identity`).
    """
    wide = context.engine.capabilities.identity == "native" and placement.wire_type.startswith("numeric")
    if not wide or column.type.kind != "integer" or not _counts(context, table, column):
        return placement
    if survey.maximum is not None and survey.maximum > _LAST_BIGINT:
        return placement
    note = f"counts itself up or refers to what does; the largest of its values is {survey.maximum or 0:,}"
    return Placement("bigint", "int8", loss_class="narrowed_proven", note=note)


def _counts(context: Context, table: Table, column: Column) -> bool:
    """Whether a column counts itself up, or refers to one that does."""
    if column.identity or sequence_of_default(column.default or ""):
        return True
    parents = {parent.name: parent for parent in context.catalog.tables}
    for key in table.foreign_keys:
        for name, parent_name in zip(key.columns, key.parent_columns, strict=False):
            parent = parents.get(key.parent)
            referred = [item for item in parent.columns if item.name == parent_name] if parent else []
            if name == column.name and any(item.identity for item in referred):
                return True
    return False


def _place(context: Context, table: Table, column: Column, reading: Reading, survey: ColumnSurvey) -> Placement:
    placement = context.engine.place(reading.type, survey)
    if context.at_home:
        placement = place_own(context.engine.name, reading.type, survey, placement, context.types.refused)
    placement = context.enumerations.place(table, column, reading.type, placement)
    return context.types.place(reading.type, placement)


def _column(
    context: Context,
    table: Table,
    column: Column,
    placed: tuple[Reading, Placement, ColumnSurvey],
    scope: Scope,
) -> ColumnPlan:
    reading, placement, survey = placed
    subject = f"{table.name}.{column.name}"
    losses = [
        *_reading_losses(context, reading),
        *_nul_losses(context, placement, survey),
        *_beyond(placement),
    ]
    context.decisions.lose_values(subject, losses)
    _collation(context, subject, column, placement)
    if not context.types.keeps(column.type):
        _inner_domains(context, subject, column.type)
    identity = _identity(context, table, column, survey)
    if identity and context.engine.capabilities.identity == "native" and placement.wire_type.startswith("numeric"):
        reason = "it has values beyond bigint, which is as far as the target counts"
        context.decisions.refuse("identity", subject, reason)
        identity = None
    generated = _generated(context, subject, column, scope)
    nullable = _nullable(column, reading, survey)
    if nullable and not column.nullable:
        reason = "a policy makes NULLs" if not survey.nulls else f"{survey.nulls:,} rows hold NULL all the same"
        context.decisions.lose("not_null", f"not null {subject}", 1, reason)
    default = None if identity or generated else _default(context, subject, column, reading, placement)
    loss_class = max(
        reading.loss_class, placement.loss_class, "lossy_approved" if losses else "lossless", key=_LOSS_ORDER.index
    )
    return ColumnPlan(
        source=column.name,
        target=context.names.columns[table.name][column.name],
        source_type=column.type.declared,
        target_type=placement.target_type,
        wire_type=placement.wire_type,
        nullable=nullable,
        default=default,
        identity=identity,
        generated=generated,
        hidden=_hidden(context, column, optional=nullable or default is not None),
        source_representation=reading.source_representation,
        target_representation=reading.target_representation or placement.representation,
        policies=reading.policies,
        loss_class=loss_class,
        author=reading.author,
        evidence="; ".join(filter(None, (reading.evidence, placement.note))),
        comment=column.comment,
    )


def _hidden(context: Context, column: Column, *, optional: bool) -> bool:
    """Whether a column stays invisible; `optional`: a row can be inserted without it, as that demands."""
    plain = column.identity is None and column.generated is None
    return column.hidden and context.at_home and context.engine.capabilities.hidden_columns and plain and optional


def _nullable(column: Column, reading: Reading, survey: ColumnSurvey) -> bool:
    """A policy that makes NULLs needs room for them; a file says nothing, so its columns are nullable."""
    makes_nulls = any(rule.rule in ("zero_date_is_null", "empty_is_null") for rule in reading.policies)
    return column.nullable or makes_nulls or survey.nulls > 0


def _reading_losses(context: Context, reading: Reading) -> list[Loss]:
    """What the reading gives up; rows of another storage class go where any class may stand."""
    taken = context.engine.capabilities.any_class and reading.author == MIXED_WITH_BYTES
    return [loss for loss in reading.losses if not (taken and loss.rule == "quarantined")]


def _nul_losses(context: Context, placement: Placement, survey: ColumnSurvey) -> list[Loss]:
    textual = placement.wire_type.startswith(("text", "varchar", "bpchar"))
    if context.engine.capabilities.nul_in_text or not survey.with_nul or not textual:
        return []
    what = f"{survey.with_nul:,} texts hold a NUL character"
    reason = f"{what}, which {context.engine.name} cannot store; their rows are quarantined"
    return [Loss(rule="quarantined", subject="", count=survey.with_nul, reason=reason)]


def _beyond(placement: Placement) -> list[Loss]:
    """Values that the survey found and the target's type does not hold."""
    if not placement.quarantined:
        return []
    reason = f"{placement.note}; their rows are quarantined"
    return [Loss(rule="quarantined", subject="", count=placement.quarantined, reason=reason)]


def _collation(context: Context, subject: str, column: Column, placement: Placement) -> None:
    if column.type.wire == "citext" and placement.wire_type != "citext" and not context.types.keeps(column.type):
        reason = "citext is compared and unique without regard to case on the source, by code point on the target"
        context.decisions.lose("collation", subject, 1, reason)
        return
    collation = column.type.collation
    byte_order = (collation or "").endswith(BY_BYTES)
    if collation and (byte_order or placement.target_type.endswith(f" collate {collation}")):
        return
    if collation in context.catalog.facts.get("ordinary_collations", "").split(","):
        return  # nobody chose it: appliance.planning.collations declares it once for all of its columns
    if not collation or collation.upper() in ("BINARY", "C", "DEFAULT", "POSIX", "UCS_BASIC"):
        return
    reason = f"compared and sorted under {collation} on the source, by code point on the target"
    context.decisions.lose("collation", subject, 1, reason)


def _inner_domains(context: Context, subject: str, structured: Type) -> None:
    """The rules of domains within a structured type: the target's elements are of the base type."""
    for domain in inner_domains(context.catalog, structured):
        reason = f"the rules of domain {domain.name} do not hold within {structured.declared} on the target"
        context.decisions.lose("domain", f"domain {subject}", 1, reason)


def _identity(context: Context, table: Table, column: Column, survey: ColumnSurvey) -> IdentityPlan | None:
    """A column that counts itself up, by identity or by a default that draws from a sequence of its own."""
    source, drawn = column.identity, sequence_of_default(column.default or "")
    if source is None and drawn is None:
        return None
    counter = _sequence(context, source.sequence.name if source and source.sequence else drawn or "")
    start, increment = (source.start, source.increment) if source else (counter.start, counter.increment)
    reached = survey.maximum if increment > 0 else survey.minimum
    given_out = source.last_value if source and source.last_value is not None else counter.last_value
    last = _furthest(reached, given_out, increment)
    way = context.engine.capabilities.identity
    if way == "none":
        return None
    if way == "auto_increment":
        return _auto_increment(context, table, column, IdentityPlan(start=start, increment=increment, last_value=last))
    if way == "rowid":
        return _rowid_identity(context, table, column, last if last != reached else None)
    plan = IdentityPlan(always=bool(source and source.always), start=start, increment=increment, last_value=last)
    if way == "native":
        return plan
    target = context.names.relations[table.name]
    column_name = context.names.columns[table.name][column.name]
    name = Name(target.schema, context.names.take(target.schema, f"{target.name}_{column_name}_seq"))
    context.sequences.append(SequencePlan(name=name, start=start, increment=increment, last_value=last))
    return plan.model_copy(update={"sequence": name, "always": False})


def _furthest(reached: int | None, drawn: int | None, increment: int) -> int | None:
    """How far a counter came: by what is stored, or by what it gave out and nobody kept."""
    known = [value for value in (reached, drawn) if value is not None]
    return (max if increment > 0 else min)(known) if known else None


def _auto_increment(context: Context, table: Table, column: Column, plan: IdentityPlan) -> IdentityPlan | None:
    """One column of a table, an integer that rises by ones; the others keep their values and are counted no more."""
    counted = [item.name for item in table.columns if item.identity or sequence_of_default(item.default or "")]
    if column.name == counted[0] and plan.increment == 1 and column.type.kind in ("integer", "dynamic"):
        return plan
    reason = f"{context.engine.name} counts up one integer column of a table, by ones"
    context.decisions.refuse("identity", f"{table.name}.{column.name}", reason)
    return None


def _rowid_identity(context: Context, table: Table, column: Column, ahead: int | None) -> IdentityPlan | None:
    """`ahead`: the source gave out numbers up to this one, more than are stored; they must not be given out again."""
    key = table.primary_key.columns if table.primary_key else ()
    if key == (column.name,):
        return IdentityPlan(last_value=ahead)
    reason = "SQLite counts up only a primary key of one integer column"
    context.decisions.refuse("identity", f"{table.name}.{column.name}", reason)
    return None


def _sequence(context: Context, spelled: str) -> Sequence:
    """The source's sequence of this name; one that counts from 1 where it is not known."""
    bare = spelled.rsplit(".", maxsplit=1)[-1].strip('"').lower()
    for sequence in context.catalog.sequences:
        if sequence.name.name.lower() == bare:
            return sequence
    return Sequence(Name("", bare))


def _generated(context: Context, subject: str, column: Column, scope: Scope) -> GeneratedPlan | None:
    """A generated column where the target can compute it alike; else its values are carried as ordinary ones."""
    if column.generated is None:
        return None
    capabilities = context.engine.capabilities
    stored = (
        column.generated.stored
        if capabilities.stored_generated and capabilities.virtual_generated
        else (capabilities.stored_generated)
    )
    try:
        text = translate_expression(column.generated.expression, context.catalog.engine, context.engine.name, scope)
    except NotTranslated as refusal:
        reason = f"its values are carried, but no longer computed: {refusal}"
        context.decisions.refuse("generated column", subject, reason, column.generated.expression)
        return None
    return GeneratedPlan(expression=text, stored=stored)


def _default(context: Context, subject: str, column: Column, reading: Reading, placement: Placement) -> str | None:
    if column.default is None:
        return None
    try:
        return translate_default(column.default, context.catalog.engine, context.engine.name, reading, placement)
    except NotTranslated as refusal:
        context.decisions.refuse("default", subject, str(refusal), column.default)
        return None
