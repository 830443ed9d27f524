//! The line to a server, whichever engine listens at its end: addresses, sockets, TLS.
pub mod certificate;
pub mod held;
pub mod inbox;
pub mod tls;
pub mod transport;

pub use held::{hold, pump_guarded, Guarded};
pub use inbox::Inbox;
pub use transport::{connect, lost, unreachable, Transport};
