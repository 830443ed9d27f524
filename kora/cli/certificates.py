"""`kora check`, `kora show`, `kora sign`, `kora keygen`: certificates and the keys that sign them."""

from pathlib import Path

import click

from kora.cli.entry import FILE, entry_settings
from kora.exit_codes import ExitCode


@click.command()
@click.argument("certificate", type=FILE)
@click.option("--key", "keys", type=FILE, multiple=True, required=True, help="A signer's .pub file (repeatable).")
@click.option("--threshold", type=click.IntRange(1), help="How many of the keys must have signed; all without it.")
@click.option("--log-key", type=FILE, help="A log's public key: the .tlog-proof beside the file must hold too.")
@click.option("--lenient", is_flag=True, help="Accept envelopes that other tools spelled; they hold no verdict.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def check(
    certificate: Path,
    keys: tuple[Path, ...],
    threshold: int | None,
    log_key: Path | None,
    lenient: bool,
    as_json: bool,
) -> int:
    """Check a certificate offline and exit with the certified verdict's code.

    Every signer must be named with --key. Files beside the certificate that it speaks of are checked too; an altered
    one is refused (exit 2). An authentic file that holds no verdict exits with 3.

    \b
    Example:
      kora check evidence/certificate.json --key evidence/signer.pub
      kora check certificate.json --key a.pub --key b.pub --threshold 2 --log-key log.pub
    """
    from kora.evidence import certificate as certificates
    from kora.evidence import report_json
    from kora.evidence import report_terminal as report
    from kora.evidence.signing import read_public_key

    public_keys = [read_public_key(key) for key in keys]
    data = certificates.load(certificate)
    checked = certificates.check(data, public_keys, str(certificate), lenient=lenient, threshold=threshold)
    certificates.check_sections(checked, certificate)
    logged = None
    if log_key:
        from kora.evidence.transparency import check_proof, read_log_key

        logged = check_proof(certificate, read_log_key(log_key))
    present = certificates.check_subjects(checked.statement, certificate.parent) if checked.statement else {}
    key_ids = list(dict.fromkeys(key.key_id for key in public_keys if key.key_id in checked.envelope.key_ids))
    if as_json:
        verdict = checked.statement.predicate.verdict if checked.statement else None
        log = report_json.log_json(logged.checkpoint, logged.index) if logged else None
        facts = {"authentic": True, "verdict": verdict, "key_ids": key_ids, "files_present": present, "log": log}
        report_json.print_json(facts)
    else:
        report.print_checked(checked, present, key_ids, logged)
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
@click.argument("certificate", type=FILE)
@click.option(
    "--key-dir",
    type=FILE,
    required=True,
    help="The second signer's $SENSEI_HOME or its keys folder; signing.pem in it signs.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def sign(certificate: Path, key_dir: Path, as_json: bool) -> int:
    """Add a signature to a certificate: a second person asserts the same statement, which stays byte for byte.

    The signer should have checked it before. Who checks it then names both keys. A log proof made before is of the
    file with fewer signatures: append the new file.

    \b
    Example:
      kora sign evidence/certificate.json --key-dir /media/auditor/keys
    """
    from kora.evidence import certificate as certificates
    from kora.evidence.report_proofs import print_cosigned
    from kora.evidence.signing import read_signing_key

    places = [folder / "signing.pem" for folder in (key_dir, key_dir / "keys")]
    key = read_signing_key(next((path for path in places if path.exists()), places[0]))
    signed = certificates.cosign_file(certificate, [key])
    key_ids = certificates.read(signed, str(certificate)).envelope.key_ids
    print_cosigned(certificate, key_ids, as_json=as_json)
    return int(ExitCode.EQUIVALENT)


@click.command()
@click.option("--rotate", is_flag=True, help="Replace the key by a new one; the old public key is kept.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def keygen(rotate: bool, as_json: bool) -> int:
    """Make this machine's signing key in $SENSEI_HOME/keys, or say where it is. A key that is there is kept.

    With --rotate a new pair takes its place: the old public key moves to keys/retired/, where it still checks what it
    signed; the old private key is removed.

    \b
    Example:
      SENSEI_HOME=/srv/sensei kora keygen
    """
    settings = entry_settings()
    from kora.evidence import report_json
    from kora.evidence import report_terminal as report
    from kora.evidence.signing import KeyStore

    store = KeyStore(settings.home_directory)
    if rotate:
        from kora.evidence.report_proofs import print_rotated

        old, new = store.rotate()
        kept = store.retired_path(old)
        print_rotated(old.key_id, new.public.key_id, kept, store.public_path, as_json=as_json)
        return int(ExitCode.EQUIVALENT)
    made = not store.signing_path.exists()
    key = store.signing_key()
    if as_json:
        report_json.print_json({"key_id": key.public.key_id, "public_key": str(store.public_path), "made": made})
    else:
        report.print_key(key.public.key_id, store.public_path, store.signing_path, made=made)
    return int(ExitCode.EQUIVALENT)
