//! One pass over a table for a fingerprint file: root, bucket sums, sketch and list, as far as the tier asks for them.
//!
//! Where rows may repeat they are counted first, in bounded memory, so that every part sees each distinct row once. The
//! root assumes nothing about keys: it is taken of all digests, sorted.

use std::io::Write;
use std::path::{Path, PathBuf};

use crate::batch::{BatchHasher, BATCH_ROWS};
use crate::carried::buckets::BucketSums;
use crate::carried::element::{Element, Mark, Tag, TAG_BYTES};
use crate::carried::records::{write_records, BucketSet, TaggedDigest};
use crate::carried::sketch::{CarriedSketch, Symbols};
use crate::digest::ordered_root;
use crate::error::{Error, Result};
use crate::keys::{profile_digest, DigestKey, Purpose, SecretKey};
use crate::program::Profile;
use crate::set_hash::{Digest, LtHash};
use crate::spill::{CountedRecords, RecordSorter, MEMORY_LIMIT_BYTES};

/// What a fingerprint is to hold of a table.
#[derive(Clone, Debug)]
pub struct CarriedOptions {
    /// 0 root · 1 with bucket sums · 2 with a sketch · 3 with the list of rows.
    pub tier: u8,
    /// Symbols of the sketch; fewer are kept of a small table, see [`CarriedPass::finish`].
    pub symbols: usize,
    /// Each row's multiplicity is 1 by right: this side has a validated unique NOT NULL key.
    pub unique: bool,
    /// Where rows are counted and sorted when they outgrow memory.
    pub spill_folder: Option<PathBuf>,
}

/// Takes the canonical rows of one table.
pub struct CarriedPass {
    rows: BatchHasher<u8>,
    keys: Option<BatchHasher<u8>>,
    slots: [TaggedDigest; BATCH_ROWS],
    filled: usize,
    row_count: u64,
    sorter: Option<RecordSorter<{ TAG_BYTES + 32 }>>,
    /// All row digests, for the root.
    digests: RecordSorter,
    parts: Parts,
    root_key: SecretKey,
    unique: bool,
    keep_list: bool,
}

impl CarriedPass {
    /// A pass under the migration's key.
    pub fn new(profile: &Profile, key: &DigestKey, options: &CarriedOptions) -> Self {
        let context = profile_digest(profile);
        let keep_list = options.tier >= 3;
        // Elements are needed from tier 1 on; only where rows may repeat are they counted first.
        let sorted = keep_list || (!options.unique && options.tier >= 1);
        let folder = options.spill_folder.as_deref();
        Self {
            rows: BatchHasher::new(key.derive(Purpose::Row, &context)),
            keys: (!profile.key.is_empty()).then(|| BatchHasher::new(key.derive(Purpose::KeyTag, &context))),
            slots: [[0; TAG_BYTES + 32]; BATCH_ROWS],
            filled: 0,
            row_count: 0,
            sorter: sorted.then(|| RecordSorter::new(folder, MEMORY_LIMIT_BYTES)),
            digests: RecordSorter::new(folder, MEMORY_LIMIT_BYTES),
            parts: Parts::new(key, &context, options),
            root_key: key.derive(Purpose::SetRoot, &context),
            unique: options.unique,
            keep_list,
        }
    }

    /// One row: its canonical bytes and its key's.
    ///
    /// # Errors
    /// [`Error::File`] or [`Error::Limit`] where rows have to be sorted and cannot be.
    pub fn row(&mut self, row: &[u8], key: &[u8]) -> Result<()> {
        let slot = self.filled as u8;
        let slots = &mut self.slots;
        let keyed = self.keys.is_some();
        self.rows.push(row, slot, &mut |digests: &[Digest], places: &[u8]| {
            put_rows(slots, digests, places, keyed)
        })?;
        if let Some(keys) = &mut self.keys {
            keys.push(key, slot, &mut |digests: &[Digest], places: &[u8]| {
                put_tags(slots, digests, places)
            })?;
        }
        self.filled += 1;
        self.row_count += 1;
        if self.filled == BATCH_ROWS {
            self.settle()
        } else {
            Ok(())
        }
    }

    fn settle(&mut self) -> Result<()> {
        let slots = &mut self.slots;
        let keyed = self.keys.is_some();
        self.rows
            .flush(&mut |digests: &[Digest], places: &[u8]| put_rows(slots, digests, places, keyed))?;
        if let Some(keys) = &mut self.keys {
            keys.flush(&mut |digests: &[Digest], places: &[u8]| put_tags(slots, digests, places))?;
        }
        for record in &self.slots[..self.filled] {
            let element = element(record, 1);
            self.digests.push(&element.digest)?;
            if let Some(sorter) = &mut self.sorter {
                sorter.push(record)?;
            }
            if self.unique {
                self.parts.add(&element)?;
            }
        }
        self.filled = 0;
        Ok(())
    }

    /// What the pass leaves behind. A sketch keeps at most four symbols a row and 64: no difference that a longer one
    /// could decode fits into tables of this size.
    ///
    /// # Errors
    /// [`Error::File`] where sorted rows cannot be read back.
    pub fn finish(mut self) -> Result<CarriedDigest> {
        self.settle()?;
        let counted = self.sorter.map(RecordSorter::finish);
        if let (Some(counted), false) = (&counted, self.unique) {
            let mut merged = counted.in_order()?;
            while let Some((record, multiplicity)) = merged.next_record()? {
                self.parts.add(&element(&record, multiplicity))?;
            }
        }
        self.parts.flush()?;
        let root = ordered_root(&self.root_key, &self.digests.finish())?;
        let aggregated = !self.unique;
        let kept = usize::try_from(self.row_count)
            .unwrap_or(usize::MAX)
            .saturating_mul(4)
            .saturating_add(64);
        let sketch = self.parts.sketch.map(|mut sketch| {
            sketch.symbols.shorten(kept);
            CarriedSketch {
                sketch_key: sketch.key,
                element_key: sketch.element_key,
                hash: sketch.hash,
                symbols: sketch.symbols,
                aggregated,
            }
        });
        Ok(CarriedDigest {
            row_count: self.row_count,
            root,
            aggregated,
            buckets: self.parts.buckets,
            sketch,
            list: counted.filter(|_| self.keep_list),
        })
    }
}

fn element(record: &TaggedDigest, multiplicity: u64) -> Element {
    let (mut tag, mut digest): (Tag, Digest) = ([0; TAG_BYTES], [0; 32]);
    tag.copy_from_slice(&record[..TAG_BYTES]);
    digest.copy_from_slice(&record[TAG_BYTES..]);
    Element {
        tag,
        digest,
        multiplicity,
    }
}

/// Writes row digests into their slots; a row without a key is its own key.
fn put_rows(slots: &mut [TaggedDigest], digests: &[Digest], places: &[u8], keyed: bool) -> Result<()> {
    for (digest, place) in digests.iter().zip(places) {
        let slot = &mut slots[usize::from(*place)];
        slot[TAG_BYTES..].copy_from_slice(digest);
        if !keyed {
            slot[..TAG_BYTES].copy_from_slice(&digest[..TAG_BYTES]);
        }
    }
    Ok(())
}

fn put_tags(slots: &mut [TaggedDigest], digests: &[Digest], places: &[u8]) -> Result<()> {
    for (digest, place) in digests.iter().zip(places) {
        slots[usize::from(*place)][..TAG_BYTES].copy_from_slice(&digest[..TAG_BYTES]);
    }
    Ok(())
}

/// What grows with each distinct row.
struct Parts {
    buckets: Option<BucketSums>,
    sketch: Option<SketchPart>,
}

struct SketchPart {
    key: SecretKey,
    element_key: SecretKey,
    hash: LtHash,
    hasher: BatchHasher<Element>,
    symbols: Symbols,
}

impl Parts {
    fn new(key: &DigestKey, context: &Digest, options: &CarriedOptions) -> Self {
        let element_key = key.derive(Purpose::SetElement, context);
        let sketch_key = key.derive(Purpose::Sketch, context);
        let sketch = (options.tier >= 2).then(|| SketchPart {
            hasher: BatchHasher::new(sketch_key.clone()),
            key: sketch_key,
            hash: LtHash::new(element_key.clone()),
            element_key,
            symbols: Symbols::new(options.symbols),
        });
        Self {
            buckets: (options.tier >= 1).then(BucketSums::default),
            sketch,
        }
    }

    fn add(&mut self, element: &Element) -> Result<()> {
        if let Some(buckets) = &mut self.buckets {
            buckets.add(element);
        }
        let Some(sketch) = &mut self.sketch else { return Ok(()) };
        sketch.hash.add(&element.digest, element.multiplicity);
        let symbols = &mut sketch.symbols;
        sketch.hasher.push(
            &element.bytes(),
            *element,
            &mut |marks: &[Digest], elements: &[Element]| add_marked(symbols, marks, elements),
        )
    }

    fn flush(&mut self) -> Result<()> {
        match &mut self.sketch {
            Some(SketchPart { hasher, symbols, .. }) => {
                hasher.flush(&mut |marks: &[Digest], elements: &[Element]| add_marked(symbols, marks, elements))
            }
            None => Ok(()),
        }
    }
}

fn add_marked(symbols: &mut Symbols, marks: &[Digest], elements: &[Element]) -> Result<()> {
    for (mark, element) in marks.iter().zip(elements) {
        symbols.add(element, Mark::from_digest(mark));
    }
    Ok(())
}

/// One table of a fingerprint file.
pub struct CarriedDigest {
    /// Rows, equal ones included.
    pub row_count: u64,
    /// The root: the same as [`crate::digest::TableDigest::root`] under this key and profile.
    pub root: Digest,
    /// Whether rows were counted before they were digested.
    pub aggregated: bool,
    /// Tier 1.
    pub buckets: Option<BucketSums>,
    /// Tier 2.
    pub sketch: Option<CarriedSketch>,
    list: Option<CountedRecords<{ TAG_BYTES + 32 }>>,
}

impl CarriedDigest {
    /// Writes tier 3 for some of the buckets; gives its length in bytes, 0 where the pass kept no list.
    ///
    /// # Errors
    /// As [`write_records`]. What was written before an error remains.
    pub fn write_list(&self, buckets: &BucketSet, out: &mut impl Write, path: &Path) -> Result<u64> {
        match &self.list {
            Some(list) => write_records(list, self.aggregated, buckets, out, path),
            None => Ok(0),
        }
    }
}

/// Whether a tier exists.
///
/// # Errors
/// [`Error::Usage`] where it does not.
pub fn known_tier(tier: u8) -> Result<u8> {
    if tier <= 3 {
        return Ok(tier);
    }
    Err(Error::Usage(format!("a fingerprint has tier 0, 1, 2 or 3, not {tier}")))
}
