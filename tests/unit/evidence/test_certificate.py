"""Certificates: what is signed is read back, and nothing else is."""

import json
import shutil
import stat
from pathlib import Path

import pytest

from kora import _core
from kora.comparison.result import VerificationResult
from kora.errors import AccessDenied, LimitExceeded, MalformedInput, NotAuthentic, SenseiError
from kora.evidence import canonical
from kora.evidence.artifacts import Artifacts, write_artifacts
from kora.evidence.certificate import check, check_subjects, issue, load, read
from kora.evidence.envelope import seal
from kora.evidence.signing import KeyStore, PublicKey, SigningKey, read_public_key, read_signing_key
from kora.evidence.statement import statement_schema
from tests.unit.evidence import samples


def new_key() -> SigningKey:
    private = _core.generate_signing_key()
    return SigningKey(private, PublicKey(_core.public_key(private)))


@pytest.fixture
def key() -> SigningKey:
    return new_key()


def small() -> VerificationResult:
    return samples.result([samples.table("t", 2)], not_checked=(), timings=())


@pytest.fixture
def written(tmp_path: Path, key: SigningKey) -> Artifacts:
    return write_artifacts(
        samples.with_approved_loss(), tmp_path / "out", key, plan_bytes=b"plan: 1\n", profiles={"t~t": "{}"}
    )


@pytest.mark.parametrize("name", samples.ALL)
def test_a_certificate_gives_back_the_verdict_that_was_certified(name, key):
    result = samples.ALL[name]()
    checked = check(issue(result, {"report.html": "00" * 32}, [key]), [key.public], "c")
    assert checked.statement is not None
    assert checked.statement.predicate.verdict == result.verdict
    assert (
        int(checked.exit_code)
        == {"equivalent": 0, "approved": 0, "unapproved": 5, "different": 1, "not_proven": 3}[name]
    )


def test_every_flipped_byte_of_a_certificate_is_refused(key):
    data = issue(small(), {"report.html": "00" * 32}, [key])
    check(data, [key.public], "c")
    for position in range(len(data)):
        for flip in (0x01, 0x20, 0x80):
            altered = bytearray(data)
            altered[position] ^= flip
            with pytest.raises(SenseiError) as refusal:
                check(bytes(altered), [key.public], "c")
            assert refusal.value.exit_code == 2, position


def test_a_cut_or_lengthened_certificate_is_refused(key):
    data = issue(small(), {"report.html": "00" * 32}, [key])
    for altered in (data[:-1], data[:-20], data + b"\n", data + b" ", b"\xef\xbb\xbf" + data, b""):
        with pytest.raises(SenseiError):
            check(altered, [key.public], "c")


def test_another_persons_key_does_not_check_it(key):
    data = issue(small(), {"report.html": "00" * 32}, [key])
    with pytest.raises(NotAuthentic, match="not signed by key"):
        check(data, [new_key().public], "c")


def test_two_signers_are_both_required(key):
    other = new_key()
    data = issue(small(), {"report.html": "00" * 32}, [key, other])
    check(data, [key.public, other.public], "c")
    with pytest.raises(NotAuthentic, match="none of the keys given"):
        check(data, [key.public], "c")


def test_a_signature_removed_from_two_is_noticed(key):
    other = new_key()
    envelope = json.loads(issue(small(), {"report.html": "00" * 32}, [key, other]))
    envelope["signatures"] = [entry for entry in envelope["signatures"] if entry["keyid"] == key.public.key_id]
    with pytest.raises(NotAuthentic, match="demands 2 signers"):
        check(canonical.canonical_bytes(envelope), [key.public], "c")


def test_a_signed_verdict_with_another_verdicts_exit_code_is_refused(key):
    payload = json.loads(read(issue(samples.different(), {"r": "00" * 32}, [key]), "c").envelope.payload)
    payload["predicate"]["exit_code"] = 0
    forged = seal("application/vnd.in-toto+json", canonical.canonical_bytes(payload), [key])
    with pytest.raises(MalformedInput, match="contradicts itself"):
        check(forged, [key.public], "c")


def test_a_caller_cannot_certify_a_verdict_that_the_results_do_not_carry(key):
    made_up = samples.different().model_copy(update={"verdict": "equivalent"})
    assert int(check(issue(made_up, {"r": "00" * 32}, [key]), [key.public], "c").exit_code) == 1


def test_the_certificate_holds_no_value_or_key_of_any_row(key):
    for make in samples.ALL.values():
        payload = read(issue(make(), {"r": "00" * 32}, [key]), "c").envelope.payload.decode()
        for secret in ("Otieno", "4711", "10442", "does not fit"):
            assert secret not in payload


def test_a_foreign_envelope_is_read_leniently_and_proves_nothing(key):
    foreign = json.loads(seal("text/plain", b'{"a":1}\n', [key]))
    foreign["signatures"][0]["keyid"] = "anything"
    data = json.dumps(foreign, indent=2).encode()
    with pytest.raises(NotAuthentic):
        check(data, [key.public], "c")
    assert int(check(data, [key.public], "c", lenient=True).exit_code) == 3
    with pytest.raises(NotAuthentic):
        check(data, [new_key().public], "c", lenient=True)


def test_a_fingerprint_file_cannot_pass_for_a_certificate(written, key):
    data = load(written.certificate.parent / "source.kfp")
    assert int(check(data, [key.public], "k").exit_code) == 3


def test_the_source_fingerprint_of_a_differing_table_claims_no_root(tmp_path, key):
    out = write_artifacts(samples.different(), tmp_path, key).certificate.parent
    roots = {}
    for side in ("source", "target"):
        made = check(load(out / f"{side}.kfp"), [key.public], side).fingerprint
        assert made is not None
        roots[side] = {table.name: table.root for table in made.tables}
    assert roots["source"]["patient"] is None
    assert roots["target"]["main.patient"] == "5f" * 32
    assert roots["source"]["room"] == roots["target"]["main.room"]


def test_findings_of_an_earlier_verification_do_not_outlive_it(tmp_path, key):
    first = write_artifacts(samples.different(), tmp_path, key)
    assert first.findings is not None
    statement = check(load(first.certificate), [key.public], "c").statement
    assert statement is not None
    assert check_subjects(statement, tmp_path)["findings.jsonl"]
    assert write_artifacts(samples.equivalent(), tmp_path, key).findings is None
    assert not (tmp_path / "findings.jsonl").exists()


def test_every_file_beside_a_certificate_is_bound_to_it(written, key):
    statement = check(load(written.certificate), [read_public_key(written.public_key)], "c").statement
    assert statement is not None
    present = check_subjects(statement, written.certificate.parent)
    assert set(present) == {"report.html", "source.kfp", "target.kfp", "profiles.json", "certified-plan.yaml"}
    assert all(present.values())
    for name in present:
        path = written.certificate.parent / name
        original = path.read_bytes()
        path.write_bytes(original + b" ")
        with pytest.raises(NotAuthentic, match=name):
            check_subjects(statement, path.parent)
        path.unlink()
        assert check_subjects(statement, path.parent)[name] is False
        path.write_bytes(original)


def test_one_result_and_key_give_the_same_bytes_twice(tmp_path, key):
    first = write_artifacts(samples.different(), tmp_path / "a", key)
    second = write_artifacts(samples.different(), tmp_path / "b", key)
    assert load(first.certificate) == load(second.certificate)


@pytest.mark.parametrize(
    "data",
    [
        b'{"a":1,"a":2}\n', b'{"a":1.0}\n', b'{"a":NaN}\n', b'{"a":1e3}\n', b'{"b":1,"a":2}\n', b'{"a": 1}\n',
        b'{"a":-0}\n', b'{"a":"\\u0041"}\n', b'{"a":1}', b"[" * 100_000, b'{"a":' + b"9" * 5000 + b"}\n", b"\xff\n",
    ],
)  # fmt: skip
def test_json_that_is_not_canonical_is_refused(data):
    with pytest.raises((MalformedInput, NotAuthentic)):
        canonical.parse_canonical(data, "f")


def test_a_file_larger_than_the_limit_is_refused_before_it_is_parsed():
    with pytest.raises(LimitExceeded):
        canonical.parse_json(b" " * (canonical.FILE_SIZE_LIMIT_BYTES + 1), "f")


def test_a_name_that_is_not_utf8_survives_the_canonical_form():
    value = {"name": "caf\udce9", "text": "\\udce9"}
    assert canonical.parse_canonical(canonical.canonical_bytes(value), "f") == value


@pytest.mark.parametrize("text", ["QQ", "QR==", "QQ==\n", "Q Q==", "-w==", "QQ=", "QQ===", "é"])
def test_base64_has_one_spelling(text):
    with pytest.raises(NotAuthentic):
        canonical.decode_base64(text, "f")


def test_the_first_run_makes_a_private_key_that_only_its_owner_reads(tmp_path):
    store = KeyStore(tmp_path / "home")
    made = store.signing_key()
    assert stat.S_IMODE(store.signing_path.stat().st_mode) == 0o600
    assert stat.S_IMODE(store.directory.stat().st_mode) == 0o700
    assert store.signing_key().private == made.private == read_signing_key(store.signing_path).private
    assert read_public_key(store.public_path) == made.public
    assert repr(made.private) not in repr(made)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_private_key_that_others_may_read_is_refused_with_the_command_that_mends_it(tmp_path, mode):
    store = KeyStore(tmp_path)
    store.signing_key()
    store.signing_path.chmod(mode)
    with pytest.raises(AccessDenied) as refusal:
        store.signing_key()
    assert "chmod 600" in refusal.value.hint


def test_a_migration_key_is_drawn_once_per_run(tmp_path):
    store = KeyStore(tmp_path)
    first = store.migration_key("run-1")
    assert len(first) == 32
    assert store.migration_key("run-1") == first != store.migration_key("run-2")
    path = store.directory / "migrations" / "run-1.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(SenseiError):
        store.migration_key("../signing.pem")


@pytest.mark.parametrize("text", [b"", b"sensei-public-key-1 ed25519 AAAA\n", b"ssh-ed25519 AAAA\n", b"\xff\xfe"])
def test_a_file_that_is_no_public_key_is_refused(tmp_path, text):
    path = tmp_path / "x.pub"
    path.write_bytes(text)
    with pytest.raises(MalformedInput):
        read_public_key(path)


def test_a_private_key_given_as_public_is_refused_by_name(tmp_path):
    store = KeyStore(tmp_path)
    store.signing_key()
    with pytest.raises(MalformedInput, match="is a private key"):
        read_public_key(store.signing_path)


def test_a_damaged_private_key_is_refused(tmp_path):
    store = KeyStore(tmp_path)
    store.signing_key()
    store.signing_path.write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    with pytest.raises(MalformedInput, match="Ed25519"):
        store.signing_key()


def test_files_are_replaced_whole_and_leave_no_temporaries(written, key):
    write_artifacts(samples.different(), written.certificate.parent, key)
    assert int(check(load(written.certificate), [key.public], "c").exit_code) == 1
    assert not [path.name for path in written.certificate.parent.iterdir() if path.name.startswith(".")]
    shutil.rmtree(written.certificate.parent)


def test_the_published_schema_is_the_one_that_certificates_follow():
    published = Path(__file__).parents[3] / "kora" / "evidence" / "certificate.schema.json"
    regenerate = (
        'python -c "from kora.evidence.statement import statement_schema as s; print(s(), end=str())" > kora/evidence/'
        "certificate.schema.json"
    )
    assert published.read_text() == statement_schema(), regenerate
