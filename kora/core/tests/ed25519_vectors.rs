//! Every Wycheproof vector for Ed25519 through the function that verifies our seals.

use std::path::PathBuf;

use kora_core::seal::verify_message;
use serde_json::Value;

fn vectors() -> Value {
    let folder = std::env::var_os("SENSEI_TEST_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let path = folder.join("ed25519/wycheproof_ed25519_test.json");
    let text = std::fs::read(&path).unwrap_or_else(|problem| panic!("{}: {problem}", path.display()));
    serde_json::from_slice(&text).expect("the vectors are JSON")
}

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().expect("a hex string")).expect("hex")
}

#[test]
fn every_wycheproof_vector_is_judged_as_it_says() {
    let vectors = vectors();
    let mut judged = 0;
    for group in vectors["testGroups"].as_array().expect("groups") {
        let public = bytes(&group["publicKey"]["pk"]);
        for test in group["tests"].as_array().expect("tests") {
            let holds = verify_message(&public, &bytes(&test["msg"]), &bytes(&test["sig"]));
            assert_eq!(
                holds,
                test["result"] == "valid",
                "tcId {}: {}",
                test["tcId"],
                test["comment"]
            );
            judged += 1;
        }
    }
    assert_eq!(judged, vectors["numberOfTests"].as_u64().expect("a count"));
    assert!(judged > 100);
}
