"""`python -m benchmarks.adversarial`: what reladiff, data-diff and rowproof say of each adversarial case.

First between PostgreSQL databases, then between the engines that a peer connects to (`PEERS_OF_PAIRS`). Writes
`benchmarks/results/adversarial.json`, from which `docs/adversarial.md` is made. Facts only: what the program printed,
how it exited, and which version it was. Each peer gets two URLs, the table, its key and "all columns", and beyond that
only what a case gives it under `options`.
"""

import argparse
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.adversarial.corpus import Case, cases, make, make_together
from tests.adversarial.pairs import TOGETHER, Pair, Side, carry, pair_name, sides_of
from tests.mariadb_server import MariadbServer
from tests.servers import PostgresServer

RESULTS = Path(__file__).resolve().parent / "results" / "adversarial.json"
HBA = "local all all trust\nhost all all 127.0.0.1/32 trust\n"
TIMEOUT_SECONDS = 60
PEERS_OF_PAIRS: dict[Pair, tuple[str, ...]] = {
    ("mariadb", "postgresql"): ("reladiff", "data-diff"),
    ("mariadb", "mariadb"): ("reladiff", "data-diff"),
}
"""Where a peer has a driver for both. Of these engines rowproof 0.1.7 knows PostgreSQL alone; no peer knows SQLite."""
_LOOKED_AT_CHARACTERS = 100_000
_NOTE_CHARACTERS = 160


@dataclass(frozen=True)
class Answer:
    """`same`, `different`, or `refused` where it gave no answer, and its own words where it refused."""

    says: str
    note: str = ""


def main() -> None:
    """Asks every peer about every case."""
    options = _options()
    peers = _peers(options)
    versions = {name: _version(program) for name, (program, _) in peers.items()}
    recorded = _recorded(options.results, versions)
    facts = _still_true(recorded.get("cases", {}))
    between = {pair: _still_true(recorded.get("pairs", {}).get(pair_name(pair), {})) for pair in PEERS_OF_PAIRS}

    def write() -> None:
        told = {pair_name(pair): _ordered(found) for pair, found in between.items()}
        body = {"versions": versions, "cases": _ordered(facts), "pairs": told}
        options.results.write_text(json.dumps(body, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    with PostgresServer({"max_connections": "100"}, hba=HBA) as server, ThreadPoolExecutor(len(peers)) as pool:
        for case in cases():
            if case.name in facts:
                continue
            left, right = (Place(url, "t") for url in make(case, server))
            asked = {name: pool.submit(ask, program, case, left, right) for name, (program, ask) in peers.items()}
            answers = {name: answer.result() for name, answer in asked.items()}
            facts[case.name] = _told(case, answers)
            write()
        made = make_together(TOGETHER, server)
        for pair, names in PEERS_OF_PAIRS.items():
            for case, answers in _between(pair, made, {name: peers[name] for name in names}, between[pair], pool):
                between[pair][case.name] = _told(case, answers)
                write()
    write()


@dataclass(frozen=True)
class Place:
    """A table, as a peer is told where it lies."""

    url: str
    table: str


Ask = Callable[[Path, Case, Place, Place], Answer]
Peers = dict[str, tuple[Path, Ask]]
Facts = dict[str, dict[str, Any]]


def _between(
    pair: Pair, made: tuple[str, str], peers: Peers, known: Facts, pool: ThreadPoolExecutor
) -> Iterator[tuple[Case, dict[str, Answer]]]:
    """What the peers say of the cases that both engines can express, but of those that are known."""
    with MariadbServer() as mariadb, TemporaryDirectory() as folder:
        sides = sides_of(pair, made, mariadb, Path(folder))
        there = carry(sides, made)[0]
        for case in TOGETHER:
            if case.name in there and case.name not in known:
                left, right = (_place(side, case) for side in sides)
                asked = {name: pool.submit(ask, program, case, left, right) for name, (program, ask) in peers.items()}
                answers = {name: answer.result() for name, answer in asked.items()}
                print(f"{pair_name(pair)} {case.name:<46} {[answer.says for answer in answers.values()]}", flush=True)
                yield case, answers


def _place(side: Side, case: Case) -> Place:
    return Place(side.url.replace("mariadb://", "mysql://"), str(side.name(case)))


def _told(case: Case, answers: dict[str, Answer]) -> dict[str, Any]:
    return {"case": case.digest, "answers": {name: _fact(answer) for name, answer in answers.items()}}


def _recorded(path: Path, versions: dict[str, str]) -> dict[str, Any]:
    """The answers of the same versions; none where a version changed."""
    if not path.exists():
        return {}
    recorded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return recorded if recorded["versions"] == versions else {}


def _still_true(recorded: Facts) -> Facts:
    """Answers to cases that have not changed since: they need not be asked for again."""
    known = {case.name: case.digest for case in cases()}
    return {name: fact for name, fact in recorded.items() if known.get(name) == fact["case"]}


def _ordered(facts: Facts) -> Facts:
    """In the order of the corpus."""
    return {case.name: facts[case.name] for case in cases() if case.name in facts}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.adversarial", description=__doc__)
    here = Path(sys.executable).parent
    parser.add_argument("--peers", type=Path, default=here, help="folder of the programs reladiff and rowproof")
    parser.add_argument("--data-diff", type=Path, default=here, help="folder of data-diff, which needs pydantic 1")
    parser.add_argument("--results", type=Path, default=RESULTS)
    return parser.parse_args()


def _peers(options: argparse.Namespace) -> Peers:
    return {
        "reladiff": (options.peers / "reladiff", _reladiff),
        "data-diff": (options.data_diff / "data-diff", _data_diff),
        "rowproof": (options.peers / "rowproof", _rowproof),
    }


def _reladiff(program: Path, case: Case, left: Place, right: Place) -> Answer:
    return _by_lines([program, *_hashdiff(case, left, right), *case.options.get("reladiff", ())])


def _data_diff(program: Path, case: Case, left: Place, right: Place) -> Answer:
    return _by_lines([program, *_hashdiff(case, left, right), "--no-tracking", *case.options.get("data-diff", ())])


def _hashdiff(case: Case, left: Place, right: Place) -> list[str]:
    return [left.url, left.table, right.url, right.table, "-k", _key(case), "-c", "%", "--json"]


def _key(case: Case) -> str:
    return "v" if case.left[0].startswith("CREATE TABLE t (v") else "id"


def _by_lines(command: Sequence[str | Path]) -> Answer:
    """Both print one JSON array per differing row, and exit with 0 even where they could not compare."""
    code, output, errors = _run(command)
    failure = re.search(r"\bERROR\b.*|\b[A-Za-z]{0,40}Error\b.*", errors + output[:_LOOKED_AT_CHARACTERS])
    if code or failure:
        return Answer("refused", _short(failure.group() if failure else errors, command))
    rows = [line for line in output.splitlines() if line.startswith("[")]
    return Answer("different" if rows else "same")


def _rowproof(program: Path, case: Case, left: Place, right: Place) -> Answer:
    code, output, errors = _run(
        [
            program, "diff", f"{left.url}/{left.table}", f"{right.url}/{right.table}", "--key", _key(case),
            "--algorithm", "hashdiff", "--output", "json", "--fail-on", "any", *case.options.get("rowproof", ()),
        ]
    )  # fmt: skip
    if code not in {0, 1}:
        return Answer("refused", _short(errors or output, [program]))
    return Answer("different" if code else "same")


def _run(command: Sequence[str | Path]) -> tuple[int, str, str]:
    environment = {**os.environ, "COLUMNS": "100000", "DO_NOT_TRACK": "1"}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, stdin=subprocess.DEVNULL, env=environment
        )
    except subprocess.TimeoutExpired:
        return 124, "", f"no answer within {TIMEOUT_SECONDS} s"
    return done.returncode, done.stdout, done.stderr


def _short(text: str, command: Sequence[str | Path]) -> str:
    """The last line of what it said, without this machine's paths and addresses."""
    lines = [line for line in text.strip().splitlines() if line.strip()] or [f"{Path(command[0]).name} said nothing"]
    line = re.sub(r"(postgresql|mysql)://\S+", "URL", lines[-1].strip())
    return re.sub(r"/\S*/", "", line)[:_NOTE_CHARACTERS]


def _fact(answer: Answer) -> dict[str, str]:
    return {"says": answer.says, **({"note": answer.note} if answer.note else {})}


def _version(program: Path) -> str:
    code = f"import importlib.metadata as m; print(m.version({program.name!r}))"
    done = subprocess.run([program.parent / "python", "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


if __name__ == "__main__":
    main()
