//! Network addresses: canonical bytes, and the text in which PostgreSQL writes them.

use std::fmt::Write;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::{put_bytes, tag};
use crate::cell::{Cell, Network};
use crate::error::{Error, Result};

/// Appends the canonical cell: the prefix, then the address, whose length says its family.
pub(super) fn put(kind: Network, prefix: u8, address: &[u8], out: &mut Vec<u8>) -> Result<()> {
    if !is_valid(kind, prefix, address) {
        return Err(Error::Usage(format!(
            "a network address of {} bytes with a prefix of {prefix} bits",
            address.len()
        )));
    }
    let mut payload = [0_u8; 17];
    payload[0] = prefix;
    payload[1..=address.len()].copy_from_slice(address);
    match kind {
        Network::Inet => put_bytes(tag::INET, &payload[..=address.len()], out),
        Network::Cidr => put_bytes(tag::CIDR, &payload[..=address.len()], out),
        Network::Mac => put_bytes(tag::MAC, address, out),
    }
    Ok(())
}

/// The cell of a payload; whether it is valid, encoding it again will tell.
pub(super) fn read(found: u8, payload: &[u8]) -> Option<Cell<'_>> {
    let (kind, prefix, address) = match found {
        tag::MAC => (Network::Mac, 0, payload),
        _ => {
            let (&prefix, address) = payload.split_first()?;
            let kind = if found == tag::INET {
                Network::Inet
            } else {
                Network::Cidr
            };
            (kind, prefix, address)
        }
    };
    is_valid(kind, prefix, address).then_some(Cell::Network { kind, prefix, address })
}

fn is_valid(kind: Network, prefix: u8, address: &[u8]) -> bool {
    match kind {
        Network::Mac => matches!(address.len(), 6 | 8) && prefix == 0,
        Network::Inet | Network::Cidr => {
            let sized = matches!(address.len(), 4 | 16) && usize::from(prefix) <= 8 * address.len();
            sized && (kind == Network::Inet || is_clear_behind(prefix, address))
        }
    }
}

fn is_clear_behind(prefix: u8, address: &[u8]) -> bool {
    (usize::from(prefix)..8 * address.len()).all(|bit| address[bit / 8] >> (7 - bit % 8) & 1 == 0)
}

/// Appends the text as PostgreSQL writes it: a host without its full prefix, a network always with its own.
pub(crate) fn write_network(kind: Network, prefix: u8, address: &[u8], out: &mut String) {
    match (kind, address.len()) {
        (Network::Mac, _) => {
            for (index, byte) in address.iter().enumerate() {
                let _ = write!(out, "{}{byte:02x}", if index == 0 { "" } else { ":" });
            }
            return;
        }
        (_, 4) => write_v4(address, out),
        _ => write_v6(address, out),
    }
    if kind == Network::Cidr || usize::from(prefix) < 8 * address.len() {
        let _ = write!(out, "/{prefix}");
    }
}

fn write_v4(address: &[u8], out: &mut String) {
    let bytes: [u8; 4] = address.try_into().unwrap_or_default();
    let _ = write!(out, "{}", Ipv4Addr::from(bytes));
}

/// The longest run of two or more zero groups, the first of equal ones, shrinks to `::`; addresses that embed an IPv4
/// one (`::a.b.c.d`, `::ffff:a.b.c.d`) end in its form. Source: RFC 5952 and `inet_net_ntop` of PostgreSQL.
fn write_v6(address: &[u8], out: &mut String) {
    let bytes: [u8; 16] = address.try_into().unwrap_or_default();
    let v6 = Ipv6Addr::from(bytes);
    let [a, b, c, d, e, f, g, _] = v6.segments();
    let embeds = [a, b, c, d, e] == [0; 5] && (f == 0xffff || f == 0 && g != 0);
    if embeds {
        out.push_str(if f == 0 { "::" } else { "::ffff:" });
        write_v4(&bytes[12..], out);
    } else {
        let _ = write!(out, "{v6}");
    }
}

/// Reads exactly the text that [`write_network`] writes. `address` is room for the bytes.
pub(crate) fn parse_network<'a>(
    kind: Network,
    mac_bytes: usize,
    text: &str,
    address: &'a mut [u8; 16],
) -> Option<Cell<'a>> {
    let (host, prefix) = match text.split_once('/') {
        Some((host, prefix)) => (host, Some(prefix.parse::<u8>().ok()?)),
        None => (text, None),
    };
    let length = if kind == Network::Mac {
        parse_mac(host, mac_bytes, address)?
    } else if let Ok(v4) = host.parse::<Ipv4Addr>() {
        address[..4].copy_from_slice(&v4.octets());
        4
    } else {
        *address = host.parse::<Ipv6Addr>().ok()?.octets();
        16
    };
    let prefix = match (kind, prefix) {
        (Network::Mac, _) => 0,
        (_, Some(prefix)) => prefix,
        (_, None) => 8 * length as u8,
    };
    let address = &address[..length];
    let mut again = String::with_capacity(text.len());
    let valid = is_valid(kind, prefix, address);
    if valid {
        write_network(kind, prefix, address, &mut again);
    }
    (valid && again == text).then_some(Cell::Network { kind, prefix, address })
}

fn parse_mac(text: &str, wanted: usize, address: &mut [u8; 16]) -> Option<usize> {
    let mut length = 0;
    for part in text.split(':') {
        if length == wanted || part.len() != 2 {
            return None;
        }
        address[length] = u8::from_str_radix(part, 16).ok()?;
        length += 1;
    }
    (length == wanted).then_some(length)
}
