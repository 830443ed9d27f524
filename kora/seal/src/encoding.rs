//! Bytes as text and back: base64 and hex with one spelling each.

use base64::engine::general_purpose::STANDARD;
use base64::Engine;

use crate::error::{Error, Result};

const HEX_DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(HEX_DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(HEX_DIGITS[usize::from(byte & 15)]));
    }
    text
}

/// Thirty-two bytes from 64 lower-case hex digits.
///
/// # Errors
/// `Malformed` for any other spelling.
pub fn digest_from_hex(text: &[u8], what: &str) -> Result<[u8; 32]> {
    let mut out = [0; 32];
    let wrong = || Error::malformed(what, "not 64 lower-case hex digits");
    if text.len() != 64 {
        return Err(wrong());
    }
    for (byte, pair) in out.iter_mut().zip(text.chunks_exact(2)) {
        let digit = |digit: u8| HEX_DIGITS.iter().position(|known| *known == digit).ok_or_else(wrong);
        *byte = (digit(pair[0])? as u8) << 4 | digit(pair[1])? as u8;
    }
    Ok(out)
}

/// The standard alphabet, padded.
pub fn base64(data: &[u8]) -> String {
    STANDARD.encode(data)
}

/// Bytes from base64 in its one spelling: standard alphabet, padded, zero tail bits, no white space.
///
/// # Errors
/// `NotAuthentic` for any other spelling: a bit that no signature covers has changed.
pub fn from_base64(text: &[u8], what: &str) -> Result<Vec<u8>> {
    STANDARD
        .decode(text)
        .map_err(|problem| Error::NotAuthentic(format!("{what} is not canonical base64: {problem}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_one_spelling() {
        assert_eq!(hex(&[0, 0xab, 0xff]), "00abff");
        assert_eq!(
            digest_from_hex("1f".repeat(32).as_bytes(), "x").expect("hex"),
            [0x1f; 32]
        );
        for text in ["1F".repeat(32), "1f".repeat(31), "1g".repeat(32)] {
            assert!(digest_from_hex(text.as_bytes(), "x").is_err(), "{text}");
        }
        assert_eq!(from_base64(b"QQ==", "x").expect("base64"), b"A");
        for text in ["QQ", "QR==", "QQ==\n", "Q Q==", "-w==", "QQ=", "QQ===", "\u{e9}"] {
            assert!(from_base64(text.as_bytes(), "x").is_err(), "{text}");
        }
    }
}
