//! Sorts many digests, or records that begin with one, in place. Owns the order alone; who waits for it is [`crate::spill`]'s concern.

/// Below this many records a comparison sort is as good.
const PARTITIONED_FROM: usize = 1 << 14;

/// Sorts records, which are digests and so evenly spread: first by their first byte in place, then each part by itself,
/// the halves side by side.
/// Source: McIlroy, Bostic, McIlroy, "Engineering Radix Sort" (1993), American flag sort.
pub fn sort_records<const N: usize>(records: &mut [[u8; N]]) {
    if records.len() < PARTITIONED_FROM {
        records.sort_unstable();
        return;
    }
    let ends = partition_by_first_byte(records);
    let middle = ends[127];
    let (low, high) = records.split_at_mut(middle);
    std::thread::scope(|scope| {
        scope.spawn(|| sort_parts(low, &ends[..128], 0));
        sort_parts(high, &ends[128..], middle);
    });
}

/// Moves records so that their first bytes ascend; gives the end of each byte's part.
fn partition_by_first_byte<const N: usize>(records: &mut [[u8; N]]) -> [usize; 256] {
    let mut counts = [0_usize; 256];
    records.iter().for_each(|record| counts[usize::from(record[0])] += 1);
    let (mut ends, mut next, mut sum) = ([0; 256], [0; 256], 0);
    for ((end, start), count) in ends.iter_mut().zip(&mut next).zip(counts) {
        *start = sum;
        sum += count;
        *end = sum;
    }
    for part in 0..256 {
        while next[part] < ends[part] {
            let home = usize::from(records[next[part]][0]);
            records.swap(next[part], next[home]);
            next[home] += 1;
        }
    }
    ends
}

/// Sorts each part. `ends` count from the whole's beginning, `offset` is where `records` begin in it.
fn sort_parts<const N: usize>(records: &mut [[u8; N]], ends: &[usize], offset: usize) {
    let mut start = 0;
    for end in ends {
        let end = end - offset;
        records[start..end].sort_unstable_by(|left, right| head(left).cmp(&head(right)).then_with(|| left.cmp(right)));
        start = end;
    }
}

/// The first eight bytes as a number of the same order: settles nearly every comparison in one instruction.
#[inline(always)]
pub(crate) fn head<const N: usize>(record: &[u8; N]) -> u64 {
    record.first_chunk().map_or(0, |head| u64::from_be_bytes(*head))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::set_hash::Digest;

    #[test]
    fn many_records_are_sorted_as_by_comparison_also_when_they_are_lopsided() {
        let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
        for first_bytes in [256, 3, 1] {
            let mut records: Vec<Digest> = (0..PARTITIONED_FROM + 77)
                .map(|_| {
                    let mut record = [0; 32];
                    for bytes in record.chunks_exact_mut(8) {
                        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                        bytes.copy_from_slice(&(seed ^ (seed >> 29)).to_le_bytes());
                    }
                    record[0] = (u32::from(record[0]) % first_bytes) as u8;
                    record
                })
                .collect();
            records[5] = records[6];
            let mut expected = records.clone();
            expected.sort();
            sort_records(&mut records);
            assert!(records == expected, "{first_bytes} first bytes");
        }
    }
}
