//! An organization with its bill.
#![allow(dead_code, reason = "each of the tests uses a part of it")]

mod stripe;

use std::sync::Arc;

use access::{AccessLevel, Actor, Principal, Role};
use api_billing::{Api, routes};
use axum::{Router, body::Body, http::Request, http::StatusCode};
use billing::{Granted, Rules, StripeEvents, start_trial};
use http_api::{Authenticate, AuthenticateKey, Edge, EdgeSettings};
use http_body_util::BodyExt;
use identity::AuthenticationError;
use lambda_host::{Environment, Host};
use primitives::{Clock, Ids, OrgId, Secret};
use serde_json::{Value, json};
use stripe_client::{ApiKey, Client, ClientOptions, Event};
use table::{Cause, Table};
use test_support::{Crashes, Database, Services, noon};
use tower::ServiceExt;

pub(crate) use stripe::*;

fn router(
    database: &Database,
    services: &Services,
    stripe: &Stripe,
    clock: &Clock,
    crashes: &Crashes,
) -> Router {
    let mut variables = services.environment(database);
    variables.push(("STRIPE_SECRET_ARN".to_owned(), STRIPE.to_owned()));
    variables.push(("STRIPE_API_URL".to_owned(), stripe.url.clone()));
    let ids = Ids::random(clock.clone());
    let host = Host::with(Environment::new(variables), clock.clone(), ids, Some(crashes.http_client()));
    let host = host.unwrap();
    let settings = EdgeSettings { allowed_origins: Vec::new(), trusted_proxy_hops: 0, staff: None };
    let no_key: AuthenticateKey =
        Arc::new(|_, _, _| Box::pin(async { Err(AuthenticationError::InvalidApiKey.into()) }));
    let table = host.table().unwrap();
    let edge = Edge::new(settings, (sessions(), no_key), table.clone());
    let api = Api::new(&host, table, Rules::default()).unwrap();
    edge.wrap(routes().with_state(api))
}

/// Where Stripe's secret is.
pub(crate) const STRIPE: &str = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:stripe";

/// The API of one organization, with its table and its Stripe.
pub(crate) struct World {
    pub(crate) database: Database,
    pub(crate) services: Services,
    pub(crate) crashes: Crashes,
    pub(crate) clock: Clock,
    pub(crate) table: Table,
    pub(crate) stripe: Stripe,
    router: Router,
}

pub(crate) fn org_id() -> OrgId {
    "org_01kar8h5g0e0vsx4q1v3f6m2ah".parse().unwrap()
}

impl World {
    pub(crate) async fn new() -> Self {
        let (database, services, stripe) =
            (Database::start().await, Services::start().await, Stripe::start().await);
        let (clock, crashes) = (Clock::fixed(noon()), Crashes::default());
        let secret = r#"{"api_key": "sk_test_1", "webhook_secrets": ["whsec_1"]}"#;
        services.put_secret(STRIPE, secret);
        let table = database.table(&clock);
        let cause = Cause::system("test", "test");
        table.commit(&cause, start_trial(org_id(), noon(), Granted::whole(&Rules::default()))).await.unwrap();
        let router = router(&database, &services, &stripe, &clock, &crashes);
        Self { database, services, crashes, clock, table, stripe, router }
    }

    /// Another instance of the function, which knows nothing of the one before.
    pub(crate) fn restart(&mut self) {
        self.router = router(&self.database, &self.services, &self.stripe, &self.clock, &self.crashes);
    }

    /// What is shown a while after the last change: right after it a reader may see what was before.
    pub(crate) async fn get(&self, path: &str, token: &str) -> (StatusCode, Value) {
        self.database.settle();
        let mut request = Request::get(path);
        if !token.is_empty() {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let answer = self.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let status = answer.status();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap())
    }

    pub(crate) async fn post(&self, path: &str, key: Option<&str>, body: &Value) -> (StatusCode, Value) {
        let mut request = Request::post(path).header("authorization", "Bearer owner");
        request = request.header("content-type", "application/json");
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let request = request.body(Body::from(body.to_string())).unwrap();
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let status = answer.status();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap())
    }

    /// How many events of this name were told.
    pub(crate) async fn told(&self, name: &str) -> usize {
        let name = format!("\\\"type\\\":\\\"{name}\\\"");
        let items = self.database.items().await;
        items.iter().filter(|item| format!("{:?}", item.get("envelope")).contains(&name)).count()
    }

    pub(crate) async fn hear_from_stripe(&self, kind: &str, object: Value) {
        let key = ApiKey::new(Secret::new("sk_test_1".to_owned())).unwrap();
        let stripe = Client::new(key, ClientOptions::default());
        let created = self.clock.now().as_second();
        let body =
            json!({"id": format!("evt_{kind}_{created}").replace('.', "_"), "type": kind, "created": created,
            "livemode": false, "data": {"object": object}})
            .to_string();
        let event = Event::parse(body.as_bytes()).unwrap();
        let events = StripeEvents::new(self.table.clone(), stripe, Rules::default(), false);
        events.receive(&Cause::system("test", "test"), &event, &body).await.unwrap();
    }
}

/// The token names the role; `elsewhere` is an owner of another organization, `nowhere` is in none.
fn sessions() -> Authenticate {
    Arc::new(|token, _| {
        Box::pin(async move {
            let role = match token.as_str() {
                "owner" | "elsewhere" | "single-factor" => Some(Role::Owner),
                "admin" => Some(Role::Admin),
                "member" => Some(Role::Member),
                "viewer" => Some(Role::Viewer),
                "nowhere" => None,
                _ => return Err(AuthenticationError::InvalidToken.into()),
            };
            let org_id = if token == "elsewhere" { Ids::unguessable() } else { org_id() };
            let user_id = primitives::UserId::from_uuid(uuid::Uuid::from_u128(1));
            let session_id = Ids::unguessable();
            let member_id = Ids::unguessable();
            // whoever pays nothing may still look at the bill
            let level = AccessLevel::ExportOnly;
            let actor = |role| Actor {
                org_id,
                member_id,
                user_id,
                role,
                level,
                level_until: None,
                plan: access::Plan::of_trial(),
                requires_factor: token == "single-factor",
                lacks_factor: token == "single-factor",
                lacks_sso: false,
                is_suspended: false,
            };
            let email = "ada@example.com".parse().unwrap();
            Ok(Principal {
                user_id,
                email,
                session_id,
                live_sessions: Arc::default(),
                signed_in_at: noon(),
                person: access::Person::default(),
                shown: access::Shown::default(),
                sso: None,
                actor: role.map(actor),
                staff: None,
                impersonator: None,
            })
        })
    })
}
