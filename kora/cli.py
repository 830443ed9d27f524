"""`kora`: each command parses, calls one function and prints. Heavy modules load inside the command that needs them.

Results go to stdout, errors and progress to stderr. Exit codes: `kora.exit_codes`, `docs/exit-codes.md`.
"""

import gc
import logging
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kora.commands import carried, entry
from kora.commands.entry import terminal_prompt
from kora.errors import SenseiError
from kora.exit_codes import ExitCode

if TYPE_CHECKING:
    from kora.evidence.report_terminal import TerminalProgress

entry_settings = entry.entry_settings
_FILE = click.Path(path_type=Path)
_GC_THRESHOLD = 100_000
"""Objects between two collections: what a command makes in Python mostly lives to its end, and rows live in Rust."""


def _print_version(context: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if not wanted or context.resilient_parsing:
        return
    from kora._core import version

    click.echo(f"kora {version()}")
    context.exit()


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="The version."
)
def cli() -> None:
    """Compare two databases row by row, and sign what was found.

    KORA only reads. Exit codes: 0 equivalent, 1 different, 2 bad input or not authentic, 3 not proven, 4 try again,
    5 needs a person's decision.

    \b
    Example:
      kora verify sqlite:///clinic.db duckdb:///clinic.duckdb --out evidence
      kora check evidence/certificate.json --key evidence/signer.pub
    """


@cli.command()
@click.argument("source")
@click.argument("target")
@click.option("--map", "mapping_file", type=_FILE, help="Which tables and columns pair up, and under which rules.")
@click.option("--plan", "plan_file", type=_FILE, help="A migration plan; its mapping, losses and approvals are read.")
@click.option("--tables", multiple=True, metavar="PATTERN", help="Only these tables (repeatable, shell patterns).")
@click.option("--exclude", multiple=True, metavar="PATTERN", help="Not these tables (repeatable, shell patterns).")
@click.option("--out", type=_FILE, help="Folder for certificate, report, public key; else in $SENSEI_HOME.")
@click.option(
    "--accept-loss", multiple=True, metavar="RULE", help="Approve the declared losses of a rule (repeatable)."
)
@click.option("--show-values", is_flag=True, help="Show differing values in report and terminal; else withheld.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout instead of the summary.")
def verify(
    source: str,
    target: str,
    mapping_file: Path | None,
    plan_file: Path | None,
    tables: tuple[str, ...],
    exclude: tuple[str, ...],
    out: Path | None,
    accept_loss: tuple[str, ...],
    show_values: bool,
    as_json: bool,
) -> int:
    """Compare SOURCE with TARGET and certify the result.

    Both are URLs: sqlite:///f.db, duckdb:///f.duckdb, postgresql://user@host/db, csv:///folder-or-zip. Without a map,
    names match exactly, else by unique case-fold.

    \b
    Example:
      kora verify sqlite:///clinic.db postgresql://me@db/clinic --plan plan.yaml --out evidence
    """
    if mapping_file and plan_file:
        raise click.UsageError("--map and --plan exclude each other: a plan contains its map")
    settings = entry_settings()
    from kora.evidence.verdict import decide_result
    from kora.verify import verify_databases

    progress = _progress_on_terminal()
    try:
        result, artifacts = verify_databases(
            source,
            target,
            mapping_file=mapping_file,
            plan_file=plan_file,
            tables=tables,
            exclude=exclude,
            out=out,
            accept_loss=accept_loss,
            show_values=show_values,
            settings=settings,
            progress=progress.watch if progress else None,
            prompt=terminal_prompt(),
            meanwhile=_load_reports,
        )
    finally:
        if progress:
            progress.close()
    from kora.evidence import report_terminal as report

    if as_json:
        report.print_json(report.result_json(result, artifacts))
    else:
        report.print_result(result, artifacts)
    return int(decide_result(result).exit_code)


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


@cli.command()
@click.argument("certificate", type=_FILE)
@click.option("--key", "keys", type=_FILE, multiple=True, required=True, help="A signer's .pub file (repeatable).")
@click.option("--lenient", is_flag=True, help="Accept envelopes that other tools spelled; they hold no verdict.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def check(certificate: Path, keys: tuple[Path, ...], lenient: bool, as_json: bool) -> int:
    """Check a certificate offline and exit with the certified verdict's code.

    Every signer must be named with --key. Files beside the certificate that it speaks of are checked too; an altered
    one is refused (exit 2). An authentic file that holds no verdict exits with 3.

    \b
    Example:
      kora check evidence/certificate.json --key evidence/signer.pub
    """
    from kora.evidence import certificate as certificates
    from kora.evidence import report_terminal as report
    from kora.evidence.signing import read_public_key

    public_keys = [read_public_key(key) for key in keys]
    checked = certificates.check(certificates.load(certificate), public_keys, str(certificate), lenient=lenient)
    certificates.check_sections(checked, certificate)
    present = certificates.check_subjects(checked.statement, certificate.parent) if checked.statement else {}
    key_ids = [key.key_id for key in public_keys]
    if as_json:
        verdict = checked.statement.predicate.verdict if checked.statement else None
        report.print_json({"authentic": True, "verdict": verdict, "key_ids": key_ids, "files_present": present})
    else:
        report.print_checked(checked, present, key_ids)
    return int(checked.exit_code)


@cli.command()
@click.argument("certificate", type=_FILE)
@click.option("--lenient", is_flag=True, help="Accept envelopes that other tools spelled.")
@click.option("--json", "as_json", is_flag=True, help="The signed statement itself, as JSON.")
def show(certificate: Path, lenient: bool, as_json: bool) -> int:
    """Show what a certificate or fingerprint says, without checking its signature.

    \b
    Example:
      kora show evidence/certificate.json
    """
    from kora.evidence import certificate as certificates
    from kora.evidence import report_terminal as report

    read = certificates.read(certificates.load(certificate), str(certificate), lenient=lenient)
    report.print_shown(read, as_json=as_json)
    return int(ExitCode.EQUIVALENT)


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def keygen(as_json: bool) -> int:
    """Make this machine's signing key in $SENSEI_HOME/keys, or say where it is. A key that is there is kept.

    \b
    Example:
      SENSEI_HOME=/srv/sensei kora keygen
    """
    settings = entry_settings()
    from kora.evidence import report_terminal as report
    from kora.evidence.signing import KeyStore

    store = KeyStore(settings.home_directory)
    made = not store.signing_path.exists()
    key = store.signing_key()
    if as_json:
        report.print_json({"key_id": key.public.key_id, "public_key": str(store.public_path), "made": made})
    else:
        report.print_key(key.public.key_id, store.public_path, store.signing_path, made=made)
    return int(ExitCode.EQUIVALENT)


for _command in (carried.fingerprint, carried.compare, carried.locate):
    cli.add_command(_command)


def run(arguments: Sequence[str]) -> int:
    """Run one `kora` command and return its exit code."""
    return run_group(cli, "kora", arguments)


def run_group(group: click.Group, program: str, arguments: Sequence[str]) -> int:
    """Run one command of a group; every error is printed as `error:` and `hint:` on stderr, none escapes."""
    gc.set_threshold(_GC_THRESHOLD)
    try:
        code = group.main(args=list(arguments), prog_name=program, standalone_mode=False)
        return int(code or 0)
    except SenseiError as error:
        return _report(error.message, error.hint, error.exit_code)
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else program
        return _report(error.format_message(), f"{command} --help", ExitCode.REFUSED)
    except click.ClickException as error:
        return _report(error.format_message(), f"{program} --help", ExitCode.REFUSED)
    except (KeyboardInterrupt, click.Abort):
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # an impatient second Ctrl-C must not cut the message off
        again = "run the command again; a migration that had begun is shown by `sensei runs` and goes on with"
        return _report("stopped before it was done", f"{again} `sensei resume RUN`", ExitCode.TRY_AGAIN)
    except Exception as error:  # the outermost edge: Python's own exit code 1 would mean "different"
        logging.getLogger("kora").critical("unexpected error", exc_info=True)
        return _report(
            f"a fault in {program} itself: {type(error).__name__}: {error}",
            "nothing is proven; please report it, with the log if SENSEI_LOG_FILE is set",
            ExitCode.TRY_AGAIN,
        )


def main() -> None:
    """The `kora` command."""
    code = run(sys.argv[1:])
    gc.freeze()  # the collection at the interpreter's end would look at every object once more, for nothing
    sys.exit(code)


def _report(message: str, hint: str, exit_code: int) -> int:
    from kora.evidence.report_terminal import print_error

    print_error(message, hint)
    return int(exit_code)


if __name__ == "__main__":
    main()
