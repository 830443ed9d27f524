"""`kora prove`, `kora check-proof`: one row of a certified table, shown or shown to be absent."""

from pathlib import Path

import click

from kora.cli.entry import FILE, entry_settings, password_prompt
from kora.exit_codes import ExitCode


@click.command()
@click.argument("url")
@click.option("--table", required=True, metavar="TABLE", help="The table, by its name on either side.")
@click.option("--key", "key", multiple=True, required=True, metavar="TEXT", help="The row's key; once for each column.")
@click.option(
    "--cert", "certificate", type=FILE, help="The certificate, made with --provable; else the newest in $SENSEI_HOME."
)
@click.option(
    "--side",
    type=click.Choice(["source", "target"]),
    default="target",
    show_default=True,
    help="Which of the certified databases URL is.",
)
@click.option("--auditor-key", type=FILE, help="Also write the table's proof key: it checks that rows are absent.")
@click.option("-o", "--output", type=FILE, required=True, help="The proof file to write.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def prove(
    url: str,
    table: str,
    key: tuple[str, ...],
    certificate: Path | None,
    side: str,
    auditor_key: Path | None,
    output: Path,
    as_json: bool,
) -> int:
    """Prove that a row was in a certified table, or that none of that key was.

    URL is one of the certified databases in its certified state; the table is read once. The proof shows this row and
    no other. It needs the key of the run in $SENSEI_HOME. In a table without a key, give each column's value.

    \b
    Example:
      kora prove duckdb:///clinic.duckdb --table patient --key 4711 --cert evidence/certificate.json -o row.proof
    """
    settings = entry_settings()
    from kora.evidence.report_proofs import print_row_proof
    from kora.evidence.row_proofs import ProofRequest, newest_certificate, prove_row

    certificate = certificate or newest_certificate(settings.home_directory, url, table)
    request = ProofRequest(url, table, key, certificate, "source" if side == "source" else "target", auditor_key)
    proven = prove_row(request, output, settings, password_prompt())
    print_row_proof(proven, written=output, as_json=as_json)
    return int(ExitCode.EQUIVALENT)


@click.command("check-proof")
@click.argument("proof", type=FILE)
@click.argument("certificate", type=FILE)
@click.option("--key", "keys", type=FILE, multiple=True, required=True, help="A signer's .pub file (repeatable).")
@click.option("--threshold", type=click.IntRange(1), help="How many of the keys must have signed; all without it.")
@click.option("--auditor-key", type=FILE, help="The table's proof key: needed to check that a row is absent.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def check_proof(
    proof: Path,
    certificate: Path,
    keys: tuple[Path, ...],
    threshold: int | None,
    auditor_key: Path | None,
    as_json: bool,
) -> int:
    """Check a row's proof against its certificate, without the database.

    Exit 0: it holds, whatever the certificate's verdict is; 2: it does not.

    \b
    Example:
      kora check-proof row.proof evidence/certificate.json --key evidence/signer.pub
    """
    from kora.errors import InvalidRequest
    from kora.evidence import certificate as certificates
    from kora.evidence.report_proofs import print_row_proof
    from kora.evidence.row_proofs import check_row_proof
    from kora.evidence.signing import read_public_key

    public_keys = [read_public_key(key) for key in keys]
    checked = certificates.check(certificates.load(certificate), public_keys, str(certificate), threshold=threshold)
    if checked.statement is None:
        raise InvalidRequest(f"{certificate} is no certificate of a verification", hint="name its certificate.json")
    print_row_proof(check_row_proof(proof, checked.statement, auditor_key), written=None, as_json=as_json)
    return int(ExitCode.EQUIVALENT)
