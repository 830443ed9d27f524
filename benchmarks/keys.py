"""KORA beside reladiff, data-diff and rowproof where keys are integers, UUIDs or texts, with gaps: PostgreSQL twice.

Three pairs of tables per kind of key: equal, with 10 differences, with 100,000, scattered over the whole key order. Of
ten differences six are altered rows, two are missing in the target and two are extra. A peer counts only where its
answer is right; one that is wrong or cannot is named. A peer is stopped when its patience is used up; its ratio is then
a lower bound. KORA runs twice with many differences: as it comes, which lists 100 rows and counts all, and listing all.
"""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks import data, verify
from benchmarks.bench import Bench
from benchmarks.measure import Finished, Sample, run
from benchmarks.report import Ratio, tell
from tests.servers import Database

ROWS = 2_000_000
REPEAT = 2
DIFFERENCES = (0, 10, 100_000)
MOST_FINDINGS = 100_000
MEMORY_LIMIT_BYTES = 600_000_000
ROOT = Path(__file__).resolve().parent.parent
PEERS = ("reladiff", "data-diff", "rowproof")
_EGRESS = "bare egress"
OTHERS = "site, amount, patient, note, seen_at, weight, paid"


@dataclass(frozen=True)
class Key:
    """SQL that makes a key from the seeded table's `id`, and from such a key another one that no row has."""

    name: str
    make: str
    another: str


KEYS = (
    Key("integer", "id * 2", "id + 1"),
    Key("uuid", f"md5('{data.SEED} ' || id)::uuid", "md5('another ' || id)::uuid"),
    Key(
        "text", "'KE-' || lpad((id * 7 % 100000000)::text, 8, '0') || '-' || chr(65 + (id % 26)::int)",
        "left(id, -1) || lower(right(id, 1))",
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Counts:
    """How many rows differ, in which way."""

    altered: int
    missing: int
    extra: int

    @classmethod
    def of(cls, differences: int) -> "Counts":
        """Of ten: six, two, two."""
        return cls(differences // 10 * 6, differences // 10 * 2, differences // 10 * 2)

    @property
    def total(self) -> int:
        """All of them."""
        return self.altered + self.missing + self.extra


@dataclass(frozen=True)
class Answer:
    """What one run came to. `wrong` is empty where the answer was right; `stopped`: it had none in time."""

    sample: Sample
    wrong: str = ""
    stopped: bool = False


@dataclass(frozen=True)
class Pair:
    """Two tables and what is true of them."""

    source: Database
    target: Database
    counts: Counts


Ask = Callable[[Bench, Pair], Answer]


def measure(bench: Bench) -> None:
    """All keys, all numbers of differences; writes `keys.json`."""
    rows = bench.rows or ROWS
    base = bench.server.create_database()
    data.write_postgresql(base, rows)
    cases, ratios = [], []
    for key in KEYS:
        source = _keyed(bench, base, key)
        for differences in DIFFERENCES:
            counts = Counts.of(min(differences, rows // 100 * 10))
            tell(f"\n{key.name} keys, {counts.total:,} of {rows:,} rows differ")
            pair = Pair(source, _altered(bench, source, key, counts, rows), counts)
            answers = _ask_all(bench, pair)
            cases.append({"key": key.name, "differences": counts.total, "contestants": _summary(answers)})
            ratios += _ratios(f"{key.name} keys, {counts.total:,} differ", answers, counts.total)
            bench.drop(pair.target)
        bench.drop(source)
    bench.drop(base)
    body = {
        "rows": rows,
        "seed": data.SEED,
        "memory": "summed RSS of the process tree, sampled every 20 ms",
        "patience_seconds": bench.patience_seconds,
        "cases": cases,
    }
    bench.report.write("keys", body, ratios)


def _keyed(bench: Bench, base: Database, key: Key) -> Database:
    made = bench.server.create_database(f"TEMPLATE {base.settings['dbname']}")
    made.execute(
        f"CREATE TABLE keyed AS SELECT {key.make} AS id, {OTHERS} FROM {data.TABLE} ORDER BY 1",
        f"DROP TABLE {data.TABLE}",
        f"ALTER TABLE keyed RENAME TO {data.TABLE}",
        f"ALTER TABLE {data.TABLE} ADD PRIMARY KEY (id)",
    )
    data.settle(made)
    return made


def _altered(bench: Bench, source: Database, key: Key, counts: Counts, rows: int) -> Database:
    target = bench.server.create_database(f"TEMPLATE {source.settings['dbname']}")
    if counts.total:
        step = rows // counts.total
        target.execute(
            f"CREATE TABLE hit AS SELECT id, n / {step} % 10 AS kind FROM (SELECT id, row_number() OVER (ORDER BY id)"
            f" AS n FROM {data.TABLE}) s WHERE n % {step} = 0 ORDER BY id LIMIT {counts.total}",
            f"UPDATE {data.TABLE} t SET amount = amount + 0.01 FROM hit WHERE hit.id = t.id AND kind < 6",
            f"INSERT INTO {data.TABLE} (id, {OTHERS}) SELECT {key.another}, {OTHERS} FROM hit"
            f" JOIN {data.TABLE} USING (id) WHERE kind > 7",
            f"DELETE FROM {data.TABLE} t USING hit WHERE hit.id = t.id AND kind IN (6, 7)",
            "DROP TABLE hit",
        )
    data.settle(target)
    return target


def _ask_all(bench: Bench, pair: Pair) -> dict[str, list[Answer]]:
    asked: dict[str, Ask] = {
        "kora": _kora,
        "reladiff": _reladiff,
        "data-diff": _data_diff,
        "rowproof": _rowproof,
        _EGRESS: lambda _, pair: Answer(verify.egress(pair.source, pair.target)),
    }
    if pair.counts.total > 1000:
        asked["kora, all rows listed"] = lambda bench, pair: _kora(bench, pair, findings=MOST_FINDINGS)
    answers: dict[str, list[Answer]] = {name: [] for name in asked}
    for turn in range(bench.repeat or REPEAT):
        for name, ask in asked.items() if turn % 2 == 0 else reversed(asked.items()):
            spent = sum(answer.sample.seconds for answer in answers[name])
            useless = any(answer.wrong or answer.stopped for answer in answers[name])
            if useless or spent > bench.patience_seconds:
                continue
            answer = ask(bench, pair)
            answers[name].append(answer)
            said = f"stopped after {bench.patience_seconds:g} s" if answer.stopped else answer.wrong or "right"
            tell(f"  {name:<22} {answer.sample.seconds:7.2f} s, peak {answer.sample.peak_bytes / 1e6:.0f} MB: {said}")
            if answer.stopped:
                _end_sessions(bench)
    return answers


def _end_sessions(bench: Bench) -> None:
    """A client that was killed leaves its queries running: nobody else is to wait for them."""
    Database(bench.server.settings).execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    )


def _kora(bench: Bench, pair: Pair, findings: int = 100) -> Answer:
    out = bench.folder / f"kora-{time.monotonic_ns()}"
    environment = {
        "SENSEI_HOME": str(bench.folder / "home"),
        "PYTHONPATH": str(ROOT),
        "SENSEI_FINDINGS_PER_TABLE": str(findings),
    }
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "kora.cli",
        "verify",
        pair.source.url,
        pair.target.url,
        "--out",
        out,
        "--json",
    ]
    finished = run(command, environment=environment)
    if finished.exit_code != (1 if pair.counts.total else 0):
        raise AssertionError(f"kora failed: {finished.output[-2000:]}\n{finished.errors[-2000:]}")
    table = json.loads(finished.output)["tables"][0]
    found = Counts(table["mismatch"], table["missing_in_target"], table["extra_in_target"])
    if found != pair.counts:
        raise AssertionError(f"kora found {found}, {pair.counts} were made")
    return Answer(finished.sample)


def _reladiff(bench: Bench, pair: Pair) -> Answer:
    options = ["--skip-sort-results", "--bisection-factor", "32"]
    return _by_lines(bench, pair, [bench.peers / "reladiff"], options)


def _data_diff(bench: Bench, pair: Pair) -> Answer:
    # Its --bisection-factor takes no number (it compares the text with one); its default is the same 32.
    return _by_lines(bench, pair, [bench.data_diff / "data-diff"], ["--no-tracking"])


def _by_lines(bench: Bench, pair: Pair, program: list[Path], options: list[str]) -> Answer:
    """Both print a JSON array for each row that stands on one side only: `-` for the first, `+` for the second."""
    if not program[0].exists():
        return _absent(program[0])
    finished = run(
        [
            *program, pair.source.url, data.TABLE, pair.target.url, data.TABLE, "-k", "id", "-c", "%",
            "--assume-unique-key", "-j", str(bench.threads), "--json", *options,
        ],
        environment={"COLUMNS": "100000", "DO_NOT_TRACK": "1"},  # else the JSON is wrapped at the terminal's width
        limit_seconds=bench.patience_seconds,
    )  # fmt: skip
    if finished.exit_code == -9:
        return Answer(finished.sample, stopped=True)
    failure = next((line for line in (finished.errors + finished.output).splitlines() if " ERROR " in line), "")
    if finished.exit_code or failure:
        return Answer(finished.sample, wrong=f"cannot: {_short(failure or finished.errors)}")
    rows: dict[str, set[str]] = {"-": set(), "+": set()}
    for line in finished.output.splitlines():
        if line.startswith("["):
            side, row = json.loads(line)
            rows[side].add(str(row[0]))
    altered = len(rows["-"] & rows["+"])
    return _judged(finished, pair, Counts(altered, len(rows["-"]) - altered, len(rows["+"]) - altered))


def _rowproof(bench: Bench, pair: Pair) -> Answer:
    """Asked for counts alone: its JSON cannot hold a UUID."""
    program = bench.peers / "rowproof"
    if not program.exists():
        return _absent(program)
    finished = run(
        [
            program, "diff", f"{pair.source.url}/{data.TABLE}", f"{pair.target.url}/{data.TABLE}", "--key", "id",
            "--algorithm", "hashdiff", "--threads", str(bench.threads), "--output", "json", "--fail-on", "none",
            "--max-diff-rows", "0",
        ],
        limit_seconds=bench.patience_seconds,
    )  # fmt: skip
    if finished.exit_code == -9:
        return Answer(finished.sample, stopped=True)
    if finished.exit_code:
        return Answer(finished.sample, wrong=f"cannot: {_short(finished.errors or finished.output)}")
    said = json.loads(finished.output)
    return _judged(finished, pair, Counts(said["changed"], said["missing_in_target"], said["extra_in_target"]))


def _judged(finished: Finished, pair: Pair, found: Counts) -> Answer:
    return Answer(finished.sample, "" if found == pair.counts else f"wrong: found {found}, {pair.counts} were made")


def _absent(program: Path) -> Answer:
    return Answer(Sample(0.0, 0.0, 0), wrong=f"cannot: {program.name} is not installed")


def _short(text: str) -> str:
    lines = [line for line in text.split("\n") if line.strip()] or ["it said nothing"]
    return " ".join(lines[-1].split())[:160]


def _summary(answers: dict[str, list[Answer]]) -> dict[str, object]:
    return {
        name: {
            "answer": given[-1].wrong or ("no answer in time" if given[-1].stopped else "right"),
            "median_seconds": round(_seconds(given), 3),
            "processor_seconds": round(median(answer.sample.processor_seconds for answer in given), 3),
            "peak_bytes": max(answer.sample.peak_bytes for answer in given),
            "seconds": [round(answer.sample.seconds, 3) for answer in given],
        }
        for name, given in answers.items()
    }


def _seconds(given: list[Answer]) -> float:
    return median(answer.sample.seconds for answer in given)


def _ratios(title: str, answers: dict[str, list[Answer]], differences: int) -> list[Ratio]:
    """The best of the peers that were right against KORA; one that was stopped is as good as its patience."""
    peers = {name: answers[name] for name in PEERS if not answers[name][-1].wrong}
    bare = _seconds(answers["kora"]) / _seconds(answers[_EGRESS])
    ratios = [Ratio(f"{title}: kora ÷ bare egress", bare, None, at_least=False)]
    for name in ("kora", "kora, all rows listed"):
        if name in answers and peers:
            best = min(peers, key=lambda peer: _seconds(peers[peer]))
            value = _seconds(peers[best]) / _seconds(answers[name])
            bound = 6.0 if differences else 2.5
            said = title if name == "kora" else f"{title}, all listed"
            ratios.append(
                Ratio(f"{said}: {best} ÷ kora", value, bound, at_least=True, is_floor=peers[best][-1].stopped)
            )
        if name in answers and differences > 1000:
            peak = max(answer.sample.peak_bytes for answer in answers[name]) / MEMORY_LIMIT_BYTES
            ratios.append(Ratio(f"{title}: {name}, peak ÷ 600 MB", peak, 1, at_least=False))
    return ratios
