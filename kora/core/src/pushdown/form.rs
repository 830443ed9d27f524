//! The push-down form of one value: what a server's own SQL can render exactly, byte for byte the same as this does.
//!
//! A value is one letter for its kind, the decimal length of its text in bytes, a colon, and the text; NULL is `N`.
//! The letter and the length make a row of them injective: no text can pass for the end of a value. Two values have
//! one form exactly when they have one canonical form (KCF-1), within the kinds that have a form at all.
//! `docs/formats/pushdown.md` is the specification.

use std::fmt::Write;

use super::structured;
use crate::canon::write_text;
use crate::cell::{Cell, Temporal};
use crate::error::Result;

/// Appends the form of a value; `depth` says in how many structures it stands, `scratch` is room for its text.
///
/// # Errors
/// As [`structured::put_text`], of which other values know nothing.
pub fn put_form(cell: &Cell<'_>, depth: usize, scratch: &mut String, out: &mut Vec<u8>) -> Result<()> {
    let Some(letter) = letter(cell) else {
        out.push(b'N');
        return Ok(());
    };
    scratch.clear();
    let inside: Vec<u8>;
    let text: &[u8] = match *cell {
        Cell::Text(text) | Cell::Json(text) | Cell::Enum(text) => text.as_bytes(),
        Cell::Structured { structure, body } => {
            let mut parts = Vec::with_capacity(body.len());
            structured::put_text(structure, body, depth, &mut parts)?;
            inside = parts;
            &inside
        }
        _ => {
            write_form(cell, scratch);
            scratch.as_bytes()
        }
    };
    out.push(letter);
    put_length(text.len(), out);
    out.push(b':');
    out.extend_from_slice(text);
    Ok(())
}

/// The kind's letter; `None` for NULL.
const fn letter(cell: &Cell<'_>) -> Option<u8> {
    Some(match cell {
        Cell::Null => return None,
        Cell::Int(_) | Cell::Decimal { .. } | Cell::BigDecimal(_) | Cell::DecimalNan | Cell::DecimalInfinity { .. } => {
            b'n'
        }
        Cell::Bool(_) => b'b',
        Cell::Float(_) => b'f',
        Cell::Text(_) => b't',
        Cell::BrokenText { .. } => b'q',
        Cell::Bytes(_) => b'x',
        Cell::Uuid(_) => b'u',
        Cell::Bit { .. } => b'a',
        Cell::Date(_)
        | Cell::TemporalInfinity {
            kind: Temporal::Date, ..
        } => b'd',
        Cell::Time(_) => b'c',
        Cell::TimeTz { .. } => b'k',
        Cell::Timestamp(_)
        | Cell::TemporalInfinity {
            kind: Temporal::Timestamp,
            ..
        } => b's',
        Cell::Instant(_)
        | Cell::TemporalInfinity {
            kind: Temporal::Instant,
            ..
        } => b'i',
        Cell::ImpossibleDate { .. } | Cell::ImpossibleTimestamp { .. } => b'z',
        Cell::Interval { .. }
        | Cell::TemporalInfinity {
            kind: Temporal::Interval,
            ..
        } => b'v',
        Cell::Json(_) => b'j',
        Cell::Enum(_) => b'e',
        Cell::Structured { .. } => b'S',
        Cell::Network { .. } => b'A',
        Cell::Geometry { .. } => b'G',
        Cell::Money(_) => b'M',
    })
}

fn write_form(cell: &Cell<'_>, out: &mut String) {
    // Writing to a string does not fail.
    match *cell {
        Cell::Bool(value) => out.push(if value { '1' } else { '0' }),
        Cell::Float(value) if value.is_nan() => out.push_str("NaN"),
        Cell::Float(value) => {
            let _ = write!(out, "{:016x}", value.to_bits());
        }
        Cell::BrokenText { charset, .. } => {
            out.push_str(charset);
            out.push(':');
            write_text(cell, out);
        }
        Cell::Interval { months, days, micros } => {
            let _ = write!(out, "{micros:016x}{days:08x}{months:08x}");
        }
        Cell::Network { prefix, address, .. } => {
            let _ = write!(out, "{}:{prefix}:", cell.kind());
            put_hex(address, out);
        }
        Cell::Geometry { srid, wkb } => {
            put_hex(&srid.to_le_bytes(), out);
            put_hex(wkb, out);
        }
        Cell::Money(units) => {
            let _ = write!(out, "{units:016x}");
        }
        _ => {
            write_text(cell, out);
        }
    }
}

fn put_hex(bytes: &[u8], out: &mut String) {
    for byte in bytes {
        let _ = write!(out, "{byte:02x}");
    }
}

fn put_length(length: usize, out: &mut Vec<u8>) {
    if length < 10 {
        out.push(b'0' + length as u8);
    } else {
        out.extend_from_slice(length.to_string().as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::{Network, Ticks};

    fn form(cell: Cell<'_>) -> String {
        let mut out = Vec::new();
        put_form(&cell, 0, &mut String::new(), &mut out).expect("no structure");
        String::from_utf8(out).expect("ASCII and texts")
    }

    fn decimal(negative: bool, coefficient: u128, scale: u32) -> Cell<'static> {
        Cell::Decimal {
            negative,
            coefficient,
            scale,
        }
    }

    #[test]
    fn one_number_has_one_form_whatever_it_is_stored_as() {
        for cell in [Cell::Int(10), decimal(false, 1000, 2), Cell::BigDecimal("10.000")] {
            assert_eq!(form(cell), "n2:10");
        }
        assert_eq!(form(decimal(true, 150, 2)), "n4:-1.5");
        assert_eq!(form(decimal(true, 0, 2)), "n1:0");
        assert_eq!(form(Cell::DecimalInfinity { negative: true }), "n9:-Infinity");
    }

    #[test]
    fn null_and_every_word_for_it_are_apart() {
        let forms = [
            Cell::Null,
            Cell::Text(""),
            Cell::Text("N"),
            Cell::Text("NULL"),
            Cell::Bytes(b""),
        ]
        .map(form);
        assert_eq!(forms, ["N", "t0:", "t1:N", "t4:NULL", "x0:"]);
    }

    #[test]
    fn lengths_are_of_bytes() {
        assert_eq!(form(Cell::Text("漢字")), "t6:漢字");
        assert_eq!(form(Cell::Json("{\"a\": \"é\"}")), "j11:{\"a\": \"é\"}");
    }

    #[test]
    fn floats_are_their_bits_and_nan_is_one() {
        assert_eq!(form(Cell::Float(-0.0)), "f16:8000000000000000");
        assert_eq!(form(Cell::Float(f64::from_bits(0x7ff8_0000_0000_0001))), "f3:NaN");
    }

    #[test]
    fn addresses_geometries_and_money_are_their_bytes() {
        let address = Cell::Network {
            kind: Network::Cidr,
            prefix: 8,
            address: &[10, 0, 0, 0],
        };
        assert_eq!(form(address), "A15:cidr:8:0a000000");
        let geometry = Cell::Geometry {
            srid: 4326,
            wkb: &[1, 2],
        };
        assert_eq!(form(geometry), "G12:e61000000102");
        assert_eq!(form(Cell::Money(-1)), "M16:ffffffffffffffff");
    }

    #[test]
    fn moments_are_spelled_as_postgresql_spells_them() {
        assert_eq!(form(Cell::Date(-719_528)), "d13:0001-01-01 BC");
        assert_eq!(
            form(Cell::Instant(Ticks::from_micros(500_000))),
            "i24:1970-01-01 00:00:00.5+00"
        );
        let interval = Cell::Interval {
            months: -1,
            days: 2,
            micros: -3,
        };
        assert_eq!(form(interval), "v32:fffffffffffffffd00000002ffffffff");
        let never = Cell::ImpossibleDate {
            year: 0,
            month: 0,
            day: 0,
        };
        assert_eq!(form(never), "z10:0000-00-00");
    }
}
