"""Views in the target's words, those that others read first; triggers and routines are left behind with their text."""

from dataclasses import replace

from appliance.conversion.division import agreed
from appliance.conversion.expressions import NotTranslated, Scope, relations_of, translate_query
from appliance.conversion.structures import is_kept_as_text
from appliance.planning.columns import Context
from appliance.planning.model import TablePlan, ViewPlan
from appliance.planning.order import load_order
from kora.catalog import View
from kora.comparison.unmodelled import lossy_objects


def plan_views(context: Context, tables: tuple[TablePlan, ...]) -> tuple[ViewPlan, ...]:
    """Every view, in the order in which they can be created."""
    views = {view.name: view for view in context.catalog.views}
    by_text = {name.name.lower(): name for name in views}
    reads = {
        name: {
            by_text[relation] for relation in relations_of(view.query, context.catalog.engine) if relation in by_text
        }
        for name, view in views.items()
    }
    ordered, _ = load_order(sorted(views), reads)
    scope = replace(context.names.query_scope(_booleans(context, tables)), opaque=_opaque(tables))
    known = replace(scope, numbers=agreed(context.numbers))
    # A view's own columns are nobody's declaration.
    return tuple(_view(context, views[name], scope if reads[name] else known) for name in ordered)


def _opaque(tables: tuple[TablePlan, ...]) -> frozenset[str]:
    """Columns that some table keeps as text which the target cannot compute with."""
    columns = (column for table in tables for column in table.columns)
    return frozenset(column.source.lower() for column in columns if is_kept_as_text(column.target_representation))


def _booleans(context: Context, tables: tuple[TablePlan, ...]) -> frozenset[str]:
    """Columns that became BOOLEAN, unless another table has one of that name which is no number."""
    if context.catalog.engine != "sqlite" or context.engine.name == "sqlite":
        return frozenset()
    types: dict[str, set[str]] = {}
    for table in tables:
        for column in table.columns:
            types.setdefault(column.source.lower(), set()).add(column.target_type.lower())
    return frozenset(name for name, found in types.items() if "boolean" in found and found <= {"boolean", "bigint"})


def _view(context: Context, view: View, scope: Scope) -> ViewPlan:
    target = context.names.relations[view.name]
    try:
        if view.materialized:
            raise NotTranslated("it is materialized; only plain views are carried")
        text = translate_query(view.query, context.catalog.engine, context.engine.name, scope)
    except NotTranslated as refusal:
        context.decisions.refuse("view", str(view.name), str(refusal), view.query)
        return ViewPlan(source=view.name, target=target, query=view.query, decision="refused", reason=str(refusal))
    columns = tuple(context.names.fold(column) for column in view.columns)
    return ViewPlan(source=view.name, target=target, columns=columns, query=text)


def refuse_programs(context: Context) -> None:
    """Triggers, routines, and what else no catalog carries: their text is kept in the plan, nothing of them runs."""
    for trigger in context.catalog.triggers:
        reason = "triggers are not converted; what it did must be done by hand"
        context.decisions.refuse("trigger", str(trigger.name), reason, trigger.text)
    for routine in context.catalog.routines:
        reason = f"{routine.routine_kind}s in {routine.language} are not converted"
        context.decisions.refuse(routine.routine_kind, routine.called, reason, routine.text)
    for item, reason in lossy_objects(context.catalog):
        context.decisions.refuse(item.what, item.name, reason, item.detail, item.count)
