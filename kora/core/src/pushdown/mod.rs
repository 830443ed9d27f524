//! Rows digested so that a server can do the same in its own SQL: the local side of a push-down comparison.
//!
//! A row's digest is SHA-256 over a letter, the comparison's salt in hex, and the forms of its columns; a key's is the
//! same over its own columns under another letter. Digests are four signed 64-bit words, and a set of rows is the sum
//! of each word over whole numbers: nothing wraps and nothing cancels. Rows fall into buckets by the first hex digits of
//! their key's digest. Columns that a server cannot render travel beside its digest of the others ([`beside`]).
//! `docs/formats/pushdown.md` is the specification.

pub mod beside;
mod form;
mod structured;

pub use form::put_form;

use std::collections::{BTreeMap, HashSet};

use beside::mixed;
use ring::digest::{Context, SHA256};

use crate::cell::Cell;
use crate::error::{Error, Result};
use crate::program::{ColumnTally, Profile, RowProgram, Side};

/// Hex digits of a bucket's number at most: 2²⁴ buckets are more than anybody sends.
pub const MAX_BUCKET_DIGITS: u32 = 6;
/// Bytes of a key's and of a row's digest by which rows are listed.
pub const LISTED_BYTES: usize = 16;
const SALT_DIGITS: usize = 64;

/// A row's two digests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digests {
    /// Of its key's columns; of the row where the table has no key.
    pub key: [u8; 32],
    /// Of all compared columns.
    pub row: [u8; 32],
}

/// Which part of the key digests is asked for: numbers of buckets of so many hex digits.
#[derive(Clone, Debug)]
pub struct Within {
    digits: u32,
    buckets: HashSet<u32>,
}

impl Within {
    /// # Errors
    /// `Limit` for more digits than there are.
    pub fn new(digits: u32, buckets: HashSet<u32>) -> Result<Self> {
        check_digits(digits)?;
        Ok(Self { digits, buckets })
    }

    /// Whether a key's digest lies in one of them.
    pub fn holds(&self, key: &[u8; 32]) -> bool {
        self.buckets.contains(&bucket(key, self.digits))
    }
}

/// Digests the rows of one side.
pub struct RowDigester {
    program: RowProgram,
    keyed: bool,
    salted: [Context; 3],
    /// Positions of the columns that travel beside a server's digest, ascending, and of all others.
    beside: Vec<usize>,
    rendered: Vec<usize>,
    forms: Vec<u8>,
    bounds: Vec<usize>,
    scratch: String,
}

impl RowDigester {
    /// Under a salt of 64 hex digits. `beside`: positions of the columns that some server cannot render, none in most
    /// comparisons.
    ///
    /// # Errors
    /// `Usage` for any other salt, for columns beside that are not in the profile or leave none to render, and as
    /// [`RowProgram::new`].
    pub fn new(profile: &Profile, side: Side, salt: &str, beside: &[usize]) -> Result<Self> {
        let columns = profile.columns.len();
        let rendered: Vec<_> = (0..columns).filter(|place| !beside.contains(place)).collect();
        let ascending = beside.windows(2).all(|pair| pair[0] < pair[1]);
        if !ascending || rendered.is_empty() || rendered.len() + beside.len() != columns {
            return Err(Error::Usage(
                "columns beside a digest that are none of the profile's".into(),
            ));
        }
        Ok(Self {
            program: RowProgram::new(profile, side)?,
            keyed: !profile.key.is_empty(),
            salted: [salted("k", salt)?, salted("r", salt)?, salted("m", salt)?],
            beside: beside.to_vec(),
            rendered,
            forms: Vec::new(),
            bounds: Vec::new(),
            scratch: String::new(),
        })
    }

    /// The digests of one row.
    ///
    /// # Errors
    /// `Usage` for a row of another width.
    pub fn row(&mut self, cells: &[Cell<'_>]) -> Result<Digests> {
        let (forms, bounds, scratch) = (&mut self.forms, &mut self.bounds, &mut self.scratch);
        forms.clear();
        bounds.clear();
        let key = self.program.each_common(cells, |cell| {
            bounds.push(forms.len());
            put_form(cell, 0, scratch, forms)
        })?;
        bounds.push(forms.len());
        let of_columns = |mut context: Context, places: &[usize]| {
            places
                .iter()
                .for_each(|place| context.update(&forms[bounds[*place]..bounds[place + 1]]));
            finished(context)
        };
        let [of_key, mut of_row, mix] = self.salted.clone();
        let of_key = of_columns(of_key, if self.keyed { key } else { &self.rendered });
        if self.beside.is_empty() {
            of_row.update(forms);
            return Ok(Digests {
                key: of_key,
                row: finished(of_row),
            });
        }
        let mut part = [0; LISTED_BYTES];
        part.copy_from_slice(&of_columns(of_row, &self.rendered)[..LISTED_BYTES]);
        let beside = self
            .beside
            .iter()
            .map(|place| &forms[bounds[*place]..bounds[place + 1]]);
        Ok(Digests {
            key: of_key,
            row: mixed(mix, &part, beside),
        })
    }

    /// Bytes of the last row's forms.
    pub fn last_row_bytes(&self) -> usize {
        self.forms.len()
    }

    /// What the rules did so far, one entry per compared column.
    pub fn tallies(&self) -> Vec<ColumnTally> {
        self.program.tallies()
    }
}

/// Rows and the sums of their digests' words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// How many rows.
    pub rows: u64,
    /// Σ of each word, over whole numbers: 2⁶³ rows fit.
    pub words: [i128; 4],
}

impl Sums {
    fn add(&mut self, row: &[u8; 32]) {
        self.rows += 1;
        for (sum, bytes) in self.words.iter_mut().zip(row.chunks_exact(8)) {
            let word = bytes.iter().fold(0_u64, |word, byte| word << 8 | u64::from(*byte));
            *sum += i128::from(word as i64);
        }
    }
}

/// One side's rows by bucket, and all of them.
#[derive(Debug)]
pub struct BucketSums {
    digits: u32,
    /// All rows that were added.
    pub total: Sums,
    /// Per bucket that has rows.
    pub buckets: BTreeMap<u32, Sums>,
}

impl BucketSums {
    /// Buckets of so many hex digits; with none there is one.
    ///
    /// # Errors
    /// `Limit` for more digits than anybody sends.
    pub fn new(digits: u32) -> Result<Self> {
        check_digits(digits)?;
        Ok(Self {
            digits,
            total: Sums::default(),
            buckets: BTreeMap::new(),
        })
    }

    /// One more row.
    pub fn add(&mut self, digests: &Digests) {
        self.total.add(&digests.row);
        self.buckets
            .entry(bucket(&digests.key, self.digits))
            .or_default()
            .add(&digests.row);
    }
}

fn bucket(key: &[u8; 32], digits: u32) -> u32 {
    let [a, b, c, d, ..] = *key;
    u32::from_be_bytes([a, b, c, d]) >> 8 >> (4 * (MAX_BUCKET_DIGITS - digits))
}

fn check_digits(digits: u32) -> Result<()> {
    if digits > MAX_BUCKET_DIGITS {
        return Err(Error::Limit(format!("buckets of {digits} hex digits")));
    }
    Ok(())
}

/// A digest that begins with a letter and the salt.
fn salted(letter: &str, salt: &str) -> Result<Context> {
    if salt.len() != SALT_DIGITS || !salt.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(Error::Usage(format!("a salt of push-down is {SALT_DIGITS} hex digits")));
    }
    let mut context = Context::new(&SHA256);
    context.update(letter.as_bytes());
    context.update(salt.as_bytes());
    Ok(context)
}

fn finished(context: Context) -> [u8; 32] {
    let mut digest = [0; 32];
    digest.copy_from_slice(context.finish().as_ref());
    digest
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYED: &str = r#"{"format":"kora-profile-1","pair":"t","key":[0],"unicode":"","columns":[
        {"pair":"id","policies":[]},{"pair":"name","policies":[]}]}"#;
    const SALT: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

    fn digester(profile: &str) -> RowDigester {
        let profile = Profile::from_json(profile).expect("a profile");
        RowDigester::new(&profile, Side::Source, SALT, &[]).expect("a program")
    }

    #[test]
    fn a_row_is_digested_as_its_salted_forms() {
        let found = digester(KEYED).row(&[Cell::Int(7), Cell::Null]).expect("a row");
        let direct = |text: String| finished_of(text.as_bytes());
        assert_eq!(found.key, direct(format!("k{SALT}n1:7")));
        assert_eq!(found.row, direct(format!("r{SALT}n1:7N")));
        let keyless = KEYED.replace("[0]", "[]");
        let found = digester(&keyless).row(&[Cell::Int(7), Cell::Null]).expect("a row");
        assert_eq!(found.key, direct(format!("k{SALT}n1:7N")));
    }

    fn finished_of(bytes: &[u8]) -> [u8; 32] {
        let mut context = Context::new(&SHA256);
        context.update(bytes);
        finished(context)
    }

    #[test]
    fn equal_rows_add_up_and_never_cancel() {
        let mut digester = digester(KEYED);
        let row = digester.row(&[Cell::Int(1), Cell::Text("a")]).expect("a row");
        let mut sums = BucketSums::new(3).expect("three digits");
        (0..65_536).for_each(|_| sums.add(&row));
        let first = i128::from(i64::from_be_bytes(*row.row.first_chunk().expect("32 bytes")));
        assert_eq!(sums.total.words[0], first * 65_536);
        assert_ne!(sums.total.words[0], 0);
        assert_eq!(sums.buckets.len(), 1);
        let number = u32::from(row.key[0]) << 4 | u32::from(row.key[1] >> 4);
        assert_eq!(sums.buckets.keys().copied().collect::<Vec<_>>(), [number]);
        assert!(Within::new(3, HashSet::from([number]))
            .expect("three digits")
            .holds(&row.key));
        assert!(!Within::new(3, HashSet::from([number ^ 1]))
            .expect("three digits")
            .holds(&row.key));
    }

    #[test]
    fn digits_and_salts_are_bounded() {
        assert!(BucketSums::new(7).is_err());
        assert!(Within::new(7, HashSet::new()).is_err());
        let profile = Profile::from_json(KEYED).expect("a profile");
        for beside in [&[2][..], &[0, 1], &[1, 0]] {
            assert!(RowDigester::new(&profile, Side::Source, SALT, beside).is_err());
        }
        for salt in ["", "zz", &SALT.replace('0', "g")] {
            assert!(RowDigester::new(&profile, Side::Source, salt, &[]).is_err());
        }
    }
}
