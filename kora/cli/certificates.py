"""`kora check`, `kora show`, `kora keygen`: certificates and the keys that sign them."""

from pathlib import Path

import click

from kora.cli.entry import FILE, entry_settings
from kora.exit_codes import ExitCode


@click.command()
@click.argument("certificate", type=FILE)
@click.option("--key", "keys", type=FILE, multiple=True, required=True, help="A signer's .pub file (repeatable).")
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


@click.command()
@click.argument("certificate", type=FILE)
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


@click.command()
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
