//! One open SQLite database behind a lock: how a file is opened, and how statements run on it.

use super::failure::failure;
use super::statement::{Borrow, Statement, Step};
use crate::cell::Cell;
use crate::error::{Error, Result};
use crate::readers::memory::Scalar;
use rusqlite::ffi;
use std::ffi::{c_int, CStr, CString};
use std::path::{Path, PathBuf};
use std::ptr::null_mut;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How long a statement waits for another program's lock, in milliseconds.
const BUSY_TIMEOUT_MS: c_int = 5_000;

extern "C" {
    /// Part of SQLite since 3.7.14, but not among the names that the `ffi` module declares.
    fn sqlite3_close_v2(database: *mut ffi::sqlite3) -> c_int;
}

/// What an open database may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Reading; nothing in the file changes.
    ReadOnly,
    /// Reading and writing a file that is there.
    ReadWrite,
    /// Reading and writing; the file is made where there is none.
    Create,
}

/// A connection that threads share: clones are the same connection.
#[derive(Clone)]
pub struct SqliteConnection {
    shared: Arc<Shared>,
}

struct Shared {
    path: PathBuf,
    handle: Mutex<Handle>,
    /// The same handle for `interrupt`, which must not wait for `handle`. Null once it is closed.
    interruptible: Mutex<Handle>,
}

/// A raw handle; null once it is closed.
struct Handle(*mut ffi::sqlite3);

// SAFETY: a handle is used by one thread at a time, under its lock; `sqlite3_interrupt` alone is allowed beside that,
// and the lock of `interruptible` keeps the handle open meanwhile.
unsafe impl Send for Handle {}

/// The lock on a connection's handle.
pub(crate) struct Locked<'a> {
    guard: MutexGuard<'a, Handle>,
}

impl Locked<'_> {
    /// The open handle, for as long as the lock is held.
    pub(crate) fn database(&self) -> *mut ffi::sqlite3 {
        self.guard.0
    }
}

impl SqliteConnection {
    /// Opens a file and reads its header, so that what is no database fails here.
    ///
    /// A database in WAL mode whose folder cannot be written is opened as immutable, but only while no WAL with
    /// content stands beside it.
    ///
    /// # Errors
    /// `File` for what is missing, a folder, or unreadable; `Malformed` for an encrypted, damaged or foreign file;
    /// `Engine` with the code `SQLITE_BUSY` where a lock is held for more than 5 s.
    pub fn open(path: &Path, mode: Mode) -> Result<Self> {
        check_file(path, mode)?;
        match Self::open_plain(path, mode).map_err(|failure| better_reason(path, failure)) {
            Err(Error::File { .. } | Error::Engine { .. }) if mode == Mode::ReadOnly && is_wal(path) => {
                Self::open_beside_wal(path)
            }
            outcome => outcome,
        }
    }

    fn open_plain(path: &Path, mode: Mode) -> Result<Self> {
        let access = match mode {
            Mode::ReadOnly => ffi::SQLITE_OPEN_READONLY,
            Mode::ReadWrite => ffi::SQLITE_OPEN_READWRITE,
            Mode::Create => ffi::SQLITE_OPEN_READWRITE | ffi::SQLITE_OPEN_CREATE,
        };
        // Absolute, because this SQLite takes a name that begins with `file:` for a URI, and `:memory:` for no file.
        let absolute = std::path::absolute(path).map_err(|source| Error::File {
            path: path.to_owned(),
            source,
        })?;
        Self::open_name(path, &file_name(&absolute)?, access, mode == Mode::ReadOnly)
    }

    /// The second attempt at a WAL database that could not be opened: its folder is perhaps read-only.
    fn open_beside_wal(path: &Path) -> Result<Self> {
        let wal = beside(path, "-wal");
        if std::fs::metadata(&wal).is_ok_and(|metadata| metadata.len() > 0) {
            return Err(Error::File {
                path: path.to_owned(),
                source: std::io::Error::other(format!(
                    "changes stand in {} and cannot be read in place; copy both files to a folder that can be written",
                    wal.display()
                )),
            });
        }
        let absolute = std::path::absolute(path).map_err(|source| Error::File {
            path: path.to_owned(),
            source,
        })?;
        let flags = ffi::SQLITE_OPEN_READONLY | ffi::SQLITE_OPEN_URI;
        Self::open_name(path, &immutable_uri(&file_name(&absolute)?)?, flags, true)
    }

    fn open_name(path: &Path, name: &CStr, flags: c_int, reading: bool) -> Result<Self> {
        let mut database = null_mut();
        // SAFETY: `name` ends with NUL; the handle is not shared before this returns.
        unsafe {
            let flags = flags | ffi::SQLITE_OPEN_NOMUTEX | ffi::SQLITE_OPEN_EXRESCODE;
            let code = ffi::sqlite3_open_v2(name.as_ptr(), &mut database, flags, std::ptr::null());
            if code != ffi::SQLITE_OK {
                let error = failure(database, code, path);
                sqlite3_close_v2(database);
                return Err(error);
            }
            ffi::sqlite3_busy_timeout(database, BUSY_TIMEOUT_MS);
        }
        let shared = Shared {
            path: path.to_owned(),
            handle: Mutex::new(Handle(database)),
            interruptible: Mutex::new(Handle(database)),
        };
        let connection = Self {
            shared: Arc::new(shared),
        };
        if reading {
            connection.execute_script("PRAGMA query_only=1; PRAGMA trusted_schema=0; PRAGMA cell_size_check=1;")?;
        }
        connection.query("SELECT count(*) FROM sqlite_schema", &[])?;
        Ok(connection)
    }

    /// The file, as it was named.
    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    /// SQLite's version.
    pub fn version() -> &'static str {
        // SAFETY: a static string that ends with NUL.
        unsafe { CStr::from_ptr(ffi::sqlite3_libversion()) }
            .to_str()
            .unwrap_or("unknown")
    }

    /// The handle, locked. A thread that already holds it must not ask again.
    pub(crate) fn lock(&self) -> Result<Locked<'_>> {
        let guard = self.lock_anyway();
        if guard.database().is_null() {
            return Err(Error::Usage(format!(
                "{}: this connection was closed",
                self.path().display()
            )));
        }
        Ok(guard)
    }

    /// The handle, locked, even where it was closed: statements outlive it and are finalized under this lock.
    pub(crate) fn lock_anyway(&self) -> Locked<'_> {
        Locked {
            guard: self.shared.handle.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// The whole answer to one statement, in memory.
    pub fn query(&self, sql: &str, parameters: &[Scalar]) -> Result<Vec<Vec<Scalar>>> {
        let mut rows = Vec::new();
        self.run(sql, parameters, |cells| {
            rows.push(cells.iter().filter_map(Scalar::from_cell).collect())
        })?;
        Ok(rows)
    }

    /// Runs one statement; gives the rows that it inserted, updated or deleted, triggers and cascades not counted.
    pub fn execute(&self, sql: &str, parameters: &[Scalar]) -> Result<u64> {
        self.run(sql, parameters, |_| ())
    }

    fn run(&self, sql: &str, parameters: &[Scalar], mut each: impl FnMut(&[Cell<'_>])) -> Result<u64> {
        let locked = self.lock()?;
        let database = locked.database();
        // SAFETY: the lock is held to the end; cells are dropped before the next step; values are copied when bound.
        unsafe {
            let before = ffi::sqlite3_total_changes64(database);
            let mut statement = self.prepare_one(&locked, sql, parameters)?;
            let outcome = self.step_through(&mut statement, &mut each);
            statement.finalize();
            outcome?;
            let changed = ffi::sqlite3_total_changes64(database) != before;
            Ok(if changed {
                u64::try_from(ffi::sqlite3_changes64(database)).unwrap_or(0)
            } else {
                0
            })
        }
    }

    unsafe fn step_through(&self, statement: &mut Statement, each: &mut impl FnMut(&[Cell<'_>])) -> Result<()> {
        let mut cells = Vec::with_capacity(statement.column_count());
        while statement.step(self.path())? == Step::Row {
            statement.row(&mut cells)?;
            each(&cells);
        }
        Ok(())
    }

    /// Prepares exactly one statement and binds its parameters, which are copied.
    ///
    /// # Safety
    /// `locked` is this connection's; the statement is used and finalized under its lock.
    pub(crate) unsafe fn prepare_one(
        &self,
        locked: &Locked<'_>,
        sql: &str,
        parameters: &[Scalar],
    ) -> Result<Statement> {
        let mut statement = self.prepare_unbound(locked, sql)?;
        match self.bind_all(&mut statement, parameters) {
            Ok(()) => Ok(statement),
            Err(error) => {
                statement.finalize();
                Err(error)
            }
        }
    }

    /// Prepares exactly one statement.
    ///
    /// # Safety
    /// As [`Self::prepare_one`].
    pub(crate) unsafe fn prepare_unbound(&self, locked: &Locked<'_>, sql: &str) -> Result<Statement> {
        let (statement, used) = Statement::prepare(locked.database(), sql, self.path())?;
        let Some(mut statement) = statement else {
            return Err(Error::Usage("an empty SQL statement".to_owned()));
        };
        let learnt = match statement.column_count() {
            0 => Ok(()),
            _ => statement.learn_encoding(locked.database(), self.path()),
        };
        match learnt.and_then(|()| self.check_single(locked, &sql[used..])) {
            Ok(()) => Ok(statement),
            Err(error) => {
                statement.finalize();
                Err(error)
            }
        }
    }

    unsafe fn check_single(&self, locked: &Locked<'_>, rest: &str) -> Result<()> {
        match Statement::prepare(locked.database(), rest, self.path())?.0 {
            None => Ok(()),
            Some(second) => {
                second.finalize();
                Err(Error::Usage(
                    "more than one SQL statement where one is expected".to_owned(),
                ))
            }
        }
    }

    unsafe fn bind_all(&self, statement: &mut Statement, parameters: &[Scalar]) -> Result<()> {
        let wanted = statement.parameter_count();
        if wanted != parameters.len() {
            return Err(Error::Usage(format!(
                "the statement takes {wanted} parameters, {} given",
                parameters.len()
            )));
        }
        for (index, parameter) in parameters.iter().enumerate() {
            if let Some(reason) = statement.bind(index, &parameter.as_cell(), Borrow::Copied, self.path())? {
                return Err(Error::Usage(format!("parameter {}: {reason}", index + 1)));
            }
        }
        Ok(())
    }

    /// Runs statement after statement; what ran before a failing one stays, unless a transaction holds them.
    pub fn execute_script(&self, sql: &str) -> Result<()> {
        let locked = self.lock()?;
        let mut rest = sql;
        while !rest.is_empty() {
            // SAFETY: the lock is held to the end.
            unsafe {
                let (statement, used) = Statement::prepare(locked.database(), rest, self.path())?;
                if let Some(mut statement) = statement {
                    let outcome = self.step_through(&mut statement, &mut |_| ());
                    statement.finalize();
                    outcome?;
                }
                rest = &rest[used..];
            }
        }
        Ok(())
    }

    /// Bytes of the database's main file from `offset` on, at most `length` of them; none at its end.
    ///
    /// They come through SQLite's own descriptor. Whoever opens the file beside it and closes it again lets go of all
    /// locks that this process holds on it. Source: sqlite.org/howtocorrupt.html, section 2.2.
    pub fn file_bytes(&self, offset: u64, length: usize) -> Result<Vec<u8>> {
        let locked = self.lock()?;
        // SAFETY: the lock is held; SQLite's file and its methods live as long as the connection is open.
        unsafe {
            let mut file: *mut ffi::sqlite3_file = null_mut();
            let asked = (&raw mut file).cast();
            let code = ffi::sqlite3_file_control(
                locked.database(),
                c"main".as_ptr(),
                ffi::SQLITE_FCNTL_FILE_POINTER,
                asked,
            );
            let methods = file.as_ref().and_then(|file| file.pMethods.as_ref());
            let read = methods.and_then(|methods| Some((methods.xFileSize?, methods.xRead?)));
            let Some((file_size, read)) = read.filter(|_| code == ffi::SQLITE_OK) else {
                return Err(failure(locked.database(), code, self.path()));
            };
            let mut size = 0;
            let code = file_size(file, &mut size);
            if code != ffi::SQLITE_OK {
                return Err(failure(null_mut(), code, self.path()));
            }
            let left = u64::try_from(size).unwrap_or(0).saturating_sub(offset);
            let mut bytes = vec![0; length.min(usize::try_from(left).unwrap_or(usize::MAX)).min(1 << 24)];
            let amount = c_int::try_from(bytes.len()).unwrap_or(0);
            let code = read(
                file,
                bytes.as_mut_ptr().cast(),
                amount,
                i64::try_from(offset).unwrap_or(i64::MAX),
            );
            if code != ffi::SQLITE_OK {
                return Err(failure(null_mut(), code, self.path()));
            }
            Ok(bytes)
        }
    }

    /// Ends whatever statement runs now, in any thread, with `Stopped`.
    pub fn interrupt(&self) {
        let handle = self.shared.interruptible.lock().unwrap_or_else(PoisonError::into_inner);
        if !handle.0.is_null() {
            // SAFETY: the lock keeps the handle open; SQLite allows this call from any thread.
            unsafe { ffi::sqlite3_interrupt(handle.0) };
        }
    }

    /// Closes it; an open transaction is rolled back. Streams of this connection fail when they are read next.
    pub fn close(&self) {
        self.shared.close();
    }
}

impl Shared {
    fn close(&self) {
        let mut handle = self.handle.lock().unwrap_or_else(PoisonError::into_inner);
        let mut interruptible = self.interruptible.lock().unwrap_or_else(PoisonError::into_inner);
        interruptible.0 = null_mut();
        let database = std::mem::replace(&mut handle.0, null_mut());
        // SAFETY: no other copy of the handle is left. `close_v2` waits for statements that are finalized later.
        unsafe { sqlite3_close_v2(database) };
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.close();
    }
}

/// Says why a path cannot be a database, in the operating system's words rather than SQLite's "unable to open".
fn check_file(path: &Path, mode: Mode) -> Result<()> {
    let file_error = |source| Error::File {
        path: path.to_owned(),
        source,
    };
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Err(file_error(std::io::Error::other("is a folder, not a database file"))),
        Ok(metadata) if !metadata.is_file() => Err(file_error(std::io::Error::other("is not a regular file"))),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && mode == Mode::Create => Ok(()),
        Err(error) => Err(file_error(error)),
    }
}

/// The operating system's own words, where it is what refuses a file that SQLite could not open.
///
/// The file is opened here only then: closing it lets go of the locks that other connections of this process hold on it.
fn better_reason(path: &Path, failure: Error) -> Error {
    match std::fs::File::open(path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => Error::File {
            path: path.to_owned(),
            source,
        },
        _ => failure,
    }
}

/// Whether the file's header says WAL (byte 18, "file format write version", is 2).
fn is_wal(path: &Path) -> bool {
    use std::io::Read;
    let mut header = [0u8; 20];
    std::fs::File::open(path)
        .and_then(|mut file| file.read_exact(&mut header))
        .is_ok()
        && header[18] == 2
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn file_name(path: &Path) -> Result<CString> {
    let bytes = path.as_os_str().as_encoded_bytes().to_vec();
    CString::new(bytes).map_err(|_| Error::Usage(format!("{}: a NUL character in a file's name", path.display())))
}

/// `file:…?immutable=1`, with everything escaped that a URI would read otherwise.
fn immutable_uri(name: &CStr) -> Result<CString> {
    let mut uri = String::from("file:");
    for byte in name.to_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' | b'~' => uri.push(char::from(*byte)),
            other => uri.push_str(&format!("%{other:02X}")),
        }
    }
    uri.push_str("?immutable=1");
    CString::new(uri).map_err(|_| Error::Usage("a NUL character in a file's name".to_owned()))
}

#[cfg(test)]
mod tests;
