//! What is done to each row of one side before it is digested or loaded: representations, policies, canonical bytes,
//! and a tally of every value that a rule read, could not read, or changed.
//!
//! A [`Profile`] is the comparison of one table pair; its JSON text comes from the caller, its digest keys the rows.

use serde::{Deserialize, Serialize};

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
pub struct Rule {
    /// The rule's name.
    pub rule: String,
    /// Its argument.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub argument: Option<String>,
}

/// One compared pair of columns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnPair {
    /// A name for the pair that is neither side's own concern.
    pub pair: String,
    /// How the source's values are read.
    #[serde(default)]
    pub source: Option<Rule>,
    /// How the target's values are read.
    #[serde(default)]
    pub target: Option<Rule>,
    /// Lossy rules, applied to both sides in this order, after the representation.
    #[serde(default)]
    pub policies: Vec<Rule>,
}

/// The comparison of one table pair.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
