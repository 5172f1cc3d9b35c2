//! Anchors: where many organizations' chains ended at one time, in one file that nobody can change.

use std::{collections::HashMap, fmt};

use primitives::Time;
use serde::{Deserialize, Serialize};

use crate::{
    Hash,
    merkle::{Tree, leaf_hash, root_by},
};

/// How many ends one anchor has at most: so a path has at most 13 hashes, and the file some 300 KB.
pub const MOST_ENDS: usize = 4_095;

/// How many leaves an anchor has at least.
const FEWEST_LEAVES: usize = 64;

/// How many leaves that say nothing an anchor of so many ends is filled up with: nobody counts in it how many
/// organizations did something.
pub fn blanks(ends: usize) -> usize {
    let leaves = ends + 1;
    leaves.next_power_of_two().max(FEWEST_LEAVES) - leaves
}

/// Where a chain ended, as a leaf of an anchor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct End {
    /// The organization.
    pub org_id: String,
    /// How many events there were.
    pub sequence: u64,
    /// The chain's hash behind the last.
    pub hash: Hash,
}

/// The anchor before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Previous {
    /// Its file's name.
    pub name: String,
    /// Its root.
    pub root: Hash,
}

/// An anchor, as its file has it. Whose chains it is about nobody can tell from it: it has hashes of leaves,
/// and each has in it a chain's hash, which nobody guesses.
///
/// The first leaf is about the anchor itself, so that its root says all of it: anchors are a chain too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Anchor {
    /// Counts anchors, from 1.
    pub number: u64,
    /// When it was made.
    pub made_at: Time,
    /// The one before. Null of the first.
    pub previous: Option<Previous>,
    /// The root over the anchor's own leaf and the others.
    pub root: Hash,
    /// How many leaves there are, the anchor's own with them.
    pub size: u64,
    /// Hashes of all leaves but the anchor's own, and of blanks, in the order of their bytes.
    pub leaves: Vec<Hash>,
}

/// The proof that an end is in an anchor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Which leaf it is, from 0.
    pub leaf: u64,
    /// What it is hashed with on the way to the root.
    pub path: Vec<Hash>,
}

/// Why a file is no anchor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoAnchor {
    /// It cannot be read as one.
    #[error("it is no anchor: {0}")]
    Unreadable(String),
    /// It says another root than its leaves have.
    #[error("its leaves have another root than it says")]
    OtherRoot,
    /// It says another number of leaves than it has.
    #[error("it has another number of leaves than it says")]
    OtherSize,
}

impl Anchor {
    /// The anchor of these ends among blanks, which are hashes of nothing that anybody knows, and where each
    /// end is in it.
    pub fn of(
        number: u64,
        made_at: Time,
        previous: Option<Previous>,
        (ends, blanks): (&[End], &[Hash]),
    ) -> (Self, Vec<Place>) {
        let hashes: Vec<_> = ends.iter().map(|end| end.leaf(made_at)).collect();
        let mut leaves = [hashes.as_slice(), blanks].concat();
        // no place says whose it is
        leaves.sort_unstable_by_key(|hash| *hash.bytes());
        let size = leaves.len() as u64 + 1;
        let mut anchor = Self { number, made_at, previous, root: Hash::of(&[]), size, leaves };
        let tree = anchor.tree();
        anchor.root = tree.root();
        let places: HashMap<_, _> = anchor.leaves.iter().zip(1..).map(|(hash, leaf)| (*hash, leaf)).collect();
        let place = |hash: &Hash| {
            let leaf: usize = places.get(hash).copied().unwrap_or_default();
            Place { leaf: leaf as u64, path: tree.path(leaf) }
        };
        let places = hashes.iter().map(place).collect();
        (anchor, places)
    }

    /// Reads a file, and makes sure that it is what its root says.
    pub fn read(file: &[u8]) -> Result<Self, NoAnchor> {
        let anchor: Self =
            primitives::json::from_slice(file).map_err(|error| NoAnchor::Unreadable(error.to_string()))?;
        if anchor.leaves.len() as u64 + 1 != anchor.size {
            return Err(NoAnchor::OtherSize);
        }
        if anchor.tree().root() != anchor.root {
            return Err(NoAnchor::OtherRoot);
        }
        Ok(anchor)
    }

    /// The file: its canonical form (RFC 8785), so that the same anchor is the same file.
    pub fn file(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json_canonicalizer::to_vec(self)
    }

    /// The file's name. It has the root in it: what lies under the name can only be this.
    pub fn name(&self) -> String {
        name(self.number, self.root)
    }

    fn tree(&self) -> Tree {
        let Self { number, made_at, previous, leaves, .. } = self;
        let own = leaf(&Own { number: *number, previous, made_at: *made_at });
        Tree::over([own].into_iter().chain(leaves.iter().copied()).collect())
    }
}

fn name(number: u64, root: Hash) -> String {
    format!("{number:010}-{root}.json")
}

/// What the anchor's own leaf says.
#[derive(Serialize)]
struct Own<'a> {
    number: u64,
    previous: &'a Option<Previous>,
    made_at: Time,
}

/// What the leaf of an end says.
#[derive(Serialize)]
struct Leaf<'a> {
    org_id: &'a str,
    sequence: u64,
    hash: Hash,
    made_at: Time,
}

impl End {
    /// The hash of its leaf in an anchor that was made at that time.
    fn leaf(&self, made_at: Time) -> Hash {
        leaf(&Leaf { org_id: &self.org_id, sequence: self.sequence, hash: self.hash, made_at })
    }
}

fn leaf(says: &impl Serialize) -> Hash {
    // numbers, texts and hashes always have a canonical form
    leaf_hash(&serde_json_canonicalizer::to_vec(says).unwrap_or_default())
}

/// An organization's end in an anchor, as the API shows it: all that proves it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Anchored {
    /// The organization.
    pub org_id: String,
    /// How many events there were.
    pub sequence: u64,
    /// The chain's hash behind the last.
    pub hash: Hash,
    /// When the anchor was made.
    pub made_at: Time,
    /// The name of the anchor's file.
    pub anchor: String,
    /// The anchor's root.
    pub root: Hash,
    /// Which leaf it is, from 0.
    pub leaf: u64,
    /// How many leaves the anchor has.
    pub leaves: u64,
    /// What the leaf is hashed with on the way to the root.
    pub path: Vec<Hash>,
}

impl Anchored {
    /// Whether it is in the anchor that it names.
    pub fn is_proved(&self) -> bool {
        let Self { org_id, sequence, hash, made_at, .. } = self;
        let end = End { org_id: org_id.clone(), sequence: *sequence, hash: *hash };
        let root = root_by(end.leaf(*made_at), self.leaf, self.leaves, &self.path);
        root == Some(self.root) && self.number().is_some_and(|number| name(number, self.root) == self.anchor)
    }

    /// The number of its anchor.
    pub(crate) fn number(&self) -> Option<u64> {
        self.anchor.split('-').next()?.parse().ok()
    }
}

impl fmt::Display for Anchored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "event {} in {}", self.sequence, self.anchor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(org: usize) -> End {
        let hash = Hash::of(&[&org.to_be_bytes()]);
        End { org_id: format!("org_{org}"), sequence: org as u64 + 1, hash }
    }

    fn time(second: i64) -> Time {
        primitives::Timestamp::from_second(second).unwrap().into()
    }

    fn anchored(end: &End, anchor: &Anchor, Place { leaf, path }: &Place) -> Anchored {
        Anchored {
            org_id: end.org_id.clone(),
            sequence: end.sequence,
            hash: end.hash,
            made_at: anchor.made_at,
            anchor: anchor.name(),
            root: anchor.root,
            leaf: *leaf,
            leaves: anchor.size,
            path: path.clone(),
        }
    }

    #[test]
    fn every_end_is_proved_and_no_other_is() {
        for count in [1, 2, 3, 7, 8, 9, 100] {
            let ends: Vec<_> = (0..count).map(end).collect();
            let (anchor, places) = Anchor::of(7, time(1_000), None, (&ends, &[]));
            assert_eq!(Anchor::read(&anchor.file().unwrap()), Ok(anchor.clone()));
            let proofs = ends.iter().zip(&places).map(|(end, place)| anchored(end, &anchor, place));
            let proofs: Vec<_> = proofs.collect();
            assert!(proofs.iter().all(Anchored::is_proved), "{count}");
            let one = &proofs[count / 2];
            for changed in [
                Anchored { org_id: "org_x".to_owned(), ..one.clone() },
                Anchored { sequence: one.sequence + 1, ..one.clone() },
                Anchored { hash: anchor.root, ..one.clone() },
                Anchored { made_at: time(1_001), ..one.clone() },
                Anchored { anchor: name(8, one.hash), ..one.clone() },
                Anchored { anchor: format!("7-{}.json", one.root), ..one.clone() },
                Anchored { root: one.hash, anchor: name(7, one.hash), ..one.clone() },
                Anchored { leaf: 0, ..one.clone() },
                Anchored { leaves: one.leaves + count as u64, ..one.clone() },
                Anchored { path: Vec::new(), ..one.clone() },
            ] {
                assert!(!changed.is_proved(), "{changed:?}");
            }
        }
    }

    #[test]
    fn a_file_says_nothing_but_hashes_and_no_more_than_it_may() {
        let ends: Vec<_> = (0..MOST_ENDS).map(end).collect();
        let (anchor, places) = Anchor::of(1, time(0), None, (&ends, &[]));
        let file = anchor.file().unwrap();
        let text = std::str::from_utf8(&file).unwrap();
        assert!(!text.contains("org_"));
        assert!(file.len() < 300_000, "{}", file.len());
        assert!(places.iter().all(|place| place.path.len() <= 13));
        assert!(anchor.leaves.is_sorted_by_key(|hash| *hash.bytes()));
        let head = text.split_once('[').unwrap().0;
        assert_eq!(head, r#"{"leaves":"#, "members have one order");
    }

    #[test]
    fn nobody_counts_in_an_anchor_how_many_ends_it_has() {
        let size = |ends: usize| ends + blanks(ends) + 1;
        assert_eq!([1, 10, 63, 64, 127, 128, MOST_ENDS].map(size), [64, 64, 64, 128, 128, 256, 4_096]);
        let hidden: Vec<_> = (100..100 + blanks(3)).map(|blank| end(blank).hash).collect();
        let ends: Vec<_> = (0..3).map(end).collect();
        let (anchor, places) = Anchor::of(1, time(0), None, (&ends, &hidden));
        assert_eq!((anchor.size, anchor.leaves.len()), (64, 63));
        let proofs = ends.iter().zip(&places).map(|(end, place)| anchored(end, &anchor, place));
        assert!(proofs.into_iter().all(|proof| proof.is_proved() && proof.path.len() == 6));
        assert_eq!(Anchor::read(&anchor.file().unwrap()), Ok(anchor));
    }

    #[test]
    fn what_is_changed_in_a_file_is_found() {
        let previous = Some(Previous { name: name(1, Hash::of(&[])), root: Hash::of(&[]) });
        let (anchor, _) = Anchor::of(2, time(1_000), previous, (&[end(1), end(2)], &[]));
        let read = |change: &dyn Fn(&mut Anchor)| {
            let mut changed = anchor.clone();
            change(&mut changed);
            Anchor::read(&changed.file().unwrap()).unwrap_err()
        };
        assert_eq!(read(&|anchor| anchor.number = 3), NoAnchor::OtherRoot);
        assert_eq!(read(&|anchor| anchor.made_at = time(1_001)), NoAnchor::OtherRoot);
        assert_eq!(read(&|anchor| anchor.previous = None), NoAnchor::OtherRoot);
        assert_eq!(read(&|anchor| anchor.root = anchor.leaves[0]), NoAnchor::OtherRoot);
        assert_eq!(read(&|anchor| anchor.leaves.swap(0, 1)), NoAnchor::OtherRoot);
        assert_eq!(read(&|anchor| anchor.leaves.truncate(1)), NoAnchor::OtherSize);
        assert_eq!(read(&|anchor| anchor.size = 2), NoAnchor::OtherSize);
        assert!(matches!(Anchor::read(b"{}"), Err(NoAnchor::Unreadable(_))));
    }
}
