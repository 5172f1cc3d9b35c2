//! The function on its sample events, on a real engine and a mail service that keeps what it is given.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;

use access::Tenant;
use identity::LinkKey;
use lambda_host::{Environment, Function, Host, LambdaEvent};
use primitives::{Clock, Email, Ids, LoginId, MemberId, OrgId, SignedDuration, UserId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use table::{Cause, Changes, Item, Key};
use test_support::{Crashes, Database, Moment, Services, noon};

const ORG: &str = "org_01kar8h5g0e0vsx4q1v3f6m2ah";

macro_rules! sample {
    ($name:literal) => {
        serde_json::from_str::<Value>(include_str!(concat!("../../../events/queue-mail/", $name, ".json")))
            .unwrap()
    };
}

struct World {
    database: Database,
    services: Services,
    crashes: Crashes,
    clock: Clock,
    function: Function,
}

impl World {
    /// With an organization of two owners and one member.
    async fn start() -> Self {
        let (database, services, crashes) =
            (Database::start().await, Services::start().await, Crashes::default());
        let clock = Clock::fixed(noon());
        let environment = Environment::new(services.environment(&database));
        let ids = Ids::random(clock.clone());
        let host = Host::with(environment, clock.clone(), ids, Some(crashes.http_client())).unwrap();
        let function = queue_mail::function(&host).await.unwrap();
        let world = Self { database, services, crashes, clock, function };
        world.populate().await;
        world
    }

    async fn populate(&self) {
        let org_id: OrgId = ORG.parse().unwrap();
        let member = |email: &str, role: &'static str| MemberItem {
            org_id,
            member_id: Ids::unguessable(),
            user_id: Ids::unguessable(),
            email: email.parse().unwrap(),
            role: role.to_owned(),
            version: 0,
        };
        let changes = Changes::new()
            .create(&OrgItem { org_id, name: "Acme".to_owned(), version: 0 })
            .create(&member("ada@example.com", "owner"))
            .create(&member("bob@example.com", "owner"))
            .create(&member("eve@example.com", "member"));
        let table = self.database.table(&self.clock);
        table.commit(&Cause::system("test", "test"), changes).await.unwrap();
    }

    async fn invoke(&self, event: &Value) -> Value {
        let event = LambdaEvent::new(event.clone(), lambda_host::Context::default());
        self.function.invoke(event).await.unwrap()
    }

    fn recipients(&self) -> Vec<String> {
        let address = |mail: &Value| mail["Destination"]["ToAddresses"][0].as_str().unwrap().to_owned();
        self.services.mails().iter().map(address).collect()
    }
}

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
        (sample!("organization-created"), "Acme is ready on Gantry", 1),
        (sample!("trial-ending"), "The trial of Acme ends in 3 days", 2),
        (sample!("trial-ended"), "The trial of Acme has ended", 2),
        (sample!("payment-failed"), "A payment for Acme failed", 2),
        (sample!("subscription-activated"), "The subscription of Acme is active", 2),
        (sample!("subscription-canceled"), "The subscription of Acme was canceled", 2),
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
    world.invoke(&sample!("magic-link-requested")).await;
    let login: LoginId = "lgn_01kar8h5g0e0vsx4q1v3f6m2ah".parse().unwrap();
    let key = LinkKey::from_secret(Services::SECRET_KEY);
    let mails = world.services.mails();
    let link = format!("http://localhost:5173/auth/verify#token={}\n", key.token(login));
    assert!(text(&mails[0]).contains(&link) && text(&mails[0]).contains(&key.code(login)));
    assert!(text(&mails[0]).contains("15 minutes"));
    assert_eq!(world.recipients(), ["ada@example.com"]);
}

#[tokio::test]
async fn a_link_that_has_ended_is_not_sent() {
    let world = World::start().await;
    world.clock.advance(SignedDuration::from_mins(15));
    assert_eq!(world.invoke(&sample!("magic-link-requested")).await, done());
    assert!(world.services.mails().is_empty());
}

#[tokio::test]
async fn owners_are_written_to_and_nobody_else() {
    let world = World::start().await;
    world.invoke(&sample!("payment-failed")).await;
    let recipients: BTreeSet<_> = world.recipients().into_iter().collect();
    assert!(recipients.iter().eq(["ada@example.com", "bob@example.com"]));
    assert!(text(&world.services.mails()[0]).contains("49.00 EUR"));
}

#[tokio::test]
async fn a_throttled_mail_comes_again_and_what_was_sent_does_not() {
    let world = World::start().await;
    let sample = sample!("trial-ended");
    // the first call is answered after the SDK's own attempts are used up
    world.services.refuse("SendEmail", 3);
    let failed = world.invoke(&sample).await;
    assert_eq!(failed["batchItemFailures"], json!([{ "itemIdentifier": sample["Records"][0]["messageId"] }]));
    assert!(world.services.mails().is_empty());
    assert_eq!(world.invoke(&sample).await, done());
    assert_eq!(world.services.mails().len(), 2);
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
    assert_eq!(world.services.mails().len(), 1);
}

#[tokio::test]
async fn an_event_that_does_not_fit_its_name_fails_and_sends_nothing() {
    let world = World::start().await;
    let mut event = sample!("trial-ending");
    let body =
        event["Records"][0]["body"].as_str().unwrap().replace("\"days_left\":3", "\"days_left\":\"x\"");
    event["Records"][0]["body"] = json!(body);
    assert_eq!(world.invoke(&event).await["batchItemFailures"].as_array().unwrap().len(), 1);
    assert!(world.services.mails().is_empty());
}

#[tokio::test]
async fn a_crash_at_any_call_is_healed_by_the_next_delivery() {
    let sample = sample!("trial-ended");
    let calls = {
        let world = World::start().await;
        world.crashes.count(world.invoke(&sample)).await.1
    };
    for call in 0..calls {
        for moment in [Moment::Before, Moment::After] {
            let world = World::start().await;
            assert!(world.crashes.run(call, moment, world.invoke(&sample)).await.is_none());
            world.clock.advance(SignedDuration::from_secs(61));
            assert_eq!(world.invoke(&sample).await, done(), "{call} {moment:?}");
            let recipients: BTreeSet<_> = world.recipients().into_iter().collect();
            assert_eq!(recipients.len(), 2, "{call} {moment:?}");
        }
    }
}

#[derive(Serialize, Deserialize)]
struct OrgItem {
    org_id: OrgId,
    name: String,
    version: u64,
}

impl Item for OrgItem {
    fn key(&self) -> Key {
        Key::Org(Tenant::trusted(self.org_id))
    }

    fn version(&self) -> u64 {
        self.version
    }
}

#[derive(Serialize, Deserialize)]
struct MemberItem {
    org_id: OrgId,
    member_id: MemberId,
    user_id: UserId,
    email: Email,
    role: String,
    version: u64,
}

impl Item for MemberItem {
    fn key(&self) -> Key {
        Key::Member(Tenant::trusted(self.org_id), self.member_id)
    }

    fn version(&self) -> u64 {
        self.version
    }
}
