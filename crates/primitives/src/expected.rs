/// In which state somebody expects a thing to be that he wants changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// In any.
    Any,
    /// At one of these versions.
    OneOf(Vec<u64>),
}

impl Expected {
    /// Whether a thing at this version is what was expected.
    pub fn admits(&self, version: u64) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(versions) => versions.contains(&version),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_seen_is_admitted() {
        assert!(Expected::Any.admits(7));
        assert!(Expected::OneOf(vec![6, 7]).admits(7));
        assert!(!Expected::OneOf(vec![6]).admits(7) && !Expected::OneOf(vec![]).admits(0));
    }
}
