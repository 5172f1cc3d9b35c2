use std::{
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpClient};

use crate::tapped::tapped;

/// An HTTP client, for plain HTTP, that lets something else happen before a call of this operation goes out,
/// after so many others of it: what others do between a read and the write that rests on it, or between two
/// reads.
pub fn meanwhile(
    operation: &'static str,
    after: usize,
    work: impl Future<Output = ()> + Send + 'static,
) -> SharedHttpClient {
    let work: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(work);
    let (work, calls) = (Arc::new(Mutex::new(Some(work))), AtomicUsize::new(0));
    tapped(move |request, connector| {
        let is_now = request.headers().get("x-amz-target").is_some_and(|target| target.ends_with(operation));
        let is_now = is_now && calls.fetch_add(1, Ordering::SeqCst) == after;
        let work = is_now.then(|| work.lock().unwrap_or_else(PoisonError::into_inner).take()).flatten();
        async move {
            if let Some(work) = work {
                work.await;
            }
            connector.call(request).await
        }
    })
}
