//! The function on its sample events, on a real engine and a mail service that keeps what it is given.

use std::{collections::BTreeMap, time::Duration};

use access::{Role, Tenant};
use identity_core::{ChangeState, ChangeStep, EmailChange, LinkKey};
use lambda_host::{Environment, Function, Host, LambdaEvent};
use primitives::{Clock, Email, Ids, LoginId, MemberId, OrgId, SignedDuration, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use table::{Cause, Changes, Consistency, Item, Key};
use test_support::{Crashes, Database, Moment, Services, noon};

const ORG: &str = "org_01kar8h5g0e0vsx4q1v3f6m2ah";
const USER: &str = "usr_01kar8h5g0e0vsx4q1v3f6m2ah";
const CHANGE: &str = "ech_01kar8h5g0e0vsx4q1v3f6m2ah";
const LOGIN: &str = "lgn_01kar8h5g0e0vsx4q1v3f6m2ah";

macro_rules! sample {
    ($name:literal) => {
        serde_json::from_str::<Value>(include_str!(concat!("../../../../events/queue-mail/", $name, ".json")))
            .unwrap()
    };
}

struct World {
    database: Database,
    services: Services,
    crashes: Crashes,
    clock: Clock,
    host: Host,
    function: Function,
}

impl World {
    /// With an organization of two owners, one admin and one member, and a login that somebody asked for.
    async fn start() -> Self {
        let (database, services, crashes) =
            (Database::start().await, Services::start().await, Crashes::default());
        let clock = Clock::fixed(noon());
        let environment = Environment::new(services.environment(&database));
        let ids = Ids::random(clock.clone());
        let host = Host::with(environment, clock.clone(), ids, Some(crashes.http_client())).unwrap();
        let function = queue_mail::function(&host).await.unwrap();
        host.connected().await;
        let world = Self { database, services, crashes, clock, host, function };
        world.populate().await;
        world
    }

    async fn populate(&self) {
        let login = LoginItem { login_id: LOGIN.parse().unwrap(), email: "ada@example.com".parse().unwrap() };
        let org = OrgItem { org_id: ORG.parse().unwrap(), name: "Acme".to_owned() };
        let members = [
            member("ada@example.com", Role::Owner),
            member("bob@example.com", Role::Owner),
            member("amy@example.com", Role::Admin),
            member("eve@example.com", Role::Member),
            member("tom@example.com", Role::Viewer),
        ];
        let ada = UserItem { user_id: USER.parse().unwrap(), email: "ada@example.com".parse().unwrap() };
        let addresses = ("ada@example.com".parse().unwrap(), "ada@example.org".parse().unwrap());
        let day = SignedDuration::from_hours(24);
        let times = (noon(), noon() + day, noon() + day * 7);
        let ids = (USER.parse().unwrap(), Ids::unguessable(), CHANGE.parse().unwrap());
        let change = EmailChange::new(ids, addresses, times, None);
        let changes = Changes::new().create(&login).create(&org).create(&ada).create(&change);
        self.commit(members.iter().fold(changes, Changes::create)).await;
    }

    async fn commit(&self, changes: Changes) {
        let table = self.database.table(&self.clock);
        table.commit(&Cause::system("test", "test"), changes).await.unwrap();
        // written to is who became a member a while ago
        self.database.settle();
    }

    async fn invoke(&self, event: &Value) -> Value {
        let event = LambdaEvent::new(event.clone(), lambda_host::Context::default());
        self.function.invoke(event).await.unwrap()
    }

    /// Who got a mail, in order.
    fn recipients(&self) -> Vec<String> {
        let address = |mail: &Value| mail["Destination"]["ToAddresses"][0].as_str().unwrap().to_owned();
        self.services.mails().iter().map(address).collect()
    }

    /// Who got how many mails.
    fn counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for address in self.recipients() {
            *counts.entry(address).or_default() += 1;
        }
        counts
    }
}

fn member(email: &str, role: Role) -> orgs::Member {
    let (member_id, user_id): (MemberId, UserId) = (Ids::unguessable(), Ids::unguessable());
    let member = json!({ "org_id": ORG, "member_id": member_id, "user_id": user_id, "email": email, "role": role,
        "joined_at": Timestamp::UNIX_EPOCH });
    serde_json::from_value(member).unwrap()
}

/// The sample with another text in its message.
fn changed(sample: &Value, from: &str, to: &str) -> Value {
    let mut event = sample.clone();
    let body = event["Records"][0]["body"].as_str().unwrap();
    assert!(body.contains(from), "{body}");
    event["Records"][0]["body"] = json!(body.replace(from, to));
    event
}

fn failed(sample: &Value) -> Value {
    json!({ "batchItemFailures": [{ "itemIdentifier": sample["Records"][0]["messageId"] }] })
}

fn one_each(addresses: &[&str]) -> BTreeMap<String, usize> {
    addresses.iter().map(|address| ((*address).to_owned(), 1)).collect()
}

const READERS: [&str; 3] = ["ada@example.com", "amy@example.com", "bob@example.com"];

fn text(mail: &Value) -> &str {
    mail["Content"]["Simple"]["Body"]["Text"]["Data"].as_str().unwrap()
}

fn done() -> Value {
    json!({ "batchItemFailures": [] })
}

#[tokio::test]
async fn every_sample_sends_its_mails_once_however_often_it_comes() {
    for (sample, subject, mails) in [
        (sample!("magic-link-requested"), "Sign in to Gantry", 1),
        (sample!("organization-created"), "Acme is ready on Gantry", 2),
        (sample!("trial-ending"), "The trial of Acme ends in 3 days", 3),
        (sample!("trial-ended"), "The trial of Acme has ended", 3),
        (sample!("payment-failed"), "A payment for Acme failed", 3),
        (sample!("invoice-overdue"), "An invoice for Acme is overdue", 3),
        (sample!("subscription-activated"), "The subscription of Acme is active", 3),
        (sample!("subscription-canceled"), "The subscription of Acme was canceled", 3),
        (sample!("session-started"), "A new sign-in to your account on Gantry", 1),
        (sample!("email-change-requested"), "Confirm your new address on Gantry", 1),
        (sample!("email-change-undone"), "The address of your account on Gantry is as it was", 1),
    ] {
        let world = World::start().await;
        for _ in 0..2 {
            assert_eq!(world.invoke(&sample).await, done());
        }
        let sent = world.services.mails();
        assert_eq!(sent.len(), mails, "{subject}");
        for mail in sent {
            assert_eq!(mail["Content"]["Simple"]["Subject"]["Data"], subject);
            assert_eq!(mail["EmailTags"][0]["Value"], "evt_01kar8h5g0e0vsx4q1v3f6m2ah");
        }
    }
}

#[tokio::test]
async fn a_magic_link_mail_holds_the_link_and_code_of_its_login() {
    let world = World::start().await;
    // the event is stamped a moment after its login's time begins
    let sample = changed(
        &sample!("magic-link-requested"),
        "\"time\":\"2026-11-23T12:00:00Z\",\"org_id\"",
        "\"time\":\"2026-11-23T12:00:00.042Z\",\"org_id\"",
    );
    world.invoke(&sample).await;
    let (login, key) = (LOGIN.parse().unwrap(), LinkKey::from_secret(Services::SECRET_KEY));
    let mails = world.services.mails();
    let link = format!("http://localhost:5173/auth/verify#token={}\n", key.token(login));
    assert!(text(&mails[0]).contains(&link) && text(&mails[0]).contains(&key.code(login)));
    assert!(text(&mails[0]).contains("15 minutes"));
    assert_eq!(world.recipients(), ["ada@example.com"]);
}

#[tokio::test]
async fn a_sign_in_on_a_new_device_is_told_to_the_person_and_any_other_to_nobody() {
    let world = World::start().await;
    let new = sample!("session-started");
    assert_eq!(world.invoke(&changed(&new, "\"new_device\":true", "\"new_device\":false")).await, done());
    let erased = changed(&new, "usr_01kar8h5g0e0vsx4q1v3f6m2ah", "usr_01kar8h5g0e0vsx4q1v3f6m2zz");
    assert_eq!(world.invoke(&erased).await, done());
    assert!(world.services.mails().is_empty());
    assert_eq!(world.invoke(&new).await, done());
    assert_eq!(world.recipients(), ["ada@example.com"]);
    let mails = world.services.mails();
    assert!(text(&mails[0]).contains("with Firefox on Linux in AT"), "{}", text(&mails[0]));
    assert!(text(&mails[0]).contains("http://localhost:5173/account/sessions"));
    assert!(text(&mails[0]).contains("it is about your account on Gantry"));
}

/// The new address is asked and the one before is told, each by a link that does its own step: as the table
/// says, not the event.
#[tokio::test]
async fn a_change_of_address_goes_to_the_address_whose_turn_it_is() {
    let world = World::start().await;
    let table = world.database.table(&world.clock);
    let key = LinkKey::from_secret(Services::SECRET_KEY);
    let token = |step| key.change_token(step, USER.parse().unwrap(), CHANGE.parse().unwrap());
    let (asked, made) = (sample!("email-change-requested"), sample!("email-changed"));
    assert_eq!(world.invoke(&made).await, done());
    assert!(world.services.mails().is_empty(), "nothing was made yet");
    assert_eq!(world.invoke(&changed(&asked, "ada@example.org", "eve@evil.example")).await, done());
    assert_eq!(world.recipients(), ["ada@example.org"]);
    let link = format!("/account/email/confirm#token={}", token(ChangeStep::Confirm));
    assert!(text(&world.services.mails()[0]).contains(&link));

    let stored = identity_core::keys::EmailChange::key(USER.parse().unwrap());
    let change: EmailChange = table.get(&stored, Consistency::Strong).await.unwrap().unwrap();
    let until = noon() + SignedDuration::from_hours(7 * 24);
    world.commit(Changes::new().replace(&change.at(ChangeState::Made(until)))).await;
    world.services.clear();
    let again = |sample: &Value| changed(sample, "evt_01kar8h5g0e0vsx4q1v3f6m2ah", &event_id());
    assert_eq!((world.invoke(&again(&asked)).await, world.services.mails().len()), (done(), 0), "confirmed");
    let other = changed(&again(&made), CHANGE, "ech_01kar8h5g0e0vsx4q1v3f6m2zz");
    assert_eq!((world.invoke(&other).await, world.services.mails().len()), (done(), 0), "another change");
    assert_eq!(world.invoke(&again(&made)).await, done());
    assert_eq!(world.recipients(), ["ada@example.com"]);
    let link = format!("/account/email/undo#token={}", token(ChangeStep::Undo));
    assert!(text(&world.services.mails()[0]).contains(&link));
}

#[tokio::test]
async fn a_link_that_has_ended_is_not_sent() {
    let world = World::start().await;
    world.clock.advance(SignedDuration::from_mins(15));
    assert_eq!(world.invoke(&sample!("magic-link-requested")).await, done());
    assert!(world.services.mails().is_empty());
}

#[tokio::test]
async fn who_may_read_billing_is_told_about_it_and_a_new_organization_its_owners() {
    for sample in [sample!("payment-failed"), sample!("invoice-overdue")] {
        let world = World::start().await;
        world.invoke(&sample).await;
        assert_eq!(world.counts(), one_each(&READERS));
        assert!(text(&world.services.mails()[0]).contains("49.00 EUR"));
    }
    let world = World::start().await;
    world.invoke(&sample!("organization-created")).await;
    assert_eq!(world.counts(), one_each(&["ada@example.com", "bob@example.com"]));
}

#[tokio::test]
async fn it_does_not_matter_how_many_members_there_are() {
    let world = World::start().await;
    let calls = async || {
        world.invoke(&changed(&sample!("trial-ended"), "evt_01kar8h5g0e0vsx4q1v3f6m2ah", &event_id())).await;
        world.host.calls_of_last_invocation()
    };
    let few = calls().await;
    for _ in 0..6 {
        let members: Vec<_> = (0..99).map(|_| member("mia@example.com", Role::Member)).collect();
        let changes = members.iter().fold(Changes::new(), Changes::create);
        world.commit(changes).await;
    }
    assert_eq!(calls().await, few, "calls and units");
    let owners: Vec<_> = (0..60).map(|n| member(&format!("owner{n}@example.com"), Role::Owner)).collect();
    world.commit(owners.iter().fold(Changes::new(), Changes::create)).await;
    world.services.clear();
    calls().await;
    assert_eq!(world.recipients().len(), 50, "one event causes no more");
}

fn event_id() -> String {
    let id: primitives::EventId = Ids::unguessable();
    id.to_string()
}

#[tokio::test]
async fn addressees_come_from_the_table_and_never_from_the_event() {
    let world = World::start().await;
    let event = changed(&sample!("magic-link-requested"), "ada@example.com", "stranger@evil.example");
    assert_eq!(world.invoke(&event).await, done());
    assert_eq!(world.counts(), one_each(&["ada@example.com"]));
}

/// What did not come from the table is sent to nobody, and is soon among the dead letters: it comes again at
/// once, until it has come too often.
#[tokio::test]
async fn an_event_about_what_is_not_in_the_table_is_refused() {
    let other = "org_01kar8h5g0e0vsx4q1v3f6m2zz";
    let named_twice = |name: &Value, member: &str| {
        changed(name, &format!("{{\"{member}\":\"{ORG}\""), &format!("{{\"{member}\":\"{other}\""))
    };
    for event in [
        changed(&sample!("organization-created"), ORG, other),
        changed(&sample!("trial-ended"), &format!("\"org_id\":\"{ORG}\""), "\"org_id\":null"),
        changed(&sample!("trial-ended"), ORG, other),
        named_twice(&sample!("organization-created"), "id"),
        named_twice(&sample!("subscription-activated"), "org_id"),
        changed(&sample!("magic-link-requested"), LOGIN, "lgn_01kar8h5g0e0vsx4q1v3f6m2zz"),
        changed(&sample!("trial-ending"), "\"days_left\":3", "\"days_left\":\"x\""),
        changed(&sample!("invoice-overdue"), "\"amount_due\":4900", "\"amount_due\":\"x\""),
        changed(&sample!("trial-ending"), "{", "["),
    ] {
        let world = World::start().await;
        assert_eq!(world.invoke(&event).await, failed(&event));
        assert!(world.services.mails().is_empty());
        assert_eq!(world.services.hidden("mail"), [0]);
    }
}

#[tokio::test]
async fn a_trial_that_has_ended_is_not_announced_as_ending() {
    let world = World::start().await;
    world.clock.advance(SignedDuration::from_hours(24 * 30));
    assert_eq!(world.invoke(&sample!("trial-ending")).await, done());
    assert!(world.services.mails().is_empty());
}

#[tokio::test]
async fn a_throttled_mail_comes_again_and_what_was_sent_does_not() {
    let world = World::start().await;
    let sample = sample!("trial-ended");
    // after the SDK's own attempts
    world.services.refuse("SendEmail", 3);
    assert_eq!(world.invoke(&sample).await, failed(&sample));
    assert!(world.services.mails().is_empty());
    let hidden = world.services.hidden("/mail");
    assert!(matches!(hidden[..], [15..=23]), "{hidden:?}");
    // the lane stands back: nothing is asked of SES, nor of the table
    let asked = world.services.calls("SendEmail");
    assert_eq!(world.invoke(&sample).await, failed(&sample));
    assert_eq!((world.services.calls("SendEmail"), world.host.calls_of_last_invocation().len()), (asked, 0));
    world.clock.advance(SignedDuration::from_secs(2));
    assert_eq!(world.invoke(&sample).await, done());
    assert_eq!(world.counts(), one_each(&READERS));
}

#[tokio::test]
async fn a_throttled_message_is_hidden_longer_each_time() {
    let world = World::start().await;
    let mut sample = sample!("trial-ended");
    sample["Records"][0]["attributes"]["ApproximateReceiveCount"] = json!("4");
    world.services.refuse("SendEmail", 3);
    world.invoke(&sample).await;
    let hidden = world.services.hidden("/mail");
    assert!(matches!(hidden[..], [120..=180]), "{hidden:?}");
}

/// Somebody waits for it: it is tried again by the same worker, whatever the other lane does, and its message
/// is received once.
#[tokio::test]
async fn a_throttled_sign_in_mail_is_sent_within_a_moment() {
    let world = World::start().await;
    world.services.refuse("SendEmail", 7);
    assert_eq!(world.invoke(&sample!("magic-link-requested")).await, done());
    assert_eq!(world.counts(), one_each(&["ada@example.com"]));
    world.services.refuse("SendEmail", 3);
    world.invoke(&sample!("trial-ended")).await;
    world.services.refuse("SendEmail", 0);
    let event = changed(&sample!("magic-link-requested"), "evt_01kar8h5g0e0vsx4q1v3f6m2ah", &event_id());
    assert_eq!(world.invoke(&event).await, done());
    assert_eq!(world.recipients().len(), 2);
}

/// Three people, a service that takes each mail and answers after three seconds, five deliveries of the
/// message.
#[tokio::test]
async fn a_slow_service_sends_everybody_one_mail() {
    let world = World::start().await;
    world.services.answer_late("SendEmail", Duration::from_secs(3));
    for _ in 0..5 {
        assert_eq!(world.invoke(&sample!("trial-ending")).await, done());
    }
    assert_eq!(world.counts(), one_each(&READERS));
}

/// What SES answers about one address of three, on five deliveries; how often it is asked about it, and
/// whether the message fails to the end.
#[tokio::test]
async fn one_address_never_stops_the_others() {
    for (status, error, asked, ends_well) in [
        (400, "MessageRejected", 1, true),
        // it may have been taken each time: twice is enough
        (500, "InternalFailure", 2, true),
        // it was surely not taken: three attempts of the SDK each time
        (503, "ServiceUnavailable", 15, false),
        (403, "AccessDeniedException", 5, false),
    ] {
        let world = World::start().await;
        world.services.refuse_mails_to("ada@example.com", status, error);
        let sample = sample!("trial-ending");
        let mut last = Value::Null;
        for _ in 0..5 {
            last = world.invoke(&sample).await;
        }
        assert_eq!(world.counts(), one_each(&READERS[1..]), "{error}");
        assert_eq!(world.services.calls("SendEmail"), asked + 2, "{error}");
        assert_eq!(last == done(), ends_well, "{error}: {last}");
    }
}

#[tokio::test]
async fn no_mail_is_begun_that_cannot_be_ended() {
    let world = World::start().await;
    let mut context = lambda_host::Context::default();
    context.deadline = deadline_in(Duration::from_secs(10));
    let sample = sample!("trial-ended");
    let event = LambdaEvent::new(sample.clone(), context);
    assert_eq!(world.function.invoke(event).await.unwrap(), failed(&sample));
    assert!(world.services.mails().is_empty());
    assert!(world.services.hidden("/mail")[0] <= 1);
    assert_eq!(world.invoke(&sample).await, done());
    assert_eq!(world.counts(), one_each(&READERS));
}

#[expect(clippy::disallowed_methods, reason = "deadlines are in wall-clock time")]
fn deadline_in(left: Duration) -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    u64::try_from((now + left).as_millis()).unwrap()
}

#[tokio::test]
async fn one_bad_message_fails_alone() {
    let world = World::start().await;
    let mut batch = sample!("organization-created");
    let mut bad = batch["Records"][0].clone();
    bad["messageId"] = json!("bad");
    bad["body"] = json!("no JSON");
    batch["Records"].as_array_mut().unwrap().push(bad);
    let answer = world.invoke(&batch).await;
    assert_eq!(answer, json!({ "batchItemFailures": [{ "itemIdentifier": "bad" }] }));
    assert_eq!(world.services.mails().len(), 2);
}

/// Nobody is left out, and only the mail that was under way can come twice.
#[tokio::test]
async fn a_crash_at_any_call_is_healed_by_the_next_delivery() {
    let sample = sample!("trial-ended");
    let calls = {
        let world = World::start().await;
        world.crashes.count(world.invoke(&sample)).await.1
    };
    assert_eq!(calls, 11, "name, two roles; suppressed; claim; three mails and two notes between; end");
    for call in 0..calls {
        for moment in [Moment::Before, Moment::After] {
            let world = World::start().await;
            assert!(world.crashes.run(call, moment, world.invoke(&sample)).await.is_none());
            world.clock.advance(SignedDuration::from_secs(91));
            assert_eq!(world.invoke(&sample).await, done(), "{call} {moment:?}");
            let counts = world.counts();
            assert!(counts.keys().eq(READERS), "{call} {moment:?}: {counts:?}");
            assert!(counts.values().sum::<usize>() <= 4, "{call} {moment:?}: {counts:?}");
        }
    }
}

macro_rules! item {
    ($name:ident, $key:expr, $($field:ident: $kind:ty),*) => {
        #[derive(Serialize, Deserialize)]
        struct $name { $($field: $kind,)* }

        impl Item for $name {
            fn key(&self) -> Key {
                let key: fn(&Self) -> Key = $key;
                key(self)
            }

            fn version(&self) -> u64 {
                0
            }
        }
    };
}

item!(LoginItem, |login| identity_core::keys::Login::key(login.login_id), login_id: LoginId, email: Email);
item!(UserItem, |user| identity_core::keys::User::key(user.user_id), user_id: UserId, email: Email);
item!(OrgItem, |org| orgs::keys::Org::key(Tenant::trusted(org.org_id)), org_id: OrgId, name: String);
