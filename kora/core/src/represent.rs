//! Representations: declared, invertible readings of a stored value.
