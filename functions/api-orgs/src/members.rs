use access::{Reading, Role, needs::ReadMembers};
use http_api::{Answer, IntoResponse, Member, Parameters, Problem, Problems, Response, State, ToSchema};
use primitives::{Limit, Page};
use serde::{Deserialize, Serialize};

use crate::Api;

/// Which page of the members.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    #[serde(default)]
    limit: Limit,
    cursor: Option<String>,
}

/// A member of the organization.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OrganizationMember {
    /// The membership.
    #[schema(example = "mbr_01kar8h5g0e0vsx4q1v3f6m2ah")]
    id: String,
    /// The person.
    #[schema(example = "usr_01kar8h5g0e0vsx4q1v3f6m2ah")]
    user_id: String,
    /// The person's address.
    email: String,
    /// What the person may do.
    role: Role,
    /// Since when, RFC 3339.
    #[schema(format = DateTime)]
    joined_at: String,
}

impl From<orgs::Member> for OrganizationMember {
    fn from(member: orgs::Member) -> Self {
        Self {
            id: member.member_id.to_string(),
            user_id: member.user_id.to_string(),
            email: member.email.to_string(),
            role: member.role,
            joined_at: member.joined_at.to_string(),
        }
    }
}

/// The members of the organization, oldest first, a page at a time.
#[utoipa::path(
    get, path = "/v1/orgs/current/members", tag = "Organizations", operation_id = "listMembers",
    security(("access_token" = [])),
    params(
        ("limit" = Option<u32>, Query, description = "How many, 1 to 100; 25 where nothing is said", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, description = "A page of members", body = Page<OrganizationMember>), Problems),
    extensions(("x-gantry-codes" = json!(["access_restricted", "no_organization"]))),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    member: Member<ReadMembers, Reading>,
    Parameters(which): Parameters<Which>,
) -> Result<Response, Problem> {
    let (table, reader, limit, cursor) = (&api.table, &member.permit, which.limit, which.cursor.as_deref());
    let page = orgs::members(table, &*api.cursors, reader, limit, cursor).await;
    Ok(Answer::ok(&page?.map(OrganizationMember::from)).into_response())
}
