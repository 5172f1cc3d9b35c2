use futures::future::try_join_all;
use http_api::{Problem, Problems, Response, State};
use scim::{GROUP, Group, Listing, Paging, ScimError, Start, USER, User, list_groups, list_users};
use serde_json::{Map, Value};
use table::Item;

use crate::{
    Api,
    answers::page,
    caller::{Body, Directory},
    query::Asked,
};

/// How many groups a page has that shows their members: those are read group by group.
const WITH_MEMBERS: usize = 20;

/// Users and groups together, the users first (RFC 7644, section 3.4.3).
#[utoipa::path(
    post, path = "/scim/v2/.search", tag = "SCIM", operation_id = "scimSearch",
    security(("scim_token" = [])), request_body(content = Value, content_type = "application/scim+json"),
    responses((status = 200, description = "A page", content_type = "application/scim+json", body = Value), Problems),
    extensions(
        ("x-gantry-codes" = json!(["scim_invalid_filter", "scim_too_many", "scim_invalid_value", "invalid_cursor"])),
        ("x-gantry-limits" = json!(["scim"])),
        ("x-gantry-budget" = json!({"calls": 30, "read_units": 70, "write_units": 4})),
        ("x-gantry-usage" = json!({"organization": 0, "events": 0, "answer_bytes": 5000})),
    ),
)]
pub(crate) async fn all(
    State(api): State<Api>,
    directory: Directory,
    Body(body): Body,
) -> Result<Response, Problem> {
    let asked = Asked::read(&body);
    let paging = asked.paging()?;
    let Start::Index(index) = paging.start else {
        return Err(ScimError::Value("a search of everything has no cursors".to_owned()).into());
    };
    let (users, mut resources) = api.find_users(&directory, &asked, &paging).await?;
    // what is left of the page begins behind the users
    let left = paging.count - resources.len();
    let index = index.saturating_sub(users.total).max(1);
    let rest = Paging { start: Start::Index(index), count: left };
    let (groups, more) = api.find_groups(&directory, &asked, &rest).await?;
    resources.extend(more);
    let found: Listing<()> =
        Listing { items: Vec::new(), total: users.total + groups.total, next_cursor: None };
    Ok(page(&found, &paging, &resources))
}

/// Users, as a list of them that is asked for in the body.
#[utoipa::path(
    post, path = "/scim/v2/Users/.search", tag = "SCIM", operation_id = "scimSearchUsers",
    security(("scim_token" = [])), request_body(content = Value, content_type = "application/scim+json"),
    responses((status = 200, description = "A page", content_type = "application/scim+json", body = Value), Problems),
    extensions(
        ("x-gantry-codes" = json!(["scim_invalid_filter", "scim_too_many", "scim_invalid_value", "invalid_cursor"])),
        ("x-gantry-limits" = json!(["scim"])),
        ("x-gantry-budget" = json!({"calls": 6, "read_units": 70, "write_units": 4})),
        ("x-gantry-usage" = json!({"organization": 0, "events": 0, "answer_bytes": 5000})),
    ),
)]
pub(crate) async fn users(
    State(api): State<Api>,
    directory: Directory,
    Body(body): Body,
) -> Result<Response, Problem> {
    api.users_page(&directory, &Asked::read(&body)).await
}

/// Groups, as a list of them that is asked for in the body.
#[utoipa::path(
    post, path = "/scim/v2/Groups/.search", tag = "SCIM", operation_id = "scimSearchGroups",
    security(("scim_token" = [])), request_body(content = Value, content_type = "application/scim+json"),
    responses((status = 200, description = "A page", content_type = "application/scim+json", body = Value), Problems),
    extensions(
        ("x-gantry-codes" = json!(["scim_invalid_filter", "scim_too_many", "scim_invalid_value", "invalid_cursor"])),
        ("x-gantry-limits" = json!(["scim"])),
        ("x-gantry-budget" = json!({"calls": 24, "read_units": 70, "write_units": 4})),
        ("x-gantry-usage" = json!({"organization": 0, "events": 0, "answer_bytes": 5000})),
    ),
)]
pub(crate) async fn groups(
    State(api): State<Api>,
    directory: Directory,
    Body(body): Body,
) -> Result<Response, Problem> {
    api.groups_page(&directory, &Asked::read(&body)).await
}

type Found<T> = (Listing<T>, Vec<Map<String, Value>>);

impl Api {
    pub(crate) async fn users_page(&self, directory: &Directory, asked: &Asked) -> Result<Response, Problem> {
        let paging = asked.paging()?;
        let (found, resources) = self.find_users(directory, asked, &paging).await?;
        Ok(page(&found, &paging, &resources))
    }

    async fn find_users(
        &self,
        directory: &Directory,
        asked: &Asked,
        paging: &Paging,
    ) -> Result<Found<User>, Problem> {
        let (shown, filter) = (asked.shown(&USER)?, asked.filter()?);
        let (table, cursors) = (&self.table, &*self.cursors);
        let found = list_users(table, cursors, &directory.presented, filter.as_ref(), paging).await?;
        let resource = |user: &User| shown.of(user.resource(&self.base, user.version()));
        let resources = found.items.iter().map(resource).collect();
        Ok((found, resources))
    }

    pub(crate) async fn groups_page(
        &self,
        directory: &Directory,
        asked: &Asked,
    ) -> Result<Response, Problem> {
        let mut paging = asked.paging()?;
        if asked.shown(&GROUP)?.wants("members") {
            paging.count = paging.count.min(WITH_MEMBERS);
        }
        let (found, resources) = self.find_groups(directory, asked, &paging).await?;
        Ok(page(&found, &paging, &resources))
    }

    async fn find_groups(
        &self,
        directory: &Directory,
        asked: &Asked,
        paging: &Paging,
    ) -> Result<Found<Group>, Problem> {
        let (shown, filter) = (asked.shown(&GROUP)?, asked.filter()?);
        let count = if shown.wants("members") { paging.count.min(WITH_MEMBERS) } else { paging.count };
        let paging = &Paging { start: paging.start.clone(), count };
        let (table, cursors) = (&self.table, &*self.cursors);
        let found = list_groups(table, cursors, &directory.presented, filter.as_ref(), paging).await?;
        let resource = |group: &Group| {
            let (group, shown) = (group.clone(), &shown);
            async move {
                let members = self.members(directory, &group, shown).await?;
                let resource = group.resource(&self.base, group.version(), members.as_deref());
                Ok::<_, ScimError>(shown.of(resource))
            }
        };
        let resources = try_join_all(found.items.iter().map(resource)).await?;
        Ok((found, resources))
    }
}
