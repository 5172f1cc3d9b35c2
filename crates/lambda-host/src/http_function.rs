use std::convert::Infallible;

use http_api::{
    Edge, OpenApiRouter,
    axum::{Router, body::to_bytes},
};
use tower::ServiceExt;

use crate::{function::Function, host::Host, http_event};

impl Host {
    /// A function behind API Gateway, of a REST API or an HTTP API. `routes` are the edge's wrapped routes.
    ///
    /// The request is made of the event's own path and query. Nothing is parsed as an URL, where `..` and `\` would lead to
    /// another route than the one the gateway chose, and a `Host` could bring a path of its own.
    pub fn http(&self, routes: Router) -> Function {
        Function::new(self, move |event| {
            let routes = routes.clone();
            async move {
                let version = http_event::Version::of(&event.payload);
                let request = http_event::request(&event.payload, version)?;
                let answer = routes.oneshot(request).await.unwrap_or_else(|error: Infallible| match error {});
                let (parts, body) = answer.into_parts();
                Ok(http_event::answer(&parts, &to_bytes(body, usize::MAX).await?, version))
            }
        })
    }

    /// The routes, wrapped by the edge.
    pub async fn api(&self, routes: OpenApiRouter) -> Result<Function, lambda_runtime::Error> {
        let edge: Edge = self.edge().await?;
        Ok(self.http(edge.wrap(routes)))
    }
}
