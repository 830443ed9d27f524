//! Bytes of a plain file or of one member of a zip archive, streamed and proven whole.
//!
//! Nothing is unpacked to disk and no name inside an archive is ever used as a path. A member may give exactly as many
//! bytes as its directory entry says, with the CRC-32 that it says: more, fewer or other bytes are an error, so that an
//! archive that lies about its size ends early instead of filling anything.

use crate::error::{Error, Result};
use flate2::read::DeflateDecoder;
use flate2::Crc;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

/// Where a CSV's bytes come from.
#[derive(Clone, Debug)]
pub struct Source {
    path: PathBuf,
    member: Option<Member>,
    stamp: Stamp,
}

/// What tells that a file was written to: its length in bytes and when it last changed.
type Stamp = (u64, Option<SystemTime>);

#[derive(Clone, Debug)]
struct Member {
    name: String,
    start: u64,
    compressed_bytes: u64,
    bytes: u64,
    crc: u32,
    deflated: bool,
}

impl Source {
    /// Finds a file, and a member in it where one is named.
    pub fn find(path: &Path, member: Option<&str>) -> Result<Self> {
        let stamp = stamp(&open_file(path)?, path)?;
        let member = member.map(|name| Member::find(path, name)).transpose()?;
        let path = path.to_owned();
        Ok(Self { path, member, stamp })
    }

    /// An error where the file is no longer the one that was found: what was hashed is then not what was read.
    pub fn check_unchanged(&self) -> Result<()> {
        if stamp(&open_file(&self.path)?, &self.path)? == self.stamp {
            return Ok(());
        }
        let reason = "the file changed while it was read".to_owned();
        Err(Error::Malformed {
            path: self.name(),
            reason,
        })
    }

    /// For messages: the path, and the member behind an exclamation mark.
    pub fn name(&self) -> String {
        match &self.member {
            Some(member) => format!("{}!{}", self.path.display(), member.name),
            None => self.path.display().to_string(),
        }
    }

    /// Its content from the beginning.
    pub fn open(&self) -> Result<Box<dyn Read + Send>> {
        let mut file = open_file(&self.path)?;
        let Some(member) = &self.member else {
            return Ok(Box::new(file));
        };
        file.seek(SeekFrom::Start(member.start))
            .map_err(|error| self.error(error))?;
        let compressed = BufReader::new(file.take(member.compressed_bytes));
        let inner: Box<dyn Read + Send> = if member.deflated {
            Box::new(DeflateDecoder::new(compressed))
        } else {
            Box::new(compressed)
        };
        Ok(Box::new(Checked {
            inner,
            left: member.bytes,
            crc: Crc::new(),
            expected: member.crc,
        }))
    }

    /// A reading error, as `Malformed` where the content is at fault and `File` where the disk is.
    pub fn error(&self, error: io::Error) -> Error {
        read_error(&self.name(), error)
    }
}

/// As [`Source::error`], for readers that only know the name.
pub fn read_error(name: &str, error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof => Error::Malformed {
            path: name.to_owned(),
            reason: error.to_string(),
        },
        _ => Error::File {
            path: PathBuf::from(name),
            source: error,
        },
    }
}

impl Member {
    fn find(path: &Path, name: &str) -> Result<Self> {
        let mut archive = open_archive(path)?;
        let malformed = |reason: String| Error::Malformed {
            path: format!("{}!{name}", path.display()),
            reason,
        };
        let Some(index) = archive.index_for_name(name) else {
            return Err(Error::Usage(format!("{}: no member is named `{name}`", path.display())));
        };
        let entry = archive.by_index_raw(index).map_err(|error| zip_error(path, error))?;
        if entry.encrypted() {
            return Err(malformed("encrypted: unpack it with its password first".to_owned()));
        }
        let deflated = match entry.compression() {
            CompressionMethod::Stored => false,
            CompressionMethod::Deflated => true,
            other => {
                return Err(malformed(format!(
                    "packed by {other}; only stored and deflated members are read"
                )))
            }
        };
        let start = entry
            .data_start()
            .ok_or_else(|| malformed("its beginning cannot be found".to_owned()))?;
        let (compressed_bytes, bytes, crc) = (entry.compressed_size(), entry.size(), entry.crc32());
        Ok(Self {
            name: name.to_owned(),
            start,
            compressed_bytes,
            bytes,
            crc,
            deflated,
        })
    }
}

/// Lets through exactly the announced bytes.
struct Checked {
    inner: Box<dyn Read + Send>,
    left: u64,
    crc: Crc,
    expected: u32,
}

impl Read for Checked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let read = self.inner.read(buffer)?;
        let fault = |reason: &str| Err(io::Error::new(io::ErrorKind::InvalidData, reason));
        match self.left.checked_sub(read as u64) {
            None => return fault("the member is longer than its archive says"),
            Some(left) => self.left = left,
        }
        self.crc.update(&buffer[..read]);
        match read {
            0 if self.left > 0 => fault("the member is shorter than its archive says"),
            0 if self.crc.sum() != self.expected => fault("the member's CRC-32 is not what its archive says"),
            read => Ok(read),
        }
    }
}

/// Name and uncompressed size in bytes of each file in an archive, in its own order; folders are left out.
pub fn zip_members(path: &Path) -> Result<Vec<(String, u64)>> {
    let mut archive = open_archive(path)?;
    let mut members = Vec::with_capacity(archive.len());
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).map_err(|error| zip_error(path, error))?;
        if !entry.is_dir() {
            members.push((entry.name().to_owned(), entry.size()));
        }
    }
    Ok(members)
}

fn stamp(file: &File, path: &Path) -> Result<Stamp> {
    let metadata = file.metadata().map_err(|source| Error::File {
        path: path.to_owned(),
        source,
    })?;
    Ok((metadata.len(), metadata.modified().ok()))
}

fn open_file(path: &Path) -> Result<File> {
    let file_error = |source| Error::File {
        path: path.to_owned(),
        source,
    };
    if std::fs::metadata(path).map_err(file_error)?.is_dir() {
        return Err(file_error(io::Error::other("is a folder, not a file")));
    }
    File::open(path).map_err(file_error)
}

fn open_archive(path: &Path) -> Result<ZipArchive<BufReader<File>>> {
    ZipArchive::new(BufReader::new(open_file(path)?)).map_err(|error| zip_error(path, error))
}

fn zip_error(path: &Path, error: ZipError) -> Error {
    match error {
        ZipError::Io(error) => read_error(&path.display().to_string(), error),
        other => Error::Malformed {
            path: path.display().to_string(),
            reason: format!("not a readable zip: {other}"),
        },
    }
}
