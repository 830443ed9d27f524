//! Variable-length integers: seven bits a byte, least significant first, the high bit says that more follow.
//!
//! Signed values are folded first (0, −1, 1, −2 … become 0, 1, 2, 3 …). Only the shortest form is accepted back.

/// The longest form of 64 bits, in bytes.
pub(crate) const MAX_VARINT_BYTES: usize = 10;

/// Folds the sign into the lowest bit.
#[inline]
pub(crate) const fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// Undoes [`zigzag`].
#[inline]
pub(crate) const fn unzigzag(value: u64) -> i64 {
    ((value >> 1) as i64) ^ -((value & 1) as i64)
}

/// Appends `value`.
#[inline]
pub(crate) fn put(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Writes `value` into `buffer` from `at` on and gives the position behind it. `buffer` must have room for it.
#[inline]
pub(crate) fn put_at(mut value: u64, buffer: &mut [u8], mut at: usize) -> usize {
    while value >= 0x80 {
        buffer[at] = value as u8 | 0x80;
        value >>= 7;
        at += 1;
    }
    buffer[at] = value as u8;
    at + 1
}

/// Takes one integer from the front of `bytes`; `None` where it is cut, longer than needed or above 64 bits.
pub(crate) fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for (index, &byte) in bytes.iter().take(MAX_VARINT_BYTES).enumerate() {
        let low = u64::from(byte & 0x7f);
        if index == MAX_VARINT_BYTES - 1 && low > 1 {
            return None;
        }
        value |= low << (7 * index);
        if byte & 0x80 == 0 {
            let minimal = byte != 0 || index == 0;
            *bytes = &bytes[index + 1..];
            return minimal.then_some(value);
        }
    }
    None
}

/// Takes one folded signed integer.
pub(crate) fn take_signed(bytes: &mut &[u8]) -> Option<i64> {
    take(bytes).map(unzigzag)
}
