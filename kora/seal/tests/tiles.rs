//! A log against its definition: the tree over all entries, whatever the appends and wherever a writer died.

use std::collections::BTreeMap;

use kora_seal::envelope::PublicKey;
use kora_seal::error::{Error, Result};
use kora_seal::merkle::{leaf_hash, Frontier, Hash};
use kora_seal::note::{Checkpoint, NoteKey};
use kora_seal::signature::{generate_signing_key, public_key};
use kora_seal::tiles::{append, check, checkpoint, create, find, prove, Log, TileStore};
use proptest::prelude::*;

/// A disk in memory that refuses to write after a number of files.
#[derive(Clone, Default)]
struct Disk {
    files: BTreeMap<String, Vec<u8>>,
    writes_left: Option<usize>,
}

impl TileStore for Disk {
    fn read(&self, path: &str, limit_bytes: usize) -> Result<Option<Vec<u8>>> {
        let file = self.files.get(path);
        assert!(file.is_none_or(|file| file.len() <= limit_bytes), "{path}");
        Ok(file.cloned())
    }
    fn write(&mut self, path: &str, data: &[u8]) -> Result<()> {
        if let Some(left) = &mut self.writes_left {
            *left = left
                .checked_sub(1)
                .ok_or_else(|| Error::Limit("the power is gone".into()))?;
        }
        self.files.insert(path.into(), data.to_vec());
        Ok(())
    }
    fn remove_partials(&mut self, path: &str) {
        let folder = format!("{path}.p/");
        self.files.retain(|name, _| !name.starts_with(&folder));
    }
}

struct Site {
    disk: Disk,
    key: NoteKey,
    signing_key: Vec<u8>,
}

impl Site {
    fn new() -> Self {
        let signing_key = generate_signing_key().expect("randomness").to_vec();
        let raw = public_key(&signing_key).expect("own key");
        let key = NoteKey::new("clinic.example/log", raw).expect("a name");
        let mut disk = Disk::default();
        create(&mut disk, "clinic.example/log", &signing_key).expect("room");
        assert_eq!(PublicKey::new(raw).raw, key.raw);
        Self { disk, key, signing_key }
    }

    fn append(&mut self, entries: &[Vec<u8>]) -> Result<u64> {
        append(&mut self.disk, &self.key, &self.signing_key, entries)
    }
}

fn entries(numbers: std::ops::Range<u32>) -> Vec<Vec<u8>> {
    numbers.map(|number| format!("entry {number}").into_bytes()).collect()
}

fn root(entries: &[Vec<u8>]) -> Hash {
    let mut tree = Frontier::default();
    entries.iter().for_each(|entry| tree.push(leaf_hash(entry)));
    tree.root()
}

#[test]
fn a_log_of_70000_entries_has_the_files_that_the_specification_counts() {
    let mut site = Site::new();
    site.append(&entries(0..70_000)).expect("room");
    let count = |prefix: &str| site.disk.files.keys().filter(|name| name.starts_with(prefix)).count();
    assert_eq!(count("tile/0/"), 274);
    assert_eq!(site.disk.files["tile/0/273.p/112"].len(), 112 * 32);
    assert_eq!(
        (count("tile/1/"), site.disk.files["tile/1/001.p/17"].len()),
        (2, 17 * 32)
    );
    assert_eq!((count("tile/2/"), site.disk.files["tile/2/000.p/1"].len()), (1, 32));
    assert_eq!(count("tile/3/"), 0);
    assert_eq!(count("tile/entries/"), 274);
    let (_, state) = checkpoint(&site.disk, &site.key).expect("signed");
    assert_eq!(state.root, root(&entries(0..70_000)));
    check(&site.disk, &site.key, None).expect("whole");
    for index in [0, 255, 256, 65_535, 65_536, 69_999] {
        let proof = prove(&site.disk, &site.key, index).expect("in the log");
        let entry = format!("entry {index}").into_bytes();
        assert_eq!(proof.check(&entry, &site.key, "p").expect("holds").size, 70_000);
        assert_eq!(find(&site.disk, &site.key, &entry).expect("whole"), Some(index));
    }
}

#[test]
fn a_log_of_256_entries_is_one_full_tile_and_one_of_width_1_above_it() {
    let mut site = Site::new();
    for number in 0..256 {
        site.append(&entries(number..number + 1)).expect("room");
    }
    let names: Vec<&str> = site.disk.files.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        ["checkpoint", "tile/0/000", "tile/1/000.p/1", "tile/entries/000"]
    );
}

#[test]
fn a_million_and_more_is_spelled_in_groups_of_three_digits() {
    struct Asked(std::cell::RefCell<Vec<String>>);
    impl TileStore for Asked {
        fn read(&self, path: &str, _: usize) -> Result<Option<Vec<u8>>> {
            self.0.borrow_mut().push(path.into());
            Ok(None)
        }
        fn write(&mut self, _: &str, _: &[u8]) -> Result<()> {
            Ok(())
        }
        fn remove_partials(&mut self, _: &str) {}
    }
    let store = Asked(Vec::new().into());
    assert!(Log::new(&store, 1_234_068 * 256).entries(1_234_067).is_err());
    assert_eq!(store.0.into_inner(), ["tile/entries/x001/x234/067"]);
}

#[test]
fn an_older_checkpoint_tells_a_log_that_was_cut_back_or_rewritten() {
    let mut site = Site::new();
    site.append(&entries(0..5)).expect("room");
    let (retained, _) = checkpoint(&site.disk, &site.key).expect("signed");
    site.append(&entries(5..9)).expect("room");
    check(&site.disk, &site.key, Some(&retained)).expect("it was appended to");
    let mut other = Site {
        disk: Disk::default(),
        key: site.key.clone(),
        signing_key: site.signing_key.clone(),
    };
    create(&mut other.disk, "clinic.example/log", &other.signing_key).expect("room");
    other.append(&entries(0..4)).expect("room");
    assert!(matches!(
        check(&other.disk, &other.key, Some(&retained)),
        Err(Error::NotAuthentic(_))
    ));
    other.append(&entries(100..110)).expect("room");
    assert!(matches!(
        check(&other.disk, &other.key, Some(&retained)),
        Err(Error::NotAuthentic(_))
    ));
}

#[test]
fn nothing_is_appended_to_a_log_whose_tiles_were_altered() {
    let mut site = Site::new();
    site.append(&entries(0..5)).expect("room");
    site.disk.files.get_mut("tile/0/000.p/5").expect("a tile")[40] ^= 1;
    assert!(matches!(site.append(&entries(5..6)), Err(Error::NotAuthentic(_))));
    assert!(check(&site.disk, &site.key, None).is_err());
}

#[test]
fn every_flipped_byte_of_a_log_is_noticed() {
    let mut site = Site::new();
    site.append(&entries(0..3)).expect("room");
    for (name, data) in site.disk.files.clone() {
        for position in 0..data.len() {
            let mut altered = data.clone();
            altered[position] ^= 1;
            site.disk.files.insert(name.clone(), altered);
            assert!(check(&site.disk, &site.key, None).is_err(), "{name} byte {position}");
        }
        site.disk.files.insert(name, data);
    }
    check(&site.disk, &site.key, None).expect("whole again");
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn a_writer_that_dies_anywhere_leaves_a_whole_log_behind(
        steps in proptest::collection::vec((1_u32..300, proptest::option::of(0_usize..6)), 1..5),
    ) {
        let mut site = Site::new();
        let (mut kept, mut next) = (Vec::new(), 0);
        for (count, writes_left) in steps {
            let new = entries(next..next + count);
            next += count;
            site.disk.writes_left = writes_left;
            let done = site.append(&new);
            site.disk.writes_left = None;
            if done.is_ok() {
                prop_assert_eq!(done.expect("just seen"), kept.len() as u64);
                kept.extend(new);
            }
            let state: Checkpoint = check(&site.disk, &site.key, None).expect("whole");
            prop_assert_eq!(state.size, kept.len() as u64);
            prop_assert_eq!(state.root, root(&kept));
        }
    }

    #[test]
    fn whatever_stands_in_a_bundle_or_tile_is_judged_without_a_panic(
        bundle in proptest::collection::vec(any::<u8>(), 0..600), tile in proptest::collection::vec(any::<u8>(), 0..600),
    ) {
        let mut site = Site::new();
        site.append(&entries(0..5)).expect("room");
        let (whole_bundle, whole_tile) = (site.disk.files["tile/entries/000.p/5"].clone(), site.disk.files["tile/0/000.p/5"].clone());
        site.disk.files.insert("tile/entries/000.p/5".into(), bundle.clone());
        prop_assert_eq!(check(&site.disk, &site.key, None).is_ok(), bundle == whole_bundle);
        site.disk.files.insert("tile/entries/000.p/5".into(), whole_bundle);
        site.disk.files.insert("tile/0/000.p/5".into(), tile.clone());
        prop_assert_eq!(check(&site.disk, &site.key, None).is_ok(), tile == whole_tile);
    }
}
