use access::{Reading, needs::WriteUsage};
use http_api::{
    Answer, CloudEvent, CloudEvents, IntoResponse, Limiter, MemberOrKey, Problem, Problems, Response, State,
    StatusCode, ToSchema,
};
use serde_json::Value;
use usage::{
    MOST_AT_ONCE, Outcome,
    api::{UsageBatch, UsageItem, UsageStatus},
    limits::ingest,
};

use crate::Api;

/// Up to 100 events.
#[derive(Debug, ToSchema)]
#[schema(max_items = 100)]
pub(crate) struct CloudEventBatch(
    #[expect(dead_code, reason = "it is there to be described")] Vec<CloudEvent>,
);

/// Counts usage events, each once: as `CloudEvents` 1.0 in JSON, one or up to 100. The `type` of an event is
/// the name of its meter, and `data.value` what it counts: a whole number, a text where different ones are
/// counted, nothing where events are.
///
/// Each is answered for by itself: the same again is a duplicate, by source and id for 32 days, of a packed
/// meter by source, id and time. What happened more than 48 hours ago is refused, and what a hard quota has
/// no room for; then the answer is 207. Usage is counted while the organization can read, whether or not it
/// can write.
#[utoipa::path(
    post, path = "/v1/usage/events", tag = "Usage", operation_id = "recordUsage",
    security(("access_token" = []), ("api_key" = [])),
    request_body(content(
        (CloudEvent = "application/cloudevents+json"),
        (CloudEventBatch = "application/cloudevents-batch+json"),
    )),
    responses(
        (status = 200, description = "All of them are counted, now or before", body = UsageBatch),
        (status = 207, description = "Some are refused", body = UsageBatch),
        Problems,
    ),
    extensions(
        ("x-gantry-codes" = json!(["access_restricted", "no_organization", "rate_limited"])),
        ("x-gantry-limits" = json!(["ingest"])),
        ("x-gantry-budget" = json!({"calls": 12, "read_units": 115, "write_units": 300})),
        ("x-gantry-usage" = json!({"organization": 100, "events": 0, "answer_bytes": 4000})),
    ),
)]
pub(crate) async fn record(
    State(api): State<Api>,
    reporter: MemberOrKey<WriteUsage, Reading>,
    limiter: Limiter,
    CloudEvents(events): CloudEvents<MOST_AT_ONCE>,
) -> Result<Response, Problem> {
    limiter.take(&ingest(), &reporter.permit.tenant().to_string()).await?;
    let now = api.table.clock().now();
    let read = events.iter().map(|event| usage::read(event, now)).collect();
    let outcomes = usage::record(&api.table, &reporter.cause(), &reporter.permit, read).await?;
    let items: Vec<_> = events.iter().zip(outcomes).map(|(event, outcome)| item(event, outcome)).collect();
    let count = |status| items.iter().filter(|item| item.status == status).count();
    let [accepted, duplicate, refused] =
        [UsageStatus::Accepted, UsageStatus::Duplicate, UsageStatus::Refused].map(count);
    let status = if refused == 0 { StatusCode::OK } else { StatusCode::MULTI_STATUS };
    Ok(Answer::new(status, &UsageBatch { accepted, duplicate, refused, items }).into_response())
}

fn item(event: &Value, outcome: Outcome) -> UsageItem {
    let id = event["id"].as_str().map(str::to_owned);
    let (status, refusal) = match outcome {
        Outcome::Accepted => (UsageStatus::Accepted, None),
        Outcome::Duplicate => (UsageStatus::Duplicate, None),
        Outcome::Refused(refusal) => (UsageStatus::Refused, Some(refusal)),
    };
    let code = refusal.as_ref().map(|refusal| refusal.code.to_owned());
    UsageItem { id, status, code, detail: refusal.map(|refusal| refusal.detail) }
}
