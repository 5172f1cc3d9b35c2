use std::{fmt, sync::Arc};

use aws_smithy_http_client::Builder;
use aws_smithy_runtime_api::client::{
    http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
        SharedHttpConnector,
    },
    orchestrator::HttpRequest,
    runtime_components::RuntimeComponents,
};

use crate::replicas::late_reads_over;

/// An HTTP client, for plain HTTP, each of whose calls goes through `tap`, which makes it with the connector
/// it is given, or does not. Its eventual reads are late where they are ([`crate::Replicas`]).
pub(crate) fn tapped<T, F>(tap: T) -> SharedHttpClient
where
    T: Fn(HttpRequest, SharedHttpConnector) -> F + Send + Sync + 'static,
    F: Future<Output = <HttpConnectorFuture as Future>::Output> + Send + 'static,
{
    tapped_over(late_reads_over(Builder::new().build_http()), tap)
}

/// The same over another HTTP client.
pub(crate) fn tapped_over<T, F>(inner: SharedHttpClient, tap: T) -> SharedHttpClient
where
    T: Fn(HttpRequest, SharedHttpConnector) -> F + Send + Sync + 'static,
    F: Future<Output = <HttpConnectorFuture as Future>::Output> + Send + 'static,
{
    SharedHttpClient::new(Tapped { inner, tap: Arc::new(tap) })
}

struct Tapped<I, T> {
    inner: I,
    tap: Arc<T>,
}

impl<I, T> fmt::Debug for Tapped<I, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tapped")
    }
}

impl<T, F> HttpClient for Tapped<SharedHttpClient, T>
where
    T: Fn(HttpRequest, SharedHttpConnector) -> F + Send + Sync + 'static,
    F: Future<Output = <HttpConnectorFuture as Future>::Output> + Send + 'static,
{
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(Tapped { inner, tap: Arc::clone(&self.tap) })
    }
}

impl<T, F> HttpConnector for Tapped<SharedHttpConnector, T>
where
    T: Fn(HttpRequest, SharedHttpConnector) -> F + Send + Sync + 'static,
    F: Future<Output = <HttpConnectorFuture as Future>::Output> + Send + 'static,
{
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new((self.tap)(request, self.inner.clone()))
    }
}
