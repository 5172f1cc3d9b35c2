use aws_lc_rs::digest::{SHA256, digest};
use identity_core::{Policy, keys};
use primitives::{Email, LoginId, SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use table::{Consistency, Item, Key, StoreError, Table};

/// How many logins of one address codes are good for: with one alone, whoever asks for another makes the code
/// in the owner's hand a wrong one.
pub(crate) const CODES_OF: usize = 3;

/// The last logins of one address, newest first: where a typed code is looked up.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RecentLogins {
    email: Email,
    logins: Vec<RecentLogin>,
    #[serde(default)]
    version: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct RecentLogin {
    login_id: LoginId,
    valid_until: Timestamp,
}

impl Item for RecentLogins {
    fn key(&self) -> Key {
        keys::RecentLogins::key(self.email.clone())
    }

    fn version(&self) -> u64 {
        self.version
    }

    fn expires_at(&self) -> Option<Timestamp> {
        self.logins.iter().map(|login| login.valid_until).max()
    }
}

impl RecentLogins {
    fn none(email: Email) -> Self {
        Self { email, logins: Vec::new(), version: 0 }
    }

    pub(crate) async fn read(table: &Table, email: &Email) -> Result<Self, StoreError> {
        let found = table.get(&keys::RecentLogins::key(email.clone()), Consistency::Strong).await?;
        Ok(found.unwrap_or_else(|| Self::none(email.clone())))
    }

    /// The same with one more.
    pub(crate) fn with(&self, login_id: LoginId, valid_until: Timestamp) -> Self {
        let newest = std::iter::once(RecentLogin { login_id, valid_until });
        let logins = newest.chain(self.logins.iter().cloned()).take(CODES_OF).collect();
        Self { email: self.email.clone(), logins, version: self.version }
    }

    /// Those that still work.
    pub(crate) fn valid_at(&self, now: Timestamp) -> impl Iterator<Item = LoginId> {
        self.logins.iter().filter(move |login| now < login.valid_until).map(|login| login.login_id)
    }
}

/// That the owner of an address signed in from a network.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct KnownNetwork {
    email: Email,
    network: String,
    seen_at: Timestamp,
    known_until: Timestamp,
    #[serde(default)]
    version: u64,
}

impl Item for KnownNetwork {
    fn key(&self) -> Key {
        known_network(&self.email, &self.network)
    }

    fn version(&self) -> u64 {
        self.version
    }

    fn expires_at(&self) -> Option<Timestamp> {
        Some(self.known_until)
    }
}

impl KnownNetwork {
    /// Where it is stored that the owner of this address signed in from this network.
    pub(crate) fn place(email: &Email, network: &str) -> Key {
        known_network(email, &hash(network))
    }

    /// Whether it still counts.
    pub(crate) fn is_known_at(&self, now: Timestamp) -> bool {
        now < self.known_until
    }

    /// Whether it was stored within a day.
    pub(crate) fn was_seen_today(&self, now: Timestamp) -> bool {
        now < self.seen_at + SignedDuration::from_hours(24)
    }

    /// The owner signed in from `network` now.
    pub(crate) fn of(email: &Email, network: &str, policy: &Policy, now: Timestamp) -> Self {
        let known_until = now + policy.networks_are_known();
        Self { email: email.clone(), network: hash(network), seen_at: now, known_until, version: 0 }
    }
}

fn hash(network: &str) -> String {
    hex::encode(digest(&SHA256, network.as_bytes()))
}

fn known_network(email: &Email, hash: &str) -> Key {
    keys::KnownNetwork::key(email.clone(), hash.to_owned())
}

/// What is known about an address before somebody asks for a link to it.
#[derive(Clone, Debug)]
pub struct LoginHistory {
    pub(crate) email: Email,
    pub(crate) recent: RecentLogins,
    knows_network: bool,
}

impl LoginHistory {
    /// Whether the address's owner signed in from this network lately. Strangers elsewhere cannot use up what
    /// is counted for both together.
    pub fn knows_network(&self) -> bool {
        self.knows_network
    }
}

/// Reads what is known about an address and the network that a request comes from. One call, whoever asks for
/// whom.
pub async fn login_history(table: &Table, email: Email, network: &str) -> Result<LoginHistory, StoreError> {
    let keys = [keys::RecentLogins::key(email.clone()), KnownNetwork::place(&email, network)];
    let mut found = table.get_many(&keys, Consistency::Strong).await?;
    let recent = found.take(&keys[0])?.unwrap_or_else(|| RecentLogins::none(email.clone()));
    let known: Option<KnownNetwork> = found.take(&keys[1])?;
    let now = table.clock().now();
    Ok(LoginHistory { email, recent, knows_network: known.is_some_and(|known| known.is_known_at(now)) })
}
