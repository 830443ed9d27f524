"""What two sides' answers say about each other."""

import pytest

from kora import _core
from kora.behavior.answers import error_class
from kora.behavior.translate import Spellings, translate
from kora.behavior.workload import parse
from kora.catalog import Name
from kora.comparison.behavior import Answer, Reading, compare_answers, verdict_of
from kora.errors import EngineError

KEY = _core.DigestKey(b"k" * 32)


def answer(rows: list[list[object]], order: list[int] | None = None, **changed: object) -> Answer:
    digest = _core.digest_answer(_core.memory_rows(rows), KEY, order or [])  # type: ignore[arg-type]
    readings = {
        name: Reading(rows=pair[0][:16].hex(), order=pair[1][:16].hex() if order is not None else None)
        for name, pair in (("exact", digest.exact), ("plain", digest.plain))
    }
    fields = {"name": "q", "text": "0" * 16, "row_count": digest.row_count,
              "columns": tuple("|".join(kinds) for kinds in digest.kinds), **readings, **changed}  # fmt: skip
    return Answer.model_validate(fields)


def outcome(left: Answer, right: Answer) -> str:
    return compare_answers([left], [right])[0].outcome


def test_the_same_rows_are_equal_in_any_order_without_order_by() -> None:
    assert outcome(answer([[1, "a"], [2, "b"]]), answer([[2, "b"], [1, "a"]])) == "equal"


def test_the_same_rows_in_another_order_differ_under_order_by() -> None:
    one, two = answer([[1], [2]], [0]), answer([[2], [1]], [0])
    assert outcome(one, two) == "order_differs"
    assert verdict_of(compare_answers([one], [two])) == "different"


def test_rows_that_tie_may_come_in_any_order() -> None:
    assert outcome(answer([[1, "a"], [1, "b"]], [0]), answer([[1, "b"], [1, "a"]], [0])) == "equal"


def test_an_order_by_what_is_not_shown_leaves_the_order_undecided() -> None:
    one, two = answer([[1], [2]], [0], ties=True), answer([[2], [1]], [0], ties=True)
    assert outcome(one, two) == "not_decidable"


def test_a_float_and_an_integer_of_one_value_are_equal_but_for_their_kinds() -> None:
    assert outcome(answer([[1]]), answer([[1.0]])) == "equal_but_kinds"
    assert outcome(answer([[1]]), answer([["1"]])) == "different"


def test_one_value_one_row_and_one_column_more_are_all_seen() -> None:
    for other in ([[1], [3]], [[1], [2], [2]], [[1, None], [2, None]]):
        assert outcome(answer([[1], [2]]), answer(other)) == "different"
    assert outcome(answer([[1], [1], [2]]), answer([[1], [2], [2]])) == "different"


def test_a_fragile_query_can_be_equal_but_never_different() -> None:
    assert outcome(answer([[1]], fragile="ties"), answer([[1]])) == "equal"
    assert outcome(answer([[1]], fragile="ties"), answer([[2]])) == "not_decidable"


def test_refusals_compare_by_their_class() -> None:
    refusal = {"state": "error", "exact": None, "plain": None, "row_count": None, "columns": ()}
    zero = answer([[1]], reason="division by zero", **refusal)
    assert outcome(zero, zero) == "equal"
    assert outcome(zero, answer([[1]], reason="out of range", **refusal)) == "different"
    assert outcome(zero, answer([[None]])) == "different"


def test_what_only_one_side_was_asked_leaves_the_whole_undecided() -> None:
    compared = compare_answers([answer([[1]]), answer([[1]], name="other")], [answer([[1]])])
    assert [query.outcome for query in compared] == ["equal", "not_run"]
    assert verdict_of(compared) == "undecided"
    assert verdict_of(()) == "undecided"


@pytest.mark.parametrize(
    ("message", "state", "word"),
    [
        ("ERROR: division by zero", "22012", "division by zero"), ("whatever", "1690", "out of range"),
        ("no such column: x", "", "unknown name"), ("Binder Error: x", "", "wrong types"),
        ("something else", "XX000", "refused"), ("near \"x\": syntax error", "1", "not understood"),
    ],
)  # fmt: skip
def test_refusals_of_different_engines_have_one_word(message: str, state: str, word: str) -> None:
    assert error_class(EngineError(message, state)) == word


@pytest.mark.parametrize(
    ("text", "there"),
    [
        ("select id from patient p where p.Name = 'x'",
         'SELECT "Id" FROM "public"."Patient" AS p WHERE p."name" = \'x\''),
        ("select upper(Name) as name from PATIENT order by name",
         'SELECT UPPER("name") AS "name" FROM "public"."Patient" ORDER BY "name" NULLS FIRST'),
        ("with patient as (select 1 as one) select one from patient",
         "WITH patient AS (SELECT 1 AS one) SELECT one FROM patient"),
        ("select patient.id from patient", 'SELECT "Patient"."Id" FROM "public"."Patient"'),
    ],
)  # fmt: skip
def test_names_are_spelled_as_the_other_side_spells_them(text: str, there: str) -> None:
    spellings = Spellings({"patient": Name("public", "Patient")}, {"id": "Id", "name": "name"})
    tree = parse(text, "sqlite")
    assert tree is not None
    assert translate(tree, "sqlite", "postgres", spellings) == there
