//! The line to a server, whichever engine listens at its end: addresses, sockets, TLS.
pub mod certificate;
pub mod counted;
pub mod held;
pub mod inbox;
pub mod tls;
pub mod transport;

pub use counted::{Counted, LineBytes};
pub use held::{hold, pump_guarded, Guarded};
pub use inbox::Inbox;
pub use transport::{connect, lost, unreachable, Transport};
