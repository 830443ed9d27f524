"""`kora fingerprint`: one side of a comparison as a file that can be carried."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from kora.cli.entry import FILE, entry_settings
from kora.exit_codes import ExitCode

if TYPE_CHECKING:
    from kora.evidence.carried import Role


@click.command()
@click.argument("url")
@click.option(
    "--tier", type=click.IntRange(0, 0), default=0, show_default=True, help="0: a count and a root per table."
)
@click.option("-o", "--output", type=FILE, required=True, help="The .kfp file to write, signed.")
@click.option(
    "--role",
    type=click.Choice(["source", "target", "unassigned"]),
    default="unassigned",
    show_default=True,
    help="Which side of a migration it is: the signer's assertion.",
)
@click.option("--run", "run_id", metavar="RUN", help="The migration whose key is used; without it a new one is drawn.")
@click.option("--json", "as_json", is_flag=True, help="The fingerprint itself, as JSON.")
def fingerprint(url: str, tier: int, output: Path, role: "Role", run_id: str | None, as_json: bool) -> int:
    """Write one side of a comparison as a small signed file, without values.

    \b
    Example:
      kora fingerprint sqlite:///clinic.db --tier 0 -o clinic.kfp
    """
    settings = entry_settings()
    from kora.evidence import report_terminal as report
    from kora.evidence.carried import write_fingerprint

    progress = report.TerminalProgress()
    try:
        made = write_fingerprint(url, output, role=role, run_id=run_id, settings=settings, progress=progress)
    finally:
        progress.close()
    if as_json:
        report.print_json(made.model_dump(mode="json"))
    else:
        report.print_fingerprint(made, output)
    return int(ExitCode.EQUIVALENT)
