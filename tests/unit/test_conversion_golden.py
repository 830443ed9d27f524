import re

import pytest

from appliance.conversion.defaults import translate_default
from appliance.conversion.division import Numbers
from appliance.conversion.expressions import NotTranslated, Scope, translate_expression
from appliance.conversion.identifiers import Namespace, take_all
from appliance.conversion.reading import Reading
from appliance.engines.base import Placement
from appliance.engines.registry import target_engine
from kora.catalog import Type
from tests.unit.golden import golden

COLUMNS = {"Id": "id", "Total": "total", "Active": "active", "Order": "order"}


def engines(text: str) -> tuple[str, str]:
    source, _, target = text.partition("->")
    return source.strip(), target.strip()


@pytest.mark.parametrize(("direction", "text", "expected"), golden("expressions.txt"))
def test_an_expression_is_translated_or_refused_with_a_reason(direction: str, text: str, expected: str) -> None:
    scope = Scope(columns=COLUMNS, booleans=frozenset({"Active"}), texts=frozenset({"order"}),
                  numbers=Numbers(frozenset({"id", "active"}), frozenset({"total"})))  # fmt: skip
    if expected.startswith("refused: "):
        with pytest.raises(NotTranslated, match=re.escape(expected.removeprefix("refused: "))):
            translate_expression(text, *engines(direction), scope)
        return
    assert translate_expression(text, *engines(direction), scope) == expected


@pytest.mark.parametrize(("direction", "kind", "text", "expected"), golden("defaults.txt"))
def test_a_default_is_translated_or_refused_with_a_reason(direction: str, kind: str, text: str, expected: str) -> None:
    reading = Reading(Type(kind, kind), "", "rule:test")  # type: ignore[arg-type]
    if expected.startswith("refused: "):
        with pytest.raises(NotTranslated, match=re.escape(expected.removeprefix("refused: "))):
            translate_default(text, *engines(direction), reading, Placement("", ""))
        return
    found = translate_default(text, *engines(direction), reading, Placement("", ""))
    assert (found or "nothing") == expected


@pytest.mark.parametrize(("engine", "policy", "names", "expected"), golden("identifiers.txt"))
def test_names_are_folded_cut_and_never_two_alike(engine: str, policy: str, names: str, expected: str) -> None:
    dialect = target_engine(engine).dialect
    taken = take_all(Namespace(dialect, policy), names.split(", "))  # type: ignore[arg-type]
    pattern = re.escape(expected).replace(re.escape("#"), "[0-9a-f]{6}").replace("\\#", "[0-9a-f]{6}")
    assert re.fullmatch(pattern, ", ".join(taken[name] for name in names.split(", ")).replace("\\", ""))
    assert len(set(taken.values())) == len(taken)
    if dialect.identifier_length:
        assert all(len(name.encode()) <= dialect.identifier_length for name in taken.values())
