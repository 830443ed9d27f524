//! Rows of which a server digests what its SQL renders, while the other columns' values travel beside that digest.
//!
//! A row is then digested in two steps: `part`, the first 16 bytes of the digest of the rendered columns (letter `r`),
//! and the digest (letter `m`) of the part and the forms of the columns beside it. It is one digest of one row: which
//! columns go which way is the same for both sides of a comparison.

use ring::digest::Context;

use super::form::put_form;
use super::{finished, salted, Digests, LISTED_BYTES, MAX_BUCKET_DIGITS};
use crate::cell::Cell;
use crate::error::{Error, Result};
use crate::program::{ColumnTally, Profile, RowProgram, Side};

/// Digests rows of which a server sent the part's digest and the columns beside it.
pub struct BesideDigester {
    program: RowProgram,
    key_beside: bool,
    of_key: Context,
    of_row: Context,
    forms: Vec<u8>,
    bounds: Vec<usize>,
    scratch: String,
    part: [u8; LISTED_BYTES],
}

impl BesideDigester {
    /// `profile` holds the columns beside alone; its key is the whole key, or empty where the server digests that.
    ///
    /// # Errors
    /// `Usage` for a salt that is none, and as [`RowProgram::new`].
    pub fn new(profile: &Profile, side: Side, salt: &str) -> Result<Self> {
        Ok(Self {
            program: RowProgram::new(profile, side)?,
            key_beside: !profile.key.is_empty(),
            of_key: salted("k", salt)?,
            of_row: salted("m", salt)?,
            forms: Vec::new(),
            bounds: Vec::new(),
            scratch: String::new(),
            part: [0; LISTED_BYTES],
        })
    }

    /// The digests of one row: in front what the server digested, the part and as much of the key's digest as it sent;
    /// then the columns beside. A key that was sent in part has zeros behind.
    ///
    /// # Errors
    /// `Usage` for a row of another shape, `Limit` where the server could not put the row together.
    pub fn row(&mut self, cells: &[Cell<'_>]) -> Result<Digests> {
        let (sent, beside) = cells.split_first().ok_or_else(shapeless)?;
        let key = self.take_sent(sent)?;
        let (forms, bounds, scratch) = (&mut self.forms, &mut self.bounds, &mut self.scratch);
        forms.clear();
        bounds.clear();
        let positions = self.program.each_common(beside, |cell| {
            bounds.push(forms.len());
            put_form(cell, 0, scratch, forms)
        })?;
        bounds.push(forms.len());
        let mut of_key = self.of_key.clone();
        for place in positions {
            of_key.update(&forms[bounds[*place]..bounds[place + 1]]);
        }
        Ok(Digests {
            key: if self.key_beside { finished(of_key) } else { key },
            row: mixed(self.of_row.clone(), &self.part, [&forms[..]]),
        })
    }

    fn take_sent(&mut self, sent: &Cell<'_>) -> Result<[u8; 32]> {
        let Cell::Bytes(bytes) = *sent else {
            return Err(match sent {
                Cell::Null => Error::Limit("a row is longer than the server puts together".into()),
                _ => shapeless(),
            });
        };
        let (part, of_key) = bytes.split_first_chunk::<LISTED_BYTES>().ok_or_else(shapeless)?;
        let enough = self.key_beside || of_key.len() >= MAX_BUCKET_DIGITS.div_ceil(2) as usize;
        if !enough || of_key.len() > 32 {
            return Err(shapeless());
        }
        self.part = *part;
        let mut key = [0; 32];
        key[..of_key.len()].copy_from_slice(of_key);
        Ok(key)
    }

    /// The digest of the last row's rendered columns, as the server sent it.
    pub fn part(&self) -> &[u8; LISTED_BYTES] {
        &self.part
    }

    /// Bytes of the last row's forms.
    pub fn last_row_bytes(&self) -> usize {
        self.forms.len()
    }

    /// What the rules of the columns beside did so far.
    pub fn tallies(&self) -> Vec<ColumnTally> {
        self.program.tallies()
    }
}

/// A row's digest from that of its rendered columns and the forms of those beside.
pub(super) fn mixed<'a>(
    mut context: Context,
    part: &[u8; LISTED_BYTES],
    forms: impl IntoIterator<Item = &'a [u8]>,
) -> [u8; 32] {
    context.update(part);
    forms.into_iter().for_each(|form| context.update(form));
    finished(context)
}

#[cold]
fn shapeless() -> Error {
    Error::Usage("a row whose digest beside its columns is none".into())
}

#[cfg(test)]
mod tests {
    use super::super::RowDigester;
    use super::*;

    const SALT: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

    fn profile(columns: &[&str], key: &str) -> Profile {
        let listed: Vec<_> = columns
            .iter()
            .map(|name| format!(r#"{{"pair":"{name}","policies":[]}}"#))
            .collect();
        let text = format!(
            r#"{{"format":"kora-profile-1","pair":"t","key":[{key}],"unicode":"","columns":[{}]}}"#,
            listed.join(",")
        );
        Profile::from_json(&text).expect("a profile")
    }

    fn sent(letter: &str, forms: &str) -> [u8; 32] {
        let mut context = salted(letter, SALT).expect("a salt");
        context.update(forms.as_bytes());
        finished(context)
    }

    #[test]
    fn a_row_that_a_server_sent_in_parts_is_digested_as_a_whole_one_here() {
        let whole = [Cell::Int(7), Cell::Text("seven"), Cell::Float(0.5)];
        let mut here = RowDigester::new(&profile(&["id", "name", "x"], "0"), Side::Source, SALT, &[2]).expect("one");
        let mut there = BesideDigester::new(&profile(&["x"], ""), Side::Source, SALT).expect("another");
        let mut front = sent("r", "n1:7t5:seven")[..LISTED_BYTES].to_vec();
        front.extend_from_slice(&sent("k", "n1:7"));
        let expected = here.row(&whole).expect("a row");
        assert_eq!(
            there.row(&[Cell::Bytes(&front), Cell::Float(0.5)]).expect("a row"),
            expected
        );
        assert_ne!(
            there.row(&[Cell::Bytes(&front), Cell::Float(0.6)]).expect("a row").row,
            expected.row
        );
        front.truncate(LISTED_BYTES + 3);
        let short = there.row(&[Cell::Bytes(&front), Cell::Float(0.5)]).expect("a row");
        assert_eq!((&short.key[..3], short.row), (&expected.key[..3], expected.row));
    }

    #[test]
    fn a_key_beside_is_digested_here() {
        let whole = [Cell::Int(7), Cell::Text("seven")];
        let mut here = RowDigester::new(&profile(&["id", "name"], "0"), Side::Target, SALT, &[0]).expect("one");
        let mut there = BesideDigester::new(&profile(&["id"], "0"), Side::Target, SALT).expect("another");
        let front = sent("r", "t5:seven");
        let expected = here.row(&whole).expect("a row");
        let found = there
            .row(&[Cell::Bytes(&front[..LISTED_BYTES]), Cell::Int(7)])
            .expect("a row");
        assert_eq!(found, expected);
        assert_eq!(expected.key, sent("k", "n1:7"));
    }

    #[test]
    fn without_a_key_what_the_server_renders_stands_for_it() {
        let mut here = RowDigester::new(&profile(&["a", "b"], ""), Side::Source, SALT, &[1]).expect("one");
        let found = here.row(&[Cell::Int(1), Cell::Bool(true)]).expect("a row");
        assert_eq!(found.key, sent("k", "n1:1"));
        assert_ne!(found.row, sent("r", "n1:1"));
    }

    #[test]
    fn what_is_no_digest_is_refused() {
        let mut there = BesideDigester::new(&profile(&["x"], ""), Side::Source, SALT).expect("one");
        for front in [Cell::Bytes(&[0; 18]), Cell::Bytes(&[0; 64]), Cell::Int(1)] {
            assert!(matches!(there.row(&[front, Cell::Null]), Err(Error::Usage(_))));
        }
        assert!(matches!(there.row(&[Cell::Null, Cell::Null]), Err(Error::Limit(_))));
        assert!(there.row(&[]).is_err());
    }
}
