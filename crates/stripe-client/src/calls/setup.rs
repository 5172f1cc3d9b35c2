use serde_json::Value;
use stripe_client_core::{RequestBuilder, StripeMethod};

use crate::{Client, StripeError};

/// For whoever sets an account up, and reads and writes it as Stripe's pages describe it.
impl Client {
    /// What is at this path below `/v1`.
    pub async fn shown(&self, path: &str, query: &Value) -> Result<Value, StripeError> {
        self.ask(RequestBuilder::new(StripeMethod::Get, path).query(query), None).await
    }

    /// Has something made or changed at this path below `/v1`; gives what it is now.
    pub async fn order(&self, path: &str, form: &Value) -> Result<Value, StripeError> {
        self.ask(RequestBuilder::new(StripeMethod::Post, path).form(form), None).await
    }
}
