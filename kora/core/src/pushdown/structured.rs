//! Push-down forms of values made of values: the parts' own forms one after another, behind the structure's name and shape.

use std::io::Write;

use super::form::put_form;
use crate::canon::{Shape, StructureReader, MAX_STRUCTURE_DEPTH};
use crate::cell::Structure;
use crate::error::{Error, Result};

/// Appends the text of a structured value's form.
///
/// # Errors
/// `Malformed` for a body that no builder wrote, `Limit` for structures within each other beyond the format's depth.
pub fn put_text(structure: Structure, body: &[u8], depth: usize, out: &mut Vec<u8>) -> Result<()> {
    if depth > MAX_STRUCTURE_DEPTH {
        return Err(Error::Limit(format!(
            "more than {MAX_STRUCTURE_DEPTH} structures within each other"
        )));
    }
    let (shape, mut parts) = StructureReader::new(structure, body)?;
    out.extend_from_slice(structure.name().as_bytes());
    out.push(b':');
    put_shape(&shape, out);
    if structure == Structure::Set {
        return put_labels(&mut parts, out);
    }
    let mut digits = String::new();
    let mut scratch = String::new();
    while !parts.is_done() {
        if structure == Structure::Struct {
            if let Some(name) = parts.name()? {
                put_name(name, out);
            }
        }
        match parts.value(&mut digits)? {
            Some(cell) => put_form(&cell, depth + 1, &mut scratch, out)?,
            None => break,
        }
    }
    Ok(())
}

fn put_shape(shape: &Shape<'_>, out: &mut Vec<u8>) {
    // Writing to a vector does not fail.
    match shape {
        Shape::Plain => {}
        Shape::Dimensions(dimensions) => {
            for dimension in dimensions {
                let _ = write!(out, "{}@{},", dimension.length, dimension.lower);
            }
            out.push(b':');
        }
        Shape::Range(flags) => {
            let _ = write!(out, "{flags}:");
        }
        Shape::Alternative(name) => put_name(name, out),
    }
}

fn put_name(name: &str, out: &mut Vec<u8>) {
    let _ = write!(out, "{}:", name.len());
    out.extend_from_slice(name.as_bytes());
}

/// Labels with commas between them: no engine's label holds one.
fn put_labels(parts: &mut StructureReader<'_>, out: &mut Vec<u8>) -> Result<()> {
    let mut first = true;
    while let Some(label) = parts.name()? {
        if !first {
            out.push(b',');
        }
        first = false;
        out.extend_from_slice(label.as_bytes());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canon::{range, Dimension, StructureBuilder};
    use crate::cell::Cell;

    fn text(build: impl Fn(&mut StructureBuilder) -> Result<()>) -> String {
        let mut builder = StructureBuilder::default();
        build(&mut builder).expect("a structure");
        let cell = builder.finish().expect("a whole one");
        let mut out = Vec::new();
        put_form(&cell, 0, &mut String::new(), &mut out).expect("a form");
        String::from_utf8(out).expect("ASCII")
    }

    #[test]
    fn parts_stand_behind_the_shape() {
        let list = text(|builder| {
            builder.begin_list()?;
            builder.push(&Cell::Int(7))?;
            builder.push(&Cell::Null)?;
            builder.end()
        });
        assert_eq!(list, "S10:list:n1:7N");
        let array = text(|builder| {
            builder.begin_array(&[Dimension { length: 2, lower: 0 }])?;
            builder.push(&Cell::Text("a"))?;
            builder.push(&Cell::Text("b"))?;
            builder.end()
        });
        assert_eq!(array, "S19:array:2@0,:t1:at1:b");
        let bounds = text(|builder| {
            builder.begin_range(range::LOWER_INCLUSIVE | range::UPPER_INFINITE)?;
            builder.push(&Cell::Int(1))?;
            builder.end()
        });
        assert_eq!(bounds, "S13:range:18:n1:1");
        let record = text(|builder| {
            builder.begin_struct()?;
            builder.field("x")?;
            builder.push(&Cell::Bool(true))?;
            builder.end()
        });
        assert_eq!(record, "S14:struct:1:xb1:1");
        let labels = text(|builder| {
            builder.begin_set()?;
            builder.label("a")?;
            builder.label("ü")?;
            builder.end()
        });
        assert_eq!(labels, "S8:set:a,ü");
    }

    #[test]
    fn a_broken_body_is_refused() {
        assert!(put_text(Structure::Array, &[0xff], 0, &mut Vec::new()).is_err());
        assert!(put_text(Structure::List, &[], MAX_STRUCTURE_DEPTH + 1, &mut Vec::new()).is_err());
    }
}
