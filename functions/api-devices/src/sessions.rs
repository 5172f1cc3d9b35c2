use http_api::{
    Answer, Caller, Command, Departing, IntoResponse, Paged, PathParameter, Problem, Problems, Response,
    State, StatusCode, ToSchema,
};
use identity::{Method, Policy, Scope};
use primitives::{OrgId, Page, SessionId, Time};
use serde::{Deserialize, Serialize};

use crate::Api;

/// How somebody signed in.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SignInMethod {
    /// By the link or the code of a mail.
    MagicLink,
    /// By a password.
    Password,
    /// By a passkey.
    Passkey,
    /// By a code on the screen of another device.
    DeviceLink,
    /// With an account at an identity provider.
    ConnectedAccount,
    /// By the identity provider of an organization.
    Sso,
}

impl From<Method> for SignInMethod {
    fn from(method: Method) -> Self {
        match method {
            Method::MagicLink => Self::MagicLink,
            Method::Password => Self::Password,
            Method::Passkey => Self::Passkey,
            Method::DeviceLink => Self::DeviceLink,
            Method::ConnectedAccount => Self::ConnectedAccount,
            Method::Sso => Self::Sso,
        }
    }
}

/// One of the person's sessions.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Session {
    /// The session.
    id: SessionId,
    /// Whether it is the one that asks.
    current: bool,
    /// What the person signed in on: the program and the system that it named.
    #[schema(example = "Firefox on Linux")]
    device: String,
    /// The country that the person signed in from: two letters of ISO 3166. Null where no CDN says so.
    #[schema(example = "AT")]
    country: Option<String>,
    /// How the person signed in. A word that you do not know is another way.
    method: SignInMethod,
    /// When the person signed in.
    started_at: Time,
    /// When it was used last, to a quarter of an hour.
    last_seen_at: Time,
    /// When it ends if nobody uses it any more.
    expires_at: Time,
    /// The organization that it is in; null in none.
    org_id: Option<OrgId>,
}

impl Session {
    fn shown(session: identity::Session, current: SessionId, policy: &Policy) -> Self {
        Self {
            id: session.session_id,
            current: session.session_id == current,
            started_at: session.created_at.into(),
            last_seen_at: session.last_seen_at().into(),
            expires_at: session.expires_at(policy).into(),
            method: Method::of(&session.shown).into(),
            device: session.device.name,
            country: session.device.country,
            org_id: session.org_id,
        }
    }
}

/// The person's sessions that have not ended, the newest first. There are 25 at most: one more, and the
/// oldest ends.
#[utoipa::path(
    get, path = "/v1/me/sessions", tag = "Account", operation_id = "listSessions",
    security(("access_token" = [])),
    params(Paged),
    responses((status = 200, description = "A page of sessions", body = Page<Session>), Problems),
    extensions(
        ("x-gantry-budget" = json!({"calls": 2, "read_units": 2, "write_units": 0})),
        ("x-gantry-usage" = json!({"person": 0.5, "events": 0, "answer_bytes": 900})),
    ),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    caller: Caller,
    Paged { limit, cursor }: Paged,
) -> Result<Response, Problem> {
    let (principal, policy) = (&caller.principal, &api.policy);
    let cursor = cursor.as_deref();
    let page = identity::sessions(&api.table, &*api.cursors, policy, principal, limit, cursor).await?;
    let shown = |session| Session::shown(session, principal.session_id, policy);
    Ok(Answer::ok(&page.map(shown)).into_response())
}

/// Ends one of the person's sessions: its tokens do not work from the next request on. One that is not there
/// needs no end.
#[utoipa::path(
    delete, path = "/v1/me/sessions/{session_id}", tag = "Account", operation_id = "endSession",
    security(("access_token" = [])),
    params(("session_id" = SessionId, Path, description = "The session")),
    responses((status = 204, description = "It is not there"), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict"])),
        ("x-gantry-budget" = json!({"calls": 2, "read_units": 3, "write_units": 8})),
        ("x-gantry-usage" = json!({"person": 0.1, "events": 1, "answer_bytes": 250})),
    ),
)]
pub(crate) async fn end(
    State(api): State<Api>,
    Departing(caller): Departing,
    PathParameter(id): PathParameter<SessionId>,
) -> Result<StatusCode, Problem> {
    identity::end_session(&api.table, &caller.cause(), caller.principal.user_id, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Which sessions to end.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EndSessions {
    /// Which.
    scope: SessionScope,
}

/// Some of the person's sessions.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SessionScope {
    /// All but the one that asks.
    Others,
    /// That one too.
    All,
}

/// Ends the person's sessions, all but this one or this one too: their tokens do not work from the next
/// request on.
#[utoipa::path(
    post, path = "/v1/me/sessions/end", tag = "Account", operation_id = "endSessions",
    security(("access_token" = [])), request_body = EndSessions,
    responses((status = 204, description = "They have ended"), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict"])),
        ("x-gantry-budget" = json!({"calls": 3, "read_units": 4, "write_units": 152})),
        ("x-gantry-usage" = json!({"person": 0.05, "events": 3, "answer_bytes": 250})),
    ),
)]
pub(crate) async fn end_several(
    State(api): State<Api>,
    Departing(caller): Departing,
    command: Command<EndSessions>,
) -> Result<StatusCode, Problem> {
    let scope = match command.input.scope {
        SessionScope::Others => Scope::Others,
        SessionScope::All => Scope::All,
    };
    identity::end_sessions(&api.table, &caller.cause(), &caller.principal, scope).await?;
    Ok(StatusCode::NO_CONTENT)
}
