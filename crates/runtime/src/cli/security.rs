//! What protects the scheduler: certificates and a token, from flags, Dask's configuration and the environment.

use std::path::{Path, PathBuf};

use clap::Args;

use super::error::CommandError;
use crate::comm::{Pem, Security, Tls, TlsSettings, Token};
use crate::config::Config;

/// The variable that holds the token itself.
const TOKEN: &str = "CENOTE_TOKEN";
/// The variable that names its file.
const TOKEN_FILE: &str = "CENOTE_TOKEN_FILE";
/// What only the owner of a file should be able to do.
const OTHERS: u32 = 0o077;

/// The flags about protection.
#[derive(Args, Debug, Default)]
pub struct Protection {
    /// Certificates of the authority that signs those of all peers, in PEM
    #[arg(long, value_name = "FILE")]
    pub tls_ca_file: Option<String>,
    /// Certificate of the scheduler, in PEM
    #[arg(long, value_name = "FILE")]
    pub tls_cert: Option<String>,
    /// Private key of the scheduler, in PEM
    #[arg(long, value_name = "FILE")]
    pub tls_key: Option<String>,
    /// File with a secret that all peers must say; also read from `CENOTE_TOKEN` or from the file that `CENOTE_TOKEN_FILE` names
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
}

impl Protection {
    /// Whether a flag about certificates is given.
    pub fn names_certificates(&self) -> bool {
        self.tls_ca_file.is_some() || self.tls_cert.is_some() || self.tls_key.is_some()
    }
}

/// What protects the scheduler.
///
/// # Errors
/// When a file cannot be used.
pub fn security(flags: &Protection, config: &Config) -> Result<Security, CommandError> {
    let tls = match tls(flags, config)? {
        Some(settings) => Some(Tls::load(&settings)?),
        None => None,
    };
    let given = config.flag("distributed.comm.require-encryption")?;
    // Whoever passes certificates to Dask's Security wants them to be used, unless it says otherwise.
    let require_encryption = given.unwrap_or(flags.names_certificates());
    Ok(Security { tls, require_encryption, token: token(flags.token_file.as_deref())? })
}

/// What TLS is made from, if there is enough for it.
fn tls(flags: &Protection, config: &Config) -> Result<Option<TlsSettings>, CommandError> {
    let pem = |flag: &Option<String>, named: &'static str, key: &'static str| {
        let of_flag = flag.as_ref().map(|value| Pem { named, value: value.clone() });
        let of_config = || Ok::<_, CommandError>(config.text(key)?.map(|value| Pem { named: key, value }));
        Ok::<_, CommandError>(match of_flag {
            Some(pem) => Some(pem),
            None => of_config()?,
        })
    };
    let ca = pem(&flags.tls_ca_file, "--tls-ca-file", "distributed.comm.tls.ca-file")?;
    let cert = pem(&flags.tls_cert, "--tls-cert", "distributed.comm.tls.scheduler.cert")?;
    let key = pem(&flags.tls_key, "--tls-key", "distributed.comm.tls.scheduler.key")?;
    let (Some(ca), Some(cert)) = (ca, cert) else { return Ok(None) };
    Ok(Some(TlsSettings {
        ca,
        cert,
        key,
        ciphers: config.text("distributed.comm.tls.ciphers")?,
        min_version: config.number("distributed.comm.tls.min-version")?,
        max_version: config.number("distributed.comm.tls.max-version")?,
    }))
}

/// The token, if there is one.
fn token(flag: Option<&Path>) -> Result<Option<Token>, CommandError> {
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let of_variable = || variable(TOKEN_FILE).map(|path| (TOKEN_FILE, PathBuf::from(path)));
    if flag.is_none()
        && let Some(token) = variable(TOKEN)
    {
        return Ok(Token::new(&token));
    }
    let named = flag.map(|path| ("--token-file", path.to_owned())).or_else(of_variable);
    let Some((named, path)) = named else { return Ok(None) };
    let failed = |source| CommandError::File { flag: named, path: path.clone(), source };
    let text = std::fs::read_to_string(&path).map_err(failed)?;
    warn_if_others_can_read(&path);
    let empty = || std::io::Error::new(std::io::ErrorKind::InvalidData, "it is empty; write a secret into it");
    Token::new(&text).map(Some).ok_or_else(|| failed(empty()))
}

fn warn_if_others_can_read(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let mode = path.metadata().map_or(0, |metadata| metadata.permissions().mode());
    if mode & OTHERS != 0 {
        tracing::warn!("others can read the token in {}: chmod 600 keeps it to its owner", path.display());
    }
}

/// What the executor needs in its environment to come to this scheduler.
pub fn of_python(flags: &Protection, security: &Security) -> Vec<(String, String)> {
    let mut environment = Vec::new();
    let files = [
        ("DASK_DISTRIBUTED__COMM__TLS__CA_FILE", &flags.tls_ca_file),
        ("DASK_DISTRIBUTED__COMM__TLS__SCHEDULER__CERT", &flags.tls_cert),
        ("DASK_DISTRIBUTED__COMM__TLS__SCHEDULER__KEY", &flags.tls_key),
    ];
    for (name, file) in files {
        environment.extend(file.as_ref().map(|file| (name.to_owned(), file.clone())));
    }
    environment.extend(security.token.as_ref().map(|token| (TOKEN.to_owned(), token.reveal().to_owned())));
    environment
}
