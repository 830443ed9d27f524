//! DuckDB's text of an interval, for those that its Arrow export would wrap.

/// Months, days and microseconds of `1 year 2 months -3 days 04:05:06.789`; `None` where the text is not DuckDB's.
pub fn parse(text: &str) -> Option<(i32, i32, i64)> {
    let (mut months, mut days, mut micros) = (0i64, 0i64, 0i64);
    let mut words = text.split_ascii_whitespace();
    while let Some(word) = words.next() {
        if word.contains(':') {
            micros = clock(word)?;
            words.next().is_none().then_some(())?;
            break;
        }
        let count: i64 = word.parse().ok()?;
        match words.next()? {
            "year" | "years" => months = months.checked_add(count.checked_mul(12)?)?,
            "month" | "months" => months = months.checked_add(count)?,
            "day" | "days" => days = count,
            _ => return None,
        }
    }
    Some((i32::try_from(months).ok()?, i32::try_from(days).ok()?, micros))
}

fn clock(word: &str) -> Option<i64> {
    let (sign, digits) = match word.strip_prefix('-') {
        Some(rest) => (-1i128, rest),
        None => (1, word),
    };
    let mut parts = digits.splitn(3, ':');
    let hours: i128 = parts.next()?.parse().ok()?;
    let minutes: i128 = parts.next()?.parse().ok()?;
    let (seconds, fraction) = parts.next()?.split_once('.').map_or_else(|| (digits.rsplit(':').next(), ""), |(s, f)| (Some(s), f));
    let seconds: i128 = seconds?.parse().ok()?;
    (fraction.len() <= 6).then_some(())?;
    let below: i128 = if fraction.is_empty() { 0 } else { format!("{fraction:0<6}").parse().ok()? };
    i64::try_from(sign * (((hours * 60 + minutes) * 60 + seconds) * 1_000_000 + below)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_s_parts_are_read_with_their_own_signs() {
        assert_eq!(parse("1 year 2 months -3 days -04:05:06.07"), Some((14, -3, -14_706_070_000)));
        assert_eq!(parse("00:00:00"), Some((0, 0, 0)));
        assert_eq!(parse("-1 month"), Some((-1, 0, 0)));
    }

    #[test]
    fn the_extremes_keep_their_last_microsecond() {
        assert_eq!(parse("2562047788:00:54.775807"), Some((0, 0, i64::MAX)));
        assert_eq!(parse("-2562047788:00:54.775808"), Some((0, 0, i64::MIN)));
        assert_eq!(parse("2562047788:00:54.775808"), None);
    }

    #[test]
    fn other_text_is_no_interval() {
        for text in ["1 week", "1", "01:02", "01:02:03.1234567", "01:02:03 1 day"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
