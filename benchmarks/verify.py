"""Verifying a PostgreSQL table against another: KORA, reladiff, rowproof, and the bare egress of both sides at once."""

import json
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.data import TABLE
from benchmarks.measure import Contestant, Finished, Sample, run
from tests.servers import Database

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Case:
    """Two tables and how many rows differ."""

    source: Database
    target: Database
    differences: int
    folder: Path
    peers: Path


def contestants(case: Case, threads: int) -> list[Contestant]:
    """All of them, with the best options that we found for each peer on this machine."""
    return [
        Contestant(
            "kora",
            "kora verify SOURCE TARGET --out DIR --json",
            lambda: kora(case.source.url, case.target.url, case.differences, case.folder),
        ),
        Contestant(
            "reladiff",
            "reladiff SOURCE visit TARGET visit -k id -c % --assume-unique-key --skip-sort-results"
            f" --bisection-factor {RELADIFF_FACTOR} -j {threads} --json",
            lambda: reladiff(case.source.url, case.target.url, case.differences, case.peers, threads),
        ),
        Contestant(
            "rowproof",
            f"rowproof diff SOURCE/visit TARGET/visit --key id --algorithm hashdiff --threads {threads} --output json",
            lambda: _rowproof(case, threads),
        ),
        Contestant(
            "bare egress",
            "psql -c '\\copy visit to /dev/null (format binary)' on both databases at once",
            lambda: egress(case.source, case.target),
        ),
    ]


RELADIFF_FACTOR = 32


def kora(source: str, target: str, differences: int, folder: Path, *options: str) -> Sample:
    """`kora verify` of two URLs, with more options; its answer must be right."""
    out = folder / f"kora-{time.monotonic_ns()}"
    finished = run(
        [sys.executable, "-m", "kora.cli", "verify", source, target, "--out", out, "--json", *options],
        environment={"SENSEI_HOME": str(folder / "home"), "PYTHONPATH": str(ROOT)},
    )
    _expect(finished, 1 if differences else 0)
    answer = json.loads(finished.output)
    table = answer["tables"][0]
    found = table["mismatch"] + table["missing_in_target"] + table["extra_in_target"]
    if found != differences or not Path(answer["certificate"]).exists():
        raise AssertionError(f"kora found {found} differences, {differences} were made")
    return replace(finished.sample, parts={"comparison": answer["seconds"]})


def reladiff(source: str, target: str, differences: int, peers: Path, threads: int, *, may_err: bool = False) -> Sample:
    """`reladiff` of the same table behind two URLs; its answer must be right; where it may err, that is printed."""
    finished = run(
        [
            peers / "reladiff", source, TABLE, target, TABLE, "-k", "id", "-c", "%",
            "--assume-unique-key", "--skip-sort-results", "--bisection-factor", str(RELADIFF_FACTOR),
            "-j", str(threads), "--json",
        ],
        environment={"COLUMNS": "100000"},  # else its JSON is wrapped at the terminal's width
    )  # fmt: skip
    _expect(finished, 0)
    if " ERROR " in finished.errors + finished.output:  # it exits with 0 even where it could not connect
        raise AssertionError(f"reladiff did not compare: {finished.errors or finished.output}")
    rows = {str(json.loads(line)[1][0]) for line in finished.output.splitlines() if line.startswith("[")}
    if len(rows) != differences and may_err:
        print(f"  reladiff is wrong here: it calls {len(rows)} rows different, {differences} are", flush=True)
    elif len(rows) != differences:
        raise AssertionError(f"reladiff found {len(rows)} rows, {differences} were made")
    return finished.sample


def _rowproof(case: Case, threads: int) -> Sample:
    finished = run(
        [
            case.peers / "rowproof", "diff", f"{case.source.url}/{TABLE}", f"{case.target.url}/{TABLE}", "--key", "id",
            "--algorithm", "hashdiff", "--threads", str(threads), "--output", "json", "--fail-on", "none",
        ]
    )  # fmt: skip
    _expect(finished, 0)
    return finished.sample


def egress(*databases: Database) -> Sample:
    """Two sessions, each with a client that discards what it gets."""
    started = time.perf_counter()
    sessions = [
        subprocess.Popen(
            ["psql", database.url, "-q", "-X", "-c", rf"\copy {TABLE} to /dev/null (format binary)"],
            stdin=subprocess.DEVNULL,
        )
        for database in databases
    ]
    codes = [session.wait() for session in sessions]
    if any(codes):
        raise AssertionError("psql failed")
    return Sample(time.perf_counter() - started, 0.0, 0)


def _expect(finished: Finished, exit_code: int) -> None:
    if finished.exit_code != exit_code:
        raise AssertionError(f"exit code {finished.exit_code}:\n{finished.output[-2000:]}\n{finished.errors[-2000:]}")
