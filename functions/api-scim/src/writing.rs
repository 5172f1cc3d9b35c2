//! What a request writes about a user of the directory, and about the member that the user is: in one
//! transaction.

use access::Tenant;
use http_api::Problem;
use orgs::OrgError;
use primitives::{Expected, ScimUserId};
use scim::{
    Group, GroupMember, ScimError, User,
    events::{ScimUserCreated, ScimUserDeleted, ScimUserUpdated},
    keys, user_with_id,
};
use serde_json::{Map, Value};
use table::{Changes, Consistency, Decision, Item};

use crate::{
    Api,
    caller::Directory,
    effect::{Effect, Made},
    entering::enter,
    error::{Refused, answered},
    leaving::leave,
};

/// Up to so many groups are left with the user, in one transaction.
const GROUPS_AT_ONCE: usize = 15;

impl Api {
    fn made(&self) -> Made {
        Made { user_id: self.table.ids().next(), member_id: self.table.ids().next() }
    }

    /// The same once more where the seats are full that invites hold whose time is over.
    async fn with_seats<T, F: Future<Output = Result<T, Refused>>>(
        &self,
        directory: &Directory,
        attempt: impl Fn() -> F,
    ) -> Result<T, Refused> {
        match attempt().await {
            Err(Refused::Orgs(OrgError::SeatLimit)) => {
                let (cause, org_id) = (directory.cause(), directory.tenant().org_id());
                if orgs::release_seats(&self.table, &cause, org_id).await? {
                    return attempt().await;
                }
                Err(OrgError::SeatLimit.into())
            }
            other => other,
        }
    }

    /// A new user of the directory, who is a member where the directory may say so.
    pub(crate) async fn create_user(
        &self,
        directory: &Directory,
        attributes: Map<String, Value>,
    ) -> Result<User, Problem> {
        let (tenant, cause) = (directory.tenant(), directory.cause());
        let (scim_id, made) = (self.table.ids().next(), self.made());
        let attributes = &attributes;
        let decide = |_| async move {
            let now = self.table.clock().now();
            let mut user = User::new(tenant, scim_id, attributes.clone(), now);
            let effect = if user.active {
                directory.require_full()?;
                enter(&self.table, tenant, &mut user, made, true).await?
            } else {
                leave(&self.table, tenant, &mut user).await?
            };
            let event = user.event(&ScimUserCreated { scim_user: user.shown() });
            let more = User::count(tenant).add(1).create(&user).publish(event);
            let full = ScimError::TooMany("the directory has as many users as one may".to_owned());
            let decision = effect.claiming(&user.claims(), None).decided(more, user.stored());
            Ok(decision.unless(User::count(tenant).key(), Err(full.into())))
        };
        let attempt = || self.table.decide(&cause, decide);
        self.with_seats(directory, attempt).await.map_err(answered)
    }

    /// The user as `make` makes it of the one before; with a membership begun or ended where that follows.
    pub(crate) async fn change_user(
        &self,
        directory: &Directory,
        (scim_id, expected): (ScimUserId, &Expected),
        make: impl Fn(&User) -> Result<Map<String, Value>, ScimError>,
    ) -> Result<User, Problem> {
        let (tenant, cause, made) = (directory.tenant(), directory.cause(), self.made());
        let make = &make;
        let decide = |_| async move {
            let before = user_with_id(&self.table, tenant, scim_id).await?;
            expect(expected, before.version())?;
            let mut after = before.clone().with(make(&before)?, self.table.clock().now());
            let is_member = before.person.is_some_and(|person| person.member_id.is_some());
            let effect = match (before.active, after.active) {
                (false, true) => {
                    directory.require_full()?;
                    enter(&self.table, tenant, &mut after, made, true).await?
                }
                // one who was none may be one by now: a domain was verified, an invite accepted
                (true, true) if !is_member && directory.require_full().is_ok() => {
                    enter(&self.table, tenant, &mut after, made, false).await?
                }
                (true, false) => leave(&self.table, tenant, &mut after).await?,
                (false, false) if before.address() != after.address() => {
                    leave(&self.table, tenant, &mut after).await?
                }
                _ => Effect::default(),
            };
            if after == before && effect.changes.is_empty() {
                return Ok(Decision::done(before));
            }
            let changed = changed(&before, &after);
            let event = after.event(&ScimUserUpdated { scim_user: after.shown(), changed });
            let more = Changes::new().replace(&after).publish(event);
            Ok(effect.claiming(&after.claims(), Some(&before.claims())).decided(more, after.stored()))
        };
        let attempt = || self.table.decide(&cause, decide);
        self.with_seats(directory, attempt).await.map_err(answered)
    }

    /// The end of a user of the directory, and of the membership.
    pub(crate) async fn delete_user(
        &self,
        directory: &Directory,
        (scim_id, expected): (ScimUserId, &Expected),
    ) -> Result<(), Problem> {
        let before = user_with_id(&self.table, directory.tenant(), scim_id).await?;
        expect(expected, before.version()).map_err(|error| answered(error.into()))?;
        let any = &Expected::Any;
        if before.groups.len() > GROUPS_AT_ONCE {
            // out first, and then whatever time it takes to tell all groups
            let inactive = |user: &User| {
                let mut attributes = user.attributes.clone();
                attributes.insert("active".to_owned(), false.into());
                Ok(attributes)
            };
            self.change_user(directory, (scim_id, any), inactive).await?;
            for group_id in before.groups.iter().skip(GROUPS_AT_ONCE) {
                self.change_members(directory, (*group_id, any), (None, Vec::new(), vec![scim_id])).await?;
            }
        }
        let expected = if before.groups.len() > GROUPS_AT_ONCE { any } else { expected };
        self.end_user(directory, scim_id, expected).await.map_err(answered)
    }

    async fn end_user(
        &self,
        directory: &Directory,
        scim_id: ScimUserId,
        expected: &Expected,
    ) -> Result<(), Refused> {
        let (tenant, cause) = (directory.tenant(), directory.cause());
        let decide = |_| async move {
            let before = user_with_id(&self.table, tenant, scim_id).await?;
            expect(expected, before.version())?;
            let mut after = before.clone();
            let effect = leave(&self.table, tenant, &mut after).await?;
            let more = self.out_of_groups(tenant, &before).await?;
            let event = before.event(&ScimUserDeleted { scim_user: before.shown() });
            let more = more.and(User::count(tenant).subtract(1)).and(before.claims().released());
            Ok(effect.decided(more.delete(&before).publish(event), ()))
        };
        self.table.decide(&cause, decide).await
    }

    async fn out_of_groups(&self, tenant: Tenant, user: &User) -> Result<Changes, Refused> {
        let keys: Vec<_> = user.groups.iter().map(|id| keys::Group::key(tenant, *id)).collect();
        let mut changes = Changes::new();
        if keys.is_empty() {
            return Ok(changes);
        }
        let mut found = self.table.get_many(&keys, Consistency::Strong).await?;
        for key in &keys {
            let Some(group) = found.take::<Group>(key)? else { continue };
            changes = changes.remove(GroupMember::new(&group, user.scim_id).key());
            changes = changes.replace(&group.with_fewer(1));
        }
        Ok(changes)
    }
}

/// Which attributes are otherwise: their names, since the log is no place for what they say.
fn changed(before: &User, after: &User) -> Vec<String> {
    let (old, new) = (&before.attributes, &after.attributes);
    let names = old.keys().chain(new.keys().filter(|name| !old.contains_key(*name)));
    let mut names: Vec<String> = names.filter(|name| old.get(*name) != new.get(*name)).cloned().collect();
    names.sort();
    names
}

pub(crate) fn expect(expected: &Expected, current: u64) -> Result<(), ScimError> {
    if expected.admits(current) { Ok(()) } else { Err(ScimError::VersionMismatch { current }) }
}
