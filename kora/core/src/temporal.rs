//! Proleptic Gregorian days and the ticks of a clock, and their text as PostgreSQL writes it.
//!
//! Days count from 1970-01-01, years are astronomical (0 is 1 BC). The conversions follow the era arithmetic of
//! Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms": 400 years are always 146,097 days.

use std::fmt::Write;

use crate::cell::{Temporal, Ticks};

/// Microseconds of a day.
pub const DAY_MICROS: i64 = 86_400_000_000;
const ERA_DAYS: i64 = 146_097;
/// Days from 0000-03-01 to 1970-01-01.
const EPOCH_SHIFT_DAYS: i64 = 719_468;

/// Year, month and day of a day count.
pub fn civil(days: i64) -> (i64, u8, u8) {
    // Taking the era off first keeps the shift from overflowing at either end.
    let shifted = days.rem_euclid(ERA_DAYS) + EPOCH_SHIFT_DAYS;
    let era = days.div_euclid(ERA_DAYS) + shifted.div_euclid(ERA_DAYS);
    let day_of_era = shifted.rem_euclid(ERA_DAYS);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    (era * 400 + year_of_era + i64::from(month <= 2), month as u8, day as u8)
}

/// The day count of a date; `None` where no calendar has it or the count leaves 64 bits.
pub fn days(year: i64, month: u8, day: u8) -> Option<i64> {
    if !(1..=12).contains(&month) || day == 0 || day > month_length(year, month) {
        return None;
    }
    let year = year.checked_sub(i64::from(month <= 2))?;
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let month = i64::from(month);
    let day_of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era.checked_mul(ERA_DAYS)?.checked_add(day_of_era - EPOCH_SHIFT_DAYS)
}

/// Days of a month, 28..=31; `month` is 1..=12.
pub const fn month_length(year: i64, month: u8) -> u8 {
    match month {
        2 if year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// A moment's day and the ticks since that midnight.
pub fn split(ticks: Ticks) -> (i64, Ticks) {
    let micros = ticks.micros.rem_euclid(DAY_MICROS);
    (
        ticks.micros.div_euclid(DAY_MICROS),
        Ticks {
            micros,
            nanos: ticks.nanos,
        },
    )
}

/// A moment from its day and the ticks since that midnight; `None` beyond 64 bits of microseconds.
pub fn join(days: i64, time: Ticks) -> Option<Ticks> {
    // In 128 bits, as the first midnight of the range lies below it.
    let micros = i128::from(days) * i128::from(DAY_MICROS) + i128::from(time.micros);
    Some(Ticks {
        micros: i64::try_from(micros).ok()?,
        nanos: time.nanos,
    })
}

// Writing into a `String` cannot fail, hence the results that are dropped below.

/// Appends `YYYY-MM-DD`, years of any length.
fn write_day(days: i64, out: &mut String) -> bool {
    let (year, month, day) = civil(days);
    let shown = if year > 0 { year } else { 1 - year };
    let _ = write!(out, "{shown:04}-{month:02}-{day:02}");
    year <= 0
}

/// Appends a date: `2024-02-29`, `0044-03-15 BC`.
pub fn write_date(days: i64, out: &mut String) {
    if write_day(days, out) {
        out.push_str(" BC");
    }
}

/// Appends a time or duration: `24:00:00`, `-838:59:59`, `00:00:00.000001`, fraction as short as it is exact.
pub fn write_time(ticks: Ticks, out: &mut String) {
    let nanos = i128::from(ticks.micros) * 1000 + i128::from(ticks.nanos);
    if nanos < 0 {
        out.push('-');
    }
    let magnitude = nanos.unsigned_abs();
    let (seconds, fraction) = (magnitude / 1_000_000_000, magnitude % 1_000_000_000);
    let _ = write!(
        out,
        "{:02}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    );
    if fraction != 0 {
        let digits = format!("{fraction:09}");
        out.push('.');
        out.push_str(digits.trim_end_matches('0'));
    }
}

/// Appends an offset from UTC: `+02`, `-03:30`, `+00:00:01`.
pub fn write_offset(offset_seconds: i32, out: &mut String) {
    let seconds = offset_seconds.unsigned_abs();
    let _ = write!(
        out,
        "{}{:02}",
        if offset_seconds < 0 { '-' } else { '+' },
        seconds / 3600
    );
    if seconds % 3600 != 0 {
        let _ = write!(out, ":{:02}", seconds / 60 % 60);
    }
    if seconds % 60 != 0 {
        let _ = write!(out, ":{:02}", seconds % 60);
    }
}

/// Appends a day and time, with `zone` behind it: `2024-02-29 12:00:00+00`, `0044-03-15 12:00:00 BC`.
pub fn write_timestamp(ticks: Ticks, zone: &str, out: &mut String) {
    let (days, time) = split(ticks);
    let before_christ = write_day(days, out);
    out.push(' ');
    write_time(time, out);
    out.push_str(zone);
    if before_christ {
        out.push_str(" BC");
    }
}

/// Appends an interval: `14 mons -3 days 04:05:06.789`.
pub fn write_interval(months: i32, days: i32, micros: i64, out: &mut String) {
    let _ = write!(out, "{months} mons {days} days ");
    write_time(Ticks::from_micros(micros), out);
}

/// Appends an interval in ISO 8601's form, months, days and clock apart: `P1Y2M-3DT4H5M6.789S`, `PT0S` for none.
pub fn write_iso_interval(months: i32, days: i32, micros: i64, out: &mut String) {
    out.push('P');
    let mut part = |value: i64, unit: char| {
        if value != 0 {
            let _ = write!(out, "{value}{unit}");
        }
    };
    part(i64::from(months / 12), 'Y');
    part(i64::from(months % 12), 'M');
    part(i64::from(days), 'D');
    if micros == 0 {
        if months == 0 && days == 0 {
            out.push_str("T0S");
        }
        return;
    }
    out.push('T');
    let mut part = |value: i64, unit: char| {
        if value != 0 {
            let _ = write!(out, "{value}{unit}");
        }
    };
    part(micros / 3_600_000_000, 'H');
    part(micros / 60_000_000 % 60, 'M');
    let rest = (micros % 60_000_000).unsigned_abs();
    if rest != 0 {
        let sign = if micros < 0 { "-" } else { "" };
        let _ = write!(out, "{sign}{}", rest / 1_000_000);
        if rest % 1_000_000 != 0 {
            let digits = format!("{:06}", rest % 1_000_000);
            let _ = write!(out, ".{}", digits.trim_end_matches('0'));
        }
        out.push('S');
    }
}

/// The byte that names the kind of an infinity in KCF-1.
pub const fn kind_byte(kind: Temporal) -> u8 {
    match kind {
        Temporal::Date => 0,
        Temporal::Timestamp => 1,
        Temporal::Instant => 2,
        Temporal::Interval => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_of_five_centuries_converts_there_and_back() {
        let (mut expected, start) = ((1599_i64, 12_u8, 31_u8), days(1600, 1, 1).unwrap());
        for day in start..days(2101, 1, 1).unwrap() {
            expected = match expected {
                (year, 12, 31) => (year + 1, 1, 1),
                (year, month, last) if last == month_length(year, month) => (year, month + 1, 1),
                (year, month, day) => (year, month, day + 1),
            };
            assert_eq!(civil(day), expected);
            assert_eq!(days(expected.0, expected.1, expected.2), Some(day));
        }
    }

    #[test]
    fn the_ends_of_the_range_convert_without_overflow() {
        for day in [i64::MIN, i64::MIN + 1, -719_529, -719_528, i64::MAX] {
            let (year, month, date) = civil(day);
            if let Some(back) = days(year, month, date) {
                assert_eq!(back, day);
            } else {
                assert!(day == i64::MIN || day == i64::MAX || day == i64::MIN + 1);
            }
        }
        for micros in [i64::MIN, -1, 0, i64::MAX] {
            let ticks = Ticks { micros, nanos: 7 };
            let (day, time) = split(ticks);
            assert_eq!(join(day, time), Some(ticks));
        }
    }

    #[test]
    fn impossible_dates_have_no_day_count() {
        for (year, month, day) in [
            (2023, 2, 29),
            (1900, 2, 29),
            (2020, 0, 1),
            (2020, 13, 1),
            (2020, 4, 31),
            (0, 1, 0),
        ] {
            assert_eq!(days(year, month, day), None, "{year}-{month}-{day}");
        }
        assert!(days(2000, 2, 29).is_some() && days(0, 2, 29).is_some());
    }

    fn shown(write: impl Fn(&mut String)) -> String {
        let mut text = String::new();
        write(&mut text);
        text
    }

    #[test]
    fn moments_are_written_as_postgresql_reads_them() {
        assert_eq!(shown(|out| write_date(days(-43, 3, 15).unwrap(), out)), "0044-03-15 BC");
        assert_eq!(
            shown(|out| write_date(days(294_276, 12, 31).unwrap(), out)),
            "294276-12-31"
        );
        assert_eq!(shown(|out| write_time(Ticks::from_micros(DAY_MICROS), out)), "24:00:00");
        assert_eq!(
            shown(|out| write_time(Ticks::from_micros(-3_020_399_000_000), out)),
            "-838:59:59"
        );
        assert_eq!(
            shown(|out| write_time(Ticks { micros: -1, nanos: 500 }, out)),
            "-00:00:00.0000005"
        );
        assert_eq!(
            shown(|out| write_timestamp(Ticks { micros: -1, nanos: 999 }, "+00", out)),
            "1969-12-31 23:59:59.999999999+00"
        );
        assert_eq!(shown(|out| write_offset(-12_600, out)), "-03:30");
        assert_eq!(
            shown(|out| write_interval(14, -3, 14_706_789_000, out)),
            "14 mons -3 days 04:05:06.789"
        );
    }
}
