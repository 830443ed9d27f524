//! The exact second pass, bounded by disk rather than memory.
