//! TLS as the engines' own clients understand its settings, over rustls.
//!
//! Trust differs from a browser's on purpose: `require` encrypts without checking unless a root certificate is given,
//! `verify-ca` checks the chain alone, a root file may hold the server's own self-signed certificate, and certificates
//! of version 1 (what `openssl x509 -req` makes without an extension file) are taken where a root signed them itself.

use super::certificate::Certificate;
use super::counted::Counted;
use super::transport::{lost, Transport};
use crate::error::{Error, Result};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature_with_raw_key, CryptoProvider};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, SignatureScheme};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

/// Whom to trust, and as whom to speak.
#[derive(Debug)]
pub struct TlsSettings<'a> {
    /// The engine's name in errors.
    pub engine: &'static str,
    /// PEM file of trusted roots; without one no certificate is checked.
    pub roots: Option<&'a Path>,
    /// The host that the certificate must name, where it must.
    pub host: Option<&'a str>,
    /// PEM files of the client's own certificate and of its key.
    pub own: Option<(&'a Path, &'a Path)>,
}

/// What a session needs before its handshake; read once, so that a bad file fails before anything is sent.
pub struct Tls {
    engine: &'static str,
    config: Arc<ClientConfig>,
}

impl Tls {
    /// Reads certificate files.
    ///
    /// Errors: [`Error::File`], [`Error::Malformed`] for a file that holds no PEM, [`Error::Usage`] for a key that
    /// others may read.
    pub fn new(settings: &TlsSettings<'_>) -> Result<Self> {
        let engine = settings.engine;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = Arc::new(Verifier::new(settings, Arc::clone(&provider))?);
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| denied(engine, error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let config = match client_certificate(settings, &provider)? {
            Some(certified) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(certified))),
            None => builder.with_no_client_auth(),
        };
        Ok(Self {
            engine,
            config: Arc::new(config),
        })
    }

    /// The handshake.
    ///
    /// Errors: [`Error::Denied`] if either side does not trust the other, [`Error::Connection`] if the line broke.
    pub fn handshake(&self, mut socket: Counted, host: &str) -> Result<Transport> {
        let name = match ServerName::try_from(host.to_owned()) {
            Ok(name) => name,
            // Only SNI needs the name, the verifier has its own; an address sends none.
            Err(_) => ServerName::from(
                socket
                    .socket()
                    .peer_addr()
                    .map_err(|error| lost(self.engine, &error))?
                    .ip(),
            ),
        };
        let mut session = ClientConnection::new(Arc::clone(&self.config), name)
            .map_err(|error| denied(self.engine, error.to_string()))?;
        while session.is_handshaking() {
            session
                .complete_io(&mut socket)
                .map_err(|error| lost(self.engine, &error))?;
        }
        Ok(Transport::Tls(Box::new(rustls::StreamOwned::new(session, socket))))
    }
}

/// RFC 5929 `tls-server-end-point`: the certificate's digest under its own signature's hash (MD5 and SHA-1 count as
/// SHA-256). `None` where there is no TLS or the algorithm is one whose hash this does not know.
pub fn server_end_point(transport: &Transport) -> Option<Vec<u8>> {
    let Transport::Tls(stream) = transport else { return None };
    let der = stream.conn.peer_certificates()?.first()?;
    let algorithm = match Certificate::parse(der)?.signature_oid()? {
        // sha256/384/512WithRSAEncryption, and with MD5 or SHA-1
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, last] => match last {
            4 | 5 | 11 => &ring::digest::SHA256,
            12 => &ring::digest::SHA384,
            13 => &ring::digest::SHA512,
            _ => return None,
        },
        // ecdsa-with-SHA256/384/512
        [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, last] => match last {
            2 => &ring::digest::SHA256,
            3 => &ring::digest::SHA384,
            4 => &ring::digest::SHA512,
            _ => return None,
        },
        _ => return None,
    };
    Some(ring::digest::digest(algorithm, der).as_ref().to_vec())
}

#[derive(Debug)]
struct Verifier {
    provider: Arc<CryptoProvider>,
    roots: Option<Roots>,
    /// The host that the certificate must name.
    host: Option<String>,
}

#[derive(Debug)]
struct Roots {
    store: RootCertStore,
    certificates: Vec<CertificateDer<'static>>,
}

impl Verifier {
    fn new(settings: &TlsSettings<'_>, provider: Arc<CryptoProvider>) -> Result<Self> {
        let roots = settings.roots.map(Roots::read).transpose()?;
        let host = settings.host.map(str::to_owned);
        Ok(Self { provider, roots, host })
    }

    fn check(
        &self,
        leaf: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> std::result::Result<(), rustls::Error> {
        let Some(roots) = &self.roots else { return Ok(()) };
        let parsed = Certificate::parse(leaf).ok_or(CertificateError::BadEncoding)?;
        let trusted_as_it_is = roots.holds(leaf) && parsed.issuer == parsed.subject;
        if trusted_as_it_is {
            check_validity(&parsed, now)?;
        } else if parsed.version_1 {
            self.check_issued_by_root(&parsed, roots, now)?;
        } else {
            let algorithms = self.provider.signature_verification_algorithms.all;
            let certificate = ParsedCertificate::try_from(leaf)?;
            verify_server_cert_signed_by_trust_anchor(&certificate, &roots.store, chain, now, algorithms)?;
        }
        match &self.host {
            Some(host) if !parsed.names_host(host) => Err(rustls::Error::General(format!(
                "the server's certificate does not name host {host:?}"
            ))),
            _ => Ok(()),
        }
    }

    fn check_issued_by_root(
        &self,
        leaf: &Certificate<'_>,
        roots: &Roots,
        now: UnixTime,
    ) -> std::result::Result<(), rustls::Error> {
        check_validity(leaf, now)?;
        let issuers = roots.certificates.iter().filter_map(|der| Certificate::parse(der));
        for issuer in issuers.filter(|root| root.subject == leaf.issuer && check_validity(root, now).is_ok()) {
            let Some((key_algorithm, key)) = issuer.public_key() else {
                continue;
            };
            let signed = self
                .provider
                .signature_verification_algorithms
                .all
                .iter()
                .any(|algorithm| {
                    algorithm.public_key_alg_id().as_ref() == key_algorithm
                        && algorithm.signature_alg_id().as_ref() == leaf.signature_algorithm
                        && algorithm.verify_signature(key, leaf.signed, leaf.signature).is_ok()
                });
            if signed {
                return Ok(());
            }
        }
        Err(CertificateError::UnknownIssuer.into())
    }
}

impl Roots {
    fn read(path: &Path) -> Result<Self> {
        let certificates = read_certificates(path)?;
        let mut store = RootCertStore::empty();
        // One that cannot be an anchor in rustls's eyes may still be the server's own certificate.
        store.add_parsable_certificates(certificates.iter().cloned());
        Ok(Self { store, certificates })
    }

    fn holds(&self, leaf: &CertificateDer<'_>) -> bool {
        self.certificates.iter().any(|root| root.as_ref() == leaf.as_ref())
    }
}

fn check_validity(certificate: &Certificate<'_>, now: UnixTime) -> std::result::Result<(), rustls::Error> {
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    if now < certificate.not_before {
        return Err(CertificateError::NotValidYet.into());
    }
    if now > certificate.not_after {
        return Err(CertificateError::Expired.into());
    }
    Ok(())
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
        self.check(end_entity, intermediates, now)
            .map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    /// By the bare key, for rustls reads no certificate of version 1.
    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        let certificate = Certificate::parse(cert).ok_or(CertificateError::BadEncoding)?;
        let key = SubjectPublicKeyInfoDer::from(certificate.public_key_info);
        verify_tls13_signature_with_raw_key(message, &key, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn client_certificate(settings: &TlsSettings<'_>, provider: &CryptoProvider) -> Result<Option<CertifiedKey>> {
    let Some((certificate, key)) = settings.own else {
        return Ok(None);
    };
    let chain = read_certificates(certificate)?;
    check_key_is_private(key)?;
    let key_der = PrivateKeyDer::from_pem_file(key).map_err(|error| pem_error(key, error))?;
    let signing_key = provider
        .key_provider
        .load_private_key(key_der)
        .map_err(|error| malformed(key, error.to_string()))?;
    Ok(Some(CertifiedKey::new(chain, signing_key)))
}

fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let found: std::result::Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    match found {
        Ok(certificates) if certificates.is_empty() => Err(malformed(path, "holds no PEM certificate")),
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(pem_error(path, error)),
    }
}

/// libpq's rule: nobody else, but the group may read what root owns.
fn check_key_is_private(path: &Path) -> Result<()> {
    let metadata = std::fs::metadata(path).map_err(|source| Error::File {
        path: path.into(),
        source,
    })?;
    let forbidden = if metadata.uid() == 0 { 0o037 } else { 0o077 };
    match metadata.mode() & forbidden {
        0 => Ok(()),
        _ => {
            let path = path.display();
            Err(Error::Usage(format!(
                "{path}: others may read this private key; run chmod 600 {path}"
            )))
        }
    }
}

fn pem_error(path: &Path, error: rustls::pki_types::pem::Error) -> Error {
    match error {
        rustls::pki_types::pem::Error::Io(source) => Error::File {
            path: path.into(),
            source,
        },
        other => malformed(path, other.to_string()),
    }
}

fn malformed(path: &Path, reason: impl Into<String>) -> Error {
    Error::Malformed {
        path: path.display().to_string(),
        reason: reason.into(),
    }
}

fn denied(engine: &'static str, message: impl Into<String>) -> Error {
    Error::Denied {
        engine,
        message: message.into(),
    }
}
