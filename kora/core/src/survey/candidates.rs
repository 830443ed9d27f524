//! Representations tried on a column's values: how many obey each.
use super::numbers::Numbers;
use super::text::is_zero_date;
use crate::cell::Cell;
use crate::number::Digits;
use crate::program::Rule;
use crate::represent::{text_date_formats, Representation, Scratch};
use serde::ser::{Serialize, SerializeSeq, Serializer};

/// A candidate is dropped once it failed this often and more often than it was obeyed.
const PATIENCE: u64 = 16;
/// Longer text is tried for JSON alone.
const LONGEST_TEXT: usize = 128;
/// 2100-01-01 in seconds from the Unix epoch.
const LAST_PLAUSIBLE_SECOND: i128 = 4_102_444_800;
/// 1973-03-03 and 2100-01-01 as doubles. Smaller numbers with a fraction are prices and weights.
const FIRST_PLAUSIBLE_FRACTION: f64 = 1e8;
const LAST_PLAUSIBLE_FRACTION: f64 = 4_102_444_800.0;

const WORDS: &[&str] = &[
    "Y,N",
    "y,n",
    "T,F",
    "t,f",
    "J,N",
    "true,false",
    "True,False",
    "TRUE,FALSE",
    "yes,no",
    "Yes,No",
    "YES,NO",
    "on,off",
    "ON,OFF",
    "1,0",
];
const EPOCHS: &[(&str, i128)] = &[("s", 1), ("ms", 1_000), ("us", 1_000_000)];

/// The kind of stored value that a candidate reads.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reads {
    Text,
    Json,
    Integer,
    /// An integer between 1970 and 2100, at so many a second.
    Epoch(i128),
    Float,
    /// A double between 1973 and 2100 in seconds, or an integer beside such.
    Fraction,
    Bytes,
}

struct Candidate {
    rule: Rule,
    representation: Representation,
    reads: Reads,
    obeyed: u64,
    failed: u64,
    numbers: Option<Numbers>,
}

/// Those still in question, by the kinds that were seen.
#[derive(Default)]
pub struct Candidates {
    tried: Vec<Candidate>,
    begun: Vec<&'static str>,
    scratch: Scratch,
    /// Integers so far that would be seconds between 1970 and 2100: a first double may find them before it.
    plausible_seconds: u64,
}

impl Candidates {
    /// Tries a value, but for doubles, on every candidate that reads its kind. Empty texts and zero dates are tried on none: policies
    /// speak of them.
    pub fn observe(&mut self, cell: &Cell<'_>) {
        match cell {
            Cell::Text(text) if text.is_empty() || is_zero_date(text) => return,
            Cell::Text(_) | Cell::Int(_) | Cell::Bytes(_) => {}
            _ => return,
        }
        self.begin_once(cell);
        if let Cell::Int(value) = cell {
            self.plausible_seconds += u64::from((0..LAST_PLAUSIBLE_SECOND).contains(value));
        }
        let mut dropped = false;
        for candidate in self.tried.iter_mut().filter(|candidate| candidate.reads.takes(cell)) {
            candidate.try_on(cell, &mut self.scratch);
            dropped |= candidate.is_hopeless();
        }
        if dropped {
            self.tried.retain(|candidate| !candidate.is_hopeless());
        }
    }

    /// A double: what reading it as a decimal costs was paid already.
    pub fn observe_float(&mut self, cell: &Cell<'_>, obeyed: bool) {
        self.begin_once(cell);
        for candidate in self
            .tried
            .iter_mut()
            .filter(|candidate| candidate.reads == Reads::Float)
        {
            candidate.obeyed += u64::from(obeyed);
            candidate.failed += u64::from(!obeyed);
        }
        let mut dropped = !obeyed;
        for candidate in self
            .tried
            .iter_mut()
            .filter(|candidate| candidate.reads == Reads::Fraction)
        {
            candidate.try_on(cell, &mut self.scratch);
            dropped |= candidate.is_hopeless();
        }
        if dropped {
            self.tried.retain(|candidate| !candidate.is_hopeless());
        }
    }

    fn begin_once(&mut self, cell: &Cell<'_>) {
        if !self.begun.contains(&cell.kind()) {
            self.begun.push(cell.kind());
            self.begin(cell);
        }
    }

    /// Leaves out what no value obeyed.
    pub fn finish(&mut self) {
        self.tried.retain(|candidate| candidate.obeyed > 0);
    }

    fn begin(&mut self, first: &Cell<'_>) {
        match first {
            Cell::Text(text) => {
                text_date_formats()
                    .iter()
                    .for_each(|format| self.add("text_date", Some(format), Reads::Text));
                self.add("text_number", None, Reads::Text);
                if let Some(fraction) = Digits::parse(text)
                    .map(|digits| digits.fraction.len())
                    .filter(|n| *n > 0)
                {
                    self.add("text_number", Some(&fraction.to_string()), Reads::Text);
                }
                self.add("uuid_text", None, Reads::Text);
                self.add("uuid_text", Some("upper"), Reads::Text);
                WORDS
                    .iter()
                    .for_each(|words| self.add("bool_text", Some(words), Reads::Text));
                self.add("json_text", None, Reads::Json);
            }
            Cell::Int(_) => {
                self.add("bool01", None, Reads::Integer);
                EPOCHS
                    .iter()
                    .for_each(|(unit, ticks)| self.add("epoch", Some(unit), Reads::Epoch(*ticks)));
            }
            Cell::Float(_) => {
                self.add("real_decimal", None, Reads::Float);
                self.add("epoch", Some("s,fraction"), Reads::Fraction);
                if let Some(added) = self.tried.last_mut() {
                    added.obeyed = self.plausible_seconds;
                }
            }
            _ => self.add("uuid_text", Some("bytes"), Reads::Bytes),
        }
    }

    /// A rule that this build does not know is no candidate.
    fn add(&mut self, rule: &str, argument: Option<&str>, reads: Reads) {
        let rule = Rule {
            rule: rule.to_owned(),
            argument: argument.map(str::to_owned),
        };
        if let Ok(representation) = Representation::parse(&rule) {
            let numbers = (rule.rule == "text_number").then(Numbers::default);
            self.tried.push(Candidate {
                rule,
                representation,
                reads,
                obeyed: 0,
                failed: 0,
                numbers,
            });
        }
    }
}

impl Reads {
    fn takes(self, cell: &Cell<'_>) -> bool {
        match cell {
            Cell::Text(_) => matches!(self, Self::Text | Self::Json),
            Cell::Int(_) => matches!(self, Self::Integer | Self::Epoch(_) | Self::Fraction),
            Cell::Float(_) => self == Self::Float,
            _ => self == Self::Bytes,
        }
    }

    /// Cheap reasons why the value cannot be meant.
    fn rules_out(self, cell: &Cell<'_>) -> bool {
        match (self, cell) {
            (Self::Text, Cell::Text(text)) => text.len() > LONGEST_TEXT,
            (Self::Json, Cell::Text(text)) => !text.trim_ascii_start().starts_with(['{', '[']),
            (Self::Epoch(ticks), Cell::Int(value)) => !(0..LAST_PLAUSIBLE_SECOND * ticks).contains(value),
            (Self::Fraction, Cell::Int(value)) => !(0..LAST_PLAUSIBLE_SECOND).contains(value),
            (Self::Fraction, Cell::Float(value)) => {
                !(FIRST_PLAUSIBLE_FRACTION..LAST_PLAUSIBLE_FRACTION).contains(value)
            }
            _ => false,
        }
    }
}

impl Candidate {
    fn try_on(&mut self, cell: &Cell<'_>, scratch: &mut Scratch) {
        if self.reads.rules_out(cell) {
            self.failed += 1;
            return;
        }
        match self.representation.read(cell, scratch) {
            Some(read) => {
                self.obeyed += 1;
                if let Some(numbers) = &mut self.numbers {
                    numbers.observe(&read);
                }
            }
            None => self.failed += 1,
        }
    }

    fn is_hopeless(&self) -> bool {
        self.failed > PATIENCE && self.failed > self.obeyed
    }
}

impl Serialize for Candidates {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(serde::Serialize)]
        struct Line<'a> {
            #[serde(flatten)]
            rule: &'a Rule,
            obeyed: u64,
            failed: u64,
            #[serde(skip_serializing_if = "Option::is_none")]
            numbers: &'a Option<Numbers>,
        }
        let mut list = serializer.serialize_seq(Some(self.tried.len()))?;
        for candidate in &self.tried {
            let Candidate {
                rule,
                obeyed,
                failed,
                numbers,
                ..
            } = candidate;
            list.serialize_element(&Line {
                rule,
                obeyed: *obeyed,
                failed: *failed,
                numbers,
            })?;
        }
        list.end()
    }
}
