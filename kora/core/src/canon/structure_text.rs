//! The text of a structured value: JSON with exact numbers, without spaces. `structured_json` reads it back.

use super::structure::{range, Dimension, Shape, StructureReader};
use super::write_text;
use crate::cell::{Cell, Structure};
use crate::error::Result;
use crate::represent::write_leaf;

/// Appends the text of a structured cell; what is not canonical leaves a text that says so.
pub(crate) fn write_structure(structure: Structure, body: &[u8], out: &mut String) {
    let start = out.len();
    if write(structure, body, out).is_err() {
        out.truncate(start);
        out.push_str("\"malformed\"");
    }
}

fn write(structure: Structure, body: &[u8], out: &mut String) -> Result<()> {
    let (shape, mut parts) = StructureReader::new(structure, body)?;
    match (structure, &shape) {
        (_, Shape::Dimensions(dimensions)) => write_array(dimensions, &mut parts, out),
        (_, Shape::Range(flags)) => write_range(*flags, &mut parts, out),
        (_, Shape::Alternative(name)) => {
            out.push('{');
            write_string(name, out);
            out.push(':');
            write_next(&mut parts, out)?;
            out.push('}');
            Ok(())
        }
        (Structure::Struct, _) => write_fields(&mut parts, out),
        (Structure::Map, _) => write_entries(&mut parts, out),
        (Structure::Set, _) => write_labels(&mut parts, out),
        _ => write_elements(&mut parts, out),
    }
}

fn write_elements(parts: &mut StructureReader<'_>, out: &mut String) -> Result<()> {
    out.push('[');
    let mut first = true;
    while !parts.is_done() {
        separate(&mut first, out);
        write_next(parts, out)?;
    }
    out.push(']');
    Ok(())
}

/// `{"bounds":[[first,last],…],"elements":[…]}`, subscripts as they are.
fn write_array(dimensions: &[Dimension], parts: &mut StructureReader<'_>, out: &mut String) -> Result<()> {
    out.push_str("{\"bounds\":[");
    let mut first = true;
    for dimension in dimensions {
        separate(&mut first, out);
        let last = i64::from(dimension.lower) + i64::from(dimension.length) - 1;
        out.push_str(&format!("[{},{last}]", dimension.lower));
    }
    out.push_str("],\"elements\":");
    write_elements(parts, out)?;
    out.push('}');
    Ok(())
}

/// `{"empty":true}` or `{"lower":…,"upper":…,"bounds":"[)"}`; an infinite bound is `null`.
fn write_range(flags: u8, parts: &mut StructureReader<'_>, out: &mut String) -> Result<()> {
    if flags == range::EMPTY {
        out.push_str("{\"empty\":true}");
        return Ok(());
    }
    for (name, infinite) in [
        ("{\"lower\":", range::LOWER_INFINITE),
        (",\"upper\":", range::UPPER_INFINITE),
    ] {
        out.push_str(name);
        if flags & infinite == 0 {
            write_next(parts, out)?;
        } else {
            out.push_str("null");
        }
    }
    out.push_str(",\"bounds\":\"");
    out.push(if flags & range::LOWER_INCLUSIVE == 0 { '(' } else { '[' });
    out.push_str(if flags & range::UPPER_INCLUSIVE == 0 {
        ")\"}"
    } else {
        "]\"}"
    });
    Ok(())
}

fn write_fields(parts: &mut StructureReader<'_>, out: &mut String) -> Result<()> {
    out.push('{');
    let mut first = true;
    while let Some(name) = parts.name()? {
        separate(&mut first, out);
        write_string(name, out);
        out.push(':');
        write_next(parts, out)?;
    }
    out.push('}');
    Ok(())
}

fn write_labels(parts: &mut StructureReader<'_>, out: &mut String) -> Result<()> {
    out.push('[');
    let mut first = true;
    while let Some(label) = parts.name()? {
        separate(&mut first, out);
        write_string(label, out);
    }
    out.push(']');
    Ok(())
}

/// An object where every key is text, else a list of pairs. An empty map is `{}`.
fn write_entries(parts: &mut StructureReader<'_>, out: &mut String) -> Result<()> {
    let object = keys_are_text(parts.clone())?;
    let (open, middle, close) = if object { ("", ":", "") } else { ("[", ",", "]") };
    out.push(if object { '{' } else { '[' });
    let mut first = true;
    while !parts.is_done() {
        separate(&mut first, out);
        out.push_str(open);
        write_next(parts, out)?;
        out.push_str(middle);
        write_next(parts, out)?;
        out.push_str(close);
    }
    out.push(if object { '}' } else { ']' });
    Ok(())
}

fn keys_are_text(mut parts: StructureReader<'_>) -> Result<bool> {
    let mut digits = String::new();
    let mut key = true;
    while let Some(cell) = parts.value(&mut digits)? {
        if key && !matches!(cell, Cell::Text(_)) {
            return Ok(false);
        }
        key = !key;
    }
    Ok(true)
}

fn separate(first: &mut bool, out: &mut String) {
    if !std::mem::take(first) {
        out.push(',');
    }
}

fn write_next(parts: &mut StructureReader<'_>, out: &mut String) -> Result<()> {
    let mut digits = String::new();
    match parts.value(&mut digits)? {
        Some(cell) => write_value(&cell, out),
        None => out.push_str("null"),
    }
    Ok(())
}

/// Numbers, booleans, NULL and structures as JSON has them; everything else, and what is no finite number, as a string.
fn write_value(cell: &Cell<'_>, out: &mut String) {
    match cell {
        Cell::Null => out.push_str("null"),
        Cell::Bool(_) | Cell::Int(_) | Cell::Decimal { .. } | Cell::BigDecimal(_) | Cell::Structured { .. } => {
            write_text(cell, out);
        }
        Cell::Float(value) if value.is_finite() => {
            write_text(cell, out);
        }
        Cell::Text(text) | Cell::Enum(text) | Cell::Json(text) => write_string(text, out),
        _ => {
            let mut text = String::new();
            write_leaf(cell, &mut text);
            write_string(&text, out);
        }
    }
}

fn write_string(text: &str, out: &mut String) {
    out.push_str(&serde_json::Value::from(text).to_string());
}
