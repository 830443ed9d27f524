"""Writes `docs/adversarial.md` from the corpus, the peers' recorded answers, and KORA's tested verdicts."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from tests.adversarial.corpus import Case, cases
from tests.adversarial.pairs import record

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "adversarial.md"
FACTS_FILE = ROOT / "benchmarks" / "results" / "adversarial.json"
KINDS = ("right", "wrong", "no rule", "no answer")
PEERS = ("reladiff", "data-diff", "rowproof")
_HEAD = """# Who says what: the adversarial corpus

Written by `make docs`. Each case is two small PostgreSQL tables, made to lead a verifier astray: different
data that something calls the same, and the same data that something calls different. The cases are data:
[cases.yaml](../tests/adversarial/cases.yaml). KORA's column is held by tests that run with every `make test`.
The peers' answers are what the published programs printed, asked by `python -m benchmarks.adversarial` and
recorded with their versions in [adversarial.json](../benchmarks/results/adversarial.json): {versions}. Each
got two URLs, the table, its key and all columns; where a peer has an option for the case, it got that too.

**wrong** marks an answer that is not true of what is stored. `no answer` means that the program refused,
failed, or found no such column; the reasons are below. A peer that compares short tables row by row and long
ones by checksum may be right of the one and wrong of the other: such cases stand here twice. Some differences
are ones that a peer declares to round or fold by design (scale, precision, float digits): they are marked all
the same, since the stored data differ. `no rule` means that the same data count as such under a rule that
KORA has a name for and the peer has none. A peer may also say `same` because it left out a column that it
could not pair, as in "a renamed column": that is counted as right here.
"""


_OTHERS = """## Between other engines

KORA's verdicts again, where the left table lies on the first engine and the right one on the second. Nothing
of a case's SQL is translated: the values that PostgreSQL stored are put into columns of the same kind, and are
read back before the case counts. A dash marks a case that one of the engines cannot express. The peers were
asked about PostgreSQL alone.

"""


def facts() -> dict[str, Any]:
    """The peers' answers as they were recorded."""
    loaded: dict[str, Any] = json.loads(FACTS_FILE.read_text(encoding="utf-8"))
    return loaded


def page() -> str:
    """The whole page."""
    recorded = facts()
    versions = ", ".join(f"{name} {version}" for name, version in recorded["versions"].items())
    parts = [_HEAD.format(versions=versions), _summary(recorded)]
    parts.append("## Different data\n\n" + _table([case for case in cases() if case.truth == "different"], recorded))
    parts.append("## The same data\n\n" + _table([case for case in cases() if case.truth == "same"], recorded))
    parts.append("## Why there was no answer\n\n" + _refusals(recorded))
    parts.append(_OTHERS + _between_engines())
    parts.append("### Why a case is not there\n\n" + _absent())
    return "\n".join(parts)


def _summary(recorded: dict[str, Any]) -> str:
    lines = ["| of " + str(len(cases())) + " cases | right | wrong | no rule | no answer |"]
    lines.append("|---|---|---|---|---|")
    decided = sum(1 for case in cases() if case.verdict != "not_proven")
    lines.append(f"| KORA | {decided} | 0 | 0 | {len(cases()) - decided} |")
    for peer in PEERS:
        kinds = Counter(_kind(case, recorded["cases"][case.name]["answers"][peer]["says"], peer) for case in cases())
        lines.append(f"| {peer} | " + " | ".join(str(kinds[kind]) for kind in KINDS) + " |")
    return "\n".join(lines) + "\n"


def _table(chosen: list[Case], recorded: dict[str, Any]) -> str:
    lines = ["| case | what leads astray | KORA | " + " | ".join(PEERS) + " |", "|---|---|---|" + "---|" * len(PEERS)]
    for case in chosen:
        answers = recorded["cases"][case.name]["answers"]
        told = [_word(case, answers[peer]["says"], peer) for peer in PEERS]
        lines.append(f"| {_cell(case.name)} | {_cell(case.lure)} | {_kora(case)} | {' | '.join(told)} |")
    return "\n".join(lines) + "\n"


def _kora(case: Case) -> str:
    rules = {rule["rule"] for entry in case.rules for rule in _rules(entry)}
    named = f", `{'`, `'.join(sorted(rules))}`" if rules else ""
    return f"{case.verdict.replace('_', ' ')}{named}"


def _rules(entry: dict[str, Any]) -> list[dict[str, Any]]:
    sides = [entry[name] for name in ("source_representation", "target_representation") if name in entry]
    return [*sides, *entry.get("policies", ())]


def _word(case: Case, says: str, peer: str) -> str:
    given = f" (`{' '.join(case.options[peer])}`)" if peer in case.options else ""
    kind = _kind(case, says, peer)
    if kind == "no answer":
        return f"no answer{given}"
    return f"{says}{given}" if kind == "right" else f"{says}, {'**wrong**' if kind == 'wrong' else kind}{given}"


def _kind(case: Case, says: str, peer: str) -> str:
    """What an answer is worth: one of `KINDS`."""
    if says == "refused":
        return "no answer"
    if says == case.truth:
        return "right"
    ruled = any(_rules(entry) for entry in case.rules)
    return "no rule" if ruled and peer not in case.options else "wrong"


def _refusals(recorded: dict[str, Any]) -> str:
    lines = ["| case | peer | its words |", "|---|---|---|"]
    for case in cases():
        for peer in PEERS:
            answer = recorded["cases"][case.name]["answers"][peer]
            if answer["says"] == "refused":
                lines.append(f"| {_cell(case.name)} | {peer} | {_cell(answer.get('note', ''))} |")
    return "\n".join(lines) + "\n"


def _between_engines() -> str:
    known = record()
    lines = ["| case | " + " | ".join(known) + " |", "|---|" + "---|" * len(known)]
    counts = [f"{sum(not reason for reason in known[pair].values())} of {len(cases())}" for pair in known]
    for case in cases():
        told = ["–" if known[pair][case.name] else case.verdict.replace("_", " ") for pair in known]
        if set(told) != {"–"}:
            lines.append(f"| {_cell(case.name)} | {' | '.join(told)} |")
    lines.append("| **all right, of those that are there** | " + " | ".join(counts) + " |")
    return "\n".join(lines) + "\n"


def _absent() -> str:
    """Reason → cases, per pair; alike reasons of one case stand together."""
    lines = ["| case | why, and in which pairs |", "|---|---|"]
    for case in cases():
        reasons: dict[str, list[str]] = {}
        for pair, known in record().items():
            if known[case.name]:
                reasons.setdefault(known[case.name], []).append(pair)
        if reasons:
            told = "; ".join(f"{reason} ({', '.join(pairs)})" for reason, pairs in reasons.items())
            lines.append(f"| {_cell(case.name)} | {_cell(told)} |")
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
