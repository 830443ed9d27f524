"""Several signatures on one certificate, and keys that follow each other."""

import stat

import pytest

from kora import _core
from kora.errors import FileProblem, InvalidRequest, MalformedInput, NotAuthentic
from kora.evidence.certificate import check, cosign, issue
from kora.evidence.signing import KeyStore, PublicKey, SigningKey, read_proof_key, read_public_key, write_proof_key
from tests.unit.evidence import samples


def new_key() -> SigningKey:
    private = _core.generate_signing_key()
    return SigningKey(private, PublicKey(_core.public_key(private)))


@pytest.fixture
def keys() -> list[SigningKey]:
    return [new_key() for _ in range(3)]


def signed(*keys: SigningKey) -> bytes:
    return issue(samples.result(), {"r": "00" * 32}, list(keys))


def test_a_second_signature_leaves_the_statement_as_it_was(keys):
    first = signed(keys[0])
    both = cosign(first, [keys[1]], "c")
    one, two = check(first, [keys[0].public], "c"), check(both, [key.public for key in keys[:2]], "c")
    assert two.envelope.payload == one.envelope.payload
    assert set(two.envelope.key_ids) == {key.public.key_id for key in keys[:2]}
    assert cosign(both, [keys[1]], "c") == both


def test_a_countersigned_certificate_is_not_checked_by_one_key_alone(keys):
    both = cosign(signed(keys[0]), [keys[1]], "c")
    with pytest.raises(NotAuthentic, match="none of the keys given"):
        check(both, [keys[0].public], "c")


def test_a_threshold_lets_keys_that_did_not_sign_be_named(keys):
    both, publics = cosign(signed(keys[0]), [keys[1]], "c"), [key.public for key in keys]
    with pytest.raises(NotAuthentic):
        check(both, publics, "c")
    check(both, publics, "c", threshold=2)
    check(both, publics, "c", threshold=1)
    with pytest.raises(NotAuthentic):
        check(both, publics, "c", threshold=3)
    with pytest.raises(InvalidRequest):
        check(both, publics[:2], "c", threshold=3)


def test_one_signer_named_twice_counts_once(keys):
    with pytest.raises(InvalidRequest):
        check(signed(keys[0]), [keys[0].public] * 2, "c", threshold=2)


def test_what_is_altered_cannot_be_countersigned(keys):
    damaged = bytearray(signed(keys[0]))
    damaged[30] ^= 1
    with pytest.raises((MalformedInput, NotAuthentic)):
        cosign(bytes(damaged), [keys[1]], "c")


def test_at_most_sixteen_sign(keys):
    crowd = [new_key() for _ in range(16)]
    with pytest.raises(InvalidRequest):
        cosign(signed(keys[0]), crowd, "c")


def test_a_rotated_key_checks_what_it_signed_and_signs_no_more(tmp_path):
    store = KeyStore(tmp_path)
    before = store.signing_key()
    certificate = signed(before)
    old, new = store.rotate()
    assert old == before.public != new.public
    assert read_public_key(store.public_path) == new.public == store.signing_key().public
    assert stat.S_IMODE(store.signing_path.stat().st_mode) == 0o600
    check(certificate, [read_public_key(store.retired_path(old))], "c")
    with pytest.raises(NotAuthentic):
        check(certificate, [new.public], "c")
    left = b"".join(path.read_bytes() for path in store.directory.rglob("*") if path.is_file())
    assert before.private not in left


def test_a_public_key_left_behind_by_a_rotation_that_was_killed_is_written_anew(tmp_path):
    store = KeyStore(tmp_path)
    stale = store.signing_key().public
    store.rotate()
    store.public_path.write_text(stale.to_text())
    assert read_public_key(store.public_path) == stale
    assert read_public_key(store.public_path) != store.signing_key().public
    assert read_public_key(store.public_path) == store.signing_key().public


def test_the_key_of_a_run_that_was_not_here_is_not_drawn_anew(tmp_path):
    store = KeyStore(tmp_path)
    with pytest.raises(FileProblem):
        store.existing_migration_key("verify-1")
    with pytest.raises(FileProblem):
        store.existing_migration_key("../signing")
    drawn = store.migration_key("run")
    assert store.existing_migration_key("run") == drawn


def test_a_proof_key_is_for_its_owners_eyes(tmp_path):
    path = tmp_path / "auditor.key"
    write_proof_key(path, b"\x07" * 32)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_proof_key(path) == b"\x07" * 32
