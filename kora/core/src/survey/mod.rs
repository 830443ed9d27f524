//! What a column's values are, in one pass.
