use access::{
    Always, Full, Reading,
    needs::{ReadInvites, WriteInvites},
};
use http_api::{
    Answer, Caller, Command, IntoResponse, Member, PathParameter, Problem, Problems, Response, State,
    StatusCode, ToSchema,
};
use orgs::{
    NewLink,
    api::{InviteLink, InviteLinkRole},
};
use primitives::{EmailDomain, InviteLinkId, Page, Time, json};
use serde::{Deserialize, Serialize};

use crate::{Api, refused};

/// The links by which several people come in, oldest first: those that were not taken back, at most 10, of
/// which the used up and the expired ones go when room is needed.
#[utoipa::path(
    get, path = "/v1/orgs/current/invite-links", tag = "Members", operation_id = "listInviteLinks",
    security(("access_token" = [])),
    responses((status = 200, description = "All of them", body = Page<InviteLink>), Problems),
    extensions(
        ("x-gantry-codes" = json!(["access_restricted", "no_organization"])),
        ("x-gantry-budget" = json!({"calls": 2, "read_units": 2, "write_units": 0})),
        ("x-gantry-usage" = json!({"organization": 0.5, "events": 0, "answer_bytes": 600})),
    ),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    reader: Member<ReadInvites, Reading>,
) -> Result<Response, Problem> {
    let (links, now) = (orgs::links(&api.table, &reader.permit).await?, api.table.clock().now());
    let items = links.iter().map(|link| link.resource(now)).collect();
    Ok(Answer::ok(&Page { items, next_cursor: None }).into_response())
}

/// What a link is to be like.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateInviteLink {
    /// What people become by it.
    role: InviteLinkRole,
    /// How many may come in by it: 1 to 1000.
    #[schema(minimum = 1, maximum = 1000)]
    #[serde(deserialize_with = "json::whole")]
    max_uses: u32,
    /// When it stops working: at most 90 days from now.
    expires_at: Time,
    /// Of which domains their addresses are: 1 to 5. Null is any that the organization admits.
    #[schema(min_items = 1, max_items = 5)]
    allowed_domains: Option<Vec<EmailDomain>>,
}

/// A link that was just made, with what leads there. That is shown once.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InviteLinkCreated {
    /// The link.
    invite_link: InviteLink,
    /// Where to send people: a page of the frontend. What stands behind the `#` is the `token`.
    url: String,
}

/// Makes a link by which several people come in, each of whom takes a seat then.
#[utoipa::path(
    post, path = "/v1/orgs/current/invite-links", tag = "Members", operation_id = "createInviteLink",
    security(("access_token" = [])), request_body = CreateInviteLink,
    responses((status = 201, description = "Made", body = InviteLinkCreated, headers(("Location"))), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "too_many_invite_links"])),
        ("x-gantry-budget" = json!({"calls": 3, "read_units": 5, "write_units": 14})),
        ("x-gantry-usage" = json!({"organization": 0.1, "events": 1, "answer_bytes": 600})),
    ),
)]
pub(crate) async fn create(
    State(api): State<Api>,
    member: Member<WriteInvites, Full>,
    caller: Caller,
    command: Command<CreateInviteLink>,
) -> Result<Response, Problem> {
    let CreateInviteLink { role, max_uses, expires_at, allowed_domains } = command.input;
    let new = NewLink { role, max_uses, expires_at: expires_at.timestamp(), allowed_domains };
    let created = orgs::create_link(&api.table, &member.cause(), &member.permit, new).await;
    let created = created.map_err(|error| refused(caller.asker(), error))?;
    let token = api.links.get().await?.current.invite_link_token(member.permit.org_id, created.link_id);
    let made = InviteLinkCreated {
        invite_link: created.resource(api.table.clock().now()),
        url: format!("{}/invites#token={token}", api.app_url),
    };
    let at = "/v1/orgs/current/invite-links".to_owned();
    Ok(Answer::new(StatusCode::CREATED, &made).at(at).into_response())
}

/// Takes a link back: nobody comes in by it any more. Who came in stays.
#[utoipa::path(
    delete, path = "/v1/orgs/current/invite-links/{link_id}", tag = "Members",
    operation_id = "revokeInviteLink", security(("access_token" = [])),
    params(("link_id" = InviteLinkId, Path, description = "The link")),
    responses((status = 204, description = "Nobody comes in by it"), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "not_found"])),
        ("x-gantry-budget" = json!({"calls": 3, "read_units": 5, "write_units": 14})),
        ("x-gantry-usage" = json!({"organization": 0.05, "events": 1, "answer_bytes": 250})),
    ),
)]
pub(crate) async fn revoke(
    State(api): State<Api>,
    member: Member<WriteInvites, Always>,
    PathParameter(id): PathParameter<InviteLinkId>,
) -> Result<StatusCode, Problem> {
    orgs::revoke_link(&api.table, &member.cause(), &member.permit, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
