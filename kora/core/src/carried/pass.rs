//! One pass over a table for a fingerprint file: root, bucket sums, sketch and list, as far as the tier asks for them.
//!
//! Where rows may repeat they are counted first, in bounded memory, so that every part sees each distinct row once. The
//! root assumes nothing about keys: it is taken of all digests, sorted.

use std::io::Write;
use std::path::Path;

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
use crate::spill::{CountedRecords, RecordSorter, SortRoom};

/// What a fingerprint is to hold of a table.
#[derive(Clone, Debug)]
pub struct CarriedOptions {
    /// 0 root · 1 with bucket sums · 2 with a sketch · 3 with the list of rows.
    pub tier: u8,
    /// Symbols of the sketch; fewer are kept of a small table, see [`CarriedPass::finish`].
    pub symbols: usize,
    /// Each row's multiplicity is 1 by right: this side has a validated unique NOT NULL key.
    pub unique: bool,
    /// Where rows are counted and sorted.
    pub room: SortRoom,
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
        Self {
            rows: BatchHasher::new(key.derive(Purpose::Row, &context)),
            keys: (!profile.key.is_empty()).then(|| BatchHasher::new(key.derive(Purpose::KeyTag, &context))),
            slots: [[0; TAG_BYTES + 32]; BATCH_ROWS],
            filled: 0,
            row_count: 0,
            sorter: sorted.then(|| RecordSorter::within(&options.room)),
            digests: RecordSorter::within(&options.room),
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

    /// What the pass leaves behind.
    ///
    /// # Errors
    /// As [`CarriedPart::whole`].
    pub fn finish(self) -> Result<CarriedDigest> {
        CarriedPart::whole(vec![self.finish_part()?])
    }

    /// What the pass leaves behind where it saw one part of the table.
    ///
    /// # Errors
    /// As [`Self::row`].
    pub fn finish_part(mut self) -> Result<CarriedPart> {
        self.settle()?;
        self.parts.flush()?;
        Ok(CarriedPart {
            row_count: self.row_count,
            counted: self.sorter.map(RecordSorter::finish),
            digests: self.digests.finish(),
            parts: self.parts,
            root_key: self.root_key,
            unique: self.unique,
            keep_list: self.keep_list,
        })
    }
}

/// What a pass over one part of a table left behind, under the same key, profile and options as those of the others.
pub struct CarriedPart {
    row_count: u64,
    counted: Option<CountedRecords<{ TAG_BYTES + 32 }>>,
    digests: CountedRecords,
    parts: Parts,
    root_key: SecretKey,
    unique: bool,
    keep_list: bool,
}

impl CarriedPart {
    /// The digest of the table whose parts these are. Rows that may repeat are counted here, across all parts.
    ///
    /// A sketch keeps at most four symbols a row and 64: no difference that a longer one could decode fits into tables
    /// of this size.
    ///
    /// # Errors
    /// [`Error::File`] where sorted rows cannot be read back; [`Error::Usage`] without a part.
    pub fn whole(parts: Vec<Self>) -> Result<CarriedDigest> {
        let mut others = parts.into_iter();
        let Some(mut whole) = others.next() else {
            return Err(Error::Usage("a fingerprint of no part of a table".into()));
        };
        let (mut counted, mut digests) = (Vec::from_iter(whole.counted), vec![whole.digests]);
        for part in others {
            whole.row_count += part.row_count;
            whole.parts.merge(&part.parts)?;
            counted.extend(part.counted);
            digests.push(part.digests);
        }
        let counted = (!counted.is_empty()).then(|| CountedRecords::merged(counted));
        if let (Some(counted), false) = (&counted, whole.unique) {
            let mut merged = counted.in_order()?;
            while let Some((record, multiplicity)) = merged.next_record()? {
                whole.parts.add(&element(&record, multiplicity))?;
            }
            whole.parts.flush()?;
        }
        let aggregated = !whole.unique;
        let kept = usize::try_from(whole.row_count)
            .unwrap_or(usize::MAX)
            .saturating_mul(4)
            .saturating_add(64);
        let sketch = whole.parts.sketch.map(|mut sketch| {
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
            row_count: whole.row_count,
            root: ordered_root(&whole.root_key, &CountedRecords::merged(digests))?,
            aggregated,
            buckets: whole.parts.buckets,
            sketch,
            list: counted.filter(|_| whole.keep_list),
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

    /// Adds what another part of the table left, which has no distinct row in common with this one.
    fn merge(&mut self, other: &Self) -> Result<()> {
        if let (Some(mine), Some(theirs)) = (&mut self.buckets, &other.buckets) {
            mine.merge(theirs);
        }
        if let (Some(mine), Some(theirs)) = (&mut self.sketch, &other.sketch) {
            mine.hash.merge(&theirs.hash);
            mine.symbols.merge(&theirs.symbols)?;
        }
        Ok(())
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
