use http_api::{
    Answer, Caller, Command, Fresh, IntoResponse, Limiter, PathParameter, Problem, Problems, Response, State,
    StatusCode, ToSchema,
};
use identity::{OpenedOAuth, Purpose};
use oidc_client::Provider;
use primitives::{ConnectedAccountId, Email, Time};
use serde::Serialize;
use table::Cause;

use crate::{
    Api,
    providers::{Authorization, VerifyAuthorization, faster_or_refused, is_refusal},
};

/// An account at an identity provider that the person signs in with.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ConnectedAccount {
    /// The account.
    id: ConnectedAccountId,
    /// The provider.
    #[schema(example = "google")]
    provider: String,
    /// The address that the provider told when it was connected.
    email: Option<Email>,
    /// Since when.
    connected_at: Time,
}

impl From<identity::ConnectedAccount> for ConnectedAccount {
    fn from(account: identity::ConnectedAccount) -> Self {
        Self {
            id: account.account_id,
            provider: account.provider,
            email: account.email,
            connected_at: account.connected_at.into(),
        }
    }
}

/// All of them: there are at most 10.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ConnectedAccountPage {
    /// The accounts, in the order in which they were connected.
    items: Vec<ConnectedAccount>,
    /// Always null.
    next_cursor: Option<String>,
}

/// The accounts at identity providers that the person signs in with: at most 10.
#[utoipa::path(
    get, path = "/v1/me/connected-accounts", tag = "Account", operation_id = "listConnectedAccounts",
    security(("access_token" = [])),
    responses((status = 200, description = "The accounts", body = ConnectedAccountPage), Problems),
    extensions(
        ("x-gantry-budget" = json!({"calls": 2, "read_units": 2, "write_units": 0})),
        ("x-gantry-usage" = json!({"person": 0.1, "events": 0, "answer_bytes": 500})),
    ),
)]
pub(crate) async fn list(State(api): State<Api>, caller: Caller) -> Result<Response, Problem> {
    let accounts = identity::connected_accounts(&api.table, caller.principal.user_id).await?;
    let items = accounts.into_iter().map(ConnectedAccount::from).collect();
    Ok(Answer::ok(&ConnectedAccountPage { items, next_cursor: None }).into_response())
}

/// Begins to connect an account at an identity provider: says where to send the person. Nothing is stored of
/// it.
#[utoipa::path(
    post, path = "/v1/me/connected-accounts/{provider}/authorizations", tag = "Account",
    operation_id = "startAccountLink", security(("access_token" = [])),
    params(("provider" = String, Path, description = "The provider, as the configuration names it")),
    responses((status = 201, description = "Where to send the person", body = Authorization), Problems),
    extensions(
        ("x-gantry-codes" = json!(["not_found", "step_up_required"])),
        ("x-gantry-budget" = json!({"calls": 1, "read_units": 1, "write_units": 0})),
        ("x-gantry-usage" = json!({"person": 0.05, "events": 0, "answer_bytes": 900})),
    ),
)]
pub(crate) async fn start(
    State(api): State<Api>,
    caller: Caller,
    _: Fresh,
    PathParameter(provider): PathParameter<String>,
) -> Result<Response, Problem> {
    let provider = api.provider(&provider)?;
    let purpose = Purpose::Link(caller.principal.user_id, caller.principal.session_id);
    let sent = api.authorize(provider, purpose).await?;
    Ok(Answer::new(StatusCode::CREATED, &sent).into_response())
}

/// Connects the account that the person is back from, in the browser and the session in which it began. The
/// address that the provider tells makes no difference. The person is told by mail.
#[utoipa::path(
    post, path = "/v1/me/connected-accounts/{provider}/verify", tag = "Account", operation_id = "linkAccount",
    security(("access_token" = [])), request_body = VerifyAuthorization,
    params(("provider" = String, Path, description = "The provider, as the configuration names it")),
    responses(
        (status = 201, description = "It is connected", body = ConnectedAccount, headers(("Location"))),
        Problems,
    ),
    extensions(
        ("x-gantry-codes" = json!([
            "account_linked_elsewhere", "conflict", "login_failed", "not_found", "step_up_required",
            "too_many_connected_accounts",
        ])),
        ("x-gantry-limits" = json!(["failed-authorization"])),
        ("x-gantry-budget" = json!({"calls": 5, "read_units": 9, "write_units": 21})),
        ("x-gantry-usage" = json!({"person": 0.05, "events": 1, "answer_bytes": 400})),
    ),
)]
pub(crate) async fn link(
    State(api): State<Api>,
    caller: Caller,
    _: Fresh,
    PathParameter(provider): PathParameter<String>,
    limiter: Limiter,
    command: Command<VerifyAuthorization>,
) -> Result<Response, Problem> {
    let (provider, input, cause) = (api.provider(&provider)?, command.input, caller.cause());
    let opened = api.opened(provider.key(), &input).await?;
    let before = || identity::linked_before(&api.table, &caller.principal, &opened, input.code.as_str());
    let (failed, network) = (&api.policy.failed_authorizations_per_client(), caller.client.address());
    let account = if let Some(account) = before().await? {
        account
    } else {
        limiter.require_room(failed, &network).await?;
        match connect(&api, &caller, &cause, provider, &opened, &input).await {
            // the same may have been sent twice, and the other one was faster
            Err(problem) if is_refusal(&problem) => {
                faster_or_refused(before, problem, (&limiter, failed, &network)).await?
            }
            connected => connected?,
        }
    };
    let answer = Answer::new(StatusCode::CREATED, &ConnectedAccount::from(account));
    Ok(answer.at("/v1/me/connected-accounts".to_owned()).into_response())
}

async fn connect(
    api: &Api,
    caller: &Caller,
    cause: &Cause,
    provider: &Provider,
    opened: &OpenedOAuth,
    input: &VerifyAuthorization,
) -> Result<identity::ConnectedAccount, Problem> {
    let external = api.redeem(provider, opened, input).await?;
    let (table, principal, code) = (&api.table, &caller.principal, input.code.as_str());
    Ok(identity::link_account(table, cause, principal, opened, code, &external).await?)
}

/// Takes an account away: nobody signs in with it any more, and all other sessions end. One that is gone is
/// gone: 204 again. Signing in by mail is always left.
#[utoipa::path(
    delete, path = "/v1/me/connected-accounts/{account_id}", tag = "Account",
    operation_id = "removeConnectedAccount", security(("access_token" = [])),
    params(("account_id" = ConnectedAccountId, Path, description = "The account")),
    responses((status = 204, description = "It is not there"), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "step_up_required"])),
        ("x-gantry-budget" = json!({"calls": 3, "read_units": 5, "write_units": 160})),
        ("x-gantry-usage" = json!({"person": 0.01, "events": 2, "answer_bytes": 250})),
    ),
)]
pub(crate) async fn remove(
    State(api): State<Api>,
    caller: Caller,
    _: Fresh,
    PathParameter(id): PathParameter<ConnectedAccountId>,
) -> Result<StatusCode, Problem> {
    identity::remove_connected_account(&api.table, &caller.cause(), &caller.principal, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
