//! A small table of sums that names few differences.
