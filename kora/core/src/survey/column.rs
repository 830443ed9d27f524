//! One column's survey: each value goes to the part that knows its kind.
use super::candidates::Candidates;
use super::distinct::Distinct;
use super::numbers::{Floats, Numbers};
use super::text::Texts;
use crate::cell::{Cell, Ticks};
use crate::temporal;
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;

/// What a column holds.
#[derive(Default, Serialize)]
pub struct ColumnSurvey {
    rows: u64,
    nulls: u64,
    #[serde(serialize_with = "by_name")]
    kinds: Vec<(&'static str, u64)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    numbers: Option<Numbers>,
    #[serde(skip_serializing_if = "Option::is_none")]
    floats: Option<Floats>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<Texts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<Lengths>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    moments: BTreeMap<&'static str, Moments>,
    #[serde(skip_serializing_if = "is_zero")]
    impossible_dates: u64,
    #[serde(skip_serializing_if = "is_zero")]
    zero_dates: u64,
    candidates: Candidates,
    distinct: Distinct,
}

/// Lengths in bytes.
#[derive(Serialize)]
struct Lengths {
    min_bytes: usize,
    max_bytes: usize,
}

/// The ends of a range of one temporal kind.
#[derive(Default, Serialize)]
struct Moments {
    #[serde(skip)]
    ends: Option<(Ticks, Ticks)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    min: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max: Option<String>,
    infinite: u64,
    /// Dates and moments before year 1 or after year 9999, times outside a day: ISO 8601 has no plain spelling for them.
    #[serde(skip_serializing_if = "is_zero")]
    outside: u64,
    /// The most fraction digits of a second, 0 to 9.
    fraction_digits: u32,
}

pub(super) fn is_zero(count: &u64) -> bool {
    *count == 0
}

fn by_name<S: Serializer>(kinds: &[(&'static str, u64)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(kinds.iter().copied().collect::<BTreeMap<_, _>>())
}

impl ColumnSurvey {
    /// Looks at one value.
    pub fn observe(&mut self, cell: &Cell<'_>) {
        self.rows += 1;
        if *cell == Cell::Null {
            self.nulls += 1;
            return;
        }
        self.count_kind(cell.kind());
        self.distinct.observe(cell);
        match cell {
            Cell::Int(_)
            | Cell::Decimal { .. }
            | Cell::BigDecimal(_)
            | Cell::DecimalNan
            | Cell::DecimalInfinity { .. } => self.numbers.get_or_insert_default().observe(cell),
            Cell::Float(value) => {
                let obeyed = self.floats.get_or_insert_default().observe(*value);
                self.candidates.observe_float(cell, obeyed);
            }
            Cell::Text(text) | Cell::Json(text) | Cell::Enum(text) => self.text.get_or_insert_default().observe(text),
            Cell::Bytes(bytes) | Cell::BrokenText { bytes, .. } => self.lengths(bytes.len()),
            _ => self.temporal(cell),
        }
        self.candidates.observe(cell);
    }

    /// A column has one or two kinds: a list is searched faster than a map.
    fn count_kind(&mut self, kind: &'static str) {
        match self.kinds.iter_mut().find(|(name, _)| *name == kind) {
            Some((_, count)) => *count += 1,
            None => self.kinds.push((kind, 1)),
        }
    }

    fn lengths(&mut self, bytes: usize) {
        let lengths = self.bytes.get_or_insert(Lengths {
            min_bytes: bytes,
            max_bytes: bytes,
        });
        lengths.min_bytes = lengths.min_bytes.min(bytes);
        lengths.max_bytes = lengths.max_bytes.max(bytes);
    }

    fn temporal(&mut self, cell: &Cell<'_>) {
        let ticks = match *cell {
            Cell::Date(days) => Ticks { micros: days, nanos: 0 },
            Cell::Time(ticks) | Cell::Timestamp(ticks) | Cell::Instant(ticks) => ticks,
            Cell::TimeTz { local, .. } => local,
            Cell::TemporalInfinity { kind, .. } => {
                self.moments.entry(infinite_kind(kind)).or_default().infinite += 1;
                return;
            }
            Cell::ImpossibleDate { year, month, day } => {
                self.impossible_dates += 1;
                self.zero_dates += u64::from((year, month, day) == (0, 0, 0));
                return;
            }
            Cell::ImpossibleTimestamp {
                year,
                month,
                day,
                micros,
            } => {
                self.impossible_dates += 1;
                self.zero_dates += u64::from((year, month, day, micros) == (0, 0, 0, 0));
                return;
            }
            _ => return,
        };
        let moments = self.moments.entry(cell.kind()).or_default();
        if !matches!(cell, Cell::Date(_)) {
            moments.fraction_digits = moments.fraction_digits.max(fraction_digits(ticks));
        }
        moments.outside += u64::from(is_outside(cell, ticks));
        let (first, last) = moments.ends.unwrap_or((ticks, ticks));
        moments.ends = Some((first.min(ticks), last.max(ticks)));
    }

    /// Writes what only the end knows.
    pub fn finish(&mut self) {
        for (kind, moments) in &mut self.moments {
            if let Some((first, last)) = moments.ends {
                (moments.min, moments.max) = (Some(written(kind, first)), Some(written(kind, last)));
            }
        }
        if let Some(text) = &mut self.text {
            self.zero_dates += text.zero_dates();
        }
        self.candidates.finish();
    }
}

fn infinite_kind(kind: crate::cell::Temporal) -> &'static str {
    match kind {
        crate::cell::Temporal::Date => "date",
        crate::cell::Temporal::Timestamp => "timestamp",
        crate::cell::Temporal::Instant => "instant",
        crate::cell::Temporal::Interval => "interval",
    }
}

/// 0001-01-01 and 9999-12-31 in days since 1970-01-01.
const PLAIN_DAYS: std::ops::RangeInclusive<i64> = -719_162..=2_932_896;

fn is_outside(cell: &Cell<'_>, ticks: Ticks) -> bool {
    match cell {
        Cell::Date(days) => !PLAIN_DAYS.contains(days),
        Cell::Time(_) | Cell::TimeTz { .. } => !(0..temporal::DAY_MICROS).contains(&ticks.micros),
        _ => !PLAIN_DAYS.contains(&ticks.micros.div_euclid(temporal::DAY_MICROS)),
    }
}

fn fraction_digits(ticks: Ticks) -> u32 {
    let mut nanos = ticks.micros.rem_euclid(1_000_000) * 1000 + i64::from(ticks.nanos);
    if nanos == 0 {
        return 0;
    }
    let mut digits = 9;
    while nanos % 10 == 0 {
        nanos /= 10;
        digits -= 1;
    }
    digits
}

fn written(kind: &str, ticks: Ticks) -> String {
    let mut text = String::new();
    match kind {
        "date" => temporal::write_date(ticks.micros, &mut text),
        "time" | "timetz" => temporal::write_time(ticks, &mut text),
        "instant" => temporal::write_timestamp(ticks, "+00", &mut text),
        _ => temporal::write_timestamp(ticks, "", &mut text),
    }
    text
}
