//! Sums and LtHash over row digests.
