use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use axum::{Router, body::Body, extract::Request, extract::State, response::Response};
use serde_json::{Value, json};
use test_support::Moment;
use tokio::sync::Notify;

/// What happens to the next calls, one after the other.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Trouble {
    /// The answer comes too late: what was asked for happens.
    Late,
    /// This status, with this code, and nothing happens.
    Refused(u16, &'static str),
}

/// What this Stripe was asked, and what there is of it. Under one key it answers one thing, and refuses
/// another (<https://docs.stripe.com/api/idempotent_requests>).
#[derive(Default)]
pub(crate) struct Seen {
    /// Method, path with query, and body.
    pub(crate) calls: Vec<(String, String, String)>,
    pub(crate) troubles: VecDeque<Trouble>,
    /// So many calls pass before that.
    pub(crate) calm: usize,
    pub(crate) customers: Vec<String>,
    /// Whether each is open, by id.
    pub(crate) pages: BTreeMap<String, &'static str>,
    answered: BTreeMap<String, (String, u16, Value)>,
    running: Vec<String>,
    dies: Option<(usize, Moment)>,
}

#[derive(Clone)]
pub(crate) struct Stripe {
    pub(crate) url: String,
    seen: Arc<Mutex<Seen>>,
    died: Arc<Notify>,
}

impl Stripe {
    #[expect(clippy::disallowed_methods, reason = "the server lives as long as the test")]
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let stripe = Self { url, seen: Arc::default(), died: Arc::default() };
        let router = Router::new().fallback(answer).with_state(stripe.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        stripe
    }

    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap()
    }

    /// Has the caller die at this call of the coming ones.
    pub(crate) fn die_at(&self, call: usize, moment: Moment) {
        let mut seen = self.seen();
        seen.dies = Some((seen.calls.len() + call, moment));
    }

    /// Waits for that.
    pub(crate) async fn died(&self) {
        self.died.notified().await;
    }

    async fn die(&self) -> Response {
        self.seen().dies = None;
        self.died.notify_one();
        std::future::pending().await
    }

    /// How many customers there are, and how many pages are open.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let customers = self.seen().customers.len();
        (customers, self.open_pages())
    }

    pub(crate) fn open_pages(&self) -> usize {
        self.seen().pages.values().filter(|status| **status == "open").count()
    }
}

async fn answer(State(stripe): State<Stripe>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let body = String::from_utf8(body.to_vec()).unwrap();
    let (method, path) = (parts.method.to_string(), parts.uri.to_string());
    let key = parts.headers.get("idempotency-key").map(|key| key.to_str().unwrap().to_owned());
    let (dies, trouble) = {
        let mut seen = stripe.seen();
        let number = seen.calls.len();
        seen.calls.push((method.clone(), path.clone(), body.clone()));
        let trouble = if seen.calm == 0 { seen.troubles.pop_front() } else { None };
        seen.calm = seen.calm.saturating_sub(1);
        (seen.dies.filter(|(call, _)| *call == number).map(|(_, moment)| moment), trouble)
    };
    if dies == Some(Moment::Before) {
        return stripe.die().await;
    }
    let (status, value) = match trouble {
        Some(Trouble::Refused(status, code)) => {
            (status, json!({ "error": { "type": "api_error", "code": code, "message": "jane@example.com" } }))
        }
        _ => keyed(&stripe, key, (&method, &path, &body)).await,
    };
    if dies == Some(Moment::After) {
        return stripe.die().await;
    }
    if matches!(trouble, Some(Trouble::Late)) {
        tokio::time::sleep(Duration::from_secs(10)).await;
    }
    Response::builder().status(status).body(Body::from(value.to_string())).unwrap()
}

async fn keyed(stripe: &Stripe, key: Option<String>, asked: (&str, &str, &str)) -> (u16, Value) {
    let whole = format!("{} {} {}", asked.0, asked.1, asked.2);
    let Some(key) = key else { return stripe.seen().act(asked) };
    {
        let mut seen = stripe.seen();
        if let Some((before, status, value)) = seen.answered.get(&key) {
            let same = *before == whole;
            let mismatch = json!({ "error": { "type": "idempotency_error" } });
            return if same { (*status, value.clone()) } else { (400, mismatch) };
        }
        if seen.running.contains(&key) {
            return (409, json!({ "error": { "code": "idempotency_key_in_use" } }));
        }
        seen.running.push(key.clone());
    }
    // as long as such a thing takes there
    tokio::time::sleep(Duration::from_millis(100)).await;
    let mut seen = stripe.seen();
    let (status, value) = seen.act(asked);
    seen.running.retain(|running| *running != key);
    seen.answered.insert(key, (whole, status, value.clone()));
    (status, value)
}

impl Seen {
    fn act(&mut self, (method, path, body): (&str, &str, &str)) -> (u16, Value) {
        let path = path.strip_prefix("/v1").unwrap();
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let parts: Vec<_> = path.trim_start_matches('/').split('/').collect();
        let missing = (404, json!({ "error": { "code": "resource_missing" } }));
        match (method, parts.as_slice()) {
            ("POST", ["customers"]) => {
                let id = format!("cus_{}", self.customers.len() + 1);
                self.customers.push(id.clone());
                (200, json!({ "id": id, "object": "customer", "created": 1_795_000_000 }))
            }
            ("GET", ["prices"]) => {
                let key = query.split("lookup_keys[0]=").nth(1).unwrap().split('&').next().unwrap();
                (
                    200,
                    json!({ "object": "list", "has_more": false, "data": [{ "id": format!("price_{key}") }] }),
                )
            }
            ("GET", ["promotion_codes"]) => {
                let known = query.contains("code=LESS").then(|| json!({ "id": "promo_1" }));
                (200, json!({ "has_more": false, "data": known.into_iter().collect::<Vec<_>>() }))
            }
            ("POST", ["checkout", "sessions"]) => {
                assert!(body.contains("mode=subscription"), "{body}");
                let id = format!("cs_{}", self.pages.len() + 1);
                self.pages.insert(id.clone(), "open");
                (200, page(&id, "open"))
            }
            ("GET", ["checkout", "sessions", id]) => {
                self.pages.get(*id).map_or(missing, |status| (200, page(id, status)))
            }
            ("POST", ["checkout", "sessions", id, "expire"]) => match self.pages.get_mut(*id) {
                Some(status) if *status == "open" => {
                    *status = "expired";
                    (200, page(id, "expired"))
                }
                _ => (400, json!({ "error": { "type": "invalid_request_error" } })),
            },
            ("POST", ["billing_portal", "sessions"]) => {
                (200, json!({ "id": "bps_1", "url": "https://billing.stripe.com/p/session/1" }))
            }
            _ => missing,
        }
    }
}

fn page(id: &str, status: &str) -> Value {
    let url = (status == "open").then(|| format!("https://checkout.stripe.com/c/pay/{id}"));
    json!({ "id": id, "object": "checkout.session", "status": status, "url": url, "expires_at": 1_795_525_200 })
}
