use access::{Permission, Reading, needs};
use http_api::{Answer, Form, IntoResponse, MemberOrKey, Problem, Problems, Response, State, ToSchema};
use identity::{Act, Live};
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
    /// What the member may do, as the role is now: permissions with blanks between them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "org:read members:read")]
    scope: Option<String>,
    /// The client that it was made for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    client_id: Option<String>,
    /// Always `Bearer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    token_type: Option<&'static str>,
    /// When it stops working, epoch seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    exp: Option<i64>,
    /// When it was made, epoch seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    iat: Option<i64>,
    /// The person.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    sub: Option<UserId>,
    /// Who it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    aud: Option<String>,
    /// Who made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    iss: Option<String>,
    /// Names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    jti: Option<String>,
    /// The session.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    sid: Option<SessionId>,
    /// The organization that the session is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    org: Option<OrgId>,
    /// The person's membership there.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    mbr: Option<MemberId>,
    /// When the person last showed who they are, epoch seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    auth_time: Option<i64>,
    /// How certain that makes it: `aal1`, or `aal2` with more than one factor.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    acr: Option<String>,
    /// What was shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    amr: Option<Vec<String>>,
    /// Who really acts, where it is somebody of our staff in the person's name (RFC 8693, section 4.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object)]
    act: Option<ActingParty>,
}

/// Who acts in the name of a token's person.
#[derive(Debug, Serialize, ToSchema)]
struct ActingParty {
    /// Who.
    sub: UserId,
}

impl TokenIntrospection {
    /// Of a token that is good in this organization.
    fn within(org_id: OrgId, live: Live) -> Option<Self> {
        let actor = live.principal.in_org().ok().filter(|actor| actor.org_id == org_id)?;
        let held = Permission::ALL.iter().filter(|permission| actor.role.holds(**permission));
        let held: Vec<_> = held.map(|permission| permission.name()).collect();
        let claims = live.claims;
        Some(Self {
            active: true,
            scope: Some(held.join(" ")),
            client_id: Some(claims.client_id),
            token_type: Some("Bearer"),
            exp: Some(claims.exp),
            iat: Some(claims.iat),
            sub: Some(claims.sub),
            aud: Some(claims.aud),
            iss: Some(claims.iss),
            jti: Some(claims.jti),
            sid: Some(claims.sid),
            org: Some(actor.org_id),
            mbr: Some(actor.member_id),
            auth_time: Some(claims.auth_time),
            acr: Some(claims.acr),
            amr: Some(claims.amr),
            act: claims.act.map(|Act { sub }| ActingParty { sub }),
        })
    }
}

/// Says whether an access token is good at this moment, and what its person may do (RFC 7662). Whoever asks
/// hears of the tokens of members of their own organization that are in it; any other text is not active.
#[utoipa::path(
    post, path = "/v1/auth/introspect", tag = "Sessions", operation_id = "introspectToken",
    security(("access_token" = []), ("api_key" = [])),
    request_body(content = IntrospectToken, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "What there is to say", body = TokenIntrospection), Problems),
    extensions(
        ("x-gantry-budget" = json!({"calls": 2, "read_units": 6, "write_units": 0})),
        ("x-gantry-usage" = json!({"organization": 1, "events": 0, "answer_bytes": 800})),
    ),
)]
pub(crate) async fn introspect(
    State(api): State<Api>,
    member: MemberOrKey<needs::ReadTokens, Reading>,
    Form(input): Form<IntrospectToken>,
) -> Result<Response, Problem> {
    let live = api.authority.live(input.token.as_str()).await?;
    let said = live.and_then(|live| TokenIntrospection::within(member.permit.org_id, live));
    Ok(Answer::ok(&said.unwrap_or_default()).into_response())
}
