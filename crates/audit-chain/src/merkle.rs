//! Merkle trees, as certificate transparency has them: RFC 6962, section 2.1, and RFC 9162, section 2.1.

use crate::Hash;

/// The hash of a leaf: it can be that of no node.
pub(crate) fn leaf_hash(data: &[u8]) -> Hash {
    Hash::of(&[&[0], data])
}

fn node_hash(left: Hash, right: Hash) -> Hash {
    Hash::of(&[&[1], left.bytes(), right.bytes()])
}

/// A tree over hashes of leaves.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    /// The leaves, then what is above them, level by level, up to the root.
    levels: Vec<Vec<Hash>>,
}

impl Tree {
    /// The tree over these, in this order.
    pub(crate) fn over(leaves: Vec<Hash>) -> Self {
        let mut levels = vec![leaves];
        while let Some(below) = levels.last().filter(|level| level.len() > 1) {
            // the last of an odd number stands above itself
            let node = |pair: &[Hash]| match *pair {
                [left, right] => Some(node_hash(left, right)),
                _ => pair.first().copied(),
            };
            levels.push(below.chunks(2).filter_map(node).collect());
        }
        Self { levels }
    }

    /// Its root; of no leaves the hash of nothing.
    pub(crate) fn root(&self) -> Hash {
        self.levels.last().and_then(|top| top.first()).copied().unwrap_or_else(|| Hash::of(&[]))
    }

    /// What the leaf at this place is hashed with on the way to the root.
    pub(crate) fn path(&self, leaf: usize) -> Vec<Hash> {
        let beside = |(above, level): (usize, &Vec<Hash>)| level.get((leaf >> above) ^ 1).copied();
        self.levels.iter().enumerate().filter_map(beside).collect()
    }
}

/// The root that a leaf at this place of so many leads to by this path (RFC 9162, section 2.1.3.2). Nothing
/// where no such leaf has a path of that length.
pub(crate) fn root_by(leaf: Hash, place: u64, leaves: u64, path: &[Hash]) -> Option<Hash> {
    let (mut place, mut last) = (place, leaves.checked_sub(1).filter(|last| place <= *last)?);
    let mut hash = leaf;
    for beside in path {
        if last == 0 {
            return None;
        }
        if place & 1 == 1 || place == last {
            hash = node_hash(*beside, hash);
            while place & 1 == 0 && place != 0 {
                (place, last) = (place >> 1, last >> 1);
            }
        } else {
            hash = node_hash(hash, *beside);
        }
        (place, last) = (place >> 1, last >> 1);
    }
    (last == 0).then_some(hash)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What certificate transparency tries its own trees with, and the roots of the first of them.
    const DATA: [&[u8]; 8] = [
        b"",
        b"\x00",
        b"\x10",
        b"\x20\x21",
        b"\x30\x31",
        b"\x40\x41\x42\x43",
        b"\x50\x51\x52\x53\x54\x55\x56\x57",
        b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
    ];
    const ROOTS: [&str; 9] = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];

    fn leaves(count: usize) -> Vec<Hash> {
        (0..count).map(|leaf| leaf_hash(&leaf.to_be_bytes())).collect()
    }

    #[test]
    fn roots_are_those_of_certificate_transparency() {
        for (count, root) in ROOTS.iter().enumerate() {
            let tree = Tree::over(DATA[..count].iter().map(|data| leaf_hash(data)).collect());
            assert_eq!(tree.root().to_string(), *root, "{count}");
        }
    }

    #[test]
    fn every_leaf_leads_to_the_root_of_trees_of_all_sizes_and_to_no_other_from_elsewhere() {
        for count in 1..=70 {
            let (tree, leaves) = (Tree::over(leaves(count)), leaves(count));
            for (place, leaf) in leaves.iter().enumerate() {
                let path = tree.path(place);
                assert!(path.len() <= 7, "{count} {place}");
                let by = |place: usize, count: usize, path: &[Hash]| {
                    root_by(*leaf, place as u64, count as u64, path)
                };
                assert_eq!(by(place, count, &path), Some(tree.root()), "{count} {place}");
                for other in (0..count).filter(|other| *other != place) {
                    assert_ne!(by(other, count, &path), Some(tree.root()), "{count} {place} {other}");
                }
                assert_eq!(by(count, count, &path), None);
                let longer = [path.as_slice(), &[*leaf]].concat();
                assert_eq!(by(place, count, &longer), None);
                if let Some((_, shorter)) = path.split_last() {
                    assert_eq!(by(place, count, shorter), None);
                }
            }
        }
        assert_eq!(root_by(Hash::of(&[]), 0, 0, &[]), None);
    }

    proptest! {
        #[test]
        fn a_changed_bit_leads_elsewhere(
            count in 1..500_usize, place in any::<usize>(), step in any::<usize>(), bit in 0..256_usize,
        ) {
            let (tree, leaves, place) = (Tree::over(leaves(count)), leaves(count), place % count);
            let mut path = tree.path(place);
            let mut leaf = leaves[place];
            let step = step % (path.len() + 1);
            let changed = path.get_mut(step).unwrap_or(&mut leaf);
            let mut bytes = *changed.bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            *changed = hex::encode(bytes).parse().unwrap();
            prop_assert_ne!(root_by(leaf, place as u64, count as u64, &path), Some(tree.root()));
        }
    }
}
