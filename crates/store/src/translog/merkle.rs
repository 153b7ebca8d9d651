//! The Merkle tree of RFC 6962, section 2.1, with the verification algorithms of RFC 9162, section 2.1.
//!
//! Plain functions over hashes of leaves, and [`Frontier`], which goes on with a tree whose leaves are not at hand: what it keeps is at the same
//! time the inclusion proof of the next leaf.

use sha2::{Digest, Sha256};

/// A hash of the tree.
pub type Hash = [u8; 32];

/// Most hashes in a proof: more leaves than 2^63 have no place in a log.
pub const MAX_PROOF: usize = 63;

/// Of a leaf's data.
pub fn leaf_hash(data: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(data).finalize().into()
}

fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// `MTH`: the root over leaves.
pub fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Sha256::digest([]).into(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            node_hash(&root(left), &root(right))
        }
    }
}

/// The largest power of two below `n`, which is at least 2.
fn split(n: usize) -> usize {
    1 << (n - 1).ilog2()
}

/// `PATH(index, leaves)`: from the leaf's sibling to the root's child; `None` if there is no such leaf.
pub fn inclusion_proof(leaves: &[Hash], index: usize) -> Option<Vec<Hash>> {
    if index >= leaves.len() {
        return None;
    }
    let (mut part, mut index, mut proof) = (leaves, index, Vec::new());
    while part.len() > 1 {
        let (left, right) = part.split_at(split(part.len()));
        if index < left.len() {
            proof.push(root(right));
            part = left;
        } else {
            proof.push(root(left));
            index -= left.len();
            part = right;
        }
    }
    proof.reverse();
    Some(proof)
}

/// `PROOF(old, leaves)`: that the tree of the first `old` leaves is the beginning of this one; `None` if it never had that size. Empty for
/// nothing and for all.
pub fn consistency_proof(leaves: &[Hash], old: usize) -> Option<Vec<Hash>> {
    if old > leaves.len() {
        return None;
    }
    let (mut part, mut old, mut whole, mut proof) = (leaves, old, true, Vec::new());
    while old > 0 && old < part.len() {
        let (left, right) = part.split_at(split(part.len()));
        if old <= left.len() {
            proof.push(root(right));
            part = left;
        } else {
            proof.push(root(left));
            old -= left.len();
            part = right;
            whole = false;
        }
    }
    if old > 0 && !whole {
        proof.push(root(part));
    }
    proof.reverse();
    Some(proof)
}

/// Whether `leaf` stands at `index` of the tree of this size and root (RFC 9162, section 2.1.3.2).
pub fn verify_inclusion(leaf: &Hash, index: u64, size: u64, proof: &[Hash], root: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut place, mut last, mut hash) = (index, size - 1, *leaf);
    for sibling in proof {
        if last == 0 {
            return false;
        }
        if place & 1 == 1 || place == last {
            hash = node_hash(sibling, &hash);
            while place & 1 == 0 && place != 0 {
                (place, last) = (place >> 1, last >> 1);
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        (place, last) = (place >> 1, last >> 1);
    }
    last == 0 && hash == *root
}

/// Whether the tree of size and root `old` is the beginning of that of size and root `new` (RFC 9162, section 2.1.4.2).
pub fn verify_consistency(old: (u64, &Hash), new: (u64, &Hash), proof: &[Hash]) -> bool {
    let ((old, old_root), (new, new_root)) = (old, new);
    if old == new {
        return proof.is_empty() && old_root == new_root;
    }
    if old == 0 {
        return proof.is_empty() && *old_root == root(&[]);
    }
    if old > new {
        return false;
    }
    let (mut place, mut last) = (old - 1, new - 1);
    while place & 1 == 1 {
        (place, last) = (place >> 1, last >> 1);
    }
    let (mut before, mut rest) = if old.is_power_of_two() {
        (*old_root, proof)
    } else {
        let Some((first, rest)) = proof.split_first() else { return false };
        (*first, rest)
    };
    let mut after = before;
    while let Some((sibling, more)) = rest.split_first() {
        rest = more;
        if last == 0 {
            return false;
        }
        if place & 1 == 1 || place == last {
            before = node_hash(sibling, &before);
            after = node_hash(sibling, &after);
            while place & 1 == 0 && place != 0 {
                (place, last) = (place >> 1, last >> 1);
            }
        } else {
            after = node_hash(&after, sibling);
        }
        (place, last) = (place >> 1, last >> 1);
    }
    last == 0 && before == *old_root && after == *new_root
}

/// The right edge of a tree: the roots of the whole subtrees it is made of, the largest first. Enough to add leaves, and to prove each newest
/// one, without the leaves before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Hash>,
}

impl Frontier {
    /// The edge of a tree of this size; `None` if there would be another number of subtrees.
    pub fn new(size: u64, peaks: Vec<Hash>) -> Option<Self> {
        (size.count_ones() as usize == peaks.len()).then_some(Self { size, peaks })
    }

    /// Leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The subtrees' roots, the largest first.
    pub fn peaks(&self) -> &[Hash] {
        &self.peaks
    }

    /// The inclusion proof of the leaf that is added next, in the tree that ends with it.
    pub fn proof_of_next(&self) -> Vec<Hash> {
        self.peaks.iter().rev().copied().collect()
    }

    /// Adds a leaf.
    pub fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                hash = node_hash(&left, &hash);
            }
        }
        self.peaks.push(hash);
        self.size += 1;
    }

    /// The root of the tree.
    pub fn root(&self) -> Hash {
        let whole = self.peaks.iter().rev().copied().reduce(|right, left| node_hash(&left, &right));
        whole.unwrap_or_else(|| root(&[]))
    }
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::*;

    /// The inputs and roots that the implementations of RFC 6962 share.
    const LEAVES: [&str; 8] =
        ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
    const ROOTS: [&str; 8] = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];

    fn leaves(n: usize) -> Vec<Hash> {
        (0..n).map(|i| leaf_hash(&i.to_be_bytes())).collect()
    }

    #[test]
    fn the_known_roots_and_proofs() {
        let bytes = |hex: &str| HEXLOWER.decode(hex.as_bytes()).unwrap();
        let known: Vec<Hash> = LEAVES.iter().map(|leaf| leaf_hash(&bytes(leaf))).collect();
        let mut edge = Frontier::default();
        assert_eq!(
            HEXLOWER.encode(&edge.root()),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        for (n, expected) in ROOTS.iter().enumerate() {
            edge.push(known[n]);
            assert_eq!(HEXLOWER.encode(&root(&known[..=n])), *expected);
            assert_eq!(edge.root(), root(&known[..=n]));
        }
        let hex = |proof: Vec<Hash>| proof.iter().map(|hash| HEXLOWER.encode(hash)).collect::<Vec<_>>();
        assert_eq!(hex(inclusion_proof(&known[..3], 2).unwrap()), [ROOTS[1]]);
        assert_eq!(
            hex(inclusion_proof(&known, 0).unwrap()),
            [
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ]
        );
        assert_eq!(
            hex(consistency_proof(&known, 1).unwrap()),
            [
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ]
        );
    }

    #[test]
    fn every_proof_verifies_and_no_other_does() {
        let all = leaves(33);
        for size in 0..=all.len() {
            let tree = &all[..size];
            let top = root(tree);
            for index in 0..size {
                let proof = inclusion_proof(tree, index).unwrap();
                let check = |leaf: &Hash, index: usize, size: usize, proof: &[Hash]| {
                    verify_inclusion(leaf, index as u64, size as u64, proof, &top)
                };
                assert!(check(&all[index], index, size, &proof));
                assert!(!check(&all[(index + 1) % 33], index, size, &proof));
                assert!(!check(&all[index], size, size, &proof));
                let longer = [proof.as_slice(), &[top]].concat();
                assert!(!check(&all[index], index, size, &longer));
                if let Some((_, shorter)) = proof.split_last() {
                    assert!(!check(&all[index], index, size, shorter));
                    let mut bent = proof.clone();
                    bent[index % proof.len()][7] ^= 1;
                    assert!(!check(&all[index], index, size, &bent));
                }
            }
            for old in 0..=size {
                let proof = consistency_proof(tree, old).unwrap();
                let before = root(&all[..old]);
                let check = |before: &Hash, proof: &[Hash]| {
                    verify_consistency((old as u64, before), (size as u64, &top), proof)
                };
                assert!(check(&before, &proof), "{old} to {size}");
                assert!(!check(&leaf_hash(b"another"), &proof), "{old} to {size}");
                if old > 0 && old < size {
                    assert!(!verify_consistency((old as u64, &before), (size as u64, &before), &proof));
                }
                for bent in 0..proof.len() {
                    let mut other = proof.clone();
                    other[bent][0] ^= 1;
                    assert!(!check(&before, &other), "{old} to {size}");
                    assert!(!check(&before, &proof[..bent]), "{old} to {size}");
                }
            }
            assert!(consistency_proof(tree, size + 1).is_none());
            assert!(inclusion_proof(tree, size).is_none());
        }
        assert!(!verify_consistency((3, &root(&all[..3])), (2, &root(&all[..2])), &[]));
    }

    #[test]
    fn the_edge_proves_each_newest_leaf() {
        let all = leaves(70);
        let mut edge = Frontier::default();
        for (index, leaf) in all.iter().enumerate() {
            let proof = edge.proof_of_next();
            edge.push(*leaf);
            assert_eq!(Some(proof), inclusion_proof(&all[..=index], index));
            assert_eq!(edge.root(), root(&all[..=index]));
            assert_eq!(Frontier::new(edge.size(), edge.peaks().to_vec()).unwrap(), edge);
            assert!(Frontier::new(edge.size() + 1, edge.peaks().to_vec()).is_none_or(|other| other != edge));
        }
    }
}
