"""Every kind of every engine with extreme and odd values, on every target: nothing changes that nobody declared."""

from collections.abc import Iterator

import pytest

from tests.corpus.moving import KINDS, PAIRS, Workplace
from tests.corpus.outcomes import Moved, outcomes
from tests.corpus.page import TYPES_PAGE, cell, cells
from tests.mariadb_server import MariadbServer
from tests.servers import PostgresServer

pytestmark = pytest.mark.usefixtures("sensei_home")


@pytest.fixture(scope="module")
def workplace(
    tmp_path_factory: pytest.TempPathFactory, postgres_server: PostgresServer, mariadb_server: MariadbServer
) -> Iterator[Workplace]:
    yield Workplace(tmp_path_factory.mktemp("corpus"), postgres_server, mariadb_server)


@pytest.mark.parametrize(("source", "target"), PAIRS, ids=lambda engine: engine)
def test_each_kind_arrives_or_is_refused_or_lost_by_name(workplace: Workplace, source: str, target: str) -> None:
    moved = workplace.move(source, target)
    found = outcomes(moved, KINDS[source])
    assert {outcome.kind.name: cell(outcome) for outcome in found} == cells(
        TYPES_PAGE.read_text(encoding="utf-8"), source, target
    ), "docs/types.md is stale: run `make types`"
    assert_kora_says_the_same(moved, {outcome.kind.table: outcome.quarantined for outcome in found})


def assert_kora_says_the_same(moved: Moved, quarantined: dict[str, int]) -> None:
    """What KORA found of each table, beside what the clients showed."""
    assert moved.said.verdict in ("equivalent", "equivalent_with_declared_loss", "not_proven")
    seen = {table["source"].rpartition(".")[2]: table for table in moved.said.body["tables"]}
    assert set(seen) == set(quarantined)
    for name, table in seen.items():
        differences = (table["mismatch"], table["missing_in_target"], table["extra_in_target"])
        assert differences == (0, quarantined[name], 0), name
    if moved.said.verdict == "not_proven":
        # Only where a column's type is none that KORA reads.
        assert any(table["not_comparable_columns"] for table in seen.values())
