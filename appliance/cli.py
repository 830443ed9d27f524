"""`sensei`: assess, plan, migrate, and what can be done with a run. Each command parses, calls one function, prints."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kora.cli.entry import entry_settings, run_process
from kora.limits import MOST_WORKERS

if TYPE_CHECKING:
    from appliance.planning.model import Plan
    from kora.databases.address import Address

_EXAMPLE = "\b\nExample:\n  {}"


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="sensei-appliance", prog_name="sensei")
def sensei() -> None:
    """Moves an old database to a new one, proves that nothing was lost, and signs the proof.

    \b
    Exit codes: 0 equivalent, 1 different, 2 bad usage or input, 3 not proven, 4 try again, 5 a person must decide.
    """


def _selection(command: Any) -> Any:
    for option in reversed(
        (
            click.option("--tables", multiple=True, help="Only these tables; shell patterns, repeatable."),
            click.option("--exclude", multiple=True, help="Not these tables; shell patterns, repeatable."),
            click.option("--schema", "schemas", multiple=True, help="Only these schemas of the source, repeatable."),
        )
    ):
        command = option(command)
    return command


@sensei.command(epilog=_EXAMPLE.format("sensei assess sqlite:///clinic.db"))
@click.argument("url")
@_selection
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def assess(url: str, tables: Sequence[str], exclude: Sequence[str], schemas: Sequence[str], as_json: bool) -> None:
    """Say what is in a database, and what about it is hard."""
    from appliance import output
    from appliance.pipeline import Environment, assess_source
    from appliance.run import Request

    address = _absolute(url)
    request = Request(
        source=str(address), target="", tables=tuple(tables), exclude=tuple(exclude), schemas=tuple(schemas)
    )
    with output.Progress(quiet=as_json) as listener:
        assessment = assess_source(request, Environment(entry_settings(), listener, _prompt(), {"source": address}))
    output.print_assessment(assessment, as_json=as_json)


@sensei.command(epilog=_EXAMPLE.format("sensei plan sqlite:///clinic.db duckdb:///clinic.duckdb -o plan.yaml"))
@click.argument("source")
@click.argument("target")
@click.option("-o", "--output", "file", type=click.Path(path_type=Path), required=True, help="Where the plan goes.")
@click.option("--ddl", type=click.Path(path_type=Path), help="Also write the target's DDL to this file.")
@click.option(
    "--identifiers",
    "identifier_policy",
    type=click.Choice(["preserve", "lower", "snake"]),
    help="How names are carried over.",
)
@_selection
def plan(
    source: str,
    target: str,
    file: Path,
    ddl: Path | None,
    identifier_policy: str | None,
    tables: Sequence[str],
    exclude: Sequence[str],
    schemas: Sequence[str],
) -> None:
    """Decide about every object of the source, with reasons, in a file that a person edits and approves."""
    from appliance import output
    from appliance.pipeline import Environment, make_plan
    from appliance.run import Request

    left, right = _absolute(source), _absolute(target)
    request = Request.model_validate(
        {
            "source": str(left),
            "target": str(right),
            "tables": tuple(tables),
            "exclude": tuple(exclude),
            "schemas": tuple(schemas),
            "identifier_policy": identifier_policy,
        }
    )
    with output.Progress() as listener:
        environment = Environment(entry_settings(), listener, _prompt(), {"source": left, "target": right})
        made = make_plan(request, file, ddl, environment)
    output.print_plan(made, file)


@sensei.command(
    epilog=_EXAMPLE.format("sensei migrate sqlite:///clinic.db postgresql://me@db/clinic --plan plan.yaml --out proof")
)
@click.argument("source")
@click.argument("target")
@click.option(
    "--plan", "plan_file", type=click.Path(path_type=Path), help="Carry out this plan; without it one is made."
)
@click.option("--out", type=click.Path(path_type=Path), help="Folder for certificate, report and public key.")
@_selection
@click.option(
    "--workers",
    type=click.IntRange(1, MOST_WORKERS),
    default=1,
    show_default=True,
    help="Tables loaded at once; more than one counts only into PostgreSQL, from any source but SQLite.",
)
@click.option(
    "--identifiers",
    "identifier_policy",
    type=click.Choice(["preserve", "lower", "snake"]),
    help="How names are carried over.",
)
@click.option("--accept-loss", multiple=True, metavar="RULE", help="Approve the losses of this rule; repeatable.")
@click.option("--into-existing", is_flag=True, help="Put the new tables beside what the target already holds.")
@click.option(
    "--chunk-size-bytes",
    type=click.IntRange(1 << 16),
    default=32 << 20,
    show_default=True,
    help="Rows that commit at once, in bytes.",
)
@click.option("--provable", is_flag=True, help="Certify row trees: `kora prove` can then show single rows.")
@click.option("--behavior", is_flag=True, help="Also ask both sides; rows are tried on the target and rolled back.")
@click.option("--workload", type=click.Path(), default="", help="With --behavior: SELECTs in the source's SQL.")
@click.option("--routines", is_flag=True, help="With --behavior: also call the routines of both sides.")
@click.option("--routine-inputs", type=click.Path(), default="", help="With --routines: recorded inputs, JSON lines.")
@click.option(
    "--query-seconds",
    type=click.IntRange(1, 86_400),
    default=60,
    show_default=True,
    help="With --behavior: a query that takes longer is ended, and not decidable.",
)
@click.option("--show-values", is_flag=True, help="Findings hold values, not only keys and columns.")
@click.option("--yes", is_flag=True, help="Do not ask before the first write. Never approves a loss.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def migrate(
    source: str, target: str, plan_file: Path | None, out: Path | None, yes: bool, as_json: bool, **options: Any
) -> int:
    """Move a database, prove the result, and sign the proof."""
    from appliance import output, pipeline
    from appliance.run import Request

    left, right = _absolute(source), _absolute(target)
    if (options["workload"] or options["routines"]) and not options["behavior"]:
        raise click.UsageError("--workload and --routines belong to --behavior")
    if options["routine_inputs"] and not options["routines"]:
        raise click.UsageError("--routine-inputs belongs to --routines")
    files = [side for side in (left, right) if side.engine not in ("postgresql", "mariadb")]
    if options["routines"] and files:
        raise click.UsageError(f"--routines calls what servers keep, and {files[0]} is none: leave it away")
    for name in ("workload", "routine_inputs"):
        options[name] = str(Path(options[name]).absolute()) if options[name] else ""
    request = Request.model_validate(
        {"source": str(left), "target": str(right), "out": str(out.absolute()) if out else "", **options}
    )
    with output.Progress(quiet=as_json) as listener:
        confirm = None if yes or as_json or not sys.stdin.isatty() else _confirm(listener)
        environment = pipeline.Environment(
            entry_settings(), listener, _prompt(), {"source": left, "target": right}, confirm
        )
        outcome = pipeline.migrate(request, plan_file, environment)
    return output.print_outcome(outcome, as_json=as_json)


@sensei.command(epilog=_EXAMPLE.format("sensei resume 20261122-2254"))
@click.argument("run")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def resume(run: str, as_json: bool) -> int:
    """Go on with a run that was stopped or killed."""
    from appliance import output, pipeline

    with output.Progress(quiet=as_json) as listener:
        outcome = pipeline.resume(run, pipeline.Environment(entry_settings(), listener, _prompt()))
    return output.print_outcome(outcome, as_json=as_json)


@sensei.command(epilog=_EXAMPLE.format("sensei recheck 20261122-2254 && ./cutover.sh"))
@click.argument("run")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def recheck(run: str, as_json: bool) -> int:
    """Ask before cutover: has the source changed since it was migrated? Exit code 1 if so."""
    from appliance import output, pipeline

    with output.Progress(quiet=as_json) as listener:
        changed = pipeline.recheck(run, pipeline.Environment(entry_settings(), listener, _prompt()))
    return output.print_recheck(run, changed, as_json=as_json)


@sensei.command(epilog=_EXAMPLE.format("sensei discard 20261122-2254"))
@click.argument("run")
@click.option("--yes", is_flag=True, help="Do not ask.")
def discard(run: str, yes: bool) -> None:
    """Remove from the target exactly what a run made."""
    from appliance import output, pipeline

    if not yes and sys.stdin.isatty():
        click.confirm(f"Remove from the target everything that run {run} made?", abort=True, err=True)
    with output.Progress() as listener:
        removed = pipeline.discard(run, pipeline.Environment(entry_settings(), listener, _prompt()))
    output.print_lines(removed or ["nothing was there to remove"])


@sensei.command(epilog=_EXAMPLE.format("sensei runs"))
@click.option("--json", "as_json", is_flag=True, help="One JSON list on stdout.")
def runs(as_json: bool) -> None:
    """List all runs, oldest first."""
    from appliance import output
    from appliance.history import run_states

    output.print_runs(run_states(entry_settings()), as_json=as_json)


@sensei.command(epilog=_EXAMPLE.format("sensei show 20261122-2254"))
@click.argument("run")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def show(run: str, as_json: bool) -> None:
    """Show one run: what was asked, how far it came, and its result."""
    from appliance import output
    from appliance.history import run_state

    output.print_run(run_state(entry_settings(), run), as_json=as_json)


def _absolute(url: str) -> "Address":
    """The address with its path made absolute, so that a resume from another folder means the same file."""
    from kora.databases.address import parse_address

    address = parse_address(url)
    return replace(address, path=address.path.absolute()) if address.path is not None else address


def _prompt() -> Any:
    """Asks for a password on a terminal; nowhere else."""
    if not sys.stdin.isatty():
        return None
    return lambda question: str(click.prompt(question, hide_input=True, err=True, prompt_suffix=""))


def _confirm(listener: Any) -> Any:
    def ask(made: "Plan") -> bool:
        from appliance import output

        listener.pause()
        output.print_decisions(made)
        return click.confirm("Go on?", err=True, default=True)

    return ask


def main() -> None:
    """The entry point: errors become two lines and an exit code."""
    _arm_faults()
    run_process(sensei, "sensei")


def _arm_faults() -> None:
    """Crash tests name a fault point in the settings."""
    from appliance.faults import arm
    from appliance.settings import FaultSettings

    settings = FaultSettings.from_environment()
    if settings.fault or settings.fault_trace:
        arm(settings.fault, settings.fault_trace)


if __name__ == "__main__":
    main()
