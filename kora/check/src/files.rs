//! Files as this program reads them: bounded, and of a fingerprint the signed line apart from its sections.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use kora_seal::canonical::FILE_SIZE_LIMIT_BYTES;
use kora_seal::certificate::FINGERPRINT_TYPE;
use kora_seal::error::{Error, Result};

/// A whole file. Refuses one of more than `limit_bytes`.
pub fn read(path: &Path, limit_bytes: usize) -> Result<Vec<u8>> {
    let mut data = Vec::new();
    open(path)?
        .take(limit_bytes as u64 + 1)
        .read_to_end(&mut data)
        .map_err(problem(path))?;
    bounded(data, path, limit_bytes)
}

/// The signed part of a certificate or fingerprint, and what follows it: of a fingerprint its sections, else nothing.
pub fn read_signed(path: &Path) -> Result<(Vec<u8>, BufReader<File>)> {
    let mut file = BufReader::new(open(path)?);
    let mut data = Vec::new();
    let limit = FILE_SIZE_LIMIT_BYTES as u64 + 1;
    file.by_ref()
        .take(limit)
        .read_until(b'\n', &mut data)
        .map_err(problem(path))?;
    let mark = format!("\"payloadType\":\"{FINGERPRINT_TYPE}\"");
    if !data.windows(mark.len()).any(|window| window == mark.as_bytes()) {
        let left = limit.saturating_sub(data.len() as u64);
        file.by_ref().take(left).read_to_end(&mut data).map_err(problem(path))?;
    }
    Ok((bounded(data, path, FILE_SIZE_LIMIT_BYTES)?, file))
}

fn open(path: &Path) -> Result<File> {
    File::open(path).map_err(problem(path))
}

fn bounded(data: Vec<u8>, path: &Path, limit_bytes: usize) -> Result<Vec<u8>> {
    if data.len() > limit_bytes {
        return Err(Error::Limit(format!(
            "{} is larger than {limit_bytes} bytes",
            path.display()
        )));
    }
    Ok(data)
}

fn problem(path: &Path) -> impl FnOnce(std::io::Error) -> Error + '_ {
    |source| Error::File {
        path: path.to_path_buf(),
        source,
    }
}
