"""What a measurement comes to: ratios with their floors, JSON files, and the table at the end of a run."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Ratio:
    """A figure, and the bound that it is to keep: at least, or at most. No bound: the figure alone is told."""

    name: str
    value: float
    bound: float | None
    at_least: bool
    is_floor: bool = False
    """The contestant beside it was stopped before it had an answer: the true value is this one or more."""

    @property
    def reached(self) -> bool:
        """Whether the bound is kept."""
        if self.bound is None:
            return True
        return self.value >= self.bound if self.at_least else self.value <= self.bound

    def facts(self) -> dict[str, object]:
        """For JSON."""
        bound = {} if self.bound is None else {"at_least" if self.at_least else "at_most": self.bound}
        more = {"or_more": True} if self.is_floor else {}
        return {"value": round(self.value, 3), **more, **bound, "reached": self.reached}

    def line(self) -> str:
        """For a person."""
        sign, word = "≥" if self.at_least else "≤", "reached" if self.reached else "NOT reached"
        aim = "" if self.bound is None else f"{sign} {self.bound:g}  {word}"
        return f"{self.name:<66} {'≥' if self.is_floor else ' '}{self.value:7.2f}    {aim}"


@dataclass
class Report:
    """Writes each benchmark's JSON into a folder and remembers its ratios for the table at the end."""

    folder: Path
    machine: dict[str, object]
    ratios: dict[str, list[Ratio]] = field(default_factory=dict)

    def write(self, name: str, body: Mapping[str, object], ratios: list[Ratio]) -> None:
        """One benchmark: its facts, the machine's, its ratios."""
        measured = {
            "benchmark": name,
            **body,
            "machine": self.machine,
            "ratios": {ratio.name: ratio.facts() for ratio in ratios},
        }
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{name}.json"
        path.write_text(json.dumps(measured, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        self.ratios[name] = ratios
        for ratio in ratios:
            tell(f"  {ratio.line()}")
        tell(f"  → {path}")

    def table(self) -> str:
        """All ratios of this run."""
        lines = ["", "Ratios of this run, and the bounds they are to keep"]
        for name, ratios in self.ratios.items():
            lines += [name, *(f"  {ratio.line()}" for ratio in ratios)]
        return "\n".join(lines)


def tell(line: str) -> None:
    """Prints at once."""
    print(line, flush=True)
