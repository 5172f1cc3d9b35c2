use serde::{Deserialize, Serialize};

/// What is known of one thing out of several. Joining must be commutative, associative and
/// idempotent.
pub(crate) trait Known {
    /// Names the thing and says where it stands among its kind: the greatest is the newest.
    type Key: Ord;

    fn key(&self) -> Self::Key;

    /// Adds what is known of the same thing elsewhere.
    fn join(&mut self, other: Self);
}

/// What is known of the `N` newest things, newest first.
///
/// A join-semilattice: whatever the order and number of additions, the outcome is the same.
/// Dropping the oldest keeps that so, because what was dropped once has `N` newer ones for ever.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Newest<T, const N: usize>(Vec<T>);

impl<T, const N: usize> Default for Newest<T, N> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Known, const N: usize> Newest<T, N> {
    pub(crate) fn add(&mut self, record: T) {
        let key = record.key();
        // Newest first, so the order of the comparison is turned around.
        match self.0.binary_search_by(|known| key.cmp(&known.key())) {
            Ok(place) => self.0[place].join(record),
            Err(place) => {
                self.0.insert(place, record);
                self.0.truncate(N);
            }
        }
    }

    /// Newest first.
    pub(crate) fn iter(&self) -> std::slice::Iter<'_, T> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq)]
    struct Mark(u8, u32);

    impl Known for Mark {
        type Key = u8;

        fn key(&self) -> u8 {
            self.0
        }

        fn join(&mut self, other: Self) {
            self.1 = self.1.max(other.1);
        }
    }

    fn collect(marks: impl IntoIterator<Item = Mark>) -> Newest<Mark, 3> {
        let mut newest = Newest::default();
        marks.into_iter().for_each(|mark| newest.add(mark));
        newest
    }

    #[test]
    fn keeps_the_newest_and_joins_the_same() {
        let newest = collect([Mark(1, 1), Mark(4, 1), Mark(2, 9), Mark(3, 1), Mark(2, 5), Mark(1, 7)]);
        assert_eq!(newest.0, [Mark(4, 1), Mark(3, 1), Mark(2, 9)]);
    }

    proptest! {
        #[test]
        fn order_and_number_of_additions_do_not_matter(
            (marks, shuffled) in prop::collection::vec((0_u8..6, 0_u32..4), 0..12)
                .prop_flat_map(|marks| (Just(marks.clone()), Just([marks.clone(), marks].concat()).prop_shuffle()))
        ) {
            let once = collect(marks.into_iter().map(|(key, value)| Mark(key, value)));
            let again = collect(shuffled.into_iter().map(|(key, value)| Mark(key, value)));
            prop_assert_eq!(once, again);
        }
    }
}
