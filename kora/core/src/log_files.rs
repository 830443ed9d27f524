//! A transparency log's files in a folder. Each is written beside its place, synced and renamed, its folder synced too.

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use kora_seal::error::{Error, Result};
use kora_seal::tiles::TileStore;

/// A folder as a [`TileStore`].
#[derive(Debug)]
pub struct LogFolder {
    folder: PathBuf,
}

impl LogFolder {
    /// The log in this folder.
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_path_buf(),
        }
    }
}

fn problem(path: &Path) -> impl FnOnce(std::io::Error) -> Error + '_ {
    |source| Error::File {
        path: path.to_path_buf(),
        source,
    }
}

impl TileStore for LogFolder {
    fn read(&self, path: &str, limit_bytes: usize) -> Result<Option<Vec<u8>>> {
        let path = self.folder.join(path);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(missing) if missing.kind() == ErrorKind::NotFound => return Ok(None),
            Err(other) => return Err(problem(&path)(other)),
        };
        let mut data = Vec::new();
        let limit = limit_bytes as u64;
        file.take(limit + 1).read_to_end(&mut data).map_err(problem(&path))?;
        if data.len() > limit_bytes {
            return Err(Error::Limit(format!("{} is larger than {limit} bytes", path.display())));
        }
        Ok(Some(data))
    }

    fn write(&mut self, path: &str, data: &[u8]) -> Result<()> {
        let path = self.folder.join(path);
        let folder = path.parent().unwrap_or(&self.folder);
        make_folders(folder).map_err(problem(folder))?;
        let mut temporary = tempfile::NamedTempFile::new_in(folder).map_err(problem(&path))?;
        temporary.write_all(data).map_err(problem(&path))?;
        make_readable(temporary.as_file()).map_err(problem(&path))?;
        temporary.as_file().sync_all().map_err(problem(&path))?;
        temporary
            .persist(&path)
            .map_err(|failed| problem(&path)(failed.error))?;
        sync(folder).map_err(problem(folder))
    }

    fn remove_partials(&mut self, path: &str) {
        // What is left only takes room: the full tile stands, and readers look for the partial one no more.
        let _ = fs::remove_dir_all(self.folder.join(format!("{path}.p")));
    }
}

/// Makes a folder with those above it, each lasting: its name is synced in its own folder.
fn make_folders(folder: &Path) -> std::io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let above = folder.parent().filter(|above| !above.as_os_str().is_empty());
    above.map_or(Ok(()), make_folders)?;
    fs::create_dir(folder)?;
    above.map_or(Ok(()), sync)
}

fn sync(folder: &Path) -> std::io::Result<()> {
    File::open(folder)?.sync_all()
}

/// A log is there to be read: temporary files begin as their owner's alone.
fn make_readable(file: &File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_partials_go() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut log = LogFolder::new(&folder.path().join("a/log"));
        assert_eq!(log.read("checkpoint", 10).expect("no error"), None);
        log.write("tile/0/000.p/3", b"abc").expect("room");
        log.write("tile/0/000.p/3", b"abd").expect("room");
        assert_eq!(log.read("tile/0/000.p/3", 3).expect("no error"), Some(b"abd".to_vec()));
        assert!(matches!(log.read("tile/0/000.p/3", 2), Err(Error::Limit(_))));
        log.remove_partials("tile/0/000");
        assert_eq!(log.read("tile/0/000.p/3", 3).expect("no error"), None);
        log.remove_partials("tile/0/000");
    }
}
