"""Every mutation is found and named, and nothing else is: see the package's docstring."""

import json
import os
import random
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from kora import _core
from kora.comparison.declared import Declared
from kora.comparison.mapping import Mapping, Rule
from kora.comparison.matching import match_catalogs
from kora.comparison.result import AskedStrategy, TableResult, VerificationResult
from kora.databases.base import Lanes
from kora.databases.opening import OpenSide
from kora.databases.registry import open_database
from kora.verify import VerifyOptions, verify_sides
from tests.mutation.clients import Client
from tests.mutation.kinds import Kind
from tests.mutation.mutations import Mutation, mutations, statements
from tests.mutation.pairs import PAIRS, Pair

ROOT = Path(__file__).parents[2]
SEED = 20260101
ALTERED_SHARE = 0.75
"""Of the tables that still have mutations waiting, how many get one in a round."""
COMMAND_LINE_ROUNDS = 1


@contextmanager
def opened(url: str) -> Iterator[OpenSide]:
    with closing(open_database(url)) as database:
        yield OpenSide(database, database.catalog(), url)


def mapping_of(source: OpenSide, target: OpenSide, kinds: tuple[Kind, ...]) -> Mapping:
    """Everything by name, and the representations that the kinds declare for their value column."""
    rules = {kind.name: {"source_representation": as_rule(kind.representation),
                         "target_representation": as_rule(kind.on_target_as)} for kind in kinds}  # fmt: skip
    matched, only_source, only_target = match_catalogs(source.catalog, target.catalog)
    assert not only_source
    assert not only_target
    tables = []
    for pair in matched.tables:
        update = rules.get(pair.source.name, {})
        columns = tuple(column.model_copy(update=update) if column.source == "v" else column for column in pair.columns)
        tables.append(pair.model_copy(update={"columns": columns}))
    return Mapping(tables=tuple(tables))


def as_rule(named: tuple[str, str | None] | None) -> Rule | None:
    return Rule(rule=named[0], argument=named[1]) if named else None


def verified(source: OpenSide, url: str, mapping: Mapping, strategy: AskedStrategy = "stream") -> VerificationResult:
    options = VerifyOptions(
        migration_key=_core.DigestKey(bytes(range(32))),
        run_id="mutation",
        strategy=strategy,
        lanes=Lanes(4, fewest_rows=1),
    )
    with opened(url) as target:
        return verify_sides(source, target, Declared(mapping=mapping), options).result


def assert_exactly(result: VerificationResult, applied: list[Mutation], equal: str) -> None:
    expected = {mutation.table: mutation for mutation in applied}
    named = {table.source.rpartition(".")[2] for table in result.tables if table.source and table.outcome != "match"}
    assert named == set(expected), [mutation.title for mutation in applied]
    assert result.verdict == ("different" if applied else equal)
    for table in result.tables:
        name = (table.source or "").rpartition(".")[2]
        if name in expected:
            assert_names(table, expected[name])


def assert_names(table: TableResult, mutation: Mutation) -> None:
    counts = {outcome: getattr(table, outcome) for outcome in ("mismatch", "missing_in_target", "extra_in_target")}
    assert counts == {outcome: mutation.count(outcome) for outcome in counts}, mutation
    found = Counter(
        (
            finding.outcome,
            None if re.fullmatch("row [0-9a-f]{16}", finding.key) else finding.key,
            frozenset(column.column for column in finding.columns),
        )
        for finding in table.findings
    )
    assert found == Counter(mutation.expected), mutation
    assert table.findings_omitted == 0


def rounds(waiting: dict[str, list[Mutation]]) -> Iterator[list[Mutation]]:
    """Each mutation once, at most one of a table at a time, always with tables that stay as they are."""
    draw = random.Random(SEED)
    while waiting:
        chosen = [table for table in sorted(waiting) if draw.random() < ALTERED_SHARE] or sorted(waiting)[:1]
        yield [waiting[table].pop(0) for table in chosen]
        waiting = {table: left for table, left in waiting.items() if left}


def apply(target: Client, chosen: list[Mutation]) -> tuple[list[Mutation], list[Mutation]]:
    """Applies each; those that changed what the engine stores, and those that did not."""
    applied, unchanged = list[Mutation](), list[Mutation]()
    told = target.apply([(mutation.probe, mutation.statements) for mutation in chosen])
    for mutation, (before, after) in zip(chosen, told, strict=True):
        same = repr(before) == repr(after)  # as Python compares them, 0.0 and -0.0 are equal
        (unchanged if same else applied).append(mutation)
    return applied, unchanged


def assert_command_line(urls: tuple[str, str], mapping: Mapping, applied: list[Mutation], folder: Path) -> None:
    map_file = folder / "map.yaml"
    map_file.write_text(mapping.model_dump_json(), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "kora.cli", "verify", *urls, "--map", str(map_file), "--out", str(folder), "--json"],
        cwd=ROOT, env={**os.environ, "SENSEI_HOME": str(folder / "home")}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == (1 if applied else 0), done.stderr
    told = json.loads(done.stdout)
    named = {table["source"].rpartition(".")[2] for table in told["tables"] if table["outcome"] != "match"}
    assert named == {mutation.table for mutation in applied}


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_no_mutation_is_missed_and_none_invented(
    pair: Pair, make_client: Callable[[str, str], Client], tmp_path: Path
) -> None:
    kinds = pair.kinds
    source, target = make_client(pair.source, "source"), make_client(pair.target, "target")
    source.build(statements(pair.source, kinds, "source"))
    target.build(statements(pair.target, kinds, "target"))
    waiting = mutations(pair.target, kinds, SEED, pair.per_table)
    total, counted, unchanged = sum(map(len, waiting.values())), 0, list[Mutation]()
    with opened(source.url) as side:
        with opened(target.url) as other:
            mapping = mapping_of(side, other, kinds)
        assert_exactly(verified(side, target.url, mapping), [], pair.equal)
        for number, chosen in enumerate(rounds(waiting)):
            applied, same = apply(target, chosen)
            unchanged += same
            counted += len(applied)
            assert_exactly(verified(side, target.url, mapping), applied, pair.equal)
            if number < COMMAND_LINE_ROUNDS:
                assert_command_line((source.url, target.url), mapping, applied, tmp_path)
            target.restore()
        assert_exactly(verified(side, target.url, mapping), [], pair.equal)
    summary = f"{total} mutations, {counted} counted, {len(unchanged)} stored unchanged"
    told = [f"{pair.source} → {pair.target}: {summary}"]
    told += [f"    unchanged: {mutation.table}: {mutation.title[:100]!r}" for mutation in unchanged]
    sys.stdout.write("\n" + "\n".join(told) + "\n")
    assert counted + len(unchanged) == total
    assert counted >= pair.counted_at_least
