use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use aws_smithy_runtime_api::client::{
    http::{HttpConnector, SharedHttpClient},
    orchestrator::HttpRequest,
    result::ConnectorError,
};

use crate::tapped::tapped;

/// Loses the answer to the first call of each operation: it is carried out, and its caller sees the
/// connection break.
#[derive(Clone, Debug, Default)]
pub struct LostAnswers(Arc<Mutex<HashSet<String>>>);

impl LostAnswers {
    /// An HTTP client, for plain HTTP, whose answers get lost.
    pub fn http_client(&self) -> SharedHttpClient {
        let lost = Arc::clone(&self.0);
        tapped(move |request, connector| {
            let is_first = lost.lock().unwrap_or_else(PoisonError::into_inner).insert(operation(&request));
            async move {
                let answer = connector.call(request).await;
                if is_first { Err(ConnectorError::io("the answer is lost".into())) } else { answer }
            }
        })
    }

    /// The operations whose answer was lost, sorted.
    pub fn operations(&self) -> Vec<String> {
        let lost = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut operations: Vec<_> = lost.iter().cloned().collect();
        operations.sort();
        operations
    }
}

/// The operation's name: services tell it in a header, in the body's first field or in the path.
fn operation(request: &HttpRequest) -> String {
    if let Some(target) = request.headers().get("x-amz-target") {
        return target.rsplit('.').next().unwrap_or_default().to_owned();
    }
    let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned();
    let action = body.strip_prefix("Action=").and_then(|rest| rest.split('&').next());
    action.map_or_else(|| request.uri().rsplit('/').next().unwrap_or_default().to_owned(), str::to_owned)
}
