use access::{Reading, Role, needs::ReadMembers};
use http_api::{Answer, IntoResponse, Paged, Problem, Problems, Response, State, ToSchema};
use primitives::{Email, MemberId, Page, Time, UserId};
use serde::Serialize;
use table::Item;

use crate::Api;

/// A member of the organization.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Member {
    /// The membership.
    id: MemberId,
    /// The person.
    user_id: UserId,
    /// The person's address.
    email: Email,
    /// What the person may do. Treat a word that you do not know as the least.
    role: Role,
    /// Since when.
    joined_at: Time,
    /// How often it has changed: its `ETag`.
    version: u64,
}

impl Member {
    fn shown(member: orgs::Member) -> Self {
        Self {
            id: member.member_id,
            user_id: member.user_id,
            version: member.version(),
            email: member.email,
            role: member.role,
            joined_at: member.joined_at.into(),
        }
    }
}

/// The members of the organization, oldest first, a page at a time.
#[utoipa::path(
    get, path = "/v1/orgs/current/members", tag = "Organizations", operation_id = "listMembers",
    security(("access_token" = [])),
    params(Paged),
    responses((status = 200, description = "A page of members", body = Page<Member>), Problems),
    extensions(("x-gantry-codes" = json!(["access_restricted", "no_organization"]))),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    reader: http_api::Member<ReadMembers, Reading>,
    Paged { limit, cursor }: Paged,
) -> Result<Response, Problem> {
    let page = orgs::members(&api.table, &*api.cursors, &reader.permit, limit, cursor.as_deref()).await?;
    Ok(Answer::ok(&page.map(Member::shown)).into_response())
}
