use http_api::{Client, Command, Problem, Problems, State, StatusCode, ToSchema};
use identity::{ChangeOutcome, ChangeStep, IdentityError, Readdressing};
use primitives::{EmailChangeId, Text, UserId};
use serde::Deserialize;
use table::Decision;

use crate::Api;

/// The link of a mail about a change of address.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EmailChangeLink {
    /// The `token` of the link.
    #[schema(inline)]
    token: Text<1, 200>,
}

/// Says yes to a change of address, from the new one. A change that was made already is made: 204 again.
#[utoipa::path(
    post, path = "/v1/auth/email-changes/confirm", tag = "Account", operation_id = "confirmEmailChange",
    request_body = EmailChangeLink,
    responses((status = 204, description = "The address is the person's"), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "email_taken", "link_expired"])),
        ("x-gantry-budget" = json!({"calls": 7, "read_units": 8, "write_units": 22})),
        ("x-gantry-usage" = json!({"person": 0.01, "events": 1, "answer_bytes": 250})),
    ),
)]
pub(crate) async fn confirm(
    State(api): State<Api>,
    client: Client,
    command: Command<EmailChangeLink>,
) -> Result<StatusCode, Problem> {
    let link = open(&api, ChangeStep::Confirm, &command.input).await?;
    readdress(&api, &client, || identity::confirm_email_change(&api.table, &api.policy, link)).await
}

/// Takes a change of address back, from the address before: it is the person's again, all sessions of the
/// person end, and what was set up since the change was asked for is gone: passwords, passkeys, connected
/// accounts, phones, second factors, recovery codes. Taken back already: 204 again.
#[utoipa::path(
    post, path = "/v1/auth/email-changes/undo", tag = "Account", operation_id = "undoEmailChange",
    request_body = EmailChangeLink,
    responses((status = 204, description = "The address before is the person's"), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "link_expired"])),
        ("x-gantry-budget" = json!({"calls": 8, "read_units": 15, "write_units": 98})),
        ("x-gantry-usage" = json!({"person": 0.001, "events": 1, "answer_bytes": 250})),
    ),
)]
pub(crate) async fn undo(
    State(api): State<Api>,
    client: Client,
    command: Command<EmailChangeLink>,
) -> Result<StatusCode, Problem> {
    let link = open(&api, ChangeStep::Undo, &command.input).await?;
    readdress(&api, &client, || identity::undo_email_change(&api.table, link)).await
}

/// All of it is one transaction, whatever the person has.
const _: () =
    assert!(identity::MOST_ITEMS_OF_UNDO + 1 + orgs::MOST_MEMBERSHIPS as usize <= table::LARGEST_TRANSACTION);

/// The change that the link is about. `queue-mail` may have made it with a key that this instance has not
/// seen yet.
async fn open(
    api: &Api,
    step: ChangeStep,
    link: &EmailChangeLink,
) -> Result<(UserId, EmailChangeId), Problem> {
    let (links, token) = (api.links.get().await?, link.token.as_str());
    if let Some(link) = identity::open_change_link(&links, step, token) {
        return Ok(link);
    }
    let newer = api.links.newer(&links).await?;
    let link = newer.and_then(|links| identity::open_change_link(&links, step, token));
    Ok(link.ok_or(IdentityError::LinkExpired)?)
}

/// The person and the lists of their organizations are one transaction: this is the place that knows both
/// domains.
async fn readdress<F: Future<Output = Result<ChangeOutcome, IdentityError>>>(
    api: &Api,
    client: &Client,
    decide: impl Fn() -> F,
) -> Result<StatusCode, Problem> {
    let decide = &decide;
    let decide = |_| async move {
        let Readdressing { user_id, email, changes } = match decide().await? {
            ChangeOutcome::Done => return Ok(Decision::done(())),
            ChangeOutcome::Again => return Ok(Decision::wait()),
            ChangeOutcome::Decided(readdressing) => *readdressing,
        };
        let places = orgs::places_of(&api.table, user_id).await?;
        Ok::<_, Problem>(Decision::commit(changes.and(orgs::readdressed(places, &email)), ()))
    };
    api.table.decide(&client.cause(), decide).await?;
    Ok(StatusCode::NO_CONTENT)
}
