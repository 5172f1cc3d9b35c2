//! The routes in process, with sessions that the test decides on.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;

use access::{AccessLevel, Actor, Principal, Role};
use api_billing::{Api, routes};
use axum::{Router, body::Body, http::Request, http::StatusCode};
use billing::{Rules, StripeEvents, start_trial};
use http_api::{Authenticate, AuthenticateKey, Edge, EdgeSettings};
use http_body_util::BodyExt;
use identity::AuthenticationError;
use primitives::{Clock, Ids, OrgId, Secret, SignedDuration};
use serde_json::{Value, json};
use stripe_client::{ApiKey, Client, ClientOptions, Event};
use table::{Cause, Table};
use test_support::{Database, noon};
use tower::ServiceExt;

struct World {
    database: Database,
    clock: Clock,
    table: Table,
    router: Router,
}

fn org_id() -> OrgId {
    "org_01kar8h5g0e0vsx4q1v3f6m2ah".parse().unwrap()
}

impl World {
    async fn new() -> Self {
        let database = Database::start().await;
        let clock = Clock::fixed(noon());
        let table = database.table(&clock);
        let cause = Cause::system("test", "test");
        table.commit(&cause, start_trial(org_id(), noon(), &Rules::default())).await.unwrap();
        let settings = EdgeSettings { allowed_origins: Vec::new(), trusted_proxy_hops: 0, staff: None };
        let no_key: AuthenticateKey =
            Arc::new(|_, _, _| Box::pin(async { Err(AuthenticationError::InvalidApiKey.into()) }));
        let edge = Edge::new(settings, (sessions(), no_key), table.clone());
        let api = Api::new(table.clone(), Rules::default());
        Self { database, clock, table, router: edge.wrap(routes().with_state(api)) }
    }

    /// What is shown a while after the last change: right after it a reader may see what was before.
    async fn get(&self, path: &str, token: &str) -> (StatusCode, Value) {
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

    async fn hear_from_stripe(&self, kind: &str, object: Value) {
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
            let (user_id, session_id) = (Ids::unguessable(), Ids::unguessable());
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

const PATH: &str = "/v1/billing/subscription";

/// Snapshots with their names in order, whatever order a dependency has `serde_json` keep them in.
fn sorted() -> insta::internals::SettingsBindDropGuard {
    let mut settings = insta::Settings::clone_current();
    settings.set_sort_maps(true);
    settings.bind_to_scope()
}

#[tokio::test]
async fn a_trial() {
    let _sorted = sorted();
    let world = World::new().await;
    world.table.usage().take();
    let (status, body) = world.get(PATH, "owner").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(world.table.usage().take().len(), 1, "one call beside the session's");
    insta::assert_json_snapshot!("trial", body);
    world.clock.advance(SignedDuration::from_hours(24 * 15));
    let (_, body) = world.get(PATH, "admin").await;
    insta::assert_json_snapshot!("trial_ended", body);
}

#[tokio::test]
async fn a_subscription_whose_payment_failed() {
    let _sorted = sorted();
    let world = World::new().await;
    let created = noon().as_second();
    let subscription = |status: &str| {
        json!({"id": "sub_1", "customer": "cus_1", "status": status, "created": created,
            "metadata": {"org_id": org_id()}, "cancel_at_period_end": false,
            "items": {"data": [{"price": {"id": "price_1"}, "quantity": 5, "current_period_start": created,
                "current_period_end": created + 86_400 * 30}]}})
    };
    world.hear_from_stripe("customer.subscription.created", subscription("active")).await;
    insta::assert_json_snapshot!("subscribed", world.get(PATH, "owner").await.1);
    world.clock.advance(SignedDuration::from_hours(24 * 30));
    let invoice = json!({"id": "in_2", "customer": "cus_1", "status": "open", "created": created + 86_400 * 30,
        "amount_due": 24500, "amount_paid": 0, "currency": "eur", "attempt_count": 1, "metadata": {},
        "parent": {"subscription_details": {"subscription": "sub_1"}}});
    world.hear_from_stripe("invoice.payment_failed", invoice).await;
    world.hear_from_stripe("customer.subscription.updated", subscription("past_due")).await;
    insta::assert_json_snapshot!("payment_failed", world.get(PATH, "owner").await.1);
}

#[tokio::test]
async fn a_pause_of_collection_is_seen_with_what_it_gives() {
    let world = World::new().await;
    world.clock.advance(SignedDuration::from_hours(24 * 20));
    for (second, behavior, level) in [(1, "keep_as_draft", "full"), (2, "void", "read_only")] {
        world.clock.advance(SignedDuration::from_secs(second));
        let subscription = json!({"id": "sub_1", "customer": "cus_1", "status": "active", "created": noon().as_second(),
            "metadata": {"org_id": org_id()},
            "pause_collection": {"behavior": behavior, "resumes_at": noon().as_second() + 86_400 * 90}});
        world.hear_from_stripe("customer.subscription.updated", subscription).await;
        let (_, body) = world.get(PATH, "owner").await;
        let shown = &body["pause_collection"];
        assert_eq!(*shown, json!({"behavior": behavior, "resumes_at": "2027-02-21T12:00:00.000Z"}));
        assert_eq!((body["access"]["level"].as_str(), &body["status"]), (Some(level), &json!("active")));
    }
}

#[tokio::test]
async fn only_owners_and_admins_of_the_organization_see_it() {
    let world = World::new().await;
    for (token, status, code) in [
        ("", 401, "missing_token"),
        ("forged", 401, "invalid_token"),
        ("nowhere", 403, "no_organization"),
        ("member", 403, "forbidden"),
        ("viewer", 403, "forbidden"),
        ("elsewhere", 404, "not_found"),
    ] {
        let (answered, problem) = world.get(PATH, token).await;
        assert_eq!((answered.as_u16(), problem["code"].as_str()), (status, Some(code)), "{token:?}");
    }
    assert_eq!(world.get(PATH, "admin").await.0, StatusCode::OK);
    assert_eq!(world.get("/v1/billing/nothing-here", "owner").await.1["code"], "not_found");
}
