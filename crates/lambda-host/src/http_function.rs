use std::net::IpAddr;

use http_api::{OpenApiRouter, Peer, axum::Router};
use lambda_http::{Adapter, Service, request::RequestContext};
use lambda_runtime::LambdaEvent;

use crate::{function::Function, host::Host};

impl Host {
    /// A function behind API Gateway. `routes` are the edge's wrapped routes.
    pub fn http(&self, routes: Router) -> Function {
        let routes = routes.layer(http_api::axum::middleware::map_request(with_peer));
        Function::new(self, move |event| {
            let routes = routes.clone();
            async move {
                let (mut payload, context) = event.into_parts();
                // lambda_http would put the stage in front of the path, where no route of ours has it.
                if let Some(stage) = payload.pointer_mut("/requestContext/stage") {
                    *stage = "$default".into();
                }
                let request = serde_json::from_value(payload)?;
                // the adapter is not `Send`: it must be gone before the first wait
                let response = Adapter::from(routes).call(LambdaEvent::new(request, context));
                Ok(serde_json::to_value(response.await?)?)
            }
        })
    }

    /// The routes and their description, wrapped by the edge.
    pub async fn api(&self, routes: OpenApiRouter) -> Result<Function, lambda_runtime::Error> {
        let edge = self.edge().await?;
        let (routes, _) = routes.split_for_parts();
        Ok(self.http(edge.wrap(routes)))
    }
}

/// Tells the edge which address opened the connection, as API Gateway saw it.
async fn with_peer(mut request: http_api::axum::extract::Request) -> http_api::axum::extract::Request {
    let address = match request.extensions().get::<RequestContext>() {
        Some(RequestContext::ApiGatewayV1(context)) => context.identity.source_ip.as_deref(),
        Some(RequestContext::ApiGatewayV2(context)) => context.http.source_ip.as_deref(),
        _ => None,
    };
    if let Some(address) = address.and_then(|address| address.parse::<IpAddr>().ok()) {
        request.extensions_mut().insert(Peer(address));
    }
    request
}
