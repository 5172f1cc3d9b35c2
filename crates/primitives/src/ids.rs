use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use uuid::{ContextV7, Timestamp as UuidTimestamp, Uuid};

use crate::{Clock, Id, Kind};

/// Makes new ids. Passed to whoever needs them, so that tests can fix them.
///
/// Never use it for secrets: see [`crate::random_secret`].
#[derive(Clone, Debug)]
pub struct Ids(Source);

#[derive(Clone, Debug)]
enum Source {
    Random(Clock),
    Sequence(Arc<AtomicU64>),
}

impl Ids {
    /// Ids whose time part comes from `clock` and whose rest is random.
    pub fn random(clock: Clock) -> Self {
        Self(Source::Random(clock))
    }

    /// Ids that count up from 1: for tests that compare whole answers.
    pub fn sequence() -> Self {
        Self(Source::Sequence(Arc::default()))
    }

    /// A new id.
    pub fn next<K: Kind>(&self) -> Id<K> {
        Id::from_uuid(match &self.0 {
            Source::Random(clock) => {
                let now = clock.now();
                let seconds = u64::try_from(now.as_second()).unwrap_or_default();
                let nanoseconds = u32::try_from(now.subsec_nanosecond()).unwrap_or_default();
                Uuid::new_v7(UuidTimestamp::from_unix(ContextV7::new(), seconds, nanoseconds))
            }
            Source::Sequence(last) => Uuid::from_u128(u128::from(last.fetch_add(1, Ordering::Relaxed) + 1)),
        })
    }

    /// A new id of 128 random bits with no time in it, for ids that must not be guessed.
    pub fn unguessable<K: Kind>() -> Id<K> {
        Id::from_uuid(Uuid::from_bytes(crate::random_secret::<16>()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::OrgId;

    #[test]
    fn random_ids_differ_and_carry_the_clocks_time() {
        let ids = Ids::random(Clock::fixed("2026-11-23T00:00:00Z".parse().unwrap()));
        let (a, b): (OrgId, OrgId) = (ids.next(), ids.next());
        assert_ne!(a, b);
        assert_eq!(a.uuid().get_timestamp().unwrap().to_unix().0, 1_795_392_000);
    }

    #[test]
    fn sequences_start_over() {
        assert_eq!(Ids::sequence().next::<crate::kind::Org>(), Ids::sequence().next());
    }
}
