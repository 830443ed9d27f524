//! What servers answer besides rows: errors, the end of rows, descriptions of columns.

use super::wire::{protocol, ENGINE};
use crate::error::{Error, Result};

/// More result sets follow this one.
const MORE_RESULTS: u16 = 0x0008;

/// Bytes of a payload that are taken one field after another.
pub struct Fields<'a>(pub &'a [u8]);

impl<'a> Fields<'a> {
    /// The next `count` bytes.
    #[inline]
    pub fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or_else(cut)?;
        self.0 = rest;
        Ok(taken)
    }

    /// The next bytes as an array.
    #[inline]
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>().ok_or_else(cut)?;
        self.0 = rest;
        Ok(*taken)
    }

    /// One byte.
    #[inline]
    pub fn byte(&mut self) -> Result<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// An unsigned number of two bytes.
    #[inline]
    pub fn number_2(&mut self) -> Result<u16> {
        self.array().map(u16::from_le_bytes)
    }

    /// An unsigned number of four bytes.
    #[inline]
    pub fn number_4(&mut self) -> Result<u32> {
        self.array().map(u32::from_le_bytes)
    }

    /// A number whose first byte says how long it is; `None` where that byte stands for NULL.
    #[inline]
    pub fn length(&mut self) -> Result<Option<usize>> {
        let long = match self.byte()? {
            small @ 0..=0xfa => return Ok(Some(usize::from(small))),
            0xfb => return Ok(None),
            0xfc => u64::from(self.number_2()?),
            0xfd => {
                let [a, b, c] = self.array()?;
                u64::from(u32::from_le_bytes([a, b, c, 0]))
            }
            0xfe => self.array().map(u64::from_le_bytes)?,
            0xff => return Err(protocol("a length that begins with 0xff")),
        };
        usize::try_from(long).map(Some).map_err(|_| cut())
    }

    /// A byte string behind its length; `None` is NULL.
    #[inline]
    pub fn string(&mut self) -> Result<Option<&'a [u8]>> {
        match self.length()? {
            Some(length) => self.take(length).map(Some),
            None => Ok(None),
        }
    }

    /// Nothing may be left.
    #[inline]
    pub fn end(&self) -> Result<()> {
        match self.0.is_empty() {
            true => Ok(()),
            false => Err(protocol(format!("{} bytes behind a row", self.0.len()))),
        }
    }

    /// A byte string up to a NUL, which is consumed; without one, the rest.
    pub fn until_nul(&mut self) -> &'a [u8] {
        let end = self.0.iter().position(|byte| *byte == 0).unwrap_or(self.0.len());
        let found = &self.0[..end];
        self.0 = self.0.get(end + 1..).unwrap_or(&[]);
        found
    }
}

#[cold]
fn cut() -> Error {
    protocol("a payload shorter than it says")
}

/// An ERR packet.
#[derive(Debug, PartialEq, Eq)]
pub struct ServerError {
    /// The server's own number.
    pub number: u16,
    /// SQLSTATE, empty before the login.
    pub state: String,
    /// The server's words.
    pub message: String,
}

impl ServerError {
    /// Reads a payload that begins with 0xff.
    pub fn parse(body: &[u8]) -> Result<Self> {
        let mut fields = Fields(body);
        fields.byte()?;
        let number = fields.number_2()?;
        let mut state = String::new();
        if let Some((b'#', rest)) = fields.0.split_first() {
            fields.0 = rest;
            state = String::from_utf8_lossy(fields.take(5)?).into_owned();
        }
        Ok(Self {
            number,
            state,
            message: String::from_utf8_lossy(fields.0).into_owned(),
        })
    }

    /// As the answer to a statement. Errors that end a session (shutdown, killed) are a lost connection.
    pub fn into_error(self) -> Error {
        let message = self.words();
        match self.number {
            1053 | 1077 | 1079 | 1152..=1159 | 1184 | 1927 | 4031 => Error::Connection {
                engine: ENGINE,
                message,
            },
            _ => self.engine_error(message),
        }
    }

    /// As the answer to a login: a server that is full or going down may let us in later; a wrong database or account
    /// is for a person to look at.
    pub fn into_login_error(self) -> Error {
        let message = self.words();
        match self.number {
            1040 | 1053 | 1129 | 1203 | 1226 => Error::Connection {
                engine: ENGINE,
                message,
            },
            1044 | 1045 | 1130 | 1251 | 1524 | 1698 | 1820 | 1862 | 3118 | 3159 | 4151 => Error::Denied {
                engine: ENGINE,
                message,
            },
            _ => self.engine_error(message),
        }
    }

    fn words(&self) -> String {
        let hint = match self.number {
            1153 => " (a value or statement is longer than max_allowed_packet: raise it on the server)",
            _ => "",
        };
        format!("{}{hint} [{} {}]", self.message, self.number, self.state)
    }

    fn engine_error(self, message: String) -> Error {
        Error::Engine {
            engine: ENGINE,
            code: self.number.to_string(),
            message,
        }
    }
}

/// The status flags at the end of rows, which say whether more result sets follow.
///
/// `ok_shaped`: the end has the form of an OK packet, as `CLIENT_DEPRECATE_EOF` makes it.
pub fn more_results(body: &[u8], ok_shaped: bool) -> Result<bool> {
    let mut fields = Fields(body);
    fields.byte()?;
    if ok_shaped {
        fields.length()?;
        fields.length()?;
    } else {
        fields.number_2()?;
    }
    Ok(fields.number_2()? & MORE_RESULTS != 0)
}

/// What a result set says of one column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ColumnDefinition {
    /// The collation's number; 63 is none at all.
    pub collation: u16,
    /// Longest value in bytes, or bits.
    pub length: u32,
    /// The protocol's type.
    pub type_code: u8,
    /// `UNSIGNED_FLAG` and others.
    pub flags: u16,
}

impl ColumnDefinition {
    /// Reads a column definition (protocol 4.1).
    pub fn parse(body: &[u8]) -> Result<Self> {
        let mut fields = Fields(body);
        for _ in 0..6 {
            fields.string()?; // catalog, schema, table, original table, name, original name
        }
        fields.length()?;
        Ok(Self {
            collation: fields.number_2()?,
            length: fields.number_4()?,
            type_code: fields.byte()?,
            flags: fields.number_2()?,
        })
    }

    /// Whether numbers are unsigned.
    pub const fn unsigned(&self) -> bool {
        self.flags & 0x20 != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_keeps_number_state_and_words() {
        let error = ServerError::parse(b"\xff\x7a\x04#42S02Table 't' doesn't exist").unwrap();
        assert_eq!((error.number, error.state.as_str()), (1146, "42S02"));
        assert!(matches!(error.into_error(), Error::Engine { code, .. } if code == "1146"));
        let early = ServerError::parse(b"\xff\x10\x04Too many connections").unwrap();
        assert!(matches!(early.into_login_error(), Error::Connection { .. }));
    }

    #[test]
    fn cut_payloads_are_protocol_violations() {
        for body in [&b"\xff\x7a"[..], b"\xff\x7a\x04#42", b""] {
            assert!(matches!(ServerError::parse(body), Err(Error::Protocol { .. })));
        }
        assert!(ColumnDefinition::parse(b"\x03def\x00").is_err());
        assert!(Fields(b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff").string().is_err());
        assert!(Fields(b"\xff").length().is_err());
    }
}
