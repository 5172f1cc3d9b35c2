use identity_core::keys;
use primitives::{Keys, SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use table::{Cause, Changes, Consistency, Decision, Item, Key, Table};

use crate::{IdentityError, SessionKey, signer::Signer};

/// The public half of a key that signs access tokens, as a JSON Web Key (RFC 8037).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicKey {
    /// Names the key: its thumbprint (RFC 7638).
    pub kid: String,
    /// The key, base64url.
    pub x: String,
    /// Since when it is the newest, or was: the key before it is on its way out from then on.
    pub added_at: Timestamp,
    /// Since when it is published without a break, if longer: it was replaced and became the newest again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    published_at: Option<Timestamp>,
}

impl PublicKey {
    /// The public half of the key that this one signs with, published from now on.
    fn of(signer: &Signer, now: Timestamp) -> Self {
        let (kid, x) = (signer.kid().to_owned(), signer.public().to_owned());
        Self { kid, x, added_at: now, published_at: None }
    }

    /// Since when every key set has it.
    fn published_since(&self) -> Timestamp {
        self.published_at.unwrap_or(self.added_at)
    }
}

/// The public halves of all keys that valid tokens may be signed with, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningKeys {
    /// The keys.
    pub keys: Vec<PublicKey>,
    #[serde(default)]
    version: u64,
}

impl Item for SigningKeys {
    fn key(&self) -> Key {
        keys::SigningKeys::key()
    }

    fn version(&self) -> u64 {
        self.version
    }
}

/// How long others may keep the published keys without another look: the `max-age` of the key set.
pub const KEY_SET_MAX_AGE: SignedDuration = SignedDuration::from_mins(5);

/// Nothing is signed with a key before it has been published for so long: whoever keeps the key set as long
/// as it says, with a proxy between that does the same, has it by then.
const SIGNS_AFTER: SignedDuration = SignedDuration::from_mins(10);

/// A key counts for an hour after its successor came: longer than a token that it signed lives and an
/// instance takes to notice a rotation, and no longer than that, since it may be replaced because it leaked.
const KEPT: SignedDuration = SignedDuration::from_hours(1);

/// Whoever signs with a key that was replaced this long ago makes it the newest again: a rotation was taken
/// back, or not noticed. What it signs until it looks again ([`SIGNER_LOOKS_EVERY`]) then lives as long as it
/// should.
const REPUBLISHED_AFTER: SignedDuration = SignedDuration::from_mins(30);

/// How often whoever signs has to call [`publish_signing_key`].
pub const SIGNER_LOOKS_EVERY: SignedDuration = SignedDuration::from_mins(10);

impl SigningKeys {
    /// The keys that tokens may be signed with at this time.
    pub fn valid_at(&self, now: Timestamp) -> impl Iterator<Item = &PublicKey> {
        self.replaced_for_less_than(KEPT, now)
    }

    fn replaced_for_less_than(
        &self,
        span: SignedDuration,
        now: Timestamp,
    ) -> impl Iterator<Item = &PublicKey> {
        let replaced_at =
            std::iter::once(None).chain(self.keys.iter().map(|successor| Some(successor.added_at)));
        let keys = self.keys.iter().zip(replaced_at);
        let recent =
            keys.filter(move |(_, replaced)| replaced.is_none_or(|at| now.duration_since(at) < span));
        recent.map(|(key, _)| key)
    }

    /// The keys with `key` as the newest one, and without those that nothing is signed with any more.
    fn with(&self, key: PublicKey, now: Timestamp) -> Self {
        let published_at = self.valid_at(now).find(|old| old.kid == key.kid).map(PublicKey::published_since);
        let mut keys: Vec<_> = self.valid_at(now).filter(|old| old.kid != key.kid).cloned().collect();
        keys.insert(0, PublicKey { published_at, ..key });
        Self { keys, version: self.version }
    }

    /// What has to be published so that everybody can check what `key` signs; `None` where it is.
    fn publishing(&self, key: &PublicKey, now: Timestamp) -> Option<Self> {
        let is_published = self.replaced_for_less_than(REPUBLISHED_AFTER, now).any(|old| old.kid == key.kid);
        (!is_published).then(|| self.with(key.clone(), now))
    }

    /// The key to sign with: the current one when it has been published for long enough, and the one before
    /// until then. Where neither was published for long enough, as after the very first deployment or two
    /// rotations within minutes, the one that was published first.
    pub(crate) fn signer<'a>(&self, keys: &'a Keys<SessionKey>, now: Timestamp) -> &'a SessionKey {
        let age = |key: &SessionKey| {
            let published = self.valid_at(now).find(|published| published.kid == key.kid())?;
            Some(now.duration_since(published.published_since()))
        };
        let current = &keys.current;
        match (age(current), keys.previous.as_ref().map(|previous| (previous, age(previous)))) {
            (current_age, Some((previous, previous_age)))
                if current_age.is_none_or(|age| age < SIGNS_AFTER) && previous_age > current_age =>
            {
                previous
            }
            _ => current,
        }
    }
}

/// Makes sure that everybody can check what this secret signs, for as long as the caller looks again every
/// [`SIGNER_LOOKS_EVERY`] while it signs. Gives the published keys.
pub async fn publish_signing_key(table: &Table, key: &SessionKey) -> Result<SigningKeys, IdentityError> {
    let now = table.clock().now();
    let active = PublicKey::of(&key.signer, now);
    let publish = |_| async {
        let published: SigningKeys =
            table.get(&keys::SigningKeys::key(), Consistency::Strong).await?.unwrap_or_default();
        let Some(updated) = published.publishing(&active, now) else { return Ok(Decision::done(published)) };
        Ok(Decision::commit(Changes::new().replace(&updated), updated))
    };
    table.decide(&Cause::system("signing keys", "signing-keys"), publish).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_signed_before_the_next_look_lives_as_long_as_it_should() {
        let token = SignedDuration::from_secs(crate::Policy::default().access_token_seconds);
        assert!(REPUBLISHED_AFTER + SIGNER_LOOKS_EVERY + token < KEPT);
        assert!(
            SIGNS_AFTER + token < REPUBLISHED_AFTER,
            "the key before is out of use when it may come back"
        );
        assert!(KEY_SET_MAX_AGE * 2 <= SIGNS_AFTER);
    }

    fn at(minutes: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes)
    }

    #[test]
    fn an_old_key_counts_until_its_last_token_has_expired() {
        let key = |name: &str, minutes| PublicKey {
            kid: name.to_owned(),
            x: String::new(),
            added_at: at(minutes),
            published_at: None,
        };
        let names = |keys: &SigningKeys, minutes| {
            keys.valid_at(at(minutes)).map(|key| key.kid.as_str()).collect::<Vec<_>>().join(" ")
        };
        let keys = SigningKeys::default().with(key("a", 0), at(0)).with(key("b", 100), at(100));
        assert_eq!(names(&keys, 159), "b a");
        assert_eq!(names(&keys, 160), "b");
        let twice = keys.with(key("c", 110), at(110));
        assert_eq!(names(&twice, 110), "c b a");
        assert_eq!(names(&twice, 160), "c b");
        assert_eq!(names(&twice, 170), "c");
        assert_eq!(keys.with(key("c", 200), at(200)).keys.len(), 2, "and then it goes");
        let back = keys.with(key("a", 140), at(140));
        assert_eq!(names(&back, 199), "a b");
        assert_eq!(names(&back, 300), "a");
        assert_eq!(back.keys[0].published_since(), at(0), "it was never away");
        let again = keys.with(key("a", 170), at(170));
        assert_eq!(again.keys[0].published_since(), at(170), "it was");
    }

    fn session_key(name: &str) -> SessionKey {
        SessionKey::from_secret(name, "https://api.example.com")
    }

    fn after(current: &str, previous: &str) -> Keys<SessionKey> {
        Keys { current: session_key(current), previous: Some(session_key(previous)) }
    }

    #[test]
    fn a_key_signs_when_the_world_has_had_time_to_learn_of_it() {
        let publish = |keys: &SigningKeys, name: &str, minutes| {
            let key = PublicKey::of(&session_key(name).signer, at(minutes));
            keys.publishing(&key, at(minutes)).unwrap_or_else(|| keys.clone())
        };
        let signs = |keys: &SigningKeys, at_hand: &Keys<SessionKey>, minutes, expected: &str| {
            assert_eq!(keys.signer(at_hand, at(minutes)).kid(), session_key(expected).kid(), "at {minutes}");
        };
        let first = publish(&SigningKeys::default(), "a", 0);
        signs(&first, &Keys::only(session_key("a")), 0, "a");
        let second = publish(&first, "b", 100);
        for (minutes, expected) in [(100, "a"), (109, "a"), (110, "b"), (400, "b")] {
            signs(&second, &after("b", "a"), minutes, expected);
        }
        // taken back soon: it was never away
        for minutes in [101, 125, 159] {
            signs(&publish(&second, "a", minutes), &after("a", "b"), minutes, "a");
        }
        // taken back late: it comes anew
        let back = publish(&second, "a", 200);
        for (minutes, expected) in [(200, "b"), (209, "b"), (210, "a")] {
            signs(&back, &after("a", "b"), minutes, expected);
        }
        // two rotations within minutes: the key before the last is what more people know of
        let third = publish(&second, "c", 104);
        for (minutes, expected) in [(104, "b"), (113, "b"), (114, "c")] {
            signs(&third, &after("c", "b"), minutes, expected);
        }
        // nobody has heard of either
        signs(&publish(&first, "c", 104), &after("c", "b"), 104, "c");
    }

    const NAMES: [&str; 4] = ["a", "b", "c", "d"];

    /// A fleet, its secret, and what others have read of the published keys.
    struct World {
        published: SigningKeys,
        /// Since when which of the keys is the current one, and which the one before.
        versions: Vec<(i64, usize, usize)>,
        /// Which keys were in the key set in each minute.
        sets: Vec<Vec<String>>,
        instances: Vec<Instance>,
    }

    /// Reads the secret every five minutes, and the published keys every ten or when the secret has changed.
    struct Instance {
        phase: i64,
        current: Option<usize>,
        published: SigningKeys,
    }

    impl World {
        fn new(phases: Vec<i64>) -> Self {
            let instance = |phase| Instance { phase, current: None, published: SigningKeys::default() };
            let instances = phases.into_iter().map(instance).collect();
            Self {
                published: SigningKeys::default(),
                versions: vec![(-1000, 0, 0)],
                sets: Vec::new(),
                instances,
            }
        }

        /// Each instance signs something, everybody may read the key set, and whoever keeps one of the last
        /// five minutes can check all of it.
        fn minute(&mut self, minute: i64) {
            let mut signed = Vec::new();
            for instance in &mut self.instances {
                let read_at = minute - (minute + instance.phase).rem_euclid(5);
                let known = self.versions.iter().rev().find(|(since, ..)| *since <= read_at);
                let (_, current, previous) = *known.unwrap_or(&self.versions[0]);
                if instance.current != Some(current) || (minute + instance.phase).rem_euclid(10) == 0 {
                    let key = PublicKey::of(&session_key(NAMES[current]).signer, at(minute));
                    if let Some(updated) = self.published.publishing(&key, at(minute)) {
                        self.published = updated;
                    }
                    instance.current = Some(current);
                    instance.published = self.published.clone();
                }
                let previous = (previous != current).then(|| session_key(NAMES[previous]));
                let at_hand = Keys { current: session_key(NAMES[current]), previous };
                signed.push(instance.published.signer(&at_hand, at(minute)).kid().to_owned());
            }
            self.sets.push(self.published.valid_at(at(minute)).map(|key| key.kid.clone()).collect());
            let kept = usize::try_from(KEY_SET_MAX_AGE.as_mins()).unwrap();
            for kid in signed {
                let is_in_caches = self.sets.iter().rev().take(kept + 1).all(|set| set.contains(&kid));
                assert!(is_in_caches, "in minute {minute} something is signed that a cache cannot check");
                self.expect(minute, &kid);
            }
        }

        /// A token is checked until it expires, with sets that will be read: at its end at the latest the key
        /// must still be there.
        fn expect(&self, minute: i64, kid: &str) {
            let is_kept = self.published.valid_at(at(minute + 15)).any(|key| key.kid == kid);
            assert!(is_kept, "what is signed in minute {minute} cannot be checked for as long as it lives");
        }
    }

    proptest::proptest! {
        /// Rotations and ones that are taken back, a quarter of an hour apart or more, over instances that
        /// notice at times of their own.
        #[test]
        fn no_cache_of_the_key_set_meets_a_token_that_it_cannot_check(
            phases in proptest::collection::vec(0_i64..10, 1..4),
            steps in proptest::collection::vec((15_i64..120, proptest::prelude::any::<bool>()), 1..5),
        ) {
            let mut world = World::new(phases);
            let mut minute = 0;
            let mut newest = 0;
            let mut until = |world: &mut World, end: i64| {
                while minute < end {
                    world.minute(minute);
                    minute += 1;
                }
            };
            let mut time = 20;
            until(&mut world, time);
            for (pause, is_taken_back) in steps {
                let (_, current, previous) = *world.versions.last().unwrap();
                if is_taken_back && current != previous {
                    world.versions.push((time, previous, current));
                } else if newest < 3 {
                    newest += 1;
                    world.versions.push((time, newest, current));
                }
                time += pause;
                until(&mut world, time);
            }
            until(&mut world, time + 90);
        }
    }
}
