from pathlib import Path

import pytest

from appliance.planning.files import load_plan, parse_plan, plan_text, save_plan
from appliance.planning.planner import make_plan
from kora.errors import InvalidRequest
from tests.unit.planning_cases import shop


def text() -> str:
    return plan_text(make_plan(*shop(), "duckdb"))


def place(lines: str, part: str) -> tuple[int, int]:
    for number, line in enumerate(lines.splitlines(), start=1):
        if part in line:
            return number, line.index(part) + 1
    raise AssertionError(part)


@pytest.mark.parametrize("target", ["duckdb", "postgresql", "sqlite"])
def test_a_plan_reads_back_as_it_was_written(target: str, tmp_path: Path) -> None:
    plan = make_plan(*shop(), target)
    save_plan(plan, tmp_path / "plan.yaml")
    assert load_plan(tmp_path / "plan.yaml") == plan
    assert load_plan(tmp_path / "plan.yaml").digest == plan.digest


@pytest.mark.parametrize(
    ("old", "new", "part", "message"),
    [
        ("nullable: false", "nullable: maybe", "maybe", "boolean"),
        ("source_representation: real_decimal", "source_representation: real_guess", "real_guess", "no representation"),
        ("format: sensei-plan-1", "format: sensei-plan-9", "sensei-plan-9", "sensei-plan-1"),
        ("rows: 412", "rows: 412\n    colour: teal", "teal", "no plan has this entry"),
        ("rows: 412", "rows: 412\n    rows: 413", "rows: 413", "stands twice"),
        ("wire_type: TIMESTAMP", "wire_type: [a", "", "expected"),
        ("stable_key: [CustomerId]", "stable_key: {", "", "expected"),
    ],
)
def test_an_edit_into_nonsense_names_line_and_column(old: str, new: str, part: str, message: str) -> None:
    edited = text().replace(old, new, 1)
    assert edited != text()
    with pytest.raises(InvalidRequest, match=message) as caught:
        parse_plan(edited, "plan.yaml")
    name, line, column = caught.value.message.split(":")[:3]
    assert name == "plan.yaml"
    if part:
        assert (int(line), int(column)) == place(edited, part)
    assert int(line) >= 1
    assert int(column) >= 1


def test_a_key_over_a_missing_column_is_refused() -> None:
    edited = text().replace("      columns: [CustomerId]\n", "      columns: [Nobody]\n", 1)
    with pytest.raises(InvalidRequest, match="no target column 'Nobody'"):
        parse_plan(edited, "plan.yaml")


@pytest.mark.parametrize("content", ["", "[]", "just text", "\t", "format: &a [*a]"])
def test_what_is_no_plan_is_refused(content: str) -> None:
    with pytest.raises(InvalidRequest, match=r"plan\.yaml: \d+:\d+: "):
        parse_plan(content, "plan.yaml")
