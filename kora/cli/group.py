"""`kora`: the group of all its commands, each from the module that it stands in."""

from collections.abc import Sequence

import click

from kora.cli import behaving, certificates, expecting, fingerprints, proofs, transparency, verifying
from kora.cli.entry import run_group


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


COMMANDS: tuple[click.Command, ...] = (
    verifying.verify,
    certificates.check,
    certificates.show,
    certificates.sign,
    certificates.keygen,
    fingerprints.fingerprint,
    fingerprints.compare,
    fingerprints.locate,
    behaving.behave,
    expecting.expect,
    proofs.prove,
    proofs.check_proof,
    transparency.log,
)
"""Every command of `kora`; a new module adds its own here."""
for _command in COMMANDS:
    cli.add_command(_command)


def run(arguments: Sequence[str]) -> int:
    """Run one `kora` command and return its exit code."""
    return run_group(cli, "kora", arguments)
