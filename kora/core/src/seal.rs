//! Ed25519, SHA-256 and DSSE through ring.
