//! The table's stream as `DynamoDB` hands it over: a table's items are spread over shards, so that the rows
//! of one transaction come apart, and in another order. The embedded engine hands them over together.

use std::sync::Arc;

use lambda_host::{Error, LambdaEvent};
use local::{Function, Registry};
use serde_json::{Value, json};

/// The worker that reads the stream.
const READER: &str = "stream-outbox";

/// The same functions, of which the one that reads the stream is given each batch in two parts, every other
/// record first.
pub(crate) fn torn(functions: Registry) -> Registry {
    let Some(build) = functions.get(READER).cloned() else { return functions };
    functions.with(READER, move |setting| {
        let reader = build(setting);
        async move { Ok(in_two_parts(reader.await?)) }
    })
}

fn in_two_parts(reader: Function) -> Function {
    Arc::new(move |event| {
        let reader = Arc::clone(&reader);
        Box::pin(async move { both(&reader, event).await })
    })
}

async fn both(reader: &Function, event: LambdaEvent<Value>) -> Result<Value, Error> {
    let records = event.payload["Records"].as_array().cloned().unwrap_or_default();
    let mut failed = Vec::new();
    for odd in [1, 0] {
        let part: Vec<_> = records.iter().skip(odd).step_by(2).collect();
        if !part.is_empty() {
            let part = LambdaEvent::new(json!({ "Records": part }), event.context.clone());
            let answer = reader(part).await?;
            failed.extend(answer["batchItemFailures"].as_array().cloned().unwrap_or_default());
        }
    }
    Ok(json!({ "batchItemFailures": failed }))
}

#[tokio::test]
async fn every_other_record_comes_first_and_what_failed_is_said() {
    let reader: Function = Arc::new(|event| {
        let records = event.payload["Records"].as_array().unwrap();
        let failed = records.iter().filter(|record| record["fails"] == true);
        let failed: Vec<_> = failed.map(|record| json!({ "itemIdentifier": record["number"] })).collect();
        Box::pin(async move { Ok(json!({ "batchItemFailures": failed })) })
    });
    let record = |number: u64| json!({ "number": number, "fails": number == 1 || number == 2 });
    let event = json!({ "Records": (0..5).map(record).collect::<Vec<_>>() });
    let answer = both(&reader, LambdaEvent::new(event, lambda_host::Context::default())).await.unwrap();
    assert_eq!(
        answer,
        json!({ "batchItemFailures": [{ "itemIdentifier": 1 }, { "itemIdentifier": 2 }] }),
        "those of the odd records first"
    );
}
