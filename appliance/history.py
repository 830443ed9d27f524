"""What became of earlier runs, read from their folders."""

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from appliance.journal import Journal
from appliance.run import Run, list_runs, open_run
from kora.comparison.result import VerificationResult
from kora.settings import Settings

State: TypeAlias = Literal["unfinished", "finished", "discarded"]


@dataclass(frozen=True, slots=True)
class RunState:
    """One run as its folder tells it. `stages` are (name, state, milliseconds); `result` only once verified."""

    run: Run
    state: State
    stages: tuple[tuple[str, str, int], ...]
    notes: tuple[str, ...]
    result: VerificationResult | None

    @property
    def verdict(self) -> str:
        """The verdict, or an empty text before there is one."""
        return self.result.verdict if self.result else ""


def run_states(settings: Settings) -> list[RunState]:
    """All runs, oldest first."""
    return [_state(run) for run in list_runs(settings.home_directory)]


def run_state(settings: Settings, run_id: str) -> RunState:
    """One run by its id or an unambiguous beginning of it."""
    return _state(open_run(settings.home_directory, run_id))


def _state(run: Run) -> RunState:
    with closing(Journal(run.journal_path)) as journal:
        stages = journal.stages()
        discarded = bool(journal.fact("discarded"))
        notes = tuple(journal.notes())
    finished = stages.get("cleanup", ("started",))[0] == "done"
    state: State = "discarded" if discarded else "finished" if finished else "unfinished"
    steps = tuple((name, entry[0], entry[1]) for name, entry in stages.items())
    return RunState(run, state, steps, notes, _result(run.folder / "result.json"))


def _result(path: Path) -> VerificationResult | None:
    if not path.exists():
        return None
    return VerificationResult.model_validate_json(path.read_text(encoding="utf-8"))
