use access::Role;
use http_api::{Answer, Caller, IntoResponse, Problem, Problems, Response, State, ToSchema};
use serde::Serialize;

use crate::Api;

/// The signed-in person.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Me {
    /// The person.
    #[schema(example = "usr_01kar8h5g0e0vsx4q1v3f6m2ah")]
    user_id: String,
    /// The verified address.
    email: String,
    /// The session that asks.
    session_id: String,
    /// The organization that the session is in.
    org_id: Option<String>,
    /// The organizations that the person belongs to.
    organizations: Vec<MyOrganization>,
}

/// One organization of the person's.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MyOrganization {
    /// The organization.
    org_id: String,
    /// Its name.
    name: String,
    /// Its name in URLs.
    slug: String,
    /// The person's membership.
    member_id: String,
    /// What the person may do there.
    role: Role,
}

/// Who is signed in, and where they belong.
#[utoipa::path(
    get, path = "/v1/me", tag = "Sessions", operation_id = "getMe",
    security(("access_token" = [])),
    responses((status = 200, description = "The person", body = Me), Problems),
)]
pub(crate) async fn show(State(api): State<Api>, caller: Caller) -> Result<Response, Problem> {
    let memberships = identity::memberships(&api.table, caller.principal.user_id).await?;
    let organizations = memberships.into_iter().map(|membership| MyOrganization {
        org_id: membership.org_id.to_string(),
        name: membership.org_name,
        slug: membership.org_slug,
        member_id: membership.member_id.to_string(),
        role: membership.role,
    });
    Ok(Answer::ok(&Me {
        user_id: caller.principal.user_id.to_string(),
        email: caller.principal.email.to_string(),
        session_id: caller.principal.session_id.to_string(),
        org_id: caller.principal.actor.map(|actor| actor.org_id.to_string()),
        organizations: organizations.collect(),
    })
    .into_response())
}
