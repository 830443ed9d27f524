//! What a login needs, in the words of MySQL's clients. No environment, no option files: the caller says everything.

use super::wire::ENGINE;
use crate::error::{Error, Result};
use crate::readers::line::tls::TlsSettings;
use crate::readers::line::LineBytes;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use zeroize::Zeroizing;

/// The keywords that are understood, for messages.
const KEYWORDS: &str =
    "host, port, socket, user, password, database, ssl-mode, ssl-ca, ssl-cert, ssl-key, server-public-key-path, \
     connect_timeout";

/// MySQL's `ssl-mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SslMode {
    /// Never TLS.
    Disabled,
    /// TLS where the server offers it.
    Preferred,
    /// TLS or nothing; the certificate is checked only where a root certificate is given.
    Required,
    /// The certificate must come from the root certificate.
    VerifyCa,
    /// And it must name the host.
    VerifyIdentity,
}

/// One server, one login.
pub struct Settings {
    /// Name or address of the server, where no socket is named.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// The Unix socket's path.
    pub socket: Option<PathBuf>,
    /// Account.
    pub user: String,
    /// Its password, wiped from memory when dropped.
    pub password: Option<Zeroizing<String>>,
    /// Database to be in; empty for none.
    pub database: String,
    /// How much TLS.
    pub ssl_mode: SslMode,
    /// PEM file of trusted roots.
    pub ssl_ca: Option<PathBuf>,
    /// PEM file of the client's own certificate.
    pub ssl_certificate: Option<PathBuf>,
    /// PEM file of its key.
    pub ssl_key: Option<PathBuf>,
    /// PEM file of the server's public key, for passwords over a line that is not encrypted.
    pub server_public_key: Option<PathBuf>,
    /// How long connecting and each step of the login may take; `None` waits as long as the system does.
    pub connect_timeout: Option<Duration>,
    /// Counts what every connection of these settings sends and receives over TCP.
    pub line: Arc<LineBytes>,
}

impl Settings {
    /// Reads keywords. An empty value counts as absent.
    ///
    /// Errors: [`Error::Usage`] for an unknown keyword, a missing user, or a value out of range.
    pub fn from_pairs<I: IntoIterator<Item = (String, String)>>(pairs: I) -> Result<Self> {
        let mut settings = Self {
            host: "localhost".into(),
            port: 3306,
            socket: None,
            user: String::new(),
            password: None,
            database: String::new(),
            ssl_mode: SslMode::Preferred,
            ssl_ca: None,
            ssl_certificate: None,
            ssl_key: None,
            server_public_key: None,
            connect_timeout: None,
            line: Arc::default(),
        };
        for (keyword, value) in pairs.into_iter().filter(|(_, value)| !value.is_empty()) {
            settings.set(&keyword, value)?;
        }
        if settings.user.is_empty() {
            return Err(Error::Usage("MariaDB settings name no user".into()));
        }
        if settings.user.contains('\0') || settings.database.contains('\0') {
            return Err(Error::Usage("a MariaDB setting holds a NUL character".into()));
        }
        Ok(settings)
    }

    fn set(&mut self, keyword: &str, value: String) -> Result<()> {
        match keyword {
            "host" => self.host = value,
            "port" => self.port = number(keyword, &value)?,
            "socket" => self.socket = Some(value.into()),
            "user" => self.user = value,
            "password" => self.password = Some(Zeroizing::new(value)),
            "database" => self.database = value,
            "ssl-mode" => self.ssl_mode = ssl_mode(&value)?,
            "ssl-ca" => self.ssl_ca = Some(value.into()),
            "ssl-cert" => self.ssl_certificate = Some(value.into()),
            "ssl-key" => self.ssl_key = Some(value.into()),
            "server-public-key-path" => self.server_public_key = Some(value.into()),
            "connect_timeout" => {
                let seconds = number(keyword, &value)?;
                self.connect_timeout = (seconds > 0).then(|| Duration::from_secs(seconds));
            }
            _ => {
                let message = format!("unknown MariaDB setting {keyword:?}; known are {KEYWORDS}");
                return Err(Error::Usage(message));
            }
        }
        Ok(())
    }

    /// What TLS needs to know.
    ///
    /// Errors: [`Error::Usage`] for a mode that lacks its root certificate, or half of a client certificate.
    pub fn tls(&self) -> Result<TlsSettings<'_>> {
        let checks = matches!(self.ssl_mode, SslMode::VerifyCa | SslMode::VerifyIdentity);
        if checks && self.ssl_ca.is_none() {
            return Err(Error::Usage(
                "ssl-mode VERIFY_CA and VERIFY_IDENTITY need ssl-ca".into(),
            ));
        }
        let own = match (&self.ssl_certificate, &self.ssl_key) {
            (None, None) => None,
            (Some(certificate), Some(key)) => Some((certificate.as_path(), key.as_path())),
            _ => {
                return Err(Error::Usage(
                    "ssl-cert and ssl-key belong together: one of them is missing".into(),
                ))
            }
        };
        Ok(TlsSettings {
            engine: ENGINE,
            roots: self.ssl_ca.as_deref(),
            host: (self.ssl_mode == SslMode::VerifyIdentity).then_some(self.host.as_str()),
            own,
        })
    }
}

fn number<T: std::str::FromStr>(keyword: &str, value: &str) -> Result<T> {
    value
        .trim()
        .parse()
        .map_err(|_| Error::Usage(format!("MariaDB setting {keyword}: {value:?} is out of range")))
}

fn ssl_mode(value: &str) -> Result<SslMode> {
    Ok(match value {
        "DISABLED" => SslMode::Disabled,
        "PREFERRED" => SslMode::Preferred,
        "REQUIRED" => SslMode::Required,
        "VERIFY_CA" => SslMode::VerifyCa,
        "VERIFY_IDENTITY" => SslMode::VerifyIdentity,
        _ => return Err(Error::Usage(format!("MariaDB setting ssl-mode: {value:?} is unknown"))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Settings> {
        Settings::from_pairs(
            pairs
                .iter()
                .map(|(keyword, value)| ((*keyword).into(), (*value).into())),
        )
    }

    #[test]
    fn what_is_left_out_is_as_in_the_engines_own_clients() {
        let settings = read(&[("user", "ada"), ("password", "")]).unwrap();
        assert_eq!((settings.host.as_str(), settings.port), ("localhost", 3306));
        assert_eq!(settings.ssl_mode, SslMode::Preferred);
        assert!(settings.password.is_none() && settings.socket.is_none());
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for pairs in [
            &[("user", "ada"), ("hots", "x")][..],
            &[("user", "ada"), ("port", "70000")],
            &[("user", "ada"), ("ssl-mode", "on")],
            &[("user", "a\0b")],
            &[("host", "x")],
        ] {
            assert!(matches!(read(pairs), Err(Error::Usage(_))), "{pairs:?}");
        }
    }

    #[test]
    fn a_check_without_a_root_is_refused() {
        let settings = read(&[("user", "ada"), ("ssl-mode", "VERIFY_CA")]).unwrap();
        assert!(matches!(settings.tls(), Err(Error::Usage(_))));
    }
}
