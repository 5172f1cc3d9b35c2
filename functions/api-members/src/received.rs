//! What whoever is invited does with the link of the mail.

use access::Role;
use http_api::{
    Answer, Caller, Client, Command, IntoResponse, Problem, Problems, Response, State, StatusCode, ToSchema,
};
use identity_core::{InviteProof, LinkKey};
use orgs::{OrgError, api::Membership};
use primitives::{InviteLinkId, Keys, OrgId, Text, Time};
use serde::{Deserialize, Serialize};

use crate::{Api, refused};

/// The link of the mail.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct InviteToken {
    /// The `token` of the link.
    #[schema(inline)]
    token: Text<1, 200>,
}

/// What an invite is about.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InvitePreview {
    /// The organization.
    org_name: String,
    /// What whoever accepts becomes.
    role: Role,
    /// Who invites, as that person is called; null where the person has no name.
    invited_by: Option<String>,
    /// The address that it was sent to, all but hidden: sign in with it. Null for a link by which several
    /// come in.
    email_hint: Option<String>,
    /// When the link stops working.
    expires_at: Time,
}

/// What a link is for.
enum Opened {
    /// One person, whom it was sent to.
    Invite(InviteProof),
    /// Several.
    Link(OrgId, InviteLinkId),
}

/// What the link is for. `queue-mail` may have made it with a key that this instance has not seen yet.
async fn open(api: &Api, input: &InviteToken) -> Result<Opened, Problem> {
    let token = input.token.as_str();
    let opened = |links: &Keys<LinkKey>| {
        let of = |key: &LinkKey| {
            let link = key.open_invite_link_token(token).map(|(org, link)| Opened::Link(org, link));
            key.open_invite_token(token).map(Opened::Invite).or(link)
        };
        links.iter().find_map(of)
    };
    let links = api.links.get().await?;
    if let Some(link) = opened(&links) {
        return Ok(link);
    }
    let newer = api.links.newer(&links).await?;
    Ok(newer.and_then(|links| opened(&links)).ok_or(OrgError::InviteClosed)?)
}

/// Says what an invite is about, to whoever has its link, before signing in.
#[utoipa::path(
    post, path = "/v1/invites/preview", tag = "Members", operation_id = "previewInvite",
    request_body = InviteToken,
    responses((status = 200, description = "What it is about", body = InvitePreview), Problems),
    extensions(
        ("x-gantry-codes" = json!(["invite_closed"])),
        ("x-gantry-budget" = json!({"calls": 3, "read_units": 3, "write_units": 0})),
        ("x-gantry-usage" = json!({"organization": 1, "events": 0, "answer_bytes": 300})),
    ),
)]
pub(crate) async fn preview(
    State(api): State<Api>,
    command: Command<InviteToken>,
) -> Result<Response, Problem> {
    let shown = match open(&api, &command.input).await? {
        Opened::Invite(link) => {
            let orgs::Preview { invite, org, inviter } = orgs::preview(&api.table, &link).await?;
            InvitePreview {
                org_name: org.name,
                role: invite.role,
                invited_by: inviter,
                email_hint: Some(hint(invite.email.as_str())),
                expires_at: invite.valid_until(),
            }
        }
        Opened::Link(org, link) => {
            let (org, link) = orgs::preview_link(&api.table, org, link).await?;
            InvitePreview {
                org_name: org.name,
                role: link.role,
                invited_by: None,
                email_hint: None,
                expires_at: link.expires_at,
            }
        }
    };
    Ok(Answer::ok(&shown).into_response())
}

/// The first letter and the domain.
fn hint(email: &str) -> String {
    let (name, domain) = email.rsplit_once('@').unwrap_or((email, ""));
    format!("{}…@{domain}", name.chars().take(1).collect::<String>())
}

/// Makes a member of the signed-in person, whom the invite was sent to: once for each invite. By a link for
/// several that is anybody of its domains, as long as a seat is left; a member already stays one. The session
/// stays where it is; switch to the organization with `POST /v1/auth/switch-org`, which asks for a second
/// factor where the organization does.
#[utoipa::path(
    post, path = "/v1/invites/accept", tag = "Members", operation_id = "acceptInvite",
    security(("access_token" = [])), request_body = InviteToken,
    responses((status = 200, description = "A member", body = Membership), Problems),
    extensions(
        ("x-gantry-codes" = json!([
            "access_restricted", "already_member", "confirmation_pending", "conflict", "domain_not_allowed",
            "invite_closed", "organization_suspended", "seat_limit_reached", "too_many_memberships", "too_many_owners", "wrong_account",
        ])),
        ("x-gantry-budget" = json!({"calls": 6, "read_units": 16, "write_units": 40})),
        ("x-gantry-usage" = json!({"organization": 0.8, "events": 2, "answer_bytes": 400})),
    ),
)]
pub(crate) async fn accept(
    State(api): State<Api>,
    caller: Caller,
    command: Command<InviteToken>,
) -> Result<Response, Problem> {
    let (table, cause, principal) = (&api.table, caller.cause(), &caller.principal);
    let joined = match open(&api, &command.input).await? {
        Opened::Invite(link) => orgs::accept(table, &cause, principal, &link).await,
        Opened::Link(org, link) => orgs::accept_link(table, &cause, principal, (org, link)).await,
    };
    let joined = joined.map_err(|error| refused(caller.asker(), error))?;
    Ok(Answer::ok(&Membership::from(joined)).into_response())
}

/// Refuses an invite, without signing in: whoever has the link reads the mail. Refused already: 204 again.
#[utoipa::path(
    post, path = "/v1/invites/decline", tag = "Members", operation_id = "declineInvite",
    request_body = InviteToken,
    responses((status = 204, description = "Nobody comes in by it"), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "invite_closed"])),
        ("x-gantry-budget" = json!({"calls": 3, "read_units": 1, "write_units": 14})),
        ("x-gantry-usage" = json!({"organization": 0.1, "events": 1, "answer_bytes": 250})),
    ),
)]
pub(crate) async fn decline(
    State(api): State<Api>,
    client: Client,
    command: Command<InviteToken>,
) -> Result<StatusCode, Problem> {
    let Opened::Invite(link) = open(&api, &command.input).await? else {
        return Err(OrgError::InviteClosed.into());
    };
    orgs::decline(&api.table, &client.cause(), &link).await?;
    Ok(StatusCode::NO_CONTENT)
}
