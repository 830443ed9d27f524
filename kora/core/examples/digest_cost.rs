//! What digesting costs per row, stage by stage: `cargo run --release -p kora-core --example digest_cost`.
//!
//! Canonical rows of about 100 bytes with a unique integer key, from memory, on one core; the fastest of five runs.

use std::time::Instant;

use kora_core::batch::BatchHasher;
use kora_core::cell::Cell;
use kora_core::digest::{RootOptions, TablePass};
use kora_core::error::Result;
use kora_core::keys::{DigestKey, Purpose};
use kora_core::program::{Profile, RowProgram, Side};
use kora_core::set_hash::{Digest, SetSum};
use kora_core::spill::SortRoom;

const ROWS: usize = 200_000;
const PROFILE: &str = r#"{"format":"kora-profile-1","pair":"t","key":KEY,"unicode":"","columns":[
    {"pair":"id","policies":[]},{"pair":"name","policies":[]}]}"#;

struct Rows {
    bytes: Vec<u8>,
    keys: Vec<u8>,
    ends: Vec<(usize, usize)>,
}

fn rows(profile: &Profile) -> Result<Rows> {
    let mut program = RowProgram::new(profile, Side::Source)?;
    let mut rows = Rows {
        bytes: Vec::new(),
        keys: Vec::new(),
        ends: Vec::new(),
    };
    for id in 0..ROWS {
        let text = format!("{id:0>80}");
        program.encode(
            &[Cell::Int(id as i128), Cell::Text(&text)],
            &mut rows.bytes,
            &mut rows.keys,
        )?;
        rows.ends.push((rows.bytes.len(), rows.keys.len()));
    }
    Ok(rows)
}

impl Rows {
    fn each(&self, mut take: impl FnMut(&[u8], &[u8]) -> Result<()>) -> Result<()> {
        let mut start = (0, 0);
        for end in &self.ends {
            take(&self.bytes[start.0..end.0], &self.keys[start.1..end.1])?;
            start = *end;
        }
        Ok(())
    }
}

fn measure(name: &str, mut pass: impl FnMut() -> Result<()>) -> Result<()> {
    let mut best = f64::INFINITY;
    for _ in 0..5 {
        let start = Instant::now();
        pass()?;
        best = best.min(start.elapsed().as_nanos() as f64 / ROWS as f64);
    }
    println!("{name:<34} {best:7.1} ns/row");
    Ok(())
}

fn table_pass(rows: &Rows, profile: &Profile, key: &DigestKey, root: Option<RootOptions>) -> Result<()> {
    let mut pass = TablePass::new(profile, key, root);
    rows.each(|row, key| pass.row(row, key))?;
    pass.finish().map(|digest| {
        std::hint::black_box(digest.live_sum);
    })
}

fn main() -> Result<()> {
    let keyed = Profile::from_json(&PROFILE.replace("KEY", "[0]"))?;
    let keyless = Profile::from_json(&PROFILE.replace("KEY", "[]"))?;
    let rows = rows(&keyed)?;
    let (live, carried) = (DigestKey::random()?, DigestKey::random()?);
    println!("{ROWS} rows of {} bytes", rows.bytes.len() / ROWS);
    measure("digest alone", || {
        let mut hasher = BatchHasher::new(live.derive(Purpose::Row, b""));
        let mut sum = SetSum::default();
        let mut sink = |digests: &[Digest], _: &[()]| {
            sum.add(&digests[0]);
            Ok(())
        };
        rows.each(|row, _| hasher.push(row, (), &mut sink))?;
        hasher.flush(&mut sink)
    })?;
    measure("digest, sum", || table_pass(&rows, &keyless, &live, None))?;
    measure("digest, sum, sketch", || table_pass(&rows, &keyed, &live, None))?;
    for (name, key) in [("… and root, same key", &live), ("… and root, own key", &carried)] {
        let options = RootOptions {
            key: key.clone(),
            room: SortRoom::new(Some(&std::env::temp_dir())),
        };
        measure(name, || table_pass(&rows, &keyed, &live, Some(options.clone())))?;
    }
    Ok(())
}
