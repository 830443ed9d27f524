"""Our certificates in other people's tools, and other people's vectors in ours."""

import base64
import json

import jsonschema
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from google.protobuf import json_format
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import Statement
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey

from kora import _core
from kora.evidence.certificate import issue, read
from kora.evidence.signing import PublicKey, SigningKey
from kora.evidence.statement import statement_schema
from tests.unit.evidence import samples


@pytest.fixture
def key() -> SigningKey:
    private = _core.generate_signing_key()
    return SigningKey(private, PublicKey(_core.public_key(private)))


def certificate(name: str, key: SigningKey) -> bytes:
    return issue(samples.ALL[name](), {"report.html": "00" * 32}, [key])


def their_key(key: SigningKey) -> SSlibKey:
    return SSlibKey.from_crypto(Ed25519PublicKey.from_public_bytes(key.public.raw), keyid=key.public.key_id)


@pytest.mark.parametrize("name", samples.ALL)
def test_securesystemslib_verifies_our_envelopes(name, key):
    envelope = Envelope.from_dict(json.loads(certificate(name, key)))
    assert set(envelope.verify([their_key(key)], 1)) == {key.public.key_id}
    envelope.payload += b" "
    with pytest.raises(VerificationError):
        envelope.verify([their_key(key)], 1)


@pytest.mark.parametrize("name", samples.ALL)
def test_in_toto_reads_our_statements(name, key):
    payload = read(certificate(name, key), "c").envelope.payload
    parsed = Statement.copy_from_pb(json_format.Parse(payload, statement_pb2.Statement()))
    parsed.validate()
    assert parsed.pb.subject[0].digest["sha256"] == "00" * 32
    assert parsed.pb.predicate["verdict"] == samples.ALL[name]().verdict


@pytest.mark.parametrize("name", samples.ALL)
def test_every_certificate_follows_the_published_schema(name, key):
    schema = json.loads(statement_schema())
    validator = jsonschema.Draft202012Validator(schema)
    validator.check_schema(schema)
    payload = json.loads(read(certificate(name, key), "c").envelope.payload)
    validator.validate(payload)
    payload["predicate"]["tables"][0]["secret"] = "a row"
    assert not validator.is_valid(payload)


def test_the_vector_that_dsse_publishes_holds_over_our_encoding():
    # https://github.com/secure-systems-lab/dsse/blob/master/protocol.md, "Test Vectors": ECDSA over NIST P-256.
    numbers = ec.EllipticCurvePublicNumbers(
        46950820868899156662930047687818585632848591499744589407958293238635476079160,
        5640078356564379163099075877009565129882514886557779369047442380624545832820,
        ec.SECP256R1(),
    )
    signature = base64.b64decode(
        "A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA=="
    )
    halves = (int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
    encoded = _core.pre_authentication_encoding("http://example.com/HelloWorld", b"hello world")
    numbers.public_key().verify(encode_dss_signature(*halves), encoded, ec.ECDSA(hashes.SHA256()))


def test_what_we_sign_is_what_dsse_encodes(key):
    signature = _core.sign(key.private, "t", b"payload")
    public = Ed25519PublicKey.from_public_bytes(key.public.raw)
    public.verify(signature, _core.pre_authentication_encoding("t", b"payload"))
