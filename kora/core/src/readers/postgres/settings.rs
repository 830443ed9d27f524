//! What a login needs, read from libpq's own keywords. No environment, no service files: the caller says everything.

use super::wire::ENGINE;
use crate::error::{Error, Result};
use crate::readers::line::tls::TlsSettings;
use crate::readers::line::LineBytes;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use zeroize::Zeroizing;

/// The keywords that are understood, for messages.
const KEYWORDS: &str = "host, port, user, password, dbname, sslmode, sslrootcert, sslcert, sslkey, connect_timeout, \
                        application_name, options";

/// Where the server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// A name or an IP address, and the TCP port behind it.
    Network(String),
    /// The folder that holds `.s.PGSQL.<port>`.
    SocketFolder(PathBuf),
}

/// libpq's `sslmode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SslMode {
    /// Never TLS.
    Disable,
    /// TLS only where the server refuses to speak without.
    Allow,
    /// TLS where the server offers it.
    Prefer,
    /// TLS or nothing; the certificate is checked only where a root certificate is given.
    Require,
    /// The certificate must come from the root certificate.
    VerifyCa,
    /// And it must name the host.
    VerifyFull,
}

/// One server, one login.
pub struct Settings {
    /// Where.
    pub host: Host,
    /// TCP port, or the socket's suffix.
    pub port: u16,
    /// Role.
    pub user: String,
    /// Its password, wiped from memory when dropped.
    pub password: Option<Zeroizing<String>>,
    /// Database.
    pub database: String,
    /// How much TLS.
    pub ssl_mode: SslMode,
    /// PEM file of trusted roots.
    pub ssl_root_certificate: Option<PathBuf>,
    /// PEM file of the client's own certificate.
    pub ssl_certificate: Option<PathBuf>,
    /// PEM file of its key.
    pub ssl_key: Option<PathBuf>,
    /// How long connecting and logging in may take together, per address; `None` waits as long as the system does.
    pub connect_timeout: Option<Duration>,
    /// Shown in `pg_stat_activity`.
    pub application_name: Option<String>,
    /// Command-line options for the session (`-c name=value`).
    pub options: Option<String>,
    /// Counts what every connection of these settings sends and receives over TCP.
    pub line: Arc<LineBytes>,
}

impl Settings {
    /// Reads libpq keywords. An empty value counts as absent, as in libpq.
    ///
    /// Errors: [`Error::Usage`] for an unknown keyword, a missing user, or a value out of range.
    pub fn from_pairs<I: IntoIterator<Item = (String, String)>>(pairs: I) -> Result<Self> {
        let mut settings = Self::empty();
        let (mut host, mut database) = (None, None);
        for (keyword, value) in pairs {
            if value.is_empty() {
                continue;
            }
            match keyword.as_str() {
                "host" => host = Some(value),
                "dbname" => database = Some(value),
                _ => settings.set(&keyword, value)?,
            }
        }
        if settings.user.is_empty() {
            return Err(Error::Usage("PostgreSQL settings name no user".into()));
        }
        settings.database = database.unwrap_or_else(|| settings.user.clone());
        if let Some(host) = host {
            settings.host = match host.starts_with('/') {
                true => Host::SocketFolder(host.into()),
                false => Host::Network(host),
            };
        }
        settings.check_nul()?;
        Ok(settings)
    }

    fn empty() -> Self {
        Self {
            host: Host::Network("localhost".into()),
            port: 5432,
            user: String::new(),
            password: None,
            database: String::new(),
            ssl_mode: SslMode::Prefer,
            ssl_root_certificate: None,
            ssl_certificate: None,
            ssl_key: None,
            connect_timeout: None,
            application_name: None,
            options: None,
            line: Arc::default(),
        }
    }

    fn set(&mut self, keyword: &str, value: String) -> Result<()> {
        match keyword {
            "port" => self.port = number(keyword, &value)?,
            "user" => self.user = value,
            "password" => self.password = Some(Zeroizing::new(value)),
            "sslmode" => self.ssl_mode = ssl_mode(&value)?,
            "sslrootcert" => self.ssl_root_certificate = Some(value.into()),
            "sslcert" => self.ssl_certificate = Some(value.into()),
            "sslkey" => self.ssl_key = Some(value.into()),
            "connect_timeout" => self.connect_timeout = timeout(number(keyword, &value)?),
            "application_name" => self.application_name = Some(value),
            "options" => self.options = Some(value),
            _ => {
                let message = format!("unknown PostgreSQL setting {keyword:?}; known are {KEYWORDS}");
                return Err(Error::Usage(message));
            }
        }
        Ok(())
    }

    /// What TLS needs to know.
    ///
    /// Errors: [`Error::Usage`] for a mode that lacks its root certificate, or half of a client certificate.
    pub fn tls(&self) -> Result<TlsSettings<'_>> {
        if self.ssl_root_certificate.is_none() && matches!(self.ssl_mode, SslMode::VerifyCa | SslMode::VerifyFull) {
            return Err(Error::Usage(
                "sslmode verify-ca and verify-full need sslrootcert".into(),
            ));
        }
        let own = match (&self.ssl_certificate, &self.ssl_key) {
            (None, None) => None,
            (Some(certificate), Some(key)) => Some((certificate.as_path(), key.as_path())),
            _ => {
                return Err(Error::Usage(
                    "sslcert and sslkey belong together: one of them is missing".into(),
                ))
            }
        };
        Ok(TlsSettings {
            engine: ENGINE,
            roots: self.ssl_root_certificate.as_deref(),
            host: match (&self.host, self.ssl_mode) {
                (Host::Network(host), SslMode::VerifyFull) => Some(host),
                _ => None,
            },
            own,
        })
    }

    /// The startup message is NUL-separated: a NUL inside a value would smuggle in another parameter.
    fn check_nul(&self) -> Result<()> {
        let texts = [
            Some(&self.user),
            Some(&self.database),
            self.application_name.as_ref(),
            self.options.as_ref(),
        ];
        match texts.into_iter().flatten().any(|text| text.contains('\0')) {
            true => Err(Error::Usage("a PostgreSQL setting holds a NUL character".into())),
            false => Ok(()),
        }
    }
}

fn number<T: std::str::FromStr>(keyword: &str, value: &str) -> Result<T> {
    value
        .trim()
        .parse()
        .map_err(|_| Error::Usage(format!("PostgreSQL setting {keyword}: {value:?} is out of range")))
}

/// libpq: zero and below wait for ever, one second counts as two.
fn timeout(seconds: i32) -> Option<Duration> {
    u64::try_from(seconds)
        .ok()
        .filter(|seconds| *seconds > 0)
        .map(|seconds| Duration::from_secs(seconds.max(2)))
}

fn ssl_mode(value: &str) -> Result<SslMode> {
    Ok(match value {
        "disable" => SslMode::Disable,
        "allow" => SslMode::Allow,
        "prefer" => SslMode::Prefer,
        "require" => SslMode::Require,
        "verify-ca" => SslMode::VerifyCa,
        "verify-full" => SslMode::VerifyFull,
        _ => {
            return Err(Error::Usage(format!(
                "PostgreSQL setting sslmode: {value:?} is not one of libpq's"
            )))
        }
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
    fn what_is_left_out_is_as_in_libpq() {
        let settings = read(&[("user", "ada"), ("password", "")]).unwrap();
        assert_eq!(settings.database, "ada");
        assert_eq!(settings.port, 5432);
        assert_eq!(settings.ssl_mode, SslMode::Prefer);
        assert!(settings.password.is_none());
    }

    #[test]
    fn a_host_with_a_slash_is_a_socket_folder() {
        let settings = read(&[("user", "ada"), ("host", "/run/postgresql")]).unwrap();
        assert_eq!(settings.host, Host::SocketFolder("/run/postgresql".into()));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for pairs in [
            &[("user", "ada"), ("hots", "x")][..],
            &[("user", "ada"), ("port", "70000")],
            &[("user", "ada"), ("sslmode", "on")],
            &[("user", "a\0database\0b")],
            &[("host", "x")],
        ] {
            assert!(matches!(read(pairs), Err(Error::Usage(_))), "{pairs:?}");
        }
    }

    #[test]
    fn one_second_is_two_and_none_is_for_ever() {
        assert_eq!(timeout(1), Some(Duration::from_secs(2)));
        assert_eq!(timeout(0), None);
        assert_eq!(timeout(-1), None);
    }
}
