"""Every mutation is found and named by digests that servers compute, or the column is refused by its name."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.mutation.clients import Client
from tests.mutation.kinds import Kind
from tests.mutation.mutations import mutations, statements
from tests.mutation.pairs import PAIRS, Pair
from tests.mutation.test_mutations import SEED, apply, assert_exactly, mapping_of, opened, rounds, verified

PER_TABLE = 8
PUSHED = {
    "postgresql-postgresql": 130, "mariadb-postgresql": 100, "sqlite-postgresql": 60, "mariadb-mariadb": 130,
}  # fmt: skip
"""The pairs, and how many mutations must at least have been counted."""
CHOSEN = tuple(replace(pair, counted_at_least=PUSHED[pair.name]) for pair in PAIRS if pair.name in PUSHED)


def settled(pair: Pair, source: str, target: str) -> tuple[Kind, ...]:
    """The kinds that push-down settles; each other one is not run, for a reason that names its column."""
    with opened(source) as side, opened(target) as other:
        result = verified(side, target, mapping_of(side, other, pair.kinds), "pushdown")
    left = {table.source.rpartition(".")[2]: table for table in result.tables if table.source}
    refused = {name: table for name, table in left.items() if table.outcome == "not_run"}
    assert all(f"{name}.v: " in table.strategy_reason for name, table in refused.items()), refused
    assert result.verdict == ("not_proven" if refused else pair.equal)
    return tuple(kind for kind in pair.kinds if kind.name not in refused)


@pytest.mark.parametrize("pair", CHOSEN, ids=lambda pair: pair.name)
def test_servers_miss_no_mutation_and_invent_none(pair: Pair, make_client: Callable[[str, str], Client]) -> None:
    first, second = make_client(pair.source, "all"), make_client(pair.target, "all_target")
    first.build(statements(pair.source, pair.kinds, "source"))
    second.build(statements(pair.target, pair.kinds, "target"))
    kinds = settled(pair, first.url, second.url)
    source, target = make_client(pair.source, "source"), make_client(pair.target, "target")
    source.build(statements(pair.source, kinds, "source"))
    target.build(statements(pair.target, kinds, "target"))
    counted = 0
    with opened(source.url) as side:
        with opened(target.url) as other:
            mapping = mapping_of(side, other, kinds)
        assert_exactly(verified(side, target.url, mapping, "pushdown"), [], pair.equal)
        for chosen in rounds(mutations(pair.target, kinds, SEED, PER_TABLE)):
            applied, _ = apply(target, chosen)
            counted += len(applied)
            result = verified(side, target.url, mapping, "pushdown")
            assert_exactly(result, applied, pair.equal)
            assert {table.strategy for table in result.tables} == {"pushdown"}
            target.restore()
    assert counted >= pair.counted_at_least
