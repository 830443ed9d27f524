//! Keys, row digests and one side's table digest.
