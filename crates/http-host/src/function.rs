use std::convert::Infallible;

use http::header;
use http_api::{Response, StatusCode, axum::Router};
use lambda_host::{Error, Function, Host, LambdaEvent};
use lambda_http::{Adapter, Request, Service, service_fn};
use tower::ServiceExt;

use crate::event;

/// A function behind API Gateway, of a REST API or an HTTP API. `routes` are the edge's wrapped
/// routes.
///
/// `lambda_http` gives the answer the form of the gateway that asked. The request it would read
/// itself is put aside: it parses an URL, where `..` and `\` lead to another route than the one the
/// gateway chose, and a `Host` brings a path of its own. Ours is made of the event's own path and
/// query.
pub fn function(host: &Host, routes: Router) -> Function {
    Function::new(host, move |event| {
        let routes = routes.clone();
        async move {
            let (payload, context) = event.into_parts();
            let version = event::Version::of(&payload);
            let shell = event::shell(version);
            let service = service_fn(move |_: Request| {
                let (routes, request) = (routes.clone(), event::request(&payload, version));
                async move {
                    let answer = routes.oneshot(request?).await;
                    let answer = answer.unwrap_or_else(|error: Infallible| match error {});
                    Ok::<_, Error>(without_content(answer))
                }
            });
            // the adapter is not `Send`: it must be gone before the first wait
            let answer = Adapter::from(service).call(LambdaEvent::new(shell, context));
            Ok(serde_json::to_value(answer.await?)?)
        }
    })
}

/// An answer that has no content says nothing of one (RFC 9110, section 8.6); axum gives each a
/// length.
fn without_content(mut answer: Response) -> Response {
    if matches!(answer.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
        answer.headers_mut().remove(header::CONTENT_LENGTH);
        answer.headers_mut().remove(header::CONTENT_TYPE);
    }
    answer
}
