//! How many different values: exact up to 10,000, estimated beyond (Flajolet, Fusy, Gandouet, Meunier, "HyperLogLog:
//! the analysis of a near-optimal cardinality estimation algorithm", 2007; 4,096 registers, standard error 1.6 %).
use crate::cell::Cell;
use crate::error::Result;
use crate::large;
use serde::ser::{Serialize, SerializeStruct, Serializer};
use std::collections::HashSet;

const EXACT_LIMIT: usize = 10_000;
const REGISTER_BITS: u32 = 12;
const REGISTERS: usize = 1 << REGISTER_BITS;

/// A count of different values under KCF-1: integer 1 and decimal 1.0 are the same.
#[derive(Default)]
pub struct Distinct {
    seen: HashSet<u64>,
    registers: Option<Vec<u8>>,
    encoded: Vec<u8>,
}

impl Distinct {
    /// Counts a value in. One that has no canonical bytes (a number beyond every limit) is not counted.
    pub fn observe(&mut self, cell: &Cell<'_>) {
        self.encoded.clear();
        let encoded: Result<()> = crate::canon::encode_cell(cell, &mut self.encoded);
        if encoded.is_ok() {
            self.insert(hash(&self.encoded));
        }
        large::release(&mut self.encoded);
    }

    fn insert(&mut self, hash: u64) {
        match &mut self.registers {
            Some(registers) => raise(registers, hash),
            None => {
                self.seen.insert(hash);
                if self.seen.len() > EXACT_LIMIT {
                    let mut registers = vec![0; REGISTERS];
                    self.seen.drain().for_each(|hash| raise(&mut registers, hash));
                    self.registers = Some(registers);
                }
            }
        }
    }

    /// The count, and whether it is exact.
    pub fn count(&self) -> (u64, bool) {
        match &self.registers {
            None => (self.seen.len() as u64, true),
            Some(registers) => (estimate(registers), false),
        }
    }
}

/// 64 well-mixed bits of some bytes: eight at a time by a 128-bit product folded in half, as in Wang Yi's "wyhash".
/// An estimate needs no more, and whoever makes values collide deceives nobody but himself.
fn hash(bytes: &[u8]) -> u64 {
    const ODD: [u64; 2] = [0x9e37_79b9_7f4a_7c15, 0xd1b5_4a32_d192_ed03];
    let fold = |word: u64, odd: u64| {
        let product = u128::from(word) * u128::from(odd);
        (product >> 64) as u64 ^ product as u64
    };
    let mut state = bytes.len() as u64 ^ ODD[1];
    for part in bytes.chunks(8) {
        let mut word = [0; 8];
        word[..part.len()].copy_from_slice(part);
        state = fold(state ^ u64::from_le_bytes(word), ODD[0]).wrapping_add(ODD[1]);
    }
    fold(state, ODD[1])
}

fn raise(registers: &mut [u8], hash: u64) {
    // The upper bits choose the register, the zeros in front of the others are counted.
    let index = (hash >> (64 - REGISTER_BITS)) as usize;
    let rank = (hash << REGISTER_BITS | 1 << (REGISTER_BITS - 1)).leading_zeros() as u8 + 1;
    registers[index] = registers[index].max(rank);
}

fn estimate(registers: &[u8]) -> u64 {
    let count = registers.len() as f64;
    let bias = 0.7213 / (1.0 + 1.079 / count);
    let sum: f64 = registers.iter().map(|rank| 2f64.powi(-i32::from(*rank))).sum();
    let raw = bias * count * count / sum;
    let empty = registers.iter().filter(|rank| **rank == 0).count();
    // Linear counting where many registers are empty, as the paper says.
    let corrected = if raw <= 2.5 * count && empty > 0 {
        count * (count / empty as f64).ln()
    } else {
        raw
    };
    corrected.round() as u64
}

impl Serialize for Distinct {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let (count, exact) = self.count();
        let mut body = serializer.serialize_struct("Distinct", 2)?;
        body.serialize_field("count", &count)?;
        body.serialize_field("exact", &exact)?;
        body.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_values_are_counted_exactly_and_many_within_five_percent() {
        let mut distinct = Distinct::default();
        for round in 0..2 {
            (0..10_000).for_each(|value| distinct.observe(&Cell::Int(value)));
            assert_eq!(distinct.count(), (10_000, true), "round {round}");
        }
        (0..200_000).for_each(|value| distinct.observe(&Cell::Int(value)));
        let (count, exact) = distinct.count();
        assert!(!exact && (190_000..210_000).contains(&count), "{count}");
    }
}
