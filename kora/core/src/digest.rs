//! One pass over one side of a table pair: live sum, counts, sketch and, where asked for, the root.
//!
//! Owns what a pass leaves behind and what two passes say about each other. It takes canonical bytes; how they are
//! made is [`crate::program`]'s concern.

use crate::batch::{BatchHasher, DigestSink};
use crate::canon::{close_row, encode_cell, open_row};
use crate::cell::Cell;
use crate::error::{Error, Result};
use crate::keys::{profile_digest, DigestKey, Purpose, SecretKey};
use crate::lanes;
use crate::large::{self, Gathered};
use crate::program::Profile;
use crate::second_pass::one_comparison;
use crate::set_hash::{subtract, Digest, SetSum};
use crate::sketch::{Sketch, SketchKey};
use crate::spill::{CountedRecords, Merged, RecordSorter, SortRoom, Span};

/// What a carried root needs beyond a live sum.
#[derive(Clone)]
pub struct RootOptions {
    /// The migration's key; the root can be compared only under the same.
    pub key: DigestKey,
    /// Where row digests are sorted.
    pub room: SortRoom,
}

/// Takes the canonical rows of one side.
pub struct TablePass {
    comparison: Digest,
    keyed: bool,
    hasher: BatchHasher<SketchKey>,
    sums: LiveSums,
    root: Option<RootPass>,
    row_count: u64,
    byte_count: u64,
}

impl TablePass {
    /// A pass under `key`; `root` asks for a root as well, which may be under another key.
    pub fn new(profile: &Profile, key: &DigestKey, root: Option<RootOptions>) -> Self {
        let context = profile_digest(profile);
        let row_key = key.derive(Purpose::Row, &context);
        let root = root.map(|options| RootPass::new(&options, key, &context));
        let keyed = !profile.key.is_empty();
        Self {
            comparison: *key.derive(Purpose::Name, &context),
            keyed,
            hasher: BatchHasher::new(row_key),
            sums: LiveSums {
                sum: SetSum::default(),
                sketch: keyed.then(Sketch::default),
            },
            root,
            row_count: 0,
            byte_count: 0,
        }
    }

    /// One row: its canonical bytes, and those of its key cells (empty for a table without a key).
    #[inline]
    pub fn row(&mut self, row: &[u8], key: &[u8]) -> Result<()> {
        self.row_count += 1;
        self.byte_count += row.len() as u64;
        let key = if self.keyed {
            self.sketch_key(key)
        } else {
            SketchKey::default()
        };
        match &mut self.root {
            None => self.hasher.push(row, key, &mut self.sums),
            Some(root) => {
                root.row(row)?;
                self.hasher.push(
                    row,
                    key,
                    &mut LiveAndRoot {
                        sums: &mut self.sums,
                        root,
                    },
                )
            }
        }
    }

    /// One large row, its long payloads where they lie.
    pub fn gathered_row(&mut self, row: &Gathered<'_>, key: &[u8]) -> Result<()> {
        self.row_count += 1;
        self.byte_count += row.byte_count() as u64;
        let key = if self.keyed {
            self.sketch_key(key)
        } else {
            SketchKey::default()
        };
        match &mut self.root {
            None => self.hasher.push_gathered(row, key, &mut self.sums),
            Some(root) => {
                if let Some(hasher) = &mut root.hasher {
                    hasher.push_gathered(row, (), &mut root.rows)?;
                }
                let sums = &mut self.sums;
                self.hasher.push_gathered(row, key, &mut LiveAndRoot { sums, root })
            }
        }
    }

    /// A key that is too long ends the sketch for this table.
    fn sketch_key(&mut self, key: &[u8]) -> SketchKey {
        SketchKey::new(key).unwrap_or_else(|| {
            self.sums.sketch = None;
            self.keyed = false;
            SketchKey::default()
        })
    }

    /// Canonical bytes so far.
    pub fn byte_count(&self) -> u64 {
        self.byte_count
    }

    /// What the pass leaves behind.
    pub fn finish(self) -> Result<TableDigest> {
        TablePart::whole(vec![self.finish_part()?])
    }

    /// What the pass leaves behind where it saw one part of the table.
    pub fn finish_part(mut self) -> Result<TablePart> {
        let root = match self.root {
            None => {
                self.hasher.flush(&mut self.sums)?;
                None
            }
            Some(mut root) => {
                self.hasher.flush(&mut LiveAndRoot {
                    sums: &mut self.sums,
                    root: &mut root,
                })?;
                Some(root.finish()?)
            }
        };
        Ok(TablePart {
            comparison: self.comparison,
            row_count: self.row_count,
            byte_count: self.byte_count,
            sums: self.sums,
            root,
        })
    }
}

/// What a pass over one part of a table left behind. Parts add up, whichever rows are in which.
pub struct TablePart {
    comparison: Digest,
    row_count: u64,
    byte_count: u64,
    sums: LiveSums,
    root: Option<RootPart>,
}

impl TablePart {
    /// The digest of the table whose parts these are. The root is hashed with as many threads as there are parts.
    ///
    /// # Errors
    /// [`Error::Usage`] for parts of different keys or profiles, or for none; [`Error::File`] where row digests cannot
    /// be read back.
    pub fn whole(parts: Vec<Self>) -> Result<TableDigest> {
        let comparison = one_comparison(parts.iter().map(|part| &part.comparison))?;
        let (mut row_count, mut byte_count) = (0, 0);
        let mut sums: Option<LiveSums> = None;
        let mut roots = Vec::new();
        for part in parts {
            row_count += part.row_count;
            byte_count += part.byte_count;
            match &mut sums {
                None => sums = Some(part.sums),
                Some(sums) => sums.merge(&part.sums),
            }
            roots.extend(part.root);
        }
        let (live_sum, sketch) = sums.map_or_else(Default::default, |sums| (sums.sum.to_bytes(), sums.sketch));
        Ok(TableDigest {
            comparison,
            row_count,
            byte_count,
            live_sum,
            root: RootPart::whole(roots)?,
            sketch,
        })
    }
}

struct LiveSums {
    sum: SetSum,
    sketch: Option<Sketch>,
}

impl LiveSums {
    /// Adds another part's. One without a sketch leaves the whole without.
    fn merge(&mut self, other: &Self) {
        self.sum.merge(&other.sum);
        match (&mut self.sketch, &other.sketch) {
            (Some(mine), Some(theirs)) => mine.merge(theirs),
            _ => self.sketch = None,
        }
    }
}

impl DigestSink<SketchKey> for LiveSums {
    #[inline]
    fn take(&mut self, digests: &[Digest], keys: &[SketchKey]) -> Result<()> {
        for digest in digests {
            self.sum.add(digest);
        }
        if let Some(sketch) = &mut self.sketch {
            for (digest, key) in digests.iter().zip(keys) {
                sketch.add(digest, key);
            }
        }
        Ok(())
    }
}

struct LiveAndRoot<'a> {
    sums: &'a mut LiveSums,
    root: &'a mut RootPass,
}

impl DigestSink<SketchKey> for LiveAndRoot<'_> {
    fn take(&mut self, digests: &[Digest], keys: &[SketchKey]) -> Result<()> {
        self.sums.take(digests, keys)?;
        match self.root.hasher {
            None => digests.iter().try_for_each(|digest| self.root.rows.push(digest)),
            Some(_) => Ok(()),
        }
    }
}

/// The row digests for the root beside a live pass. Under the same key the rows are hashed once only.
struct RootPass {
    hasher: Option<BatchHasher<()>>,
    rows: RecordSorter,
    root_key: SecretKey,
}

impl RootPass {
    fn new(options: &RootOptions, live: &DigestKey, context: &Digest) -> Self {
        let RootOptions { key, room } = options;
        Self {
            hasher: (!key.same(live)).then(|| BatchHasher::new(key.derive(Purpose::Row, context))),
            rows: RecordSorter::within(room),
            root_key: key.derive(Purpose::SetRoot, context),
        }
    }

    fn row(&mut self, row: &[u8]) -> Result<()> {
        match &mut self.hasher {
            Some(hasher) => hasher.push(row, (), &mut self.rows),
            None => Ok(()),
        }
    }

    fn finish(mut self) -> Result<RootPart> {
        if let Some(hasher) = &mut self.hasher {
            hasher.flush(&mut self.rows)?;
        }
        Ok(RootPart {
            rows: self.rows.finish(),
            root_key: self.root_key,
        })
    }
}

/// The sorted row digests of a part of a table.
struct RootPart {
    rows: CountedRecords,
    root_key: SecretKey,
}

impl RootPart {
    fn whole(parts: Vec<Self>) -> Result<Option<Digest>> {
        let Some(root_key) = parts.first().map(|part| part.root_key.clone()) else {
            return Ok(None);
        };
        let rows = CountedRecords::merged(parts.into_iter().map(|part| part.rows));
        ordered_root(&root_key, &rows).map(Some)
    }
}

impl DigestSink<()> for RecordSorter {
    fn take(&mut self, digests: &[Digest], _: &[()]) -> Result<()> {
        digests.iter().try_for_each(|digest| self.push(digest))
    }
}

/// Keyed BLAKE3 over the distinct row digests in ascending order, each with its multiplicity, and the row count.
///
/// Order and multiplicities are the set's own, so nothing is assumed about keys, and no two multisets of digests give
/// one input.
pub(crate) fn ordered_root(key: &SecretKey, rows: &CountedRecords) -> Result<Digest> {
    let mut hasher = blake3::Hasher::new_keyed(key);
    if rows.sorters() > 1 {
        // The merging is what takes time: spans are merged side by side, and hashed in their order.
        let spans = rows.span_count();
        let listed = |number| listed(rows.within(&Span::number(number, spans))?);
        lanes::in_order(0..spans, rows.sorters(), listed, |bytes| {
            hasher.update(&bytes);
            Ok(())
        })?;
    } else {
        let mut buffer = Vec::with_capacity(ROOT_BUFFER_BYTES + 40);
        rows.for_each(|digest, multiplicity| {
            put_counted(digest, multiplicity, &mut buffer);
            if buffer.len() >= ROOT_BUFFER_BYTES {
                hasher.update(&buffer);
                buffer.clear();
            }
        })?;
        hasher.update(&buffer);
    }
    Ok(*hasher.update(&rows.record_count().to_le_bytes()).finalize().as_bytes())
}

fn listed(mut rows: Merged<'_>) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    while let Some((digest, multiplicity)) = rows.next_record()? {
        put_counted(&digest, multiplicity, &mut bytes);
    }
    Ok(bytes)
}

#[inline]
fn put_counted(digest: &Digest, multiplicity: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(digest);
    out.extend_from_slice(&multiplicity.to_le_bytes());
}

/// Enough for BLAKE3 to use all of the processor's lanes.
const ROOT_BUFFER_BYTES: usize = 64 << 10;

/// What a pass over one side's rows left behind.
pub struct TableDigest {
    comparison: Digest,
    /// Rows, equal ones included.
    pub row_count: u64,
    /// Canonical bytes of all rows.
    pub byte_count: u64,
    /// Σ row digest mod 2²⁵⁶, little-endian.
    pub live_sum: Digest,
    /// The root, where it was asked for.
    pub root: Option<Digest>,
    sketch: Option<Sketch>,
}

/// What two passes under one key and one profile say about each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Counts and sums agree.
    pub equal: bool,
    /// The sketch named rows, and their number accounts for the counts. [`Difference::explains`] is the proof.
    pub decoded: bool,
    /// Key cells of rows that stand on the source's side only.
    pub source_keys: Vec<Vec<u8>>,
    /// Key cells of rows that stand on the target's side only.
    pub target_keys: Vec<Vec<u8>>,
    sum_difference: Digest,
}

impl Difference {
    /// Compares two sides.
    ///
    /// # Errors
    /// [`Error::Usage`] if the two were made under different keys or profiles: they say nothing about each other.
    pub fn between(source: &TableDigest, target: &TableDigest) -> Result<Self> {
        if source.comparison != target.comparison {
            return Err(Error::Usage(
                "the two digests were made under different keys or profiles".into(),
            ));
        }
        let equal = source.live_sum == target.live_sum && source.row_count == target.row_count;
        let mut difference = Self {
            equal,
            decoded: equal,
            source_keys: Vec::new(),
            target_keys: Vec::new(),
            sum_difference: subtract(&source.live_sum, &target.live_sum),
        };
        if !equal {
            difference.decode(source, target);
        }
        Ok(difference)
    }

    fn decode(&mut self, source: &TableDigest, target: &TableDigest) {
        let (Some(left), Some(right)) = (&source.sketch, &target.sketch) else {
            return;
        };
        let Some(peeled) = left.difference(right) else { return };
        let surplus = i128::from(source.row_count) - i128::from(target.row_count);
        self.decoded = peeled.source.len() as i128 - peeled.target.len() as i128 == surplus;
        if self.decoded {
            (self.source_keys, self.target_keys) = (peeled.source, peeled.target);
        }
    }

    /// Whether rows whose digests sum up to these account for the whole difference: the proof that the named rows,
    /// read again in the same snapshots, are all that differs.
    pub fn explains(&self, source_sum: &Digest, target_sum: &Digest) -> bool {
        subtract(source_sum, target_sum) == self.sum_difference
    }
}

/// Σ of the digests of rows exactly as read, before any rule: what a checkpoint of a load holds.
pub struct RawDigester {
    hasher: BatchHasher<()>,
    sum: SetSum,
    row_count: u64,
    encoded: Vec<u8>,
    last_row_bytes: usize,
}

impl RawDigester {
    /// Under a key; no profile, since no rule has been applied.
    pub fn new(key: &DigestKey) -> Self {
        Self {
            hasher: BatchHasher::new(key.derive(Purpose::RawRow, b"")),
            sum: SetSum::default(),
            row_count: 0,
            encoded: Vec::new(),
            last_row_bytes: 0,
        }
    }

    /// One row, each cell encoded as it was read.
    pub fn row(&mut self, cells: &[Cell<'_>]) -> Result<()> {
        if large::is_large(cells) {
            return self.large_row(cells);
        }
        let mut encoded = std::mem::take(&mut self.encoded);
        encoded.clear();
        let start = open_row(&mut encoded);
        cells.iter().try_for_each(|cell| encode_cell(cell, &mut encoded))?;
        close_row(start, &mut encoded)?;
        self.encoded(&encoded)?;
        self.last_row_bytes = encoded.len();
        self.encoded = encoded;
        Ok(())
    }

    fn large_row(&mut self, cells: &[Cell<'_>]) -> Result<()> {
        let mut row = Gathered::open();
        cells.iter().try_for_each(|cell| row.push(cell))?;
        row.close()?;
        self.row_count += 1;
        self.last_row_bytes = row.byte_count();
        let sum = &mut self.sum;
        self.hasher
            .push_gathered(&row, (), &mut |digests: &[Digest], _: &[()]| {
                digests.iter().for_each(|digest| sum.add(digest));
                Ok(())
            })
    }

    /// Canonical bytes of the last row.
    pub fn last_row_bytes(&self) -> usize {
        self.last_row_bytes
    }

    /// One row's canonical bytes, its length in front.
    #[inline]
    fn encoded(&mut self, row: &[u8]) -> Result<()> {
        self.row_count += 1;
        let sum = &mut self.sum;
        self.hasher.push(row, (), &mut |digests: &[Digest], _: &[()]| {
            digests.iter().for_each(|digest| sum.add(digest));
            Ok(())
        })
    }

    /// Rows so far, and Σ of their digests mod 2²⁵⁶, little-endian. More rows may follow.
    pub fn finish(&mut self) -> Result<(u64, Digest)> {
        let sum = &mut self.sum;
        self.hasher.flush(&mut |digests: &[Digest], _: &[()]| {
            digests.iter().for_each(|digest| sum.add(digest));
            Ok(())
        })?;
        Ok((self.row_count, self.sum.to_bytes()))
    }
}

#[cfg(test)]
mod tests;
