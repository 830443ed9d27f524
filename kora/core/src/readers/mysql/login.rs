//! From settings to a session that is ready for its first statement: the greeting, TLS or not, the password.

use super::auth;
use super::reply::{Fields, ServerError};
use super::sealed::ServerKey;
use super::settings::{Settings, SslMode};
use super::wire::{framed, protocol, Wire, ENGINE};
use crate::error::{Error, Result};
use crate::readers::line::tls::Tls;
use crate::readers::line::{self, Transport};
use std::os::unix::net::UnixStream;
use zeroize::Zeroizing;

const LONG_PASSWORD: u32 = 1;
const CONNECT_WITH_DB: u32 = 1 << 3;
const PROTOCOL_41: u32 = 1 << 9;
const SSL: u32 = 1 << 11;
const TRANSACTIONS: u32 = 1 << 13;
const SECURE_CONNECTION: u32 = 1 << 15;
/// A CALL may answer with several results. Several statements in one (bit 16) are never asked for.
const MULTI_RESULTS: u32 = 1 << 17;
/// As [`MULTI_RESULTS`], for what is prepared.
const PS_MULTI_RESULTS: u32 = 1 << 18;
const PLUGIN_AUTH: u32 = 1 << 19;
const PLUGIN_AUTH_LENENC: u32 = 1 << 21;
const DEPRECATE_EOF: u32 = 1 << 24;
/// What this side can; MariaDB's server leaves the first flag out to say that it is MariaDB.
const WANTED: u32 = LONG_PASSWORD
    | PROTOCOL_41
    | TRANSACTIONS
    | SECURE_CONNECTION
    | MULTI_RESULTS
    | PS_MULTI_RESULTS
    | PLUGIN_AUTH
    | PLUGIN_AUTH_LENENC
    | DEPRECATE_EOF;
/// `utf8mb4_general_ci`: statements are sent in UTF-8.
const COLLATION: u8 = 45;
const MAX_GREETING_BYTES: usize = 4096;
const MAX_PACKET_BYTES: u32 = 1 << 30;

/// A session that is ready, and what the server said of itself.
pub struct Session {
    /// Its packets.
    pub wire: Wire,
    /// As `10.11.6-MariaDB`.
    pub version: String,
    /// Whether rows end in a packet of an OK packet's form.
    pub ends_as_ok: bool,
}

/// The server's first packet.
#[derive(Debug, PartialEq, Eq)]
struct Greeting {
    version: String,
    capabilities: u32,
    plugin: String,
    challenge: Vec<u8>,
}

/// Who may read what goes over a line.
enum Privacy {
    /// Nobody else: TLS, or a Unix socket.
    Private,
    /// Anybody; with the key under which the server alone reads.
    Open(Option<ServerKey>),
}

impl Privacy {
    /// Of a line that is not encrypted.
    fn open(settings: &Settings) -> Result<Self> {
        let key = settings.server_public_key.as_deref().map(ServerKey::read);
        Ok(Self::Open(key.transpose()?))
    }

    /// The password itself, for a plugin that checks nothing less, as the line allows it.
    fn hand_over(&self, plugin: &str, password: &str, challenge: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        match self {
            Self::Private => Ok(clear_text(password)),
            // Without a password there is nothing to hide.
            Self::Open(_) if password.is_empty() => Ok(clear_text("")),
            Self::Open(Some(key)) if plugin != auth::CLEAR => key.seal(password, challenge),
            Self::Open(_) => Err(in_the_open(plugin)),
        }
    }
}

fn in_the_open(plugin: &str) -> Error {
    let (why, also) = match plugin {
        auth::CACHING_SHA2 => (", not in its cache", ", or server-public-key-path="),
        auth::SHA256 => ("", ", or server-public-key-path="),
        _ => ("", ""),
    };
    denied(format!(
        "the server wants the password itself ({plugin}{why}), and this line is not encrypted: use ssl-mode=REQUIRED or \
         the server's socket{also}"
    ))
}

/// Connects and logs in.
///
/// Errors: [`Error::Connection`] if the server cannot be reached or is not taking logins now, [`Error::Denied`] if it
/// refuses this login, asks for a proof that is not known here, or one side does not trust the other's certificate;
/// [`Error::Engine`] for a database that does not exist.
pub fn log_in(settings: &Settings) -> Result<Session> {
    if let Some(path) = &settings.socket {
        let socket = UnixStream::connect(path)
            .map_err(|error| line::unreachable(ENGINE, &path.display().to_string(), &error))?;
        let mut transport = Transport::Unix(socket);
        transport
            .set_timeout(settings.connect_timeout)
            .map_err(|error| line::lost(ENGINE, &error))?;
        let (greeting, sequence) = read_greeting(&mut transport)?;
        return authenticate(Wire::new(transport, sequence), &greeting, settings, &Privacy::Private);
    }
    let tls = match settings.ssl_mode {
        SslMode::Disabled => None,
        _ => Some(Tls::new(&settings.tls()?)?),
    };
    let socket = line::connect(
        ENGINE,
        &settings.host,
        settings.port,
        settings.connect_timeout,
        &settings.line,
    )?;
    let mut transport = Transport::Tcp(socket);
    let (greeting, sequence) = read_greeting(&mut transport)?;
    match (tls, greeting.capabilities & SSL != 0) {
        (Some(tls), true) => {
            let transport = encrypted(transport, &tls, &greeting, settings, sequence)?;
            authenticate(
                Wire::new(transport, sequence.wrapping_add(1)),
                &greeting,
                settings,
                &Privacy::Private,
            )
        }
        (Some(_), false) if settings.ssl_mode != SslMode::Preferred => {
            Err(denied("the server does not speak TLS, but ssl-mode demands it"))
        }
        _ => {
            let privacy = Privacy::open(settings)?;
            authenticate(Wire::new(transport, sequence), &greeting, settings, &privacy)
        }
    }
}

/// Says which capabilities this side has, and shakes hands. Nothing that came before is trusted afterwards: the server
/// reads the capabilities again.
fn encrypted(
    mut transport: Transport,
    tls: &Tls,
    greeting: &Greeting,
    settings: &Settings,
    sequence: u8,
) -> Result<Transport> {
    let request = login_head(capabilities(greeting, settings) | SSL);
    transport
        .write_all(&framed(&request, sequence))
        .map_err(|error| line::lost(ENGINE, &error))?;
    match transport {
        Transport::Tcp(socket) => tls.handshake(socket, &settings.host),
        other => Ok(other),
    }
}

/// Reads exactly one packet: whatever follows may be TLS. Gives the sequence number of the answer too.
fn read_greeting(transport: &mut Transport) -> Result<(Greeting, u8)> {
    let mut header = [0; 4];
    read_exactly(transport, &mut header)?;
    let [a, b, c, sequence] = header;
    let length = u32::from_le_bytes([a, b, c, 0]) as usize;
    if length > MAX_GREETING_BYTES {
        return Err(protocol(format!(
            "a greeting of {length} bytes: is this MariaDB or MySQL?"
        )));
    }
    let mut body = vec![0; length];
    read_exactly(transport, &mut body)?;
    Ok((Greeting::parse(&body)?, sequence.wrapping_add(1)))
}

fn read_exactly(transport: &mut Transport, mut into: &mut [u8]) -> Result<()> {
    while !into.is_empty() {
        match transport.read(into) {
            Ok(0) => return Err(line::lost(ENGINE, &std::io::ErrorKind::UnexpectedEof.into())),
            Ok(count) => into = into.split_at_mut(count).1,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(line::lost(ENGINE, &error)),
        }
    }
    Ok(())
}

impl Greeting {
    fn parse(body: &[u8]) -> Result<Self> {
        let mut fields = Fields(body);
        match fields.byte()? {
            10 => {}
            0xff => return Err(ServerError::parse(body)?.into_login_error()),
            other => return Err(protocol(format!("protocol version {other}, where 10 is known"))),
        }
        let version = String::from_utf8_lossy(fields.until_nul()).into_owned();
        fields.number_4()?; // the session's number
        let mut challenge = fields.take(8)?.to_vec();
        fields.byte()?;
        let low = fields.number_2()?;
        fields.byte()?; // collation
        fields.number_2()?; // status
        let capabilities = u32::from(low) | u32::from(fields.number_2()?) << 16;
        let length = usize::from(fields.byte()?);
        fields.take(10)?;
        if capabilities & (PROTOCOL_41 | SECURE_CONNECTION) != PROTOCOL_41 | SECURE_CONNECTION {
            return Err(denied("the server speaks only the protocol of MySQL before 4.1"));
        }
        let second = fields.take(length.saturating_sub(8).max(13).min(fields.0.len()))?;
        challenge.extend_from_slice(second.strip_suffix(b"\0").unwrap_or(second));
        let plugin = match capabilities & PLUGIN_AUTH {
            0 => auth::NATIVE.into(),
            _ => String::from_utf8_lossy(fields.until_nul()).into_owned(),
        };
        Ok(Self {
            // MariaDB hides its version behind one that old replicas understand.
            version: version.strip_prefix("5.5.5-").unwrap_or(&version).to_owned(),
            capabilities,
            plugin,
            challenge,
        })
    }
}

fn capabilities(greeting: &Greeting, settings: &Settings) -> u32 {
    let database = if settings.database.is_empty() {
        0
    } else {
        CONNECT_WITH_DB
    };
    (WANTED | database) & (greeting.capabilities | LONG_PASSWORD)
}

/// What a request for TLS and a login begin with.
fn login_head(capabilities: u32) -> Vec<u8> {
    let mut head = capabilities.to_le_bytes().to_vec();
    head.extend_from_slice(&MAX_PACKET_BYTES.to_le_bytes());
    head.push(COLLATION);
    head.extend_from_slice(&[0; 23]);
    head
}

fn authenticate(mut wire: Wire, greeting: &Greeting, settings: &Settings, privacy: &Privacy) -> Result<Session> {
    let mut flags = capabilities(greeting, settings);
    if matches!(wire.transport(), Transport::Tls(_)) {
        flags |= SSL;
    }
    let password = settings.password.as_ref().map_or("", |password| password.as_str());
    // A plugin that is not known may turn into one that is: the server asks for the account's own afterwards.
    let known = [auth::NATIVE, auth::CACHING_SHA2].contains(&greeting.plugin.as_str());
    let plugin = if known { greeting.plugin.as_str() } else { auth::NATIVE };
    let proof = prove(plugin, password, &greeting.challenge, privacy)?;
    let mut login = Zeroizing::new(login_head(flags));
    login.extend_from_slice(settings.user.as_bytes());
    login.push(0);
    login.push(u8::try_from(proof.len()).map_err(|_| denied("the password is too long for this login"))?);
    login.extend_from_slice(&proof);
    if flags & CONNECT_WITH_DB != 0 {
        login.extend_from_slice(settings.database.as_bytes());
        login.push(0);
    }
    if flags & PLUGIN_AUTH != 0 {
        login.extend_from_slice(plugin.as_bytes());
        login.push(0);
    }
    wire.reply(&login)?;
    await_welcome(&mut wire, plugin, password, (&greeting.challenge, privacy))?;
    wire.logged_in()?;
    Ok(Session {
        wire,
        version: greeting.version.clone(),
        ends_as_ok: flags & DEPRECATE_EOF != 0,
    })
}

/// Answers the server's questions until it is content. `line`: the greeting's challenge, and who may read the answers.
fn await_welcome(wire: &mut Wire, plugin: &str, password: &str, line: (&[u8], &Privacy)) -> Result<()> {
    let (mut plugin, mut challenge, privacy) = (plugin.to_owned(), line.0.to_vec(), line.1);
    loop {
        let packet = wire.receive()?;
        let body = wire.body(&packet).to_vec();
        match body.split_first() {
            Some((0, _)) => return Ok(()),
            Some((0xff, _)) => return Err(ServerError::parse(&body)?.into_login_error()),
            Some((0xfe, [])) => return Err(denied("the server asks for a password hash of MySQL before 4.1")),
            Some((0xfe, question)) => {
                let mut fields = Fields(question);
                plugin = String::from_utf8_lossy(fields.until_nul()).into_owned();
                challenge = fields.0.strip_suffix(b"\0").unwrap_or(fields.0).to_vec();
                let proof = prove(&plugin, password, &challenge, privacy)?;
                wire.reply(&proof)?;
            }
            // The proof was found in the server's cache: a welcome follows.
            Some((1, [3])) if plugin == auth::CACHING_SHA2 => {}
            Some((1, [4])) if plugin == auth::CACHING_SHA2 => {
                wire.reply(&privacy.hand_over(&plugin, password, &challenge)?)?;
            }
            _ => return Err(protocol("a packet during the login that makes no sense")),
        }
    }
}

/// The answer to a plugin's challenge.
fn prove(plugin: &str, password: &str, challenge: &[u8], privacy: &Privacy) -> Result<Zeroizing<Vec<u8>>> {
    match plugin {
        auth::NATIVE => Ok(Zeroizing::new(auth::native(password, challenge))),
        auth::CACHING_SHA2 => Ok(Zeroizing::new(auth::caching_sha2(password, challenge))),
        auth::CLEAR | auth::SHA256 => privacy.hand_over(plugin, password, challenge),
        other => Err(denied(format!(
            "the server asks for the authentication plugin {other:?}, which is not known here; known are {}, {}, {} and \
             {}: give this account one of them (MariaDB: ALTER USER … IDENTIFIED VIA {} USING PASSWORD(…); MySQL: ALTER USER \
             … IDENTIFIED WITH {} BY …)",
            auth::NATIVE,
            auth::CACHING_SHA2,
            auth::SHA256,
            auth::CLEAR,
            auth::NATIVE,
            auth::CACHING_SHA2
        ))),
    }
}

fn clear_text(password: &str) -> Zeroizing<Vec<u8>> {
    let mut text = Zeroizing::new(Vec::with_capacity(password.len() + 1));
    text.extend_from_slice(password.as_bytes());
    text.push(0);
    text
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

    const GREETING: &[u8] = b"\x0a5.5.5-10.11.6-MariaDB\0\x01\0\0\0abcdefgh\0\xfe\xff\x2d\x02\0\xff\x81\x15\
        \0\0\0\0\0\0\0\0\0\0ijklmnopqrst\0mysql_native_password\0";

    #[test]
    fn a_greeting_gives_version_challenge_and_plugin() {
        let greeting = Greeting::parse(GREETING).unwrap();
        assert_eq!(greeting.version, "10.11.6-MariaDB");
        assert_eq!(greeting.challenge, b"abcdefghijklmnopqrst");
        assert_eq!(greeting.plugin, auth::NATIVE);
        assert!(greeting.capabilities & SSL != 0);
    }

    #[test]
    fn several_results_are_announced_and_several_statements_are_not() {
        let settings = Settings::from_pairs([("host", "h"), ("user", "u")].map(|(a, b)| (a.to_owned(), b.to_owned())));
        let flags = capabilities(&Greeting::parse(GREETING).unwrap(), &settings.unwrap());
        assert_eq!(
            flags & (MULTI_RESULTS | PS_MULTI_RESULTS),
            MULTI_RESULTS | PS_MULTI_RESULTS
        );
        assert_eq!(flags & 1 << 16, 0);
    }

    #[test]
    fn a_greeting_cut_anywhere_never_panics() {
        for end in 0..GREETING.len() {
            let _ = Greeting::parse(&GREETING[..end]);
        }
        assert!(matches!(Greeting::parse(b"SSH-2.0"), Err(Error::Protocol { .. })));
        let full = Greeting::parse(b"\xff\x10\x04Too many connections");
        assert!(matches!(full, Err(Error::Connection { .. })));
    }

    #[test]
    fn an_unknown_plugin_is_refused_by_name_and_text_never_leaves_in_the_open() {
        let refusal = prove("auth_gssapi_client", "x", b"", &Privacy::Private).unwrap_err();
        assert!(refusal.to_string().contains("auth_gssapi_client"));
        for plugin in [auth::CLEAR, auth::SHA256] {
            let open = Privacy::Open(None);
            assert!(matches!(prove(plugin, "x", b"", &open), Err(Error::Denied { .. })));
        }
    }
}
