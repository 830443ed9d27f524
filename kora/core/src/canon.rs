//! KCF-1: the canonical bytes of one value and one row.
