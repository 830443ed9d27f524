"""`kora verify --live`: databases that are written while they are compared."""

import json
import math
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from kora import _core, cli, library
from kora.comparison.declared import Declared, read_declared
from kora.comparison.live import Live, Reopen
from kora.comparison.result import TableResult, VerificationResult
from kora.databases.opening import OpenSide
from kora.databases.registry import open_database
from kora.errors import InvalidRequest
from kora.settings import Settings
from kora.verify import VerifyOptions, verify_sides
from tests.servers import Database, PostgresServer

MAKE = (
    "CREATE TABLE visit (id int PRIMARY KEY, v text)",
    "INSERT INTO visit SELECT n, 'v' FROM generate_series(1, 50) n",
)
KEYLESS = ("CREATE TABLE visit (id int, v text)", "INSERT INTO visit SELECT n % 3, 'v' FROM generate_series(1, 50) n")


def reopened(urls: tuple[str, str], *moments: Callable[[], object]) -> Reopen:
    """Opens both anew; before the nth opening, the nth moment happens."""
    waiting = list(moments)

    @contextmanager
    def opened() -> Iterator[tuple[object, object]]:
        if waiting:
            waiting.pop(0)()
        with closing(open_database(urls[0])) as left, closing(open_database(urls[1])) as right:
            yield left, right

    return opened  # type: ignore[return-value]


def verified(urls: tuple[str, str], reopen: Reopen, passes: int = 3) -> VerificationResult:
    with ExitStack() as stack:
        left, right = (stack.enter_context(closing(open_database(url))) for url in urls)
        live = Live(reopen, settle_seconds=0, passes=passes)
        options = VerifyOptions(migration_key=_core.DigestKey(bytes(32)), run_id="live", live=live)
        sides = OpenSide(left, left.catalog(), urls[0]), OpenSide(right, right.catalog(), urls[1])
        return verify_sides(*sides, Declared(), options).result


def only(result: VerificationResult) -> TableResult:
    (table,) = result.tables
    return table


@pytest.fixture
def sides(postgres_server: PostgresServer) -> tuple[Database, Database]:
    databases = postgres_server.create_database(), postgres_server.create_database()
    for database in databases:
        database.execute(*MAKE)
    return databases


def urls(sides: tuple[Database, Database]) -> tuple[str, str]:
    return sides[0].url, sides[1].url


def test_a_suspect_that_heals_and_one_that_changes_are_in_flight_and_one_that_stays_is_a_difference(
    sides: tuple[Database, Database],
) -> None:
    source, target = sides
    target.execute("UPDATE visit SET v = 'old' WHERE id IN (1, 2, 3)", "DELETE FROM visit WHERE id = 4")

    def meanwhile() -> None:
        target.execute("UPDATE visit SET v = 'v' WHERE id = 1", "INSERT INTO visit VALUES (4, 'v')")
        source.execute("UPDATE visit SET v = 'newer' WHERE id = 2")

    result = verified(urls(sides), reopened(urls(sides), meanwhile))
    table = only(result)
    assert (table.outcome, table.mismatch, table.missing_in_target, table.in_flight) == ("mismatch", 1, 0, 3)
    assert [finding.key for finding in table.findings] == ["id=3"]
    assert table.findings_omitted == 0
    assert result.verdict == "different"


def test_rows_in_flight_alone_prove_nothing_until_a_pass_is_quiet(sides: tuple[Database, Database]) -> None:
    source, target = sides
    target.execute("UPDATE visit SET v = 'old' WHERE id = 1")

    def heal() -> None:
        target.execute("UPDATE visit SET v = 'v' WHERE id = 1")

    one = verified(urls(sides), reopened(urls(sides), heal), passes=1)
    assert (only(one).outcome, only(one).in_flight, one.verdict) == ("in_flight", 1, "not_proven")
    source.execute("UPDATE visit SET v = 'new' WHERE id = 1")
    more = verified(
        urls(sides), reopened(urls(sides), lambda: target.execute("UPDATE visit SET v = 'new' WHERE id = 1"))
    )
    assert (only(more).outcome, only(more).in_flight, more.verdict) == ("match", 0, "equivalent")
    assert any(item.what == "position" for item in more.not_checked)


def test_copies_of_a_row_without_a_key_are_settled_one_by_one(postgres_server: PostgresServer) -> None:
    sides = postgres_server.create_database(), postgres_server.create_database()
    for database in sides:
        database.execute(*KEYLESS)
    sides[1].execute("INSERT INTO visit VALUES (1, 'v'), (1, 'v'), (1, 'v')")
    result = verified(urls(sides), reopened(urls(sides), lambda: sides[1].execute(
        "DELETE FROM visit WHERE ctid IN (SELECT ctid FROM visit WHERE id = 1 LIMIT 2)")))  # fmt: skip
    assert (only(result).extra_in_target, only(result).in_flight, result.verdict) == (1, 2, "different")


def test_suspects_beyond_those_that_are_read_again_are_never_called_different(
    postgres_server: PostgresServer,
) -> None:
    sides = postgres_server.create_database(), postgres_server.create_database()
    for database in sides:
        database.execute("CREATE TABLE visit (id int PRIMARY KEY, v text)",
                         "INSERT INTO visit SELECT n, 'v' FROM generate_series(1, 3000) n")  # fmt: skip
    sides[1].execute("UPDATE visit SET v = 'w' WHERE id > 500")
    result = verified(urls(sides), reopened(urls(sides), lambda: sides[1].execute("UPDATE visit SET v = 'v'")), 1)
    assert (only(result).mismatch, only(result).in_flight, result.verdict) == (0, 2500, "not_proven")


def test_while_a_writer_never_rests_no_row_of_its_own_is_called_different(sides: tuple[Database, Database]) -> None:
    """Each reading again waits until the writer has written both sides anew, so that every suspect has moved on."""
    source, target = sides
    written, stop, turn = [0], threading.Event(), threading.Condition()

    def write() -> None:
        with source.connect() as left, target.connect() as right:
            while not stop.is_set():
                for connection in (left, right):
                    connection.execute(f"UPDATE visit SET v = '{written[0]}' WHERE id <= 10".encode())
                with turn:
                    written[0] += 1
                    turn.notify_all()

    def await_two_more() -> None:
        with turn:
            wanted = written[0] + 2
            assert turn.wait_for(lambda: written[0] >= wanted, timeout=60)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        result = verified(urls(sides), reopened(urls(sides), *[await_two_more] * 9))
    finally:
        stop.set()
        writer.join()
    assert only(result).difference_count == 0
    assert result.verdict == ("not_proven" if only(result).in_flight else "equivalent")


def test_the_command_reads_again_what_differs(
    sides: tuple[Database, Database],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SENSEI_HOME", str(tmp_path))
    sides[1].execute("UPDATE visit SET v = 'old' WHERE id = 1")
    code = cli.run(["verify", *urls(sides), "--live", "--settle", "0", "--json"])
    told = json.loads(capsys.readouterr().out)
    assert (code, told["verdict"], told["tables"][0]["mismatch"]) == (1, "different", 1)
    assert "position" in {item["what"] for item in told["not_checked"]}


def test_the_library_reads_again_what_differs_and_a_plan_can_ask_for_it(
    sides: tuple[Database, Database], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(home=tmp_path)
    waited = []

    def heal(seconds: float) -> None:
        waited.append(seconds)
        sides[1].execute("UPDATE visit SET v = 'v' WHERE id = 1")

    def outcome(**options: Any) -> tuple[int, int]:
        sides[1].execute("UPDATE visit SET v = 'old' WHERE id IN (1, 2)")
        table = only(library.verify(*urls(sides), settings=settings, **options)[0])
        return table.mismatch, table.in_flight

    monkeypatch.setattr("kora.comparison.live.time.sleep", heal)
    assert outcome() == (2, 0)
    assert waited == []
    assert outcome(live=True, settle_seconds=0.5) == (1, 1)
    plan = tmp_path / "plan.yaml"
    name = "{schema: public, name: visit}"
    columns = "[{source: id, target: id}, {source: v, target: v}]"
    tables = f"tables: [{{source: {name}, target: {name}, columns: {columns}}}]"
    plan.write_text(f"format: sensei-plan-1\nverification: {{live: true, settle_seconds: 7}}\n{tables}\n")
    assert outcome(plan_file=plan) == (1, 1)
    assert outcome(plan_file=plan, live=True, settle_seconds=3) == (1, 1)
    assert waited == [0.5, 7, 3]


@pytest.mark.parametrize("settling", ["{live: true, settle_seconds: -1}", "{live: maybe}", "{alive: true}", "yes"])
def test_what_a_plan_cannot_mean_by_verification_is_refused(settling: str, tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text(f"format: sensei-plan-1\nverification: {settling}\n")
    with pytest.raises(InvalidRequest, match="verification"):
        read_declared(None, plan)


def test_the_library_waits_between_nothing_and_an_hour(sides: tuple[Database, Database]) -> None:
    for seconds in (-1, 3601, math.nan):
        with pytest.raises(InvalidRequest, match="settle_seconds"):
            library.verify(*urls(sides), live=True, settle_seconds=seconds)
