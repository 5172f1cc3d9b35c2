use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use aws_smithy_runtime_api::client::{
    http::{HttpConnector, SharedHttpClient},
    result::ConnectorError,
};

use crate::tapped::tapped;

/// An HTTP client, for plain HTTP, that lets so many calls of this operation through, and fails all later
/// ones before they are carried out.
pub fn failing(operation: &'static str, let_through: usize) -> SharedHttpClient {
    let calls = Arc::new(AtomicUsize::new(0));
    tapped(move |request, connector| {
        let is_one = request.headers().get("x-amz-target").is_some_and(|target| target.ends_with(operation));
        let fails = is_one && calls.fetch_add(1, Ordering::SeqCst) >= let_through;
        async move {
            if fails {
                // an error of the caller's own is not tried again, so a test need not wait for the SDK to
                // give up
                return Err(ConnectorError::user(format!("{operation} fails").into()));
            }
            connector.call(request).await
        }
    })
}
