//! The parts of a fingerprint file: one side of a comparison, made today here and compared next week elsewhere.
//!
//! [`pass`] takes the canonical rows of one table; [`buckets`] (tier 1) says where two tables differ, [`sketch`]
//! (tier 2) names the rows that do, [`records`] (tier 3) lists every row. That two tables are *equal* rests on root and
//! row count alone: everything here only locates. Nothing in this room reads or writes a file by its name.
//!
//! A file is believed in nothing: each size is held against a limit of ours before memory is taken for it.

pub mod buckets;
pub mod difference;
pub mod element;
pub mod pass;
pub mod records;
pub mod section;
pub mod sketch;

#[cfg(test)]
mod tests;
