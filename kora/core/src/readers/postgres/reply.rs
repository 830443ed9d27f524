//! What servers answer besides rows: errors, parameters, NUL-terminated texts.

use super::wire::{protocol, ENGINE};
use crate::error::{Error, Result};

/// An ErrorResponse's fields that a person or a program needs.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ServerError {
    /// `ERROR`, `FATAL` or `PANIC`, untranslated.
    pub severity: String,
    /// SQLSTATE.
    pub code: String,
    /// The server's words, with its hint. Never its DETAIL, which quotes rows.
    pub message: String,
}

impl ServerError {
    /// Reads an ErrorResponse body.
    pub fn parse(mut body: &[u8]) -> Result<Self> {
        let (mut error, mut hint) = (Self::default(), String::new());
        while let Some((&field, rest)) = body.split_first() {
            if field == 0 {
                break;
            }
            let (text, after) = c_string(rest)?;
            match field {
                b'V' => error.severity = text,
                b'S' if error.severity.is_empty() => error.severity = text,
                b'C' => error.code = text,
                b'M' => error.message = text,
                b'H' => hint = text,
                _ => {}
            }
            body = after;
        }
        if !hint.is_empty() {
            error.message = format!("{} ({hint})", error.message);
        }
        Ok(error)
    }

    /// Whether the server ends the session with it.
    pub fn is_fatal(&self) -> bool {
        matches!(self.severity.as_str(), "FATAL" | "PANIC")
    }

    /// As the answer to a statement.
    pub fn into_error(self) -> Error {
        let message = format!("{} [{}]", self.message, self.code);
        match self.is_fatal() {
            true => Error::Connection {
                engine: ENGINE,
                message,
            },
            false => Error::Engine {
                engine: ENGINE,
                code: self.code,
                message,
            },
        }
    }

    /// As the answer to a login: a server that is full, starting or stopping may let us in later; all else is a
    /// refusal that a person must look at.
    pub fn into_login_error(self) -> Error {
        let message = format!("{} [{}]", self.message, self.code);
        match self.code.get(..2) {
            Some("53" | "57" | "58" | "08") => Error::Connection {
                engine: ENGINE,
                message,
            },
            Some("28" | "3D" | "42") => Error::Denied {
                engine: ENGINE,
                message,
            },
            _ => Error::Engine {
                engine: ENGINE,
                code: self.code,
                message,
            },
        }
    }
}

/// A NUL-terminated text and what follows it. A server's own words may be in any encoding before the login.
pub fn c_string(bytes: &[u8]) -> Result<(String, &[u8])> {
    let end = bytes
        .iter()
        .position(|byte| *byte == 0)
        .ok_or_else(|| protocol("a text without its end"))?;
    Ok((String::from_utf8_lossy(&bytes[..end]).into_owned(), &bytes[end + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_keeps_its_code_and_hint_and_drops_the_detail_that_quotes_rows() {
        let body = b"SFEHLER\0VERROR\0C23505\0Mno\0DKey (id)=(7)\0Htry\0\0";
        let error = ServerError::parse(body).unwrap();
        assert_eq!(
            error,
            ServerError {
                severity: "ERROR".into(),
                code: "23505".into(),
                message: "no (try)".into()
            }
        );
        assert!(matches!(error.into_error(), Error::Engine { code, .. } if code == "23505"));
    }

    #[test]
    fn a_cut_error_is_a_protocol_violation() {
        assert!(matches!(ServerError::parse(b"Mno"), Err(Error::Protocol { .. })));
    }
}
