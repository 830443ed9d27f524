import hashlib
from pathlib import Path

import pytest

from kora import _core
from kora.errors import FileProblem, MalformedInput

TYPE = "http://example.com/HelloWorld"


def test_a_signature_holds_for_its_own_payload_type_and_key_alone() -> None:
    key = _core.generate_signing_key()
    public = _core.public_key(key)
    signature = _core.sign(key, TYPE, b"hello world")
    assert _core.verify_signature(public, TYPE, b"hello world", signature)
    assert not _core.verify_signature(public, TYPE, b"hello worlD", signature)
    assert not _core.verify_signature(public, TYPE + "s", b"hello world", signature)
    assert not _core.verify_signature(_core.public_key(_core.generate_signing_key()), TYPE, b"hello world", signature)
    assert not _core.verify_signature(b"", TYPE, b"hello world", b"")


def test_a_key_is_named_by_the_sha256_of_its_public_bytes() -> None:
    public = _core.public_key(_core.generate_signing_key())
    assert len(public) == 32
    assert _core.key_id(public) == hashlib.sha256(public).hexdigest()


def test_something_that_is_no_signing_key_is_malformed() -> None:
    with pytest.raises(MalformedInput):
        _core.sign(b"not a key", TYPE, b"")


def test_files_hash_as_their_bytes_do(tmp_path: Path) -> None:
    data = b"abc" * 1_000_000
    path = tmp_path / "data"
    path.write_bytes(data)
    assert _core.sha256_file(str(path)) == _core.sha256(data) == hashlib.sha256(data).hexdigest()
    with pytest.raises(FileProblem):
        _core.sha256_file(str(tmp_path / "none"))
