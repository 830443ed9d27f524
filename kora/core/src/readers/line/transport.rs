//! One socket, plain or with TLS, and its failures in the core's words.

use super::counted::{self, Counted, LineBytes};
use crate::error::{Error, Result};
use rustls::{ClientConnection, StreamOwned};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

/// A connected stream.
pub enum Transport {
    /// Plain TCP.
    Tcp(Counted),
    /// A Unix socket.
    Unix(UnixStream),
    /// TLS over TCP.
    Tls(Box<StreamOwned<ClientConnection, Counted>>),
}

impl Transport {
    /// Bounds every later read and write; `None` lifts the bound.
    pub fn set_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        let socket = match self {
            Self::Unix(socket) => {
                return socket.set_read_timeout(timeout).and(socket.set_write_timeout(timeout));
            }
            Self::Tcp(socket) => socket.socket(),
            Self::Tls(stream) => stream.sock.socket(),
        };
        socket.set_read_timeout(timeout).and(socket.set_write_timeout(timeout))
    }

    /// Wakes the reader only when so many bytes have come, or its patience has ended ([`ErrorKind::WouldBlock`] if
    /// nothing has). Plain TCP alone: elsewhere nothing changes, and the answer is `false`.
    pub fn gather(&self, bytes: usize, patience: Option<Duration>) -> io::Result<bool> {
        let Self::Tcp(socket) = self else { return Ok(false) };
        let bytes = libc::c_int::try_from(bytes).unwrap_or(1);
        counted::set(socket.socket(), libc::SOL_SOCKET, libc::SO_RCVLOWAT, bytes)?;
        socket.socket().set_read_timeout(patience).map(|()| true)
    }

    /// Reads what there is, at least one byte; zero at the stream's end.
    pub fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(socket) => socket.read(into),
            Self::Unix(socket) => socket.read(into),
            Self::Tls(stream) => stream.read(into),
        }
    }

    /// Sends all of it.
    pub fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Tcp(socket) => socket.write_all(bytes),
            Self::Unix(socket) => socket.write_all(bytes),
            Self::Tls(stream) => stream.write_all(bytes).and_then(|()| stream.flush()),
        }
    }
}

/// Connects to the first address of a host that answers, without delay for small messages and with `timeout` on each
/// step until it is lifted; `None` waits as long as the system does. What goes over the line is counted into `line`.
pub fn connect(
    engine: &'static str,
    host: &str,
    port: u16,
    timeout: Option<Duration>,
    line: &Arc<LineBytes>,
) -> Result<Counted> {
    let place = format!("{host}:{port}");
    let addresses = (host, port)
        .to_socket_addrs()
        .map_err(|error| unreachable(engine, &place, &error))?;
    let mut failure = unreachable(engine, &place, &io::Error::other("the name has no address"));
    for address in addresses {
        let connected = match timeout {
            Some(timeout) => TcpStream::connect_timeout(&address, timeout),
            None => TcpStream::connect(address),
        };
        match connected {
            Ok(socket) => {
                let set = socket
                    .set_nodelay(true)
                    .and(socket.set_read_timeout(timeout))
                    .and(socket.set_write_timeout(timeout));
                return set
                    .and_then(|()| Counted::new(socket, Arc::clone(line)))
                    .map_err(|error| lost(engine, &error));
            }
            Err(error) => failure = unreachable(engine, &place, &error),
        }
    }
    Err(failure)
}

/// A server that nobody reaches.
pub fn unreachable(engine: &'static str, place: &str, error: &io::Error) -> Error {
    Error::Connection {
        engine,
        message: format!("{place}: {error}"),
    }
}

/// A broken line as the core's error.
///
/// TLS trouble is a refusal, not a broken line: trying again does not help.
pub fn lost(engine: &'static str, error: &io::Error) -> Error {
    if let Some(refusal) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        return Error::Denied {
            engine,
            message: format!("TLS: {refusal}"),
        };
    }
    let message = match error.kind() {
        ErrorKind::UnexpectedEof => "the server closed the connection".into(),
        ErrorKind::WouldBlock | ErrorKind::TimedOut => "the server did not answer in time".into(),
        _ => error.to_string(),
    };
    Error::Connection { engine, message }
}
