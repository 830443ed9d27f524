"""What became of every kind in one migration: judged from what both clients show, and held against what was declared.

A kind's column arrives under its own type, arrives as text under a representation that the plan names, loses rows to
the quarantine that the plan announced, is changed by a policy that the plan counts, or is refused with a reason.
Anything else is a change that nobody declared: `Undeclared`.
"""

import json
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.corpus.clients import Client, Column, Shown
from tests.corpus.kinds import Kind
from tests.corpus.meaning import family_of, meaning
from tests.e2e.migrating import Said


class Undeclared(AssertionError):
    """Something arrived otherwise than it was, and the plan does not say so."""


@dataclass(frozen=True)
class Outcome:
    """One kind on one target."""

    kind: Kind
    target_type: str = ""
    rules: tuple[str, ...] = ()
    changed: dict[str, int] = field(default_factory=dict)
    """Values that each policy changed, as the plan's ledger counts them."""
    quarantined: int = 0
    refused: str = ""

    @property
    def cell(self) -> str:
        """One line for the page of types."""
        if self.refused:
            return f"refused: {self.refused}"
        text = f"`{self.target_type}`"
        if self.rules:
            text += " as " + ", ".join(f"`{rule}`" for rule in self.rules)
        for rule, count in self.changed.items():
            text += f"; `{rule}` changes {count}"
        if self.quarantined:
            text += f"; {self.quarantined} of {len(self.kind.literals)} quarantined"
        return text


@dataclass(frozen=True)
class Moved:
    """A migration of a corpus, and both sides' clients."""

    source_engine: str
    target_engine: str
    source: Client
    target: Client
    said: Said
    known: dict[str, Column]
    """What the source's client showed already; the same for every migration from it."""

    def there(self, kind: Kind) -> Column:
        """A kind's values in the source."""
        if kind.table not in self.known:
            self.known[kind.table] = self.source.read(kind.table, kind.show)
        return self.known[kind.table]

    @property
    def same_engine(self) -> bool:
        return self.source_engine == self.target_engine


def outcomes(moved: Moved, kinds: Sequence[Kind]) -> list[Outcome]:
    """Every kind's outcome. Raises `Undeclared` with all that are not what was declared."""
    plan = moved.said.plan
    tables = {_bare(table["source"]): table for table in plan["tables"]}
    losses = [loss for loss in [*plan.get("losses", [])] if _bare(loss["subject"].rpartition(".")[0])]
    quarantine = _quarantine(moved.said)
    found, wrong = [], []
    for kind in kinds:
        told = [loss for loss in losses if _bare(loss["subject"].rpartition(".")[0]) == kind.table]
        try:
            found.append(_outcome(moved, kind, tables[kind.table], told, quarantine.get(kind.table, {})))
        except Undeclared as error:
            wrong.append(f"{kind.table}: {error}")
    if wrong:
        raise Undeclared(f"{moved.source_engine} to {moved.target_engine}:\n" + "\n".join(wrong))
    return found


def _outcome(
    moved: Moved, kind: Kind, table: dict[str, Any], losses: list[dict[str, Any]], quarantine: dict[int, str]
) -> Outcome:
    left_out = table.get("left_out") or {}
    if "v" in left_out:
        named = {entry["name"]: entry["reason"] for entry in moved.said.plan["refused"]}
        _check(any(_bare(name.rpartition(".")[0]) == kind.table for name in named), "left out, and not under `refused`")
        _check(bool(left_out["v"]), "left out without a reason")
        return Outcome(kind, refused=left_out["v"])
    planned = next(column for column in table["columns"] if column["source"] == "v")
    changes = {loss["rule"]: loss["count"] for loss in losses if loss["rule"] in _rules(planned.get("policies"))}
    announced = sum(loss["count"] for loss in losses if loss["rule"] == "quarantined")
    rules = (planned.get("source_representation"), planned.get("target_representation"))
    outcome = Outcome(
        kind, planned["target_type"], tuple(str(rule) for rule in rules if rule), changes, len(quarantine)
    )
    _compare(moved, kind, outcome, quarantine)
    _check(announced == len(quarantine), f"{len(quarantine)} rows quarantined, {announced} announced: {quarantine}")
    return outcome


def _compare(moved: Moved, kind: Kind, outcome: Outcome, quarantine: dict[int, str]) -> None:
    as_itself = moved.same_engine and not outcome.rules
    there = moved.there(kind)
    here = moved.target.read(_target_table(moved, kind), kind.show if as_itself else "")
    _check(len(there) == len(kind.literals), f"the source has {len(there)} rows")
    _check(
        set(here) == set(there) - set(quarantine), f"keys {sorted(set(there) ^ set(here))}, not {sorted(quarantine)}"
    )
    family = kind.family or family_of(outcome.target_type)
    if kind.family == "" and as_itself:
        family = "text"
    changed = [
        f"{key}: {there[key]!r:.90} became {here[key]!r:.90}"
        for key in here
        if not _same(family, there[key], here[key], outcome.rules)
    ]
    allowed = sum(outcome.changed.values())
    _check(len(changed) <= allowed, f"{len(changed)} changed, {allowed} declared, as {outcome.cell}: {changed}")
    if not outcome.changed:
        _injective(family, there, here, outcome.rules)


def _same(family: str, there: Shown, here: Shown, rules: Sequence[str]) -> bool:
    return _exact(there) == _exact(here) or meaning(family, there, rules) == meaning(family, here, rules)


def _injective(family: str, there: Column, here: Column, rules: Sequence[str]) -> None:
    """Two values that the source keeps apart must not be one on the target."""
    seen: dict[Hashable, int] = {}
    for key, value in here.items():
        first, second = there[seen.setdefault(_exact(value), key)], there[key]
        alike = _same(family, first, second, rules)
        _check(alike, f"{first!r:.60} and {second!r:.60} became one: {value!r:.60}")


def _exact(value: Shown) -> Hashable:
    return (type(value).__name__, repr(value))


def _target_table(moved: Moved, kind: Kind) -> str:
    planned = next(table for table in moved.said.plan["tables"] if _bare(table["source"]) == kind.table)
    return _bare(planned["target"])


def _rules(policies: Any) -> list[str]:
    return [str(policy).partition("(")[0] for policy in policies or []]


def _quarantine(said: Said) -> dict[str, dict[int, str]]:
    """Reasons by table and key, from the file that the run left."""
    found: dict[str, dict[int, str]] = {}
    path = said.run_folder / "quarantine.jsonl"
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        row = json.loads(line)
        found.setdefault(_bare(row["table"]), {})[int(row["key"].removeprefix("id="))] = row["reason"]
    return found


def _bare(name: Any) -> str:
    text = name["name"] if isinstance(name, dict) else str(name)
    return text.split(" ")[-1].rpartition(".")[2]


def _check(holds: bool, problem: str) -> None:
    if not holds:
        raise Undeclared(problem)
