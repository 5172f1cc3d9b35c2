use http_api::{
    Answer, Caller, Departing, IntoResponse, PathParameter, Problem, Problems, Response, State, StatusCode,
    ToSchema,
};
use primitives::{Page, Time, TrustedBrowserId};
use serde::Serialize;

use crate::Api;

/// A browser in which the person is not asked for a second factor.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TrustedBrowser {
    /// The browser.
    id: TrustedBrowserId,
    /// What the person signed in on: the program and the system that it named.
    #[schema(example = "Firefox on Linux")]
    device: String,
    /// The country that the person signed in from: two letters of ISO 3166. Null where no CDN says so.
    #[schema(example = "AT")]
    country: Option<String>,
    /// Since when it is remembered.
    added_at: Time,
    /// When somebody last signed in with it.
    last_used_at: Time,
    /// Until when it is remembered.
    expires_at: Time,
}

impl TrustedBrowser {
    fn shown((id, browser): (TrustedBrowserId, identity::TrustedBrowser)) -> Self {
        Self {
            id,
            device: browser.device.name,
            country: browser.device.country,
            added_at: browser.added_at.into(),
            last_used_at: browser.used_at.into(),
            expires_at: browser.valid_until.into(),
        }
    }
}

/// The browsers in which the person is not asked for a second factor, the newest first: ten at most, all on
/// one page. Every change of how the person signs in forgets all of them.
#[utoipa::path(
    get, path = "/v1/me/trusted-browsers", tag = "Account", operation_id = "listTrustedBrowsers",
    security(("access_token" = [])),
    responses((status = 200, description = "All of them", body = Page<TrustedBrowser>), Problems),
    extensions(
        ("x-gantry-budget" = json!({"calls": 2, "read_units": 2, "write_units": 0})),
        ("x-gantry-usage" = json!({"person": 0.1, "events": 0, "answer_bytes": 500})),
    ),
)]
pub(crate) async fn list(State(api): State<Api>, caller: Caller) -> Result<Response, Problem> {
    let browsers = identity::trusted_browsers(&api.table, &caller.principal).await?;
    let items = browsers.into_iter().map(TrustedBrowser::shown).collect();
    Ok(Answer::ok(&Page { items, next_cursor: None }).into_response())
}

/// Forgets a browser: the next sign-in in it asks for a second factor. One that is not there is forgotten.
#[utoipa::path(
    delete, path = "/v1/me/trusted-browsers/{browser_id}", tag = "Account", operation_id = "removeTrustedBrowser",
    security(("access_token" = [])),
    params(("browser_id" = TrustedBrowserId, Path, description = "The browser")),
    responses((status = 204, description = "It is not there"), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict"])),
        ("x-gantry-budget" = json!({"calls": 3, "read_units": 4, "write_units": 6})),
        ("x-gantry-usage" = json!({"person": 0.02, "events": 1, "answer_bytes": 250})),
    ),
)]
pub(crate) async fn remove(
    State(api): State<Api>,
    Departing(caller): Departing,
    PathParameter(id): PathParameter<TrustedBrowserId>,
) -> Result<StatusCode, Problem> {
    identity::remove_trusted_browser(&api.table, &caller.cause(), &caller.principal, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
