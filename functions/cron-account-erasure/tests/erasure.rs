//! The function on the schedule's real event: what is left of a person, and of everybody else.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::{Arc, Mutex};

use access::{AccessLevel, AccessSchedule, Actor, Deletion, Role, Tenant};
use erasures::Subject;
use identity_core::{Device, EmailOwner, KnownDevice, Membership, Policy, Session, User};
use lambda_host::{Context, Environment, Function, Host, LambdaEvent};
use orgs::{Founder, Member};
use primitives::{Clock, Email, Ids, OrgId, SignedDuration, UserId};
use push::{Applications, Devices, NewDevice, PushToken, events::DevicePlatform};
use push_client::PushClient;
use serde_json::{Value, json};
use table::{Cause, Changes, Consistency, Keep, Listed, Table, Tally};
use test_support::{Crashes, Database, Moment, Services, noon};
use uuid::Uuid;

const STRIPE: &str = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:stripe";

fn sample() -> LambdaEvent<Value> {
    let sample = include_str!("../../../events/cron-account-erasure/hourly.json");
    LambdaEvent::new(serde_json::from_str(sample).unwrap(), Context::default())
}

struct World {
    database: Database,
    services: Services,
    clock: Clock,
    crashes: Crashes,
    function: Function,
    ada: UserId,
    bob: UserId,
    org: OrgId,
}

/// Fixed ids, so that all runs are alike.
fn user(number: u128) -> UserId {
    UserId::from_uuid(Uuid::from_u128(number))
}

impl World {
    /// Bob owns an organization, and ada is in it, with a session and a phone. She asked for the end of her
    /// account, and so did bob if `bob_too`; both ends have come.
    async fn start(role: Role, bob_too: bool) -> Self {
        Self::with_stripe(role, bob_too, "http://127.0.0.1:9").await
    }

    async fn with_stripe(role: Role, bob_too: bool, stripe: &str) -> Self {
        let (database, services, crashes) =
            (Database::start().await, Services::start().await, Crashes::default());
        let clock = Clock::fixed(noon());
        let mut variables = services.environment(&database);
        variables.push(("STRIPE_SECRET_ARN".to_owned(), STRIPE.to_owned()));
        variables.push(("STRIPE_API_URL".to_owned(), stripe.to_owned()));
        let environment = Environment::new(variables);
        let ids = Ids::random(clock.clone());
        let host = Host::with(environment, clock.clone(), ids, Some(crashes.http_client())).unwrap();
        let function = cron_account_erasure::function(&host).await.unwrap();
        host.connected().await;
        let table = database.table(&clock);
        let (ada, bob) = (user(1), user(2));
        let deletion = Deletion { requested_at: noon(), erase_at: noon() + SignedDuration::from_hours(1) };
        person(&table, bob, "bob@example.com", bob_too.then_some(deletion)).await;
        person(&table, ada, "ada@example.com", Some(deletion)).await;
        let org = organization(&table, bob, (ada, role)).await;
        let phone = Devices::new(table.clone(), PushClient::new(host.push_endpoints()));
        let token = PushToken::new(DevicePlatform::Fcm, "ada-phone-token-0001").unwrap();
        let new = NewDevice { token, app_version: None, locale: None };
        let arn = |kind: &str| format!("arn:aws:sns:eu-central-1:000000000000:app/{kind}/gantry");
        let applications = Applications { apns: arn("APNS"), fcm: arn("GCM") };
        let session = (ada, session_id(ada));
        phone.register(&cause(), &applications, session, &new, &Keep::nothing()).await.unwrap();
        clock.advance(SignedDuration::from_hours(1));
        database.settle();
        Self { database, services, clock, crashes, function, ada, bob, org }
    }

    /// A run that sees what was written before it.
    async fn run(&self) -> Value {
        self.database.settle();
        self.function.invoke(sample()).await.unwrap()
    }

    /// A run in which all goes but the address, and the next one.
    async fn both_runs(&self) -> [Value; 2] {
        let first = self.run().await;
        self.clock.advance(SignedDuration::from_hours(1));
        [first, self.run().await]
    }

    /// Where a run can die that makes more calls than this.
    async fn deaths_of_a_run(&self, least: usize) -> Vec<(usize, Moment)> {
        let (answer, calls) = self.crashes.count(self.function.invoke(sample())).await;
        answer.unwrap();
        assert!(calls > least, "{calls}");
        self.crashes.deaths()
    }

    /// A run that dies there.
    async fn dies(&self, call: usize, moment: Moment) {
        let lived = self.crashes.run(call, moment, self.function.invoke(sample())).await;
        assert!(lived.is_none(), "call {call} was never made");
    }

    /// The items that name this person, but for what is kept of what happened, for the certificate, and for
    /// the tokens of devices, which are kept free for a day.
    async fn left_of(&self, user_id: UserId, email: &str) -> Vec<String> {
        let name = user_id.to_string();
        let items = self.database.items().await;
        let text = items.into_iter().map(|item| format!("{item:?}"));
        text.filter(|item| (item.contains(&name) || item.contains(email)) && !item.contains("\"OUTBOX#"))
            .filter(|item| {
                !["\"AUDIT#", "\"DEVICE_TOKEN#", "\"ERASURE#"].iter().any(|kept| item.contains(kept))
            })
            .collect()
    }

    async fn owners(&self) -> usize {
        let key = orgs::keys::Owners::key(Tenant::trusted(self.org));
        let listed: Option<Listed> =
            self.database.table(&self.clock).get(&key, Consistency::Strong).await.unwrap();
        listed.unwrap().len()
    }

    async fn told(&self, kind: &str) -> usize {
        self.database.events().await.iter().filter(|event| event.kind == kind).count()
    }
}

fn cause() -> Cause {
    Cause::system("test", "test")
}

fn session_id(user_id: UserId) -> primitives::SessionId {
    primitives::SessionId::from_uuid(user_id.uuid())
}

async fn person(table: &Table, user_id: UserId, email: &str, deletion: Option<Deletion>) {
    let email: Email = email.parse().unwrap();
    let device = Device { name: "Firefox on Linux".to_owned(), country: None };
    let known = KnownDevice::new(user_id, &device, noon());
    let ids = (user_id, session_id(user_id));
    let session =
        Session::begin(ids, access::Shown::only(access::Way::Mail), device, &Policy::default(), noon());
    let user = User::new(email.clone(), &session).leaving(deletion);
    let owner = EmailOwner::new(email, user_id, None);
    let changes = Changes::new().create(&user).create(&owner).create(&session).create(&known);
    table.commit(&cause(), changes).await.unwrap();
}

async fn organization(table: &Table, owner: UserId, (other, role): (UserId, Role)) -> OrgId {
    let founder =
        Founder { user_id: owner, email: "bob@example.com".parse().unwrap(), name: None, most_owned: 10 };
    let slug = "acme".parse().unwrap();
    let access = |_| AccessSchedule::new(access::AccessLevel::Full, []);
    let (new, changes) = orgs::create(table, &founder, &"Acme".parse().unwrap(), slug, access).unwrap();
    table.commit(&cause(), changes).await.unwrap();
    let member_id = Ids::unguessable();
    let (org_id, email) = (new.org.org_id, "ada@example.com");
    let membership = Membership {
        user_id: other,
        org_id,
        member_id,
        role,
        sessions_valid_after: None,
        org_name: "Acme".to_owned(),
        org_slug: "acme".to_owned(),
        sso_required: false,
        version: 0,
    };
    let member: Member = serde_json::from_value(json!({
        "org_id": org_id, "member_id": member_id, "user_id": other, "email": email, "role": role,
        "joined_at": noon(), "version": 0,
    }))
    .unwrap();
    let counted = [orgs::keys::Seats::key(Tenant::trusted(org_id)), identity_core::keys::Caps::key(other)];
    let counted = counted.map(|key| Tally::new(key, 50).add(1));
    let changes = Changes::new().create(&membership).create(&member);
    let mut changes = counted.into_iter().fold(changes, Changes::and);
    if role == Role::Owner {
        let owned = Tally::new(identity_core::keys::OwnedOrgs::key(other), 50).add(1);
        changes = changes.and(owned).and(orgs::owners(org_id).add(&member_id.to_string(), &other));
    }
    table.commit(&cause(), changes).await.unwrap();
    org_id
}

#[tokio::test]
async fn nothing_of_a_person_is_left_and_all_of_the_others() {
    let world = World::start(Role::Owner, false).await;
    let bobs = world.left_of(world.bob, "bob@example.com").await.len();
    assert_eq!(world.owners().await, 2);
    let run = |erased, waiting| json!({ "erased": erased, "waiting": waiting, "skipped": 0, "failed": 0, "complete": true });
    assert_eq!(world.run().await, run(0, 1));
    let left = world.left_of(world.ada, "ada@example.com").await;
    assert!(left.iter().all(|item| item.contains("\"USER#")), "the mail needs the address: {left:?}");
    assert_eq!(world.services.calls("DeleteEndpoint"), 1);
    // put off for fifteen minutes, and told once
    world.clock.advance(SignedDuration::from_mins(20));
    assert_eq!(world.run().await, run(0, 1));
    world.clock.advance(SignedDuration::from_mins(40));
    assert_eq!(world.run().await, run(1, 0));
    assert_eq!((world.told("erasure.started").await, world.told("erasure.certified").await), (1, 1));
    assert_eq!(world.left_of(world.ada, "ada@example.com").await, [] as [&str; 0]);
    assert_eq!(world.left_of(world.bob, "bob@example.com").await.len(), bobs);
    assert_eq!(world.owners().await, 1);
    assert_eq!((world.told("user.erased").await, world.told("member.removed").await), (1, 1));
    assert_eq!(world.services.calls("DeleteEndpoint"), 1);
    assert_eq!(world.run().await["erased"], 0);
}

/// Two owners go at once: the organization keeps one, whose account waits for somebody else to own it.
#[tokio::test]
async fn an_organization_always_has_an_owner() {
    let world = World::start(Role::Owner, true).await;
    let run = world.function.invoke(sample()).await;
    assert!(run.is_err(), "one could not be erased: {run:?}");
    world.clock.advance(SignedDuration::from_hours(1));
    world.database.settle();
    let run = world.function.invoke(sample()).await;
    assert!(run.is_err(), "one could not be erased: {run:?}");
    assert_eq!((world.told("user.erased").await, world.owners().await), (1, 1));
}

#[tokio::test]
async fn whoever_has_their_account_restored_is_not_erased() {
    let world = World::start(Role::Member, false).await;
    let table = world.database.table(&world.clock);
    let user: User =
        table.get(&identity_core::keys::User::key(world.ada), Consistency::Strong).await.unwrap().unwrap();
    table.commit(&cause(), Changes::new().replace(&user.leaving(None))).await.unwrap();
    assert_eq!(world.run().await["erased"], 0);
    assert!(world.left_of(world.ada, "ada@example.com").await.len() > 4);
}

/// The items that name the organization of a world, but for what is kept of what happened.
async fn left_of_organization(world: &World) -> Vec<String> {
    let name = world.org.to_string();
    let items = world.database.items().await.into_iter().map(|item| format!("{item:?}"));
    items
        .filter(|item| item.contains(&name) && !item.contains("\"OUTBOX#") && !item.contains("\"AUDIT#"))
        .filter(|item| !item.contains("\"ERASURE#"))
        .collect()
}

/// Bob has the organization deleted, at once.
async fn delete_organization(world: &World) {
    let table = world.database.table(&world.clock);
    let bob = Actor {
        org_id: world.org,
        member_id: Ids::unguessable(),
        user_id: world.bob,
        role: Role::Owner,
        level: AccessLevel::Full,
        level_until: None,
        plan: access::Plan::of_trial(),
        requires_factor: false,
        lacks_factor: false,
        lacks_sso: false,
        is_suspended: false,
    };
    let rules = orgs::Rules { deletion_grace_days: 0, ..orgs::Rules::default() };
    let changes = orgs::request_deletion(&table, &rules, &bob.permit().unwrap()).await.unwrap().unwrap();
    table.commit(&cause(), changes).await.unwrap();
}

/// An organization goes, and in the same run a member's account: whenever the run dies, a later one ends it.
#[tokio::test]
async fn an_organization_is_erased_whatever_call_a_run_dies_at() {
    let begun = async || {
        let world = World::start(Role::Member, false).await;
        delete_organization(&world).await;
        world.database.settle();
        world
    };
    let deaths = begun().await.deaths_of_a_run(20).await;
    for (call, moment) in deaths {
        let world = begun().await;
        world.dies(call, moment).await;
        world.clock.advance(SignedDuration::from_mins(15));
        world.both_runs().await;
        assert_eq!(left_of_organization(&world).await, [] as [&str; 0], "call {call}");
        assert_eq!(world.left_of(world.ada, "ada@example.com").await, [] as [&str; 0]);
        assert_eq!((world.told("organization.erased").await, world.told("user.erased").await), (1, 1));
        assert_eq!(world.told("member.removed").await, 0, "there is nobody who could hear of it");
    }
}

/// The run after the one that died, when its lease has ended, goes on to the end; nobody is told twice.
#[tokio::test]
async fn a_crash_at_any_call_is_healed_by_a_later_run() {
    let deaths = World::start(Role::Member, false).await.deaths_of_a_run(10).await;
    for (call, moment) in deaths {
        let world = World::start(Role::Member, false).await;
        world.dies(call, moment).await;
        world.clock.advance(SignedDuration::from_mins(15));
        world.both_runs().await;
        let left = world.left_of(world.ada, "ada@example.com").await;
        assert_eq!(left, [] as [&str; 0], "call {call}, {moment:?}");
        assert_eq!((world.told("user.erased").await, world.told("member.removed").await), (1, 1));
        assert_eq!((world.told("erasure.started").await, world.told("erasure.certified").await), (1, 1));
    }
}

/// The run that takes the last of a person dies.
#[tokio::test]
async fn a_crash_at_any_call_of_the_last_run_is_healed_too() {
    let begun = async || {
        let world = World::start(Role::Member, false).await;
        world.run().await;
        world.clock.advance(SignedDuration::from_hours(1));
        world.database.settle();
        world
    };
    let deaths = begun().await.deaths_of_a_run(10).await;
    for (call, moment) in deaths {
        let world = begun().await;
        world.dies(call, moment).await;
        world.clock.advance(SignedDuration::from_mins(15));
        world.run().await;
        assert_eq!(world.left_of(world.ada, "ada@example.com").await, [] as [&str; 0], "call {call}");
        let certified = erasures::load(&world.database.table(&world.clock), Subject::Person(world.ada)).await;
        let certificate = certified.unwrap().unwrap().certificate();
        assert!(certificate.ended_at.is_some() && !certificate.erased.is_empty(), "{certificate:?}");
        assert_eq!((world.told("user.erased").await, world.told("erasure.certified").await), (1, 1));
    }
}

/// A Stripe that is away, or there and asked to delete customers.
async fn stripe(answers: Arc<Mutex<Vec<(u16, Value)>>>) -> (String, Arc<Mutex<Vec<String>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&asked);
    let answer = move |request: axum::extract::Request| async move {
        seen.lock().unwrap().push(format!("{} {}", request.method(), request.uri().path()));
        let (status, body) = answers.lock().unwrap().pop().unwrap_or((503, json!({})));
        (axum::http::StatusCode::from_u16(status).unwrap(), axum::Json(body))
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = axum::Router::new().fallback(answer);
    #[expect(clippy::disallowed_methods, reason = "the server lives as long as the test")]
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (url, asked)
}

/// Stripe goes before what is known of it: while it is away nothing of the organization's money is erased,
/// and a customer who is gone there already is gone.
#[tokio::test]
async fn customers_are_deleted_at_stripe_before_they_are_forgotten() {
    let answers = Arc::new(Mutex::new(Vec::new()));
    let (url, asked) = stripe(Arc::clone(&answers)).await;
    let world = World::with_stripe(Role::Member, false, &url).await;
    world.services.put_secret(STRIPE, r#"{"api_key": "sk_test_1", "webhook_secrets": ["whsec_1"]}"#);
    let table = world.database.table(&world.clock);
    let mut account =
        serde_json::to_value(billing::Account::open(world.org, noon(), &billing::Rules::default())).unwrap();
    account["stripe"]["customer"] = json!({ "id": "cus_1", "at": noon(), "event_id": "evt_1" });
    let account: billing::Account = serde_json::from_value(account).unwrap();
    table.commit(&cause(), Changes::new().create(&account)).await.unwrap();
    delete_organization(&world).await;
    world.database.settle();
    // it is away
    world.function.invoke(sample()).await.unwrap_err();
    assert_eq!(asked.lock().unwrap().clone(), ["DELETE /v1/customers/cus_1"; 3]);
    assert_eq!(world.database.count("subscription").await, 1);
    let subject = Subject::Organization(world.org);
    let load = async || erasures::load(&table, subject).await.unwrap().unwrap();
    assert!(load().await.ended_at.is_none());
    let gone = (404, json!({ "error": { "type": "invalid_request_error", "code": "resource_missing" } }));
    answers.lock().unwrap().push(gone);
    world.clock.advance(SignedDuration::from_mins(20));
    world.run().await;
    assert_eq!(asked.lock().unwrap().len(), 4);
    let done = load().await;
    let parts: Vec<_> =
        done.certificate().erased.iter().map(|one| (one.part.to_string(), one.count)).collect();
    for part in [("members", 1), ("stripe_customers", 1), ("billing", 1)] {
        assert!(parts.contains(&(part.0.to_owned(), part.1)), "{parts:?}");
    }
    assert!(done.ended_at.is_some());
    let left = left_of_organization(&world).await;
    // a customer who is nobody's any more; and of ada, who waits for her end, where she was
    let stays = |item: &&String| ["\"STRIPE_CUSTOMER#", "\"KNOWN_IN#"].iter().any(|kept| item.contains(kept));
    assert_eq!((left.len(), left.iter().filter(stays).count()), (2, 2), "{left:?}");
    let told =
        world.database.events().await.into_iter().find(|event| event.kind == "erasure.certified").unwrap();
    assert_eq!(told.data["told"], json!([world.bob]), "whoever owned it is told");
    assert_eq!(told.data["certificate"], serde_json::to_value(done.certificate()).unwrap());
}
