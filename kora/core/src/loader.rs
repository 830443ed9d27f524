//! Source rows into batches in the target's own encoding.
