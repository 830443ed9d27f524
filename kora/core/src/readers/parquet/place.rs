//! A stretch of an open file, read by position: several columns read one file without moving each other's place.
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// Bytes from a place up to an end; nothing beyond is ever read.
#[derive(Clone)]
pub struct Stretch {
    file: Arc<File>,
    start: u64,
    at: u64,
    end: u64,
}

impl Stretch {
    /// The bytes `start..end` of `file`; `end` must not lie behind its end.
    pub fn new(file: &Arc<File>, start: u64, end: u64) -> Self {
        Self {
            file: file.clone(),
            start,
            at: start,
            end,
        }
    }

    /// What follows the first `count` bytes of what is left.
    pub fn behind(mut self, count: u64) -> Self {
        self.at = self.at.saturating_add(count).min(self.end);
        self.start = self.at;
        self
    }
}

impl Read for Stretch {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let wanted = buffer.len().min(left);
        let read = self.file.read_at(&mut buffer[..wanted], self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for Stretch {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let place = match to {
            SeekFrom::Start(offset) => self.start.checked_add(offset),
            SeekFrom::Current(offset) => self.at.checked_add_signed(offset),
            SeekFrom::End(offset) => self.end.checked_add_signed(offset),
        };
        self.at = place
            .filter(|place| *place >= self.start)
            .ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at - self.start)
    }
}
