"""What the target's structure lacks: checks compared by what they say, objects by their name in their schema."""

from dataclasses import replace

import pytest

from kora.catalog import Catalog, Check, Column, Name, Routine, Table, Trigger, Type, View
from kora.comparison.checks import CheckedTable, compare_checks
from kora.comparison.mapping import ColumnMapping, Mapping, TableMapping
from kora.comparison.structure import checks_by_number, structure_losses

COLUMNS = {"id": "integer", "status": "text", "Amount": "decimal", "born": "date"}


def table(name: Name, *expressions: str) -> Table:
    return Table(
        name=name,
        columns=tuple(Column(name=column, type=Type(kind, kind)) for column, kind in COLUMNS.items()),
        checks=tuple(Check(f"c{number}", text) for number, text in enumerate(expressions)),
    )


def mapping(source: Name, target: Name) -> Mapping:
    columns = tuple(ColumnMapping(source=name, target=name.lower()) for name in COLUMNS)
    return Mapping(tables=(TableMapping(source=source, target=target, columns=columns),))


def unmatched(source: tuple[str, str], target: tuple[str, str]) -> int:
    compared = compare_checks(
        CheckedTable(table(Name("", "t"), source[1]), source[0]),
        CheckedTable(table(Name("public", "t"), target[1]), target[0]),
        {name: name.lower() for name in COLUMNS},
    )
    return len(compared.unmatched)


@pytest.mark.parametrize(
    ("source", "target", "stored"),
    [
        ("status IN ('a', 'b')", "postgresql", "(status = ANY (ARRAY['a'::text, 'b'::text]))"),
        ("status IN ('a')", "postgresql", "((status)::text = ANY ((ARRAY['a'::character varying])::text[]))"),
        ("Amount BETWEEN 0 AND 100.5", "postgresql", "((amount >= (0)::numeric) AND (amount <= 100.5))"),
        ("id > 1 AND id < 5 AND id <> 3", "postgresql", "((id > 1) AND ((id < 5) AND (id <> 3)))"),
        ("status <> ''", "postgresql", "((status)::text <> ''::text)"),
        ("status != ''", "duckdb", "(\"status\" <> '')"),
        ("Amount >= 0", "duckdb", "((amount >= CAST(0 AS DECIMAL(1,0))))"),
        ("length(status) > 2 AND id > 0", "sqlite", "(LENGTH(`status`) > 2) and ([id] > 0)"),
    ],
)
def test_a_check_in_the_targets_own_spelling_is_the_same_where_only_spelling_differs(source, target, stored):
    assert unmatched(("sqlite", source), (target, stored)) == 0


@pytest.mark.parametrize(
    ("source", "stored"),
    [
        ("Amount > 0", "amount > 1"),
        ("Amount > 0", "amount >= 0"),
        ("Amount > 0", "id > 0"),
        ("status IN ('a')", "status IN ('a', 'b')"),
        ("status = 'a'", "status = 'A'"),
        ("Amount > 0.5", "amount > CAST(0.5 AS DECIMAL(1,0))"),
        ("Amount > 0.5", "amount > CAST(0.5 AS INTEGER)"),
        ("CAST(Amount AS INTEGER) > 5", "amount > 5"),
        ("id - (1 - 1) > 5", "id - 1 - 1 > 5"),
        ("NOT id > 5", "id > 5"),
        # Equal in truth, and left to its number: a negative number kept as text.
        ('"Amount" > -1', "(amount > ('-1'::integer)::numeric)"),
        ("born > 'x' AND id > 0 OR id < 9", "born > 'x' AND (id > 0 OR id < 9)"),
    ],
)
def test_checks_that_say_something_else_are_not_taken_for_equal(source, stored):
    assert unmatched(("sqlite", source), ("postgresql", stored)) == 1


def catalogs(*, source: tuple[str, ...], target: tuple[str, ...]) -> tuple[Catalog, Catalog, Mapping]:
    left, right = Name("", "t"), Name("public", "t")
    return (
        Catalog(engine="sqlite", version="3", tables=(table(left, *source),)),
        Catalog(engine="postgresql", version="15", tables=(table(right, *target),)),
        mapping(left, right),
    )


def test_of_two_checks_the_missing_one_is_named_by_what_it_says():
    left, right, pairs = catalogs(source=("Amount > 0", "id > 5"), target=("(id > 5)",))
    assert [(loss.rule, loss.subject) for loss in structure_losses(left, right, pairs)] == [("check", "check t.c0")]
    assert checks_by_number(left, right, pairs) == {}


def test_checks_whose_texts_differ_count_by_number_and_it_is_said():
    left, right, pairs = catalogs(source=("Amount > 0", "id > 5"), target=("(id > 5)", "amount > 9"))
    assert structure_losses(left, right, pairs) == []
    assert checks_by_number(left, right, pairs) == {Name("", "t"): 1}


def test_a_view_in_another_schema_is_no_counterpart():
    view = View(Name("", "v"), "SELECT 1")
    left, right, pairs = catalogs(source=(), target=())
    there = Catalog(
        engine="postgresql", version="15", tables=right.tables, views=(View(Name("audit", "v"), "SELECT 1"),)
    )
    here = Catalog(engine="sqlite", version="3", tables=left.tables, views=(view,))
    [loss] = structure_losses(here, there, pairs)
    assert (loss.rule, loss.subject, loss.reason) == (
        "view",
        "view v",
        "the target has only audit.v, in another schema",
    )
    right_place = Catalog(
        engine="postgresql", version="15", tables=right.tables, views=(View(Name("public", "V"), "SELECT 1"),)
    )
    assert structure_losses(here, right_place, pairs) == []


def test_two_views_of_one_name_need_two():
    views = tuple(View(Name(schema, "v"), "SELECT 1") for schema in ("public", "audit"))
    source = Catalog(engine="postgresql", version="15", tables=(table(Name("public", "t")),), views=views)
    target = Catalog(engine="postgresql", version="15", tables=(table(Name("public", "t")),), views=views[:1])
    pairs = mapping(Name("public", "t"), Name("public", "t"))
    assert [loss.subject for loss in structure_losses(source, target, pairs)] == ["view audit.v"]
    assert structure_losses(source, source, pairs) == []


def test_a_trigger_belongs_to_its_tables_counterpart():
    trigger = Trigger(Name("", "tg"), Name("", "t"), "…")
    left, right, pairs = catalogs(source=(), target=())
    here = Catalog(engine="sqlite", version="3", tables=left.tables, triggers=(trigger,))
    for owner, lost in (("t", []), ("other", ["trigger tg"])):
        there = Catalog(
            engine="postgresql",
            version="15",
            tables=(*right.tables, table(Name("public", "other"))),
            triggers=(Trigger(Name("public", "tg"), Name("public", owner), "…"),),
        )
        assert [loss.subject for loss in structure_losses(here, there, pairs)] == lost


def test_a_routine_of_another_schema_is_no_counterpart():
    def with_routine(schema: str) -> Catalog:
        routine = Routine(Name(schema, "f"), "function", "integer", "sql", "…")
        return Catalog(engine="postgresql", version="15", tables=(table(Name("public", "t")),), routines=(routine,))

    pairs = mapping(Name("public", "t"), Name("public", "t"))
    [loss] = structure_losses(with_routine("public"), with_routine("util"), pairs)
    assert (loss.rule, loss.subject) == ("function", "function public.f(integer)")
    assert structure_losses(with_routine("util"), with_routine("util"), pairs) == []


def test_a_table_that_cannot_be_read_and_has_no_counterpart_is_a_loss():
    left, right, pairs = catalogs(source=(), target=())
    hidden = replace(table(Name("", "hidden")), unreadable="no right to read it")
    both = Catalog(engine="sqlite", version="3", tables=(*left.tables, hidden))
    [loss] = structure_losses(both, right, pairs)
    assert (loss.rule, loss.subject, loss.reason) == ("table", "table hidden", "no right to read it")
