"""Two independent readers of a certificate, in Python and in Rust, judge the same files alike."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kora import _core
from kora.comparison.fingerprint import side_of
from kora.errors import SenseiError
from kora.evidence.certificate import STATEMENT_PAYLOAD_TYPE, check, cosign, issue, issue_fingerprint, read
from kora.evidence.envelope import seal
from kora.evidence.signing import PublicKey, SigningKey, read_public_key
from tests.unit.evidence import samples

VECTORS = Path(__file__).parents[2] / "vectors" / "certificates"


def new_key() -> SigningKey:
    private = _core.generate_signing_key()
    return SigningKey(private, PublicKey(_core.public_key(private)))


KEY, OTHER = new_key(), new_key()
SMALL = issue(samples.result([samples.table("t", 2)], not_checked=(), timings=()), {"r": "00" * 32}, [KEY])
PAYLOAD = read(SMALL, "c").envelope.payload


def in_python(data: bytes, keys: list[PublicKey], threshold: int | None = None) -> int:
    """The exit code; 2 for every typed refusal."""
    try:
        return int(check(data, keys, "c", threshold=threshold).exit_code)
    except SenseiError as refusal:
        return refusal.exit_code


def in_rust(data: bytes, keys: list[PublicKey], threshold: int | None = None) -> int:
    try:
        return _core.check_certificate(data, "c", [key.raw for key in keys], threshold)[1]
    except SenseiError as refusal:
        return refusal.exit_code


def both(data: bytes, keys: list[PublicKey], threshold: int | None = None) -> int:
    code = in_python(data, keys, threshold)
    assert in_rust(data, keys, threshold) == code, data
    return code


@pytest.mark.parametrize("path", sorted(VECTORS.glob("*.json")), ids=lambda path: path.stem)
def test_the_published_files_are_judged_alike(path):
    code = both(path.read_bytes(), [read_public_key(VECTORS / "signer.pub")])
    assert code == (0 if path.stem == "valid" else 2)


@pytest.mark.parametrize(
    ("name", "code"), [("equivalent", 0), ("approved", 0), ("unapproved", 5), ("different", 1), ("not_proven", 3)]
)
def test_every_verdict_is_judged_alike(name, code):
    assert both(issue(samples.ALL[name](), {"r": "00" * 32}, [KEY]), [KEY.public]) == code


def test_a_fingerprint_holds_no_verdict_for_either():
    assert both(issue_fingerprint(side_of(samples.different(), "source"), [KEY]), [KEY.public]) == 3


@pytest.mark.parametrize("threshold", [None, 1, 2, 3])
@pytest.mark.parametrize("keys", [[], [KEY], [OTHER], [KEY, OTHER], [KEY, KEY], [KEY, OTHER, new_key()]])
@pytest.mark.parametrize("data", [SMALL, cosign(SMALL, [OTHER], "c")])
def test_signers_and_thresholds_are_counted_alike(data, keys, threshold):
    both(data, [key.public for key in keys], threshold)


def test_every_flipped_byte_is_refused_by_both():
    for position in range(len(SMALL)):
        altered = bytearray(SMALL)
        altered[position] ^= 1
        assert both(bytes(altered), [KEY.public]) == 2


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(PAYLOAD) - 1), st.integers(0, 8), st.text(st.sampled_from('{}[]",:0-9 aé\\u\n'), max_size=6))
def test_statements_that_a_signer_spoiled_are_judged_alike(at, cut, text):
    spoiled = PAYLOAD[:at] + text.encode() + PAYLOAD[at + cut :]
    both(seal(STATEMENT_PAYLOAD_TYPE, spoiled, [KEY]), [KEY.public])


@pytest.mark.parametrize(
    "text",
    ['"\\ud83d\\ude00"', '"\\ude00\\ud83d"', '"\\udce9"', '"\x7f"', '"\\u007f"', '"é"', '"\\u001f"', '"\\/"', '"\\t"'],
)
def test_the_spelling_of_a_name_is_judged_alike(text):
    payload = PAYLOAD.replace(b'"name":"r"', b'"name":' + text.encode())
    both(seal(STATEMENT_PAYLOAD_TYPE, payload, [KEY]), [KEY.public])
