"""Fingerprint files: one signed line, then the sections that it names. Layout and limits: docs/formats/kfp.md."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from kora.comparison.fingerprint import Fingerprint
from kora.comparison.fingerprint_body import OpenFingerprint
from kora.errors import MalformedInput
from kora.evidence import certificate as certificates
from kora.evidence.envelope import Envelope, authenticate_side
from kora.evidence.files import read_line_bounded, replace_by
from kora.evidence.signing import PublicKey, SigningKey


def write_fingerprint_file(path: Path, fingerprint: Fingerprint, body: Path, signers: Sequence[SigningKey]) -> None:
    """Writes the whole file or none: the signed line, then the body's bytes.

    Raises:
        FileProblem, Busy: The folder cannot be written to, or the disk is full. An old file is then untouched.
    """
    with replace_by(path) as file, body.open("rb") as sections:
        file.write(certificates.issue_fingerprint(fingerprint, signers))
        shutil.copyfileobj(sections, file, 1 << 20)


def read_fingerprint_file(path: Path, keys: Sequence[PublicKey], retired: Sequence[Path] = ()) -> OpenFingerprint:
    """Reads a fingerprint file and makes sure that it is whole and signed by one of the keys, and by nobody else.

    `retired` names the files of keys that are not trusted any more, for the hint.

    Raises:
        NotAuthentic: It was altered, or its signer is none of those given.
        MalformedInput, LimitExceeded, FileProblem: It is no fingerprint file, or cannot be read.
    """
    envelope, opened = _open(path)
    authenticate_side(envelope, keys, path, retired)
    opened.check_body()
    return opened


def peek_fingerprint_file(path: Path) -> OpenFingerprint:
    """The same without asking who signed it: enough to take its profiles, which a later comparison holds against it."""
    _, opened = _open(path)
    opened.check_body()
    return opened


def is_fingerprint_file(text: str) -> bool:
    """Whether a command's argument means a fingerprint file rather than a database: by its suffix or its beginning."""
    if text.endswith(".kfp"):
        return True
    path = Path(text)
    return "://" not in text and path.is_file() and read_line_bounded(path, 1 << 26).startswith(b'{"payload":')


def _open(path: Path) -> tuple[Envelope, OpenFingerprint]:
    data = certificates.load(path)
    read = certificates.read(data, str(path))
    if read.fingerprint is None:
        raise MalformedInput(
            f"{path} is no fingerprint file",
            hint="`kora fingerprint URL -o side.kfp` makes one; `kora check` reads this",
        )
    return read.envelope, OpenFingerprint(read.fingerprint, path, len(data))
