//! The comparison of one table pair, as the caller's JSON says it.

use std::collections::HashSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::columns::ColumnRules;
use crate::error::{Error, Result};
use crate::policy::UNICODE_VERSION;

/// The one format of profiles.
pub const PROFILE_FORMAT: &str = "kora-profile-1";
/// More columns than any supported engine gives a table.
const MAX_COLUMNS: usize = 65_536;

/// Which database a row came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The one that is left.
    Source,
    /// The one that is moved to.
    Target,
}

/// A rule by name, with its argument where it takes one (`text_date` a format, `epoch` a unit, `round` the digits).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The rule's name.
    pub rule: String,
    /// Its argument.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub argument: Option<String>,
}

impl fmt::Display for Rule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.argument {
            Some(argument) => write!(formatter, "{}({argument})", self.rule),
            None => formatter.write_str(&self.rule),
        }
    }
}

/// One compared pair of columns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnPair {
    /// A name for the pair that is neither side's own concern.
    pub pair: String,
    /// How the source's values are read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Rule>,
    /// How the target's values are read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Rule>,
    /// Lossy rules, applied to both sides in this order, after the representation.
    #[serde(default)]
    pub policies: Vec<Rule>,
}

/// The comparison of one table pair.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// `kora-profile-1`.
    pub format: String,
    /// A name for the table pair.
    pub pair: String,
    /// The compared columns in order: rows arrive with exactly these.
    pub columns: Vec<ColumnPair>,
    /// Positions of the key columns within `columns`; empty for a table without a key.
    pub key: Vec<usize>,
    /// The Unicode version that `nfc` and `casefold` follow.
    pub unicode: String,
}

impl Profile {
    /// Reads and validates a profile.
    ///
    /// # Errors
    /// `Usage`, saying which column or rule is at fault.
    pub fn from_json(text: &str) -> Result<Self> {
        let profile: Self =
            serde_json::from_str(text).map_err(|error| Error::Usage(format!("not a profile: {error}")))?;
        profile.validate()?;
        Ok(profile)
    }

    /// The profile's canonical JSON: keys sorted, no spaces, rules without an argument or side left out. What a
    /// digest of the profile is taken of; equal profiles have equal bytes, however they were spelled.
    pub fn digest_bytes(&self) -> Vec<u8> {
        let rules = |rule: &Rule| match &rule.argument {
            Some(argument) => serde_json::json!({"argument": argument, "rule": rule.rule}),
            None => serde_json::json!({"rule": rule.rule}),
        };
        let column = |pair: &ColumnPair| {
            let mut body = serde_json::Map::new();
            body.insert("pair".into(), pair.pair.clone().into());
            body.insert("policies".into(), pair.policies.iter().map(rules).collect());
            for (name, rule) in [("source", &pair.source), ("target", &pair.target)] {
                if let Some(rule) = rule {
                    body.insert(name.into(), rules(rule));
                }
            }
            serde_json::Value::Object(body)
        };
        // Maps keep the order of insertion, which is alphabetical here.
        let columns: serde_json::Value = self.columns.iter().map(column).collect();
        serde_json::json!({
            "columns": columns, "format": self.format, "key": self.key, "pair": self.pair, "unicode": self.unicode,
        })
        .to_string()
        .into_bytes()
    }

    /// Checks everything that the types do not.
    pub(super) fn validate(&self) -> Result<()> {
        if self.format != PROFILE_FORMAT {
            return Err(Error::Usage(format!(
                "a profile of format {:?}, not {PROFILE_FORMAT:?}",
                self.format
            )));
        }
        if self.columns.len() > MAX_COLUMNS {
            return Err(Error::Limit(format!("a profile of {} columns", self.columns.len())));
        }
        let mut pairs = HashSet::new();
        for column in &self.columns {
            if !pairs.insert(&column.pair) {
                return Err(Error::Usage(format!(
                    "{}: the column pair {} stands twice",
                    self.pair, column.pair
                )));
            }
            self.validate_rules(column)?;
        }
        let mut positions = HashSet::new();
        match self
            .key
            .iter()
            .find(|position| **position >= self.columns.len() || !positions.insert(**position))
        {
            Some(position) => Err(Error::Usage(format!("{}: key position {position} is wrong", self.pair))),
            None => Ok(()),
        }
    }

    fn validate_rules(&self, column: &ColumnPair) -> Result<()> {
        for side in [Side::Source, Side::Target] {
            let rules = ColumnRules::new(column, side)
                .map_err(|error| Error::Usage(format!("{}, column {}: {error}", self.pair, column.pair)))?;
            if rules.is_some_and(|rules| rules.needs_unicode()) && self.unicode != UNICODE_VERSION {
                let message = format!("Unicode {}: this build has {UNICODE_VERSION}", self.unicode);
                return Err(Error::Usage(format!(
                    "{}, column {}: {message}",
                    self.pair, column.pair
                )));
            }
        }
        Ok(())
    }
}
