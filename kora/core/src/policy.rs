//! Policies: named, lossy, counted changes.
