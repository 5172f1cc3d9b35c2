use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use aws_smithy_http_client::{Connector, tls};
use aws_smithy_runtime_api::client::{
    http::{HttpConnector, HttpConnectorSettings},
    orchestrator::{HttpRequest, HttpResponse},
};
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use http_body_util::{BodyExt, Limited};
use primitives::{Timestamp, json, random_secret};
use serde_json::Value;
use stripe::{IdempotencyKey, RequestStrategy, StripeRequest};
use stripe_billing::subscription::RetrieveSubscription;
use stripe_client_core::{CustomizedStripeRequest, RequestBuilder, StripeClient, StripeMethod, VERSION};

use crate::{ApiKey, CustomerId, StripeError, Subscription, SubscriptionId, fields::Fields, wire};

/// More than any single object or page of 100 takes.
const LARGEST_ANSWER: usize = 8 * 1024 * 1024;

/// How calls are made.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// Where Stripe is: scheme and authority, with or without a slash at the end.
    pub base_url: String,
    /// How long to wait for a connection.
    pub connect_timeout: Duration,
    /// How long one attempt may take, from connecting to the last byte.
    pub attempt_timeout: Duration,
    /// How many attempts at most, the first included.
    pub attempts: u32,
    /// The pause before the second attempt; it doubles before each further one, and up to as much
    /// is added at random.
    pub first_pause: Duration,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            base_url: "https://api.stripe.com/".to_owned(),
            connect_timeout: Duration::from_secs(2),
            attempt_timeout: Duration::from_secs(5),
            attempts: 3,
            first_pause: Duration::from_millis(200),
        }
    }
}

/// What a customer used, for a meter at Stripe.
#[derive(Clone, Copy, Debug)]
pub struct MeterEvent<'a> {
    /// What the meter calls its events.
    pub event: &'a str,
    /// Who.
    pub customer: &'a CustomerId,
    /// How much.
    pub value: u64,
    /// What it is known again by, for a day at least.
    pub identifier: &'a str,
    /// When.
    pub at: Timestamp,
}

/// Calls Stripe. Cheap to clone; all clones share their connections, the first of which is opened
/// by the first call.
#[derive(Clone, Debug)]
pub struct Client(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    connector: OnceLock<Connector>,
    key: ApiKey,
    options: ClientOptions,
}

impl Client {
    /// A client that acts for the account of `key`.
    pub fn new(key: ApiKey, options: ClientOptions) -> Self {
        Self(Arc::new(Inner { connector: OnceLock::new(), key, options }))
    }

    /// The subscription as it is at Stripe now.
    pub async fn subscription(&self, id: &SubscriptionId) -> Result<Subscription, StripeError> {
        let request = RetrieveSubscription::new(id.as_str()).build();
        let answer: miniserde::json::Value = request.customize().send(self).await?;
        let unreadable = |error: &dyn std::fmt::Display| StripeError::Unreadable(error.to_string());
        // Read like the same object in an event, so that neither bears less than the other.
        let object: serde_json::Value =
            json::from_str(&miniserde::json::to_string(&answer)).map_err(|error| unreadable(&error))?;
        let fields = Fields::of(&object).ok_or_else(|| unreadable(&"not an object"))?;
        Subscription::read(fields).map_err(|error| unreadable(&error))
    }

    /// Deletes a customer, with what Stripe knows of who it was: its subscriptions end at once; invoices and
    /// payments stay, without their customer. One that is deleted, or was never there, is deleted: however
    /// often it is asked for.
    pub async fn delete_customer(&self, id: &CustomerId) -> Result<(), StripeError> {
        let request = RequestBuilder::new(StripeMethod::Delete, format!("/customers/{}", id.as_str()));
        let answer: Result<miniserde::json::Value, _> = request.customize().send(self).await;
        let answer = match answer {
            Ok(answer) => miniserde::json::to_string(&answer),
            Err(StripeError::Refused { status: 404, code: Some(code), .. }) if code == "resource_missing" => {
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let answer: wire::Deleted =
            json::from_str(&answer).map_err(|error| StripeError::Unreadable(error.to_string()))?;
        if answer.deleted { Ok(()) } else { Err(StripeError::Unreadable("it is not deleted".to_owned())) }
    }

    /// Says that so much was used, once under its identifier: what Stripe knows by it already was said.
    pub async fn report_usage(&self, used: &MeterEvent<'_>) -> Result<(), StripeError> {
        let MeterEvent { event, customer, value, identifier, at } = used;
        let form = wire::NewMeterEvent {
            event_name: event,
            identifier,
            timestamp: at.as_second(),
            payload: wire::MeterPayload { stripe_customer_id: customer.as_str(), value: value.to_string() },
        };
        let request = RequestBuilder::new(StripeMethod::Post, "/billing/meter_events").form(&form);
        let key = IdempotencyKey::new(identifier).map_err(|error| StripeError::Request(error.into()))?;
        let request = request.customize::<miniserde::json::Value>();
        match request.request_strategy(RequestStrategy::Idempotent(key)).send(self).await {
            Ok(_) => Ok(()),
            Err(StripeError::Refused { code: Some(code), .. }) if code == "resource_already_exists" => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Loading the trust store takes milliseconds, so it waits until somebody calls.
    fn connector(&self) -> &Connector {
        self.0.connector.get_or_init(|| {
            let options = &self.0.options;
            let settings = HttpConnectorSettings::builder()
                .connect_timeout(options.connect_timeout)
                .read_timeout(options.attempt_timeout)
                .build();
            Connector::builder()
                .connector_settings(settings)
                .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc))
                .build()
        })
    }

    fn request(
        &self,
        request: &RequestBuilder,
        account: Option<&str>,
        key: Option<&IdempotencyKey>,
    ) -> Result<HttpRequest, StripeError> {
        let base = self.0.options.base_url.trim_end_matches('/');
        let query = request.query.as_deref().filter(|query| !query.is_empty());
        let uri =
            format!("{base}/v1{}{}{}", request.path, query.map_or("", |_| "?"), query.unwrap_or_default());
        let mut built = http::Request::builder()
            .method(match request.method {
                StripeMethod::Get => http::Method::GET,
                StripeMethod::Post => http::Method::POST,
                StripeMethod::Delete => http::Method::DELETE,
            })
            .uri(uri)
            .header(AUTHORIZATION, format!("Bearer {}", self.0.key.expose()))
            .header(USER_AGENT, concat!("Gantry/", env!("CARGO_PKG_VERSION")))
            .header("stripe-version", VERSION.as_str());
        if let Some(account) = account {
            built = built.header("stripe-account", account);
        }
        if let Some(key) = key {
            built = built.header("idempotency-key", key.as_str());
        }
        if request.body.is_some() {
            built = built.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        let body = SdkBody::from(request.body.clone().unwrap_or_default());
        let request = built.body(body).map_err(|error| StripeError::Request(error.into()))?;
        HttpRequest::try_from(request).map_err(|error| StripeError::Request(error.into()))
    }

    /// Calls, and reads the answer. What changes something is one change however often it is called under the
    /// same key; the caller's own, so that this also holds for a process that dies and comes back.
    pub(crate) async fn ask(&self, request: RequestBuilder, key: Option<&str>) -> Result<Value, StripeError> {
        let key = match key {
            Some(key) => Some(IdempotencyKey::new(key).map_err(|error| StripeError::Request(error.into()))?),
            None => idempotency_key(request.method, None),
        };
        let options = &self.0.options;
        let tries = (options.attempts.max(1), options.attempt_timeout);
        let answer = self.tries(&request, None, key.as_ref(), tries).await?;
        json::from_slice(&answer).map_err(|error| StripeError::Unreadable(error.to_string()))
    }

    async fn tries(
        &self,
        request: &RequestBuilder,
        account: Option<&str>,
        key: Option<&IdempotencyKey>,
        (attempts, timeout): (u32, Duration),
    ) -> Result<Bytes, StripeError> {
        let mut attempt = 1;
        loop {
            let http_request = self.request(request, account, key)?;
            let failure = match tokio::time::timeout(timeout, self.attempt(http_request)).await {
                Ok(Ok(body)) => return Ok(body),
                Ok(Err(failure)) => failure,
                Err(_) => Failure { retry: true, error: StripeError::TimedOut },
            };
            tracing::warn!(attempt, path = request.path, error = %failure.error, "call to Stripe failed");
            if !failure.retry || attempt == attempts {
                return Err(failure.error);
            }
            tokio::time::sleep(pause(self.0.options.first_pause, attempt - 1)).await;
            attempt += 1;
        }
    }

    async fn attempt(&self, request: HttpRequest) -> Result<Bytes, Failure> {
        let response = self
            .connector()
            .call(request)
            .await
            .map_err(|error| Failure { retry: true, error: StripeError::Unreachable(error.into()) })?;
        let status = response.status().as_u16();
        let should_retry = header(&response, "stripe-should-retry");
        let request_id = header(&response, "request-id");
        let body = Limited::new(response.into_body(), LARGEST_ANSWER)
            .collect()
            .await
            .map_err(|error| Failure { retry: true, error: StripeError::Unreachable(error) })?
            .to_bytes();
        if (200..300).contains(&status) {
            return Ok(body);
        }
        let answer: wire::ErrorAnswer = json::from_slice(&body).unwrap_or_default();
        let code = answer.error.code.or(answer.error.r#type);
        Err(Failure {
            retry: is_worth_retrying(status, should_retry.as_deref()),
            error: StripeError::answer(status, code, request_id),
        })
    }
}

struct Failure {
    retry: bool,
    error: StripeError,
}

fn header(response: &HttpResponse, name: &str) -> Option<String> {
    response.headers().get(name).map(ToOwned::to_owned)
}

/// Stripe's own word first, then the statuses it documents as passing
/// (<https://docs.stripe.com/error-low-level#sdk-support>).
fn is_worth_retrying(status: u16, should_retry: Option<&str>) -> bool {
    match should_retry {
        Some("true") => true,
        Some("false") => false,
        _ => matches!(status, 409 | 424 | 429 | 500..=599),
    }
}

/// The key under which Stripe takes repetitions of a changing call for one. A caller that can be
/// repeated itself must give its own; without one a random key still makes the attempts of this
/// call one.
fn idempotency_key(method: StripeMethod, strategy: Option<&RequestStrategy>) -> Option<IdempotencyKey> {
    match (method, strategy) {
        (_, Some(RequestStrategy::Idempotent(key))) => Some(key.clone()),
        (StripeMethod::Post | StripeMethod::Delete, _) => {
            IdempotencyKey::new(hex::encode(random_secret::<16>())).ok()
        }
        (StripeMethod::Get, _) => None,
    }
}

/// Between once and twice the doubled first pause.
fn pause(first: Duration, attempt: u32) -> Duration {
    let doubled = first.saturating_mul(1_u32.checked_shl(attempt).unwrap_or(u32::MAX));
    let [random] = random_secret::<1>();
    doubled + doubled.mul_f64(f64::from(random) / 256.0)
}

impl StripeClient for Client {
    type Err = StripeError;

    async fn execute(&self, request: CustomizedStripeRequest) -> Result<Bytes, StripeError> {
        let (request, options) = request.into_pieces();
        let key = idempotency_key(request.method, options.request_strategy.as_ref());
        let attempts = match options.request_strategy {
            Some(RequestStrategy::Once) => 1,
            Some(RequestStrategy::Retry(n) | RequestStrategy::ExponentialBackoff(n)) => n.max(1),
            Some(RequestStrategy::Idempotent(_)) | None => self.0.options.attempts.max(1),
        };
        let timeout = options.timeout.unwrap_or(self.0.options.attempt_timeout);
        let account = options.account_id.as_ref().map(stripe_client_core::AccountId::as_str);
        self.tries(&request, account, key.as_ref(), (attempts, timeout)).await
    }
}

#[cfg(test)]
mod tests;
