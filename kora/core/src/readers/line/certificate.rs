//! The few fields of an X.509 certificate (RFC 5280) that libpq's checks need and that rustls does not hand out:
//! names, validity, issuer, key. Nothing here decides trust; see [`super::tls`].

use std::net::IpAddr;

const SEQUENCE: u8 = 0x30;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
const UTC_TIME: u8 = 0x17;
const SAN_DNS: u8 = 0x82;
const SAN_IP: u8 = 0x87;
const OID_COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const OID_SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];

/// A name under which a certificate speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubjectName<'a> {
    /// `dNSName`, or text in its place.
    Dns(&'a [u8]),
    /// `iPAddress`, 4 or 16 bytes.
    Ip(&'a [u8]),
}

/// A certificate taken apart. All slices lie in its DER.
#[derive(Clone, Debug)]
pub struct Certificate<'a> {
    /// What the issuer signed.
    pub signed: &'a [u8],
    /// Content of the outer AlgorithmIdentifier.
    pub signature_algorithm: &'a [u8],
    /// The signature's bytes.
    pub signature: &'a [u8],
    /// The issuer's name, DER.
    pub issuer: &'a [u8],
    /// The subject's name, DER.
    pub subject: &'a [u8],
    /// First second of its life, Unix time.
    pub not_before: i64,
    /// Last second of its life, Unix time.
    pub not_after: i64,
    /// The whole SubjectPublicKeyInfo, DER.
    pub public_key_info: &'a [u8],
    /// Subject alternative names of the two kinds that name hosts.
    pub alternative_names: Vec<SubjectName<'a>>,
    /// Version 1 has no extensions and so cannot say that it may not do something.
    pub version_1: bool,
}

/// One DER element.
struct Element<'a> {
    tag: u8,
    content: &'a [u8],
    whole: &'a [u8],
}

/// A run of DER elements.
struct Elements<'a>(&'a [u8]);

impl<'a> Elements<'a> {
    fn next(&mut self) -> Option<Element<'a>> {
        let (&tag, &first) = (self.0.first()?, self.0.get(1)?);
        let (length, header) = match first {
            0..=0x7f => (usize::from(first), 2),
            0x81..=0x84 => {
                let digits = self.0.get(2..2 + usize::from(first & 0x7f))?;
                let length = digits
                    .iter()
                    .fold(0_usize, |length, digit| length << 8 | usize::from(*digit));
                (length, 2 + digits.len())
            }
            _ => return None,
        };
        let whole = self.0.get(..header.checked_add(length)?)?;
        self.0 = &self.0[whole.len()..];
        Some(Element {
            tag,
            content: &whole[header..],
            whole,
        })
    }

    fn expect(&mut self, tag: u8) -> Option<Element<'a>> {
        self.next().filter(|element| element.tag == tag)
    }
}

impl<'a> Certificate<'a> {
    /// `None` if the bytes are not a certificate.
    pub fn parse(der: &'a [u8]) -> Option<Self> {
        let mut outer = Elements(Elements(der).expect(SEQUENCE)?.content);
        let signed = outer.expect(SEQUENCE)?;
        let signature_algorithm = outer.expect(SEQUENCE)?.content;
        let signature = outer.expect(BIT_STRING)?.content.get(1..)?;
        let mut fields = Elements(signed.content);
        let version_1 = signed.content.first() != Some(&VERSION);
        if !version_1 {
            fields.next()?;
        }
        fields.next()?; // serial number
        fields.expect(SEQUENCE)?; // the algorithm again
        let issuer = fields.expect(SEQUENCE)?.whole;
        let mut validity = Elements(fields.expect(SEQUENCE)?.content);
        let not_before = unix_time(&validity.next()?)?;
        let not_after = unix_time(&validity.next()?)?;
        let subject = fields.expect(SEQUENCE)?.whole;
        let public_key_info = fields.expect(SEQUENCE)?.whole;
        let mut alternative_names = Vec::new();
        while let Some(field) = fields.next() {
            if field.tag == EXTENSIONS {
                alternative_names = subject_alternative_names(field.content)?;
            }
        }
        Some(Self {
            signed: signed.whole,
            signature_algorithm,
            signature,
            issuer,
            subject,
            not_before,
            not_after,
            public_key_info,
            alternative_names,
            version_1,
        })
    }

    /// The last common name of the subject.
    pub fn common_name(&self) -> Option<&'a [u8]> {
        let mut found = None;
        let mut sets = Elements(Elements(self.subject).expect(SEQUENCE)?.content);
        while let Some(set) = sets.next() {
            let mut attributes = Elements(set.content);
            while let Some(attribute) = attributes.next() {
                let mut parts = Elements(attribute.content);
                if parts.next()?.content == OID_COMMON_NAME {
                    found = Some(parts.next()?.content);
                }
            }
        }
        found
    }

    /// Algorithm content and key bytes of the public key.
    pub fn public_key(&self) -> Option<(&'a [u8], &'a [u8])> {
        let mut parts = Elements(Elements(self.public_key_info).expect(SEQUENCE)?.content);
        let algorithm = parts.expect(SEQUENCE)?.content;
        Some((algorithm, parts.expect(BIT_STRING)?.content.get(1..)?))
    }

    /// The object identifier of the signature's algorithm.
    pub fn signature_oid(&self) -> Option<&'a [u8]> {
        Elements(self.signature_algorithm).next().map(|element| element.content)
    }

    /// Whether this host is named, by libpq's rules: alternative names of the host's own kind, and only where there
    /// is none of that kind, the common name. `*.` stands for exactly one label.
    pub fn names_host(&self, host: &str) -> bool {
        let address = host.parse::<IpAddr>().ok();
        let mut of_this_kind = false;
        for name in &self.alternative_names {
            let matches = match (name, address) {
                (SubjectName::Ip(bytes), Some(IpAddr::V4(address))) => *bytes == address.octets(),
                (SubjectName::Ip(bytes), Some(IpAddr::V6(address))) => *bytes == address.octets(),
                (SubjectName::Ip(_), None) => false,
                (SubjectName::Dns(pattern), _) => name_matches(pattern, host.as_bytes()),
            };
            if matches {
                return true;
            }
            of_this_kind |= matches!(name, SubjectName::Ip(_)) == address.is_some();
        }
        !of_this_kind
            && self
                .common_name()
                .is_some_and(|name| name_matches(name, host.as_bytes()))
    }
}

fn name_matches(pattern: &[u8], host: &[u8]) -> bool {
    if pattern.eq_ignore_ascii_case(host) {
        return true;
    }
    let Some(tail) = pattern
        .strip_prefix(b"*")
        .filter(|tail| tail.len() > 2 && tail[0] == b'.')
    else {
        return false;
    };
    let Some(label_length) = host.len().checked_sub(tail.len()).filter(|length| *length > 0) else {
        return false;
    };
    host[label_length..].eq_ignore_ascii_case(tail) && !host[..label_length].contains(&b'.')
}

fn subject_alternative_names(extensions: &[u8]) -> Option<Vec<SubjectName<'_>>> {
    let mut names = Vec::new();
    let mut list = Elements(Elements(extensions).expect(SEQUENCE)?.content);
    while let Some(extension) = list.next() {
        let mut parts = Elements(extension.content);
        if parts.next()?.content != OID_SUBJECT_ALT_NAME {
            continue;
        }
        while let Some(part) = parts
            .next()
            .filter(|part| part.tag != OCTET_STRING || !part.content.is_empty())
        {
            if part.tag != OCTET_STRING {
                continue; // the `critical` flag
            }
            let mut general = Elements(Elements(part.content).expect(SEQUENCE)?.content);
            while let Some(name) = general.next() {
                match name.tag {
                    SAN_DNS => names.push(SubjectName::Dns(name.content)),
                    SAN_IP => names.push(SubjectName::Ip(name.content)),
                    _ => {}
                }
            }
        }
    }
    Some(names)
}

/// UTCTime (years 1950–2049) or GeneralizedTime, both with seconds and `Z` as RFC 5280 demands.
fn unix_time(element: &Element<'_>) -> Option<i64> {
    let text = std::str::from_utf8(element.content).ok()?.strip_suffix('Z')?;
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let year_digits = if element.tag == UTC_TIME { 2 } else { 4 };
    let (year, rest) = text.split_at_checked(year_digits)?;
    let mut year: i64 = year.parse().ok()?;
    if element.tag == UTC_TIME {
        year += if year < 50 { 2000 } else { 1900 };
    }
    let part = |index: usize| rest.get(index * 2..index * 2 + 2)?.parse::<i64>().ok();
    let days = days_from_civil(year, part(0)?, part(1)?);
    Some(days * 86_400 + part(2)? * 3_600 + part(3)? * 60 + part(4)?)
}

/// Days since 1970-01-01, counting years from March so that the leap day comes last.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_stands_for_one_label() {
        assert!(name_matches(b"*.clinic.example", b"DB.clinic.example"));
        assert!(!name_matches(b"*.clinic.example", b"a.db.clinic.example"));
        assert!(!name_matches(b"*.clinic.example", b".clinic.example"));
        assert!(!name_matches(b"*", b"db"));
        assert!(name_matches(b"db", b"DB"));
    }

    #[test]
    fn certificate_times_are_unix_times() {
        let utc = Element {
            tag: UTC_TIME,
            content: b"700101000001Z",
            whole: b"",
        };
        assert_eq!(unix_time(&utc), Some(1));
        let general = Element {
            tag: 0x18,
            content: b"20500301000000Z",
            whole: b"",
        };
        assert_eq!(unix_time(&general), Some(2_529_705_600));
        let broken = Element {
            tag: UTC_TIME,
            content: b"7001010000Z",
            whole: b"",
        };
        assert_eq!(unix_time(&broken), None);
    }

    #[test]
    fn what_is_no_certificate_is_none() {
        for bytes in [&b""[..], b"\x30", b"\x30\x84\xff\xff\xff\xff", b"\x30\x02\x30\x00"] {
            assert!(Certificate::parse(bytes).is_none());
        }
    }
}
