//! Who is in a group. The user says so, and the group; and where the group gives a role, the member has
//! it: all in one transaction for so many users at a time.

use http_api::Problem;
use orgs::Member;
use primitives::{Expected, ScimGroupId, ScimUserId};
use scim::{
    Group, GroupMember, MOST_GROUPS_OF_USER, Mapping, ScimError, User, events::ScimGroupUpdated, keys,
    users_with_ids,
};
use table::{Changes, Consistency, Decision, Item};

use crate::{
    Api,
    caller::Directory,
    error::{Refused, answered},
    role::role_of,
    writing::expect,
};

/// Users of one transaction; fewer where each brings a member in another role, with an event.
const AT_ONCE: usize = 40;
const AT_ONCE_IN_ROLES: usize = 12;

/// What a group is called, and the id that the identity provider gave.
pub(crate) type Called = Option<(String, Option<String>)>;

/// A step: who comes in and who goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Move {
    In(ScimUserId),
    Out(ScimUserId),
}

impl Move {
    fn whose(self) -> ScimUserId {
        match self {
            Self::In(id) | Self::Out(id) => id,
        }
    }
}

impl Api {
    /// Refuses who is not in the directory.
    pub(crate) async fn require_users(
        &self,
        directory: &Directory,
        ids: &[ScimUserId],
    ) -> Result<(), Problem> {
        let users = users_with_ids(&self.table, directory.tenant(), ids).await?;
        if users.len() < ids.len() {
            let detail = "a member is no user of the directory (any more)".to_owned();
            return Err(ScimError::Value(detail).into());
        }
        if users.iter().any(|user| user.groups.len() >= MOST_GROUPS_OF_USER) {
            return Err(ScimError::Value(format!("a user is in {MOST_GROUPS_OF_USER} groups at most")).into());
        }
        Ok(())
    }

    /// Calls a group otherwise, and lets users in and out. What is so already changes nothing, so that a
    /// request that broke off half-way is repeated.
    pub(crate) async fn change_members(
        &self,
        directory: &Directory,
        (group_id, expected): (ScimGroupId, &Expected),
        (called, add, remove): (Called, Vec<ScimUserId>, Vec<ScimUserId>),
    ) -> Result<Group, Problem> {
        self.require_users(directory, &add).await?;
        let moves = add.into_iter().map(Move::In).chain(remove.into_iter().map(Move::Out));
        let mut moves: Vec<_> = moves.collect();
        let (mut called, mut expected) = (called, expected);
        loop {
            let some = moves.get(..AT_ONCE.min(moves.len())).unwrap_or_default();
            let (group, done) = self
                .move_some(directory, (group_id, expected), called.as_ref(), some)
                .await
                .map_err(answered)?;
            moves.drain(..done);
            if moves.is_empty() {
                return Ok(group);
            }
            (called, expected) = (None, &Expected::Any);
        }
    }

    /// Some of the moves; says how many.
    async fn move_some(
        &self,
        directory: &Directory,
        (group_id, expected): (ScimGroupId, &Expected),
        called: Option<&(String, Option<String>)>,
        moves: &[Move],
    ) -> Result<(Group, usize), Refused> {
        let (tenant, cause) = (directory.tenant(), directory.cause());
        let decide = |_| async move {
            let of_users = moves.iter().map(|one| keys::User::key(tenant, one.whose()));
            let asked: Vec<_> = [keys::Group::key(tenant, group_id), keys::Roles::key(tenant)]
                .into_iter()
                .chain(of_users)
                .collect();
            let mut found = self.table.get_many(&asked, Consistency::Strong).await?;
            let before: Group = found.take(&asked[0])?.ok_or(ScimError::NotFound)?;
            let mapping = found.take(&asked[1])?.unwrap_or_else(|| Mapping::none(tenant));
            expect(expected, before.version())?;
            let gives_role = mapping.has(group_id);
            let done = moves.len().min(if gives_role { AT_ONCE_IN_ROLES } else { AT_ONCE });
            let mut moved = Vec::new();
            for (one, key) in moves[..done].iter().zip(&asked[2..]) {
                let Some(user) = found.take::<User>(key)? else {
                    // who was deleted meanwhile is in no group
                    continue;
                };
                if user.groups.contains(&group_id) != matches!(one, Move::In(_)) {
                    moved.push((*one, user));
                }
            }
            let mut after = match called {
                Some((name, external)) => before.clone().called(name.clone(), external.clone()),
                None => before.clone(),
            };
            if moved.is_empty() && after == before {
                return Ok(Decision::done((before, done)));
            }
            after.changed_at = self.table.clock().now();
            let mut changes = Changes::new();
            for (one, user) in &moved {
                let row = GroupMember::new(&before, user.scim_id);
                let mut user = user.clone();
                changes = match one {
                    Move::In(_) => {
                        user.groups.insert(group_id);
                        after.members = after.members.saturating_add(1);
                        changes.overwrite(&row)
                    }
                    Move::Out(_) => {
                        user.groups.remove(&group_id);
                        after.members = after.members.saturating_sub(1);
                        changes.remove(row.key())
                    }
                };
                changes = changes.replace(&user);
            }
            if gives_role {
                let users: Vec<_> = moved.iter().map(|(one, user)| in_groups(user, *one, group_id)).collect();
                let (key, seen) = mapping.condition();
                changes = changes.and(self.in_roles(directory, &users, &mapping).await?).require(key, seen);
            }
            let of = |way: fn(ScimUserId) -> Move| -> Vec<ScimUserId> {
                moved
                    .iter()
                    .map(|(one, _)| *one)
                    .filter(|one| *one == way(one.whose()))
                    .map(Move::whose)
                    .collect()
            };
            let version = after.next_version();
            let event = ScimGroupUpdated {
                scim_group: after.shown(version),
                previous: events::previous(&before.shown(version), &after.shown(version)),
                added: of(Move::In),
                removed: of(Move::Out),
            };
            let (claims, taken) = after.claims().in_place_of(Some(&before.claims()));
            let changes = changes.and(claims).replace(&after).publish(after.event(&event));
            let decision = Decision::commit(changes, (after.stored(), done));
            Ok(taken.into_iter().fold(decision, |decision, taken| {
                let error = taken.error();
                decision.unless(&taken.key, Err(error.into()))
            }))
        };
        self.table.decide(&cause, decide).await
    }

    /// The members that these users are, in the roles that their groups give.
    async fn in_roles(
        &self,
        directory: &Directory,
        users: &[User],
        mapping: &Mapping,
    ) -> Result<Changes, Refused> {
        let tenant = directory.tenant();
        let wanted = |user: &User| {
            let member_id = user.person.filter(|_| user.active)?.member_id?;
            Some((orgs::keys::Member::key(tenant, member_id), role_of(mapping, user)))
        };
        let wanted: Vec<_> = users.iter().filter_map(wanted).collect();
        let keys: Vec<_> = wanted.iter().map(|(key, _)| key.clone()).collect();
        let mut changes = Changes::new();
        if keys.is_empty() {
            return Ok(changes);
        }
        let mut found = self.table.get_many(&keys, Consistency::Strong).await?;
        for (key, (role, managed_by)) in wanted {
            if let Some(member) = found.take::<Member>(&key)? {
                changes = changes.and(orgs::directed(member, role, managed_by));
            }
        }
        Ok(changes)
    }
}

fn in_groups(user: &User, one: Move, group_id: ScimGroupId) -> User {
    let mut user = user.clone();
    match one {
        Move::In(_) => user.groups.insert(group_id),
        Move::Out(_) => user.groups.remove(&group_id),
    };
    user
}
