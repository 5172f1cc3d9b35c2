use access::{Access, Actor, Permission, Role};
use http_api::{Answer, Caller, IntoResponse, Problem, Problems, Response, State, ToSchema};
use primitives::{Email, MemberId, OrgId, SessionId, Time, UserId};
use serde::Serialize;

use crate::Api;

/// The signed-in person.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Me {
    /// The person.
    id: UserId,
    /// The verified address.
    email: Email,
    /// The session that asks.
    session: MySession,
    /// The person's place in the organization that the session is in; null in none.
    membership: Option<MyMembership>,
    /// The organizations that the person belongs to: at most 50.
    organizations: Vec<Membership>,
}

/// The session that asks.
#[derive(Debug, Serialize, ToSchema)]
struct MySession {
    /// The session.
    id: SessionId,
    /// The organization that it is in; null in none.
    org_id: Option<OrgId>,
    /// When the person signed in.
    auth_time: Time,
}

/// What the person is in the organization that the session is in, and what both may do now.
#[derive(Debug, Serialize, ToSchema)]
struct MyMembership {
    /// The membership.
    id: MemberId,
    /// The organization.
    org_id: OrgId,
    /// What the person is. Treat a word that you do not know as the least.
    role: Role,
    /// What the person may do: `members:read`.
    permissions: Vec<&'static str>,
    /// How much the organization may use.
    access: Access,
}

impl MyMembership {
    fn of(actor: Actor) -> Self {
        let held = Permission::ALL.iter().filter(|permission| actor.role.holds(**permission));
        Self {
            id: actor.member_id,
            org_id: actor.org_id,
            role: actor.role,
            permissions: held.map(|permission| permission.name()).collect(),
            access: Access::new(actor.level, actor.level_until),
        }
    }
}

/// One organization of the person's.
#[derive(Debug, Serialize, ToSchema)]
struct Membership {
    /// The membership.
    id: MemberId,
    /// The organization.
    org_id: OrgId,
    /// Its name.
    name: String,
    /// Its name in URLs.
    slug: String,
    /// What the person is there. Treat a word that you do not know as the least.
    role: Role,
}

impl Membership {
    fn shown(membership: identity::Membership) -> Self {
        let identity::Membership { org_id, member_id: id, role, org_name: name, org_slug: slug, .. } =
            membership;
        Self { id, org_id, name, slug, role }
    }
}

/// Who is signed in, where they belong, and what they may do there.
#[utoipa::path(
    get, path = "/v1/me", tag = "Account", operation_id = "getMe",
    security(("access_token" = [])),
    responses((status = 200, description = "The person", body = Me), Problems),
    extensions(
        ("x-gantry-budget" = json!({"calls": 2, "read_units": 2, "write_units": 0})),
        ("x-gantry-usage" = json!({"person": 80, "events": 0, "answer_bytes": 900})),
    ),
)]
pub(crate) async fn show(State(api): State<Api>, caller: Caller) -> Result<Response, Problem> {
    let principal = caller.principal;
    let memberships = identity::memberships(&api.table, principal.user_id).await?;
    let session = MySession {
        id: principal.session_id,
        org_id: principal.actor.map(|actor| actor.org_id),
        auth_time: principal.signed_in_at.into(),
    };
    let me = Me {
        id: principal.user_id,
        email: principal.email,
        session,
        membership: principal.actor.map(MyMembership::of),
        organizations: memberships.into_iter().map(Membership::shown).collect(),
    };
    Ok(Answer::ok(&me).into_response())
}
