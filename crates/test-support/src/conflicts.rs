use std::{
    collections::HashSet,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex, PoisonError},
};

use aws_smithy_runtime_api::client::{
    http::{HttpConnector, SharedHttpClient},
    orchestrator::{HttpRequest, HttpResponse},
};
use serde_json::{Value, json};

use crate::tapped::tapped;

/// Refuses writes as `DynamoDB` does while another transaction holds an item of theirs, which the embedded
/// engine never does: nothing is written, and the same again may go through. No write is refused twice.
///
/// Which ones are refused depends on the seed and on how often each request came before, and not on time.
#[derive(Clone, Debug)]
pub struct Conflicts(Arc<State>);

#[derive(Debug)]
struct State {
    percent: u64,
    seed: u64,
    seen: Mutex<HashSet<u64>>,
    refused: Mutex<usize>,
}

impl Default for Conflicts {
    /// Every write, the first time that it is sent: so the same work makes the same calls each time.
    fn default() -> Self {
        Self::of(100, 0)
    }
}

impl Conflicts {
    /// About so many of a hundred writes.
    pub fn of(percent: u64, seed: u64) -> Self {
        Self(Arc::new(State { percent, seed, seen: Mutex::default(), refused: Mutex::default() }))
    }

    /// An HTTP client, for plain HTTP, whose writes are refused.
    pub fn http_client(&self) -> SharedHttpClient {
        let conflicts = self.clone();
        tapped(move |request, connector| {
            let refusal = conflicts.refusal(&request);
            async move {
                match refusal {
                    Some(refusal) => Ok(refusal),
                    None => connector.call(request).await,
                }
            }
        })
    }

    /// How many writes were refused.
    pub fn count(&self) -> usize {
        *self.0.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The answer to a write that is refused.
    pub(crate) fn refusal(&self, request: &HttpRequest) -> Option<HttpResponse> {
        let operation = request.headers().get("x-amz-target")?.strip_prefix("DynamoDB_20120810.")?;
        if !["TransactWriteItems", "PutItem", "UpdateItem", "DeleteItem"].contains(&operation) {
            return None;
        }
        let body = request.body().bytes().unwrap_or_default();
        let mut hasher = DefaultHasher::new();
        (self.0.seed, body).hash(&mut hasher);
        let chance = hasher.finish();
        let is_new = self.0.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(chance);
        if !is_new || chance % 100 >= self.0.percent {
            return None;
        }
        *self.0.refused.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        let answer = if operation == "TransactWriteItems" { canceled(body, chance) } else { held() };
        Some(HttpResponse::new(400.try_into().ok()?, answer.to_string().into()))
    }
}

const HELD: &str = "Transaction is ongoing for the item";

/// What a single write gets (`TransactionConflictException`).
fn held() -> Value {
    json!({ "__type": "com.amazonaws.dynamodb.v20120810#TransactionConflictException", "message": HELD })
}

/// What a transaction gets, one of whose items another holds (`TransactionCanceledException`).
fn canceled(body: &[u8], chance: u64) -> Value {
    let request: Value = serde_json::from_slice(body).unwrap_or_default();
    let items = request["TransactItems"].as_array().map_or(1, Vec::len).max(1);
    let place = usize::try_from(chance / 100).unwrap_or_default() % items;
    let reasons = (0..items).map(|item| {
        if item == place {
            json!({ "Code": "TransactionConflict", "Message": HELD })
        } else {
            json!({ "Code": "None" })
        }
    });
    json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message": "Transaction cancelled, please refer cancellation reasons for specific reasons",
        "CancellationReasons": reasons.collect::<Vec<_>>(),
    })
}
