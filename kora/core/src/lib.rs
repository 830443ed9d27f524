//! KORA's core: what a verification is made of, without Python and without opinions about engines.
//!
//! Rooms: [`cell`] one value as an engine stored it; [`canon`] its canonical bytes (KCF-1); [`represent`] and
//! [`policy`] the declared ways in which two stored values may mean the same; [`program`] these put together for one
//! side of a table pair; [`rows`] the seam between readers and whatever consumes rows; [`keys`] and [`batch`] what
//! digests are made with; [`digest`], [`set_hash`] and [`sketch`] the arithmetic of sets; [`spill`], [`record_sort`] and
//! [`second_pass`] the exact join; [`carried`] the parts of a fingerprint file; [`row_tree`] a table under one Merkle
//! root, [`answer`] what a query answered and [`answer_file`] many of them in bytes, [`key_text`] a key as a person
//! writes it; [`seal`] signatures; [`log_files`] a transparency log on disk; [`pushdown`] rows as a server can render
//! and digest them itself; [`survey`] what a column holds; [`picked`] single rows for a
//! person and [`brief`] their long values cut short; [`readers`] and [`writers`] the engines' own encodings.
pub mod answer;
pub mod answer_file;
pub mod batch;
pub mod brief;
pub mod canon;
pub mod carried;
pub mod cell;
pub mod digest;
pub mod error;
pub mod key_text;
pub mod keys;
pub mod lanes;
pub mod large;
pub mod loader;
pub mod log_files;
pub mod number;
pub mod picked;
pub mod policy;
pub mod program;
pub mod pushdown;
pub mod readers;
pub mod record_join;
pub mod record_sort;
pub mod represent;
pub mod row_tree;
pub mod rows;
pub mod seal;
pub mod second_pass;
pub mod set_hash;
pub mod sketch;
pub mod smallest_keys;
pub mod spill;
pub mod survey;
pub mod temporal;
mod type_expr;
pub mod writers;

/// So many cases of a property that costs more than others; PROPTEST_CASES asks for another number, as of all.
#[cfg(test)]
pub(crate) fn cases(usual: u32) -> proptest::test_runner::Config {
    let asked = std::env::var_os("PROPTEST_CASES").is_some();
    let config = proptest::test_runner::Config::default();
    let cases = if asked { config.cases } else { usual };
    proptest::test_runner::Config { cases, ..config }
}
