//! What stands alone: everything that a certificate and its proofs are checked with, on a machine without a database.
//!
//! Rooms: [`signature`] Ed25519, SHA-256 and DSSE's encoding; [`canonical`] JSON with one spelling; [`envelope`] DSSE
//! envelopes; [`schema`] and [`certificate`] what KORA signs; [`merkle`] RFC 6962 trees; [`row_proof`] one row was, or
//! was not, in a certified table; [`note`] signed notes and checkpoints; [`tlog_proof`] and [`tiles`] a transparency
//! log's proofs and its layout. Only [`signature::sha256_file`] touches a disk: the rest is bytes in, verdict out.
pub mod canonical;
pub mod certificate;
pub mod encoding;
pub mod envelope;
pub mod error;
pub mod merkle;
pub mod note;
pub mod row_proof;
pub mod schema;
pub mod sections;
pub mod signature;
pub mod tiles;
pub mod tlog_proof;
