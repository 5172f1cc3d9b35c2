use access::StaffRole;
use events::NewEvent;
use identity_core::{EmailOwner, User, events::UserCreated};
use primitives::{Email, Limit, Page, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use table::{Changes, Consistency, CursorKeys, Index, Item, Key, Listed, Roster, StoreError, Table};

use crate::{
    StaffError,
    events::{StaffMemberAdded, StaffMemberRemoved, StaffMemberUpdated},
    keys,
};

/// How many operators there may be.
const MOST_OPERATORS: usize = 50;

/// That a person is one of our staff.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaffMember {
    /// Who.
    pub user_id: UserId,
    /// What they are.
    pub role: StaffRole,
    /// Since when they are staff.
    pub since: Timestamp,
    /// Since when they are what they are.
    #[serde(default)]
    pub role_since: Option<Timestamp>,
    #[serde(default)]
    version: u64,
}

impl Item for StaffMember {
    fn key(&self) -> Key {
        identity_core::keys::Staff::key(self.user_id)
    }

    fn version(&self) -> u64 {
        self.version
    }

    fn index(&self) -> Option<Index> {
        Some(identity_core::keys::staff_member(self.user_id))
    }
}

/// Who is to be staff.
#[derive(Clone, Debug)]
pub enum Appointment {
    /// Somebody who is known.
    Known(UserId),
    /// Whoever has this address; somebody who is expected to sign in with it, where nobody has.
    Address(Email),
}

/// Who the operators are.
fn operators() -> Roster {
    Roster::new(keys::Operators::key(), MOST_OPERATORS)
}

/// The place of a person among the operators: added or taken out, where the role makes a difference. That
/// there is room, and that one is left, is a condition of the transaction too.
fn place(
    user_id: UserId,
    listed: Option<&Listed>,
    before: Option<StaffRole>,
    after: Option<StaffRole>,
) -> Result<Changes, StaffError> {
    let (was, is) = (before == Some(StaffRole::Operator), after == Some(StaffRole::Operator));
    let id = user_id.to_string();
    Ok(match (was, is, listed) {
        (false, true, None) => operators().first(&id, &true),
        (false, true, listed) if operators().is_full(listed) => {
            return Err(StaffError::TooManyOperators { most: MOST_OPERATORS });
        }
        (false, true, Some(_)) => operators().add(&id, &true),
        (true, false, listed) if listed.is_none_or(|listed| listed.len() < 2) => {
            return Err(StaffError::LastOperator);
        }
        (true, false, _) => operators().remove(&id, 1),
        _ => Changes::new(),
    })
}

/// Decides that a person is one of our staff, as this: who it is, and the changes; none where it is so
/// already.
///
/// # Errors
/// [`StaffError::NotFound`] where the person is not there or is about to leave.
pub async fn appoint(
    table: &Table,
    whom: &Appointment,
    role: StaffRole,
) -> Result<(StaffMember, Option<Changes>), StaffError> {
    let (user, stored_again) = match whom {
        Appointment::Known(user_id) => as_read(known(table, *user_id).await?),
        Appointment::Address(email) => with_address(table, email).await?,
    };
    if user.deletion.is_some() {
        return Err(StaffError::NotFound);
    }
    let (stored, listed) = read(table, user.user_id).await?;
    let before = stored.as_ref().map(|member| member.role);
    let now = table.clock().now();
    let new = StaffMember { user_id: user.user_id, role, since: now, role_since: None, version: 0 };
    let member = StaffMember { role, role_since: Some(now), ..stored.unwrap_or(new) };
    if before == Some(role) {
        return Ok((member, None));
    }
    let (user_id, version) = (member.user_id, member.next_version());
    let event = match before {
        None => NewEvent::new(None, &user_id, version, &StaffMemberAdded { user_id, role }),
        Some(_) => NewEvent::new(None, &user_id, version, &StaffMemberUpdated { user_id, role }),
    };
    let place = place(user_id, listed.as_ref(), before, Some(role))?;
    let changes = stored_again.replace(&member).and(place).publish(event);
    Ok((member, Some(changes)))
}

/// Decides that a person is one of our staff no more; nothing where it is so already.
pub async fn dismiss(table: &Table, user_id: UserId) -> Result<Option<Changes>, StaffError> {
    let (stored, listed) = read(table, user_id).await?;
    let Some(member) = stored else { return Ok(None) };
    let event = NewEvent::new(None, &user_id, member.next_version(), &StaffMemberRemoved { user_id });
    let place = place(user_id, listed.as_ref(), Some(member.role), None)?;
    Ok(Some(Changes::new().delete(&member).and(place).publish(event)))
}

/// What the index says of somebody of our staff.
#[derive(Deserialize)]
struct Row {
    summary: UserId,
}

/// A page of our staff: two calls.
pub async fn members(
    table: &Table,
    cursors: &dyn CursorKeys,
    limit: Limit,
    cursor: Option<&str>,
) -> Result<Page<StaffMember>, StoreError> {
    let listed: Page<Row> = table.page(&identity_core::keys::all_staff(), limit, cursor, cursors).await?;
    let items = those(table, listed.items).await?;
    Ok(Page { items, next_cursor: listed.next_cursor })
}

/// How many of our staff [`listed`] shows.
pub const MOST_LISTED: usize = 100;

/// Our staff, as far as one look goes: two calls.
pub async fn listed(table: &Table) -> Result<Vec<StaffMember>, StoreError> {
    let rows = table.first(&identity_core::keys::all_staff(), MOST_LISTED).await?;
    those(table, rows).await
}

async fn those(table: &Table, rows: Vec<Row>) -> Result<Vec<StaffMember>, StoreError> {
    let keys: Vec<_> = rows.iter().map(|row| identity_core::keys::Staff::key(row.summary)).collect();
    let mut members = Vec::with_capacity(keys.len());
    if !keys.is_empty() {
        let mut found = table.get_many(&keys, Consistency::Strong).await?;
        for key in &keys {
            members.extend(found.take(key)?);
        }
    }
    Ok(members)
}

async fn read(table: &Table, user_id: UserId) -> Result<(Option<StaffMember>, Option<Listed>), StoreError> {
    let keys = [identity_core::keys::Staff::key(user_id), keys::Operators::key()];
    let mut found = table.get_many(&keys, Consistency::Strong).await?;
    Ok((found.take(&keys[0])?, found.take(&keys[1])?))
}

async fn known(table: &Table, user_id: UserId) -> Result<User, StaffError> {
    let user = table.get(&identity_core::keys::User::key(user_id), Consistency::Strong).await?;
    user.ok_or(StaffError::NotFound)
}

/// The person, stored again as read: nobody becomes staff who asks for the end of the account meanwhile,
/// since both change the person, and nobody of our staff is erased.
fn as_read(user: User) -> (User, Changes) {
    let changes = Changes::new().replace(&user);
    (user, changes)
}

/// Whoever has this address; where nobody has, somebody new who has not signed in yet.
async fn with_address(table: &Table, email: &Email) -> Result<(User, Changes), StaffError> {
    let key = identity_core::keys::EmailOwner::key(email.clone());
    let owner: Option<EmailOwner> = table.get(&key, Consistency::Strong).await?;
    let now = table.clock().now();
    match owner.as_ref().filter(|owner| owner.holds(now)) {
        Some(owner) if owner.is_current() => Ok(as_read(known(table, owner.user_id).await?)),
        // it is kept for somebody who has another one now
        Some(_) => Err(StaffError::NotFound),
        None => {
            let user = User::expected(table.ids().next(), email.clone(), now);
            let event = UserCreated { user_id: user.user_id, email: email.clone() };
            let event = NewEvent::new(None, &user.user_id, user.next_version(), &event);
            let owner = EmailOwner::new(email.clone(), user.user_id, owner.as_ref());
            Ok((user.clone(), Changes::new().create(&user).replace(&owner).publish(event)))
        }
    }
}
