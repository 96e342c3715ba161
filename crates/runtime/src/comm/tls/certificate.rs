//! Certificates as far as the library does not read them: those of version 1, which many private authorities still make,
//! and the dates of those that are trusted as they are.

use rustls::pki_types::{SignatureVerificationAlgorithm, TrustAnchor, UnixTime};
use rustls::{CertificateError, Error};

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const VERSION: u8 = 0xa0;

/// A certificate, cut into its parts. Nothing is believed until its signature has been checked.
#[derive(Debug)]
pub(super) struct Certificate<'a> {
    /// Whether it is of version 1, which can say nothing about what it may be used for.
    pub is_first_version: bool,
    /// Who owns the key: the whole field, as the library compares it.
    pub public_key_info: &'a [u8],
    signed: &'a [u8],
    issuer: &'a [u8],
    not_before: i64,
    not_after: i64,
    algorithm: &'a [u8],
    signature: &'a [u8],
}

impl<'a> Certificate<'a> {
    /// Cuts the bytes of a certificate into its parts.
    pub fn read(bytes: &'a [u8]) -> Result<Self, Error> {
        Self::parts(bytes).ok_or(Error::InvalidCertificate(CertificateError::BadEncoding))
    }

    fn parts(bytes: &'a [u8]) -> Option<Self> {
        let mut outside = Reader(bytes);
        let mut whole = Reader(outside.field(SEQUENCE)?.content);
        let signed = whole.field(SEQUENCE)?;
        let algorithm = whole.field(SEQUENCE)?.content;
        let signature = bits(whole.field(BIT_STRING)?.content)?;
        let mut inside = Reader(signed.content);
        let is_first_version = inside.0.first() != Some(&VERSION);
        if !is_first_version {
            inside.field(VERSION)?;
        }
        inside.field(INTEGER)?;
        inside.field(SEQUENCE)?;
        let issuer = inside.field(SEQUENCE)?.content;
        let mut dates = Reader(inside.field(SEQUENCE)?.content);
        let (not_before, not_after) = (dates.date()?, dates.date()?);
        inside.field(SEQUENCE)?;
        let public_key_info = inside.field(SEQUENCE)?.whole;
        let signed = signed.whole;
        Some(Self { is_first_version, public_key_info, signed, issuer, not_before, not_after, algorithm, signature })
    }

    /// Whether it is valid now.
    pub fn check_dates(&self, now: UnixTime) -> Result<(), Error> {
        let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        if now < self.not_before {
            return Err(CertificateError::NotValidYet.into());
        }
        if now > self.not_after {
            return Err(CertificateError::Expired.into());
        }
        Ok(())
    }

    /// Whether one of the authorities has signed it.
    pub fn check_signature(
        &self,
        anchors: &[TrustAnchor<'_>],
        algorithms: &[&dyn SignatureVerificationAlgorithm],
    ) -> Result<(), Error> {
        let mut named = anchors.iter().filter(|anchor| &*anchor.subject == self.issuer).peekable();
        if named.peek().is_none() {
            return Err(CertificateError::UnknownIssuer.into());
        }
        let signs = |anchor: &TrustAnchor<'_>| {
            // What an authority may only sign for some names, a certificate without names cannot show.
            let (kind, key) = anchor.name_constraints.is_none().then(|| key(&anchor.subject_public_key_info))??;
            let mut fit = algorithms
                .iter()
                .filter(|it| *it.signature_alg_id() == *self.algorithm && *it.public_key_alg_id() == *kind);
            fit.any(|it| it.verify_signature(key, self.signed, self.signature).is_ok()).then_some(())
        };
        named.find_map(signs).ok_or(CertificateError::BadSignature.into())
    }
}

/// The algorithm and the key of a field that says who owns a key.
pub(super) fn key(public_key_info: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut parts = Reader(public_key_info);
    Some((parts.field(SEQUENCE)?.content, bits(parts.field(BIT_STRING)?.content)?))
}

/// The same of the whole field.
pub(super) fn key_of_whole(public_key_info: &[u8]) -> Option<(&[u8], &[u8])> {
    key(Reader(public_key_info).field(SEQUENCE)?.content)
}

/// Whole bytes of a string of bits.
fn bits(content: &[u8]) -> Option<&[u8]> {
    content.split_first().filter(|(unused, _)| **unused == 0).map(|(_, bytes)| bytes)
}

/// What is left to read of some fields.
struct Reader<'a>(&'a [u8]);

struct Field<'a> {
    content: &'a [u8],
    whole: &'a [u8],
}

impl<'a> Reader<'a> {
    /// The next field, if it is of this kind.
    fn field(&mut self, kind: u8) -> Option<Field<'a>> {
        let (tag, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            // Up to 16 MB, of which no certificate comes near.
            0x81..=0x83 => {
                let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                (digits.iter().fold(0, |length, &digit| length << 8 | usize::from(digit)), rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        let whole = &self.0[..self.0.len() - rest.len()];
        self.0 = rest;
        (*tag == kind).then_some(Field { content, whole })
    }

    /// A date, in seconds since 1970.
    fn date(&mut self) -> Option<i64> {
        let (kind, short) = match self.0.first()? {
            &UTC_TIME => (UTC_TIME, true),
            _ => (GENERALIZED_TIME, false),
        };
        let text = std::str::from_utf8(self.field(kind)?.content).ok()?.strip_suffix('Z')?;
        let (year, rest) = text.split_at_checked(if short { 2 } else { 4 })?;
        let year: i64 = digits(year)?;
        let year = year
            + if !short {
                0
            } else if year < 50 {
                2000
            } else {
                1900
            };
        if rest.len() != 10 {
            return None;
        }
        let part = |index: usize| digits(rest.get(2 * index..2 * index + 2)?);
        let (month, day, hour, minute, second) = (part(0)?, part(1)?, part(2)?, part(3)?, part(4)?);
        Some(((days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second)
    }
}

fn digits(text: &str) -> Option<i64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// Days since 1970, in the calendar whose years begin in March: then the leap day comes last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let (era, year) = (year.div_euclid(400), year.rem_euclid(400));
    era * 146_097 + year * 365 + year / 4 - year / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        let table = [
            ("700101000000Z", UTC_TIME, 0),
            ("491231235959Z", UTC_TIME, 2_524_607_999),
            ("500101000000Z", UTC_TIME, -631_152_000),
            ("20000229120000Z", GENERALIZED_TIME, 951_825_600),
            ("30060831074608Z", GENERALIZED_TIME, 32_713_919_168),
        ];
        for (text, kind, expected) in table {
            let bytes = [&[kind, text.len() as u8], text.as_bytes()].concat();
            assert_eq!(Reader(&bytes).date(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_certificate_is_an_error() {
        for bytes in [&[][..], &[0x30], &[0x30, 0x84, 0, 0, 0, 1, 0], &[0x30, 3, 0x30, 0x7f, 0], &[0x02, 1, 1]] {
            assert!(Certificate::read(bytes).is_err(), "{bytes:?}");
        }
    }
}
