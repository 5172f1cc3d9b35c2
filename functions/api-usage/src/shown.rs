use access::{Reading, needs::ReadUsage};
use http_api::{Answer, IntoResponse, MemberOrKey, Problem, Problems, Response, Searched, State};
use primitives::{Page, Text, Time};
use serde::Deserialize;
use usage::{
    UsageError,
    api::{Meter, Quota, UsageReport, Window},
};
use usage_ledger::METERS;

use crate::{Api, refused};

/// What is counted: all of it.
#[utoipa::path(
    get, path = "/v1/usage/meters", tag = "Usage", operation_id = "listMeters",
    security(("access_token" = []), ("api_key" = [])),
    responses((status = 200, description = "The meters", body = Page<Meter>), Problems),
    extensions(
        ("x-gantry-codes" = json!(["access_restricted", "no_organization"])),
        ("x-gantry-budget" = json!({"calls": 1, "read_units": 2, "write_units": 0})),
        ("x-gantry-usage" = json!({"organization": 1, "events": 0, "answer_bytes": 900})),
    ),
)]
pub(crate) async fn meters(_: MemberOrKey<ReadUsage, Reading>) -> Response {
    let items = METERS.iter().map(Meter::of).collect();
    Answer::ok(&Page { items, next_cursor: None }).into_response()
}

/// Which usage is asked for.
#[derive(Debug, Deserialize)]
pub(crate) struct Asked {
    meter: Text<1, 64>,
    from: Option<Time>,
    to: Option<Time>,
    #[serde(default)]
    window: Window,
}

/// What was used of something, by hour, day or month, all in UTC. It is summed up within an hour of each
/// hour's end, and again when something comes late: up to 48 hours.
#[utoipa::path(
    get, path = "/v1/usage", tag = "Usage", operation_id = "queryUsage",
    security(("access_token" = []), ("api_key" = [])),
    params(
        ("meter" = String, Query, min_length = 1, max_length = 64, description = "What was counted, by the meter's name"),
        ("from" = Option<Time>, Query, description = "From the span on that this is in; where it is not said, for so long as one row more would be too many, and 31 rows at most"),
        ("to" = Option<Time>, Query, description = "Up to the span that this is in; up to now where it is not said"),
        ("window" = inline(Option<Window>), Query, description = "How long a row is: of hours at most 168 are had at once, of days 93, of months 24. A day where nothing is said"),
    ),
    responses((status = 200, description = "What was used", body = UsageReport), Problems),
    extensions(
        ("x-gantry-codes" = json!(["access_restricted", "no_organization"])),
        ("x-gantry-budget" = json!({"calls": 2, "read_units": 3, "write_units": 0})),
        ("x-gantry-usage" = json!({"organization": 20, "events": 0, "answer_bytes": 3000})),
    ),
)]
pub(crate) async fn report(
    State(api): State<Api>,
    reader: MemberOrKey<ReadUsage, Reading>,
    Searched(Asked { meter, from, to, window }): Searched<Asked>,
) -> Result<Response, Problem> {
    let span = (from.map(Time::timestamp), to.map(Time::timestamp));
    let report = usage::report(&api.table, &reader.permit, meter.as_str(), span, window).await;
    let refused =
        |error| refused(if matches!(error, UsageError::UnknownMeter) { "?meter" } else { "?from" }, error);
    Ok(Answer::ok(&report.map_err(refused)?).into_response())
}

/// How much of each quota of the organization's plan is used in this month, to the moment.
#[utoipa::path(
    get, path = "/v1/usage/quotas", tag = "Usage", operation_id = "listQuotas",
    security(("access_token" = []), ("api_key" = [])),
    responses((status = 200, description = "The quotas", body = Page<Quota>), Problems),
    extensions(
        ("x-gantry-codes" = json!(["access_restricted", "no_organization"])),
        ("x-gantry-budget" = json!({"calls": 2, "read_units": 18, "write_units": 0})),
        ("x-gantry-usage" = json!({"organization": 20, "events": 0, "answer_bytes": 400})),
    ),
)]
pub(crate) async fn quotas(
    State(api): State<Api>,
    reader: MemberOrKey<ReadUsage, Reading>,
) -> Result<Response, Problem> {
    let items = usage::quotas(&api.table, &reader.permit).await?;
    Ok(Answer::ok(&Page { items, next_cursor: None }).into_response())
}
