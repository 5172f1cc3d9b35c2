//! What SES tells of mails, on a real engine: repeated, out of order, at once, hostile, and with the
//! process dying anywhere.
#![expect(clippy::unwrap_used, reason = "tests")]

use futures::future::join_all;
use identity_core::{
    AddressHash, SuppressionReason, lift_suppression, list_suppressed, mail_suppression, suppressed,
};
use lambda_host::{Context, Environment, Function, Host, LambdaEvent};
use primitives::{Clock, Email, Ids, SignedDuration, Timestamp};
use serde_json::{Value, json};
use table::{Cause, Table};
use test_support::{Crashes, Database, Moment, Services, noon};

const GONE: &str = "nobody@example.net";

macro_rules! sample {
    ($name:literal) => {
        serde_json::from_str::<Value>(include_str!(concat!(
            "../../../events/queue-mail-feedback/",
            $name,
            ".json"
        )))
        .unwrap()
    };
}

struct World {
    services: Services,
    database: Database,
    crashes: Crashes,
    clock: Clock,
    function: Function,
}

impl World {
    async fn start() -> Self {
        let (database, services) = (Database::start().await, Services::start().await);
        // the samples are about mails that were sent two hours before
        let (clock, crashes) = (Clock::fixed(noon()), Crashes::default());
        let environment = Environment::new(services.environment(&database));
        let ids = Ids::random(clock.clone());
        let host = Host::with(environment, clock.clone(), ids, Some(crashes.http_client())).unwrap();
        let function = queue_mail_feedback::function(&host).await.unwrap();
        host.connected().await;
        Self { services, database, crashes, clock, function }
    }

    fn table(&self) -> Table {
        self.database.table(&self.clock)
    }

    /// Delivers a batch; says which messages are left.
    async fn deliver(&self, event: &Value) -> Vec<String> {
        let event = LambdaEvent::new(event.clone(), Context::default());
        let answer = self.function.invoke(event).await.unwrap();
        let left = answer["batchItemFailures"].as_array().unwrap();
        left.iter().map(|left| left["itemIdentifier"].as_str().unwrap().to_owned()).collect()
    }

    async fn reason(&self, email: &str) -> Option<SuppressionReason> {
        let said = mail_suppression(&self.table(), &email.parse().unwrap()).await.unwrap();
        said.map(|said| said.reason)
    }

    async fn kinds(&self) -> Vec<String> {
        self.database.events().await.into_iter().map(|event| event.kind).collect()
    }
}

/// The sample of a bounce of a mail that was sent then, with another kind.
fn bounce(kind: &str, sent_at: Timestamp) -> Value {
    let mut sample = sample!("bounce");
    let mut body: Value = serde_json::from_str(sample["Records"][0]["body"].as_str().unwrap()).unwrap();
    let mut told: Value = serde_json::from_str(body["Message"].as_str().unwrap()).unwrap();
    told["bounce"]["bounceType"] = json!(kind);
    told["mail"]["timestamp"] = json!(sent_at.to_string());
    body["Message"] = json!(told.to_string());
    sample["Records"][0]["body"] = json!(body.to_string());
    sample
}

#[tokio::test]
async fn a_bounce_and_a_complaint_suppress_and_a_delay_and_a_delivery_do_not() {
    let world = World::start().await;
    for sample in [
        sample!("bounce"),
        sample!("complaint"),
        sample!("transient-raw"),
        sample!("delivery"),
        sample!("topic-validated"),
    ] {
        assert_eq!(world.deliver(&sample).await, Vec::<String>::new());
        assert_eq!(world.deliver(&sample).await, Vec::<String>::new(), "again");
    }
    assert_eq!(world.reason(GONE).await, Some(SuppressionReason::Bounced));
    assert_eq!(world.reason("cross@example.net").await, Some(SuppressionReason::Complained));
    for fine in ["full@example.net", "ada@example.com"] {
        assert_eq!(world.reason(fine).await, None, "{fine}");
    }
    assert_eq!(world.kinds().await, ["mail_suppression.added"; 2]);
    assert_eq!(world.database.count("mail_suppression").await, 3);
    let items = format!("{:?}", world.database.items().await);
    for address in [GONE, "cross@example.net", "full@example.net"] {
        assert!(!items.contains(address), "no address is in the table: {items}");
    }
    world.database.settle();
    let (listed, next) = list_suppressed(&world.table(), None, 10).await.unwrap();
    assert_eq!((listed.len(), next), (2, None));
    assert!(listed.iter().any(|listed| listed.address == AddressHash::of(&GONE.parse().unwrap())));
}

#[tokio::test]
async fn three_days_of_delays_are_a_rest_which_ends() {
    let world = World::start().await;
    let day = SignedDuration::from_hours(24);
    for days in [0, 1, 0, 1] {
        assert_eq!(world.reason(GONE).await, None);
        world.clock.advance(day * days);
        assert!(world.deliver(&bounce("Transient", world.clock.now())).await.is_empty());
    }
    assert_eq!(world.reason(GONE).await, Some(SuppressionReason::Delayed));
    world.clock.advance(day * 8);
    assert_eq!(world.reason(GONE).await, None);
    let asked: [Email; 1] = [GONE.parse().unwrap()];
    assert!(suppressed(&world.table(), &asked).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_was_lifted_is_not_suppressed_by_what_was_sent_before() {
    let world = World::start().await;
    let (table, cause) = (world.table(), Cause::system("test", "test"));
    let address = AddressHash::of(&GONE.parse().unwrap());
    world.deliver(&sample!("bounce")).await;
    assert!(lift_suppression(&table, &cause, &address, "their server was down").await.unwrap());
    assert!(!lift_suppression(&table, &cause, &address, "twice").await.unwrap());
    world.deliver(&sample!("bounce")).await;
    world.deliver(&bounce("Permanent", world.clock.now())).await;
    assert_eq!(world.reason(GONE).await, None, "these mails were sent before");
    world.clock.advance(SignedDuration::from_secs(1));
    world.deliver(&bounce("Permanent", world.clock.now() + SignedDuration::from_hours(9_999))).await;
    assert_eq!(world.reason(GONE).await, Some(SuppressionReason::Bounced));
    let said = mail_suppression(&table, &GONE.parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(said.since, world.clock.now(), "a clock that is ahead is not believed");
    let kinds = world.kinds().await;
    assert_eq!(kinds.iter().filter(|kind| *kind == "mail_suppression.lifted").count(), 1);
    assert_eq!(kinds.len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_at_once_are_one() {
    let world = World::start().await;
    let sample = sample!("bounce");
    let left: Vec<_> = join_all((0..50).map(|_| world.deliver(&sample))).await;
    assert!(left.iter().all(Vec::is_empty));
    assert_eq!(world.kinds().await, ["mail_suppression.added"]);
    assert_eq!(world.database.count("mail_suppression").await, 1);
}

#[tokio::test]
async fn wherever_the_process_dies_the_next_delivery_ends_in_the_same() {
    let world = World::start().await;
    let (_, calls) = world.crashes.count(world.deliver(&sample!("bounce"))).await;
    assert_eq!(calls, 2, "read and written");
    for call in 0..calls {
        for moment in [Moment::Before, Moment::After] {
            let world = World::start().await;
            world.crashes.run(call, moment, world.deliver(&sample!("bounce"))).await;
            assert!(world.deliver(&sample!("bounce")).await.is_empty());
            assert_eq!(world.reason(GONE).await, Some(SuppressionReason::Bounced));
            assert_eq!(world.kinds().await, ["mail_suppression.added"], "{call} {moment:?}");
        }
    }
}

#[tokio::test]
async fn what_nobody_understands_comes_again_at_once_and_the_others_are_noted() {
    let world = World::start().await;
    let mut batch = sample!("bounce");
    let good = batch["Records"][0].clone();
    let hostile = [
        "no JSON".to_owned(),
        "{}".to_owned(),
        json!({ "Type": "SubscriptionConfirmation", "SubscribeURL": "https://evil.example/" }).to_string(),
        json!({ "eventType": "Invented", "mail": {} }).to_string(),
        good["body"].as_str().unwrap().replace("Permanent", "Eternal"),
        "[".repeat(100_000),
    ];
    let mut wanted = Vec::new();
    for (number, body) in hostile.into_iter().enumerate() {
        let mut record = good.clone();
        let id = format!("hostile-{number}");
        (record["messageId"], record["body"]) = (json!(id), json!(body));
        batch["Records"].as_array_mut().unwrap().push(record);
        wanted.push(id);
    }
    let mut left = world.deliver(&batch).await;
    left.sort();
    assert_eq!(left, wanted);
    assert_eq!(
        world.services.hidden("MailFeedbackQueue"),
        vec![0; wanted.len()],
        "soon they are dead letters"
    );
    assert_eq!(world.reason(GONE).await, Some(SuppressionReason::Bounced));
}
