//! Ciphers by the names that OpenSSL gives them, which are those of Dask's configuration.

use rustls::crypto::ring::cipher_suite as suite;
use rustls::{CipherSuite, SupportedCipherSuite, SupportedProtocolVersion, version};

use super::TlsError;

/// The ciphers of TLS 1.2 by their names, the best first. As with OpenSSL, those of TLS 1.3 are not chosen by name.
static NAMED: [(&str, SupportedCipherSuite); 6] = [
    ("ECDHE-ECDSA-AES256-GCM-SHA384", suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384),
    ("ECDHE-ECDSA-AES128-GCM-SHA256", suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256),
    ("ECDHE-ECDSA-CHACHA20-POLY1305", suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256),
    ("ECDHE-RSA-AES256-GCM-SHA384", suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384),
    ("ECDHE-RSA-AES128-GCM-SHA256", suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256),
    ("ECDHE-RSA-CHACHA20-POLY1305", suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256),
];

/// The ciphers of TLS 1.3. AES comes first: what runs clusters does it in hardware.
static NEWEST: [SupportedCipherSuite; 3] =
    [suite::TLS13_AES_256_GCM_SHA384, suite::TLS13_AES_128_GCM_SHA256, suite::TLS13_CHACHA20_POLY1305_SHA256];

/// The ciphers that a list of OpenSSL's names allows, in its order. Names of ciphers that are not there are passed over,
/// as OpenSSL does.
pub(super) fn allowed(list: Option<&str>) -> Result<Vec<SupportedCipherSuite>, TlsError> {
    let mut allowed = NEWEST.to_vec();
    let Some(list) = list else {
        allowed.extend(NAMED.iter().map(|(_, suite)| *suite));
        return Ok(allowed);
    };
    let mut chosen: Vec<SupportedCipherSuite> = Vec::new();
    for word in list.split([':', ',', ' ']).filter(|word| !word.is_empty()) {
        let (sign, word) = match word.split_at(1) {
            (sign @ ("!" | "-" | "+"), word) => (sign, word),
            _ => ("", word),
        };
        let fit: Vec<_> = NAMED.iter().filter(|(name, suite)| is_meant(word, name, suite.suite())).collect();
        match sign {
            "!" | "-" => chosen.retain(|suite| !fit.iter().any(|(_, it)| it == suite)),
            "+" => {}
            _ => {
                if fit.is_empty() {
                    tracing::warn!("the cipher {word} of distributed.comm.tls.ciphers is not there");
                }
                for (_, suite) in fit {
                    if !chosen.contains(suite) {
                        chosen.push(*suite);
                    }
                }
            }
        }
    }
    if chosen.is_empty() {
        let there = NAMED.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(":");
        return Err(TlsError::Ciphers { list: list.to_owned(), there });
    }
    allowed.extend(chosen);
    Ok(allowed)
}

/// Whether a word of a list means a cipher: its name, that of the standard, or words for groups joined by plus signs.
fn is_meant(word: &str, name: &str, suite: CipherSuite) -> bool {
    if word.eq_ignore_ascii_case(name) || suite.as_str().is_some_and(|standard| standard == word) {
        return true;
    }
    word.split('+').all(|group| match group {
        "ALL" | "DEFAULT" | "HIGH" | "COMPLEMENTOFDEFAULT" | "TLSv1.2" | "ECDHE" | "EECDH" | "kECDHE" | "kEECDH" => {
            true
        }
        "ECDSA" | "aECDSA" => name.contains("ECDSA"),
        "RSA" | "aRSA" => name.contains("-RSA-"),
        "AES" | "AESGCM" => name.contains("AES"),
        "AES128" => name.contains("AES128"),
        "AES256" => name.contains("AES256"),
        "CHACHA20" => name.contains("CHACHA20"),
        "SHA256" => name.ends_with("SHA256"),
        "SHA384" => name.ends_with("SHA384"),
        _ => false,
    })
}

/// The versions from the oldest to the newest that may be spoken.
pub(super) fn versions(min: Option<f64>, max: Option<f64>) -> Result<Vec<&'static SupportedProtocolVersion>, TlsError> {
    let number = |key: &'static str, version: Option<f64>, default: u8| match version {
        None => Ok(default),
        Some(version) if (version - 1.2).abs() < 1e-9 => Ok(2),
        Some(version) if (version - 1.3).abs() < 1e-9 => Ok(3),
        Some(version) => Err(TlsError::Version { key, version }),
    };
    let min = number("distributed.comm.tls.min-version", min, 2)?;
    let max = number("distributed.comm.tls.max-version", max, 3)?;
    if min > max {
        return Err(TlsError::NoVersion);
    }
    let all = [(3, &version::TLS13), (2, &version::TLS12)];
    Ok(all.into_iter().filter(|(number, _)| (min..=max).contains(number)).map(|(_, version)| version).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ciphers_are_chosen_by_openssls_names() {
        let chosen = |list| allowed(Some(list)).map(|all| all.len() - NEWEST.len());
        let table = [
            ("ECDHE-RSA-AES128-GCM-SHA256", 1),
            ("ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-SHA", 1),
            ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", 1),
            ("DEFAULT", 6),
            ("HIGH:!aNULL:!CHACHA20", 4),
            ("ECDHE+AESGCM:!RSA", 2),
            ("ECDHE+AES256:ECDHE+CHACHA20", 4),
        ];
        for (list, count) in table {
            assert_eq!(chosen(list).unwrap(), count, "{list}");
        }
        assert!(chosen("AES128-SHA").unwrap_err().to_string().contains("ECDHE-RSA-AES256-GCM-SHA384"));
    }

    #[test]
    fn versions_are_those_that_dask_knows() {
        let count = |min, max| versions(min, max).map(|all| all.len());
        assert_eq!(count(None, None).unwrap(), 2);
        assert_eq!((count(Some(1.3), None).unwrap(), count(None, Some(1.2)).unwrap()), (1, 1));
        assert!(count(Some(1.1), None).unwrap_err().to_string().contains("distributed.comm.tls.min-version"));
        assert!(count(Some(1.3), Some(1.2)).is_err());
    }
}
