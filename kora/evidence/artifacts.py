"""The files of one verification in one folder: the certificate, what it speaks of, the report, the public key.

certificate.json     signed; names every other file but the key by its SHA-256
report.html          for people
findings.jsonl       the differing rows that were listed, if any, for programs
source.kfp target.kfp  signed tier-0 fingerprints
profiles.json        the comparison profiles, which a third party needs to verify again
certified-plan.yaml  the plan's exact bytes, if there was one
certified-map.yaml   the map's, if there was one
source-log.json      the source's fingerprint as it was logged before the load, if it was
signer.pub           the public key
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from kora import _core
from kora.comparison.fingerprint import side_of
from kora.comparison.result import VerificationResult
from kora.errors import SenseiError
from kora.evidence.canonical import canonical_bytes
from kora.evidence.certificate import check_subjects, issue, issue_fingerprint, load, read
from kora.evidence.envelope import signed_by
from kora.evidence.files import make_directory, write_atomically
from kora.evidence.findings_file import FINDINGS_NAME, findings_bytes
from kora.evidence.signing import KeyStore, SigningKey
from kora.evidence.statement import Predicate, predicate_of
from kora.evidence.transparency import Checkpoint, Logged, append_files, proof_path, read_checkpoint

CERTIFICATE_NAME = "certificate.json"
REPORT_NAME = "report.html"
PUBLIC_KEY_NAME = "signer.pub"
SOURCE_LOG_NAME = "source-log.json"
PROFILES_NAME = "profiles.json"
PLAN_NAME = "certified-plan.yaml"
MAP_NAME = "certified-map.yaml"


@dataclass(frozen=True, slots=True)
class Artifacts:
    """Where the files of a verification lie."""

    certificate: Path
    report: Path
    public_key: Path
    findings: Path | None = None
    """Every listed row, where any differs."""
    logged: Logged | None = None
    """The certificate's place in the transparency log, where one is kept."""


def certify(
    result: VerificationResult,
    out_directory: Path,
    keys: KeyStore,
    log: Path | None,
    *,
    plan_bytes: bytes | None = None,
    map_bytes: bytes | None = None,
    profiles: Mapping[str, str] | None = None,
    source_log_bytes: bytes | None = None,
) -> Artifacts:
    """Write all files of a result and, where a log is kept, enter the certificate there.

    The report is certified and so cannot hold the checkpoint that holds the certificate: it prints the one before.
    The certificate is on disk before the log hears of it. So an attempt that was killed anywhere is finished by the
    next one with the same result: what stands is kept as it is, and a log holds one entry of it.

    Raises:
        SenseiError: As `write_artifacts` and `append_files`. Where the log is at fault the certificate stands already,
            and `kora log append` can be tried again.
    """
    artifacts = standing_artifacts(result, out_directory, keys) or write_artifacts(
        result,
        out_directory,
        keys.signing_key(),
        plan_bytes=plan_bytes,
        map_bytes=map_bytes,
        profiles=profiles,
        source_log_bytes=source_log_bytes,
        checkpoint=_checkpoint_before(log),
    )
    return replace(artifacts, logged=append_files(log, [artifacts.certificate], keys)[0]) if log else artifacts


def standing_artifacts(result: VerificationResult, out_directory: Path, keys: KeyStore) -> Artifacts | None:
    """The files of a result that was certified here before, whole and signed by this box; None where they are not."""
    path = out_directory / CERTIFICATE_NAME
    try:
        certificate = read(load(path), str(path))
        statement = certificate.statement
        if statement is None or not _speaks_of(statement.predicate, result):
            return None
        signed = any(signed_by(certificate.envelope, key) for key in keys.own_keys())
        whole = all(check_subjects(statement, out_directory).values())
    except SenseiError:
        return None
    return _in_folder(out_directory) if signed and whole and (out_directory / PUBLIC_KEY_NAME).is_file() else None


def _speaks_of(predicate: Predicate, result: VerificationResult) -> bool:
    """Whether a certificate is of exactly this result; an update of the program in between does not matter."""
    expected = predicate_of(result, signature_threshold=predicate.signature_threshold, challenge=predicate.challenge)
    return expected.model_copy(update={"tool": predicate.tool}) == predicate


def _in_folder(folder: Path) -> Artifacts:
    findings = folder / FINDINGS_NAME
    listed = findings if findings.is_file() else None
    return Artifacts(folder / CERTIFICATE_NAME, folder / REPORT_NAME, folder / PUBLIC_KEY_NAME, listed)


def _checkpoint_before(log: Path | None) -> Checkpoint | None:
    """The log's state of now; None of a damaged one, which is said when the certificate is entered."""
    try:
        return read_checkpoint(log) if log else None
    except SenseiError:
        return None


def write_artifacts(
    result: VerificationResult,
    out_directory: Path,
    signing_key: SigningKey,
    *,
    plan_bytes: bytes | None = None,
    map_bytes: bytes | None = None,
    profiles: Mapping[str, str] | None = None,
    source_log_bytes: bytes | None = None,
    checkpoint: Checkpoint | None = None,
) -> Artifacts:
    """Write all files of a result, the certificate last, so that it never speaks of files that are not there.

    Args:
        result: What was found; its verdict is decided anew.
        out_directory: Made if it is not there. Files of an earlier run with these names are replaced.
        signing_key: The signer.
        plan_bytes: The plan as it was used, byte for byte.
        map_bytes: The map, if one was used without a plan.
        profiles: Table pair → comparison profile (canonical JSON, as `TableMapping.profile` gives it).
        source_log_bytes: The source's log as it was written before the load, byte for byte.
        checkpoint: The transparency log's state, for the report to print.

    Raises:
        FileProblem: A file cannot be written. Each file present is whole; the certificate, if any, is the old one.
    """
    # Here, not above: the template engine is loaded while rows are read, or not before it is needed.
    from kora.evidence.report_html import render_html

    files: dict[str, bytes] = {
        REPORT_NAME: render_html(
            result,
            signer_key_id=signing_key.public.key_id,
            certificate_name=CERTIFICATE_NAME,
            public_key_name=PUBLIC_KEY_NAME,
            checkpoint=checkpoint,
        ).encode("utf-8", "backslashreplace"),
        "source.kfp": issue_fingerprint(side_of(result, "source"), [signing_key]),
        "target.kfp": issue_fingerprint(side_of(result, "target"), [signing_key]),
        PROFILES_NAME: canonical_bytes({"format": "kora-profiles-1", "profiles": dict(profiles or {})}),
    }
    if findings := findings_bytes(result):
        files[FINDINGS_NAME] = findings
    if plan_bytes is not None:
        files[PLAN_NAME] = plan_bytes
    if map_bytes is not None:
        files[MAP_NAME] = map_bytes
    if source_log_bytes is not None:
        files[SOURCE_LOG_NAME] = source_log_bytes
    certificate = issue(result, {name: _core.sha256(data) for name, data in files.items()}, [signing_key])
    make_directory(out_directory)
    if not findings:
        (out_directory / FINDINGS_NAME).unlink(missing_ok=True)  # of an earlier run: it would seem to be of this one
    proof_path(out_directory / CERTIFICATE_NAME).unlink(missing_ok=True)  # of an earlier certificate, not of this one
    for name, data in files.items():
        write_atomically(out_directory / name, data)
    write_atomically(out_directory / PUBLIC_KEY_NAME, signing_key.public.to_text().encode())
    write_atomically(out_directory / CERTIFICATE_NAME, certificate)
    return _in_folder(out_directory)
