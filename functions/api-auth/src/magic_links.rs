use access::Way;
use http_api::{
    Answer, Client, Command, IntoResponse, Limiter, Problem, Problems, Response, State, StatusCode, ToSchema,
};
use http_host::{MagicLinkRequested, SignIn, admit_mail};
use identity::{Code, Guessed, OpenedProof, Proof, ShownBrowser};
use primitives::{Email, Text};
use serde::Deserialize;
use table::Cause;

use crate::{
    Api,
    guesses::{self, Guess},
};

/// Who wants to sign in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RequestMagicLink {
    /// Where the link goes.
    email: Email,
}

/// Sends a mail with a link and a 6-digit code. The answer is the same whether or not somebody has this
/// address.
#[utoipa::path(
    post, path = "/v1/auth/magic-links", tag = "Signing in", operation_id = "requestMagicLink",
    request_body = RequestMagicLink,
    responses((status = 202, description = "Accepted", body = MagicLinkRequested), Problems),
    extensions(
        ("x-gantry-codes" = json!(["rate_limited"])),
        ("x-gantry-limits" = json!(["magic-link-client", "magic-link"])),
        ("x-gantry-budget" = json!({"calls": 6, "read_units": 2, "write_units": 12})),
        ("x-gantry-usage" = json!({"person": 2.2, "new_person": 1, "events": 1, "answer_bytes": 350})),
    ),
)]
pub(crate) async fn request(
    State(api): State<Api>,
    client: Client,
    limiter: Limiter,
    command: Command<RequestMagicLink>,
) -> Result<Response, Problem> {
    let (table, policy, cause) = (&api.table, &api.policy, client.cause());
    let history = admit_mail(&limiter, table, policy, &client, command.input.email).await?;
    let links = api.links.get().await?;
    let asked = identity::request_login(table, &links.current, policy, &cause, history).await?;
    Ok(Answer::new(StatusCode::ACCEPTED, &MagicLinkRequested::from(asked)).into_response())
}

/// What a person shows to sign in: the link's `token`, or `email` and `code`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VerifyMagicLink {
    /// The `token` of the link in the mail.
    #[schema(inline)]
    token: Option<Text<1, 200>>,
    /// The address that the code was sent to.
    email: Option<Email>,
    /// The code in the mail: six digits. Blanks and hyphens around and between them do not matter.
    #[schema(
        value_type = Option<String>,
        max_length = 100,
        example = "314159",
        pattern = r"^(?:[ \t\n\r\u00a0\u200b\u202f\u3000\u2010-\u2015\u2212-]*[0-9\uff10-\uff19]){6}[ \t\n\r\u00a0\u200b\u202f\u3000\u2010-\u2015\u2212-]*$"
    )]
    code: Option<Code>,
    /// What the browser was given when it asked for the link.
    #[schema(inline)]
    browser_token: Option<Text<1, 200>>,
    /// The `browser_token` of an earlier sign-in in this browser. One that is forgotten is passed over.
    #[schema(inline)]
    trusted_browser_token: Option<Text<1, 200>>,
    /// The person wants to sign in here with a link that another browser asked for.
    #[serde(default)]
    confirm: bool,
}

/// Turns the link or the code into a session, once.
#[utoipa::path(
    post, path = "/v1/auth/magic-links/verify", tag = "Signing in", operation_id = "verifyMagicLink",
    request_body = VerifyMagicLink,
    responses((status = 200, description = "Signed in", body = SignIn), Problems),
    extensions(
        ("x-gantry-codes" = json!(["confirmation_required", "login_failed"])),
        ("x-gantry-limits" = json!(["code-guess", "failed-login-client"])),
        ("x-gantry-budget" = json!({"calls": 7, "read_units": 8, "write_units": 22})),
        ("x-gantry-usage" = json!({"person": 2, "new_person": 1, "events": 2, "answer_bytes": 1400})),
    ),
)]
pub(crate) async fn verify(
    State(api): State<Api>,
    client: Client,
    limiter: Limiter,
    command: Command<VerifyMagicLink>,
) -> Result<Response, Problem> {
    let browser = command.input.trusted_browser_token.as_ref();
    let browser = browser.and_then(|token| ShownBrowser::read(token.as_str()));
    let proof = proof(command.input)?;
    let opened = open(&api, &proof).await?;
    let (cause, network) = (client.cause(), client.address());
    if let Proof::Code { email, .. } = &proof {
        count(&api, &limiter, &cause, &network, (email, &opened)).await?;
    }
    let issuer = api.issuer().await?;
    let entrance = api.entrance(&issuer, &cause, &network);
    let signed_in = identity::verify_login(&entrance, &opened, browser.as_ref()).await?;
    Ok(Answer::ok(&SignIn::from(signed_in)).into_response())
}

/// Counts a wrong code for its address, over all logins and from wherever it comes; of a right one it is
/// asked whether a wrong one could have been counted. Beyond the limit codes rest, right ones too, and the
/// link in the same mail works.
async fn count(
    api: &Api,
    limiter: &Limiter,
    cause: &Cause,
    network: &str,
    (email, opened): (&Email, &OpenedProof),
) -> Result<(), Problem> {
    let limit = api.policy.wrong_codes();
    let guess = Guess {
        limit,
        subject: email.as_str(),
        network: Some((api.policy.wrong_passwords_per_client(), network)),
        at: Guessed::Address(email),
        way: Way::Mail,
    };
    let state = guesses::count(api, limiter, cause, &guess, opened.is_right()).await?;
    if state.allowed {
        return Ok(());
    }
    Err(Limiter::refusal(&state, Some("use the link in the mail instead of the code: it works all the same")))
}

/// Opens the proof, with newer keys where there are some: `queue-mail` and other instances may have made
/// parts of it with a key that this one has not seen yet. Only then it is judged.
pub(crate) async fn open(api: &Api, proof: &Proof) -> Result<OpenedProof, Problem> {
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
    let VerifyMagicLink { token, email, code, browser_token, confirm, .. } = input;
    let browser_token = browser_token.map(Text::into_string);
    match (token, email, code) {
        (Some(token), None, None) => {
            Ok(Proof::Link { token: token.into_string(), browser_token, confirmed: confirm })
        }
        (None, Some(email), Some(code)) => Ok(Proof::Code { email, code, browser_token }),
        _ => Err(Problem::broken_rule("send either `token`, or `email` and `code`")),
    }
}
