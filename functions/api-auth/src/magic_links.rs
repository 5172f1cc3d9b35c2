use std::str::FromStr;

use garde::Validate;
use http_api::{
    Answer, Client, Command, IntoResponse, Limiter, Problem, Problems, Response, State, StatusCode, ToSchema,
    parses,
};
use identity::{Code, OpenedProof, Proof, SessionTokens};
use primitives::Email;
use serde::{Deserialize, Serialize};

use crate::Api;

/// Who wants to sign in.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RequestMagicLink {
    /// Where the link goes.
    #[garde(custom(parses::<Email>))]
    #[schema(format = Email, example = "ada@example.com")]
    email: String,
}

/// The link is on its way, if mail can be sent there.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MagicLinkRequested {
    /// Send it along when you verify: it shows that the same browser asked for the link.
    browser_token: String,
    /// How long link and code work, seconds.
    expires_in: i64,
}

/// Sends a mail with a link and a 6-digit code. The answer is the same whether or not somebody has this
/// address.
#[utoipa::path(
    post, path = "/v1/auth/magic-links", tag = "Signing in", operation_id = "requestMagicLink",
    request_body = RequestMagicLink,
    responses((status = 202, description = "Accepted", body = MagicLinkRequested), Problems),
    extensions(("x-gantry-codes" = json!(["rate_limited"])), ("x-gantry-limits" = json!(["magic-link-client", "magic-link"]))),
)]
pub(crate) async fn request(
    State(api): State<Api>,
    client: Client,
    limiter: Limiter,
    command: Command<RequestMagicLink>,
) -> Result<Response, Problem> {
    let email: Email = parsed(&command.input.email)?;
    let (table, policy, network) = (&api.table, &api.policy, client.address());
    let history = identity::login_history(table, email.clone(), &network).await?;
    let is_known = history.knows_network();
    let from_network = limiter.count(&policy.magic_links_per_client(), &network).await?;
    if !from_network.allowed && !is_known {
        return Err(Limiter::refusal(&from_network, None));
    }
    // from where the owner has signed in before there is a budget that strangers elsewhere cannot use up
    let subject = if is_known { format!("{email} {network}") } else { email.to_string() };
    limiter.take(&policy.magic_links(), &subject).await?;
    let links = api.links.get().await?;
    let login = identity::request_login(table, &links.current, policy, &client.cause(), history).await?;
    let body = MagicLinkRequested {
        browser_token: login.browser_token.expose().clone(),
        expires_in: login.expires_in,
    };
    Ok(Answer::new(StatusCode::ACCEPTED, &body).into_response())
}

/// What a person shows to sign in: the link's `token`, or `email` and `code`.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VerifyMagicLink {
    /// The `token` of the link in the mail.
    #[garde(inner(length(min = 1, max = 200)))]
    #[schema(min_length = 1, max_length = 200)]
    token: Option<String>,
    /// The address that the code was sent to.
    #[garde(inner(custom(parses::<Email>)))]
    #[schema(format = Email)]
    email: Option<String>,
    /// The code in the mail: six digits. Blanks and hyphens around and between them do not matter.
    #[garde(inner(custom(parses::<Code>)))]
    #[schema(
        max_length = 100,
        example = "314159",
        pattern = r"^(?:[ \t\n\r\u00a0\u200b\u202f\u3000\u2010-\u2015\u2212-]*[0-9\uff10-\uff19]){6}[ \t\n\r\u00a0\u200b\u202f\u3000\u2010-\u2015\u2212-]*$"
    )]
    code: Option<String>,
    /// What the browser was given when it asked for the link.
    #[garde(inner(length(min = 1, max = 200)))]
    #[schema(min_length = 1, max_length = 200)]
    browser_token: Option<String>,
    /// The person wants to sign in here with a link that another browser asked for.
    #[garde(skip)]
    #[serde(default)]
    confirm: bool,
}

/// The tokens of a session.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Session {
    /// Goes with every request: `Authorization: Bearer …`.
    access_token: String,
    /// Always `Bearer`.
    token_type: &'static str,
    /// How long the access token works, seconds.
    expires_in: i64,
    /// Gets the next pair of tokens, once.
    refresh_token: String,
    /// The session.
    #[schema(example = "ses_01kar8h5g0e0vsx4q1v3f6m2ah")]
    session_id: String,
    /// The person.
    #[schema(example = "usr_01kar8h5g0e0vsx4q1v3f6m2ah")]
    user_id: String,
    /// The organization that the session is in. Without one it can only create or choose one.
    #[schema(example = "org_01kar8h5g0e0vsx4q1v3f6m2ah")]
    org_id: Option<String>,
}

impl From<SessionTokens> for Session {
    fn from(tokens: SessionTokens) -> Self {
        Self {
            access_token: tokens.access_token.expose().clone(),
            token_type: "Bearer",
            expires_in: tokens.expires_in,
            refresh_token: tokens.refresh_token.expose().clone(),
            session_id: tokens.session_id.to_string(),
            user_id: tokens.user_id.to_string(),
            org_id: tokens.org_id.map(|org| org.to_string()),
        }
    }
}

/// Turns the link or the code into a session, once.
#[utoipa::path(
    post, path = "/v1/auth/magic-links/verify", tag = "Signing in", operation_id = "verifyMagicLink",
    request_body = VerifyMagicLink,
    responses((status = 200, description = "Signed in", body = Session), Problems),
    extensions(("x-gantry-codes" = json!(["confirmation_required", "login_failed"])), ("x-gantry-limits" = json!(["code-guess"]))),
)]
pub(crate) async fn verify(
    State(api): State<Api>,
    client: Client,
    limiter: Limiter,
    command: Command<VerifyMagicLink>,
) -> Result<Response, Problem> {
    let proof = proof(command.input)?;
    let opened = open(&api, &proof).await?;
    if let Proof::Code { email, .. } = &proof {
        count(&api, &limiter, email, &opened).await?;
    }
    let issuer = api.issuer().await?;
    let (cause, network) = (client.cause(), client.address());
    let tokens = identity::verify_login(&api.table, &issuer, &api.policy, &cause, &network, &opened).await?;
    Ok(Answer::ok(&Session::from(tokens)).into_response())
}

/// Counts a wrong code for its address, over all logins and from wherever it comes; of a right one it is
/// asked whether a wrong one could have been counted. Beyond the limit codes rest, right ones too, and the
/// link in the same mail works.
///
/// Nobody is told what the code was before it stands in the limit's item, in one order with all others: so
/// that of many guesses at once no more are answered than of the same one after another. And a right code
/// that is sent twice is right twice.
async fn count(api: &Api, limiter: &Limiter, email: &Email, opened: &OpenedProof) -> Result<(), Problem> {
    let (limit, subject) = (api.policy.wrong_codes(), email.as_str());
    let state = if opened.is_right() {
        limiter.room(&limit, subject).await?
    } else {
        limiter.count(&limit, subject).await?
    };
    if state.allowed {
        return Ok(());
    }
    Err(Limiter::refusal(&state, Some("use the link in the mail instead of the code: it works all the same")))
}

/// Opens the proof, with newer keys where there are some: `queue-mail` and other instances may have made
/// parts of it with a key that this one has not seen yet. Only then it is judged.
async fn open(api: &Api, proof: &Proof) -> Result<OpenedProof, Problem> {
    let links = api.links.get().await?;
    let opened = identity::open_proof(&api.table, &links, proof).await?;
    if opened.has_foreign_parts()
        && let Some(newer) = api.links.newer(&links).await?
    {
        return Ok(identity::open_proof(&api.table, &newer, proof).await?);
    }
    Ok(opened)
}

fn proof(input: VerifyMagicLink) -> Result<Proof, Problem> {
    let VerifyMagicLink { token, email, code, browser_token, confirm } = input;
    match (token, email, code) {
        (Some(token), None, None) => Ok(Proof::Link { token, browser_token, confirmed: confirm }),
        (None, Some(email), Some(code)) => {
            Ok(Proof::Code { email: parsed(&email)?, code: parsed(&code)?, browser_token })
        }
        _ => Err(Problem::broken_rule("send either `token`, or `email` and `code`")),
    }
}

fn parsed<T: FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, Problem> {
    text.parse().map_err(Problem::broken_rule)
}
