//! DuckDB's types, nested ones included, read from the texts in which DuckDB itself writes them.
use super::types::DuckType;
use crate::canon::MAX_STRUCTURE_DEPTH;

/// A DuckDB column type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DuckKind {
    /// A value without parts.
    Scalar(DuckType),
    /// `T[]`.
    List(Box<DuckKind>),
    /// `T[n]`.
    Array(Box<DuckKind>, usize),
    /// `STRUCT(name T, …)`.
    Struct(Vec<(String, DuckKind)>),
    /// `MAP(K, V)`.
    Map(Box<(DuckKind, DuckKind)>),
    /// `UNION(name T, …)`. Only a column may have it: within other types its NULL cannot be told from a member's.
    Union(Vec<(String, DuckKind)>),
}

impl DuckKind {
    /// Reads a type as `duckdb_columns()` and `DESCRIBE` write it; `None` for one that is not decoded.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        match arguments(text, "UNION") {
            Some(inside) => Some(Self::Union(fields(inside, MAX_STRUCTURE_DEPTH - 1)?)),
            None => Self::within(text, MAX_STRUCTURE_DEPTH),
        }
    }

    fn within(text: &str, depth: usize) -> Option<Self> {
        let text = text.trim();
        let below = depth.checked_sub(1)?;
        if let Some(rest) = text.strip_suffix(']') {
            let (element, length) = rest.rsplit_once('[')?;
            let element = Box::new(Self::within(element, below)?);
            return match length {
                "" => Some(Self::List(element)),
                length => Some(Self::Array(element, length.parse().ok().filter(|length| *length > 0)?)),
            };
        }
        if let Some(inside) = arguments(text, "STRUCT") {
            return Some(Self::Struct(fields(inside, below)?));
        }
        if let Some(inside) = arguments(text, "MAP") {
            let [key, value] = parts(inside)?.try_into().ok()?;
            return Some(Self::Map(Box::new((
                Self::within(key, below)?,
                Self::within(value, below)?,
            ))));
        }
        DuckType::parse(text).map(Self::Scalar)
    }
}

/// What stands in the parentheses of `NAME(…)`.
fn arguments<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')')
}

fn fields(inside: &str, depth: usize) -> Option<Vec<(String, DuckKind)>> {
    parts(inside)?
        .into_iter()
        .map(|part| {
            let (name, rest) = field_name(part)?;
            Some((name, DuckKind::within(rest, depth)?))
        })
        .collect()
}

/// A field's name, quoted or not, and what follows it.
fn field_name(part: &str) -> Option<(String, &str)> {
    let part = part.trim_start();
    let Some(quoted) = part.strip_prefix('"') else {
        let (name, rest) = part.split_once(' ')?;
        return Some((name.to_owned(), rest));
    };
    let mut from = 0;
    loop {
        let end = from + quoted[from..].find('"')?;
        if quoted[end + 1..].starts_with('"') {
            from = end + 2;
        } else {
            return Some((quoted[..end].replace("\"\"", "\""), &quoted[end + 1..]));
        }
    }
}

/// Splits at the commas outside of quotes, parentheses and brackets.
fn parts(inside: &str) -> Option<Vec<&str>> {
    let mut found = Vec::new();
    let (mut depth, mut quote, mut start) = (0_usize, None, 0);
    for (place, next) in inside.char_indices() {
        match (quote, next) {
            (Some(open), _) if open == next => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(next),
            (None, '(' | '[') => depth += 1,
            (None, ')' | ']') => depth = depth.checked_sub(1)?,
            (None, ',') if depth == 0 => {
                found.push(&inside[start..place]);
                start = place + 1;
            }
            (None, _) => {}
        }
    }
    found.push(&inside[start..]);
    (depth == 0 && quote.is_none()).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn integer() -> DuckKind {
        DuckKind::Scalar(DuckType::Integer { bytes: 4, signed: true })
    }

    #[test]
    fn nested_types_are_read_with_their_names_and_lengths() {
        let text = r#"STRUCT(a INTEGER[3][], "B ""c"", (" MAP(VARCHAR, DECIMAL(4,1)), e ENUM('x,)', 'it''s')[])"#;
        let list = DuckKind::List(Box::new(DuckKind::Array(Box::new(integer()), 3)));
        let decimal = DuckType::Decimal { precision: 4, scale: 1 };
        let map = DuckKind::Map(Box::new((
            DuckKind::Scalar(DuckType::Varchar),
            DuckKind::Scalar(decimal),
        )));
        let labels = DuckKind::List(Box::new(DuckKind::Scalar(DuckType::Enum)));
        let expected = DuckKind::Struct(vec![
            ("a".to_owned(), list),
            (r#"B "c", ("#.to_owned(), map),
            ("e".to_owned(), labels),
        ]);
        assert_eq!(DuckKind::parse(text), Some(expected));
    }

    #[test]
    fn a_union_is_read_as_a_column_and_not_within_another_type() {
        let members = vec![("n".to_owned(), integer())];
        assert_eq!(DuckKind::parse("UNION(n INTEGER)"), Some(DuckKind::Union(members)));
        assert_eq!(DuckKind::parse("UNION(n INTEGER)[]"), None);
    }

    #[test]
    fn broken_and_bottomless_types_are_not_guessed() {
        for text in [
            "STRUCT(a)",
            "MAP(INTEGER)",
            "INTEGER[0]",
            "STRUCT(a INTEGER",
            "[]",
            "TUPLE(INTEGER)",
            "VARIANT[]",
        ] {
            assert_eq!(DuckKind::parse(text), None, "{text}");
        }
        assert_eq!(DuckKind::parse(&format!("INTEGER{}", "[]".repeat(100_000))), None);
    }
}
