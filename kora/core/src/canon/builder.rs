//! Structured cells, put together part by part: what readers of nested types use.

use super::structure::{
    elements, is_complete, may_hold, range, tag_of, Dimension, Shape, MAX_STRUCTURE_BYTES, MAX_STRUCTURE_DEPTH,
};
use super::{encode_cell, tag, varint};
use crate::cell::{Cell, Structure};
use crate::error::{Error, Result};

/// Writes one structured cell at a time into memory of its own, which it keeps from value to value.
///
/// Open a structure with one of the `begin_…` methods, give its parts, close it with [`Self::end`]; a part is a value
/// ([`Self::push`]) or another structure between its own `begin_…` and `end`. Maps take key, value, key, value …;
/// structs a [`Self::field`] in front of each part; sets only [`Self::label`]s. Then [`Self::finish`] gives the cell.
///
/// ```
/// use kora_core::canon::{display, StructureBuilder};
/// use kora_core::cell::Cell;
///
/// let mut builder = StructureBuilder::default();
/// builder.begin_struct()?;
/// builder.field("name")?;
/// builder.push(&Cell::Text("Ada"))?;
/// builder.field("marks")?;
/// builder.begin_list()?;
/// builder.push(&Cell::Int(1))?;
/// builder.push(&Cell::Null)?;
/// builder.end()?;
/// builder.end()?;
/// let cell = builder.finish()?;
/// assert_eq!(display(&cell).1.as_deref(), Some(r#"{"name":"Ada","marks":[1,null]}"#));
/// # Ok::<(), kora_core::error::Error>(())
/// ```
///
/// Every method fails with `Limit` beyond [`MAX_STRUCTURE_DEPTH`] or [`MAX_STRUCTURE_BYTES`], and with `Usage` where
/// the parts do not make the structure. After an error, [`Self::clear`] makes the builder usable again.
#[derive(Clone, Debug, Default)]
pub struct StructureBuilder {
    bytes: Vec<u8>,
    open: Vec<Frame>,
    /// The finished cell: its structure and where its body begins.
    root: Option<(Structure, usize)>,
}

#[derive(Clone, Debug)]
struct Frame {
    structure: Structure,
    /// Where the body begins; its length stands in the one byte before, until it is known.
    body: usize,
    children: u64,
    /// A field was named and has no value yet.
    named: bool,
    shape: Shape<'static>,
}

impl StructureBuilder {
    /// Forgets what was begun and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.open.clear();
        self.root = None;
    }

    /// Begins a list.
    ///
    /// # Errors
    /// As the type says.
    pub fn begin_list(&mut self) -> Result<()> {
        self.begin(Structure::List, Shape::Plain)
    }

    /// Begins an array; one of no dimension, or of one that begins at 1, is a list. The last subscript runs fastest.
    ///
    /// # Errors
    /// As the type says.
    pub fn begin_array(&mut self, dimensions: &[Dimension]) -> Result<()> {
        if matches!(dimensions, [] | [Dimension { lower: 1, .. }]) {
            return self.begin_list();
        }
        if elements(dimensions).is_none() {
            return Err(misuse("dimensions that no array has"));
        }
        self.begin(Structure::Array, Shape::Dimensions(dimensions.to_vec()))?;
        varint::put(dimensions.len() as u64, &mut self.bytes);
        for dimension in dimensions {
            varint::put(u64::from(dimension.length), &mut self.bytes);
            varint::put(varint::zigzag(i64::from(dimension.lower)), &mut self.bytes);
        }
        Ok(())
    }

    /// Begins a range with the flags of [`range`]; the bounds that are not infinite follow, lower before upper.
    ///
    /// # Errors
    /// As the type says.
    pub fn begin_range(&mut self, flags: u8) -> Result<()> {
        let in_multirange = self
            .open
            .last()
            .is_some_and(|frame| frame.structure == Structure::Multirange);
        if !range::is_valid(flags) || in_multirange && flags == range::EMPTY {
            return Err(misuse("flags that no range has"));
        }
        self.begin(Structure::Range, Shape::Range(flags))?;
        self.bytes.push(flags);
        Ok(())
    }

    /// Begins a multirange, whose parts are ranges that are not empty.
    ///
    /// # Errors
    /// As the type says.
    pub fn begin_multirange(&mut self) -> Result<()> {
        self.begin(Structure::Multirange, Shape::Plain)
    }

    /// Begins a struct.
    ///
    /// # Errors
    /// As the type says.
    pub fn begin_struct(&mut self) -> Result<()> {
        self.begin(Structure::Struct, Shape::Plain)
    }

    /// Names the struct's next field.
    ///
    /// # Errors
    /// As the type says.
    pub fn field(&mut self, name: &str) -> Result<()> {
        match self.open.last_mut() {
            Some(frame) if frame.structure == Structure::Struct && !frame.named => frame.named = true,
            _ => return Err(misuse("a field's name outside of a struct")),
        }
        self.put_name(name)
    }

    /// Begins a map.
    ///
    /// # Errors
    /// As the type says.
    pub fn begin_map(&mut self) -> Result<()> {
        self.begin(Structure::Map, Shape::Plain)
    }

    /// Begins a union whose one part stands under this alternative.
    ///
    /// # Errors
    /// As the type says.
    pub fn begin_union(&mut self, alternative: &str) -> Result<()> {
        self.begin(Structure::Union, Shape::Alternative(""))?;
        self.put_name(alternative)
    }

    /// Begins a set.
    ///
    /// # Errors
    /// As the type says.
    pub fn begin_set(&mut self) -> Result<()> {
        self.begin(Structure::Set, Shape::Plain)
    }

    /// Adds a label to the set, in the order of its declaration.
    ///
    /// # Errors
    /// As the type says.
    pub fn label(&mut self, label: &str) -> Result<()> {
        match self.open.last_mut() {
            Some(frame) if frame.structure == Structure::Set => frame.children += 1,
            _ => return Err(misuse("a label outside of a set")),
        }
        self.put_name(label)
    }

    /// Adds a value. A structured cell that another builder finished may be one.
    ///
    /// # Errors
    /// As the type says.
    pub fn push(&mut self, cell: &Cell<'_>) -> Result<()> {
        let start = self.bytes.len();
        encode_cell(cell, &mut self.bytes)?;
        let found = self.bytes[start];
        if let Cell::Structured { structure, body } = cell {
            let room = MAX_STRUCTURE_DEPTH - self.open.len();
            if !super::decode::is_structure(*structure, body, room) {
                return Err(misuse("a structure that is not canonical, or is nested too deeply"));
            }
            let in_multirange = self
                .open
                .last()
                .is_some_and(|frame| frame.structure == Structure::Multirange);
            if in_multirange && body.first() == Some(&range::EMPTY) {
                return Err(misuse("an empty range within a multirange"));
            }
        }
        self.child(found)?;
        self.within_bounds()
    }

    /// Closes what was begun last.
    ///
    /// # Errors
    /// As the type says.
    pub fn end(&mut self) -> Result<()> {
        let frame = self.open.pop().ok_or_else(|| misuse("an end without a beginning"))?;
        if frame.named || !is_complete(&frame.shape, frame.structure, frame.children) {
            return Err(misuse("parts that do not make the structure whole"));
        }
        let body = self.put_length(frame.body)?;
        if self.open.is_empty() {
            self.root = Some((frame.structure, body));
        }
        Ok(())
    }

    /// The finished cell; it lives until the builder is used again.
    ///
    /// # Errors
    /// `Usage` where something is still open or nothing was built.
    pub fn finish(&self) -> Result<Cell<'_>> {
        let (structure, body) = self.root.ok_or_else(|| misuse("nothing that was begun and ended"))?;
        Ok(Cell::Structured {
            structure,
            body: &self.bytes[body..],
        })
    }

    fn begin(&mut self, structure: Structure, shape: Shape<'static>) -> Result<()> {
        if self.open.is_empty() {
            self.clear();
        } else {
            self.child(tag_of(structure))?;
        }
        if self.open.len() == MAX_STRUCTURE_DEPTH {
            return Err(Error::Limit(format!(
                "a value nested more than {MAX_STRUCTURE_DEPTH} structures deep"
            )));
        }
        self.bytes.extend_from_slice(&[tag_of(structure), 0]);
        self.open.push(Frame {
            structure,
            body: self.bytes.len(),
            children: 0,
            named: false,
            shape,
        });
        Ok(())
    }

    /// Counts one more part of the innermost structure.
    fn child(&mut self, found: u8) -> Result<()> {
        let frame = self
            .open
            .last_mut()
            .ok_or_else(|| misuse("a value outside of a structure"))?;
        let named = frame.structure != Structure::Struct || frame.named;
        if !named || !may_hold(frame.structure, frame.children, found) {
            return Err(misuse(if found == tag::NULL {
                "NULL for a bound or a key"
            } else {
                "a part that this structure cannot have here"
            }));
        }
        frame.children += 1;
        frame.named = false;
        Ok(())
    }

    fn put_name(&mut self, name: &str) -> Result<()> {
        varint::put(name.len() as u64, &mut self.bytes);
        self.bytes.extend_from_slice(name.as_bytes());
        self.within_bounds()
    }

    /// Writes the length in front of a body, which moves where one byte does not hold it; gives the body's new place.
    fn put_length(&mut self, body: usize) -> Result<usize> {
        self.within_bounds()?;
        let length = self.bytes.len() - body;
        let mut head = [0_u8; varint::MAX_VARINT_BYTES];
        let width = varint::put_at(length as u64, &mut head, 0);
        self.bytes[body - 1] = head[0];
        if width > 1 {
            self.bytes.splice(body..body, head[1..width].iter().copied());
        }
        Ok(body + width - 1)
    }

    fn within_bounds(&self) -> Result<()> {
        match self.bytes.len() <= MAX_STRUCTURE_BYTES {
            true => Ok(()),
            false => Err(Error::Limit(format!(
                "a structured value above {MAX_STRUCTURE_BYTES} bytes"
            ))),
        }
    }
}

#[cold]
fn misuse(what: &str) -> Error {
    Error::Usage(format!("a structured value cannot be built: {what}"))
}
