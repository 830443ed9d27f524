"""What KORA says of every case of the adversarial corpus. All that needs no setting is compared in one verification."""

import re
from collections import Counter
from contextlib import closing

import pytest

from kora import _core
from kora.comparison.declared import Declared
from kora.comparison.mapping import ColumnMapping, Mapping
from kora.comparison.matching import match_catalogs
from kora.comparison.result import AskedStrategy, TableResult, VerificationResult
from kora.databases.opening import OpenSide
from kora.databases.registry import open_database
from kora.evidence.verdict import decide
from kora.verify import VerifyOptions, verify_sides
from tests.adversarial.corpus import Case, cases, make, make_together, schema_of
from tests.servers import PostgresServer

TOGETHER = tuple(case for case in cases() if not case.alone)
ALONE = tuple(case for case in cases() if case.alone)


def verified(urls: tuple[str, str], told: dict[str, Case], strategy: AskedStrategy = "stream") -> VerificationResult:
    """Compares both databases, under the rules that the cases declare; `told`: the schema of each case's table."""
    with closing(open_database(urls[0])) as left, closing(open_database(urls[1])) as right:
        sides = OpenSide(left, left.catalog(), urls[0]), OpenSide(right, right.catalog(), urls[1])
        pairs = match_catalogs(sides[0].catalog, sides[1].catalog)[0].tables
        ruled = []
        for pair in pairs:
            rules = told[pair.source.schema].rules
            columns = tuple(ColumnMapping.model_validate(rule) for rule in rules) or pair.columns
            ruled.append(pair.model_copy(update={"columns": columns}))
        options = VerifyOptions(
            migration_key=_core.DigestKey(bytes(range(32))), run_id="adversarial", strategy=strategy
        )
        return verify_sides(*sides, Declared(mapping=Mapping(tables=tuple(ruled))), options).result


def table_of(result: VerificationResult, schema: str) -> TableResult:
    (table,) = (table for table in result.tables if table.source == f"{schema}.t")
    return table


def found(table: TableResult) -> Counter[tuple[str, str]]:
    """Findings by outcome and key. A row without a key is named by a digest that is another one each time."""
    return Counter((one.outcome, re.sub("^row [0-9a-f]{16}$", "row", one.key)) for one in table.findings)


@pytest.fixture(scope="module")
def urls(postgres_server: PostgresServer) -> tuple[str, str]:
    return make_together(TOGETHER, postgres_server)


@pytest.fixture(scope="module")
def together(urls: tuple[str, str]) -> VerificationResult:
    return verified(urls, {schema_of(case): case for case in TOGETHER})


@pytest.fixture(scope="module")
def pushed(urls: tuple[str, str]) -> VerificationResult:
    return verified(urls, {schema_of(case): case for case in TOGETHER}, "pushdown")


@pytest.mark.parametrize("case", TOGETHER, ids=lambda case: case.name)
def test_kora_is_right_about(case: Case, together: VerificationResult) -> None:
    table = table_of(together, schema_of(case))
    assert decide([table]).verdict == case.verdict, table
    assert (table.difference_count > 0) == (case.truth == "different"), table


@pytest.mark.parametrize("case", TOGETHER, ids=lambda case: case.name)
def test_servers_that_digest_their_rows_are_right_about(
    case: Case, pushed: VerificationResult, together: VerificationResult
) -> None:
    table, streamed = table_of(pushed, schema_of(case)), table_of(together, schema_of(case))
    assert decide([table]).verdict == case.verdict, table
    assert (table.mismatch, table.missing_in_target, table.extra_in_target) == (
        streamed.mismatch, streamed.missing_in_target, streamed.extra_in_target
    )  # fmt: skip
    assert found(table) == found(streamed)


def test_push_down_settles_the_whole_corpus(pushed: VerificationResult) -> None:
    assert [table.name for table in pushed.tables if table.outcome == "not_run"] == []
    digested = [table for table in pushed.tables if table.strategy == "pushdown"]
    assert len(digested) >= len(TOGETHER) * 0.7


@pytest.mark.parametrize("case", ALONE, ids=lambda case: case.name)
def test_kora_is_right_under_another_setting_about(case: Case, postgres_server: PostgresServer) -> None:
    table = table_of(verified(make(case, postgres_server), {"public": case}), "public")
    assert decide([table]).verdict == case.verdict, table


def test_no_case_lets_kora_call_different_data_equal() -> None:
    wrong = [case.name for case in cases() if case.truth == "different" and case.verdict.startswith("equivalent")]
    wrong += [case.name for case in cases() if case.truth == "same" and not case.verdict.startswith("equivalent")]
    assert wrong == []
    assert len({case.name for case in cases()}) == len(cases())
