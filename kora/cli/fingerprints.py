"""`kora fingerprint`, `kora compare`, `kora locate`: comparing what can never be seen at the same time."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from kora.cli.entry import FILE, entry_settings, password_prompt, tell_unused
from kora.exit_codes import ExitCode
from kora.limits import MOST_DIFFERENCES, MOST_WORKERS

if TYPE_CHECKING:
    from kora.comparison.fingerprint import Tier
    from kora.comparison.fingerprint_scan import Role
    from kora.comparison.mapping import Side

_KEY_FILE = click.option("--key-file", type=FILE, help="The migration's key, which both sides have; mode 0600.")
_AS_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout instead of the summary.")


@click.command()
@click.argument("url")
@click.option("-o", "--output", type=FILE, required=True, help="The .kfp file to write, signed.")
@click.option(
    "--tier",
    type=click.IntRange(0, 3),
    default=0,
    show_default=True,
    help="0: a count and a root per table. 1: also 4,096 bucket sums. 2: also a sketch that names differing rows. 3: "
    "also every row's digest.",
)
@click.option(
    "--expect-differences",
    type=click.IntRange(0, MOST_DIFFERENCES),
    metavar="N",
    help="Size the sketch for N altered rows.",
)
@click.option(
    "--role",
    type=click.Choice(["source", "target", "unassigned"]),
    default="unassigned",
    show_default=True,
    help="Which side of a migration it is: the signer's assertion.",
)
@_KEY_FILE
@click.option("--new-key-file", type=FILE, help="Draw a migration's key into this new file, and use it.")
@click.option("--run", "run_id", metavar="RUN", help="Use the key kept here under this name, or draw and keep one.")
@click.option("--profile", type=FILE, metavar="A.KFP", help="Digest under this file's profiles, to compare with it.")
@click.option("--map", "mapping_file", type=FILE, help="Digest under a map that both sides use; needs --role.")
@click.option("--tables", multiple=True, metavar="PATTERN", help="Only these tables (repeatable, shell patterns).")
@click.option("--exclude", multiple=True, metavar="PATTERN", help="Not these tables (repeatable, shell patterns).")
@click.option(
    "--buckets", multiple=True, metavar="TABLE=1,5-9", help="List only rows of these buckets (tier 3, repeatable)."
)
@click.option(
    "--workers",
    type=click.IntRange(1, MOST_WORKERS),
    metavar="N",
    help="Read a large table by N threads; else by as many as this machine has processors, at most 8.",
)
@click.option("--json", "as_json", is_flag=True, help="The fingerprint itself, as JSON.")
def fingerprint(
    url: str,
    output: Path,
    tier: "Tier",
    expect_differences: int | None,
    role: "Role",
    key_file: Path | None,
    new_key_file: Path | None,
    run_id: str | None,
    profile: Path | None,
    mapping_file: Path | None,
    tables: tuple[str, ...],
    exclude: tuple[str, ...],
    buckets: tuple[str, ...],
    workers: int | None,
    as_json: bool,
) -> int:
    """Write one side of a comparison as a signed file, without values, to be compared elsewhere.

    Both sides need one migration key: draw it with --new-key-file at the first, carry it to the second by another way
    than the files, give it there with --key-file, and the first file with --profile.

    \b
    Example:
      kora fingerprint sqlite:///old.db --role source --tier 2 --new-key-file K -o a.kfp
      kora fingerprint postgresql://me@db/new --role target --tier 2 --key-file K --profile a.kfp -o b.kfp
      kora compare a.kfp b.kfp --key old-machine.pub
    """
    if buckets and tier < 3:
        raise click.UsageError("--buckets chooses rows of tier 3: add --tier 3")
    settings = entry_settings()
    from kora.evidence import report_json
    from kora.evidence import report_terminal as report
    from kora.evidence.carried import FingerprintRequest, write_fingerprint
    from kora.evidence.carried_verdict import read_bucket_ranges

    request = FingerprintRequest(
        role=role,
        tier=tier,
        expect_differences=expect_differences,
        run_id=run_id,
        key_file=key_file,
        new_key_file=new_key_file,
        profile=profile,
        mapping_file=mapping_file,
        tables=tables,
        exclude=exclude,
        buckets=dict(read_bucket_ranges(text) for text in buckets),
        workers=workers,
    )
    progress = report.TerminalProgress()
    try:
        made = write_fingerprint(url, output, request, settings=settings, progress=progress, prompt=password_prompt())
    finally:
        progress.close()
    if as_json:
        report_json.print_json(made.model_dump(mode="json"))
    else:
        report.print_fingerprint(made, output)
    return int(ExitCode.EQUIVALENT)


@click.command()
@click.argument("first", type=FILE)
@click.argument("second")
@click.option(
    "--key", "keys", type=FILE, multiple=True, help="A signer's .pub file (repeatable); this machine's own is known."
)
@_KEY_FILE
@click.option(
    "--accept-loss", multiple=True, metavar="RULE", help="Approve the declared losses of a rule (repeatable)."
)
@_AS_JSON
def compare(
    first: Path,
    second: str,
    keys: tuple[Path, ...],
    key_file: Path | None,
    accept_loss: tuple[str, ...],
    as_json: bool,
) -> int:
    """Compare the fingerprint FIRST (the source's) with SECOND, another file or a database's URL.

    Exit codes are those of `kora verify`. Files under another key or other profiles are refused (exit 2) with the
    command that mends it. A database is read now, under the file's profiles, with --key-file.

    \b
    Example:
      kora compare a.kfp b.kfp --key old-machine.pub --json > diff.json
    """
    settings = entry_settings()
    from kora.evidence import report_carried as report
    from kora.evidence.carried_verdict import CompareOptions, compare_files, compare_with_database
    from kora.evidence.kfp import is_fingerprint_file
    from kora.evidence.report_json import print_json
    from kora.evidence.report_terminal import TerminalProgress
    from kora.evidence.signing import read_public_key

    options = CompareOptions([read_public_key(key) for key in keys], accept_loss, key_file)
    if not is_fingerprint_file(second):
        progress = TerminalProgress()
        try:
            diff = compare_with_database(
                first, second, options, settings=settings, progress=progress, prompt=password_prompt()
            )
        finally:
            progress.close()
    else:
        diff = compare_files(first, Path(second), options, settings=settings)
    if as_json:
        print_json(diff.model_dump(mode="json"))
    else:
        report.print_carried(diff)
    tell_unused(accept_loss, diff.losses)
    return diff.exit_code


@click.command()
@click.argument("diff", type=FILE)
@click.argument("url")
@click.option(
    "--side", type=click.Choice(["source", "target"]), help="Which side URL is; told by the URL if it can be."
)
@_KEY_FILE
@_AS_JSON
def locate(diff: Path, url: str, side: "Side | None", key_file: Path | None, as_json: bool) -> int:
    """Find the rows of URL whose digests `kora compare --json` named in DIFF, with one scan.

    Exits with 0 when the scan was done, whatever it found; keys are printed, other values never.

    \b
    Example:
      kora locate diff.json sqlite:///old.db --key-file K
    """
    settings = entry_settings()
    from kora.evidence import report_carried as report
    from kora.evidence.locate import locate_rows, read_diff
    from kora.evidence.report_json import print_json
    from kora.evidence.report_terminal import TerminalProgress

    progress = TerminalProgress()
    try:
        found = locate_rows(
            read_diff(diff),
            url,
            side=side,
            key_file=key_file,
            settings=settings,
            progress=progress,
            prompt=password_prompt(),
        )
    finally:
        progress.close()
    if as_json:
        print_json(found.model_dump(mode="json"))
    else:
        report.print_located(found)
    return int(ExitCode.EQUIVALENT)
