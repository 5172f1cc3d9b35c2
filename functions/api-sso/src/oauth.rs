use http_api::{
    Answer, Client, Command, IntoResponse, Limiter, PathParameter, Problem, Problems, Response, State,
    StatusCode,
};
use http_host::SignIn;
use identity::{Entrance, OpenedOAuth, Purpose, ShownBrowser, SignedIn};
use oidc_client::Provider;

use crate::{
    Api,
    providers::{Authorization, VerifyAuthorization, VerifyOAuth, faster_or_refused, is_refusal},
};

/// Begins a sign-in with an account at an identity provider: says where to send the person. Nothing is stored
/// of it.
#[utoipa::path(
    post, path = "/v1/auth/oauth/{provider}/authorizations", tag = "Signing in", operation_id = "startOAuth",
    params(("provider" = String, Path, description = "The provider, as the configuration names it")),
    responses((status = 201, description = "Where to send the person", body = Authorization), Problems),
    extensions(
        ("x-gantry-codes" = json!(["not_found"])),
        ("x-gantry-budget" = json!({"calls": 0, "read_units": 0, "write_units": 0})),
        ("x-gantry-usage" = json!({"person": 0.6, "new_person": 0.5, "events": 0, "answer_bytes": 900})),
    ),
)]
pub(crate) async fn start(
    State(api): State<Api>,
    PathParameter(provider): PathParameter<String>,
) -> Result<Response, Problem> {
    let provider = api.provider(&provider)?;
    let sent = api.authorize(provider, Purpose::SignIn).await?;
    Ok(Answer::new(StatusCode::CREATED, &sent).into_response())
}

/// Signs in whoever is back from an identity provider, in the browser that was sent there, once. A person
/// who has connected the account is signed in. Of an account that nobody has connected a new person is made,
/// if the provider knows the address and nobody has it; else 409 `account_link_required`: sign in in another
/// way, and connect the account with `POST /v1/me/connected-accounts/{provider}/authorizations`. The same
/// several times at once, or once more within a minute, is one sign-in.
#[utoipa::path(
    post, path = "/v1/auth/oauth/{provider}/verify", tag = "Signing in", operation_id = "verifyOAuth",
    params(("provider" = String, Path, description = "The provider, as the configuration names it")),
    request_body = VerifyOAuth,
    responses((status = 200, description = "Signed in, or what is missing", body = SignIn), Problems),
    extensions(
        ("x-gantry-codes" = json!(["account_link_required", "login_failed", "not_found"])),
        ("x-gantry-limits" = json!(["failed-authorization"])),
        ("x-gantry-budget" = json!({"calls": 7, "read_units": 9, "write_units": 32})),
        ("x-gantry-usage" = json!({"person": 0.6, "new_person": 0.5, "events": 3, "answer_bytes": 1400})),
    ),
)]
pub(crate) async fn verify(
    State(api): State<Api>,
    client: Client,
    PathParameter(provider): PathParameter<String>,
    limiter: Limiter,
    command: Command<VerifyOAuth>,
) -> Result<Response, Problem> {
    let provider = api.provider(&provider)?;
    let (input, browser) = command.input.parts();
    let (cause, network) = (client.cause(), client.address());
    let opened = api.opened(provider.key(), &input).await?;
    let issuer = api.issuers.get().await?;
    let (table, policy, issuer) = (&api.table, &*api.policy, &*issuer);
    let entrance = Entrance { table, issuer, policy, cause: &cause, network: &network };
    let code = input.code.as_str();
    let before = || identity::repeated_oauth(&entrance, &opened, code, browser.as_ref());
    if let Some(signed_in) = before().await? {
        return Ok(Answer::ok(&SignIn::from(signed_in)).into_response());
    }
    let failed = &api.policy.failed_authorizations_per_client();
    limiter.require_room(failed, &network).await?;
    let signed_in = match sign_in(&api, &entrance, (provider, &opened), &input, browser.as_ref()).await {
        Ok(signed_in) => signed_in,
        // the same may have been sent twice, and the other one was faster
        Err(problem) if is_refusal(&problem) => {
            faster_or_refused(before, problem, (&limiter, failed, &network)).await?
        }
        Err(problem) => return Err(problem),
    };
    Ok(Answer::ok(&SignIn::from(signed_in)).into_response())
}

async fn sign_in(
    api: &Api,
    entrance: &Entrance<'_>,
    (provider, opened): (&Provider, &OpenedOAuth),
    input: &VerifyAuthorization,
    browser: Option<&ShownBrowser>,
) -> Result<SignedIn, Problem> {
    let external = api.redeem(provider, opened, input).await?;
    Ok(identity::sign_in_with_oauth(entrance, opened, input.code.as_str(), &external, browser).await?)
}
