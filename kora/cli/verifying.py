"""`kora verify`: two databases compared at their own doors, and the certificate of what was found."""

import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kora.cli.entry import FILE, entry_settings, password_prompt

if TYPE_CHECKING:
    from kora.behavior.live import BehaviorRequest
    from kora.comparison.result import AskedStrategy, VerificationResult
    from kora.databases.secrets import Prompt
    from kora.evidence.artifacts import Artifacts
    from kora.evidence.report_terminal import TerminalProgress


@click.command()
@click.argument("source")
@click.argument("target")
@click.option("--map", "mapping_file", type=FILE, help="Which tables and columns pair up, and under which rules.")
@click.option("--plan", "plan_file", type=FILE, help="A migration plan; its mapping, losses and approvals are read.")
@click.option(
    "--quarantine",
    "quarantine_file",
    type=FILE,
    help="Rows that the load set aside (quarantine.jsonl); the one beside --plan is found by itself.",
)
@click.option("--tables", multiple=True, metavar="PATTERN", help="Only these tables (repeatable, shell patterns).")
@click.option("--exclude", multiple=True, metavar="PATTERN", help="Not these tables (repeatable, shell patterns).")
@click.option("--out", type=FILE, help="Folder for certificate, report, public key; else in $SENSEI_HOME.")
@click.option(
    "--accept-loss", multiple=True, metavar="RULE", help="Approve the declared losses of a rule (repeatable)."
)
@click.option("--provable", is_flag=True, help="Certify row trees: `kora prove` can then show single rows.")
@click.option("--behavior", is_flag=True, help="Also ask both sides their views, habits and constraints.")
@click.option("--workload", type=FILE, help="With --behavior: a file of SELECTs in the source's SQL, asked of both.")
@click.option(
    "--probe-target",
    metavar="URL",
    help="With --behavior: the target by a login that may write; rows are tried there and rolled back.",
)
@click.option("--routines", is_flag=True, help="With --behavior: also call the routines of both sides.")
@click.option("--routine-inputs", type=FILE, help="With --routines: recorded inputs, one JSON object a line.")
@click.option(
    "--live", is_flag=True, help="Both are written meanwhile: read what differs again before it is called different."
)
@click.option(
    "--settle",
    type=click.FloatRange(0, 3600),
    default=2.0,
    show_default=True,
    metavar="SECONDS",
    help="With --live: wait so long before reading again.",
)
@click.option(
    "--float-tolerance",
    "tolerances",
    multiple=True,
    metavar="COLUMN=BOUND",
    help="Forgive and count doubles of SCHEMA.TABLE.COLUMN within ulps,N or relative,R (repeatable).",
)
@click.option(
    "--strategy",
    type=click.Choice(["stream", "pushdown", "auto"]),
    default="stream",
    show_default=True,
    help="Read rows, have servers digest them (for a slow line), or decide by the line's measured speed.",
)
@click.option("--show-values", is_flag=True, help="Show differing values in report and terminal; else withheld.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout instead of the summary.")
def verify(
    source: str,
    target: str,
    mapping_file: Path | None,
    plan_file: Path | None,
    quarantine_file: Path | None,
    tables: tuple[str, ...],
    exclude: tuple[str, ...],
    out: Path | None,
    accept_loss: tuple[str, ...],
    provable: bool,
    behavior: bool,
    workload: Path | None,
    probe_target: str | None,
    routines: bool,
    routine_inputs: Path | None,
    live: bool,
    settle: float,
    tolerances: tuple[str, ...],
    strategy: "AskedStrategy",
    show_values: bool,
    as_json: bool,
) -> int:
    """Compare SOURCE with TARGET and certify the result.

    --behavior changes neither verdict nor exit code, which speak of data and declared structure: it is reported
    beside them. With --probe-target it also tries rows on a server, and with --routines calls routines; both in
    transactions that are rolled back, and announced before.

    Both are URLs: sqlite:///f.db, duckdb:///f.duckdb, postgresql://user@host/db, csv:///folder-or-zip,
    parquet:///folder. Without a map, names match exactly, else by unique case-fold.

    \b
    Example:
      kora verify sqlite:///clinic.db postgresql://me@db/clinic --plan plan.yaml --out evidence
    """
    _refuse_contradictions(click.get_current_context().params)
    settings = entry_settings()
    from kora.evidence.verdict import decide_result
    from kora.verify import verify_databases

    progress = _progress_on_terminal()
    with ExitStack() as stack:
        if progress:
            stack.callback(progress.close)
        prompt = password_prompt()
        asked = _Questions(source, target, workload, probe_target, routines, routine_inputs) if behavior else None
        result, artifacts = verify_databases(
            source,
            target,
            mapping_file=mapping_file,
            plan_file=plan_file,
            quarantine_file=quarantine_file,
            tables=tables,
            exclude=exclude,
            out=out,
            accept_loss=accept_loss,
            show_values=show_values,
            provable=provable,
            behavior=asked.opened(stack, prompt) if asked else None,
            settle_seconds=settle if live else None,
            float_tolerance=_tolerances(tolerances),
            strategy=strategy,
            settings=settings,
            progress=progress.watch if progress else None,
            prompt=prompt,
            meanwhile=_load_reports,
        )
    _show(result, artifacts, as_json=as_json)
    return int(decide_result(result).exit_code)


def _refuse_contradictions(given: dict[str, Any]) -> None:
    """Options that exclude each other, or that say nothing without another one."""
    if given["mapping_file"] and given["plan_file"]:
        raise click.UsageError("--map and --plan exclude each other: a plan contains its map")
    if given["workload"] and not given["behavior"]:
        raise click.UsageError("--workload belongs to --behavior")
    if (given["probe_target"] or given["routines"]) and not given["behavior"]:
        raise click.UsageError("--probe-target and --routines belong to --behavior")
    if given["routine_inputs"] and not given["routines"]:
        raise click.UsageError("--routine-inputs belongs to --routines")
    if given["strategy"] != "stream" and (given["provable"] or given["live"]):
        raise click.UsageError("--provable and --live belong to --strategy stream")


def _tolerances(texts: tuple[str, ...]) -> dict[str, str]:
    """`main.m.x=ulps,4` → column and bound. A column's own name may hold an equals sign, a bound never does."""
    pairs = [text.rpartition("=") for text in texts]
    if any(not column for column, _, _ in pairs):
        raise click.UsageError("--float-tolerance is written as SCHEMA.TABLE.COLUMN=ulps,4 or =relative,1e-9")
    return {column: bound for column, _, bound in pairs}


@dataclass(frozen=True, slots=True)
class _Questions:
    """What --behavior and its companions ask for."""

    source: str
    target: str
    workload: Path | None
    probe_target: str | None
    routines: bool
    inputs: Path | None

    def opened(self, stack: ExitStack, prompt: "Prompt | None") -> "BehaviorRequest":
        """The request, with the sessions that it needs: one that may write only where --probe-target names it."""
        from kora.behavior.live import BehaviorRequest
        from kora.behavior.servers import writer_on_server

        writer = stack.enter_context(writer_on_server(self.probe_target, prompt)) if self.probe_target else None
        callers = None
        if self.routines:
            reading = writer_on_server(self.source, prompt, role="source", read_only=True)
            other = writer or stack.enter_context(writer_on_server(self.target, prompt, read_only=True))
            callers = (stack.enter_context(reading), other)
        return BehaviorRequest(self.workload, writer, announce=_announce, callers=callers, inputs=self.inputs)


def _show(result: "VerificationResult", artifacts: "Artifacts", *, as_json: bool) -> None:
    from kora.evidence import report_terminal as report

    if as_json:
        report.print_json(report.result_json(result, artifacts))
        return
    report.print_result(result, artifacts)
    if result.behavior != "not_run":
        from kora.evidence.report_behavior import print_behavior

        print_behavior(result.behavior)


def _announce(text: str) -> None:
    click.echo(text, err=True)


def _progress_on_terminal() -> "TerminalProgress | None":
    """Progress for a person; None where none is looking, so that rich is loaded beside the reading."""
    if not sys.stderr.isatty():
        return None
    from kora.evidence.report_terminal import TerminalProgress

    return TerminalProgress()


def _load_reports() -> None:
    """Loads what writes and prints a result: a third of a second that a thread of its own spends beside the reading."""
    from kora.evidence import report_html, report_terminal  # noqa: F401

    report_html.template()
