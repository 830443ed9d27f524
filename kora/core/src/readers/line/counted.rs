//! A TCP socket that counts what goes over the line, and notices when the line is gone.

use std::io::{self, IoSlice, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

/// Seconds of silence after which the system asks whether the other end is still there.
#[cfg(target_os = "linux")]
const KEEPALIVE_IDLE_SECONDS: libc::c_int = 30;
/// Seconds between two such questions.
#[cfg(target_os = "linux")]
const KEEPALIVE_INTERVAL_SECONDS: libc::c_int = 10;
/// Questions without an answer after which the line counts as cut: a minute and a half after the last sign of life.
#[cfg(target_os = "linux")]
const KEEPALIVE_PROBES: libc::c_int = 6;

/// Bytes that connections sent and received over TCP, TLS and logins included, headers of packets not.
#[derive(Debug, Default)]
pub struct LineBytes {
    sent: AtomicU64,
    received: AtomicU64,
}

impl LineBytes {
    /// To the server.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// From the server.
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }
}

/// A socket with its counters.
#[derive(Debug)]
pub struct Counted {
    socket: TcpStream,
    line: Arc<LineBytes>,
}

impl Counted {
    /// Counts into `line` from now on, and has the system watch the line while a server is silent.
    ///
    /// # Errors
    /// The system's, where it does not take a setting.
    pub fn new(socket: TcpStream, line: Arc<LineBytes>) -> io::Result<Self> {
        keep_alive(&socket)?;
        Ok(Self { socket, line })
    }

    /// The socket beneath, for its settings.
    pub fn socket(&self) -> &TcpStream {
        &self.socket
    }
}

impl Read for Counted {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.socket.read(into)?;
        self.line.received.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.socket.write(bytes)?;
        self.line.sent.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }

    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        let count = self.socket.write_vectored(parts)?;
        self.line.sent.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

/// A server that computes for an hour sends nothing meanwhile; one that is gone does not either.
#[cfg(target_os = "linux")]
fn keep_alive(socket: &TcpStream) -> io::Result<()> {
    set(socket, libc::SOL_SOCKET, libc::SO_KEEPALIVE, 1)?;
    set(socket, libc::IPPROTO_TCP, libc::TCP_KEEPIDLE, KEEPALIVE_IDLE_SECONDS)?;
    set(
        socket,
        libc::IPPROTO_TCP,
        libc::TCP_KEEPINTVL,
        KEEPALIVE_INTERVAL_SECONDS,
    )?;
    set(socket, libc::IPPROTO_TCP, libc::TCP_KEEPCNT, KEEPALIVE_PROBES)
}

/// Elsewhere the system's own patience holds.
#[cfg(not(target_os = "linux"))]
fn keep_alive(socket: &TcpStream) -> io::Result<()> {
    set(socket, libc::SOL_SOCKET, libc::SO_KEEPALIVE, 1)
}

/// Sets an option of a socket that is a C int.
pub(super) fn set(socket: &TcpStream, level: libc::c_int, name: libc::c_int, value: libc::c_int) -> io::Result<()> {
    use std::os::fd::AsRawFd;
    // SAFETY: the descriptor is open as long as `socket` is, and the value is a C int of the size that is named.
    let outcome = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            name,
            std::ptr::from_ref(&value).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    match outcome {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
