//! TLS as Dask's `Security` configures it: both sides show a certificate that the same authority has signed.

mod certificate;
mod ciphers;
mod session;
mod verifier;

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::NoServerSessionStorage;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{CertificateError, ClientConfig, Error, RootCertStore, ServerConfig};
use thiserror::Error as ThisError;
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use certificate::Certificate;
pub(super) use session::Session;
use verifier::Verifier;

/// A file, or the text of one, as a flag or a setting names it.
#[derive(Clone, PartialEq, Eq)]
pub struct Pem {
    /// The flag or the setting.
    pub named: &'static str,
    /// A path, or the text itself if it has more than one line.
    pub value: String,
}

impl std::fmt::Debug for Pem {
    /// The text may be a private key.
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}: {}", self.named, self.shown())
    }
}

/// What TLS is made from.
#[derive(Clone, Debug, PartialEq)]
pub struct TlsSettings {
    /// The certificates of the authorities.
    pub ca: Pem,
    /// Our certificate, followed by those between it and an authority.
    pub cert: Pem,
    /// Our key; without it, it stands with the certificate.
    pub key: Option<Pem>,
    /// The names of the ciphers that may be used, as OpenSSL lists them.
    pub ciphers: Option<String>,
    /// The oldest version that may be spoken.
    pub min_version: Option<f64>,
    /// The newest version that may be spoken.
    pub max_version: Option<f64>,
}

/// Why there is no TLS.
#[derive(Debug, ThisError)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{named} {path}: {source}")]
    Read {
        /// The flag or the setting.
        named: &'static str,
        /// The file.
        path: String,
        /// Why not.
        source: io::Error,
    },
    /// A file is not what it should be.
    #[error("{named} {path}: {cause}")]
    Unfit {
        /// The flag or the setting.
        named: &'static str,
        /// The file.
        path: String,
        /// What is wrong with it.
        cause: String,
    },
    /// The certificate belongs to another key.
    #[error("{cert} is not the certificate of the key {key}")]
    Mismatch {
        /// The certificate.
        cert: String,
        /// The key.
        key: String,
    },
    /// No cipher may be used.
    #[error("distributed.comm.tls.ciphers is {list:?}: none of these is there; there are {there}")]
    Ciphers {
        /// What may be used.
        list: String,
        /// What is there.
        there: String,
    },
    /// There is no such version.
    #[error("{key}={version} is not supported, expected one of [None, 1.2, 1.3]")]
    Version {
        /// The setting.
        key: &'static str,
        /// The version.
        version: f64,
    },
    /// The oldest version is newer than the newest.
    #[error("distributed.comm.tls.min-version is above distributed.comm.tls.max-version")]
    NoVersion,
    /// The library refuses all of it together.
    #[error("TLS cannot be set up: {0}")]
    Library(#[from] Error),
}

/// TLS with our certificate.
#[derive(Clone)]
pub struct Tls {
    acceptor: TlsAcceptor,
    connector: TlsConnector,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Tls")
    }
}

impl Tls {
    /// Reads certificates and key.
    ///
    /// # Errors
    /// A file cannot be read or is not what it should be, or no cipher or version is left.
    pub fn load(settings: &TlsSettings) -> Result<Self, TlsError> {
        let provider = Arc::new(CryptoProvider {
            cipher_suites: ciphers::allowed(settings.ciphers.as_deref())?,
            ..default_provider()
        });
        let versions = ciphers::versions(settings.min_version, settings.max_version)?;
        let ours = Arc::new(SingleCertAndKey::from(certified(&provider, &settings.cert, settings.key.as_ref())?));
        let trusted = settings.ca.certificates()?;
        let mut roots = RootCertStore::empty();
        for authority in &trusted {
            roots.add(authority.clone()).map_err(|error| settings.ca.unfit(&error.to_string()))?;
        }
        let verifier =
            Verifier::new(trusted, roots, &provider).map_err(|error| settings.ca.unfit(&error.to_string()))?;
        let verifier = Arc::new(verifier);
        let mut accepting = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&versions)?
            .with_client_cert_verifier(Arc::clone(&verifier) as _)
            .with_cert_resolver(Arc::clone(&ours) as _);
        // Peers of a cluster come to stay: nothing is kept to make it quicker for them to come again.
        accepting.send_tls13_tickets = 0;
        accepting.session_storage = Arc::new(NoServerSessionStorage {});
        let connecting = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&versions)?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_client_cert_resolver(ours);
        Ok(Self {
            acceptor: TlsAcceptor::from(Arc::new(accepting)),
            connector: TlsConnector::from(Arc::new(connecting)),
        })
    }

    /// Shakes hands with who has connected to us.
    pub(super) async fn accept(&self, socket: TcpStream) -> io::Result<Session> {
        let (socket, session) = self.acceptor.accept(socket).await?.into_inner();
        Ok(Session::new(socket, session.into()))
    }

    /// Shakes hands with whom we have connected to.
    pub(super) async fn connect(&self, host: &str, socket: TcpStream) -> io::Result<Session> {
        // The name is not compared with the certificate's. It is told to the peer, if it is one.
        let unnamed = || ServerName::IpAddress(IpAddr::from([0, 0, 0, 0]).into());
        let name = ServerName::try_from(host.to_owned()).unwrap_or_else(|_| unnamed());
        let (socket, session) = self.connector.connect(name, socket).await?.into_inner();
        Ok(Session::new(socket, session.into()))
    }
}

/// TLS for pages over HTTP, whose visitors need no certificate.
#[derive(Clone)]
pub struct PageTls(TlsAcceptor);

impl std::fmt::Debug for PageTls {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("PageTls")
    }
}

impl PageTls {
    /// Reads a certificate and its key, and the certificates of authorities that are shown with it.
    ///
    /// # Errors
    /// A file cannot be read or is not what it should be.
    pub fn load(ca: Option<&Pem>, cert: &Pem, key: Option<&Pem>) -> Result<Self, TlsError> {
        let provider = Arc::new(default_provider());
        let mut ours = certified(&provider, cert, key)?;
        if let Some(ca) = ca {
            let known = ours.cert.clone();
            ours.cert.extend(ca.certificates()?.into_iter().filter(|it| !known.contains(it)));
        }
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&ciphers::versions(None, None)?)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(ours)));
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }

    /// Shakes hands with who has connected to us.
    ///
    /// # Errors
    /// The connection breaks, or what comes is no TLS.
    pub async fn accept(&self, socket: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.0.accept(socket).await
    }
}

impl Pem {
    /// How it is shown: never what may be a key.
    fn shown(&self) -> &str {
        if self.is_text() { "(text)" } else { &self.value }
    }

    fn is_text(&self) -> bool {
        self.value.contains('\n')
    }

    fn unfit(&self, cause: &str) -> TlsError {
        TlsError::Unfit { named: self.named, path: self.shown().to_owned(), cause: cause.to_owned() }
    }

    fn bytes(&self) -> Result<Vec<u8>, TlsError> {
        if self.is_text() {
            return Ok(self.value.clone().into_bytes());
        }
        let read = std::fs::read(&self.value);
        read.map_err(|source| TlsError::Read { named: self.named, path: self.value.clone(), source })
    }

    fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        let bytes = self.bytes()?;
        let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
        let certificates = read.map_err(|error| self.unfit(&format!("this is no certificate in PEM: {error}")))?;
        if certificates.is_empty() {
            return Err(self.unfit("there is no certificate in PEM in it"));
        }
        Ok(certificates)
    }

    fn private_key(&self) -> Result<PrivateKeyDer<'static>, TlsError> {
        let bytes = self.bytes()?;
        let text = String::from_utf8_lossy(&bytes);
        if text.contains("ENCRYPTED") {
            return Err(self.unfit("the key is encrypted, and nobody is there to ask for its password: decrypt it"));
        }
        PrivateKeyDer::from_pem_slice(&bytes).map_err(|_| self.unfit("there is no private key in PEM in it"))
    }
}

/// Our certificate and its key.
fn certified(provider: &CryptoProvider, cert: &Pem, key: Option<&Pem>) -> Result<CertifiedKey, TlsError> {
    let chain = cert.certificates()?;
    let named = key.unwrap_or(cert);
    let signing = provider.key_provider.load_private_key(named.private_key()?);
    let signing = signing.map_err(|error| named.unfit(&error.to_string()))?;
    let ours = chain.first().map(|ours| Certificate::read(ours)).transpose()?;
    if let (Some(ours), Some(public)) = (ours, signing.public_key())
        && *ours.public_key_info != *public
    {
        return Err(TlsError::Mismatch { cert: cert.shown().to_owned(), key: named.shown().to_owned() });
    }
    Ok(CertifiedKey::new(chain, signing))
}

/// What went wrong when hands were shaken, in words that say what to do.
pub(super) fn cause(error: &io::Error) -> String {
    let Some(error) = error.get_ref().and_then(|error| error.downcast_ref::<Error>()) else {
        return error.to_string();
    };
    match error {
        Error::InvalidMessage(_) => {
            "it does not speak TLS; peers need an address that begins with tls:// to come here".to_owned()
        }
        Error::NoCertificatesPresented => {
            "it has shown no certificate; give it one with its key (tls-cert, tls-key)".to_owned()
        }
        Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature) => {
            "its certificate is not signed by an authority of ca-file".to_owned()
        }
        Error::InvalidCertificate(cause) => format!("its certificate cannot be used: {cause}"),
        Error::AlertReceived(alert) => format!("it refuses: {alert:?}"),
        Error::PeerIncompatible(cause) => format!("it has no version or cipher in common with us: {cause:?}"),
        other => other.to_string(),
    }
}
