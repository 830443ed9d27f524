"""Certificates and fingerprint files: signed, canonical, checked with a public key and nothing else.

`issue` writes what `check` reads: a DSSE envelope over an in-toto Statement v1. The format, its limits and its JSON
Schema are in `docs/formats/certificate.md`.
"""

import shutil
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from kora import _core
from kora.comparison.behavior import Recording
from kora.comparison.fingerprint import Fingerprint
from kora.comparison.fingerprint_body import OpenFingerprint
from kora.comparison.result import VerificationResult
from kora.errors import FileProblem, MalformedInput, NotAuthentic
from kora.evidence.canonical import FILE_SIZE_LIMIT_BYTES, JsonValue, canonical_bytes, parse_canonical, parse_json
from kora.evidence.envelope import Envelope, add_signatures, authenticate, read_envelope, seal
from kora.evidence.files import read_bounded, read_line_bounded, replace_by
from kora.evidence.kbh import BEHAVIOR_PAYLOAD_TYPE, unpack_recording
from kora.evidence.signing import PublicKey, SigningKey
from kora.evidence.statement import (
    PREDICATE_TYPE,
    STATEMENT_TYPE,
    Digest,
    Predicate,
    Statement,
    Subject,
    claim_of,
    predicate_of,
)
from kora.exit_codes import ExitCode

Model = TypeVar("Model", bound=BaseModel)
STATEMENT_PAYLOAD_TYPE = "application/vnd.in-toto+json"
FINGERPRINT_PAYLOAD_TYPE = "application/vnd.sensei.fingerprint+json"
_EXIT_CODES: dict[str, frozenset[int]] = {
    "equivalent": frozenset({ExitCode.EQUIVALENT}),
    "equivalent_with_declared_loss": frozenset({ExitCode.EQUIVALENT, ExitCode.NEEDS_DECISION}),
    "different": frozenset({ExitCode.DIFFERENT}),
    "not_proven": frozenset({ExitCode.NOT_PROVEN}),
}


@dataclass(frozen=True, slots=True)
class Certificate:
    """What an envelope holds. `statement` is None for a foreign one, `fingerprint` for all but `.kfp` files,
    `recording` for all but `.kbh` files.
    """

    envelope: Envelope
    payload: JsonValue
    statement: Statement | None = None
    fingerprint: Fingerprint | None = None
    recording: Recording | None = None

    @property
    def exit_code(self) -> ExitCode:
        """The certified verdict's; `NOT_PROVEN` where the file holds no verdict of KORA's."""
        return ExitCode(self.statement.predicate.exit_code) if self.statement else ExitCode.NOT_PROVEN


def issue(
    result: VerificationResult,
    subjects: Mapping[str, str],
    signers: Sequence[SigningKey],
    *,
    challenge: str | None = None,
) -> bytes:
    """A certificate's bytes. `subjects`: file name → SHA-256 in hex; each signer's signature is then required."""
    predicate = predicate_of(result, signature_threshold=len(signers), challenge=challenge)
    statement = Statement(
        _type=STATEMENT_TYPE,
        subject=tuple(Subject(name=name, digest=Digest(sha256=digest)) for name, digest in sorted(subjects.items())),
        predicateType=PREDICATE_TYPE,
        predicate=predicate,
    )
    return seal(STATEMENT_PAYLOAD_TYPE, _model_bytes(statement), signers)


def issue_fingerprint(fingerprint: Fingerprint, signers: Sequence[SigningKey]) -> bytes:
    """A `.kfp` file's bytes."""
    return seal(FINGERPRINT_PAYLOAD_TYPE, _model_bytes(fingerprint), signers)


def read(data: bytes, what: str, *, lenient: bool = False) -> Certificate:
    """Take a file apart *without* believing it: for `kora show`, and as `check`'s first step.

    Raises:
        MalformedInput, LimitExceeded: Not a signed envelope, or of a shape that its type does not allow.
        NotAuthentic: Not in canonical form.
    """
    envelope = read_envelope(data, what, lenient=lenient)
    if envelope.payload_type == FINGERPRINT_PAYLOAD_TYPE:
        payload = parse_canonical(envelope.payload, f"the payload of {what}")
        return Certificate(envelope, payload, fingerprint=_validated(Fingerprint, payload, what))
    if envelope.payload_type == BEHAVIOR_PAYLOAD_TYPE:
        recording = unpack_recording(envelope.payload, what)
        return Certificate(envelope, recording.model_dump(mode="json"), recording=recording)
    payload = parse_json(envelope.payload, f"the payload of {what}")
    if isinstance(payload, dict) and payload.get("predicateType") == PREDICATE_TYPE:
        parse_canonical(envelope.payload, f"the payload of {what}")
        statement = _validated(Statement, payload, what)
        _refuse_contradiction(statement.predicate, what)
        return Certificate(envelope, payload, statement=statement)
    if not lenient:
        raise MalformedInput(
            f"{what} is an envelope of another kind ({envelope.payload_type})",
            hint="--lenient checks the signature of foreign envelopes; they hold no verdict of KORA's",
        )
    return Certificate(envelope, payload)


def check(
    data: bytes, keys: Sequence[PublicKey], what: str, *, lenient: bool = False, threshold: int | None = None
) -> Certificate:
    """Read a file and make sure that each key given signed it, or `threshold` of them; strictly also nobody else.

    Raises:
        NotAuthentic: It was altered, re-spelled, or signed by other keys, or by fewer than it demands.
        MalformedInput, LimitExceeded, InvalidRequest: As `read`, and if no key is given.
    """
    certificate = read(data, what, lenient=lenient)
    signed = authenticate(certificate.envelope, keys, what, threshold=threshold)
    if certificate.statement and signed < certificate.statement.predicate.signature_threshold:
        raise NotAuthentic(
            f"{what} demands {certificate.statement.predicate.signature_threshold} signers, and fewer were checked",
            hint="give each signer's public key with --key",
        )
    return certificate


def check_sections(certificate: Certificate, path: Path) -> None:
    """Hold the sections of a fingerprint file against what was signed of them; nothing for other files.

    Raises:
        NotAuthentic, MalformedInput: The file holds other sections, or more.
        FileProblem: It cannot be read.
    """
    if certificate.fingerprint is not None:
        OpenFingerprint(certificate.fingerprint, path, len(load(path))).check_body()


def cosign(data: bytes, signers: Sequence[SigningKey], what: str) -> bytes:
    """The certificate or fingerprint with further signatures; what it says is read first and stays as it is.

    Raises:
        MalformedInput, NotAuthentic, LimitExceeded: As `read`.
        InvalidRequest: It would carry too many signatures.
    """
    return add_signatures(read(data, what).envelope, signers)


def cosign_file(path: Path, signers: Sequence[SigningKey]) -> bytes:
    """`cosign` in place; sections behind a fingerprint's signed line stay. Gives the new line.

    Raises:
        SenseiError: As `cosign`, and where the file cannot be read or written; the old one is then untouched.
    """
    line = load(path)
    signed = cosign(line, signers, str(path))
    with path.open("rb") as old, replace_by(path) as new:
        old.seek(len(line))
        new.write(signed)
        shutil.copyfileobj(old, new, 1 << 20)
    return signed


def check_subjects(statement: Statement, folder: Path) -> dict[str, bool]:
    """Compare the files named by a certificate with those beside it: name → whether the file is there.

    Raises:
        NotAuthentic: A file is there and is not the one that was certified, or something that is no file.
        FileProblem: A file is there and cannot be read.
    """
    present = {}
    for subject in statement.subject:
        if Path(subject.name).name != subject.name or subject.name in {"", ".", ".."}:
            raise NotAuthentic(f"the certificate names {subject.name!r}, which is not a plain file name")
        path = folder / subject.name
        present[subject.name] = _is_there(path)
        if present[subject.name] and _core.sha256_file(str(path)) != subject.digest.sha256:
            raise NotAuthentic(
                f"{path} is not the file that was certified: it was altered, or belongs to another run",
                hint="ask for the original file, or move this one away to check the certificate alone",
            )
    return present


def _is_there(path: Path) -> bool:
    """Whether a file stands at a path, links followed; a folder, pipe or device in its place is refused."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return False
    except OSError as error:
        raise FileProblem(f"{path} cannot be read: {error.strerror}") from error
    if not stat.S_ISREG(mode):
        raise NotAuthentic(
            f"{path} is not the file that was certified: it is no file at all",
            hint="ask for the original file, or move this away to check the certificate alone",
        )
    return True


def load(path: Path) -> bytes:
    """A certificate's bytes; of a fingerprint file the signed line, behind which its sections stand.

    Raises:
        FileProblem, LimitExceeded: It cannot be read, or is larger than such a file ever is.
    """
    if path.is_dir():
        raise FileProblem(f"{path} is a folder", hint=f"name the file: {path / 'certificate.json'}")
    line = read_line_bounded(path, FILE_SIZE_LIMIT_BYTES)
    if f'"payloadType":"{FINGERPRINT_PAYLOAD_TYPE}"'.encode() in line:
        return line
    return read_bounded(path, FILE_SIZE_LIMIT_BYTES)


def _model_bytes(model: BaseModel) -> bytes:
    return canonical_bytes(model.model_dump(mode="json", by_alias=True))


def _validated(model: type[Model], payload: JsonValue, what: str) -> Model:
    try:
        return model.model_validate(payload)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise MalformedInput(f"{what} has a field that its format does not allow: {where}: {first['msg']}") from error


def _refuse_contradiction(predicate: Predicate, what: str) -> None:
    if predicate.exit_code not in _EXIT_CODES[predicate.verdict] or predicate.claim != claim_of(
        predicate.verdict, predicate.behavior
    ):
        raise MalformedInput(f"{what} contradicts itself: its claim or exit code does not belong to its verdict")
