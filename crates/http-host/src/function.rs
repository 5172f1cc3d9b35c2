use std::{convert::Infallible, future::ready, pin::Pin};

use http::header;
use http_api::{
    Response, StatusCode,
    axum::{Router, body::to_bytes},
};
use lambda_host::{Error, Function, Host, LambdaEvent};
use lambda_http::{Adapter, Body, IntoResponse, Request, Service, service_fn};
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
                    Formed::new(without_content(answer)).await
                }
            });
            // the adapter is not `Send`: it must be gone before the first wait
            let answer = Adapter::from(service).call(LambdaEvent::new(shell, context));
            Ok(serde_json::to_value(answer.await?)?)
        }
    })
}

/// An answer with the body that goes into the gateway's JSON.
///
/// What `lambda_http` does by itself reads a body in any encoding that the web has ever had. All of ours is
/// UTF-8, and the tables for the others would be a twentieth of each function.
struct Formed(http::Response<Body>);

impl Formed {
    async fn new(answer: Response) -> Result<Self, Error> {
        let (parts, body) = answer.into_parts();
        let bytes = to_bytes(body, usize::MAX).await?;
        let is_text = !parts.headers.contains_key(header::CONTENT_ENCODING);
        let body = match std::str::from_utf8(&bytes) {
            Ok(text) if is_text => Body::Text(text.to_owned()),
            _ => Body::Binary(bytes.into()),
        };
        Ok(Self(http::Response::from_parts(parts, body)))
    }
}

impl IntoResponse for Formed {
    fn into_response(self) -> Pin<Box<dyn Future<Output = http::Response<Body>> + Send>> {
        Box::pin(ready(self.0))
    }
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
