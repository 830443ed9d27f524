"""All that `sensei` prints. Results on stdout, progress and questions on stderr."""

import json
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.table import Table

from appliance.changes import Changed
from appliance.history import RunState
from appliance.pipeline import Outcome
from appliance.planning.assess import Assessment
from appliance.planning.model import Plan
from appliance.progress import Event
from kora.cli.entry import tell_unused
from kora.evidence import report_json, report_terminal
from kora.evidence.report_words import visible
from kora.evidence.verdict import decide_result
from kora.exit_codes import ExitCode

_REFRESH_SECONDS = 0.2


class Progress:
    """Shows events while a run works: a live line on a terminal, a plain line per stage otherwise."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._console = Console(stderr=True, quiet=quiet, highlight=False, markup=False)
        self._stage, self._event = "", Event("note", "")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._refresh, name="progress", daemon=True)
        self._status = self._console.status("")

    def __enter__(self) -> "Progress":
        if self._console.is_terminal and not self._console.quiet:
            self._status.start()
            self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.pause()

    def __call__(self, event: Event) -> None:
        """Receives what the run tells."""
        if event.kind == "stage":
            self._stage = event.text
            if not self._console.is_terminal:
                self._console.print(f"{time.strftime('%H:%M:%S')} {event.text}")
        if event.kind == "announcement":  # said even where nothing else is
            Console(stderr=True, highlight=False, markup=False).print(visible(event.text))
        self._event = event

    def pause(self) -> None:
        """Takes the live line away for good: a question follows, or the end."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        self._status.stop()

    def _refresh(self) -> None:
        while not self._stop.wait(_REFRESH_SECONDS):
            event = self._event
            rows = event.counters.rows if event.counters else 0
            total = f" of about {event.total_rows:,}" if event.total_rows else ""
            counted = f"  {rows:,}{total} rows" if event.counters else ""
            self._status.update(visible(f"{self._stage}: {event.text}{counted}"))


def print_outcome(outcome: Outcome, *, as_json: bool) -> int:
    """The end of a migration; returns its exit code."""
    if as_json:
        body = report_json.result_json(outcome.result, outcome.artifacts)
        report_json.print_json({**body, "run": outcome.run.id, "notes": list(outcome.notes)})
    else:
        report_terminal.print_result(outcome.result, outcome.artifacts)
        console = _stdout()
        for note in outcome.notes:
            console.print(f"note: {visible(note)}")
        console.print(f"run {outcome.run.id}; its plan: {outcome.run.plan_path}")
    tell_unused(outcome.run.request.accept_loss, outcome.result.losses, len(outcome.result.quarantined))
    return int(decide_result(outcome.result).exit_code)


def print_plan(plan: Plan, path: Path) -> None:
    """What a plan decided, and where it lies."""
    print_decisions(plan)
    _stdout().print(f"\nThe plan is in {path}: read it, edit it, approve its losses, then migrate with --plan {path}")


def print_decisions(plan: Plan) -> None:
    """What a person must decide: the losses, with their reasons."""
    console = _stdout()
    columns = sum(len(table.columns) for table in plan.tables)
    console.print(f"{len(plan.tables)} tables with {columns} columns, {len(plan.views)} views")
    pending = [loss for loss in plan.losses if not loss.approved_by]
    if not pending:
        console.print("no loss waits for an approval")
        return
    grid = Table(box=None, pad_edge=False, header_style="bold", title=f"{len(pending)} losses wait for an approval")
    grid.title_justify = "left"
    for name in ("Rule", "What", "Count", "Why"):
        grid.add_column(name, overflow="fold", justify="right" if name == "Count" else "left")
    for loss in pending:
        grid.add_row(visible(loss.rule), visible(loss.subject), f"{loss.count:,}", visible(loss.reason))
    console.print(grid)


def print_assessment(assessment: Assessment, *, as_json: bool) -> None:
    """What is in a database and what about it is hard."""
    if as_json:
        report_json.print_json(assessment.to_json())
        return
    console = _stdout()
    for name, value in assessment.summary():
        console.print(f"{name:<14} {visible(value)}")
    sizes = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("Table", "Rows", "Columns", "Key"):
        sizes.add_column(name, overflow="fold", justify="right" if name in ("Rows", "Columns") else "left")
    for table in assessment.tables:
        rows = "?" if table.rows is None else f"{table.rows:,}" if table.counted else f"about {table.rows:,}"
        sizes.add_row(visible(str(table.name)), rows, str(table.columns), "yes" if table.has_key else "none")
    hard = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("Severity", "Where", "What is hard"):
        hard.add_column(name, overflow="fold")
    for item in assessment.hard:
        hard.add_row(item.severity, visible(item.subject), visible(item.text))
    for grid in (sizes, hard):
        if grid.row_count:
            console.print()
            console.print(grid)


def print_recheck(run: str, changed: Sequence[Changed], *, as_json: bool) -> int:
    """Whether the source still is what was migrated; 1 if not."""
    if as_json:
        tables = [
            {"table": item.table, "what": item.what, "rows_then": item.rows_then, "rows_now": item.rows_now}
            for item in changed
        ]
        report_json.print_json({"changed": bool(changed), "tables": tables})
    elif not changed:
        _stdout().print(f"the source is what run {run} migrated: nothing has changed")
    else:
        console = _stdout()
        for item in changed:
            console.print(f"changed: {visible(item.table)} ({_change(item)})")
        console.print("the target lacks these changes: migrate anew before cutover")
    return int(ExitCode.DIFFERENT if changed else ExitCode.EQUIVALENT)


def _change(item: Changed) -> str:
    """What became of a table, in words."""
    counts = f"{item.rows_then:,} rows then" if item.rows_then is not None else ""
    counts += f", {item.rows_now:,} now" if item.rows_now is not None and counts else ""
    match item.what:
        case "rows":
            return counts
        case "columns":
            return f"its columns are others; {counts}"
        case "gone":
            return f"it is no longer there{f'; {counts}' if counts else ''}"
        case "new":
            return "it is new" if item.rows_now is None else f"it is new, with {item.rows_now:,} rows"
        case "unreadable":
            return f"it can no longer be read; {counts}"


def print_runs(states: Sequence[RunState], *, as_json: bool) -> None:
    """All runs."""
    if as_json:
        sys.stdout.write(json.dumps([_state_json(state) for state in states], indent=2) + "\n")
        return
    grid = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("Run", "State", "Verdict", "Source", "Target"):
        grid.add_column(name, overflow="fold")
    for state in states:
        request = state.run.request
        grid.add_row(state.run.id, state.state, state.verdict, visible(request.source), visible(request.target))
    _stdout().print(grid if states else "no run yet")


def print_run(state: RunState, *, as_json: bool) -> None:
    """One run."""
    if as_json:
        report_json.print_json(_state_json(state))
        return
    console = _stdout()
    request = state.run.request
    for name, value in (
        ("Run", state.run.id),
        ("Begun", state.run.created),
        ("State", state.state),
        ("Source", request.source),
        ("Target", request.target),
        ("Plan", str(state.run.plan_path)),
    ):
        console.print(f"{name:<8} {visible(value)}")
    for stage, progress, milliseconds in state.stages:
        console.print(f"  {stage:<10} {progress:<8} {milliseconds / 1000:8.1f} s")
    for note in state.notes:
        console.print(f"note: {visible(note)}")
    if state.result:
        console.print()
        report_terminal.print_result(state.result, None)


def print_lines(lines: Sequence[str]) -> None:
    """Plain lines."""
    for line in lines:
        _stdout().print(visible(line))


def _state_json(state: RunState) -> dict[str, object]:
    return {
        "run": state.run.id,
        "created": state.run.created,
        "state": state.state,
        "verdict": state.verdict or None,
        "source": state.run.request.source,
        "target": state.run.request.target,
        "stages": [{"stage": name, "state": step, "milliseconds": ms} for name, step, ms in state.stages],
        "notes": list(state.notes),
    }


def _stdout() -> Console:
    return report_terminal.stdout_console()
