//! Columns of lists, structs, maps and unions being built, so that a refused row is cut off again.
use super::column::{field, internal, Buffers};
use super::fit::{append, wrong_kind_of};
use crate::canon::{Shape, StructureReader};
use crate::cell::{Cell, Structure};
use crate::error::Result;
use crate::readers::arrow::kinds::DuckKind;
use arrow_array::{ArrayRef, FixedSizeListArray, Int8Array, LargeListArray, MapArray, StructArray};
use arrow_buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType, Field, Fields};
use std::sync::Arc;

type Fit<T> = std::result::Result<T, String>;

/// Bytes that a structure costs beside its parts, about.
const STRUCTURE_BYTES: usize = 16;

/// A column of any type.
pub enum Store {
    /// Values without parts.
    Scalar(DuckKind, Buffers),
    /// Elements one after the other; each row ends where the next begins.
    List {
        kind: DuckKind,
        valid: Vec<bool>,
        ends: Vec<usize>,
        /// One for a list, key and value for a map.
        parts: Vec<Store>,
    },
    /// As many values as rows for each field, and for each alternative of a union.
    Fields {
        kind: DuckKind,
        valid: Vec<bool>,
        alternatives: Vec<i8>,
        parts: Vec<Store>,
    },
}

impl Store {
    /// An empty column.
    pub fn new(kind: &DuckKind) -> Self {
        let list = |parts: Vec<Store>| Self::List {
            kind: kind.clone(),
            valid: Vec::new(),
            ends: vec![0],
            parts,
        };
        match kind {
            DuckKind::Scalar(scalar) => Self::Scalar(kind.clone(), Buffers::new(*scalar)),
            DuckKind::List(element) | DuckKind::Array(element, _) => list(vec![Self::new(element)]),
            DuckKind::Map(pair) => list(vec![Self::new(&pair.0), Self::new(&pair.1)]),
            DuckKind::Struct(fields) | DuckKind::Union(fields) => Self::Fields {
                kind: kind.clone(),
                valid: Vec::new(),
                alternatives: Vec::new(),
                parts: fields.iter().map(|(_, kind)| Self::new(kind)).collect(),
            },
        }
    }

    /// Appends a value and gives the bytes added. After a refusal parts of it may be left: [`Self::truncate`].
    pub fn append(&mut self, cell: &Cell<'_>) -> Fit<usize> {
        match (self, cell) {
            (Self::Scalar(DuckKind::Scalar(kind), buffers), cell) => append(*kind, cell, buffers),
            (store, Cell::Null) => {
                store.null();
                Ok(STRUCTURE_BYTES)
            }
            (store, Cell::Structured { structure, body }) => store.structure(*structure, body, cell),
            (store, cell) => Err(wrong_kind_of(cell, &store.kind())),
        }
    }

    fn kind(&self) -> String {
        let (Self::Scalar(kind, _) | Self::List { kind, .. } | Self::Fields { kind, .. }) = self;
        match kind {
            DuckKind::Scalar(_) => "a value without parts".to_owned(),
            DuckKind::List(_) => "lists".to_owned(),
            DuckKind::Array(_, length) => format!("arrays of {length}"),
            DuckKind::Struct(_) => "structs".to_owned(),
            DuckKind::Map(_) => "maps".to_owned(),
            DuckKind::Union(_) => "unions".to_owned(),
        }
    }

    fn null(&mut self) {
        match self {
            Self::Scalar(_, buffers) => {
                buffers.null();
            }
            Self::List {
                kind,
                valid,
                ends,
                parts,
            } => {
                valid.push(false);
                let padding = if let DuckKind::Array(_, length) = kind {
                    *length
                } else {
                    0
                };
                parts.iter_mut().for_each(|part| (0..padding).for_each(|_| part.null()));
                ends.push(ends.last().copied().unwrap_or(0) + padding);
            }
            Self::Fields {
                valid,
                alternatives,
                parts,
                ..
            } => {
                valid.push(false);
                alternatives.push(0);
                parts.iter_mut().for_each(Self::null);
            }
        }
    }

    fn structure(&mut self, structure: Structure, body: &[u8], cell: &Cell<'_>) -> Fit<usize> {
        let broken = |error: crate::error::Error| error.to_string();
        let wrong = wrong_kind_of(cell, &self.kind());
        let (shape, mut reader) = StructureReader::new(structure, body).map_err(broken)?;
        let mut digits = String::new();
        match (self, structure) {
            (
                Self::List {
                    kind,
                    valid,
                    ends,
                    parts,
                },
                Structure::List | Structure::Map,
            ) if (structure == Structure::Map) == matches!(kind, DuckKind::Map(_)) => {
                let mut values = 0;
                while let Some(value) = reader.value(&mut digits).map_err(broken)? {
                    let turn = values % parts.len();
                    parts[turn].append(&value)?;
                    values += 1;
                }
                let rows = values / parts.len();
                if let DuckKind::Array(_, length) = kind {
                    (rows == *length).then_some(()).ok_or(wrong)?;
                }
                valid.push(true);
                ends.push(ends.last().copied().unwrap_or(0) + rows);
            }
            (
                Self::Fields {
                    kind: DuckKind::Struct(fields),
                    valid,
                    alternatives,
                    parts,
                },
                Structure::Struct,
            ) => {
                for ((name, _), part) in fields.iter().zip(parts) {
                    let found = reader.name().map_err(broken)?;
                    (found == Some(name.as_str()))
                        .then_some(())
                        .ok_or_else(|| format!("a struct without {name}"))?;
                    let value = reader.value(&mut digits).map_err(broken)?;
                    part.append(&value.unwrap_or(Cell::Null))?;
                }
                reader
                    .is_done()
                    .then_some(())
                    .ok_or("a struct with more fields than the column's")?;
                valid.push(true);
                alternatives.push(0);
            }
            (
                Self::Fields {
                    kind: DuckKind::Union(fields),
                    valid,
                    alternatives,
                    parts,
                },
                Structure::Union,
            ) => {
                let Shape::Alternative(name) = shape else {
                    return Err(wrong);
                };
                let place = fields.iter().position(|(own, _)| own == name);
                let place = place.ok_or_else(|| format!("no alternative {name} in the column's union"))?;
                let value = reader.value(&mut digits).map_err(broken)?.unwrap_or(Cell::Null);
                for (index, part) in parts.iter_mut().enumerate() {
                    if index == place {
                        part.append(&value)?;
                    } else {
                        part.null();
                    }
                }
                valid.push(true);
                alternatives.push(i8::try_from(place).map_err(|_| "a union of more than 127 alternatives")?);
            }
            _ => return Err(wrong),
        }
        Ok(body.len() + STRUCTURE_BYTES)
    }

    /// Keeps the first `rows` rows.
    pub fn truncate(&mut self, rows: usize) {
        match self {
            Self::Scalar(_, buffers) => buffers.truncate(rows),
            Self::List { valid, ends, parts, .. } => {
                valid.truncate(rows);
                ends.truncate(rows + 1);
                let values = ends.last().copied().unwrap_or(0);
                parts.iter_mut().for_each(|part| part.truncate(values));
            }
            Self::Fields {
                valid,
                alternatives,
                parts,
                ..
            } => {
                valid.truncate(rows);
                alternatives.truncate(rows);
                parts.iter_mut().for_each(|part| part.truncate(rows));
            }
        }
    }

    /// The finished array of `rows` rows.
    pub fn into_array(self, rows: usize) -> Result<ArrayRef> {
        Ok(match self {
            Self::Scalar(DuckKind::Scalar(kind), buffers) => buffers.into_array(kind, rows)?,
            Self::List {
                kind,
                valid,
                ends,
                parts,
            } => {
                let values = ends.last().copied().unwrap_or(0);
                let arrays = parts
                    .into_iter()
                    .map(|part| part.into_array(values))
                    .collect::<Result<Vec<_>>>()?;
                list_array(&kind, nulls(valid), &ends, arrays)?
            }
            Self::Fields {
                kind,
                valid,
                alternatives,
                parts,
            } => {
                let arrays = parts
                    .into_iter()
                    .map(|part| part.into_array(rows))
                    .collect::<Result<Vec<_>>>()?;
                match data_type(&kind) {
                    DataType::Struct(fields) if matches!(kind, DuckKind::Union(_)) => {
                        let DataType::Struct(members) = fields[1].data_type().clone() else {
                            return Err(internal(arrow_schema::ArrowError::SchemaError("no members".to_owned())));
                        };
                        let tags = Int8Array::new(ScalarBuffer::from(alternatives), nulls(valid));
                        let members = StructArray::try_new(members, arrays, None).map_err(internal)?;
                        let both: Vec<ArrayRef> = vec![Arc::new(tags), Arc::new(members)];
                        Arc::new(StructArray::try_new(fields, both, None).map_err(internal)?)
                    }
                    DataType::Struct(fields) => {
                        Arc::new(StructArray::try_new(fields, arrays, nulls(valid)).map_err(internal)?)
                    }
                    other => return Err(internal(arrow_schema::ArrowError::SchemaError(other.to_string()))),
                }
            }
            Self::Scalar(..) => return Err(internal(arrow_schema::ArrowError::SchemaError("nested".to_owned()))),
        })
    }
}

fn nulls(valid: Vec<bool>) -> Option<NullBuffer> {
    let nulls = NullBuffer::from(valid);
    (nulls.null_count() > 0).then_some(nulls)
}

fn list_array(
    kind: &DuckKind,
    nulls: Option<NullBuffer>,
    ends: &[usize],
    mut parts: Vec<ArrayRef>,
) -> Result<ArrayRef> {
    let too_many = |_| internal(arrow_schema::ArrowError::OffsetOverflowError(ends.len()));
    Ok(match (kind, data_type(kind)) {
        (DuckKind::Map(_), DataType::Map(entries, sorted)) => {
            let ends = ends
                .iter()
                .map(|end| i32::try_from(*end))
                .collect::<std::result::Result<Vec<_>, _>>();
            let offsets = OffsetBuffer::new(ScalarBuffer::from(ends.map_err(too_many)?));
            let DataType::Struct(fields) = entries.data_type().clone() else {
                return Err(internal(arrow_schema::ArrowError::SchemaError("no entries".to_owned())));
            };
            let pairs = StructArray::try_new(fields, parts, None).map_err(internal)?;
            Arc::new(MapArray::try_new(entries, offsets, pairs, nulls, sorted).map_err(internal)?)
        }
        (_, DataType::FixedSizeList(element, size)) => {
            Arc::new(FixedSizeListArray::try_new(element, size, parts.remove(0), nulls).map_err(internal)?)
        }
        (_, DataType::LargeList(element)) => {
            let ends = ends
                .iter()
                .map(|end| i64::try_from(*end))
                .collect::<std::result::Result<Vec<_>, _>>();
            let offsets = OffsetBuffer::new(ScalarBuffer::from(ends.map_err(too_many)?));
            Arc::new(LargeListArray::try_new(element, offsets, parts.remove(0), nulls).map_err(internal)?)
        }
        (_, other) => return Err(internal(arrow_schema::ArrowError::SchemaError(other.to_string()))),
    })
}

/// The Arrow type of a nested type. A union travels as the place of its
/// alternative beside a struct of all: an Arrow union has no NULL, and DuckDB takes one around NULL for NULL.
fn data_type(kind: &DuckKind) -> DataType {
    let named = |fields: &[(String, DuckKind)]| -> Fields {
        fields
            .iter()
            .map(|(name, kind)| Arc::new(nested_field(name, kind)))
            .collect()
    };
    match kind {
        DuckKind::Scalar(scalar) => field("", *scalar).data_type().clone(),
        DuckKind::List(element) => DataType::LargeList(Arc::new(nested_field("item", element))),
        DuckKind::Array(element, size) => {
            // DuckDB's own limit is 100,000 elements.
            let size = i32::try_from(*size).unwrap_or(i32::MAX);
            DataType::FixedSizeList(Arc::new(nested_field("item", element)), size)
        }
        DuckKind::Struct(fields) => DataType::Struct(named(fields)),
        DuckKind::Map(pair) => {
            let key = nested_field("key", &pair.0).with_nullable(false);
            let entries = Fields::from(vec![key, nested_field("value", &pair.1)]);
            DataType::Map(Arc::new(Field::new("entries", DataType::Struct(entries), false)), false)
        }
        DuckKind::Union(fields) => DataType::Struct(Fields::from(vec![
            Field::new("tag", DataType::Int8, true),
            Field::new("value", DataType::Struct(named(fields)), true),
        ])),
    }
}

/// The field of a column of any type.
pub fn nested_field(name: &str, kind: &DuckKind) -> Field {
    match kind {
        DuckKind::Scalar(scalar) => field(name, *scalar),
        nested => Field::new(name, data_type(nested), true),
    }
}
