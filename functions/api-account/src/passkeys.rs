use http_api::{
    Answer, Caller, Command, Enrolling, Fresh, IntoResponse, Limiter, Paged, PathParameter, Problem,
    Problems, Response, State, StatusCode, ToSchema,
};
use http_host::{PasskeyOptions, RegistrationCredential};
use identity::{Attestation, IdentityError, InvalidCredential, OpenedCeremony};
use primitives::{Name, Page, PasskeyId, Text, Time};
use serde::{Deserialize, Serialize};

use crate::{Api, mfa::enroller};

/// Begins to add a passkey. The browser is asked for one that it finds without a name, on a device that
/// verifies the person.
#[utoipa::path(
    post, path = "/v1/me/passkeys/options", tag = "Account", operation_id = "startPasskeyRegistration",
    security(("access_token" = []), ("half_session" = [])),
    responses((status = 200, description = "What to ask the browser", body = PasskeyOptions), Problems),
    extensions(
        ("x-gantry-codes" = json!(["mfa_failed", "session_ended", "step_up_required", "too_many_passkeys"])),
        ("x-gantry-limits" = json!(["passkey-challenge"])),
        ("x-gantry-budget" = json!({"calls": 4, "read_units": 6, "write_units": 1})),
        ("x-gantry-usage" = json!({"person": 0.05, "events": 0, "answer_bytes": 2600})),
    ),
)]
pub(crate) async fn start(
    State(api): State<Api>,
    enrolling: Enrolling<true>,
    limiter: Limiter,
) -> Result<Response, Problem> {
    let (client, principal) = match &enrolling {
        Enrolling::Caller(caller) => (&caller.client, Some(&caller.principal)),
        Enrolling::Half(_, client) => (client, None),
    };
    let who = enroller(&enrolling)?;
    limiter.take(&api.policy.passkey_challenges_per_client(), &client.address()).await?;
    let (table, relying_party, seals) = (&api.table, &api.relying_party, api.seals.get().await?);
    let options = identity::start_passkey_registration(table, relying_party, &seals, &who, principal).await?;
    Ok(Answer::ok(&PasskeyOptions::from(options)).into_response())
}

/// What the browser answered.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddPasskey {
    /// The token of the ceremony.
    #[schema(inline)]
    ceremony_token: Text<1, 2000>,
    /// What `navigator.credentials.create()` gave, as its `toJSON()` writes it.
    #[schema(value_type = RegistrationCredential)]
    credential: Attestation,
    /// What the person calls it.
    name: Name,
}

/// A passkey.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Passkey {
    /// The passkey.
    id: PasskeyId,
    /// What the person calls it.
    name: String,
    /// Whether copies of it may be kept elsewhere: by whoever made the device, or by a password manager.
    synced: bool,
    /// Whether there were some when it was used last.
    backed_up: bool,
    /// Since when.
    created_at: Time,
    /// When it was used last; null for never.
    last_used_at: Option<Time>,
}

impl From<identity::ShownPasskey> for Passkey {
    fn from(passkey: identity::ShownPasskey) -> Self {
        Self {
            id: passkey.passkey_id,
            name: passkey.name,
            synced: passkey.may_be_backed_up,
            backed_up: passkey.is_backed_up,
            created_at: passkey.created_at.into(),
            last_used_at: passkey.last_used_at.map(Time::from),
        }
    }
}

/// Adds a passkey. From now on it signs in alone, and is a second factor beside others. The same request once
/// more within a minute adds nothing.
#[utoipa::path(
    post, path = "/v1/me/passkeys", tag = "Account", operation_id = "addPasskey",
    security(("access_token" = []), ("half_session" = [])), request_body = AddPasskey,
    responses((status = 201, description = "The passkey", body = Passkey, headers(("Location"))), Problems),
    extensions(
        ("x-gantry-codes" = json!([
            "conflict", "mfa_failed", "session_ended", "step_up_required", "too_many_passkeys"
        ])),
        ("x-gantry-budget" = json!({"calls": 4, "read_units": 11, "write_units": 22})),
        ("x-gantry-usage" = json!({"person": 0.05, "events": 1, "answer_bytes": 350})),
    ),
)]
pub(crate) async fn add(
    State(api): State<Api>,
    enrolling: Enrolling<true>,
    command: Command<AddPasskey>,
) -> Result<Response, Problem> {
    let AddPasskey { ceremony_token, credential, name } = command.input;
    let (cause, who) = (enrolling.cause(), enroller(&enrolling)?);
    let ceremony = api.ceremony(ceremony_token.as_str()).await?;
    let ceremony = ceremony.ok_or_else(|| refused(InvalidCredential.into()))?;
    let made = (&credential, &name);
    let added = identity::add_passkey(&api.table, &api.relying_party, &cause, &who, &ceremony, made).await;
    let passkey = Passkey::from(added.map_err(refused)?);
    let at = format!("/v1/me/passkeys/{}", passkey.id);
    Ok(Answer::new(StatusCode::CREATED, &passkey).at(at).into_response())
}

/// Says where in the body a credential stands that is refused.
fn refused(error: IdentityError) -> Problem {
    match error {
        IdentityError::Credential(error) => Problem::field("/credential", &error),
        error => error.into(),
    }
}

impl Api {
    /// The ceremony that this text belongs to; another instance may have sealed it with a newer key.
    async fn ceremony(&self, token: &str) -> Result<Option<OpenedCeremony>, Problem> {
        let seals = self.seals.get().await?;
        if let Some(opened) = identity::open_ceremony(&seals, token) {
            return Ok(Some(opened));
        }
        let newer = self.seals.newer(&seals).await?;
        Ok(newer.and_then(|newer| identity::open_ceremony(&newer, token)))
    }
}

/// The person's passkeys, in no order that means anything. There are 10 at most.
#[utoipa::path(
    get, path = "/v1/me/passkeys", tag = "Account", operation_id = "listPasskeys",
    security(("access_token" = [])),
    params(Paged),
    responses((status = 200, description = "A page of passkeys", body = Page<Passkey>), Problems),
    extensions(
        ("x-gantry-budget" = json!({"calls": 2, "read_units": 2, "write_units": 0})),
        ("x-gantry-usage" = json!({"person": 0.1, "events": 0, "answer_bytes": 600})),
    ),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    caller: Caller,
    Paged { limit, cursor }: Paged,
) -> Result<Response, Problem> {
    let (user_id, cursor) = (caller.principal.user_id, cursor.as_deref());
    let page = identity::passkeys(&api.table, &*api.cursors, user_id, limit, cursor).await?;
    Ok(Answer::ok(&page.map(Passkey::from)).into_response())
}

/// What the person calls a passkey.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdatePasskey {
    /// Its name.
    name: Name,
}

/// Calls a passkey something else.
#[utoipa::path(
    patch, path = "/v1/me/passkeys/{passkey_id}", tag = "Account", operation_id = "updatePasskey",
    security(("access_token" = [])), request_body = UpdatePasskey,
    params(("passkey_id" = PasskeyId, Path, description = "The passkey")),
    responses((status = 200, description = "The passkey", body = Passkey), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "not_found"])),
        ("x-gantry-budget" = json!({"calls": 3, "read_units": 4, "write_units": 6})),
        ("x-gantry-usage" = json!({"person": 0.01, "events": 1, "answer_bytes": 350})),
    ),
)]
pub(crate) async fn update(
    State(api): State<Api>,
    caller: Caller,
    PathParameter(id): PathParameter<PasskeyId>,
    command: Command<UpdatePasskey>,
) -> Result<Response, Problem> {
    let (cause, user_id) = (caller.cause(), caller.principal.user_id);
    let passkey = identity::rename_passkey(&api.table, &cause, user_id, id, &command.input.name).await?;
    Ok(Answer::ok(&Passkey::from(passkey)).into_response())
}

/// Takes a passkey away. All other sessions end. One that is gone is gone: 204 again.
#[utoipa::path(
    delete, path = "/v1/me/passkeys/{passkey_id}", tag = "Account", operation_id = "removePasskey",
    security(("access_token" = [])),
    params(("passkey_id" = PasskeyId, Path, description = "The passkey")),
    responses((status = 204, description = "It is not there"), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "last_factor", "mfa_failed", "step_up_required"])),
        ("x-gantry-budget" = json!({"calls": 6, "read_units": 13, "write_units": 170})),
        ("x-gantry-usage" = json!({"person": 0.01, "events": 2, "answer_bytes": 250})),
    ),
)]
pub(crate) async fn remove(
    State(api): State<Api>,
    caller: Caller,
    _: Fresh,
    PathParameter(id): PathParameter<PasskeyId>,
) -> Result<StatusCode, Problem> {
    identity::remove_passkey(&api.table, &caller.cause(), &caller.principal, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
