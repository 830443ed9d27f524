//! What was asked for on the command line.

use std::ffi::OsString;
use std::path::PathBuf;

use kora_seal::error::{Error, Result};

/// What `--help` prints.
pub const HELP: &str = "\
Check a certificate of KORA's, and proofs about it, without Python and without a network.

Usage: kora-check CERTIFICATE --key PUB [--key PUB …] [options]

  --key PUB           a signer's .pub file; every signer must be named
  --threshold N       how many of the keys must have signed; all without it
  --log-key LOGPUB    the .tlog-proof beside the certificate must hold too
  --row-proof FILE    check this row proof; exit 0 if it holds
  --auditor-key FILE  the table's proof key: needed to check that a row is absent
  --bench N           check N times, print the rate as JSON
  --version, --help

Exit codes: 0 equivalent, 1 different, 2 not authentic or bad input, 3 not proven, 4 the report could not be printed,
5 needs a person's decision.

Example:
  kora-check certificate.json --key signer.pub
";

/// The command line, read.
#[derive(Debug, Default)]
pub struct Arguments {
    /// The certificate.
    pub certificate: PathBuf,
    /// Public keys of the signers.
    pub keys: Vec<PathBuf>,
    /// How many of them must have signed.
    pub threshold: Option<usize>,
    /// The log's public key.
    pub log_key: Option<PathBuf>,
    /// A row proof.
    pub row_proof: Option<PathBuf>,
    /// The table's proof key.
    pub auditor_key: Option<PathBuf>,
    /// How often to check, to be timed.
    pub bench: Option<u32>,
}

impl Arguments {
    /// Reads the words behind the program's name.
    ///
    /// # Errors
    /// `Usage`, naming the word at fault.
    pub fn parse(words: &[OsString]) -> Result<Self> {
        let mut read = Self::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let name = word.to_string_lossy();
            if !name.starts_with("--") {
                if !read.certificate.as_os_str().is_empty() {
                    return Err(usage(&format!("{name} is one file too many")));
                }
                read.certificate = word.into();
                continue;
            }
            let value = words.next().ok_or_else(|| usage(&format!("{name} needs a value")))?;
            let number = || -> Result<u32> {
                value
                    .to_string_lossy()
                    .parse()
                    .map_err(|_| usage(&format!("{name} needs a number")))
            };
            match name.as_ref() {
                "--key" => read.keys.push(value.into()),
                "--log-key" => read.log_key = Some(value.into()),
                "--row-proof" => read.row_proof = Some(value.into()),
                "--auditor-key" => read.auditor_key = Some(value.into()),
                "--threshold" => read.threshold = Some(number()? as usize),
                "--bench" => read.bench = Some(number()?),
                _ => return Err(usage(&format!("{name} is not known"))),
            }
        }
        if read.certificate.as_os_str().is_empty() || read.keys.is_empty() {
            return Err(usage("a certificate and at least one --key are needed"));
        }
        Ok(read)
    }
}

fn usage(why: &str) -> Error {
    Error::Usage(format!("{why}; kora-check --help says how it is used"))
}
