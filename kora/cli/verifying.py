"""`kora verify`: two databases compared at their own doors, and the certificate of what was found."""

import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import click

from kora.cli.entry import FILE, entry_settings, password_prompt, tell_unused
from kora.limits import MOST_WORKERS

if TYPE_CHECKING:
    from kora.behavior.live import BehaviorRequest
    from kora.comparison.result import VerificationResult
    from kora.databases.opening import Opening
    from kora.databases.secrets import Prompt
    from kora.evidence.artifacts import Artifacts
    from kora.evidence.report_terminal import TerminalProgress


_Command = TypeVar("_Command", bound=Callable[..., Any])
_ASKING = (
    click.option("--behavior", is_flag=True, help="Also ask both sides their views, habits and constraints."),
    click.option(
        "--workload", type=FILE, help="With --behavior: a file of SELECTs in the source's SQL, asked of both."
    ),
    click.option(
        "--probe-target",
        metavar="URL",
        help="With --behavior: the target by a login that may write; rows are tried there and rolled back.",
    ),
    click.option("--routines", is_flag=True, help="With --behavior: also call the routines of both sides."),
    click.option(
        "--query-seconds",
        type=click.IntRange(1, 86_400),
        default=60,
        show_default=True,
        help="With --behavior: a query that takes longer is ended, and not decidable.",
    ),
    click.option("--routine-inputs", type=FILE, help="With --routines: recorded inputs, one JSON object a line."),
)


def _asking(command: _Command) -> _Command:
    """The options of --behavior and its companions."""
    for option in reversed(_ASKING):
        command = option(command)
    return command


@click.command()
@click.argument("source")
@click.argument("target", required=False)
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
@_asking
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
@click.option("--against", "certificate", type=FILE, help="Instead of TARGET: is SOURCE still what this certified?")
@click.option("--key", "keys", type=FILE, multiple=True, help="With --against: a signer's .pub file (repeatable).")
@click.option("--key-file", type=FILE, help="With --against: the migration's key; mode 0600.")
@click.option(
    "--strategy",
    type=click.Choice(["stream", "pushdown", "auto"]),
    default="stream",
    show_default=True,
    help="Read rows, have servers digest them (for a slow line), or decide by the line's measured speed.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, MOST_WORKERS),
    metavar="N",
    help="Read each side of a large table by N threads; else by half of this machine's processors, at most 8.",
)
@click.option("--show-values", is_flag=True, help="Show differing values in report and terminal; else withheld.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout instead of the summary.")
def verify(
    source: str,
    target: str | None,
    certificate: Path | None,
    keys: tuple[Path, ...],
    key_file: Path | None,
    live: bool,
    settle: float,
    tolerances: tuple[str, ...],
    as_json: bool,
    **asked: Any,
) -> int:
    """Compare SOURCE with TARGET and certify the result.

    --behavior changes neither verdict nor exit code, which speak of data and declared structure: it is reported
    beside them. With --probe-target it also tries rows on a server, and with --routines calls routines; both in
    transactions that are rolled back, and announced before.

    With --against the one URL is a certified target: its roots are computed again. Exit code 0 nothing has changed,
    1 something has, 3 not all could be looked at.

    Both are URLs: sqlite:///f.db, duckdb:///f.duckdb, postgresql://user@host/db, csv:///folder-or-zip,
    parquet:///folder. Without a map, names match exactly, else by unique case-fold.

    \b
    Example:
      kora verify sqlite:///clinic.db postgresql://me@db/clinic --plan plan.yaml --out evidence
      kora verify postgresql://me@db/clinic --against evidence/certificate.json --key signer.pub --key-file K
    """
    if certificate:
        return _verify_against(source, target, certificate, keys, key_file, as_json=as_json)
    _refuse_contradictions(asked, live=live)
    pair = _pair(source, target, *keys, key_file)
    questions = _Questions(*pair, **{name: asked.pop(name) for name in _Questions.OPTIONS})
    questions.check()
    prompt = _prompt()
    with ExitStack() as stack:
        opening = None if prompt else stack.enter_context(_begun(*pair))
        settings = entry_settings()
        from kora.evidence.verdict import decide_result
        from kora.verification import VerifyRequest, verify_databases

        progress = _progress_on_terminal()
        if progress:
            stack.callback(progress.close)
        result, artifacts = verify_databases(
            VerifyRequest(
                source=pair[0],
                target=pair[1],
                settle_seconds=settle if live else None,
                float_tolerance=_tolerances(tolerances),
                **asked,
            ),
            settings=settings,
            progress=progress.watch if progress else None,
            prompt=prompt,
            behavior=questions.opened(stack, prompt),
            meanwhile=_load_writers if as_json else _load_reports,
            opening=opening,
        )
    _show(result, artifacts, as_json=as_json)
    tell_unused(asked["accept_loss"], result.losses, len(result.quarantined))
    return int(decide_result(result).exit_code)


def _refuse_contradictions(asked: dict[str, Any], *, live: bool) -> None:
    """Options that exclude each other, but for what is asked of behaviour."""
    if asked["mapping_file"] and asked["plan_file"]:
        raise click.UsageError("--map and --plan exclude each other: a plan contains its map")
    if asked["strategy"] != "stream" and (asked["provable"] or live):
        raise click.UsageError("--provable and --live belong to --strategy stream")


def _pair(source: str, target: str | None, *keys: Path | None) -> tuple[str, str]:
    """Both URLs, where no certificate stands in the target's place and no key for one was given."""
    if target is None or any(keys):
        raise click.UsageError(
            "name SOURCE and TARGET, or one URL with --against, to which --key and --key-file belong"
        )
    return source, target


def _begun(source: str, target: str) -> "Opening":
    """Both databases on their way, while the rest of the program is loaded. Nothing is asked of a person here."""
    from kora.databases.opening import Opening

    return Opening(source, target)


def _prompt() -> "Prompt | None":
    """Asks each question once: with routines and rows tried, a database is opened more than once."""
    from kora.databases.secrets import remembered

    asking = password_prompt()
    return remembered(asking) if asking else None


def _verify_against(
    url: str, target: str | None, certificate: Path, keys: tuple[Path, ...], key_file: Path | None, *, as_json: bool
) -> int:
    if target is not None:
        raise click.UsageError("--against takes one URL: the certificate stands in the other's place")
    settings = entry_settings()
    from kora.evidence.against import AgainstRequest, verify_against
    from kora.evidence.report_against import print_against
    from kora.evidence.signing import read_public_key

    request = AgainstRequest(url, certificate, [read_public_key(key) for key in keys], key_file)
    found = verify_against(request, settings=settings, prompt=_prompt())
    print_against(found, as_json=as_json)
    return int(found.exit_code)


def _tolerances(texts: tuple[str, ...]) -> dict[str, str]:
    """`main.m.x=ulps,4` → column and bound. A column's own name may hold an equals sign, a bound never does."""
    pairs = [text.rpartition("=") for text in texts]
    if any(not column for column, _, _ in pairs):
        raise click.UsageError("--float-tolerance is written as SCHEMA.TABLE.COLUMN=ulps,4 or =relative,1e-9")
    return {column: bound for column, _, bound in pairs}


@dataclass(frozen=True, slots=True)
class _Questions:
    """What --behavior and its companions ask for."""

    OPTIONS: ClassVar = ("behavior", "workload", "probe_target", "routines", "routine_inputs", "query_seconds")

    source: str
    target: str
    behavior: bool
    workload: Path | None
    probe_target: str | None
    routines: bool
    routine_inputs: Path | None
    query_seconds: int

    def check(self) -> None:
        """Refuses companions that stand alone."""
        if (self.workload or self.probe_target or self.routines) and not self.behavior:
            raise click.UsageError("--workload, --probe-target and --routines belong to --behavior")
        if self.routine_inputs and not self.routines:
            raise click.UsageError("--routine-inputs belongs to --routines")

    def opened(self, stack: ExitStack, prompt: "Prompt | None") -> "BehaviorRequest | None":
        """The request, with the sessions that it needs: one that may write only where --probe-target names it."""
        if not self.behavior:
            return None
        from kora.behavior.live import BehaviorRequest
        from kora.behavior.servers import writer_on_server

        writer = stack.enter_context(writer_on_server(self.probe_target, prompt)) if self.probe_target else None
        callers = None
        if self.routines:
            reading = writer_on_server(self.source, prompt, role="source", read_only=True)
            other = writer or stack.enter_context(writer_on_server(self.target, prompt, read_only=True))
            callers = (stack.enter_context(reading), other)
        return BehaviorRequest(
            self.workload, writer, announce=_announce, callers=callers, inputs=self.routine_inputs,
            seconds=self.query_seconds,
        )  # fmt: skip


def _show(result: "VerificationResult", artifacts: "Artifacts", *, as_json: bool) -> None:
    if as_json:
        from kora.evidence.report_json import print_json, result_json

        print_json(result_json(result, artifacts))
        return
    from kora.evidence import report_terminal as report

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
    """Loads what writes and prints a result, in a thread of its own beside the reading."""
    from kora.evidence import report_terminal  # noqa: F401

    _load_writers()


def _load_writers() -> None:
    """Loads what writes a result's files."""
    from kora.evidence import artifacts, report_html, transparency  # noqa: F401

    report_html.template()
