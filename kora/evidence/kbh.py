"""Behaviour files (`.kbh`): one side's answers as bytes in a signed envelope. Layout: docs/formats/kbh.md."""

from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from pydantic import ValidationError

from kora import _core
from kora.comparison.behavior import Answer, Reading, Recording, State
from kora.errors import LimitExceeded, MalformedInput
from kora.evidence.canonical import canonical_bytes, parse_canonical
from kora.evidence.envelope import authenticate_side, read_envelope, seal
from kora.evidence.files import read_bounded, write_atomically
from kora.evidence.signing import PublicKey, SigningKey

BEHAVIOR_PAYLOAD_TYPE = "application/vnd.sensei.behavior-2"
_FIRST_VERSION = "application/vnd.sensei.behavior+json"
_STATES: tuple[State, ...] = get_args(State)
"""In the order of their numbers in the file."""
FILE_LIMIT_BYTES = 32 << 20
_HINT = "`kora behave record URL -o side.kbh` makes one"


def write_recording(path: Path, recording: Recording, signers: Sequence[SigningKey]) -> None:
    """Writes the whole file or none.

    Raises:
        FileProblem, Busy: It cannot be written. An old file is then untouched.
        LimitExceeded: It would be larger than a reader takes.
    """
    head = recording.model_dump(mode="json", exclude_defaults=True, exclude={"answers"}) | {"format": recording.format}
    body = _core.pack_answers(canonical_bytes(head), [_packed(answer) for answer in recording.answers])
    data = seal(BEHAVIOR_PAYLOAD_TYPE, body, signers)
    if len(data) > FILE_LIMIT_BYTES:
        raise LimitExceeded(f"{path} would have {len(data):,} bytes; the limit is {FILE_LIMIT_BYTES:,}")
    write_atomically(path, data)


def read_recording(path: Path, keys: Sequence[PublicKey], retired: Sequence[Path] = ()) -> Recording:
    """Reads a behaviour file and makes sure that it is whole and signed by one of the keys, and by nobody else.

    `retired` names the files of keys that are not trusted any more, for the hint.

    Raises:
        NotAuthentic: It was altered or respelled, or its signer is none of those given.
        MalformedInput, LimitExceeded, FileProblem: It is no behaviour file, or cannot be read.
    """
    envelope = read_envelope(read_bounded(path, FILE_LIMIT_BYTES), str(path))
    if envelope.payload_type == _FIRST_VERSION:
        raise MalformedInput(f"{path} is of the format's first version, which is no longer read", hint=_HINT)
    if envelope.payload_type != BEHAVIOR_PAYLOAD_TYPE:
        raise MalformedInput(f"{path} is no behaviour file but an envelope of {envelope.payload_type}", hint=_HINT)
    authenticate_side(envelope, keys, path, retired)
    return unpack_recording(envelope.payload, str(path))


def unpack_recording(payload: bytes, what: str) -> Recording:
    """What a payload of this type says. Nothing about it is believed before its signature was checked.

    Raises:
        MalformedInput, LimitExceeded: It is no such payload.
    """
    head, entries = _core.unpack_answers(payload)
    facts = parse_canonical(head, f"the head of {what}")
    try:
        answers = [_unpacked(entry) for entry in entries]
        return Recording.model_validate({**(facts if isinstance(facts, dict) else {}), "answers": answers})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise MalformedInput(f"{what} has a field that its format does not allow: {where}: {first['msg']}") from error


def _packed(answer: Answer) -> "_core._Entry":
    body = None
    if answer.exact is not None and answer.plain is not None and answer.row_count is not None:
        readings = _halves(answer.exact), _halves(answer.plain)
        body = (answer.row_count, list(answer.columns), answer.ties, *readings)
    state = _STATES.index(answer.state)
    return (answer.name, bytes.fromhex(answer.text), state, answer.reason, answer.fragile, body)


def _halves(reading: Reading) -> tuple[bytes, bytes | None]:
    return bytes.fromhex(reading.rows), None if reading.order is None else bytes.fromhex(reading.order)


def _unpacked(entry: "_core._Entry") -> Answer:
    name, text, state, reason, fragile, body = entry
    answer = Answer(name=name, text=bytes(text).hex(), state=_STATES[state], reason=reason, fragile=fragile)
    if body is None:
        return answer
    rows, columns, ties, exact, plain = body
    answered = {"row_count": rows, "columns": tuple(columns), "ties": ties,
                "exact": _reading(exact), "plain": _reading(plain)}  # fmt: skip
    return Answer.model_validate({**answer.model_dump(), **answered})


def _reading(halves: tuple[bytes, bytes | None]) -> Reading:
    rows, order = halves
    return Reading(rows=bytes(rows).hex(), order=None if order is None else bytes(order).hex())
