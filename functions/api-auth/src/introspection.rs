use access::{Permission, Reading, needs};
use http_api::{Answer, Form, IntoResponse, Member, Problem, Problems, Response, State, ToSchema};
use identity::Live;
use primitives::{MemberId, OrgId, SessionId, Text, UserId};
use serde::{Deserialize, Serialize};

use crate::Api;

/// What to look at.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct IntrospectToken {
    /// The token.
    #[schema(inline)]
    token: Text<1, 4000>,
    /// What it may be; it is passed over.
    #[schema(inline)]
    #[expect(dead_code, reason = "RFC 7662 lets clients send it, and servers pass over it")]
    token_type_hint: Option<Text<0, 100>>,
}

/// What there is to say of a token (RFC 7662). Of one that is not good nothing else is said.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct TokenIntrospection {
    /// Whether it is good now.
    active: bool,
    #[serde(flatten)]
    token: Option<ActiveToken>,
}

/// What a good token says, and what its person may do at this moment.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ActiveToken {
    /// What the member may do, as the role is now: permissions with blanks between them.
    #[schema(example = "org:read members:read")]
    scope: String,
    /// The client that it was made for.
    client_id: String,
    /// Always `Bearer`.
    token_type: &'static str,
    /// When it stops working, epoch seconds.
    exp: i64,
    /// When it was made, epoch seconds.
    iat: i64,
    /// The person.
    sub: UserId,
    /// Who it is for.
    aud: String,
    /// Who made it.
    iss: String,
    /// Names it.
    jti: String,
    /// The session.
    sid: SessionId,
    /// The organization that the session is in.
    org: OrgId,
    /// The person's membership there.
    mbr: MemberId,
    /// When the person last showed who they are, epoch seconds.
    auth_time: i64,
    /// How certain that makes it: `aal1`, or `aal2` with more than one factor.
    acr: String,
    /// What was shown.
    amr: Vec<String>,
}

impl ActiveToken {
    /// Of a token that is good in this organization.
    fn within(org_id: OrgId, live: Live) -> Option<Self> {
        let actor = live.principal.in_org().ok().filter(|actor| actor.org_id == org_id)?;
        let held = Permission::ALL.iter().filter(|permission| actor.role.holds(**permission));
        let held: Vec<_> = held.map(|permission| permission.name()).collect();
        let claims = live.claims;
        Some(Self {
            scope: held.join(" "),
            client_id: claims.client_id,
            token_type: "Bearer",
            exp: claims.exp,
            iat: claims.iat,
            sub: claims.sub,
            aud: claims.aud,
            iss: claims.iss,
            jti: claims.jti,
            sid: claims.sid,
            org: actor.org_id,
            mbr: actor.member_id,
            auth_time: claims.auth_time,
            acr: claims.acr,
            amr: claims.amr,
        })
    }
}

/// Says whether an access token is good at this moment, and what its person may do (RFC 7662). Whoever asks
/// hears of the tokens of members of their own organization that are in it; any other text is not active.
#[utoipa::path(
    post, path = "/v1/auth/introspect", tag = "Sessions", operation_id = "introspectToken",
    security(("access_token" = [])),
    request_body(content = IntrospectToken, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "What there is to say", body = TokenIntrospection), Problems),
    extensions(
        ("x-gantry-budget" = json!({"calls": 2, "read_units": 6, "write_units": 0})),
        ("x-gantry-usage" = json!({"organization": 1, "events": 0, "answer_bytes": 800})),
    ),
)]
pub(crate) async fn introspect(
    State(api): State<Api>,
    member: Member<needs::ReadTokens, Reading>,
    Form(input): Form<IntrospectToken>,
) -> Result<Response, Problem> {
    let live = api.authority.live(input.token.as_str()).await?;
    let token = live.and_then(|live| ActiveToken::within(member.permit.org_id, live));
    Ok(Answer::ok(&TokenIntrospection { active: token.is_some(), token }).into_response())
}
