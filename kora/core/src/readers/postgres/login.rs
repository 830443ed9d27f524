//! From settings to a session that is ready for its first statement: addresses, TLS or not, the password.

use super::reply::{c_string, ServerError};
use super::settings::{Host, Settings, SslMode};
use super::wire::{lost, protocol, Frame, Wire, ENGINE};
use crate::error::{Error, Result};
use crate::readers::line::tls::{server_end_point, Tls};
use crate::readers::line::{self, Counted, Transport};
use bytes::BytesMut;
use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{ChannelBinding, ScramSha256, SCRAM_SHA_256, SCRAM_SHA_256_PLUS};
use postgres_protocol::message::frontend;
use std::collections::HashMap;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

/// `SSLRequest`: length 8, code 80877103.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// A session that is ready, and what the server said of itself.
pub struct Session {
    /// Its messages.
    pub wire: Wire,
    /// ParameterStatus values by name.
    pub parameters: HashMap<String, String>,
}

/// No server reports so many settings of its own; whoever goes on for ever is none.
const MAX_PARAMETERS: usize = 1000;

/// A server's default is 4,096. More than this keeps a core busy for seconds, and a stranger may ask for four billion.
const MAX_SCRAM_ITERATIONS: u32 = 1_000_000;

impl Session {
    /// Keeps a ParameterStatus message. Refuses more of them than any server sends.
    pub fn report(&mut self, frame: &Frame) -> Result<()> {
        let (name, rest) = c_string(self.wire.body(frame))?;
        let (value, _) = c_string(rest)?;
        self.parameters.insert(name, value);
        match self.parameters.len() {
            0..=MAX_PARAMETERS => Ok(()),
            _ => Err(protocol(format!("more than {MAX_PARAMETERS} parameters"))),
        }
    }
}

/// How one attempt meets TLS.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Encryption {
    Never,
    IfOffered,
    Always,
}

/// Connects and logs in.
///
/// Errors: [`Error::Connection`] if the server cannot be reached or is not taking logins now, [`Error::Denied`] if it
/// refuses this login or one side does not trust the other's certificate.
pub fn log_in(settings: &Settings) -> Result<Session> {
    let host = match &settings.host {
        Host::SocketFolder(folder) => {
            let path = folder.join(format!(".s.PGSQL.{}", settings.port));
            let socket = UnixStream::connect(&path)
                .map_err(|error| line::unreachable(ENGINE, &path.display().to_string(), &error))?;
            return authenticate(Transport::Unix(socket), settings);
        }
        Host::Network(host) => host,
    };
    let tls = match settings.ssl_mode {
        SslMode::Disable => None,
        _ => Some(Tls::new(&settings.tls()?)?),
    };
    let (first, second) = match settings.ssl_mode {
        SslMode::Disable => (Encryption::Never, None),
        SslMode::Allow => (Encryption::Never, Some(Encryption::Always)),
        SslMode::Prefer => (Encryption::IfOffered, Some(Encryption::Never)),
        SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => (Encryption::Always, None),
    };
    let outcome = attempt(settings, host, tls.as_ref(), first);
    match (outcome, second) {
        (Err(refusal @ Error::Denied { .. }), Some(other)) => {
            attempt(settings, host, tls.as_ref(), other).map_err(|error| both(refusal, &error))
        }
        (outcome, _) => outcome,
    }
}

/// Two refusals in one: which of them tells the reason depends on what the server's rules allow.
fn both(first: Error, second: &Error) -> Error {
    match (first, second) {
        (Error::Denied { message, .. }, Error::Denied { message: other, .. }) if message != *other => Error::Denied {
            engine: ENGINE,
            message: format!("{message}; on the second try: {other}"),
        },
        (first, _) => first,
    }
}

fn attempt(settings: &Settings, host: &str, tls: Option<&Tls>, encryption: Encryption) -> Result<Session> {
    let mut socket = line::connect(ENGINE, host, settings.port, settings.connect_timeout, &settings.line)?;
    let transport = match (encryption, tls) {
        (Encryption::IfOffered | Encryption::Always, Some(tls)) => match tls_offered(&mut socket)? {
            true => tls.handshake(socket, host)?,
            false if encryption == Encryption::IfOffered => Transport::Tcp(socket),
            false => return Err(denied("the server does not speak TLS, but sslmode demands it")),
        },
        _ => Transport::Tcp(socket),
    };
    authenticate(transport, settings)
}

/// Asks for TLS. Exactly one byte is read: whatever came before the handshake would not be authentic.
fn tls_offered(socket: &mut Counted) -> Result<bool> {
    let mut answer = [0];
    socket
        .write_all(&SSL_REQUEST)
        .and_then(|()| socket.read_exact(&mut answer))
        .map_err(lost)?;
    match answer[0] {
        b'S' => Ok(true),
        b'N' => Ok(false),
        _ => Err(denied("the server does not understand a request for TLS")),
    }
}

fn authenticate(transport: Transport, settings: &Settings) -> Result<Session> {
    transport.set_timeout(settings.connect_timeout).map_err(lost)?;
    let mut session = Session {
        wire: Wire::new(transport),
        parameters: HashMap::new(),
    };
    let mut parameters = vec![
        ("user", settings.user.as_str()),
        ("database", settings.database.as_str()),
        ("client_encoding", "UTF8"),
    ];
    parameters.extend(
        settings
            .application_name
            .as_deref()
            .map(|name| ("application_name", name)),
    );
    parameters.extend(settings.options.as_deref().map(|options| ("options", options)));
    let mut out = BytesMut::new();
    frontend::startup_message(parameters, &mut out).map_err(|error| Error::Usage(error.to_string()))?;
    session.wire.send(&out)?;
    prove_identity(&mut session, settings)?;
    await_readiness(&mut session)?;
    Ok(session)
}

/// Answers the server's question for a password until it is content.
fn prove_identity(session: &mut Session, settings: &Settings) -> Result<()> {
    loop {
        let wire = &mut session.wire;
        let body = expect(wire, b'R')?;
        let (code, data) = split_code(&body)?;
        match code {
            0 => return Ok(()),
            3 => send_password(wire, password(settings)?.as_bytes())?,
            5 => {
                let salt = data
                    .try_into()
                    .map_err(|_| protocol("an MD5 salt that is not 4 bytes"))?;
                let hash = md5_hash(settings.user.as_bytes(), password(settings)?.as_bytes(), salt);
                send_password(wire, hash.as_bytes())?;
            }
            10 => scram(wire, data, password(settings)?)?,
            _ => {
                let name = match code {
                    2 => "Kerberos V5",
                    7 | 8 => "GSSAPI",
                    9 => "SSPI",
                    _ => "an unknown method",
                };
                return Err(denied(format!(
                    "the server asks for {name}; only passwords and certificates are known"
                )));
            }
        }
    }
}

fn password(settings: &Settings) -> Result<&str> {
    let password = settings.password.as_ref().map(|password| password.as_str());
    password.ok_or_else(|| denied("the server asks for a password and none was given"))
}

fn send_password(wire: &mut Wire, password: &[u8]) -> Result<()> {
    let mut out = BytesMut::new();
    frontend::password_message(password, &mut out).map_err(|error| Error::Usage(error.to_string()))?;
    wire.send(&out)
}

/// SCRAM-SHA-256 (RFC 5802, RFC 7677), bound to the TLS channel where both sides can. The server proves itself too:
/// without its signature this fails.
fn scram(wire: &mut Wire, mechanisms: &[u8], password: &str) -> Result<()> {
    let (mechanism, binding) = choose_mechanism(wire, mechanisms)?;
    let mut exchange = ScramSha256::new(password.as_bytes(), binding);
    let mut out = BytesMut::new();
    frontend::sasl_initial_response(mechanism, exchange.message(), &mut out)
        .map_err(|error| protocol(error.to_string()))?;
    wire.send(&out)?;
    let body = expect(wire, b'R')?;
    let (11, challenge) = split_code(&body)? else {
        return Err(denied("the server broke off the SCRAM exchange"));
    };
    if iterations(challenge).is_none_or(|count| count > MAX_SCRAM_ITERATIONS) {
        return Err(denied(format!(
            "the server asks for more than {MAX_SCRAM_ITERATIONS} rounds of SCRAM, or does not say how many"
        )));
    }
    exchange
        .update(challenge)
        .map_err(|error| denied(format!("SCRAM: {error}")))?;
    out.clear();
    frontend::sasl_response(exchange.message(), &mut out).map_err(|error| protocol(error.to_string()))?;
    wire.send(&out)?;
    let body = expect(wire, b'R')?;
    let (12, signature) = split_code(&body)? else {
        return Err(denied("the server broke off the SCRAM exchange"));
    };
    exchange
        .finish(signature)
        .map_err(|error| denied(format!("the server did not prove itself: {error}")))
}

/// The rounds that a server's first SCRAM message asks for: its attribute `i`.
fn iterations(challenge: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(challenge).ok()?;
    text.split(',').find_map(|part| part.strip_prefix("i="))?.parse().ok()
}

fn choose_mechanism(wire: &Wire, mut mechanisms: &[u8]) -> Result<(&'static str, ChannelBinding)> {
    let (mut plain, mut plus) = (false, false);
    while mechanisms.first().is_some_and(|byte| *byte != 0) {
        let (name, rest) = c_string(mechanisms)?;
        plain |= name == SCRAM_SHA_256;
        plus |= name == SCRAM_SHA_256_PLUS;
        mechanisms = rest;
    }
    match (plus, plain, server_end_point(wire.transport())) {
        (true, _, Some(digest)) => Ok((SCRAM_SHA_256_PLUS, ChannelBinding::tls_server_end_point(digest))),
        // `y`: this side could have bound the channel; a server that offered it and was cut off notices.
        (false, true, Some(_)) => Ok((SCRAM_SHA_256, ChannelBinding::unrequested())),
        (_, true, None) => Ok((SCRAM_SHA_256, ChannelBinding::unsupported())),
        _ => Err(denied("the server offers no SASL mechanism that is known here")),
    }
}

/// The next message of this kind before the login is through. An error or a notice may come instead.
fn expect(wire: &mut Wire, tag: u8) -> Result<Vec<u8>> {
    loop {
        let frame = wire.receive()?;
        let body = wire.body(&frame);
        match frame.tag {
            found if found == tag => return Ok(body.to_vec()),
            b'E' => return Err(ServerError::parse(body)?.into_login_error()),
            b'N' | b'v' => {}
            other => return Err(protocol(format!("message {other:#04x} during the login"))),
        }
    }
}

fn await_readiness(session: &mut Session) -> Result<()> {
    loop {
        let frame = session.wire.receive()?;
        let body = session.wire.body(&frame);
        match frame.tag {
            b'Z' => return session.wire.logged_in(),
            b'S' => session.report(&frame)?,
            b'E' => return Err(ServerError::parse(body)?.into_login_error()),
            b'K' | b'N' | b'v' => {}
            other => return Err(protocol(format!("message {other:#04x} after the login"))),
        }
    }
}

fn split_code(body: &[u8]) -> Result<(u32, &[u8])> {
    match body {
        [a, b, c, d, rest @ ..] => Ok((u32::from_be_bytes([*a, *b, *c, *d]), rest)),
        _ => Err(protocol("an authentication message without its code")),
    }
}

fn denied(message: impl Into<String>) -> Error {
    Error::Denied {
        engine: ENGINE,
        message: message.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rounds_of_scram_are_read_where_they_stand() {
        assert_eq!(iterations(b"r=abc,s=AAAA,i=4096"), Some(4096));
        assert_eq!(iterations(b"r=i,s=i=7,i=4294967295"), Some(u32::MAX));
        assert_eq!(iterations(b"r=abc,s=AAAA,i=4294967296"), None);
        assert_eq!(iterations(b"r=abc"), None);
        assert_eq!(iterations(b"\xff"), None);
    }
}
