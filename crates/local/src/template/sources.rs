//! Events of a SAM function: routes, queues, streams and schedules.

use serde_json::{Value, json};

use super::read::{Reader, number, required};
use super::{QueueSourceSpec, RouteSpec, ScheduleSpec, StreamSourceSpec, TemplateError};
use crate::pattern::Pattern;

/// Most messages of a FIFO queue in one call.
const FIFO_BATCH: u32 = 10;

/// Adds one entry of a function's `Events`.
pub(super) fn event(
    reader: &mut Reader<'_>,
    logical_id: &str,
    function: &str,
    event_id: &str,
    event: &Value,
) -> Result<(), TemplateError> {
    let at = format!("{logical_id}.Events.{event_id}");
    let properties = &event["Properties"];
    if properties["Enabled"] == json!(false) || properties["State"] == "DISABLED" {
        return Ok(());
    }
    match event["Type"].as_str().unwrap_or_default() {
        "Api" => {
            let method = required(properties, "Method", &at)?.to_uppercase();
            let path = required(properties, "Path", &at)?;
            reader.template.routes.push(RouteSpec { path, method, function: function.to_owned() });
        }
        "SQS" => {
            let queue_arn = required(properties, "Queue", &at)?;
            let batch_size = number(properties, "BatchSize", 10);
            if reader.template.queue_by_arn(&queue_arn).is_some_and(|queue| queue.fifo.is_some()) {
                if batch_size > FIFO_BATCH {
                    let problem = format!("is {FIFO_BATCH} at most for a FIFO queue");
                    return Err(TemplateError::invalid(format!("{at}.BatchSize"), problem));
                }
                let window = "MaximumBatchingWindowInSeconds";
                if number(properties, window, 0) > 0 {
                    let problem = "a FIFO queue has no batching window; leave it out";
                    return Err(TemplateError::invalid(format!("{at}.{window}"), problem));
                }
            }
            let source = QueueSourceSpec {
                queue_arn,
                function: function.to_owned(),
                batch_size,
                partial_failures: partial_failures(properties),
                filters: filters(properties, &at)?,
                maximum_concurrency: properties["ScalingConfig"]["MaximumConcurrency"]
                    .as_u64()
                    .and_then(|limit| u32::try_from(limit).ok()),
            };
            reader.template.queue_sources.push(source);
        }
        "DynamoDB" => {
            let source = stream_source(function, properties, &at)?;
            reader.template.stream_sources.push(source);
        }
        kind @ ("ScheduleV2" | "Schedule") => {
            let expression =
                properties["ScheduleExpression"].as_str().or_else(|| properties["Schedule"].as_str());
            reader.template.schedules.push(ScheduleSpec {
                name: properties["Name"]
                    .as_str()
                    .map_or_else(|| format!("{logical_id}{event_id}"), str::to_owned),
                expression: expression
                    .ok_or_else(|| TemplateError::invalid(&at, "needs a ScheduleExpression"))?
                    .to_owned(),
                time_zone: properties["ScheduleExpressionTimezone"].as_str().unwrap_or("UTC").to_owned(),
                function: function.to_owned(),
                input: properties["Input"].as_str().map(str::to_owned),
                source: if kind == "Schedule" { "aws.events" } else { "aws.scheduler" },
                rotates: None,
            });
        }
        kind => {
            return Err(TemplateError::invalid(
                at,
                format!(
                    "events of the type {kind} are not run locally; use Api, SQS, DynamoDB or ScheduleV2"
                ),
            ));
        }
    }
    Ok(())
}

fn stream_source(function: &str, properties: &Value, at: &str) -> Result<StreamSourceSpec, TemplateError> {
    let stream_arn = required(properties, "Stream", at)?;
    let table = stream_arn
        .split('/')
        .nth(1)
        .ok_or_else(|| TemplateError::invalid(format!("{at}.Stream"), "must be the StreamArn of a table"))?
        .to_owned();
    Ok(StreamSourceSpec {
        table,
        stream_arn,
        function: function.to_owned(),
        batch_size: number(properties, "BatchSize", 100),
        partial_failures: partial_failures(properties),
        filters: filters(properties, at)?,
        bisect: properties["BisectBatchOnFunctionError"] == json!(true),
        maximum_retries: properties["MaximumRetryAttempts"]
            .as_i64()
            .and_then(|attempts| u32::try_from(attempts).ok()),
        on_failure: properties["DestinationConfig"]["OnFailure"]["Destination"].as_str().map(str::to_owned),
    })
}

fn partial_failures(properties: &Value) -> bool {
    properties["FunctionResponseTypes"]
        .as_array()
        .is_some_and(|types| types.iter().any(|kind| kind == "ReportBatchItemFailures"))
}

fn filters(properties: &Value, at: &str) -> Result<Vec<Pattern>, TemplateError> {
    properties["FilterCriteria"]["Filters"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|filter| {
            let at = format!("{at}.FilterCriteria");
            let text = required(filter, "Pattern", &at)?;
            let pattern: Value = serde_json::from_str(&text)
                .map_err(|error| TemplateError::invalid(&at, format!("is not JSON: {error}")))?;
            Pattern::read(&pattern).map_err(|error| TemplateError::invalid(&at, error.to_string()))
        })
        .collect()
}
