//! Exact numbers: minimal coefficients, scales without trailing zeros.
