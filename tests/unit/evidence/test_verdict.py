"""What results amount to, over combinations."""

import itertools

import pytest

from kora.comparison.mapping import Loss
from kora.comparison.result import NotChecked, NotComparableColumn, Quarantined, Recount, TableResult
from kora.evidence.verdict import decide


def table(**changes: object) -> TableResult:
    values: dict[str, object] = {
        "source": "t", "target": "t", "outcome": "match", "source_rows": 9, "target_rows": 9,
    }  # fmt: skip
    return TableResult.model_validate(values | changes)


def loss(approved_by: str | None = None, count: int = 3) -> Loss:
    return Loss(rule="nfc", subject="t.a", count=count, approved_by=approved_by)


def held_back(count: int = 1, approved_by: str | None = None) -> Quarantined:
    return Quarantined(table="t", key="1", column="a", reason="does not fit", count=count, approved_by=approved_by)


MATCH = table()
MISSING_ONE = table(outcome="missing_in_target", missing_in_target=1, target_rows=8)
UNKNOWN_COLUMN = table(not_comparable_columns=(NotComparableColumn(column="g", reason="geometry"),))


@pytest.mark.parametrize(
    ("tables", "parts", "verdict", "exit_code"),
    [
        ([MATCH], {}, "equivalent", 0),
        ([MATCH], {"losses": [loss(count=0)]}, "equivalent", 0),
        ([MATCH], {"not_checked": [NotChecked(what="grant", name="g")]}, "equivalent", 0),
        ([MATCH], {"recounts": [Recount(rule="nfc", subject="t.a", declared=3, recounted=3)]}, "equivalent", 0),
        ([MATCH], {"losses": [loss("me")]}, "equivalent_with_declared_loss", 0),
        ([MATCH], {"losses": [loss()]}, "equivalent_with_declared_loss", 5),
        ([MATCH], {"losses": [loss("me"), Loss(rule="f32", subject="t", count=1)]}, "equivalent_with_declared_loss", 5),
        ([table(losses=(loss(),))], {}, "equivalent_with_declared_loss", 5),
        ([table(losses=(loss(),))], {"losses": [loss("me")]}, "equivalent_with_declared_loss", 0),
        ([MISSING_ONE], {"quarantined": [held_back()]}, "equivalent_with_declared_loss", 5),
        ([MISSING_ONE], {"quarantined": [held_back(approved_by="me")]}, "equivalent_with_declared_loss", 0),
        ([MISSING_ONE], {}, "different", 1),
        ([table(outcome="mismatch", mismatch=1)], {"losses": [loss("me")]}, "different", 1),
        ([table(outcome="mismatch", mismatch=1)], {"quarantined": [held_back()]}, "different", 1),
        ([table(outcome="extra_in_target", extra_in_target=2, target_rows=11)], {}, "different", 1),
        (
            [table(outcome="missing_in_target", missing_in_target=2, target_rows=7)],
            {"quarantined": [held_back()]},
            "different",
            1,
        ),
        ([table(target=None, outcome="missing_in_target", source_rows=0, target_rows=None)], {}, "different", 1),
        ([table(source=None, outcome="extra_in_target", source_rows=None, target_rows=0)], {}, "different", 1),
        ([UNKNOWN_COLUMN], {}, "not_proven", 3),
        ([UNKNOWN_COLUMN], {"losses": [loss()]}, "not_proven", 3),
        ([UNKNOWN_COLUMN, MISSING_ONE], {}, "different", 1),
        ([table(outcome="in_flight", in_flight=4)], {}, "not_proven", 3),
        ([table(outcome="not_comparable")], {}, "not_proven", 3),
        ([table(outcome="not_run", target_rows=None)], {}, "not_proven", 3),
        ([MATCH], {"not_checked": [NotChecked(what="table", name="p", blocking=True)]}, "not_proven", 3),
        ([MATCH], {"recounts": [Recount(rule="nfc", subject="t.a", declared=3, recounted=2)]}, "not_proven", 3),
        ([MATCH], {"quarantined": [held_back(approved_by="me")]}, "not_proven", 3),
        ([], {}, "not_proven", 3),
    ],
)  # fmt: skip
def test_a_verdict_follows_from_what_was_found(tables, parts, verdict, exit_code):
    decision = decide(tables, **parts)
    assert (decision.verdict, int(decision.exit_code)) == (verdict, exit_code)


@pytest.mark.parametrize(
    "contradiction",
    [
        table(target_rows=8),
        table(missing_in_target=1),
        table(mismatch=1),
        table(outcome="mismatch"),
        table(outcome="extra_in_target"),
    ],
)
def test_a_result_that_contradicts_itself_is_never_called_equal(contradiction):
    assert decide([contradiction]).verdict == "different"


def test_precedence_holds_for_every_combination_of_causes():
    causes = {
        "different": ([table(source="d", target="d", outcome="mismatch", mismatch=1)], {}),
        "not_proven": ([table(source="n", target="n", outcome="not_run")], {}),
        "loss": ([MATCH], {"losses": [loss()]}),
    }
    for size in range(1, 4):
        for chosen in itertools.combinations(causes, size):
            tables = [MATCH] + [found for name in chosen for found in causes[name][0] if found is not MATCH]
            parts = {key: value for name in chosen for key, value in causes[name][1].items()}
            expected = chosen[0] if chosen[0] != "loss" else "equivalent_with_declared_loss"
            assert decide(tables, **parts).verdict == expected, chosen


def test_what_needs_a_person_is_named_even_beside_a_difference():
    decision = decide([table(outcome="mismatch", mismatch=1)], losses=[loss()], quarantined=[])
    assert decision.reasons == ("t: 1 row changed",)
    assert decision.decisions_needed == ("t.a: nfc (3)",)
