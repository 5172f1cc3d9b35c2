//! What the tests of the operations share: an organization with a trial, events as Stripe writes them, and a
//! Stripe to ask.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use access::Tenant;
use axum::{Json, Router, extract::State, http::StatusCode, routing::get};
use billing::{Account, Granted, Received, Replay, Replayed, Rules, StripeEvents, start_trial};
use events::ActorRef;
use primitives::{Clock, Fault, FaultKind, Ids, OrgId, Secret};
use serde_json::{Value, json};
use stripe_client::{ApiKey, Client, ClientOptions, Event};
use table::{Cause, Changes, Consistency, Table};
use test_support::{Crashes, Database, noon};

pub(crate) const DAY: i64 = 86_400;

pub(crate) fn cause() -> Cause {
    Cause {
        actor: ActorRef::Stripe,
        correlation_id: "test".to_owned(),
        ip: None,
        country: None,
        user_agent: None,
    }
}

/// A database with one organization, whose trial has just begun, and Stripe.
pub(crate) struct World {
    pub(crate) database: Database,
    pub(crate) clock: Clock,
    pub(crate) table: Table,
    pub(crate) org_id: OrgId,
    pub(crate) stripe: FakeStripe,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with_crashes(&Crashes::default()).await
    }

    /// One in which the process can die at any call.
    pub(crate) async fn with_crashes(crashes: &Crashes) -> Self {
        let database = Database::start().await;
        let clock = Clock::fixed(noon());
        let table = database.table_over(&clock, crashes.http_client());
        let world =
            Self { database, clock, table, org_id: Ids::unguessable(), stripe: FakeStripe::start().await };
        world.open_account(world.org_id).await;
        world
    }

    pub(crate) async fn open_account(&self, org_id: OrgId) {
        let changes: Changes = start_trial(org_id, self.clock.now(), Granted::whole(&Rules::default()));
        self.table.commit(&cause(), changes).await.unwrap();
    }

    pub(crate) fn stripe_events(&self) -> StripeEvents {
        StripeEvents::new(self.table.clone(), self.stripe.client(), Rules::default(), false)
    }

    pub(crate) async fn receive(&self, event: &Value) -> Received {
        self.try_receive(event).await.unwrap()
    }

    pub(crate) async fn try_receive(&self, event: &Value) -> Result<Received, billing::BillingError> {
        let body = event.to_string();
        let event = Event::parse(body.as_bytes()).unwrap();
        self.stripe_events().receive(&cause(), &event, &body).await
    }

    /// The same as Stripe does it: it comes again when it is asked to.
    pub(crate) async fn receive_at_last(&self, event: &Value) -> Received {
        loop {
            match self.try_receive(event).await {
                Ok(received) => return received,
                Err(error) => {
                    assert_eq!((error.kind(), error.retry_after()), (FaultKind::Unavailable, Some(1)));
                }
            }
        }
    }

    /// What an operator works with, a while after the last event.
    pub(crate) fn settled(&self) -> StripeEvents {
        self.database.settle();
        self.stripe_events()
    }

    pub(crate) async fn replay(&self, which: &Replay) -> Replayed {
        self.settled().replay(&cause(), which).await.unwrap()
    }

    pub(crate) async fn account_of(&self, org_id: OrgId) -> Account {
        let key = billing::keys::Subscription::key(Tenant::trusted(org_id));
        self.table.get(&key, Consistency::Strong).await.unwrap().unwrap()
    }

    pub(crate) async fn account(&self) -> Account {
        self.account_of(self.org_id).await
    }

    pub(crate) async fn status(&self) -> Option<&'static str> {
        self.account().await.stripe.subscription().map(|subscription| subscription.status.as_str())
    }

    /// The names of the events published so far, in the order of the account's history, without the trial's.
    pub(crate) async fn published(&self) -> Vec<String> {
        let mut events = self.database.events().await;
        events.sort_by_key(|event| event.sequence);
        events.into_iter().map(|event| event.kind).filter(|kind| !kind.starts_with("trial.")).collect()
    }

    /// `sub_1` of `cus_1`, as an event of this second after noon shows it.
    pub(crate) fn subscription_event(&self, id: &str, change: &str, second: i64, status: &str) -> Value {
        let metadata = json!({"org_id": self.org_id});
        event(id, &format!("customer.subscription.{change}"), second, &subscription(status, &metadata))
    }
}

pub(crate) fn event(id: &str, kind: &str, second: i64, object: &Value) -> Value {
    json!({
        "id": id, "object": "event", "type": kind, "created": noon().as_second() + second,
        "api_version": "2026-09-30.endive", "livemode": false, "data": {"object": object},
    })
}

pub(crate) fn subscription(status: &str, metadata: &Value) -> Value {
    let created = noon().as_second();
    json!({
        "id": "sub_1", "object": "subscription", "customer": "cus_1", "status": status, "created": created,
        "cancel_at_period_end": false, "metadata": metadata,
        "items": {"data": [{"price": {"id": "price_1"}, "quantity": 1, "current_period_start": created,
            "current_period_end": created + 30 * DAY}]},
    })
}

pub(crate) fn invoice(number: i64, status: &str, attempts: u32) -> Value {
    json!({
        "id": format!("in_{number}"), "object": "invoice", "customer": "cus_1", "status": status,
        "created": noon().as_second() + number, "amount_due": 4900,
        "amount_paid": if status == "paid" { 4900 } else { 0 }, "currency": "eur", "attempt_count": attempts,
        "parent": {"subscription_details": {"subscription": "sub_1", "metadata": {}}}, "metadata": {},
    })
}

/// Answers every question about a subscription the same way, and counts them.
pub(crate) struct FakeStripe {
    url: String,
    state: Arc<Answer>,
    server: tokio::task::JoinHandle<()>,
}

#[derive(Default)]
struct Answer {
    asked: AtomicUsize,
    subscription: std::sync::Mutex<Option<Value>>,
}

impl FakeStripe {
    async fn start() -> Self {
        let state = Arc::new(Answer::default());
        let router =
            Router::new().route("/v1/subscriptions/{id}", get(answer)).with_state(Arc::clone(&state));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        #[expect(clippy::disallowed_methods, reason = "the server is stopped when the value is dropped")]
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, state, server }
    }

    pub(crate) fn client(&self) -> Client {
        let key = ApiKey::new(Secret::new("sk_test_1".to_owned())).unwrap();
        Client::new(
            key,
            ClientOptions { base_url: self.url.clone(), attempts: 1, ..ClientOptions::default() },
        )
    }

    /// What it says from now on; without this it fails.
    pub(crate) fn says(&self, subscription: Value) {
        *self.state.subscription.lock().unwrap() = Some(subscription);
    }

    pub(crate) fn asked(&self) -> usize {
        self.state.asked.load(Ordering::SeqCst)
    }
}

impl Drop for FakeStripe {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn answer(State(state): State<Arc<Answer>>) -> Result<Json<Value>, StatusCode> {
    state.asked.fetch_add(1, Ordering::SeqCst);
    state.subscription.lock().unwrap().clone().map(Json).ok_or(StatusCode::SERVICE_UNAVAILABLE)
}

/// What is logged on this thread, as long as it lives.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<std::sync::Mutex<Vec<u8>>>);

impl Log {
    pub(crate) fn begin() -> (Self, tracing::subscriber::DefaultGuard) {
        let log = Self::default();
        let writer = log.clone();
        let lines = tracing_subscriber::fmt().json().flatten_event(true).with_writer(move || writer.clone());
        (log, tracing::subscriber::set_default(lines.finish()))
    }

    /// The values of this field, of the lines that have this code.
    pub(crate) fn of(&self, code: &str, field: &str) -> Vec<String> {
        let bytes = self.0.lock().unwrap();
        let lines = std::str::from_utf8(&bytes).unwrap().lines();
        let lines = lines.map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines
            .filter(|line| line["code"] == code)
            .map(|line| line[field].as_str().unwrap().to_owned())
            .collect()
    }
}

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
