//! A log as C2SP tlog-tiles lays it out: where each hash stands, how a log grows, what is proven from it.
//!
//! Pure but for the [`TileStore`] that it is given. A log grows in this order: entries, tiles, checkpoint; each file is
//! whole or not there, and nothing that a checkpoint speaks of is overwritten. So whenever a writer dies, the log is the
//! one of its last checkpoint, and the next append writes over what that writer had left.
//! Specification: https://c2sp.org/tlog-tiles.

use crate::error::{Error, Result};
use crate::merkle::{consistency_ranges, leaf_hash, path_ranges, Frontier, Hash, Range};
use crate::note::{sign, Checkpoint, NoteKey};
use crate::tlog_proof::TlogProof;

/// Hashes in a full tile, entries in a full bundle.
pub const TILE_WIDTH: u64 = 256;
const TILE_HEIGHT: u32 = 8;
/// Bytes of the largest entry.
pub const ENTRY_LIMIT_BYTES: usize = u16::MAX as usize;
/// Where the signed checkpoint stands.
pub const CHECKPOINT: &str = "checkpoint";

/// Where a log's files are kept. Paths are relative, with slashes.
pub trait TileStore {
    /// A file's bytes, at most `limit_bytes` of them; None where it is not there.
    fn read(&self, path: &str, limit_bytes: usize) -> Result<Option<Vec<u8>>>;
    /// Writes a file so that a crash leaves the old or the new one, and the new one lasts once this returns.
    fn write(&mut self, path: &str, data: &[u8]) -> Result<()>;
    /// Removes the partial files of a tile that is complete now. That it fails, or never happens, does no harm.
    fn remove_partials(&mut self, path: &str);
}

/// What a tile holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Hashes(u32),
    Entries,
}

/// `tile/<level>/<index>`, the index in groups of three digits.
fn tile_path(kind: Kind, index: u64) -> String {
    let level = match kind {
        Kind::Hashes(level) => level.to_string(),
        Kind::Entries => "entries".into(),
    };
    let mut groups = vec![format!("{:03}", index % 1000)];
    let mut rest = index / 1000;
    while rest > 0 {
        groups.push(format!("x{:03}", rest % 1000));
        rest /= 1000;
    }
    groups.reverse();
    format!("tile/{level}/{}", groups.join("/"))
}

fn partial_path(path: &str, width: u64) -> String {
    format!("{path}.p/{width}")
}

/// Hashes that a log of `size` has at a level.
fn level_size(size: u64, level: u32) -> u64 {
    size.checked_shr(level * TILE_HEIGHT).unwrap_or(0)
}

/// A log at one size, read from its tiles.
#[derive(Clone, Copy, Debug)]
pub struct Log<'s, S> {
    store: &'s S,
    size: u64,
}

impl<'s, S: TileStore> Log<'s, S> {
    /// The log as it was at `size`.
    pub fn new(store: &'s S, size: u64) -> Self {
        Self { store, size }
    }

    /// The root over all entries, from the largest complete subtrees.
    pub fn root(&self) -> Result<Hash> {
        self.node(Range {
            start: 0,
            end: self.size,
        })
    }

    /// The audit path of an entry.
    pub fn path(&self, index: u64) -> Result<Vec<Hash>> {
        path_ranges(index, self.size)?
            .into_iter()
            .map(|range| self.node(range))
            .collect()
    }

    /// The proof that this log began as the one of `old` entries.
    pub fn consistency(&self, old: u64) -> Result<Vec<Hash>> {
        consistency_ranges(old, self.size)?
            .into_iter()
            .map(|range| self.node(range))
            .collect()
    }

    /// The entries of one bundle, numbered from `bundle * 256`.
    pub fn entries(&self, bundle: u64) -> Result<Vec<Vec<u8>>> {
        let path = tile_path(Kind::Entries, bundle);
        let data = self.tile(&path, level_size(self.size, 0), bundle, ENTRY_LIMIT_BYTES + 2)?;
        let entries = parse_bundle(&data, &path)?;
        let wanted = width(level_size(self.size, 0), bundle) as usize;
        if entries.len() < wanted {
            return Err(damaged(&path));
        }
        Ok(entries.into_iter().take(wanted).map(<[u8]>::to_vec).collect())
    }

    /// One node of the tree, put together of complete subtrees.
    fn node(&self, range: Range) -> Result<Hash> {
        let mut tree = Frontier::default();
        let mut start = range.start;
        while start < range.end {
            let aligned = if start == 0 {
                u64::BITS - 1
            } else {
                start.trailing_zeros()
            };
            let height = aligned.min((range.end - start).ilog2());
            tree.push_subtree(height, self.subtree(start, height)?);
            start += 1 << height;
        }
        Ok(tree.root())
    }

    /// The complete subtree of 2^height entries from `start`, of at most 2^7 hashes of one tile.
    fn subtree(&self, start: u64, height: u32) -> Result<Hash> {
        let level = height / TILE_HEIGHT;
        let first = level_size(start, level);
        let (index, offset) = (first / TILE_WIDTH, (first % TILE_WIDTH) as usize);
        let hashes = self.hashes(level, index)?;
        let end = offset + (1 << (height % TILE_HEIGHT));
        let part = hashes
            .get(offset..end)
            .ok_or_else(|| damaged(&tile_path(Kind::Hashes(level), index)))?;
        let mut tree = Frontier::default();
        part.iter().for_each(|hash| tree.push(*hash));
        Ok(tree.root())
    }

    fn hashes(&self, level: u32, index: u64) -> Result<Vec<Hash>> {
        let path = tile_path(Kind::Hashes(level), index);
        let total = level_size(self.size, level);
        let data = self.tile(&path, total, index, size_of::<Hash>())?;
        let hashes = split_hashes(&data).ok_or_else(|| damaged(&path))?;
        let wanted = width(total, index) as usize;
        hashes.get(..wanted).map(<[_]>::to_vec).ok_or_else(|| damaged(&path))
    }

    /// The bytes of a tile: full, or as wide as this size has it; where that one is gone, the full one.
    fn tile(&self, path: &str, total: u64, index: u64, unit_bytes: usize) -> Result<Vec<u8>> {
        let width = width(total, index);
        if width == 0 {
            return Ok(Vec::new());
        }
        let limit = TILE_WIDTH as usize * unit_bytes;
        let partial = match width {
            TILE_WIDTH => None,
            _ => self.store.read(&partial_path(path, width), limit)?,
        };
        let whole = || {
            self.store
                .read(path, limit)
                .transpose()
                .unwrap_or_else(|| Err(damaged(path)))
        };
        partial.map_or_else(whole, Ok)
    }
}

/// A tile's bytes as hashes; None where the last one is cut.
fn split_hashes(data: &[u8]) -> Option<Vec<Hash>> {
    let pieces = data.chunks(size_of::<Hash>());
    pieces.map(|piece| piece.try_into().ok()).collect()
}

/// Hashes of tile `index` on a level that has `total`.
fn width(total: u64, index: u64) -> u64 {
    total.saturating_sub(index.saturating_mul(TILE_WIDTH)).min(TILE_WIDTH)
}

fn damaged(path: &str) -> Error {
    Error::malformed(path, "the log's file is missing or damaged")
}

/// The entries of a bundle: 16-bit big-endian lengths, each before its entry.
///
/// # Errors
/// `Malformed` where a length leads out of the file or there are more than 256.
pub fn parse_bundle<'a>(data: &'a [u8], what: &str) -> Result<Vec<&'a [u8]>> {
    let mut rest = data;
    let mut entries = Vec::new();
    while !rest.is_empty() {
        let (length, behind) = rest.split_first_chunk::<2>().ok_or_else(|| damaged(what))?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (entry, behind) = behind.split_at_checked(length).ok_or_else(|| damaged(what))?;
        entries.push(entry);
        rest = behind;
        if entries.len() > TILE_WIDTH as usize {
            return Err(damaged(what));
        }
    }
    Ok(entries)
}

/// Begins a log: an empty one, with its signed checkpoint.
///
/// # Errors
/// `Usage` where there is one already; as the store's and [`sign`]'s.
pub fn create(store: &mut impl TileStore, origin: &str, signing_key: &[u8]) -> Result<()> {
    if store.read(CHECKPOINT, crate::note::NOTE_LIMIT_BYTES)?.is_some() {
        return Err(Error::Usage("a log stands there already".into()));
    }
    let checkpoint = Checkpoint {
        origin: origin.into(),
        size: 0,
        root: crate::merkle::empty_root(),
    };
    store.write(CHECKPOINT, sign(&checkpoint.to_text(), origin, signing_key)?.as_bytes())
}

/// The log's signed checkpoint, and what it says.
///
/// # Errors
/// `Malformed` where there is no log; as [`Checkpoint::open`].
pub fn checkpoint(store: &impl TileStore, key: &NoteKey) -> Result<(Vec<u8>, Checkpoint)> {
    let note = store.read(CHECKPOINT, crate::note::NOTE_LIMIT_BYTES)?;
    let note = note.ok_or_else(|| Error::malformed(CHECKPOINT, "there is no log here"))?;
    let checkpoint = Checkpoint::open(&note, key, CHECKPOINT)?;
    Ok((note, checkpoint))
}

/// Adds entries and signs the new checkpoint; gives the first entry's number.
///
/// # Errors
/// `Malformed` or `NotAuthentic` where the log does not lead to its own checkpoint: nothing is appended to a damaged
/// one. `Limit` for an entry above 65,535 bytes. After any error the log is the one of its last checkpoint.
pub fn append(store: &mut impl TileStore, key: &NoteKey, signing_key: &[u8], entries: &[Vec<u8>]) -> Result<u64> {
    let (_, old) = checkpoint(store, key)?;
    if Log::new(store, old.size).root()? != old.root {
        return Err(Error::NotAuthentic(
            "the log's tiles do not lead to its checkpoint".into(),
        ));
    }
    if entries.iter().any(|entry| entry.len() > ENTRY_LIMIT_BYTES) {
        return Err(Error::Limit(format!("an entry of more than {ENTRY_LIMIT_BYTES} bytes")));
    }
    if entries.is_empty() {
        return Ok(old.size);
    }
    let bundled: Vec<Vec<u8>> = entries.iter().map(|entry| bundle_entry(entry)).collect();
    extend(store, Kind::Entries, old.size, &bundled)?;
    let mut new: Vec<Hash> = entries.iter().map(|entry| leaf_hash(entry)).collect();
    let (mut level, mut before) = (0, old.size);
    while !new.is_empty() {
        let hashes: Vec<Vec<u8>> = new.iter().map(|hash| hash.to_vec()).collect();
        extend(store, Kind::Hashes(level), before, &hashes)?;
        new = completed(store, level, before, before + new.len() as u64)?;
        before /= TILE_WIDTH;
        level += 1;
    }
    let size = old.size + entries.len() as u64;
    let checkpoint = Checkpoint {
        origin: key.name.clone(),
        size,
        root: Log::new(store, size).root()?,
    };
    store.write(
        CHECKPOINT,
        sign(&checkpoint.to_text(), &key.name, signing_key)?.as_bytes(),
    )?;
    forget_partials(store, old.size, size);
    Ok(old.size)
}

fn bundle_entry(entry: &[u8]) -> Vec<u8> {
    [&(entry.len() as u16).to_be_bytes(), entry].concat()
}

/// Writes the tiles that items behind the first `before` make or lengthen.
fn extend(store: &mut impl TileStore, kind: Kind, before: u64, items: &[Vec<u8>]) -> Result<()> {
    let after = before + items.len() as u64;
    let mut next = before;
    while next < after {
        let index = next / TILE_WIDTH;
        let path = tile_path(kind, index);
        let mut data = match kind {
            Kind::Entries => {
                let old = Log::new(store, before).entries(index)?;
                old.iter().flat_map(|entry| bundle_entry(entry)).collect()
            }
            Kind::Hashes(_) => {
                let unit = size_of::<Hash>();
                let mut old = Log::new(store, before).tile(&path, before, index, unit)?;
                old.truncate(width(before, index) as usize * unit);
                old
            }
        };
        let end = after.min((index + 1) * TILE_WIDTH);
        data.extend(
            items[(next - before) as usize..(end - before) as usize]
                .iter()
                .flatten(),
        );
        match width(after, index) {
            TILE_WIDTH => store.write(&path, &data)?,
            width => store.write(&partial_path(&path, width), &data)?,
        }
        next = end;
    }
    Ok(())
}

/// The roots of the tiles that became full between two counts of a level's hashes.
fn completed(store: &impl TileStore, level: u32, before: u64, after: u64) -> Result<Vec<Hash>> {
    let tiles = before / TILE_WIDTH..after / TILE_WIDTH;
    tiles
        .map(|index| {
            let path = tile_path(Kind::Hashes(level), index);
            let limit = TILE_WIDTH as usize * size_of::<Hash>();
            let data = store.read(&path, limit)?.ok_or_else(|| damaged(&path))?;
            let mut tree = Frontier::default();
            let hashes = split_hashes(&data).ok_or_else(|| damaged(&path))?;
            hashes.into_iter().for_each(|hash| tree.push(hash));
            Ok(tree.root())
        })
        .collect()
}

fn forget_partials(store: &mut impl TileStore, old: u64, new: u64) {
    for level in 0..u64::BITS / TILE_HEIGHT {
        let (before, after) = (level_size(old, level), level_size(new, level));
        for index in before / TILE_WIDTH..after / TILE_WIDTH {
            store.remove_partials(&tile_path(Kind::Hashes(level), index));
            if level == 0 {
                store.remove_partials(&tile_path(Kind::Entries, index));
            }
        }
    }
}

/// The proof that entry `index` stands in the log, with the checkpoint of now.
///
/// # Errors
/// `Usage` for an entry that is not there; `NotAuthentic` where the log does not lead to its checkpoint.
pub fn prove(store: &impl TileStore, key: &NoteKey, index: u64) -> Result<TlogProof> {
    let (note, state) = checkpoint(store, key)?;
    let log = Log::new(store, state.size);
    let path = log.path(index)?;
    let bundle = log.entries(index / TILE_WIDTH)?;
    let entry = bundle
        .get((index % TILE_WIDTH) as usize)
        .ok_or_else(|| damaged(CHECKPOINT))?;
    let proof = TlogProof {
        index,
        path,
        checkpoint: note,
    };
    proof.check(entry, key, "the log")?;
    Ok(proof)
}

/// The first entry with these bytes, searched from the newest bundle backwards.
///
/// # Errors
/// As the store's.
pub fn find(store: &impl TileStore, key: &NoteKey, entry: &[u8]) -> Result<Option<u64>> {
    let (_, state) = checkpoint(store, key)?;
    let log = Log::new(store, state.size);
    for bundle in (0..state.size.div_ceil(TILE_WIDTH)).rev() {
        let entries = log.entries(bundle)?;
        if let Some(place) = entries.iter().position(|one| one == entry) {
            return Ok(Some(bundle * TILE_WIDTH + place as u64));
        }
    }
    Ok(None)
}

/// Checks a whole log: each entry against its hash, each tile against the one above, all against the checkpoint, and
/// that it began as an older checkpoint said, if one was kept.
///
/// # Errors
/// `NotAuthentic` or `Malformed` for the first thing that does not fit.
pub fn check(store: &impl TileStore, key: &NoteKey, retained: Option<&[u8]>) -> Result<Checkpoint> {
    let (_, state) = checkpoint(store, key)?;
    let log = Log::new(store, state.size);
    let mut tree = Frontier::default();
    for bundle in 0..state.size.div_ceil(TILE_WIDTH) {
        let leaves: Vec<Hash> = log.entries(bundle)?.iter().map(|entry| leaf_hash(entry)).collect();
        if leaves != log.hashes(0, bundle)? {
            return Err(Error::NotAuthentic(format!(
                "the entries of bundle {bundle} are not those of its tile"
            )));
        }
        leaves.into_iter().for_each(|leaf| tree.push(leaf));
    }
    if tree.root() != state.root || log.root()? != state.root {
        return Err(Error::NotAuthentic(
            "the log's entries do not lead to its checkpoint".into(),
        ));
    }
    if let Some(note) = retained {
        check_growth(&log, &Checkpoint::open(note, key, "the retained checkpoint")?, &state)?;
    }
    Ok(state)
}

fn check_growth<S: TileStore>(log: &Log<'_, S>, old: &Checkpoint, new: &Checkpoint) -> Result<()> {
    if old.size == 0 {
        return Ok(());
    }
    if old.size > new.size {
        return Err(Error::NotAuthentic(format!(
            "the log has {} entries and once had {}: it was cut back",
            new.size, old.size
        )));
    }
    crate::merkle::check_consistency(old.size, &old.root, new.size, &new.root, &log.consistency(old.size)?)
}
