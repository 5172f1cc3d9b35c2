use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::client::{
    http::{HttpConnector, SharedHttpClient},
    orchestrator::HttpRequest,
};

use crate::tapped::tapped;

/// Writes down every call to AWS that is made through one of its HTTP clients.
#[derive(Clone, Debug, Default)]
pub struct Recorder(Arc<Mutex<Vec<RecordedCall>>>);

/// A call as it goes over the wire: enough to tell what it asks for.
#[derive(Clone, Debug)]
pub struct RecordedCall {
    /// Whose HTTP client made it.
    pub caller: String,
    /// Path of the address.
    pub path: String,
    /// `X-Amz-Target`, where the service's protocol has it.
    pub target: Option<String>,
    /// The scope that it is signed for: date, region, service.
    pub scope: String,
    /// The body.
    pub body: Vec<u8>,
}

impl Recorder {
    /// An HTTP client, for plain HTTP, whose calls are written down under this name.
    pub fn http_client(&self, caller: &str) -> SharedHttpClient {
        let (calls, caller) = (Arc::clone(&self.0), caller.to_owned());
        tapped(move |request, connector| {
            calls.lock().unwrap_or_else(PoisonError::into_inner).push(recorded(&caller, &request));
            async move { connector.call(request).await }
        })
    }

    /// The calls so far.
    pub fn calls(&self) -> Vec<RecordedCall> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn recorded(caller: &str, request: &HttpRequest) -> RecordedCall {
    let header = |name: &str| request.headers().get(name).unwrap_or_default();
    // AWS4-HMAC-SHA256 Credential=<id>/<date>/<region>/<service>/aws4_request, SignedHeaders=…
    let credential = header("authorization").split_once("Credential=").unwrap_or_default().1;
    let scope = credential.split_once('/').unwrap_or_default().1;
    let path = request.uri().parse::<http::Uri>().map(|uri| uri.path().to_owned()).unwrap_or_default();
    RecordedCall {
        caller: caller.to_owned(),
        path,
        target: request.headers().get("x-amz-target").map(str::to_owned),
        scope: scope.split_once("/aws4_request").unwrap_or_default().0.to_owned(),
        body: request.body().bytes().unwrap_or_default().to_vec(),
    }
}
