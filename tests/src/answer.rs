//! An HTTP answer, taken apart.

use reqwest::{RequestBuilder, StatusCode, header::HeaderMap};
use serde_json::Value;

/// What a request was answered with.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    /// The body as JSON; a text where it is none.
    pub body: Value,
}

impl Answer {
    /// Sends the request and reads the whole answer.
    pub async fn to(request: RequestBuilder) -> Result<Self, reqwest::Error> {
        let answer = request.send().await?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let bytes = answer.bytes().await?;
        let body = serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned()));
        Ok(Self { status, headers, body })
    }

    /// The code of a problem document that one of our functions wrote.
    ///
    /// # Panics
    /// Where it is none, or not a whole one.
    pub fn problem(&self) -> &str {
        let code = self.gateway_problem();
        assert_eq!(self.body["status"], self.status.as_u16(), "{self:?}");
        let correlation_id = self.headers["x-correlation-id"].to_str().ok();
        assert_eq!(self.body["instance"].as_str(), correlation_id, "{self:?}");
        code
    }

    /// The same of one that API Gateway wrote, which knows no correlation id.
    ///
    /// # Panics
    /// Where it is none, or not a whole one.
    pub fn gateway_problem(&self) -> &str {
        assert_eq!(self.headers["content-type"], "application/problem+json", "{self:?}");
        for field in ["type", "title", "detail", "instance"] {
            assert!(self.body[field].is_string(), "{field} in {self:?}");
        }
        self.body["code"].as_str().unwrap_or_else(|| panic!("code in {self:?}"))
    }

    /// The code, or nothing where it is no problem document.
    pub fn problem_or_empty(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    /// The same with the tokens that signing in or switching led to as its body.
    ///
    /// # Panics
    /// Where it led to none.
    #[must_use]
    pub fn tokens(mut self) -> Self {
        assert_eq!(self.body["status"], "complete", "{self:?}");
        self.body = self.body["tokens"].take();
        self
    }

    /// The text at this JSON pointer.
    ///
    /// # Panics
    /// Where there is none.
    pub fn text(&self, pointer: &str) -> String {
        let text = self.body.pointer(pointer).and_then(Value::as_str);
        text.unwrap_or_else(|| panic!("{pointer} in {self:?}")).to_owned()
    }
}
