use std::{collections::BTreeSet, fmt, net::IpAddr};

use access::{API_KEY, Role, Scope, Tenant};
use primitives::{ApiKeyId, Id, MemberId, Network, OrgId, Secret, SignedDuration, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use table::{Changes, Condition, Consistency, Item, Key, StoreError, Table, Tally};

use crate::{Membership, bearer::hash, key_text, keys, same};

/// The text of a key as a program showed it: `gk_<environment>_<ids>_<secret and checksum>`. It says which
/// organization it is of, which key it is and who made it, so that all that decides about it is read in one
/// call; and has 32 bytes of the OS's randomness, of which a hash is stored with the key.
///
/// As it is read it says where to look, and not that it is right. The checksum tells scanners for secrets,
/// and us without a call, that a text is none.
#[derive(Clone)]
pub struct ShownKey {
    /// The organization, as the text says.
    pub org_id: OrgId,
    /// Which key it is.
    pub key_id: ApiKeyId,
    /// Who made it.
    pub maker: UserId,
    text: Secret<String>,
}

/// Without the secret.
impl fmt::Debug for ShownKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ShownKey({}, {})", self.org_id, self.key_id)
    }
}

impl ShownKey {
    /// A new text for this key of this environment.
    pub fn new(environment: &str, org_id: OrgId, key_id: ApiKeyId, maker: UserId) -> Self {
        let text = key_text::new(API_KEY, environment, [org_id.uuid(), key_id.uuid(), maker.uuid()]);
        Self { org_id, key_id, maker, text }
    }

    /// What a text says, if it is a key's.
    pub fn read(text: &str) -> Option<Self> {
        let [org_id, key_id, maker] = key_text::read(API_KEY, text)?;
        Some(Self {
            org_id: Id::from_uuid(org_id),
            key_id: Id::from_uuid(key_id),
            maker: Id::from_uuid(maker),
            text: Secret::new(text.to_owned()),
        })
    }

    /// The text, to be shown once.
    pub fn text(&self) -> &Secret<String> {
        &self.text
    }

    fn hash(&self) -> String {
        hash(self.text.expose().as_bytes())
    }
}

/// A key by which a program acts for an organization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    /// Whose.
    pub org_id: OrgId,
    /// Which.
    pub key_id: ApiKeyId,
    /// What people call it.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// From where it may be used; empty is anywhere.
    pub allowed_addresses: Vec<Network>,
    /// Who made it.
    pub made_by: UserId,
    /// That person's membership then.
    pub maker: MemberId,
    /// Since when.
    pub created_at: Timestamp,
    /// When it ends.
    pub valid_until: Option<Timestamp>,
    /// When it was taken back.
    pub revoked_at: Option<Timestamp>,
    /// When it was used last, to a minute.
    #[serde(default)]
    pub last_used_at: Option<Timestamp>,
    secret: String,
    former: Option<Former>,
    #[serde(default)]
    version: u64,
}

/// The text before a rotation, which works for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Former {
    secret: String,
    valid_until: Timestamp,
}

/// The keys that a member made and that were not taken back, as they were when nobody made another one.
#[derive(Debug)]
pub struct MadeKeys {
    tenant: Tenant,
    all: Vec<ApiKey>,
    /// The number of all of the organization's keys, and its version; nothing where it never had one.
    counted: Option<Counted>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
struct Counted {
    n: usize,
    version: u64,
}

impl MadeKeys {
    /// Reads them: a call, and where the organization has keys one for each hundred of them.
    pub async fn by(table: &Table, tenant: Tenant, maker: MemberId) -> Result<Self, StoreError> {
        let mut made = Self::of(table, tenant).await?;
        made.all.retain(|key| key.maker == maker);
        Ok(made)
    }

    /// Those of whoever is a member no more.
    pub async fn by_leavers(table: &Table, tenant: Tenant) -> Result<Self, StoreError> {
        let mut made = Self::of(table, tenant).await?;
        let makers: BTreeSet<UserId> = made.all.iter().map(|key| key.made_by).collect();
        let places: Vec<Key> = makers.into_iter().map(|maker| keys::Membership::key(maker, tenant)).collect();
        let mut members = BTreeSet::new();
        if !places.is_empty() {
            let mut found = table.get_many(&places, Consistency::Strong).await?;
            for place in places {
                members.extend(found.take::<Membership>(&place)?.map(|membership| membership.member_id));
            }
        }
        made.all.retain(|key| !members.contains(&key.maker));
        Ok(made)
    }

    /// All of the organization's.
    async fn of(table: &Table, tenant: Tenant) -> Result<Self, StoreError> {
        const PAGE: usize = 100;
        let counted: Option<Counted> =
            table.get(&keys::ApiKeyCount::key(tenant), Consistency::Strong).await?;
        let (mut all, mut after) = (Vec::new(), None::<String>);
        // those that were taken back lately lie among them
        let mut left = counted.map_or(0, |counted| counted.n);
        while left > 0 {
            let query = keys::ApiKey::all(tenant).strong();
            let (page, last) = table.after::<ApiKey>(&query, PAGE, after.as_deref()).await?;
            let before = all.len();
            all.extend(page.into_iter().filter(|key| key.revoked_at.is_none()));
            left = left.saturating_sub(all.len() - before);
            if last.is_none() {
                break;
            }
            after = last;
        }
        Ok(Self { tenant, all, counted })
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Which.
    pub fn ids(&self) -> Vec<ApiKeyId> {
        self.all.iter().map(|key| key.key_id).collect()
    }

    /// Leaves them what a member of this role may do, where nobody has made or taken back another one:
    /// their scopes alone decide from now on, and to leave gives nobody more than they had.
    pub fn kept(self, role: Role) -> Changes {
        // so that a change of the policy that has not seen the maker leave decides again
        let changes = match self.counted.filter(|_| !self.all.is_empty()) {
            Some(counted) => self.counting(counted, counted.n),
            None => self.unchanged(),
        };
        let narrowed = self.all.into_iter().filter_map(|key| key.narrowed(role));
        narrowed.fold(changes, |changes, key| changes.replace(&key))
    }

    /// So many are left, where nobody has made or taken back one since.
    fn counting(&self, counted: Counted, left: usize) -> Changes {
        let number = keys::ApiKeyCount::key(self.tenant);
        Changes::new().set_all_at(&number, &[("n", left.into())], counted.version)
    }

    /// That nobody has made or taken back one since.
    fn unchanged(&self) -> Changes {
        let seen = self.counted.map_or(Condition::Absent, |counted| Condition::VersionIs(counted.version));
        Changes::new().require(keys::ApiKeyCount::key(self.tenant), seen)
    }

    /// Takes them back, where nobody has made or taken back another one.
    pub fn revoked(self, now: Timestamp) -> Changes {
        let Some(counted) = self.counted.filter(|_| !self.all.is_empty()) else { return self.unchanged() };
        let changes = self.counting(counted, counted.n.saturating_sub(self.all.len()));
        self.all.into_iter().fold(changes, |changes, key| changes.replace(&key.revoked(now)))
    }
}

/// How many keys an organization may have that were not taken back.
pub const MOST_API_KEYS: u32 = 50;

/// For how long one is shown that was taken back.
const KEPT: SignedDuration = SignedDuration::from_hours(90 * 24);

/// How exactly it is noted when a key was used last.
const NOTED_EVERY: SignedDuration = SignedDuration::from_mins(1);

impl Item for ApiKey {
    fn key(&self) -> Key {
        keys::ApiKey::key(Tenant::trusted(self.org_id), self.key_id)
    }

    fn version(&self) -> u64 {
        self.version
    }

    fn expires_at(&self) -> Option<Timestamp> {
        self.revoked_at.map(|at| at + KEPT)
    }
}

impl ApiKey {
    /// The attribute that says when it was used last: nobody decides anything on it.
    pub const LAST_USED_AT: &str = "last_used_at";

    /// How many there are: whoever makes one or takes one back counts in the same transaction.
    pub fn count(tenant: Tenant) -> Tally {
        Tally::new(keys::ApiKeyCount::key(tenant), MOST_API_KEYS)
    }

    /// A new one with this text, that a member made now.
    pub fn new(shown: &ShownKey, maker: MemberId, name: String, scopes: Vec<Scope>, now: Timestamp) -> Self {
        Self {
            org_id: shown.org_id,
            key_id: shown.key_id,
            name,
            scopes,
            allowed_addresses: Vec::new(),
            made_by: shown.maker,
            maker,
            created_at: now,
            valid_until: None,
            revoked_at: None,
            last_used_at: None,
            secret: shown.hash(),
            former: None,
            version: 0,
        }
    }

    /// The same with another text; the one before works until then.
    #[must_use]
    pub fn rotated(self, shown: &ShownKey, overlap_until: Timestamp) -> Self {
        let former = Some(Former { secret: self.secret, valid_until: overlap_until });
        Self { secret: shown.hash(), former, ..self }
    }

    /// The same, taken back.
    #[must_use]
    pub fn revoked(self, now: Timestamp) -> Self {
        Self { revoked_at: Some(now), former: None, ..self }
    }

    /// The same with no more than a member of this role may do; nothing where that is no change.
    fn narrowed(mut self, role: Role) -> Option<Self> {
        let before = self.scopes.len();
        self.scopes.retain(|scope| role.holds(scope.permission()));
        (self.scopes.len() < before).then_some(self)
    }

    /// The same as it is read once it was stored.
    #[must_use]
    pub fn at_version(self, version: u64) -> Self {
        Self { version, ..self }
    }

    /// Whether it can be used now.
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.valid_until.is_none_or(|until| now < until)
    }

    /// Whether this is its text, and it can be used now.
    pub fn is_shown_by(&self, shown: &ShownKey, now: Timestamp) -> bool {
        let hash = shown.hash();
        let is = |stored: &str| same(stored.as_bytes(), hash.as_bytes());
        let former = self.former.as_ref().filter(|former| now < former.valid_until);
        let is_right = is(&self.secret) || former.is_some_and(|former| is(&former.secret));
        is_right && self.made_by == shown.maker && self.is_active(now)
    }

    /// Whether it may be used from there.
    pub fn admits(&self, address: Option<IpAddr>) -> bool {
        let is_in = |address: IpAddr| self.allowed_addresses.iter().any(|network| network.holds(address));
        self.allowed_addresses.is_empty() || address.is_some_and(is_in)
    }

    /// Whether it is to be noted that it is used now.
    pub fn is_to_be_noted(&self, now: Timestamp) -> bool {
        self.last_used_at.is_none_or(|at| now.duration_since(at) >= NOTED_EVERY)
    }
}

#[cfg(test)]
mod tests {
    use primitives::Ids;
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn id<K: primitives::Kind>(number: u128) -> Id<K> {
        Id::from_uuid(Uuid::from_u128(number))
    }

    fn shown() -> ShownKey {
        ShownKey::new("dev", Ids::unguessable(), Ids::unguessable(), Ids::unguessable())
    }

    #[test]
    fn a_text_is_read_as_it_was_written_and_has_the_form_that_scanners_look_for() {
        for shown in [shown(), ShownKey::new("live", id(0), id(u128::MAX), id(1))] {
            let text = shown.text().expose();
            let read = ShownKey::read(text).unwrap();
            assert_eq!((read.org_id, read.key_id, read.maker), (shown.org_id, shown.key_id, shown.maker));
            let parts: Vec<_> = text.split('_').collect();
            assert_eq!((parts.len(), parts[0], parts[2].len(), parts[3].len()), (4, "gk", 66, 50), "{text}");
            assert!(!format!("{shown:?}").contains(&parts[3][..20]));
        }
    }

    #[test]
    fn one_changed_character_is_no_key() {
        let text = shown().text().expose().clone();
        for place in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[place] = if changed[place] == b'a' { b'b' } else { b'a' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(ShownKey::read(&changed).is_none(), "{place}: {changed}");
        }
        for odd in ["", "gk_", "gk__", "gk_dev__", &text[..text.len() - 1], &format!("{text}0")] {
            assert!(ShownKey::read(odd).is_none(), "{odd}");
        }
    }

    #[test]
    fn a_key_is_shown_by_its_text_until_it_ends_and_by_the_one_before_for_a_while() {
        let at = |hours| Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hours);
        let first = shown();
        let again = ShownKey::new("dev", first.org_id, first.key_id, first.maker);
        let key = ApiKey::new(&first, Ids::unguessable(), "CI".to_owned(), vec![Scope::ReadMembers], at(0));
        assert!(key.is_shown_by(&first, at(1)) && !key.is_shown_by(&again, at(1)));
        let rotated = key.clone().rotated(&again, at(24));
        assert!(rotated.is_shown_by(&first, at(23)) && rotated.is_shown_by(&again, at(23)));
        assert!(!rotated.is_shown_by(&first, at(24)) && rotated.is_shown_by(&again, at(24)));
        assert!(!rotated.clone().revoked(at(2)).is_shown_by(&again, at(2)));
        let ending = ApiKey { valid_until: Some(at(5)), ..key.clone() };
        assert!(ending.is_shown_by(&first, at(4)) && !ending.is_shown_by(&first, at(5)));
        let forged = ShownKey { maker: Ids::unguessable(), ..first.clone() };
        assert!(!key.is_shown_by(&forged, at(1)), "of somebody else's");
    }

    #[test]
    fn a_list_of_addresses_leaves_all_others_out() {
        let key = ApiKey::new(&shown(), Ids::unguessable(), String::new(), Vec::new(), Timestamp::UNIX_EPOCH);
        assert!(key.admits(None));
        let key = ApiKey { allowed_addresses: vec!["192.0.2.0/24".parse().unwrap()], ..key };
        let from = |address: &str| key.admits(Some(address.parse().unwrap()));
        assert!(from("192.0.2.9") && from("::ffff:192.0.2.9") && !from("192.0.3.9") && !key.admits(None));
    }

    proptest! {
        #[test]
        fn no_text_is_read_as_more_than_it_is(text in "(gk_)?[a-z]{0,4}_?[0-9A-Za-z]{0,70}_?[0-9A-Za-zé]{0,60}") {
            prop_assert!(ShownKey::read(&text).is_none_or(|read| read.text().expose() == &text));
        }
    }
}
