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

/// Writes `value` into `buffer` from `at` on and gives the position behind it. `buffer` must have ten bytes from there.
#[inline]
pub(crate) fn put_at(mut value: u64, buffer: &mut [u8], mut at: usize) -> usize {
    if value < 1 << 56 {
        return put_spread(value, buffer, at);
    }
    while value >= 0x80 {
        buffer[at] = value as u8 | 0x80;
        value >>= 7;
        at += 1;
    }
    buffer[at] = value as u8;
    at + 1
}

/// Up to 56 bits at once: halves, quarters and eighths move apart until each byte holds seven bits.
#[inline]
fn put_spread(value: u64, buffer: &mut [u8], at: usize) -> usize {
    let bytes = (70 - (value | 1).leading_zeros() as usize) / 7;
    let halves = value & 0x0fff_ffff | (value & 0x00ff_ffff_f000_0000) << 4;
    let quarters = halves & 0x0000_3fff_0000_3fff | (halves & 0x0fff_c000_0fff_c000) << 2;
    let sevens = quarters & 0x007f_007f_007f_007f | (quarters & 0x3f80_3f80_3f80_3f80) << 1;
    let more = 0x8080_8080_8080_8080 & ((1 << (8 * (bytes - 1))) - 1);
    buffer[at..at + 8].copy_from_slice(&(sevens | more).to_le_bytes());
    at + bytes
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_of_writing_agree_at_every_length_and_read_back() {
        let edges = (0..64).flat_map(|bit| [(1_u64 << bit) - 1, 1 << bit, (1 << bit) | 0x5555]);
        for value in edges.chain([u64::MAX, 0x0123_4567_89ab_cdef]) {
            let (mut appended, mut placed) = (Vec::new(), [0xee_u8; 12]);
            put(value, &mut appended);
            let end = put_at(value, &mut placed, 1);
            assert_eq!(&placed[1..end], appended, "{value}");
            let mut rest = appended.as_slice();
            assert_eq!((take(&mut rest), rest.len()), (Some(value), 0));
        }
        for value in [0, -1, 1, i64::MIN, i64::MAX] {
            assert_eq!(unzigzag(zigzag(value)), value);
        }
    }

    #[test]
    fn forms_that_are_cut_or_too_long_are_refused() {
        for mut bytes in [&[][..], &[0x80], &[0x80, 0], &[0xff; 10], &[0xff; 11], &[0x80; 9]] {
            assert_eq!(take(&mut bytes), None);
        }
    }
}
