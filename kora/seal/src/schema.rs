//! The published JSON Schema of a statement, compiled into what checks one. One file says what a certificate may hold.
//!
//! Only the keywords that the schema uses are known; any other is refused when it is compiled, so that no rule of the
//! file can be overlooked. Source: JSON Schema 2020-12.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::canonical::Value;
use crate::error::{Error, Result};

/// The schema as it is published.
pub const STATEMENT_SCHEMA: &str = include_str!("../../evidence/certificate.schema.json");

/// The patterns that the schema uses, and how many hexadecimal digits each stands for.
const DIGIT_PATTERNS: [(&str, usize); 2] = [("^[0-9a-f]{64}$", 64), ("^[0-9a-f]{16}$", 16)];

#[derive(Debug)]
enum Rule {
    Object { fields: BTreeMap<String, (bool, Rule)> },
    Map(Box<Rule>),
    List { each: Box<Rule>, least: usize },
    Text { digits: Option<usize> },
    OneOf(Vec<String>),
    Integer { least: i128, most: i128 },
    Bool(Option<bool>),
    Null,
    Any(Vec<Rule>),
    Named(String),
}

/// A compiled schema.
#[derive(Debug)]
pub struct Schema {
    names: BTreeMap<String, Rule>,
    root: Rule,
}

impl Schema {
    /// The schema of KORA's statements.
    ///
    /// # Errors
    /// As [`Schema::compile`]; the published file is held to it by a test.
    pub fn statement() -> Result<Self> {
        Self::compile(STATEMENT_SCHEMA)
    }

    /// Compiles a schema.
    ///
    /// # Errors
    /// `Malformed` for what is no schema, or one with a keyword that is not known here.
    pub fn compile(text: &str) -> Result<Self> {
        let schema: Json = serde_json::from_str(text).map_err(|problem| wrong(&problem.to_string()))?;
        let none = serde_json::Map::new();
        let definitions = schema.get("$defs").and_then(Json::as_object).unwrap_or(&none);
        let named = definitions.iter().map(|(name, body)| Ok((name.clone(), rule(body)?)));
        Ok(Self {
            names: named.collect::<Result<_>>()?,
            root: rule(&schema)?,
        })
    }

    /// Whether a value is what the schema says.
    ///
    /// # Errors
    /// `Malformed`, naming the field.
    pub fn check(&self, value: &Value<'_>, what: &str) -> Result<()> {
        let mut place = Vec::new();
        if self.allows(&self.root, value, &mut place) {
            return Ok(());
        }
        let place: Vec<String> = place.into_iter().rev().collect();
        let reason = format!("a field that its format does not allow: {}", place.join("."));
        Err(Error::malformed(what, reason))
    }

    /// `place` receives the way to the first field at fault, innermost first.
    fn allows(&self, rule: &Rule, value: &Value<'_>, place: &mut Vec<String>) -> bool {
        match (rule, value) {
            (Rule::Named(name), _) => self
                .names
                .get(name)
                .is_some_and(|named| self.allows(named, value, place)),
            (Rule::Any(rules), _) => rules.iter().any(|one| self.allows(one, value, &mut Vec::new())),
            (Rule::Null, Value::Null) => true,
            (Rule::Bool(only), Value::Bool(given)) => only.is_none_or(|only| only == *given),
            (Rule::Integer { least, most }, Value::Integer(number)) => (least..=most).contains(&number),
            (Rule::Text { digits }, Value::Text(text)) => digits.is_none_or(|digits| is_digits(text, digits)),
            (Rule::OneOf(texts), Value::Text(text)) => texts.iter().any(|one| one.as_bytes() == text.as_ref()),
            (Rule::List { each, least }, Value::List(values)) => {
                let fault = values.iter().position(|one| !self.allows(each, one, place));
                place.extend(fault.map(|index| index.to_string()));
                fault.is_none() && values.len() >= *least
            }
            (Rule::Map(each), Value::Object(entries)) => entries.iter().all(|(_, one)| self.allows(each, one, place)),
            (Rule::Object { fields }, Value::Object(entries)) => self.allows_fields(fields, entries, place),
            _ => false,
        }
    }

    fn allows_fields(
        &self,
        fields: &BTreeMap<String, (bool, Rule)>,
        entries: &[(crate::canonical::Text<'_>, Value<'_>)],
        place: &mut Vec<String>,
    ) -> bool {
        let mut required = 0;
        for (name, value) in entries {
            let field = std::str::from_utf8(name).ok().and_then(|name| fields.get(name));
            let allowed = field.is_some_and(|(_, rule)| self.allows(rule, value, place));
            if !allowed {
                place.push(String::from_utf8_lossy(name).into_owned());
                return false;
            }
            required += usize::from(field.is_some_and(|(required, _)| *required));
        }
        required == fields.values().filter(|(required, _)| *required).count()
    }
}

fn is_digits(text: &[u8], digits: usize) -> bool {
    text.len() == digits && text.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}

fn wrong(reason: &str) -> Error {
    Error::malformed("the schema", reason)
}

/// Keywords that say nothing about a value.
const NOTES: [&str; 6] = ["$schema", "$defs", "title", "description", "default", "type"];

fn rule(body: &Json) -> Result<Rule> {
    let body = body.as_object().ok_or_else(|| wrong("a rule that is no object"))?;
    let knows = |keywords: &[&str]| {
        let stranger = body
            .keys()
            .find(|key| !NOTES.contains(&key.as_str()) && !keywords.contains(&key.as_str()));
        stranger.map_or(Ok(()), |key| Err(wrong(&format!("the keyword {key} is not known"))))
    };
    if let Some(name) = body.get("$ref").and_then(Json::as_str) {
        knows(&["$ref"])?;
        return Ok(Rule::Named(name.trim_start_matches("#/$defs/").into()));
    }
    if let Some(rules) = body.get("anyOf").and_then(Json::as_array) {
        knows(&["anyOf"])?;
        return Ok(Rule::Any(rules.iter().map(rule).collect::<Result<_>>()?));
    }
    match body.get("type").and_then(Json::as_str) {
        Some("object") => knows(&["properties", "required", "additionalProperties"]).and_then(|()| object(body)),
        Some("array") => {
            knows(&["items", "minItems"])?;
            let each = Box::new(rule(body.get("items").ok_or_else(|| wrong("a list of anything"))?)?);
            let least = body.get("minItems").and_then(Json::as_u64).unwrap_or(0) as usize;
            Ok(Rule::List { each, least })
        }
        Some("integer") => {
            knows(&["minimum", "maximum"])?;
            let bound = |name: &str| body.get(name).and_then(Json::as_i64).map(i128::from);
            Ok(Rule::Integer {
                least: bound("minimum").unwrap_or(i128::MIN),
                most: bound("maximum").unwrap_or(i128::MAX),
            })
        }
        Some("boolean") => knows(&["const"]).map(|()| Rule::Bool(body.get("const").and_then(Json::as_bool))),
        Some("null") => knows(&[]).map(|()| Rule::Null),
        Some("string") => knows(&["const", "enum", "pattern"]).and_then(|()| text(body)),
        other => Err(wrong(&format!("the type {other:?} is not known"))),
    }
}

fn object(body: &serde_json::Map<String, Json>) -> Result<Rule> {
    match body.get("additionalProperties") {
        Some(Json::Bool(false)) => {}
        Some(each) if !body.contains_key("properties") => return Ok(Rule::Map(Box::new(rule(each)?))),
        _ => return Err(wrong("an object that is open to any field")),
    }
    let none = Vec::new();
    let required = body.get("required").and_then(Json::as_array).unwrap_or(&none);
    let none = serde_json::Map::new();
    let fields = body.get("properties").and_then(Json::as_object).unwrap_or(&none);
    let compiled = fields.iter().map(|(name, field)| {
        let needed = required.iter().any(|one| one.as_str() == Some(name));
        Ok((name.clone(), (needed, rule(field)?)))
    });
    Ok(Rule::Object {
        fields: compiled.collect::<Result<_>>()?,
    })
}

fn text(body: &serde_json::Map<String, Json>) -> Result<Rule> {
    if let Some(only) = body.get("const") {
        let only = only.as_str().ok_or_else(|| wrong("a constant that is no text"))?;
        return Ok(Rule::OneOf(vec![only.into()]));
    }
    if let Some(texts) = body.get("enum").and_then(Json::as_array) {
        return Ok(Rule::OneOf(
            texts.iter().filter_map(Json::as_str).map(str::to_owned).collect(),
        ));
    }
    match body.get("pattern").and_then(Json::as_str) {
        None => Ok(Rule::Text { digits: None }),
        Some(pattern) => match DIGIT_PATTERNS.iter().find(|(known, _)| *known == pattern) {
            Some((_, digits)) => Ok(Rule::Text { digits: Some(*digits) }),
            None => Err(wrong(&format!("the pattern {pattern} is not known"))),
        },
    }
}
