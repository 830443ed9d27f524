"""What KORA says of the adversarial cases between other engines."""

from pathlib import Path

import pytest

from kora.evidence.verdict import decide
from tests.adversarial.corpus import cases, make_together
from tests.adversarial.pairs import PAIRS, TOGETHER, Made, Pair, carry, pair_name, record, sides_of, verified
from tests.mariadb_server import MariadbServer
from tests.servers import PostgresServer


@pytest.fixture(scope="module")
def made(postgres_server: PostgresServer) -> Made:
    return make_together(TOGETHER, postgres_server)


@pytest.mark.parametrize("pair", PAIRS, ids=pair_name)
def test_kora_is_right_about_every_case_that_both_engines_can_express(
    pair: Pair, made: Made, mariadb_server: MariadbServer, tmp_path: Path
) -> None:
    sides = sides_of(pair, made, mariadb_server, tmp_path)
    tables, reasons = carry(sides, made)
    assert reasons == record()[pair_name(pair)], "python -m tests.adversarial.pairs writes the record anew"
    told = verified(sides, tables)
    expected = {case.name: (case.verdict, case.truth == "different") for case in cases() if case.name in tables}
    assert {name: (decide([table]).verdict, table.difference_count > 0) for name, table in told.items()} == expected
