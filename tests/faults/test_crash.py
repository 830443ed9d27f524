"""`kill -9` at every named place and at random ones; `sensei resume` then ends as if nothing had happened."""

import os
import random
import re
import shutil
import sqlite3
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from tests.faults.conftest import MakeTarget
from tests.faults.sensei import KILLED, Finished, Sensei, Target

ROOT = Path(__file__).parents[2]
ENGINES = ("sqlite", "duckdb", "parquet", "postgresql", "mariadb")
CHUNK_SIZE_BYTES = "65536"
AT_ONCE = max(os.cpu_count() or 1, 2)
RANDOM_KILLS = {"sqlite": 13, "duckdb": 13, "parquet": 13, "postgresql": 14, "mariadb": 14}
FINISHED = "journal.finish_cleanup.after_commit"
"""Behind this point the run is complete; only its last words are missing."""


@dataclass(frozen=True)
class Undisturbed:
    """A run that nobody interrupted."""

    result: Finished
    points: Sequence[str]
    row_counts: dict[str, int]


def migrate(source: Path, target: Target) -> tuple[str, ...]:
    """The command under test."""
    return ("migrate", f"sqlite:///{source}", target.url, "--chunk-size-bytes", CHUNK_SIZE_BYTES, "--yes", "--json")


def undisturbed(source: Path, target: Target, folder: Path, code: int = 5) -> Undisturbed:
    """Runs to the end and remembers the way."""
    running = Sensei(folder).start(*migrate(source, target))
    result = running.finish()
    assert result.code == code, result.err
    return Undisturbed(result, running.points(), target.row_counts())


def problems_after_resume(sensei: Sensei, target: Target, expected: Undisturbed, point: str = "") -> list[str]:
    """What differs from the undisturbed run once the killed one was resumed; empty if nothing does."""
    if sensei.is_cleaned() != (point == FINISHED):
        return ["it was not killed in the middle of the run"]
    resumed = sensei.run("resume", sensei.only_run, "--json")
    if resumed.code != expected.result.code:
        return [f"resume ended with {resumed.code}: {resumed.err.strip()}"]
    problems = []
    if resumed.outcome != expected.result.outcome:
        problems.append(f"the outcome differs: {resumed.out}")
    if target.row_counts() != expected.row_counts:
        problems.append(f"row counts differ: {target.row_counts()}")
    if target.leftovers():
        problems.append(f"left behind: {target.leftovers()}")
    if resumed.notes != expected.result.notes:
        problems.append(f"notes differ: {resumed.notes}")
    return problems


def occurrences(points: Sequence[str]) -> list[str]:
    """`point:n` for the first of each point and, where it comes often, for one in the middle."""
    wanted = []
    for point in dict.fromkeys(points):
        times = points.count(point)
        wanted += [f"{point}:1"] + ([f"{point}:{times // 2 + 1}"] if times > 1 else [])
    return wanted


def is_the_journals_own(fault: str) -> bool:
    """Whether a point lies around a commit that touches the journal alone; notes of made objects are a target's too."""
    return fault.startswith("journal.") and not fault.startswith("journal.fact_ma")


LANES = [
    pytest.param("sqlite", True, id="sqlite"),
    pytest.param("sqlite", False, id="sqlite-target"),
    pytest.param("duckdb", False, id="duckdb-target"),
    pytest.param("parquet", False, id="parquet-target"),
    pytest.param("postgresql", False, id="postgresql-target"),
    pytest.param("mariadb", False, id="mariadb-target"),
    # The journal is the same for all targets: on these its points are the long lane's.
    pytest.param("duckdb", True, id="duckdb", marks=pytest.mark.slow),
    pytest.param("parquet", True, id="parquet", marks=pytest.mark.slow),
    pytest.param("postgresql", True, id="postgresql", marks=pytest.mark.slow),
    pytest.param("mariadb", True, id="mariadb", marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("engine", "journal"), LANES)
def test_a_kill_at_every_fault_point_is_made_good_by_resume(engine, journal, clinic, make_target: MakeTarget, tmp_path):
    expected = undisturbed(clinic, make_target(engine, tmp_path / "whole"), tmp_path / "whole")
    faults = [fault for fault in occurrences(expected.points) if is_the_journals_own(fault) == journal]

    def crash(fault: str) -> list[str]:
        folder = tmp_path / fault.replace(":", "-")
        target, sensei = make_target(engine, folder), Sensei(folder)
        killed = sensei.run(*migrate(clinic, target), fault=fault)
        if killed.code != KILLED:
            return [f"{fault}: not killed but ended with {killed.code}: {killed.err.strip()}"]
        point = fault.rpartition(":")[0]
        return [f"{fault}: {text}" for text in problems_after_resume(sensei, target, expected, point)]

    with ThreadPoolExecutor(AT_ONCE) as pool:
        problems = [text for found in pool.map(crash, faults) for text in found]
    sys.stderr.write(f"{engine}: killed at {len(faults)} places, of {len(set(expected.points))} different points\n")
    assert problems == []


@pytest.mark.parametrize("engine", ENGINES)
def test_kills_at_random_moments_are_made_good_by_resume(engine, clinic, make_target: MakeTarget, tmp_path):
    expected = undisturbed(clinic, make_target(engine, tmp_path / "whole"), tmp_path / "whole")
    chance = random.Random(f"random kills of {engine}")
    total = len(expected.points)
    moments = [
        (number, chance.randrange(1, total - 4), chance.uniform(0, 0.01)) for number in range(RANDOM_KILLS[engine])
    ]

    def crash(moment: tuple[int, int, float]) -> list[str]:
        number, after_points, delay = moment
        folder = tmp_path / str(number)
        target, sensei = make_target(engine, folder), Sensei(folder)
        running = sensei.start(*migrate(clinic, target))
        assert running.wait_for_points(after_points), "it ended by itself before the kill"
        running.wait(delay)
        running.kill()
        if running.finish().code != KILLED:
            return [f"kill {number} came too late"]
        last = (running.points() or ["nothing"])[-1]
        return [f"kill {number} behind {last}: {text}" for text in problems_after_resume(sensei, target, expected)]

    with ThreadPoolExecutor(AT_ONCE) as pool:
        problems = [text for found in pool.map(crash, moments) for text in found]
    assert problems == []


@pytest.mark.parametrize("engine", ENGINES)
def test_a_resume_may_be_killed_too(engine, clinic, make_target: MakeTarget, tmp_path):
    expected = undisturbed(clinic, make_target(engine, tmp_path / "whole"), tmp_path / "whole")
    pairs = (
        ("load.commit.before:9", "load.begin.after:1"),
        ("load.batch.after:5", "load.commit.after:3"),
        ("before_data.statement.after:4", "before_data.statement.after:2"),
        ("journal.start_verify.after_commit", "certify.before"),
        ("cleanup.before", "cleanup.after"),
    )

    def crash(pair: tuple[str, str]) -> list[str]:
        folder = tmp_path / pair[0].replace(":", "-")
        target, sensei = make_target(engine, folder), Sensei(folder)
        first = sensei.run(*migrate(clinic, target), fault=pair[0])
        second = sensei.run("resume", sensei.only_run, "--json", fault=pair[1])
        if (first.code, second.code) != (KILLED, KILLED):
            return [f"{pair}: ended with {first.code}, {second.code}: {first.err}{second.err}"]
        return [f"{pair}: {text}" for text in problems_after_resume(sensei, target, expected)]

    with ThreadPoolExecutor(AT_ONCE) as pool:
        problems = [text for found in pool.map(crash, pairs) for text in found]
    assert problems == []


def named_in_code() -> set[str]:
    """Every `reached(...)` of the program; what a name takes from its caller is a star."""
    found = set()
    for file in (ROOT / "appliance").rglob("*.py"):
        for name in re.findall(r"\breached\(f?\"([^\"]+)\"\)", file.read_text()):
            found.add(re.sub(r"{\w+}", "*", name))
    return found


def test_no_fault_point_of_the_program_is_left_out(clinic, large_rows, make_target: MakeTarget, tmp_path):
    in_parts = Sensei(tmp_path / "parts").start(*migrate(large_rows, make_target("duckdb", tmp_path / "parts")))
    assert in_parts.finish().code == 0
    hit = set(in_parts.points())
    for engine in ENGINES:
        source = Path(shutil.copy(clinic, tmp_path / f"{engine}.db"))
        target, sensei = make_target(engine, tmp_path / engine), Sensei(tmp_path / engine)
        # Files have no views; the counters' place is where theirs are sealed.
        fault = "counters.before" if engine == "parquet" else "views.statement.before"
        killed = sensei.start(*migrate(source, target), fault=fault)
        assert killed.finish().code == KILLED
        with closing(sqlite3.connect(source)) as connection:
            connection.execute("UPDATE visit SET reason = 'changed' WHERE id = 7")
            connection.commit()
        resumed = sensei.start("resume", sensei.only_run)
        assert resumed.finish().code == 5
        discarded = sensei.start("discard", sensei.only_run)
        assert discarded.finish().code == 0
        hit |= {*killed.points(), *resumed.points(), *discarded.points()}
    known = named_in_code()
    reached = {name for name in known if any(fnmatchcase(point, name) for point in hit)}
    sys.stderr.write(f"fault points: {len(reached)} of {len(known)} names in the code, {len(hit)} different points\n")
    assert known - reached == set()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "point", ["discard.before:1", "discard.before:9", "cleanup.after", "journal.fact_discarded.before_commit"]
)
def test_a_killed_discard_is_finished_by_another(engine, point, clinic, make_target: MakeTarget, tmp_path):
    target, sensei = make_target(engine, tmp_path), Sensei(tmp_path / "a")
    assert sensei.run(*migrate(clinic, target), fault="load.commit.after:12").code == KILLED
    assert sensei.run("discard", sensei.only_run, fault=point).code == KILLED
    assert sensei.run("discard", sensei.only_run).code == 0
    assert target.exists() == (engine in ("postgresql", "mariadb"))
    if target.exists():
        assert target.row_counts() == {}
        assert target.leftovers() == []
