use access::Tenant;
use http_api::{
    Answer, Client, Command, IntoResponse, Limiter, Problem, Problems, Response, State, ToSchema,
};
use primitives::Email;
use serde::{Deserialize, Serialize};

use crate::Api;

/// Who wants to sign in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DiscoverSignIn {
    /// The address, where somebody typed one.
    email: Option<Email>,
}

/// How somebody can sign in.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SignInMethods {
    /// The ways that are open to everybody, whoever has the address. Pass over words that you do not know.
    methods: Vec<SignInWay>,
    /// That the domain of the address is an organization's whose people sign in by its own identity provider:
    /// `POST /v1/auth/sso/authorizations`. Null is that it is none.
    sso: Option<SsoOffer>,
}

/// A way to sign in.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum SignInWay {
    /// A link and a code by mail.
    MagicLink,
    /// A password.
    Password,
    /// A passkey.
    Passkey,
}

/// What an organization says of how its people sign in.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SsoOffer {
    /// Whether they come into the organization in no other way.
    required: bool,
}

/// Says how somebody can sign in. It follows from the domain of the address and never from the account:
/// whether somebody has the address makes no difference.
#[utoipa::path(
    post, path = "/v1/auth/discover", tag = "Signing in", operation_id = "discoverSignIn",
    request_body = DiscoverSignIn,
    responses((status = 200, description = "The ways", body = SignInMethods), Problems),
    extensions(
        ("x-gantry-limits" = json!(["sign-in-discovery"])),
        ("x-gantry-budget" = json!({"calls": 3, "read_units": 4, "write_units": 1})),
        ("x-gantry-usage" = json!({"person": 1, "events": 0, "answer_bytes": 200})),
    ),
)]
pub(crate) async fn discover(
    State(api): State<Api>,
    client: Client,
    limiter: Limiter,
    command: Command<DiscoverSignIn>,
) -> Result<Response, Problem> {
    limiter.take(&sso::limits::looks(), &client.address()).await?;
    let sso = match &command.input.email {
        Some(email) => offered(&api, email).await?,
        None => None,
    };
    let methods = vec![SignInWay::MagicLink, SignInWay::Password, SignInWay::Passkey];
    Ok(Answer::ok(&SignInMethods { methods, sso }).into_response())
}

async fn offered(api: &Api, email: &Email) -> Result<Option<SsoOffer>, Problem> {
    let Some(serving) = directory::serving(&api.table, email).await? else { return Ok(None) };
    let tenant = Tenant::trusted(serving.org_id);
    let required = sso::offered(&api.table, tenant, serving.connection_id).await?;
    Ok(required.map(|required| SsoOffer { required }))
}
