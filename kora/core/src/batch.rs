//! Keyed BLAKE3 of many short inputs at once: standard digests, several in the processor's lanes.
//!
//! An input of up to 1,024 bytes is a single BLAKE3 chunk, and a single chunk's root is `hash_many` with counter 0,
//! CHUNK_START on its first and CHUNK_END | ROOT on its last block. Inputs are zero-padded to whole 64-byte blocks
//! (the caller's bytes stay injective under that) and collected by block count. `hash_many` is internal to the blake3
//! crate: its version is pinned, and the tests hold every length against the public API.
//! Source: O'Connor, Aumasson, Neves, Wilcox-O'Hearn, "BLAKE3: one function, fast everywhere", §2.

use blake3::platform::{words_from_le_bytes_32, Platform};
use blake3::IncrementCounter;

use crate::error::Result;
use crate::keys::SecretKey;
use crate::large::Gathered;
use crate::set_hash::Digest;

/// Inputs that are hashed together: a multiple of every processor's lanes.
pub const BATCH_ROWS: usize = 64;
/// Bytes of a BLAKE3 block, to which every input is padded.
pub(crate) const BLOCK_BYTES: usize = 64;
/// Blocks in the longest input that still is one chunk.
const CLASSES: usize = 16;

const CHUNK_START: u8 = 1;
const CHUNK_END: u8 = 1 << 1;
const ROOT: u8 = 1 << 3;
const KEYED_HASH: u8 = 1 << 4;

/// Takes digests together with what was pushed beside each input. Their order is not that of the pushes.
pub trait DigestSink<P> {
    /// Equally many of both.
    fn take(&mut self, digests: &[Digest], payloads: &[P]) -> Result<()>;
}

impl<P, F: FnMut(&[Digest], &[P]) -> Result<()>> DigestSink<P> for F {
    fn take(&mut self, digests: &[Digest], payloads: &[P]) -> Result<()> {
        self(digests, payloads)
    }
}

struct Class<P> {
    bytes: Vec<u8>,
    payloads: Vec<P>,
}

/// Collects inputs until there are enough to hash side by side. `P` is what travels along with each input.
pub struct BatchHasher<P> {
    platform: Platform,
    key: SecretKey,
    words: zeroize::Zeroizing<[u32; 8]>,
    classes: [Class<P>; CLASSES],
}

impl<P: Copy> BatchHasher<P> {
    /// A hasher for one derived key, in bounded memory: at most 64 inputs of each length class wait.
    pub fn new(key: SecretKey) -> Self {
        let words = zeroize::Zeroizing::new(words_from_le_bytes_32(&key));
        let classes = std::array::from_fn(|_| Class {
            bytes: Vec::new(),
            payloads: Vec::with_capacity(BATCH_ROWS),
        });
        Self {
            platform: Platform::detect(),
            key,
            words,
            classes,
        }
    }

    /// Takes one input; hands digests to the sink whenever a batch is full.
    #[inline]
    pub fn push(&mut self, input: &[u8], payload: P, sink: &mut impl DigestSink<P>) -> Result<()> {
        let blocks = input.len().div_ceil(BLOCK_BYTES);
        let Some(class) = self.classes.get_mut(blocks.wrapping_sub(1)) else {
            return sink.take(&[padded_digest(&self.key, input)], &[payload]);
        };
        class.bytes.extend_from_slice(input);
        class.payloads.push(payload);
        class.bytes.resize(class.payloads.len() * blocks * BLOCK_BYTES, 0);
        if class.payloads.len() == BATCH_ROWS {
            hash_class(self.platform, &self.words, blocks, class, sink)?;
        }
        Ok(())
    }

    /// Takes one input that lies in pieces; its digest goes to the sink at once.
    pub fn push_gathered(&mut self, input: &Gathered<'_>, payload: P, sink: &mut impl DigestSink<P>) -> Result<()> {
        sink.take(&[input.digest(&self.key)], &[payload])
    }

    /// Hands out all that still waits.
    pub fn flush(&mut self, sink: &mut impl DigestSink<P>) -> Result<()> {
        for (index, class) in self.classes.iter_mut().enumerate() {
            if !class.payloads.is_empty() {
                hash_class(self.platform, &self.words, index + 1, class, sink)?;
            }
        }
        Ok(())
    }
}

/// Keyed BLAKE3 of an input, zero-padded to whole blocks, one at a time: what the batches compute, of any length.
pub fn padded_digest(key: &Digest, input: &[u8]) -> Digest {
    let padding = padding_bytes(input.len());
    let mut hasher = blake3::Hasher::new_keyed(key);
    hasher.update(input).update(&[0; BLOCK_BYTES][..padding]);
    *hasher.finalize().as_bytes()
}

/// Zeros that an input of this length ends in.
pub(crate) fn padding_bytes(length: usize) -> usize {
    length.next_multiple_of(BLOCK_BYTES) - length
}

fn hash_class<P>(
    platform: Platform,
    words: &[u32; 8],
    blocks: usize,
    class: &mut Class<P>,
    sink: &mut impl DigestSink<P>,
) -> Result<()> {
    let mut digests = [[0_u8; 32]; BATCH_ROWS];
    hash_blocks(platform, words, blocks, &class.bytes, digests.as_flattened_mut());
    let taken = sink.take(&digests[..class.payloads.len()], &class.payloads);
    class.bytes.clear();
    class.payloads.clear();
    taken
}

/// `hash_many` wants the input's length as a constant: one arm for each.
fn hash_blocks(platform: Platform, words: &[u32; 8], blocks: usize, bytes: &[u8], out: &mut [u8]) {
    let hash = match blocks {
        1 => hash_inputs::<64>,
        2 => hash_inputs::<128>,
        3 => hash_inputs::<192>,
        4 => hash_inputs::<256>,
        5 => hash_inputs::<320>,
        6 => hash_inputs::<384>,
        7 => hash_inputs::<448>,
        8 => hash_inputs::<512>,
        9 => hash_inputs::<576>,
        10 => hash_inputs::<640>,
        11 => hash_inputs::<704>,
        12 => hash_inputs::<768>,
        13 => hash_inputs::<832>,
        14 => hash_inputs::<896>,
        15 => hash_inputs::<960>,
        _ => hash_inputs::<1024>,
    };
    hash(platform, words, bytes, out);
}

fn hash_inputs<const N: usize>(platform: Platform, words: &[u32; 8], bytes: &[u8], out: &mut [u8]) {
    let mut inputs = [&[0_u8; N]; BATCH_ROWS];
    let mut count = 0;
    for (slot, input) in inputs.iter_mut().zip(bytes.chunks_exact(N)) {
        if let Ok(input) = input.try_into() {
            *slot = input;
            count += 1;
        }
    }
    let end = CHUNK_END | ROOT;
    platform.hash_many(
        &inputs[..count],
        words,
        0,
        IncrementCounter::No,
        KEYED_HASH,
        CHUNK_START,
        end,
        out,
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use zeroize::Zeroizing;

    const KEY: Digest = [42; 32];

    fn input(length: usize) -> Vec<u8> {
        (0..length).map(|index| (index * 7 + length) as u8).collect()
    }

    fn public_api(input: &[u8]) -> Digest {
        let mut padded = input.to_vec();
        padded.resize(input.len().next_multiple_of(64), 0);
        *blake3::keyed_hash(&KEY, &padded).as_bytes()
    }

    fn digests(lengths: &[usize]) -> Vec<(usize, Digest)> {
        let mut seen = Vec::new();
        let mut sink = |digests: &[Digest], payloads: &[usize]| {
            seen.extend(payloads.iter().copied().zip(digests.iter().copied()));
            Ok(())
        };
        let mut hasher = BatchHasher::new(Zeroizing::new(KEY));
        for length in lengths {
            hasher
                .push(&input(*length), *length, &mut sink)
                .expect("this sink takes all");
        }
        hasher.flush(&mut sink).expect("this sink takes all");
        seen
    }

    #[test]
    fn every_length_up_to_4096_has_the_digest_of_the_public_api() {
        let lengths: Vec<usize> = (0..=4096).collect();
        let seen = digests(&lengths);
        assert_eq!(seen.len(), lengths.len());
        for (length, digest) in seen {
            assert_eq!(digest, public_api(&input(length)), "length {length}");
            assert_eq!(digest, padded_digest(&KEY, &input(length)), "length {length}");
        }
    }

    #[test]
    fn batches_of_every_size_give_each_input_its_own_digest() {
        for count in [1, 2, 3, 15, 16, 17, 63, 64, 65, 200] {
            let lengths: Vec<usize> = (0..count).map(|index| 65 + index % 64).collect();
            let seen = digests(&lengths);
            assert_eq!(seen.len(), count);
            assert!(
                seen.iter()
                    .all(|(length, digest)| *digest == public_api(&input(*length))),
                "{count} inputs"
            );
        }
    }
}
