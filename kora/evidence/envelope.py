"""DSSE envelopes: bytes, what they are, and who signed them. Nothing here knows what the bytes mean.

Specification: Dead Simple Signing Envelope v1.0, https://github.com/secure-systems-lab/dsse. DSSE leaves `keyid`,
white space and base64 tail bits unsigned; reading strictly (the default) closes that gap: the file must be canonical,
each `keyid` must be the SHA-256 of the key that made the signature, and each signature must be checked by a key given.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kora import _core
from kora.errors import InvalidRequest, MalformedInput, NotAuthentic
from kora.evidence.canonical import (
    JsonValue,
    canonical_bytes,
    decode_base64,
    decode_base64_leniently,
    encode_base64,
    parse_canonical,
    parse_json,
)
from kora.evidence.signing import PublicKey, SigningKey

SIGNATURES_LIMIT = 16


@dataclass(frozen=True, slots=True)
class _Signature:
    keyid: str
    signature: bytes


@dataclass(frozen=True, slots=True)
class Envelope:
    """An envelope as read. Nothing about it is believed before `authenticate`."""

    payload_type: str
    payload: bytes
    signatures: tuple[_Signature, ...]
    strict: bool

    @property
    def key_ids(self) -> tuple[str, ...]:
        """The signers that the file claims."""
        return tuple(signature.keyid for signature in self.signatures)


def seal(payload_type: str, payload: bytes, signers: Sequence[SigningKey]) -> bytes:
    """An envelope's canonical bytes, signed by each signer, signatures sorted by key id."""
    made = {signer.public.key_id: _core.sign(signer.private, payload_type, payload) for signer in signers}
    return _canonical_envelope(payload_type, payload, made)


def read_envelope(data: bytes, what: str, *, lenient: bool = False) -> Envelope:
    """Take an envelope apart. `what` names the file in messages.

    Raises:
        MalformedInput, LimitExceeded: Not an envelope.
        NotAuthentic: Not in canonical form (strict reading only), or with no signature.
    """
    value = parse_json(data, what) if lenient else parse_canonical(data, what)
    decode = decode_base64_leniently if lenient else decode_base64
    if not isinstance(value, dict):
        raise _malformed(what, "its outermost value is not an object")
    if not lenient and set(value) != {"payload", "payloadType", "signatures"}:
        raise _malformed(what, "its fields are not payload, payloadType and signatures")
    payload_type, payload = _text(value, "payloadType", what), _text(value, "payload", what)
    signatures = tuple(
        _Signature(_text(entry, "keyid", what, optional=lenient), decode(_text(entry, "sig", what), "a signature"))
        for entry in _signature_entries(value, what, lenient=lenient)
    )
    return Envelope(payload_type, decode(payload, "the payload"), signatures, strict=not lenient)


def _canonical_envelope(payload_type: str, payload: bytes, signatures: Mapping[str, bytes]) -> bytes:
    listed = [{"keyid": keyid, "sig": encode_base64(signatures[keyid])} for keyid in sorted(signatures)]
    return canonical_bytes({"payload": encode_base64(payload), "payloadType": payload_type, "signatures": listed})


def add_signatures(envelope: Envelope, signers: Sequence[SigningKey]) -> bytes:
    """The same payload with further signatures. Who signed before stays; who signs again is there once.

    Raises:
        InvalidRequest: The envelope was read leniently, or would carry more than `SIGNATURES_LIMIT` signatures.
    """
    made = {signature.keyid: signature.signature for signature in envelope.signatures}
    for signer in signers:
        made[signer.public.key_id] = _core.sign(signer.private, envelope.payload_type, envelope.payload)
    if not envelope.strict or len(made) > SIGNATURES_LIMIT:
        raise InvalidRequest(f"an envelope carries at most {SIGNATURES_LIMIT} signatures, in canonical form")
    return _canonical_envelope(envelope.payload_type, envelope.payload, made)


def authenticate_side(envelope: Envelope, known: Sequence[PublicKey], path: Path, retired: Sequence[Path] = ()) -> None:
    """Makes sure that a side's file was signed by keys that are known here, and by nobody else.

    Args:
        envelope: The file as it was read.
        known: Every key that is trusted here; those that did not sign are no harm.
        path: The file, for messages.
        retired: Public keys that this box signed with before, by their files: not trusted unless somebody says so.

    Raises:
        NotAuthentic: No known key signed it, or somebody else did too, or it was altered.
    """
    signers = [key for key in known if key.key_id in envelope.key_ids]
    if not signers:
        raise NotAuthentic(
            f"{path} was signed by {', '.join(envelope.key_ids)}, a key that is not known here",
            hint=hint_of_rotation(envelope.key_ids, retired)
            or f"take the signer's public key ($SENSEI_HOME/keys/signing.pub there) by a way that you trust:"
            f" --key FILE.pub with {path}",
        )
    authenticate(envelope, signers, str(path))


def hint_of_rotation(key_ids: Sequence[str], retired: Sequence[Path]) -> str:
    """What to do about a file that this machine signed before its key was replaced; empty for anybody else's.

    An old key is not trusted by itself: it may have been replaced because somebody else had it.
    """
    before = next((key for key in retired if key.stem in key_ids), None)
    if before is None:
        return ""
    return f"this machine signed it before `kora keygen --rotate`; if you still trust that key: --key {before}"


def authenticate(envelope: Envelope, keys: Sequence[PublicKey], what: str, *, threshold: int | None = None) -> int:
    """How many of the keys given signed exactly these bytes: all of them, or with a threshold at least that many.

    Strictly read, nobody else signed; so no signature is there that was not checked.

    Raises:
        InvalidRequest: No key was given, or fewer than the threshold.
        NotAuthentic: Signatures are missing, do not hold, or cannot be checked by the keys given.
    """
    distinct = {key.key_id: key for key in keys}
    wanted = len(distinct) if threshold is None else threshold
    if not 0 < wanted <= len(distinct):
        raise InvalidRequest(
            f"{wanted} signers of {what} cannot be checked with {len(distinct)} public keys",
            hint="give each signer's public key: kora check CERTIFICATE --key signer.pub",
        )
    signed = [key for key in distinct.values() if signed_by(envelope, key)]
    if len(signed) < wanted:
        missing = next(key_id for key_id in distinct if key_id not in {key.key_id for key in signed})
        raise NotAuthentic(f"{what} was not signed by key {missing}, or was altered since")
    if envelope.strict:
        _refuse_unchecked(envelope, {key.key_id for key in signed}, distinct, what)
    return len(signed)


def _refuse_unchecked(envelope: Envelope, held: set[str], given: Mapping[str, PublicKey], what: str) -> None:
    for keyid in envelope.key_ids:
        if keyid not in given:
            raise NotAuthentic(
                f"{what} carries a signature by {keyid}, which none of the keys given can check",
                hint="give each signer's public key with --key",
            )
        if keyid not in held:
            raise NotAuthentic(f"{what} was not signed by key {keyid}, or was altered since")


def signed_by(envelope: Envelope, key: PublicKey) -> bool:
    """Whether this key signed these bytes, whoever else did."""
    candidates = [
        signature.signature for signature in envelope.signatures if not envelope.strict or signature.keyid == key.key_id
    ]
    return any(
        _core.verify_signature(key.raw, envelope.payload_type, envelope.payload, signature) for signature in candidates
    )


def _signature_entries(value: dict[str, JsonValue], what: str, *, lenient: bool) -> list[dict[str, JsonValue]]:
    entries = value.get("signatures")
    if not isinstance(entries, list) or not 0 < len(entries) <= SIGNATURES_LIMIT:
        raise NotAuthentic(f"{what} carries no signature, or more than {SIGNATURES_LIMIT}")
    checked = [entry for entry in entries if isinstance(entry, dict) and (lenient or set(entry) == {"keyid", "sig"})]
    if len(checked) != len(entries):
        raise _malformed(what, "a signature has other fields than keyid and sig")
    keyids = [str(entry.get("keyid", "")) for entry in checked]
    if not lenient and keyids != sorted(set(keyids)):
        raise NotAuthentic(f"{what} does not list its signatures once each, in order of key id")
    return checked


def _text(value: dict[str, JsonValue], field: str, what: str, *, optional: bool = False) -> str:
    text = value.get(field, "" if optional else None)
    if not isinstance(text, str):
        raise _malformed(what, f"{field} is missing or not text")
    return text


def _malformed(what: str, why: str) -> MalformedInput:
    return MalformedInput(f"{what} is not a signed envelope: {why}", hint="name the certificate or fingerprint file")
