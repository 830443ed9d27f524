"""`kora log`: a site's transparency log, which shows that a certificate was there and was not replaced."""

from pathlib import Path

import click

from kora.cli.entry import FILE, entry_settings
from kora.exit_codes import ExitCode


@click.group("log")
def log() -> None:
    """Keep certificates in a transparency log: a folder that only grows.

    Each file in it gets a small proof that ships beside it; `kora check CERT --key … --log-key log.pub` checks both
    without a network. A site's own log can be rewritten by whoever holds its key: keep printed checkpoints.

    \b
    Example:
      kora log init /srv/log --origin clinic.example/log
      kora log append /srv/log evidence/certificate.json
    """


@log.command()
@click.argument("folder", type=FILE)
@click.option(
    "--origin", required=True, metavar="NAME", help="The log's name for good, for example clinic.example/log."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def init(folder: Path, origin: str, as_json: bool) -> int:
    """Begin an empty log in FOLDER. Its private key is $SENSEI_HOME/keys/log.pem.

    \b
    Example:
      kora log init /srv/log --origin clinic.example/log
    """
    settings = entry_settings()
    from kora.evidence.report_proofs import print_log
    from kora.evidence.signing import KeyStore
    from kora.evidence.transparency import PUBLIC_KEY_NAME, check_log, create_log

    key = create_log(folder, origin, KeyStore(settings.home_directory))
    print_log(check_log(folder, key), folder / PUBLIC_KEY_NAME, as_json=as_json)
    return int(ExitCode.EQUIVALENT)


@log.command()
@click.argument("folder", type=FILE)
@click.argument("files", type=FILE, nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def append(folder: Path, files: tuple[Path, ...], as_json: bool) -> int:
    """Append certificates or fingerprints by their digests; each gets its FILE.tlog-proof beside it.

    \b
    Example:
      kora log append /srv/log evidence/certificate.json
    """
    settings = entry_settings()
    from kora.evidence.report_proofs import print_logged
    from kora.evidence.signing import KeyStore
    from kora.evidence.transparency import append_files

    print_logged(append_files(folder, files, KeyStore(settings.home_directory)), as_json=as_json)
    return int(ExitCode.EQUIVALENT)


@log.command("prove")
@click.argument("folder", type=FILE)
@click.argument("file", type=FILE)
@click.option("-o", "--output", type=FILE, help="Where the proof goes; beside the file without it.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def prove_entry(folder: Path, file: Path, output: Path | None, as_json: bool) -> int:
    """Write the proof that FILE stands in the log, under its newest checkpoint.

    \b
    Example:
      kora log prove /srv/log evidence/certificate.json
    """
    from kora.evidence.report_proofs import print_proven
    from kora.evidence.transparency import proof_path, prove_file

    there = output or proof_path(file)
    print_proven(file, prove_file(folder, file, there), there, as_json=as_json)
    return int(ExitCode.EQUIVALENT)


@log.command("check")
@click.argument("folder", type=FILE)
@click.option("--log-key", type=FILE, required=True, help="The log's public key, got by another way than the log.")
@click.option("--since", type=FILE, help="A checkpoint or log proof from before: the log must have grown from it.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def check_log(folder: Path, log_key: Path, since: Path | None, as_json: bool) -> int:
    """Check a whole log: every entry, every tile, its signature, and that nothing was taken out since a checkpoint.

    \b
    Example:
      kora log check /srv/log --log-key log.pub --since checkpoint-of-march
    """
    from kora.evidence import transparency
    from kora.evidence.report_proofs import print_log

    state = transparency.check_log(folder, transparency.read_log_key(log_key), since)
    print_log(state, None, as_json=as_json)
    return int(ExitCode.EQUIVALENT)
