//! A person's account as our staff sees it, and what staff does to it. Who may do that, and how it is written
//! down, is not decided here.

use access::{Deletion, StaffRole, Way};
use events::NewEvent;
use identity_core::{
    ConnectedAccount, ConnectedAccounts, EmailOwner, User,
    events::{UserErasureRequested, UserRestored},
    keys,
    suspension::{UserSuspended, UserUnsuspended},
};
use primitives::{ConnectedAccountId, Email, FactorId, Limit, Page, PasskeyId, Timestamp, UserId};
use serde::Deserialize;
use table::{Changes, Condition, Consistency, CursorKeys, Item, StoreError, Table};

use crate::{
    ShownPasskey,
    authority::StaffFacts,
    mfa::{SecondFactors, removed},
    oauth::without_account,
    passkeys::{Passkey, of_person, without_passkey},
    session::ended,
    sessions::all_ended,
};

/// Why sessions end that our staff ends.
const BY_STAFF: &str = "ended_by_staff";

/// A person's account.
#[derive(Debug)]
pub struct Account {
    /// The person.
    pub user: User,
    /// What the person is among our staff.
    pub staff_role: Option<StaffRole>,
    factors: Option<SecondFactors>,
    passkeys: Vec<Passkey>,
    connected: Option<ConnectedAccounts>,
}

/// Something that a person signs in with besides mail, as it is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FactorRef {
    /// An authenticator app, or codes to the phone.
    Second(FactorId),
    /// A passkey.
    Passkey(PasskeyId),
    /// An account at an identity provider.
    Account(ConnectedAccountId),
}

/// The text is the id of no factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the id of a factor")]
pub struct NoFactor;

impl std::str::FromStr for FactorRef {
    type Err = NoFactor;

    fn from_str(text: &str) -> Result<Self, NoFactor> {
        let second = text.parse().map(Self::Second);
        let passkey = second.or_else(|_| text.parse().map(Self::Passkey));
        passkey.or_else(|_| text.parse().map(Self::Account)).map_err(|_| NoFactor)
    }
}

impl Account {
    /// Reads it: one call, and another where there are passkeys.
    pub async fn read(table: &Table, user_id: UserId) -> Result<Option<Self>, StoreError> {
        let keys = [
            keys::User::key(user_id),
            keys::Staff::key(user_id),
            keys::SecondFactors::key(user_id),
            keys::ConnectedAccounts::key(user_id),
        ];
        let mut found = table.get_many(&keys, Consistency::Strong).await?;
        let Some(user) = found.take::<User>(&keys[0])? else { return Ok(None) };
        let staff: Option<StaffFacts> = found.take(&keys[1])?;
        let passkeys = match user.ways().get(&Way::Passkey) {
            Some(_) => of_person(table, user_id, Consistency::Strong).await?,
            None => Vec::new(),
        };
        let staff_role = staff.map(|staff| staff.role);
        let (factors, connected) = (found.take(&keys[2])?, found.take(&keys[3])?);
        Ok(Some(Self { user, staff_role, factors, passkeys, connected }))
    }

    /// That nobody became staff meanwhile who was none.
    pub fn unless_staff(&self) -> Changes {
        match self.staff_role {
            None => Changes::new().require(keys::Staff::key(self.user.user_id), Condition::Absent),
            Some(_) => Changes::new(),
        }
    }

    /// The authenticator app, and since when.
    pub fn totp(&self) -> Option<(FactorId, Timestamp)> {
        let totp = self.factors.as_ref()?.totp.as_ref()?;
        Some((totp.factor_id, totp.confirmed_at))
    }

    /// The codes that go to the phone, and since when.
    pub fn sms(&self) -> Option<(FactorId, Timestamp)> {
        let sms = self.factors.as_ref()?.sms?;
        Some((sms.factor_id, sms.confirmed_at))
    }

    /// The accounts at identity providers.
    pub fn connected(&self) -> impl Iterator<Item = &ConnectedAccount> {
        self.connected.iter().flat_map(|connected| &connected.accounts)
    }

    /// The passkeys.
    pub fn passkeys(&self) -> impl Iterator<Item = ShownPasskey> {
        self.passkeys.iter().cloned().map(ShownPasskey::from)
    }

    /// How many recovery codes are left.
    pub fn recovery_codes_left(&self) -> usize {
        self.factors.as_ref().map_or(0, SecondFactors::recovery_codes_left)
    }

    /// Nobody comes in any more, from the next request on; and nobody is erased whom it may have been done
    /// to, or who would be rid of it by that. Nothing where it is so already.
    pub fn suspend(&mut self, now: Timestamp) -> Option<Changes> {
        if self.user.suspended_at().is_some() {
            return None;
        }
        let user_id = self.user.user_id;
        let heard = self.user.sessions(now);
        let was_leaving = self.user.deletion.is_some();
        let changes = Changes::new().replace(&self.now(self.user.clone().leaving(None).suspended(now)));
        let event = UserSuspended { user_id };
        let mut changes = changes.publish(NewEvent::new(None, &user_id, self.user.next_version(), &event));
        if was_leaving {
            let event = UserRestored { user_id };
            changes = changes.publish(NewEvent::new(None, &user_id, self.user.next_version(), &event));
        }
        Some(
            heard
                .into_iter()
                .fold(changes, |changes, session| changes.and(ended(user_id, session, BY_STAFF))),
        )
    }

    /// The person may come in again. Nothing where it is so already.
    pub fn unsuspend(&mut self) -> Option<Changes> {
        self.user.suspended_at()?;
        let user_id = self.user.user_id;
        let changes = Changes::new().replace(&self.now(self.user.clone().unsuspended()));
        let event = UserUnsuspended { user_id };
        Some(changes.publish(NewEvent::new(None, &user_id, self.user.next_version(), &event)))
    }

    /// The person is erased at this time. Nothing where that is so, or sooner, already.
    pub fn request_erasure(&mut self, erase_at: Timestamp, now: Timestamp) -> Option<Changes> {
        if self.user.deletion.is_some_and(|deletion| deletion.erase_at <= erase_at) {
            return None;
        }
        let (user_id, deletion) = (self.user.user_id, Deletion { requested_at: now, erase_at });
        let changes = Changes::new().replace(&self.now(self.user.clone().leaving(Some(deletion))));
        let event = UserErasureRequested { user_id, erase_at };
        Some(changes.publish(NewEvent::new(None, &user_id, self.user.next_version(), &event)))
    }

    /// The person as the answer shows them, and as they are stored.
    fn now(&mut self, user: User) -> User {
        self.user = user;
        self.user.clone()
    }

    /// All sessions end, and logins that lack something.
    pub fn end_sessions(&self, now: Timestamp) -> Changes {
        all_ended(self.user.clone(), None, BY_STAFF, now)
    }

    /// The factor is gone, and so are all sessions, which somebody may have who has it now; with the last
    /// second factor the recovery codes. Nothing where it is gone already.
    pub fn remove_factor(&self, factor: FactorRef, now: Timestamp) -> Option<Changes> {
        let user = self.user.clone();
        let (user, changes) = match factor {
            FactorRef::Second(factor_id) => {
                let factors = self.factors.as_ref()?;
                let way = factors.way_of(factor_id)?;
                let user = user.without_way(way, now);
                let changes = removed(&user, factors, (way, factor_id));
                (user, changes)
            }
            FactorRef::Passkey(passkey_id) => {
                without_passkey(user, &self.passkeys, self.factors.as_ref(), passkey_id, now)?
            }
            FactorRef::Account(account_id) => {
                without_account(user, self.connected.clone()?, account_id, now)?
            }
        };
        Some(all_ended(user, None, BY_STAFF, now).and(changes))
    }
}

/// Whoever has this address.
pub async fn person_with_email(table: &Table, email: &Email) -> Result<Option<User>, StoreError> {
    let owner = keys::EmailOwner::key(email.clone());
    let owner: Option<EmailOwner> = table.get(&owner, Consistency::Strong).await?;
    match owner.filter(EmailOwner::is_current) {
        Some(owner) => table.get(&keys::User::key(owner.user_id), Consistency::Strong).await,
        None => Ok(None),
    }
}

/// What the index says of a person.
#[derive(Deserialize)]
struct Listed {
    summary: UserId,
}

/// A page of the people whose addresses begin so, by address: two calls.
pub async fn people_with_email(
    table: &Table,
    cursors: &dyn CursorKeys,
    prefix: &str,
    limit: Limit,
    cursor: Option<&str>,
) -> Result<Page<User>, StoreError> {
    let listed: Page<Listed> = table.page(&keys::with_email(prefix), limit, cursor, cursors).await?;
    people(table, listed.items.into_iter().map(|listed| listed.summary), listed.next_cursor).await
}

/// These people, in this order, as a page. One who is gone meanwhile is left out.
pub async fn people(
    table: &Table,
    user_ids: impl IntoIterator<Item = UserId>,
    next_cursor: Option<String>,
) -> Result<Page<User>, StoreError> {
    let keys: Vec<_> = user_ids.into_iter().map(keys::User::key).collect();
    if keys.is_empty() {
        return Ok(Page { items: Vec::new(), next_cursor });
    }
    let mut found = table.get_many(&keys, Consistency::Eventual).await?;
    let mut items = Vec::with_capacity(keys.len());
    for key in &keys {
        items.extend(found.take(key)?);
    }
    Ok(Page { items, next_cursor })
}

#[cfg(test)]
mod tests {
    use primitives::Ids;

    use super::*;

    #[test]
    fn a_factor_is_named_by_its_id_alone() {
        let (second, passkey, account): (FactorId, PasskeyId, ConnectedAccountId) =
            (Ids::unguessable(), Ids::unguessable(), Ids::unguessable());
        assert_eq!(second.to_string().parse(), Ok(FactorRef::Second(second)));
        assert_eq!(passkey.to_string().parse(), Ok(FactorRef::Passkey(passkey)));
        assert_eq!(account.to_string().parse(), Ok(FactorRef::Account(account)));
        let user: UserId = Ids::unguessable();
        for other in [user.to_string(), String::new(), "fac_".to_owned(), format!(" {second}")] {
            assert_eq!(other.parse::<FactorRef>(), Err(NoFactor), "{other:?}");
        }
    }
}
