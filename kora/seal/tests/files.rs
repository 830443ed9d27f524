//! Files as they come: the published certificates and their corrupt copies, notes and proofs written by others, and
//! whatever else a file may hold. Nothing may panic, and nothing altered may pass.

use std::path::PathBuf;

use kora_seal::canonical::{parse, to_bytes, Value};
use kora_seal::certificate::{Checked, Checker, STATEMENT_TYPE};
use kora_seal::encoding::base64;
use kora_seal::envelope::{Envelope, PublicKey};
use kora_seal::error::{Error, Result};
use kora_seal::merkle::{leaf_hash, node_hash};
use kora_seal::note::{open, sign, Checkpoint, NoteKey};
use kora_seal::row_proof::RowProof;
use kora_seal::schema::Schema;
use kora_seal::sections::{hold, named};
use kora_seal::signature::{generate_signing_key, key_id, public_key, sha256, sign as sign_payload};
use kora_seal::tiles::parse_bundle;
use kora_seal::tlog_proof::{entry, TlogProof};
use proptest::prelude::*;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/certificates")
}

fn published(name: &str) -> Vec<u8> {
    let path = folder().join(name);
    std::fs::read(&path).unwrap_or_else(|problem| panic!("{}: {problem}", path.display()))
}

fn signer() -> PublicKey {
    PublicKey::from_text(&published("signer.pub"), "signer.pub").expect("a public key")
}

fn checker() -> Checker {
    Checker::new(vec![signer()], None).expect("the schema")
}

fn check(data: &[u8]) -> Result<Checked> {
    checker().check(data, "c")
}

#[test]
fn the_published_certificate_holds() {
    let checked = check(&published("valid.json")).expect("it holds");
    assert_eq!((checked.verdict.as_deref(), checked.exit_code), (Some("equivalent"), 0));
    assert!(!checked.subjects.is_empty() && checked.key_ids == [signer().key_id]);
}

#[test]
fn every_corrupt_copy_of_it_is_refused() {
    let mut seen = 0;
    for file in std::fs::read_dir(folder()).expect("the vectors").flatten() {
        let name = file.file_name().to_string_lossy().into_owned();
        if name.starts_with("corrupt-") {
            seen += 1;
            assert!(check(&published(&name)).is_err(), "{name}");
        }
    }
    assert!(seen >= 12);
}

#[test]
fn every_flipped_byte_of_it_is_refused() {
    let (checker, data) = (checker(), published("valid.json"));
    for position in 0..data.len() {
        for flip in [0x01, 0x20, 0x80] {
            let mut altered = data.clone();
            altered[position] ^= flip;
            assert!(checker.check(&altered, "c").is_err(), "byte {position}, {flip:#x}");
        }
    }
}

#[test]
fn a_certificate_cut_anywhere_is_refused() {
    let (checker, data) = (checker(), published("valid.json"));
    assert!((0..data.len()).all(|end| checker.check(&data[..end], "c").is_err()));
}

/// The published statement, changed by its signer, signed by new keys.
fn resigned(from: &str, to: &str, signers: usize) -> (Vec<u8>, Vec<PublicKey>) {
    let payload = Envelope::read(&published("valid.json"), "c")
        .expect("an envelope")
        .payload;
    let text = String::from_utf8(payload).expect("UTF-8");
    assert!(text.contains(from), "{from}");
    let payload = text.replacen(from, to, 1).into_bytes();
    let mut keys: Vec<(PublicKey, String)> = (0..signers)
        .map(|_| {
            let private = generate_signing_key().expect("randomness");
            let public = public_key(&private).expect("own key");
            let signature = base64(&sign_payload(&private, STATEMENT_TYPE, &payload).expect("own key"));
            (PublicKey::new(public), signature)
        })
        .collect();
    keys.sort_by(|left, right| left.0.key_id.cmp(&right.0.key_id));
    let entries: Vec<String> = keys
        .iter()
        .map(|(key, signature)| format!("{{\"keyid\":\"{}\",\"sig\":\"{signature}\"}}", key.key_id))
        .collect();
    let file = format!(
        "{{\"payload\":\"{}\",\"payloadType\":\"{STATEMENT_TYPE}\",\"signatures\":[{}]}}\n",
        base64(&payload),
        entries.join(",")
    );
    (file.into_bytes(), keys.into_iter().map(|(key, _)| key).collect())
}

fn check_with(file: &[u8], keys: &[PublicKey], threshold: Option<usize>) -> Result<Checked> {
    Checker::new(keys.to_vec(), threshold)?.check(file, "c")
}

#[test]
fn a_signed_statement_that_contradicts_itself_or_its_schema_is_refused() {
    let (file, keys) = resigned("\"exit_code\":0", "\"exit_code\":0", 1);
    check_with(&file, &keys, None).expect("only signed anew");
    for (from, to) in [
        ("\"exit_code\":0", "\"exit_code\":1"),
        ("\"exit_code\":0", "\"exit_code\":\"0\""),
        ("\"verdict\":\"equivalent\"", "\"verdict\":\"different\""),
        ("\"verdict\":\"equivalent\"", "\"verdict\":\"excellent\""),
        (
            "\"behavior\":\"not_run\"",
            "\"behavior\":\"not_run\",\"behaviour\":\"run\"",
        ),
        ("\"signature_threshold\":1", "\"signature_threshold\":0"),
        ("\"signature_threshold\":1", "\"signature_threshold\":2"),
        ("\"mismatch\":0", "\"mismatch\":-1"),
    ] {
        let (file, keys) = resigned(from, to, 1);
        assert!(check_with(&file, &keys, None).is_err(), "{to}");
    }
}

#[test]
fn two_signers_are_both_asked_for_unless_a_threshold_says_fewer() {
    let (file, keys) = resigned("\"exit_code\":0", "\"exit_code\":0", 2);
    assert_eq!(check_with(&file, &keys, None).expect("both").key_ids.len(), 2);
    assert!(matches!(
        check_with(&file, &keys[..1], None),
        Err(Error::NotAuthentic(_))
    ));
    let stranger = signer();
    let three = [keys.clone(), vec![stranger.clone()]].concat();
    assert!(matches!(check_with(&file, &three, None), Err(Error::NotAuthentic(_))));
    assert!(check_with(&file, &three, Some(2)).is_ok());
    assert!(matches!(
        check_with(&file, &three, Some(3)),
        Err(Error::NotAuthentic(_))
    ));
    let twice = [keys[0].clone(), keys[0].clone()];
    assert!(matches!(check_with(&file, &twice, Some(2)), Err(Error::Usage(_))));
    assert!(matches!(check_with(&file, &[], None), Err(Error::Usage(_))));
}

#[test]
fn the_published_schema_is_understood_whole_and_a_strange_keyword_is_not_passed_over() {
    Schema::statement().expect("every keyword of it is known");
    for schema in [
        r#"{"type":"string","format":"date"}"#,
        r#"{"type":"string","pattern":".*"}"#,
        r#"{"type":"object","properties":{}}"#,
        r#"{"type":"number"}"#,
    ] {
        assert!(Schema::compile(schema).is_err(), "{schema}");
    }
}

/// The example of golang.org/x/mod/sumdb/note, whose format C2SP signed-note specifies.
const NOTE_KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const NOTE: &str = "If you think cryptography is the answer to your problem,\n\
    then you don't know what your problem is.\n\n\
    — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

#[test]
fn a_note_that_others_published_opens_and_none_of_its_bytes_may_change() {
    let key = NoteKey::from_text(NOTE_KEY, "k").expect("a key");
    assert_eq!((key.name.as_str(), key.to_text().as_str()), ("PeterNeumann", NOTE_KEY));
    assert!(open(NOTE.as_bytes(), &key, "n")
        .expect("signed")
        .ends_with("problem is.\n"));
    for position in 0..NOTE.len() {
        let mut altered = NOTE.as_bytes().to_vec();
        altered[position] ^= 1;
        assert!(open(&altered, &key, "n").is_err(), "byte {position}");
    }
}

#[test]
fn a_key_of_which_any_part_was_changed_is_none() {
    for end in 0..NOTE_KEY.len() {
        assert!(NoteKey::from_text(&NOTE_KEY[..end], "k").is_err(), "{end}");
        let mut altered = NOTE_KEY.as_bytes().to_vec();
        altered[end] = altered[end].wrapping_add(1);
        assert!(
            NoteKey::from_text(&String::from_utf8_lossy(&altered), "k").is_err(),
            "byte {end}"
        );
    }
}

#[test]
fn signatures_by_others_are_let_through_but_do_not_count() {
    let (mine, witness) = (
        generate_signing_key().expect("randomness"),
        generate_signing_key().expect("randomness"),
    );
    let key = NoteKey::new("log", public_key(&mine).expect("own")).expect("a name");
    let note = sign("text\n", "log", &mine).expect("signed");
    let theirs = sign("text\n", "witness", &witness).expect("signed");
    let line = theirs.rsplit_once("\n\n").expect("a line").1;
    assert_eq!(
        open(format!("{note}{line}").as_bytes(), &key, "n").expect("mine is there"),
        "text\n"
    );
    assert!(matches!(
        open(theirs.as_bytes(), &key, "n"),
        Err(Error::NotAuthentic(_))
    ));
}

/// A log of two files, and the proof of the second.
fn logged() -> (Vec<u8>, NoteKey, Vec<u8>) {
    let private = generate_signing_key().expect("randomness");
    let key = NoteKey::new("clinic.example/log", public_key(&private).expect("own")).expect("a name");
    let leaves = [leaf_hash(&entry(b"first")), leaf_hash(&entry(b"second"))];
    let state = Checkpoint {
        origin: key.name.clone(),
        size: 2,
        root: node_hash(&leaves[0], &leaves[1]),
    };
    let checkpoint = sign(&state.to_text(), &key.name, &private)
        .expect("signed")
        .into_bytes();
    let proof = TlogProof {
        index: 1,
        path: vec![leaves[0]],
        checkpoint,
    };
    (proof.to_bytes(), key, b"second".to_vec())
}

fn holds(proof: &[u8], key: &NoteKey, file: &[u8]) -> Result<Checkpoint> {
    TlogProof::read(proof, "p")?.check(&entry(file), key, "p")
}

#[test]
fn every_flipped_byte_of_a_log_proof_is_refused() {
    let (proof, key, file) = logged();
    assert_eq!(holds(&proof, &key, &file).expect("holds").size, 2);
    assert!(holds(&proof, &key, b"first").is_err());
    for position in 0..proof.len() {
        for flip in [0x01, 0x20, 0x80] {
            let mut altered = proof.clone();
            altered[position] ^= flip;
            assert!(holds(&altered, &key, &file).is_err(), "byte {position}, {flip:#x}");
        }
    }
    let text = String::from_utf8(proof).expect("UTF-8");
    let extra = text.replacen("index", "extra AAAA\nindex", 1);
    assert!(holds(extra.as_bytes(), &key, &file).is_err());
}

#[test]
fn an_entry_is_one_line_with_a_files_digest() {
    let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(entry(b"abc"), format!("kora-log-entry-1 {digest}\n").into_bytes());
    assert_eq!(key_id(b"abc"), digest);
}

fn json() -> impl Strategy<Value = Vec<u8>> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<i64>().prop_map(|number| number.to_string()),
        "[ -~\\\\\"\u{e9}\u{1f600}]{0,8}".prop_map(|text| format!("{text:?}")),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(","))),
            proptest::collection::btree_map("[a-z]{0,3}", inner, 0..4).prop_map(|fields| {
                let fields: Vec<String> = fields
                    .iter()
                    .map(|(name, value)| format!("\"{name}\":{value}"))
                    .collect();
                format!("{{{}}}", fields.join(","))
            }),
        ]
    })
    .prop_map(|text| format!("{text}\n").into_bytes())
}

proptest! {
    #[test]
    fn what_is_read_is_written_back_byte_for_byte(data in json()) {
        if let Ok(value) = parse(&data, "f") {
            prop_assert_eq!(to_bytes(&value), data);
        }
    }

    #[test]
    fn an_altered_json_is_refused_or_is_another_value(data in json(), position in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let original: Value<'_> = match parse(&data, "f") { Ok(value) => value, Err(_) => return Ok(()) };
        let mut altered = data.clone();
        altered[position.index(data.len())] = byte;
        if let Ok(value) = parse(&altered, "f") {
            prop_assert_eq!(value == original, altered == data);
        }
    }

    #[test]
    fn no_file_makes_a_reader_panic(data in proptest::collection::vec(any::<u8>(), 0..400)) {
        let key = NoteKey::from_text(NOTE_KEY, "k").expect("a key");
        let _ = parse(&data, "f");
        let _ = check(&data);
        let _ = RowProof::read(&data, "p");
        let _ = TlogProof::read(&data, "p");
        let _ = open(&data, &key, "n");
        let _ = PublicKey::from_text(&data, "k");
        let _ = NoteKey::from_text(&String::from_utf8_lossy(&data), "k");
        if let Ok(entries) = parse_bundle(&data, "b") {
            prop_assert_eq!(entries.iter().map(|entry| entry.len() + 2).sum::<usize>(), data.len());
        }
    }

    #[test]
    fn whatever_a_fingerprints_payload_names_is_held_against_what_is_there(
        data in json(), body in proptest::collection::vec(any::<u8>(), 0..40), length in 0_u64..50, offset in 0_u64..3,
    ) {
        if let Ok(payload) = parse(&data, "f") {
            let _ = named(&payload, "f");
        }
        let section = format!("{{\"length\":{length},\"offset\":{offset},\"sha256\":\"{}\"}}", sha256(&body));
        let payload = format!("{{\"catalog\":{section},\"tables\":[]}}\n");
        let named = parse(payload.as_bytes(), "f").and_then(|payload| named(&payload, "f"));
        prop_assert_eq!(named.is_ok(), offset == 0);
        if let Ok(sections) = named {
            prop_assert_eq!(hold(&sections, &mut body.as_slice(), "f").is_ok(), length == body.len() as u64);
        }
    }

    #[test]
    fn no_splice_of_a_certificate_or_log_proof_passes(
        at in any::<prop::sample::Index>(), bytes in proptest::collection::vec(any::<u8>(), 0..30), cut in 0_usize..40,
    ) {
        let whole = published("valid.json");
        let altered = splice(&whole, at, &bytes, cut);
        prop_assert_eq!(check(&altered).is_ok(), altered == whole);
        let (proof, key, file) = logged();
        let altered = splice(&proof, at, &bytes, cut);
        prop_assert_eq!(holds(&altered, &key, &file).is_ok(), altered == proof);
    }
}

fn splice(whole: &[u8], at: prop::sample::Index, bytes: &[u8], cut: usize) -> Vec<u8> {
    let at = at.index(whole.len());
    [&whole[..at], bytes, &whole[(at + cut).min(whole.len())..]].concat()
}
