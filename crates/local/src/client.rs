//! A client of the front door. What a demo is built with and what keeps a directory is sent over HTTP, as
//! from anybody else, so that nothing of it can do what a customer's program could not.

use std::time::Duration;

use anyhow::{Context as _, bail};
use axum::body::{Body, to_bytes};
use http::{HeaderMap, Method, Request, StatusCode, header};
use hyper_util::client::legacy::Client as Connections;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

const JSON: &str = "application/json";
/// Bytes of an answer that are read.
const ANSWER_LIMIT: usize = 10 * 1024 * 1024;
/// Longer than the front door waits for a function, and the local API for everything to come to rest.
const TIME_LIMIT: Duration = Duration::from_secs(45);

/// Calls the API at one address.
pub(crate) struct Client {
    connections: Connections<HttpConnector, Body>,
    api_url: String,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// The body's JSON; a text where it is none, and null where there is no body.
    pub(crate) body: Value,
}

impl Answer {
    /// The code of a problem document.
    pub(crate) fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    /// A header's text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Why this is no good answer, in the words of the product (problem documents, errors of SCIM).
    pub(crate) fn refusal(&self) -> Option<String> {
        if self.status.is_success() {
            return None;
        }
        let said = self.body["detail"].as_str().or_else(|| self.body["error"].as_str()).unwrap_or_default();
        let code = if self.code().is_empty() { String::new() } else { format!(" {}", self.code()) };
        let error = &self.body["errors"][0];
        let place =
            error["pointer"].as_str().map_or(String::new(), |pointer| format!(" ({pointer}: {error})"));
        Some(format!("{}{code}: {said}{place}", self.status.as_u16()))
    }
}

impl Client {
    pub(crate) fn new(api_url: &str) -> Self {
        let connections = Connections::builder(TokioExecutor::new()).build_http();
        Self { connections, api_url: api_url.to_owned() }
    }

    /// Sends a request: to a path, or to an address of the same place. `content` is a body with its type.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        content: Option<(&str, String)>,
    ) -> anyhow::Result<Answer> {
        let path = path.strip_prefix(&self.api_url).unwrap_or(path);
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.api_url));
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let body = match content {
            None => Body::empty(),
            Some((kind, text)) => {
                request = request.header(header::CONTENT_TYPE, kind);
                Body::from(text)
            }
        };
        let answered = async {
            let response = self.connections.request(request.body(body)?).await?;
            let (parts, body) = response.into_parts();
            anyhow::Ok((parts, to_bytes(Body::new(body), ANSWER_LIMIT).await?))
        };
        let (parts, bytes) =
            tokio::time::timeout(TIME_LIMIT, answered).await.context("no answer came in time")??;
        let body = if bytes.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&bytes)
                .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned()))
        };
        Ok(Answer { status: parts.status, headers: parts.headers, body })
    }

    /// Sends JSON; null is no body.
    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: &Value,
    ) -> anyhow::Result<Answer> {
        let content = (!body.is_null()).then(|| (JSON, body.to_string()));
        let asked = format!("{method} {path}");
        self.send(method, path, token, content).await.with_context(|| format!("{asked} was not answered"))
    }

    /// Sends JSON, and gives the answer's. A refusal is an error.
    pub(crate) async fn must(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: &Value,
    ) -> anyhow::Result<Value> {
        let asked = format!("{method} {path}");
        let answer = self.call(method, path, token, body).await?;
        if let Some(refusal) = answer.refusal() {
            bail!("{asked} was answered with {refusal}");
        }
        Ok(answer.body)
    }
}
