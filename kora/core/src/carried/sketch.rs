//! Tier 2: the first symbols of a rateless invertible table of sums. Two sides' symbols, subtracted, name the rows
//! that differ, if there are enough symbols for them.
//!
//! Sums, never XOR: equal elements must not cancel each other. What comes out is believed only if nothing is left in
//! any symbol and the named rows account for the difference of both LtHash states and of both row counts.
//! Source: Yang, Gilad, Alizadeh, "Practical Rateless Set Reconciliation", SIGCOMM 2024; Eppstein et al., "What's the
//! Difference? Efficient Set Reconciliation without Prior Context", SIGCOMM 2011, for the peeling.

use std::collections::HashSet;

use crate::carried::difference::OneSided;
use crate::carried::element::{Element, Mark};
use crate::carried::section::{head, Fields};
use crate::error::{Error, Result};
use crate::keys::SecretKey;
use crate::program::Side;
use crate::set_hash::{Digest, LtHash, STATE_BYTES};

const WHAT: &str = "sketch";
/// Symbols of a sketch at most: 64 MiB.
pub const SYMBOLS_LIMIT: usize = 1 << 20;
/// Symbols of a sketch where nobody says how many differences to expect: about 2,300 altered rows.
pub const SYMBOLS_DEFAULT: usize = 8192;
/// The section's flag for elements with multiplicities of their own.
const AGGREGATED: u8 = 1;

/// Enough symbols for so many differing elements (an altered row is two), with room for bad luck.
pub fn symbols_for(elements: u64) -> usize {
    let elements = elements.min(SYMBOLS_LIMIT as u64) as f64;
    let symbols = 1.5 * elements + 10.0 * elements.sqrt() + 32.0;
    (symbols as usize).min(SYMBOLS_LIMIT)
}

/// A signed sum of elements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Symbol {
    digest: [u64; 4],
    tag: u64,
    checksum: u64,
    count: i64,
    multiplicity: u64,
}

impl Symbol {
    #[inline]
    fn of(element: &Element, mark: Mark) -> Self {
        Self {
            digest: words(&element.digest),
            tag: u64::from_le_bytes(element.tag),
            checksum: mark.checksum,
            count: 1,
            multiplicity: element.multiplicity,
        }
    }

    #[inline]
    fn add(&mut self, other: &Self) {
        let mut carry = false;
        for (sum, word) in self.digest.iter_mut().zip(other.digest) {
            let (part, first) = sum.overflowing_add(word);
            let (part, second) = part.overflowing_add(u64::from(carry));
            (*sum, carry) = (part, first || second);
        }
        self.tag = self.tag.wrapping_add(other.tag);
        self.checksum = self.checksum.wrapping_add(other.checksum);
        self.count = self.count.wrapping_add(other.count);
        self.multiplicity = self.multiplicity.wrapping_add(other.multiplicity);
    }

    fn negated(&self) -> Self {
        let mut digest = self.digest.map(|word| !word);
        for word in &mut digest {
            let (next, overflow) = word.overflowing_add(1);
            *word = next;
            if !overflow {
                break;
            }
        }
        Self {
            digest,
            tag: self.tag.wrapping_neg(),
            checksum: self.checksum.wrapping_neg(),
            count: self.count.wrapping_neg(),
            multiplicity: self.multiplicity.wrapping_neg(),
        }
    }

    /// The one element that this symbol is, if its count, checksum and place say so.
    fn single(&self, place: usize, key: &Digest) -> Option<(Side, Element, Mark)> {
        let (side, sum) = match self.count {
            1 => (Side::Source, *self),
            -1 => (Side::Target, self.negated()),
            _ => return None,
        };
        let mut digest = [0; 32];
        for (bytes, word) in digest.chunks_exact_mut(8).zip(sum.digest) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        let element = Element {
            tag: sum.tag.to_le_bytes(),
            digest,
            multiplicity: sum.multiplicity,
        };
        let mark = element.mark(key);
        let fits =
            mark.checksum == sum.checksum && sum.multiplicity > 0 && mark.places(place + 1).any(|at| at == place);
        fits.then_some((side, element, mark))
    }
}

fn words(digest: &Digest) -> [u64; 4] {
    let mut out = [0; 4];
    for (word, bytes) in out.iter_mut().zip(digest.chunks_exact(8)) {
        let mut eight = [0; 8];
        eight.copy_from_slice(bytes);
        *word = u64::from_le_bytes(eight);
    }
    out
}

/// The first symbols of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbols {
    symbols: Vec<Symbol>,
}

impl Symbols {
    /// No elements yet; at most [`SYMBOLS_LIMIT`] symbols.
    pub fn new(count: usize) -> Self {
        Self {
            symbols: vec![Symbol::default(); count.min(SYMBOLS_LIMIT)],
        }
    }

    /// How many symbols there are.
    pub fn len(&self) -> usize {
        self.symbols.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.symbols.is_empty()
    }

    /// Adds one element whose mark is known.
    #[inline]
    pub fn add(&mut self, element: &Element, mark: Mark) {
        let one = Symbol::of(element, mark);
        for place in mark.places(self.symbols.len()) {
            self.symbols[place].add(&one);
        }
    }

    /// Adds all of another part of the same table.
    ///
    /// # Errors
    /// [`Error::Usage`] if the other has not as many symbols.
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        if self.len() != other.len() {
            return Err(Error::Usage("only sketches of one length add up".into()));
        }
        for (mine, theirs) in self.symbols.iter_mut().zip(&other.symbols) {
            mine.add(theirs);
        }
        Ok(())
    }

    /// Keeps the first `count` symbols: a prefix of a sketch is a sketch.
    pub fn shorten(&mut self, count: usize) {
        self.symbols.truncate(count);
    }

    /// What this side has and the other has not, and the other way round; of sketches of different lengths the common
    /// prefix counts.
    ///
    /// # Errors
    /// [`Error::Malformed`] if an element comes out twice, or more of them than there are symbols: no honest pair of
    /// sketches does that.
    pub fn peel(&self, other: &Self, key: &Digest) -> Result<Peeled> {
        let pairs = self.symbols.iter().zip(&other.symbols);
        let mut rest: Vec<Symbol> = pairs
            .map(|(mine, theirs)| {
                let mut difference = *mine;
                difference.add(&theirs.negated());
                difference
            })
            .collect();
        let mut waiting: Vec<usize> = (0..rest.len()).collect();
        let mut seen = HashSet::new();
        let mut found = Vec::new();
        while let Some(place) = waiting.pop() {
            let Some((side, element, mark)) = rest[place].single(place, key) else {
                continue;
            };
            if !seen.insert(element) || found.len() >= rest.len() {
                return Err(malformed(
                    "a row comes out of it twice, or more rows than it has symbols",
                ));
            }
            let removed = match side {
                Side::Source => Symbol::of(&element, mark).negated(),
                Side::Target => Symbol::of(&element, mark),
            };
            for place in mark.places(rest.len()) {
                rest[place].add(&removed);
                waiting.push(place);
            }
            found.push((side, element));
        }
        let complete = rest.iter().all(|symbol| *symbol == Symbol::default());
        Ok(Peeled { found, complete })
    }
}

/// What came out of two sketches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peeled {
    /// Elements of one side only, in no order.
    pub found: Vec<OneSided>,
    /// Whether nothing is left in any symbol.
    pub complete: bool,
}

fn malformed(reason: &str) -> Error {
    Fields::new(WHAT, &[]).malformed(reason)
}

/// A table's symbols with all that is needed to compare them without the migration's key.
#[derive(Clone)]
pub struct CarriedSketch {
    /// The sketch's own key, derived one-way from the migration's.
    pub sketch_key: SecretKey,
    /// The key of LtHash elements, derived one-way as well.
    pub element_key: SecretKey,
    /// The table's LtHash, with its row count.
    pub hash: LtHash,
    /// The symbols.
    pub symbols: Symbols,
    /// Whether rows were counted first; else each multiplicity is 1 by right.
    pub aggregated: bool,
}

/// What two sketches say of each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reconciled {
    /// These elements, and no others, stand on one side only.
    Decoded(Vec<OneSided>),
    /// The sketch was too short for the difference; what came out before it stuck is a part of it at most.
    NotDecoded(Vec<OneSided>),
}

impl CarriedSketch {
    /// Finds what differs, and proves that it is all that differs.
    ///
    /// # Errors
    /// [`Error::Usage`] for sketches under different keys or profiles; [`Error::Malformed`] as [`Symbols::peel`].
    pub fn reconcile(&self, target: &Self) -> Result<Reconciled> {
        if self.sketch_key != target.sketch_key || self.element_key != target.element_key {
            return Err(Error::Usage(
                "the two sketches were made under different keys or profiles".into(),
            ));
        }
        let peeled = self.symbols.peel(&target.symbols, &self.sketch_key)?;
        let proven = peeled.complete && self.explained(target, &peeled.found);
        Ok(if proven {
            Reconciled::Decoded(peeled.found)
        } else {
            Reconciled::NotDecoded(peeled.found)
        })
    }

    /// Whether the source with what only the target has is the target with what only the source has.
    fn explained(&self, target: &Self, found: &[OneSided]) -> bool {
        let (mut left, mut right) = (self.hash.clone(), target.hash.clone());
        for (side, element) in found {
            let sum = if *side == Side::Source { &mut right } else { &mut left };
            sum.add(&element.digest, element.multiplicity);
        }
        left.same(&right)
    }

    /// As it stands in a file.
    pub fn to_section(&self) -> Vec<u8> {
        let mut out = head(if self.aggregated { AGGREGATED } else { 0 }).to_vec();
        out.extend_from_slice(&(self.symbols.len() as u32).to_le_bytes());
        out.extend_from_slice(&self.hash.row_count().to_le_bytes());
        out.extend_from_slice(self.element_key.as_slice());
        out.extend_from_slice(self.sketch_key.as_slice());
        out.extend_from_slice(self.hash.state().as_slice());
        for symbol in &self.symbols.symbols {
            symbol
                .digest
                .iter()
                .for_each(|word| out.extend_from_slice(&word.to_le_bytes()));
            out.extend_from_slice(&symbol.tag.to_le_bytes());
            out.extend_from_slice(&symbol.checksum.to_le_bytes());
            out.extend_from_slice(&symbol.count.to_le_bytes());
            if self.aggregated {
                out.extend_from_slice(&symbol.multiplicity.to_le_bytes());
            }
        }
        out
    }

    /// From a file's bytes.
    ///
    /// # Errors
    /// [`Error::Malformed`] for what [`Self::to_section`] does not write, [`Error::Limit`] for too many symbols.
    pub fn from_section(bytes: &[u8]) -> Result<Self> {
        let mut fields = Fields::new(WHAT, bytes);
        let aggregated = fields.head(AGGREGATED)? == AGGREGATED;
        let count = fields.u32()? as usize;
        if count > SYMBOLS_LIMIT {
            return Err(Error::Limit(format!(
                "a sketch of {count} symbols; the limit is {SYMBOLS_LIMIT}"
            )));
        }
        let row_count = fields.u64()?;
        let element_key = SecretKey::new(*fields.take()?);
        let sketch_key = SecretKey::new(*fields.take()?);
        let state = fields.take::<STATE_BYTES>()?;
        let hash = LtHash::from_state(element_key.clone(), state, row_count);
        let size = if aggregated { 64 } else { 56 };
        let written = fields.items(count, size)?;
        let symbols = written
            .map(|bytes| read_symbol(bytes, aggregated))
            .collect::<Result<_>>()?;
        Ok(Self {
            sketch_key,
            element_key,
            hash,
            symbols: Symbols { symbols },
            aggregated,
        })
    }
}

fn read_symbol(bytes: &[u8], aggregated: bool) -> Result<Symbol> {
    let mut fields = Fields::new(WHAT, bytes);
    let digest = words(fields.take()?);
    let (tag, checksum) = (fields.u64()?, fields.u64()?);
    let count = i64::from_le_bytes(*fields.take()?);
    Ok(Symbol {
        digest,
        tag,
        checksum,
        count,
        multiplicity: if aggregated { fields.u64()? } else { count as u64 },
    })
}
