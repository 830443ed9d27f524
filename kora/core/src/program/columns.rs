//! The rules of one column on one side, and what they did.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::profile::{ColumnPair, Side};
use crate::canon::{encode_cell, put_json_value};
use crate::cell::Cell;
use crate::error::Result;
use crate::policy::Policy;
use crate::represent::{Representation, Scratch};

/// What the rules of one column did, counted in values; NULLs are never counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnTally {
    /// The column pair.
    pub pair: String,
    /// Values that the representation read.
    pub read: u64,
    /// Values that it could not read and that no policy made NULL: they keep their stored kind.
    pub disobeyed: u64,
    /// Per policy, by its name, the values that it changed.
    pub policies: BTreeMap<String, u64>,
}

impl ColumnTally {
    /// What the rules did in all parts of one table, column by column.
    pub fn sum(parts: Vec<Vec<Self>>) -> Vec<Self> {
        let mut parts = parts.into_iter();
        let mut whole = parts.next().unwrap_or_default();
        for part in parts {
            for (mine, theirs) in whole.iter_mut().zip(part) {
                mine.read += theirs.read;
                mine.disobeyed += theirs.disobeyed;
                for (rule, changed) in theirs.policies {
                    *mine.policies.entry(rule).or_default() += changed;
                }
            }
        }
        whole
    }

    pub(super) fn new(pair: &str, rules: Option<&ColumnRules>) -> Self {
        let mut tally = Self {
            pair: pair.into(),
            read: 0,
            disobeyed: 0,
            policies: BTreeMap::new(),
        };
        if let Some(rules) = rules {
            (tally.read, tally.disobeyed) = (rules.read, rules.disobeyed);
            for step in &rules.steps {
                *tally.policies.entry(step.name.clone()).or_default() += step.changed;
            }
        }
        tally
    }
}

/// A value after its rules.
pub(super) struct Common<'a> {
    pub cell: Cell<'a>,
    /// The cell is JSON in the form that `json_value` gives it.
    json_value: bool,
}

impl Common<'_> {
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<()> {
        match self.cell {
            Cell::Json(text) if self.json_value => {
                put_json_value(text, out);
                Ok(())
            }
            _ => encode_cell(&self.cell, out),
        }
    }
}

/// The rules of one column.
#[derive(Clone, Debug)]
pub(super) struct ColumnRules {
    representation: Option<Representation>,
    steps: Vec<Step>,
    read: u64,
    disobeyed: u64,
    scratch: Room,
}

#[derive(Clone, Debug)]
struct Step {
    name: String,
    policy: Policy,
    changed: u64,
    /// Whether it changed the value at hand, so that two passes count once.
    marked: bool,
}

/// Each pass writes into room of its own, as a value may borrow from what an earlier one wrote.
#[derive(Clone, Debug, Default)]
struct Room {
    read: Scratch,
    read_again: Scratch,
    policies: Vec<String>,
    policies_again: Vec<String>,
}

impl ColumnRules {
    /// The rules of one side; `None` where there are none.
    pub fn new(pair: &ColumnPair, side: Side) -> Result<Option<Self>> {
        let rule = match side {
            Side::Source => &pair.source,
            Side::Target => &pair.target,
        };
        let representation = rule.as_ref().map(Representation::parse).transpose()?;
        let step = |rule: &super::Rule| {
            Ok(Step {
                name: rule.rule.clone(),
                policy: Policy::parse(rule)?,
                changed: 0,
                marked: false,
            })
        };
        let steps = pair.policies.iter().map(step).collect::<Result<Vec<_>>>()?;
        if representation.is_none() && steps.is_empty() {
            return Ok(None);
        }
        let rows = vec![String::new(); steps.len()];
        let scratch = Room {
            policies: rows.clone(),
            policies_again: rows,
            ..Room::default()
        };
        Ok(Some(Self {
            representation,
            steps,
            read: 0,
            disobeyed: 0,
            scratch,
        }))
    }

    /// Whether a rule follows a version of Unicode.
    pub fn needs_unicode(&self) -> bool {
        self.steps.iter().any(|step| step.policy.needs_unicode())
    }

    /// One value through representation and policies, counted. The order is the one of `docs/formats/kcf.md`.
    #[inline]
    pub fn common<'a>(&'a mut self, cell: Cell<'a>) -> Common<'a> {
        if matches!(cell, Cell::Null) {
            return Common {
                cell,
                json_value: false,
            };
        }
        let Room {
            read,
            read_again,
            policies,
            policies_again,
        } = &mut self.scratch;
        let Some(representation) = &self.representation else {
            let common = apply(&mut self.steps, cell, policies);
            count(&mut self.steps);
            return common;
        };
        let (value, obeyed) = match representation.read(&cell, read) {
            Some(value) => (value, true),
            None => (cell, false),
        };
        let mut common = apply(&mut self.steps, value, policies);
        let changed = self.steps.iter().any(|step| step.marked);
        let mut obeyed = obeyed;
        if !obeyed && changed && !matches!(common.cell, Cell::Null) {
            if let Some(value) = representation.read(&common.cell, read_again) {
                obeyed = true;
                common = apply(&mut self.steps, value, policies_again);
            }
        }
        count(&mut self.steps);
        self.read += u64::from(obeyed);
        self.disobeyed += u64::from(!obeyed && !matches!(common.cell, Cell::Null));
        common
    }
}

#[inline]
fn apply<'a>(steps: &mut [Step], cell: Cell<'a>, room: &'a mut [String]) -> Common<'a> {
    let mut common = Common {
        cell,
        json_value: false,
    };
    for (step, scratch) in steps.iter_mut().zip(room) {
        if matches!(common.cell, Cell::Null) {
            break;
        }
        let applied = step.policy.apply(common.cell, scratch);
        step.marked |= applied.changed;
        // What replaces canonical JSON (its text) is no JSON any more; a rule that leaves it alone leaves its form.
        let json_value = applied.json_value || common.json_value && !applied.changed;
        common = Common {
            cell: applied.cell,
            json_value,
        };
    }
    common
}

fn count(steps: &mut [Step]) {
    for step in steps {
        step.changed += u64::from(step.marked);
        step.marked = false;
    }
}
