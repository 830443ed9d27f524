//! The bodies of structured values, read: lists, arrays, ranges, structs, maps, unions and sets within each other.
//!
//! A body is canonical bytes throughout: digesting a structured cell is a copy, and who needs its parts (a writer, a
//! printer) walks them with [`StructureReader`]. `docs/formats/kcf.md` has the layout of each.

use super::decode::take_borrowed;
use super::{tag, varint};
use crate::cell::{Cell, Structure};
use crate::error::{Error, Result};

/// Structures within each other, at most.
pub const MAX_STRUCTURE_DEPTH: usize = 32;
/// The longest structured value, in bytes: as much as the longest field of PostgreSQL.
pub const MAX_STRUCTURE_BYTES: usize = 1 << 30;
/// Most dimensions of an array; PostgreSQL has six.
const MAX_DIMENSIONS: u64 = 32;

/// Flags of a range, with the bits of PostgreSQL's own.
pub mod range {
    /// There is nothing in it. No other flag stands beside this one.
    pub const EMPTY: u8 = 0x01;
    /// The lower bound belongs to it.
    pub const LOWER_INCLUSIVE: u8 = 0x02;
    /// The upper bound belongs to it.
    pub const UPPER_INCLUSIVE: u8 = 0x04;
    /// There is no lower bound; it is not inclusive then.
    pub const LOWER_INFINITE: u8 = 0x08;
    /// There is no upper bound; it is not inclusive then.
    pub const UPPER_INFINITE: u8 = 0x10;

    /// Whether flags fit together.
    pub(crate) const fn is_valid(flags: u8) -> bool {
        flags == EMPTY || {
            let lower = flags & (LOWER_INCLUSIVE | LOWER_INFINITE) != LOWER_INCLUSIVE | LOWER_INFINITE;
            let upper = flags & (UPPER_INCLUSIVE | UPPER_INFINITE) != UPPER_INCLUSIVE | UPPER_INFINITE;
            flags & EMPTY == 0 && flags < 0x20 && lower && upper
        }
    }

    /// How many bounds have values.
    pub(crate) const fn bounds(flags: u8) -> u64 {
        if flags & EMPTY != 0 {
            return 0;
        }
        (flags & LOWER_INFINITE == 0) as u64 + (flags & UPPER_INFINITE == 0) as u64
    }
}

/// One dimension of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dimension {
    /// How many elements, at least one.
    pub length: u32,
    /// The first one's subscript.
    pub lower: i32,
}

/// What stands in front of a structure's parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape<'a> {
    /// Nothing: list, multirange, struct, map, set.
    Plain,
    /// An array's dimensions; its elements follow, the last subscript fastest.
    Dimensions(Vec<Dimension>),
    /// A range's flags, see [`range`]; its bounds follow, lower before upper.
    Range(u8),
    /// The name of a union's alternative; its value follows.
    Alternative(&'a str),
}

/// Walks the parts of a structured cell.
///
/// A list, array, range, multirange, map (keys and values in turn) and union give values by [`Self::value`]; a struct
/// gives a name by [`Self::name`] in front of each value; a set gives names alone.
#[derive(Clone, Debug)]
pub struct StructureReader<'a> {
    rest: &'a [u8],
}

impl<'a> StructureReader<'a> {
    /// The shape of a structured cell, and the reader of its parts.
    ///
    /// # Errors
    /// `Malformed` for a body that no builder wrote.
    pub fn new(structure: Structure, body: &'a [u8]) -> Result<(Shape<'a>, Self)> {
        let mut rest = body;
        let shape = shape(structure, &mut rest).ok_or_else(malformed)?;
        Ok((shape, Self { rest }))
    }

    /// The next name; `None` at the end.
    ///
    /// # Errors
    /// `Malformed` as for [`Self::new`].
    pub fn name(&mut self) -> Result<Option<&'a str>> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        take_name(&mut self.rest).map(Some).ok_or_else(malformed)
    }

    /// The next value; `None` at the end. `digits` is room for a number beyond 128 bits.
    ///
    /// # Errors
    /// `Malformed` as for [`Self::new`].
    pub fn value<'s>(&mut self, digits: &'s mut String) -> Result<Option<Cell<'s>>>
    where
        'a: 's,
    {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let (cell, taken) = take_borrowed(self.rest, digits).ok_or_else(malformed)?;
        self.rest = &self.rest[taken..];
        Ok(Some(cell))
    }

    /// Whether all parts have been given.
    pub fn is_done(&self) -> bool {
        self.rest.is_empty()
    }
}

#[cold]
fn malformed() -> Error {
    Error::Malformed {
        path: "KCF-1 structure".into(),
        reason: "its parts are not in canonical form".into(),
    }
}

/// The first byte of a structure's cell.
pub(super) const fn tag_of(structure: Structure) -> u8 {
    match structure {
        Structure::List => tag::LIST,
        Structure::Array => tag::ARRAY,
        Structure::Range => tag::RANGE,
        Structure::Multirange => tag::MULTIRANGE,
        Structure::Struct => tag::STRUCT,
        Structure::Map => tag::MAP,
        Structure::Union => tag::UNION,
        Structure::Set => tag::SET,
    }
}

/// The structure of a tag.
pub(super) const fn of_tag(found: u8) -> Option<Structure> {
    Some(match found {
        tag::LIST => Structure::List,
        tag::ARRAY => Structure::Array,
        tag::RANGE => Structure::Range,
        tag::MULTIRANGE => Structure::Multirange,
        tag::STRUCT => Structure::Struct,
        tag::MAP => Structure::Map,
        tag::UNION => Structure::Union,
        tag::SET => Structure::Set,
        _ => return None,
    })
}

fn take_name<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let length = usize::try_from(varint::take(rest)?).ok()?;
    let name = std::str::from_utf8(rest.get(..length)?).ok()?;
    *rest = &rest[length..];
    Some(name)
}

fn shape<'a>(structure: Structure, rest: &mut &'a [u8]) -> Option<Shape<'a>> {
    Some(match structure {
        Structure::Array => Shape::Dimensions(take_dimensions(rest)?),
        Structure::Range => {
            let (&flags, behind) = rest.split_first()?;
            *rest = behind;
            Shape::Range(flags)
        }
        Structure::Union => Shape::Alternative(take_name(rest)?),
        Structure::List | Structure::Multirange | Structure::Struct | Structure::Map | Structure::Set => Shape::Plain,
    })
}

fn take_dimensions(rest: &mut &[u8]) -> Option<Vec<Dimension>> {
    let count = varint::take(rest).filter(|count| (1..=MAX_DIMENSIONS).contains(count))?;
    let mut dimensions = Vec::with_capacity(count as usize);
    for _ in 0..count {
        dimensions.push(Dimension {
            length: varint::take(rest)?.try_into().ok()?,
            lower: varint::take_signed(rest)?.try_into().ok()?,
        });
    }
    Some(dimensions)
}

/// How many elements dimensions have; `None` for dimensions that an array cannot have, or that make it a list.
pub(super) fn elements(dimensions: &[Dimension]) -> Option<u64> {
    let list = matches!(dimensions, [] | [Dimension { lower: 1, .. }]);
    if list || dimensions.len() as u64 > MAX_DIMENSIONS {
        return None;
    }
    dimensions.iter().try_fold(1_u64, |product, dimension| {
        product
            .checked_mul(u64::from(dimension.length))
            .filter(|product| *product > 0)
    })
}

/// Whether a body is canonical down to its leaves. `take` reads one strict cell, at most so deep, and gives its tag and
/// length.
pub(super) fn is_canonical(structure: Structure, body: &[u8], take: impl Fn(&[u8]) -> Option<(u8, usize)>) -> bool {
    let mut rest = body;
    let Some(shape) = shape(structure, &mut rest) else {
        return false;
    };
    let named = matches!(structure, Structure::Struct | Structure::Set);
    let mut children = 0_u64;
    while !rest.is_empty() {
        if named && take_name(&mut rest).is_none() {
            return false;
        }
        if structure != Structure::Set {
            let Some((tag, taken)) = take(rest) else {
                return false;
            };
            if !may_hold(structure, children, tag)
                || rest[..taken] == [tag::RANGE, 1, range::EMPTY] && structure == Structure::Multirange
            {
                return false;
            }
            rest = &rest[taken..];
        }
        children += 1;
    }
    is_complete(&shape, structure, children)
}

/// Whether a structure may have a value of this tag at this place.
pub(super) const fn may_hold(structure: Structure, position: u64, found: u8) -> bool {
    match structure {
        Structure::Range => found != tag::NULL,
        Structure::Map => position % 2 == 1 || found != tag::NULL,
        Structure::Multirange => found == tag::RANGE,
        Structure::Set => false,
        Structure::List | Structure::Array | Structure::Struct | Structure::Union => true,
    }
}

/// Whether so many parts make the structure whole.
pub(super) fn is_complete(shape: &Shape<'_>, structure: Structure, children: u64) -> bool {
    match shape {
        Shape::Dimensions(dimensions) => elements(dimensions) == Some(children),
        Shape::Range(flags) => range::is_valid(*flags) && range::bounds(*flags) == children,
        Shape::Alternative(_) => children == 1,
        Shape::Plain => structure != Structure::Map || children % 2 == 0,
    }
}
