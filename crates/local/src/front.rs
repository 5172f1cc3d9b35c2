//! The front door: HTTP → API Gateway's REST proxy event → function → HTTP.

mod answer;
mod event;
mod routes;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{ConnectInfo, Request, State as Shared};
use axum::response::{Redirect, Response};
use axum::routing::get;
use http::header;

use crate::engine::{Engine, InvokeError, Trigger};
use answer::Refusal;
use routes::Routes;

/// Largest request that API Gateway takes, bytes.
const BODY_LIMIT: usize = 10 * 1024 * 1024;
/// Longest time that API Gateway waits for a function.
const INTEGRATION_TIMEOUT: Duration = Duration::from_secs(29);

/// The front door of one cloud.
#[derive(Clone)]
pub(crate) struct Front {
    engine: Arc<Engine>,
    routes: Arc<Routes>,
}

impl Front {
    pub(crate) fn new(engine: Arc<Engine>) -> Self {
        let routes = Arc::new(Routes::new(&engine.template.routes));
        Self { engine, routes }
    }

    /// The router; what is not below `/_local` goes to the functions.
    pub(crate) fn router(self, page: Router, local_api: Router, issuer: Router) -> Router {
        Router::new()
            .fallback(handle)
            .with_state(self)
            .nest("/_local/api", local_api)
            .nest("/_local/oidc", issuer)
            .nest("/_local", page)
            // A nested root answers without the slash only.
            .route("/_local/", get(async || Redirect::temporary("/_local")))
    }

    /// Answers a request as the API would. `source` is the caller's address.
    pub(crate) async fn respond(&self, request: Request, source: SocketAddr) -> Response {
        let headers = request.headers().clone();
        match self.try_respond(request, source).await {
            Ok(response) => response,
            Err(refusal) => refusal.response(&self.engine.template.gateway_responses, &headers),
        }
    }

    async fn try_respond(&self, request: Request, source: SocketAddr) -> Result<Response, Refusal> {
        let (parts, body) = request.into_parts();
        if !parts.headers.contains_key(header::HOST) && parts.uri.host().is_none() {
            return Err(Refusal::NoHost);
        }
        let matched = self
            .routes
            .find(parts.method.as_str(), parts.uri.path())
            .ok_or(Refusal::MissingAuthenticationToken)?;
        let body = to_bytes(body, BODY_LIMIT).await.map_err(|_| Refusal::RequestTooLarge)?;
        let event = event::proxy_event(&event::Input {
            parts: &parts,
            body: &body,
            source,
            matched: &matched,
            stage: &self.engine.template.stage,
            now: self.engine.clock.now(),
        });
        let function = &matched.route.function;
        let permit = self.engine.functions.try_permit(function).map_err(|_| Refusal::Throttled)?;
        let trigger = Trigger::Http(format!("{} {}", parts.method, matched.route.path));
        let call = self.engine.invoke(function, event, trigger, permit);
        match tokio::time::timeout(INTEGRATION_TIMEOUT, call).await {
            Err(_) => Err(Refusal::IntegrationTimeout),
            Ok(Err(InvokeError::Throttled)) => Err(Refusal::Throttled),
            Ok(Err(_)) => Err(Refusal::BadAnswer),
            Ok(Ok(answer)) => answer::response(&answer, &parts.method).ok_or(Refusal::BadAnswer),
        }
    }
}

async fn handle(
    Shared(front): Shared<Front>,
    ConnectInfo(source): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    // A caller that hangs up does not stop the function.
    let (engine, headers) = (Arc::clone(&front.engine), request.headers().clone());
    let call = engine.calls.spawn(async move { front.respond(request, source).await });
    call.await.unwrap_or_else(|_| Refusal::BadAnswer.response(&engine.template.gateway_responses, &headers))
}
