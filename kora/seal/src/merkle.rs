//! RFC 6962 Merkle trees over SHA-256: roots, audit paths and consistency proofs, in memory that grows with log(n).
//!
//! Pure: leaves come in, hashes go out. Nothing here knows what a leaf means or where it is kept.
//! Source: RFC 6962, §2.1; the checks of proofs follow RFC 9162, §2.1.3.2 and §2.1.4.2.

use crate::error::{Error, Result};
use crate::signature::sha256_raw;

/// A SHA-256 hash of a leaf or a node.
pub type Hash = [u8; 32];

/// Hashes in the longest audit path: one for each bit of a leaf's number.
pub const PATH_LIMIT: usize = 64;

/// The hash of a leaf.
pub fn leaf_hash(leaf: &[u8]) -> Hash {
    sha256_raw(&[&[0], leaf])
}

/// The hash of an inner node.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    sha256_raw(&[&[1], left, right])
}

/// The root of a tree without leaves.
pub fn empty_root() -> Hash {
    sha256_raw(&[])
}

/// A tree that grows at its right edge: one hash for each complete subtree, the largest first.
#[derive(Clone, Debug, Default)]
pub struct Frontier {
    /// Height and root of each complete subtree; heights descend.
    subtrees: Vec<(u32, Hash)>,
    size: u64,
}

impl Frontier {
    /// Adds a leaf by its hash.
    pub fn push(&mut self, leaf: Hash) {
        self.push_subtree(0, leaf);
    }

    /// Adds a complete subtree of 2^height leaves. The caller keeps the order: no smaller one may stand before it.
    pub fn push_subtree(&mut self, height: u32, root: Hash) {
        let (mut height, mut root) = (height, root);
        self.size = self.size.saturating_add(1_u64.checked_shl(height).unwrap_or(u64::MAX));
        while let Some((_, left)) = self.subtrees.last().filter(|(last, _)| *last == height) {
            root = node_hash(left, &root);
            height += 1;
            self.subtrees.pop();
        }
        self.subtrees.push((height, root));
    }

    /// Leaves so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The tree's root.
    pub fn root(&self) -> Hash {
        let from_the_right = self.subtrees.iter().rev().map(|(_, root)| *root);
        from_the_right
            .reduce(|right, left| node_hash(&left, &right))
            .unwrap_or_else(empty_root)
    }
}

/// Leaves `start..end` of a tree: one node of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first leaf's number.
    pub start: u64,
    /// One behind the last.
    pub end: u64,
}

/// Which nodes make up the audit path of leaf `index` in a tree of `size`, from the leaf upwards.
///
/// # Errors
/// `Usage` for a leaf that the tree has not.
pub fn path_ranges(index: u64, size: u64) -> Result<Vec<Range>> {
    if index >= size {
        return Err(Error::Usage(format!("a tree of {size} leaves has no leaf {index}")));
    }
    let (mut start, mut end) = (0, size);
    let mut path = Vec::new();
    while end - start > 1 {
        let middle = start + split(end - start);
        if index < middle {
            path.push(Range { start: middle, end });
            end = middle;
        } else {
            path.push(Range { start, end: middle });
            start = middle;
        }
    }
    path.reverse();
    Ok(path)
}

/// Which nodes prove that the tree of `size` began as the tree of `old`: RFC 6962's PROOF(m, D[n]).
///
/// # Errors
/// `Usage` unless 0 < old ≤ size.
pub fn consistency_ranges(old: u64, size: u64) -> Result<Vec<Range>> {
    if old == 0 || old > size {
        return Err(Error::Usage(format!("a tree of {size} leaves was never one of {old}")));
    }
    let (mut start, mut end) = (0, size);
    let mut path = Vec::new();
    while end != old {
        let middle = start + split(end - start);
        if old <= middle {
            path.push(Range { start: middle, end });
            end = middle;
        } else {
            path.push(Range { start, end: middle });
            start = middle;
        }
    }
    if start > 0 {
        path.push(Range { start, end });
    }
    path.reverse();
    Ok(path)
}

/// The largest power of two below `length`, which is at least 2.
fn split(length: u64) -> u64 {
    1 << (u64::BITS - 1 - (length - 1).leading_zeros())
}

/// The root that an audit path leads to from a leaf's hash.
///
/// # Errors
/// `NotAuthentic` for a path of another length than that leaf's, or a leaf that such a tree has not.
pub fn root_from_path(leaf: &Hash, index: u64, size: u64, path: &[Hash]) -> Result<Hash> {
    if index >= size {
        return Err(Error::NotAuthentic(format!(
            "a tree of {size} leaves has no leaf {index}"
        )));
    }
    let wrong = || Error::NotAuthentic("the path does not belong to this place in the tree".into());
    let (mut node, mut last) = (index, size - 1);
    let mut root = *leaf;
    for sibling in path {
        if last == 0 {
            return Err(wrong());
        }
        if node & 1 == 1 || node == last {
            root = node_hash(sibling, &root);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            root = node_hash(&root, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last == 0 {
        Ok(root)
    } else {
        Err(wrong())
    }
}

/// Whether a tree of `size` with `root` began as the tree of `old` with `old_root`.
///
/// # Errors
/// `NotAuthentic` where the proof does not hold; `Usage` unless 0 < old ≤ size.
pub fn check_consistency(old: u64, old_root: &Hash, size: u64, root: &Hash, proof: &[Hash]) -> Result<()> {
    let ranges = consistency_ranges(old, size)?;
    let wrong =
        || Error::NotAuthentic("the log was not only appended to: its old tree is not the new one's beginning".into());
    if ranges.len() != proof.len() {
        return Err(wrong());
    }
    let begins_complete = old.is_power_of_two() || old == size;
    let mut nodes = proof.iter();
    let first = if begins_complete {
        old_root
    } else {
        nodes.next().ok_or_else(wrong)?
    };
    let (mut before, mut after) = (*first, *first);
    for (range, sibling) in ranges.iter().skip(usize::from(!begins_complete)).zip(nodes) {
        if range.start < old {
            before = node_hash(sibling, &before);
            after = node_hash(sibling, &after);
        } else {
            after = node_hash(&after, sibling);
        }
    }
    if before == *old_root && after == *root {
        Ok(())
    } else {
        Err(wrong())
    }
}

/// Computes several nodes of a tree while its leaves pass by once, in order.
#[derive(Debug)]
pub struct RangeHasher {
    ranges: Vec<(Range, Frontier)>,
    next: u64,
}

impl RangeHasher {
    /// For these nodes, whatever their order.
    pub fn new(ranges: &[Range]) -> Self {
        Self {
            ranges: ranges.iter().map(|range| (*range, Frontier::default())).collect(),
            next: 0,
        }
    }

    /// The next leaf's hash.
    pub fn push(&mut self, leaf: Hash) {
        let next = self.next;
        let covering = self
            .ranges
            .iter_mut()
            .filter(|(range, _)| (range.start..range.end).contains(&next));
        covering.for_each(|(_, frontier)| frontier.push(leaf));
        self.next += 1;
    }

    /// The nodes' hashes, in the order in which they were asked for.
    pub fn finish(self) -> Vec<Hash> {
        self.ranges.iter().map(|(_, frontier)| frontier.root()).collect()
    }
}
