use aws_lc_rs::digest::{Context, SHA256};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use primitives::{ConnectedAccountId, Email, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use table::{Item, Key};

use crate::keys;

/// How many accounts elsewhere a person may sign in with.
pub const MOST_CONNECTED_ACCOUNTS: usize = 10;

/// An account at an identity provider that a person signs in with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectedAccount {
    /// Its id with us.
    pub account_id: ConnectedAccountId,
    /// The provider, as routes name it.
    pub provider: String,
    /// The hash of who it is there: [`OAuthOwner`].
    pub hash: String,
    /// The address that the provider told when it was connected.
    pub email: Option<Email>,
    /// Since when.
    pub connected_at: Timestamp,
}

/// The accounts elsewhere that a person signs in with: few, and so in one item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectedAccounts {
    /// Whose they are.
    pub user_id: UserId,
    /// The accounts, in the order in which they were connected.
    pub accounts: Vec<ConnectedAccount>,
    #[serde(default)]
    version: u64,
}

impl Item for ConnectedAccounts {
    fn key(&self) -> Key {
        keys::ConnectedAccounts::key(self.user_id)
    }

    fn version(&self) -> u64 {
        self.version
    }
}

impl ConnectedAccounts {
    /// Of somebody who has none.
    pub fn none(user_id: UserId) -> Self {
        Self { user_id, accounts: Vec::new(), version: 0 }
    }

    /// The same with one more, if there is room.
    pub fn with(mut self, account: ConnectedAccount) -> Option<Self> {
        (self.accounts.len() < MOST_CONNECTED_ACCOUNTS).then(|| {
            self.accounts.push(account);
            self
        })
    }

    /// The same without this one, and which that was.
    pub fn without(mut self, account_id: ConnectedAccountId) -> Option<(Self, ConnectedAccount)> {
        let at = self.accounts.iter().position(|account| account.account_id == account_id)?;
        let account = self.accounts.remove(at);
        Some((self, account))
    }
}

/// Whose an account at an identity provider is with us: keeps one from being two people's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OAuthOwner {
    /// The hash of who it is there.
    hash: String,
    /// The person.
    pub user_id: UserId,
    /// Its id with us.
    pub account_id: ConnectedAccountId,
    #[serde(default)]
    version: u64,
}

impl Item for OAuthOwner {
    fn key(&self) -> Key {
        keys::OAuthOwner::key(self.hash.clone())
    }

    fn version(&self) -> u64 {
        self.version
    }
}

impl OAuthOwner {
    /// That the account is this person's.
    pub fn of(account: &ConnectedAccount, user_id: UserId) -> Self {
        Self { hash: account.hash.clone(), user_id, account_id: account.account_id, version: 0 }
    }

    /// The hash of an account: of who says so, and of the name that never changes there.
    pub fn hash(issuer: &str, subject: &str) -> String {
        let mut context = Context::new(&SHA256);
        for part in [issuer.as_bytes(), &[0], subject.as_bytes()] {
            context.update(part);
        }
        URL_SAFE_NO_PAD.encode(context.finish())
    }
}

#[cfg(test)]
mod tests {
    use primitives::Ids;

    use super::*;

    #[test]
    fn another_issuer_or_name_is_another_account() {
        let hash = OAuthOwner::hash("https://a.example", "ada");
        assert_eq!(OAuthOwner::hash("https://a.example", "ada"), hash);
        for (issuer, subject) in
            [("https://a.example", "bob"), ("https://b.example", "ada"), ("https://a.exampl", "eada")]
        {
            assert_ne!(OAuthOwner::hash(issuer, subject), hash);
        }
    }

    #[test]
    fn there_are_so_many_and_each_goes_once() {
        let account = || ConnectedAccount {
            account_id: Ids::unguessable(),
            provider: "acme".to_owned(),
            hash: String::new(),
            email: None,
            connected_at: Timestamp::UNIX_EPOCH,
        };
        let none = ConnectedAccounts::none(Ids::unguessable());
        let full = (0..MOST_CONNECTED_ACCOUNTS).try_fold(none, |all, _| all.with(account())).unwrap();
        assert!(full.clone().with(account()).is_none());
        let id = full.accounts[3].account_id;
        let (rest, gone) = full.without(id).unwrap();
        assert_eq!((rest.accounts.len(), gone.account_id), (MOST_CONNECTED_ACCOUNTS - 1, id));
        assert!(rest.without(id).is_none());
    }
}
