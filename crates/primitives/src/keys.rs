/// A key that rotates: new things are made with the current one, and what the one before made is
/// still recognised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys<K> {
    /// Makes, and recognises.
    pub current: K,
    /// Recognises only. There is none before the first rotation.
    pub previous: Option<K>,
}

impl<K> Keys<K> {
    /// A key that was never rotated.
    pub fn only(current: K) -> Self {
        Self { current, previous: None }
    }

    /// All that recognise, the current one first.
    pub fn iter(&self) -> impl Iterator<Item = &K> {
        std::iter::once(&self.current).chain(&self.previous)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_current_one_is_asked_first() {
        let keys = Keys { current: 2, previous: Some(1) };
        assert_eq!(keys.iter().collect::<Vec<_>>(), [&2, &1]);
        assert_eq!(Keys::only(2).iter().collect::<Vec<_>>(), [&2]);
    }
}
