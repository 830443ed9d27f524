"""Behaviour files (`.kbh`): one side's answers as a signed envelope in canonical JSON. Layout: docs/formats/kbh.md."""

from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from kora.comparison.behavior import Recording
from kora.errors import LimitExceeded, MalformedInput, NotAuthentic
from kora.evidence.canonical import canonical_bytes, parse_canonical
from kora.evidence.envelope import authenticate, read_envelope, seal
from kora.evidence.files import read_bounded, write_atomically
from kora.evidence.signing import PublicKey, SigningKey

BEHAVIOR_PAYLOAD_TYPE = "application/vnd.sensei.behavior+json"
FILE_LIMIT_BYTES = 32 << 20
_HINT = "`kora behave record URL -o side.kbh` makes one"


def write_recording(path: Path, recording: Recording, signers: Sequence[SigningKey]) -> None:
    """Writes the whole file or none.

    Raises:
        FileProblem, Busy: It cannot be written. An old file is then untouched.
        LimitExceeded: It would be larger than a reader takes.
    """
    body = recording.model_dump(mode="json", exclude_defaults=True) | {"format": recording.format}
    data = seal(BEHAVIOR_PAYLOAD_TYPE, canonical_bytes(body), signers)
    if len(data) > FILE_LIMIT_BYTES:
        raise LimitExceeded(f"{path} would have {len(data):,} bytes; the limit is {FILE_LIMIT_BYTES:,}")
    write_atomically(path, data)


def read_recording(path: Path, keys: Sequence[PublicKey]) -> Recording:
    """Reads a behaviour file and makes sure that it is whole and signed by one of the keys, and by nobody else.

    Raises:
        NotAuthentic: It was altered or respelled, or its signer is none of those given.
        MalformedInput, LimitExceeded, FileProblem: It is no behaviour file, or cannot be read.
    """
    data = read_bounded(path, FILE_LIMIT_BYTES)
    envelope = read_envelope(data, str(path))
    if envelope.payload_type != BEHAVIOR_PAYLOAD_TYPE:
        raise MalformedInput(f"{path} is no behaviour file but an envelope of {envelope.payload_type}", hint=_HINT)
    signers = [key for key in keys if key.key_id in envelope.key_ids]
    if not signers:
        raise NotAuthentic(
            f"{path} was signed by {', '.join(envelope.key_ids)}, a key that is not known here",
            hint=f"take the signer's public key ($SENSEI_HOME/keys/signing.pub there) by a way that you trust:"
            f" --key FILE.pub with {path}",
        )
    authenticate(envelope, signers, str(path))
    payload = parse_canonical(envelope.payload, f"the payload of {path}")
    try:
        return Recording.model_validate(payload)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise MalformedInput(f"{path} has a field that its format does not allow: {where}: {first['msg']}") from error
