//! Receives signed events from Stripe: `/hooks/stripe`.

use std::{sync::Arc, time::Duration};

use axum::http::HeaderMap;
use billing::{ParkReason, Received, Rules, StripeEvents};
use events::ActorRef;
use http_api::{
    Answer, Client, IntoResponse, OpenApiRouter, Problem, Problems, RawBody, Response, State, ToSchema,
    routes,
};
use http_host::HttpHost;
use lambda_host::{Error, Function, Host, Rotating};
use primitives::{Fault, FaultCode};
use serde::Serialize;
use stripe_client::{Account, ClientOptions, Event, SignatureError, verify};
use table::Table;

/// The largest event that is read, in bytes. Stripe's are far below.
const LARGEST_EVENT: usize = 1024 * 1024;

/// The codes of this function's errors.
pub const FAULTS: &[&[FaultCode]] = &[HookError::CODES];

/// What was sent is not Stripe's, or not for us.
#[derive(Debug, thiserror::Error, Fault)]
enum HookError {
    /// The body is not signed with one of our secrets, or was signed too long ago.
    #[error("{0}")]
    #[fault(Invalid, "invalid_signature", status = 400)]
    Signature(SignatureError),
    /// The body is signed and is no event.
    #[error("{0}")]
    #[fault(Invalid, "malformed_event", status = 400)]
    Malformed(String),
}

/// What the route needs.
#[derive(Clone)]
pub struct Hook {
    table: Table,
    account: Arc<Rotating<Account>>,
    rules: Rules,
}

/// The function.
pub async fn function(host: &Host) -> Result<Function, Error> {
    let options = client_options(host)?;
    let account = host.secret_text("STRIPE_SECRET_ARN", move |text| {
        Account::from_secret(text, options.clone()).map_err(|error| error.to_string())
    })?;
    let (http, read) = tokio::join!(HttpHost::start(host), account.get());
    // A secret that is not filled in yet must not keep the function from saying so to whoever
    // calls.
    if let Err(error) = read {
        tracing::error!(error = &error as &dyn std::error::Error, "the Stripe secret is not usable");
    }
    let http = http?;
    let rules = host.settings("BILLING_RULES")?;
    let hook = Hook { table: http.table(), account: Arc::new(account), rules };
    http.api(routes().with_state(hook))
}

/// A call to Stripe has to fit into the function's own time, twice.
fn client_options(host: &Host) -> Result<ClientOptions, Error> {
    let mut options = ClientOptions {
        connect_timeout: Duration::from_secs(1),
        attempt_timeout: Duration::from_secs(3),
        attempts: 2,
        ..ClientOptions::default()
    };
    if host.environment().optional("STRIPE_API_URL").is_some() {
        options.base_url = host.environment().url("STRIPE_API_URL")?;
    }
    Ok(options)
}

/// The routes.
pub fn routes() -> OpenApiRouter<Hook> {
    OpenApiRouter::new().routes(routes!(receive))
}

/// What became of an event.
#[derive(Debug, Serialize, ToSchema)]
struct Receipt {
    /// `applied`, `duplicate`, `ignored` (of a kind without effect) or `parked`.
    #[schema(example = "applied")]
    outcome: &'static str,
    /// Why it was parked.
    #[schema(value_type = Option<String>, example = "unknown_customer")]
    reason: Option<ParkReason>,
}

/// Takes an event from Stripe.
///
/// Signed with the endpoint's secret (`Stripe-Signature`). Every delivery of an event has the same
/// effect as one; after an answer that is not a success nothing has happened and Stripe delivers
/// again.
#[utoipa::path(
    post, path = "/hooks/stripe", tag = "Hooks", operation_id = "receiveStripeEvent",
    params(("Stripe-Signature" = String, Header, description = "`t=<seconds>,v1=<hex>`")),
    request_body(content = serde_json::Value, description = "An event as Stripe sends it", content_type = "application/json"),
    responses((status = 200, description = "The event is in our hands", body = Receipt), Problems),
    extensions(
        ("x-gantry-codes" = json!(["invalid_signature", "malformed_event"])),
        ("x-gantry-budget" = json!({"calls": 4, "read_units": 4, "write_units": 22})),
        ("x-gantry-usage" = json!({"organization": 8, "new_organization": 4, "events": 1, "answer_bytes": 250})),
    ),
)]
async fn receive(
    State(hook): State<Hook>,
    client: Client,
    headers: HeaderMap,
    RawBody(body): RawBody<LARGEST_EVENT>,
) -> Result<Response, Problem> {
    let account = hook.account.get().await?;
    let signature = headers.get("stripe-signature").and_then(|value| value.to_str().ok()).unwrap_or_default();
    verify(&body, signature, &account.webhook_secrets, hook.table.clock().now())
        .map_err(HookError::Signature)?;
    let text = std::str::from_utf8(&body).map_err(|error| HookError::Malformed(error.to_string()))?;
    let event = Event::parse(&body).map_err(|error| HookError::Malformed(error.to_string()))?;
    let events = StripeEvents::new(hook.table, account.client.clone(), hook.rules, account.livemode);
    let received = events.receive(&client.cause_by(ActorRef::Stripe), &event, text).await?;
    tracing::info!(stripe_event_id = %event.id, stripe_event_type = event.kind, ?received, "event from Stripe");
    let (outcome, reason) = match received {
        Received::Applied => ("applied", None),
        Received::Duplicate => ("duplicate", None),
        Received::Ignored => ("ignored", None),
        Received::Parked(reason) => ("parked", Some(reason)),
    };
    Ok(Answer::ok(&Receipt { outcome, reason }).into_response())
}
