use http_api::{
    Answer, Caller, Fresh, Limiter, PathParameter, Problem, Problems, Repeatable, Response, State,
    StatusCode, ToSchema,
};
use primitives::{Email, EmailChangeId, Time};
use serde::{Deserialize, Serialize};
use table::Keep;

use crate::Api;

/// The address that the person wants to have.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RequestEmailChange {
    /// The address.
    email: Email,
}

/// A change of address that is under way.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EmailChange {
    /// The change.
    id: EmailChangeId,
    /// The address that the person asks for.
    email: Email,
    /// When the person asked.
    created_at: Time,
    /// When the link in the mail stops working.
    expires_at: Time,
}

/// Begins a change of address, in the place of one that is under way: the new address gets a mail with a
/// link, and becomes the person's when it says yes. Then the address before gets a mail too, and can take the
/// change back for 7 days. The answer does not tell whether somebody else has the address.
#[utoipa::path(
    post, path = "/v1/me/email-changes", tag = "Account", operation_id = "requestEmailChange",
    security(("access_token" = [])), request_body = RequestEmailChange,
    responses((status = 202, description = "The new address is asked", body = EmailChange), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict"])),
        ("x-gantry-limits" = json!(["mail"])),
        ("x-gantry-budget" = json!({"calls": 5, "read_units": 4, "write_units": 14})),
        ("x-gantry-usage" = json!({"person": 0.02, "events": 2, "answer_bytes": 300})),
    ),
)]
pub(crate) async fn request(
    State(api): State<Api>,
    caller: Caller,
    _: Fresh,
    limiter: Limiter,
    command: Repeatable<RequestEmailChange>,
) -> Result<Response, Problem> {
    let (table, scope) = (api.table.clone(), caller.principal.scope());
    command.once(&table, &scope, requested, |input, keep| begin(api, caller, limiter, input, keep)).await
}

fn requested(change: &identity::EmailChange) -> Answer {
    let expires_at = change.pending_until().unwrap_or(change.requested_at);
    let shown = EmailChange {
        id: change.change_id,
        email: change.new_email.clone(),
        created_at: change.requested_at.into(),
        expires_at: expires_at.into(),
    };
    Answer::new(StatusCode::ACCEPTED, &shown)
}

async fn begin(
    api: Api,
    caller: Caller,
    limiter: Limiter,
    input: RequestEmailChange,
    keep: Keep<'static, identity::EmailChange>,
) -> Result<identity::EmailChange, Problem> {
    let (cause, principal) = (caller.cause(), &caller.principal);
    limiter.take(&api.policy.address_mails(), input.email.as_str()).await?;
    let request =
        identity::request_email_change(&api.table, &api.policy, &cause, principal, &input.email, &keep);
    Ok(request.await?)
}

/// Gives up a change of address that the new one has not confirmed. One that is not there needs no end.
#[utoipa::path(
    delete, path = "/v1/me/email-changes/{change_id}", tag = "Account", operation_id = "cancelEmailChange",
    security(("access_token" = [])),
    params(("change_id" = EmailChangeId, Path, description = "The change")),
    responses((status = 204, description = "It is not there"), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict"])),
        ("x-gantry-budget" = json!({"calls": 3, "read_units": 4, "write_units": 2})),
        ("x-gantry-usage" = json!({"person": 0.005, "events": 0, "answer_bytes": 250})),
    ),
)]
pub(crate) async fn cancel(
    State(api): State<Api>,
    caller: Caller,
    PathParameter(id): PathParameter<EmailChangeId>,
) -> Result<StatusCode, Problem> {
    identity::cancel_email_change(&api.table, &caller.cause(), caller.principal.user_id, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
