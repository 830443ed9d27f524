"""`kora behave record`, `kora behave compare`: the same questions asked of two databases, on two days if need be."""

import re
from contextlib import ExitStack
from pathlib import Path

import click

from kora.cli.entry import FILE, entry_settings, password_prompt
from kora.exit_codes import ExitCode

_AS_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout instead of the summary.")
_EXITS = {"equal": ExitCode.EQUIVALENT, "different": ExitCode.DIFFERENT, "undecided": ExitCode.NOT_PROVEN}


@click.group()
def behave() -> None:
    """Record what a database answers to queries, and compare two recordings.

    \b
    Example:
      kora behave record sqlite:///old.db --workload w.sql --new-key-file K -o a.kbh
    """


@behave.command()
@click.argument("url")
@click.option("-o", "--output", type=FILE, required=True, help="The .kbh file to write, signed.")
@click.option("--workload", type=FILE, help="A file of SELECT statements, each ended by a semicolon.")
@click.option("--views", is_flag=True, help="Ask all views instead.")
@click.option("--routines", is_flag=True, help="Call the stored functions and procedures instead.")
@click.option("--routine-inputs", type=FILE, help="With --routines: recorded inputs, one JSON object a line.")
@click.option("--seed", metavar="HEX", help="With --routines: generate inputs from these 16 hex digits, not the key's.")
@click.option(
    "--probe-target",
    metavar="URL",
    help="With --routines: a login that may write; what routines change there is compared and rolled back.",
)
@click.option(
    "--dialect",
    type=click.Choice(["sqlite", "duckdb", "postgresql", "mariadb"]),
    help="Whose SQL the workload is written in, if not the database's own; it is then translated.",
)
@click.option(
    "--query-seconds",
    type=click.IntRange(1, 86_400),
    default=60,
    show_default=True,
    help="A query that takes longer is ended, and not decidable.",
)
@click.option("--key-file", type=FILE, help="The key that both recordings have; mode 0600.")
@click.option("--new-key-file", type=FILE, help="Draw a key into this new file, and use it.")
@click.option("--run", "run_id", metavar="RUN", help="Use the key kept here under this name, or draw and keep one.")
@_AS_JSON
def record(
    url: str,
    output: Path,
    workload: Path | None,
    views: bool,
    routines: bool,
    routine_inputs: Path | None,
    seed: str | None,
    probe_target: str | None,
    dialect: str | None,
    query_seconds: int,
    key_file: Path | None,
    new_key_file: Path | None,
    run_id: str | None,
    as_json: bool,
) -> int:
    """Ask a database the queries of a workload, or its views, and keep digests of what it answers.

    Only SELECTs are asked, in one snapshot opened for reading. No row is in the file. Queries pair by a comment
    `-- name: …` before them, else by their number; views by their names. What cannot be decided is named.

    Routines are called with inputs generated from a seed that the key gives, in a session that may not write; with
    --probe-target in transactions that are rolled back.

    \b
    Example:
      kora behave record postgresql://me@db/new --workload w.sql --dialect sqlite --key-file K -o b.kbh
      kora behave record mariadb://me@db/old --routines --new-key-file K -o a.kbh
    """
    if views + routines + (workload is not None) != 1:
        raise click.UsageError("say what to ask: either --workload FILE or --views or --routines")
    if not routines and (routine_inputs or seed or probe_target):
        raise click.UsageError("--routine-inputs, --seed and --probe-target belong to --routines")
    if seed and not re.fullmatch(r"[0-9a-f]{16}", seed):
        raise click.UsageError("--seed takes 16 hex digits, lower case")
    settings = entry_settings()
    from kora.behavior.recording import RecordRequest
    from kora.behavior.recording import record as record_answers
    from kora.behavior.servers import writer_on_server
    from kora.evidence import report_behavior, report_json

    with ExitStack() as stack:
        writer = None
        if probe_target:
            writer = stack.enter_context(writer_on_server(probe_target, password_prompt(), role="source"))
            told = f"routines are called on {writer.place}, in transactions that are rolled back{writer.logged}"
            click.echo(told, err=True)
        request = RecordRequest(
            workload,
            dialect,
            key_file,
            new_key_file,
            run_id,
            routines,
            routine_inputs,
            seed,
            writer,
            _announce,
            query_seconds,
        )
        made = record_answers(url, output, request, settings=settings, prompt=password_prompt())
    if as_json:
        report_json.print_json(made.model_dump(mode="json"))
    else:
        report_behavior.print_recording(made, str(output))
    return int(ExitCode.EQUIVALENT)


def _announce(text: str) -> None:
    click.echo(text, err=True)


@behave.command("compare")
@click.argument("first", type=FILE)
@click.argument("second", type=FILE)
@click.option(
    "--key", "keys", type=FILE, multiple=True, help="A signer's .pub file (repeatable); this machine's own is known."
)
@_AS_JSON
def compare_answers(first: Path, second: Path, keys: tuple[Path, ...], as_json: bool) -> int:
    """Compare the recording FIRST (the source's) with SECOND.

    Exits with 0 where all that could be decided agrees, 1 where an answer differs, 3 where a query was not asked of
    both or cannot be compared. Files under another key, or altered, are refused (exit 2).

    \b
    Example:
      kora behave compare a.kbh b.kbh --key old-machine.pub
    """
    settings = entry_settings()
    from kora.behavior.recording import compare_recordings
    from kora.evidence import report_behavior, report_json
    from kora.evidence.report_terminal import WITH_JSON
    from kora.evidence.signing import read_public_key

    behavior = compare_recordings(first, second, [read_public_key(key) for key in keys], settings)
    if as_json:
        report_json.print_json({"counts": behavior.counts, **behavior.model_dump(mode="json")})
    else:
        report_behavior.print_behavior(behavior, WITH_JSON)
    return int(_EXITS[behavior.outcome])
