use std::collections::BTreeSet;

use http_api::{
    IfMatch, PathParameter, Problem, Problems, Response, Searched, State, StatusCode, http::HeaderMap,
};
use primitives::{Expected, ScimGroupId, ScimUserId};
use scim::{
    GROUP, Group, GroupMember, GroupPatch, MOST_MEMBERS_SHOWN, Mapping, NewGroup, Operation, ScimError,
    Shown, User,
    events::{ScimGroupCreated, ScimGroupDeleted},
    group_with_id, keys, member_ids, members_of, read_operations, users_with_ids,
};
use table::{Consistency, Decision, Item};

use crate::{
    Api,
    answers::unless_known,
    caller::{Body, Directory},
    error::{Refused, answered},
    query::Asked,
    writing::expect,
};

/// How many members come with a new group, in its transaction.
const BORN_WITH: usize = 40;
/// How often a patch is made of what a group is called meanwhile.
const PATCHED_AGAIN: u32 = 5;

/// The groups of the directory: all of them, or those that a filter asks for.
#[utoipa::path(
    get, path = "/scim/v2/Groups", tag = "SCIM", operation_id = "scimListGroups",
    security(("scim_token" = [])),
    params(
        ("filter" = Option<String>, Query, description = "RFC 7644, section 3.4.2.2"),
        ("startIndex" = Option<String>, Query, description = "From this one on, counting from 1"),
        ("count" = Option<String>, Query, description = "How many"),
        ("cursor" = Option<String>, Query, description = "RFC 9865"),
        ("sortBy" = Option<String>, Query, description = "Not supported, and passed over"),
        ("sortOrder" = Option<String>, Query, description = "Not supported, and passed over"),
        ("attributes" = Option<String>, Query, description = "Only these"),
        ("excludedAttributes" = Option<String>, Query, description = "All but these"),
    ),
    responses((status = 200, description = "A page", content_type = "application/scim+json", body = Value), Problems),
    extensions(
        ("x-gantry-codes" = json!(["scim_invalid_filter", "scim_too_many", "scim_invalid_value", "invalid_cursor"])),
        ("x-gantry-limits" = json!(["scim"])),
        ("x-gantry-budget" = json!({"calls": 24, "read_units": 60, "write_units": 3})),
        ("x-gantry-usage" = json!({"organization": 20, "events": 0, "answer_bytes": 5000})),
    ),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    directory: Directory,
    Searched(asked): Searched<Asked>,
) -> Result<Response, Problem> {
    api.groups_page(&directory, &asked).await
}

/// Puts a group into the directory. It gives no role until an owner or an admin says so.
#[utoipa::path(
    post, path = "/scim/v2/Groups", tag = "SCIM", operation_id = "scimCreateGroup",
    security(("scim_token" = [])),
    params(
        ("attributes" = Option<String>, Query, description = "Only these"),
        ("excludedAttributes" = Option<String>, Query, description = "All but these"),
    ),
    request_body(content = Value, content_type = "application/scim+json"),
    responses((status = 201, description = "It is in the directory", content_type = "application/scim+json", body = Value), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "scim_uniqueness", "scim_invalid_value", "scim_invalid_syntax", "access_restricted", "not_found", "unsupported_media_type"])),
        ("x-gantry-limits" = json!(["scim"])),
        ("x-gantry-budget" = json!({"calls": 7, "read_units": 8, "write_units": 40})),
        ("x-gantry-usage" = json!({"organization": 0.1, "events": 1, "answer_bytes": 500})),
    ),
)]
pub(crate) async fn create(
    State(api): State<Api>,
    directory: Directory,
    Searched(asked): Searched<Asked>,
    Body(body): Body,
) -> Result<Response, Problem> {
    let (shown, new) = (asked.shown(&GROUP)?, NewGroup::read(&body)?);
    directory.require_full()?;
    let ids: Vec<ScimUserId> = new.members.iter().copied().collect();
    api.require_users(&directory, &ids).await?;
    let (first, others) = ids.split_at(ids.len().min(BORN_WITH));
    let mut group = api.create_group(&directory, &new, first).await.map_err(answered)?;
    if !others.is_empty() {
        let place = (group.group_id, &Expected::Any);
        group = api.change_members(&directory, place, (None, others.to_vec(), Vec::new())).await?;
    }
    let members = api.members(&directory, &group, &shown).await?;
    Ok(api.group(StatusCode::CREATED, (&group, members.as_deref()), &shown))
}

/// A group of the directory. Of one that has more than 1,000 members they are shown where `attributes`
/// names them, and of one that has more than 10,000 never.
#[utoipa::path(
    get, path = "/scim/v2/Groups/{group_id}", tag = "SCIM", operation_id = "scimGetGroup",
    security(("scim_token" = [])),
    params(
        ("group_id" = ScimGroupId, Path, description = "The group"),
        ("attributes" = Option<String>, Query, description = "Only these"),
        ("excludedAttributes" = Option<String>, Query, description = "All but these"),
    ),
    responses((status = 200, description = "The group", content_type = "application/scim+json", body = Value), Problems),
    extensions(
        ("x-gantry-codes" = json!(["not_found"])),
        ("x-gantry-limits" = json!(["scim"])),
        ("x-gantry-budget" = json!({"calls": 4, "read_units": 10, "write_units": 3})),
        ("x-gantry-usage" = json!({"organization": 5, "events": 0, "answer_bytes": 2000})),
    ),
)]
pub(crate) async fn show(
    State(api): State<Api>,
    directory: Directory,
    PathParameter(id): PathParameter<ScimGroupId>,
    Searched(asked): Searched<Asked>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let shown = asked.shown(&GROUP)?;
    let group = group_with_id(&api.table, directory.tenant(), id).await?;
    let members = api.members(&directory, &group, &shown).await?;
    let resource = shown.of(group.resource(&api.base, group.version(), members.as_deref()));
    Ok(unless_known(&resource, group.version(), &headers))
}

/// Says anew what a group is called, and who is in it.
#[utoipa::path(
    put, path = "/scim/v2/Groups/{group_id}", tag = "SCIM", operation_id = "scimReplaceGroup",
    security(("scim_token" = [])),
    params(
        ("group_id" = ScimGroupId, Path, description = "The group"),
        ("attributes" = Option<String>, Query, description = "Only these"),
        ("excludedAttributes" = Option<String>, Query, description = "All but these"),
    ),
    request_body(content = Value, content_type = "application/scim+json"),
    responses((status = 200, description = "The group", content_type = "application/scim+json", body = Value), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "scim_uniqueness", "scim_invalid_value", "scim_invalid_syntax", "access_restricted", "not_found", "unsupported_media_type"])),
        ("x-gantry-limits" = json!(["scim"])),
        ("x-gantry-budget" = json!({"calls": 11, "read_units": 16, "write_units": 60})),
        ("x-gantry-usage" = json!({"organization": 0.2, "events": 2, "answer_bytes": 2000})),
    ),
)]
pub(crate) async fn replace(
    State(api): State<Api>,
    directory: Directory,
    PathParameter(id): PathParameter<ScimGroupId>,
    Searched(asked): Searched<Asked>,
    IfMatch(expected): IfMatch,
    Body(body): Body,
) -> Result<Response, Problem> {
    let (shown, new) = (asked.shown(&GROUP)?, NewGroup::read(&body)?);
    let patch = GroupPatch {
        called: Some((new.display_name, new.external_id)),
        only: true,
        add: new.members,
        remove: BTreeSet::new(),
    };
    let group = api.change_group(&directory, (id, &expected), patch).await?;
    let members = api.members(&directory, &group, &shown).await?;
    Ok(api.group(StatusCode::OK, (&group, members.as_deref()), &shown))
}

/// Changes what a group is called, and who is in it, also as Entra and Okta do it.
#[utoipa::path(
    patch, path = "/scim/v2/Groups/{group_id}", tag = "SCIM", operation_id = "scimPatchGroup",
    security(("scim_token" = [])),
    params(
        ("group_id" = ScimGroupId, Path, description = "The group"),
        ("attributes" = Option<String>, Query, description = "Only these"),
        ("excludedAttributes" = Option<String>, Query, description = "All but these"),
    ),
    request_body(content = Value, content_type = "application/scim+json"),
    responses((status = 200, description = "The group", content_type = "application/scim+json", body = Value), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "scim_uniqueness", "scim_invalid_value", "scim_invalid_syntax", "access_restricted", "not_found", "unsupported_media_type", "scim_invalid_path", "scim_no_target", "scim_mutability", "scim_invalid_filter"])),
        ("x-gantry-limits" = json!(["scim"])),
        ("x-gantry-budget" = json!({"calls": 9, "read_units": 16, "write_units": 60})),
        ("x-gantry-usage" = json!({"organization": 2, "events": 2, "answer_bytes": 2000})),
    ),
)]
pub(crate) async fn patch(
    State(api): State<Api>,
    directory: Directory,
    PathParameter(id): PathParameter<ScimGroupId>,
    Searched(asked): Searched<Asked>,
    IfMatch(expected): IfMatch,
    Body(body): Body,
) -> Result<Response, Problem> {
    let (shown, operations) = (asked.shown(&GROUP)?, read_operations(&body)?);
    let group = api.patch_group(&directory, (id, &expected), &operations).await?;
    let members = api.members(&directory, &group, &shown).await?;
    Ok(api.group(StatusCode::OK, (&group, members.as_deref()), &shown))
}

/// Takes a group out of the directory, and the role that it gave from its members.
#[utoipa::path(
    delete, path = "/scim/v2/Groups/{group_id}", tag = "SCIM", operation_id = "scimDeleteGroup",
    security(("scim_token" = [])),
    params(
        ("group_id" = ScimGroupId, Path, description = "The group"),
    ),
    responses((status = 204, description = "It is gone"), Problems),
    extensions(
        ("x-gantry-codes" = json!(["not_found", "conflict"])),
        ("x-gantry-limits" = json!(["scim"])),
        ("x-gantry-budget" = json!({"calls": 8, "read_units": 14, "write_units": 40})),
        ("x-gantry-usage" = json!({"organization": 0.05, "events": 3, "answer_bytes": 0})),
    ),
)]
pub(crate) async fn delete(
    State(api): State<Api>,
    directory: Directory,
    PathParameter(id): PathParameter<ScimGroupId>,
    IfMatch(expected): IfMatch,
) -> Result<StatusCode, Problem> {
    api.delete_group(&directory, (id, &expected)).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl Api {
    /// Who is in a group, where that is shown.
    pub(crate) async fn members(
        &self,
        directory: &Directory,
        group: &Group,
        shown: &Shown,
    ) -> Result<Option<Vec<ScimUserId>>, ScimError> {
        let most = if shown.asks_for("members") { MOST_MEMBERS_SHOWN * 10 } else { MOST_MEMBERS_SHOWN };
        if !shown.wants("members") || group.members == 0 || group.members > most {
            return Ok(None);
        }
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        Ok(Some(member_ids(&self.table, directory.tenant(), group.group_id, most).await?))
    }

    async fn create_group(
        &self,
        directory: &Directory,
        new: &NewGroup,
        members: &[ScimUserId],
    ) -> Result<Group, Refused> {
        let (tenant, cause, group_id) = (directory.tenant(), directory.cause(), self.table.ids().next());
        let decide = |_| async move {
            let now = self.table.clock().now();
            let mut group = Group::new(tenant, group_id, new, now);
            let users: Vec<User> = if members.is_empty() {
                Vec::new()
            } else {
                users_with_ids(&self.table, tenant, members).await?
            };
            group.members = u32::try_from(users.len()).unwrap_or(u32::MAX);
            let (claims, taken) = group.claims().in_place_of(None);
            let mut changes = Group::count(tenant).add(1).create(&group).and(claims);
            for mut user in users {
                user.groups.insert(group_id);
                changes = changes.create(&GroupMember::new(&group, user.scim_id)).replace(&user);
            }
            let event = ScimGroupCreated { scim_group: group.shown(group.next_version()) };
            let changes = changes.publish(group.event(&event));
            let full = ScimError::TooMany("the directory has as many groups as one may".to_owned());
            let decision = Decision::commit(changes, group.stored());
            let decision = decision.unless(Group::count(tenant).key(), Err(full.into()));
            Ok(taken.into_iter().fold(decision, |decision, taken| {
                let error = taken.error();
                decision.unless(&taken.key, Err(error.into()))
            }))
        };
        self.table.decide(&cause, decide).await
    }

    /// What a patch calls a group follows from what it was called: that it still is, is a condition.
    async fn patch_group(
        &self,
        directory: &Directory,
        (group_id, expected): (ScimGroupId, &Expected),
        operations: &[Operation],
    ) -> Result<Group, Problem> {
        let mut tries = PATCHED_AGAIN;
        loop {
            let before = group_with_id(&self.table, directory.tenant(), group_id).await?;
            expect(expected, before.version()).map_err(|error| answered(error.into()))?;
            let patch = GroupPatch::read(&before, operations)?;
            let seen = Expected::OneOf(vec![before.version()]);
            let expected = if patch.called.is_some() { &seen } else { expected };
            let patched = self.change_group(directory, (group_id, expected), patch).await;
            tries -= 1;
            match patched {
                Err(problem) if problem.code() == "version_mismatch" && tries > 0 => {}
                patched => return patched,
            }
        }
    }

    async fn change_group(
        &self,
        directory: &Directory,
        place: (ScimGroupId, &Expected),
        patch: GroupPatch,
    ) -> Result<Group, Problem> {
        let GroupPatch { called, only, add, remove } = patch;
        let (add, remove) = if only {
            let most = usize::MAX;
            let inside = member_ids(&self.table, directory.tenant(), place.0, most).await?;
            let inside: BTreeSet<_> = inside.into_iter().collect();
            (&add - &inside, &inside - &add)
        } else {
            (add, remove)
        };
        let moves = (called, add.into_iter().collect(), remove.into_iter().collect());
        self.change_members(directory, place, moves).await
    }

    /// All out, and then the group itself: so whoever gives up half-way leaves a group that is still there.
    async fn delete_group(
        &self,
        directory: &Directory,
        (group_id, expected): (ScimGroupId, &Expected),
    ) -> Result<(), Problem> {
        let tenant = directory.tenant();
        let group = group_with_id(&self.table, tenant, group_id).await?;
        let mut expected = expected;
        expect(expected, group.version()).map_err(|error| answered(error.into()))?;
        loop {
            let some = members_of(&self.table, tenant, group_id, (BORN_WITH, None))
                .await
                .map_err(ScimError::from)?;
            if !some.is_empty() {
                let moves = (None, Vec::new(), some);
                self.change_members(directory, (group_id, expected), moves).await?;
                expected = &Expected::Any;
            }
            if self.end_group(directory, (group_id, expected)).await.map_err(answered)? {
                return Ok(());
            }
        }
    }

    /// Says whether it is gone: one that has got a member meanwhile is not.
    async fn end_group(
        &self,
        directory: &Directory,
        (group_id, expected): (ScimGroupId, &Expected),
    ) -> Result<bool, Refused> {
        let (tenant, cause) = (directory.tenant(), directory.cause());
        let decide = |_| async move {
            let asked = [keys::Group::key(tenant, group_id), keys::Roles::key(tenant)];
            let mut found = self.table.get_many(&asked, Consistency::Strong).await?;
            let [of_group, of_roles] = asked;
            let group: Group = found.take(&of_group)?.ok_or(ScimError::NotFound)?;
            let mapping: Option<Mapping> = found.take(&of_roles)?;
            expect(expected, group.version())?;
            if group.members > 0 {
                return Ok(Decision::done(false));
            }
            let event = ScimGroupDeleted { scim_group: group.shown(group.version()) };
            let changes = Group::count(tenant).subtract(1).and(group.claims().released()).delete(&group);
            let changes = match mapping.filter(|mapping| mapping.has(group_id)) {
                Some(mapping) => changes.replace(&mapping.with(group_id, None)?),
                None => changes,
            };
            Ok(Decision::commit(changes.publish(group.event(&event)), true))
        };
        self.table.decide(&cause, decide).await
    }
}
