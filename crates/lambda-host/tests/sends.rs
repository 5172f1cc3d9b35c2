//! What may have been taken is not sent again, on the wire: SES, SNS, EventBridge, SQS.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use aws_sdk_sesv2::types::{Body, Content, Destination, EmailContent, Message};
use lambda_host::{Environment, Host};
use primitives::{Clock, Ids};
use sends::{Verdict, verdict};
use test_support::{Database, LostAnswers, Services, noon};

const OPERATIONS: [&str; 4] = ["SendEmail", "Publish", "PutEvents", "SendMessage"];
const ENDPOINT: &str = "arn:aws:sns:eu-central-1:000000000000:endpoint/APNS/gantry/1";

struct Setting {
    database: Database,
    services: Services,
    host: Host,
}

/// How each of the four calls ended: `Err` says whether it may have been taken.
type Ends = [Result<(), bool>; 4];

impl Setting {
    async fn new(lost: Option<&LostAnswers>) -> Self {
        let (database, services) = (Database::start().await, Services::start().await);
        services.add_endpoint(ENDPOINT);
        let host = host(services.environment(&database), lost);
        Self { database, services, host }
    }

    fn calls(&self) -> [usize; 4] {
        OPERATIONS.map(|operation| self.services.calls(operation))
    }
}

fn host(environment: Vec<(String, String)>, lost: Option<&LostAnswers>) -> Host {
    let clock = Clock::fixed(noon());
    let ids = Ids::random(clock.clone());
    Host::with(Environment::new(environment), clock, ids, lost.map(LostAnswers::http_client)).unwrap()
}

async fn send_all(host: &Host) -> Ends {
    let (mail, push) = (host.mail(), host.push_sends());
    let (bus, queues) = (host.event_bus().unwrap(), host.queues());
    let text = || Content::builder().data("text").build().unwrap();
    let message = Message::builder().subject(text()).body(Body::builder().text(text()).build()).build();
    let mail = mail
        .send_email()
        .from_email_address("hello@example.com")
        .destination(Destination::builder().to_addresses("ada@example.com").build())
        .content(EmailContent::builder().simple(message).build());
    let push = push.publish().target_arn(ENDPOINT).message("text");
    let entry = PutEventsRequestEntry::builder().event_bus_name("gantry").source("gantry").build();
    let events = bus.client().put_events().entries(entry);
    let queue = queues.send_message().queue_url("http://queues.example.com/outbox-parked").message_body("x");
    let (mail, push, events, queue) = tokio::join!(
        Box::pin(mail.send()),
        Box::pin(push.send()),
        Box::pin(events.send()),
        Box::pin(queue.send())
    );
    [
        mail.map(drop).map_err(|error| verdict(&error) == Verdict::Open),
        push.map(drop).map_err(|error| verdict(&error) == Verdict::Open),
        events.map(drop).map_err(|error| verdict(&error) == Verdict::Open),
        queue.map(drop).map_err(|error| verdict(&error) == Verdict::Open),
    ]
}

#[tokio::test]
async fn a_service_that_takes_it_and_answers_after_three_seconds_is_called_once() {
    let setting = Setting::new(None).await;
    for operation in OPERATIONS {
        setting.services.answer_late(operation, Duration::from_secs(3));
    }
    assert_eq!(send_all(&setting.host).await, [Ok(()); 4]);
    assert_eq!(setting.calls(), [1; 4]);
    let services = &setting.services;
    assert_eq!((services.mails().len(), services.publications().len(), services.events().len()), (1, 1, 1));
}

#[tokio::test]
async fn a_lost_answer_is_not_followed_by_a_second_call() {
    let lost = LostAnswers::default();
    let setting = Setting::new(Some(&lost)).await;
    assert_eq!(send_all(&setting.host).await, [Err(true); 4]);
    assert_eq!(setting.calls(), [1; 4]);
}

#[tokio::test]
async fn a_throttled_call_was_not_taken_and_is_made_again() {
    let setting = Setting::new(None).await;
    for operation in OPERATIONS {
        setting.services.refuse(operation, 2);
    }
    assert_eq!(send_all(&setting.host).await, [Ok(()); 4]);
    assert_eq!(setting.calls(), [3; 4]);
    for operation in OPERATIONS {
        setting.services.refuse(operation, 3);
    }
    assert_eq!(send_all(&setting.host).await, [Err(false); 4]);
}

#[tokio::test]
async fn a_failure_while_it_worked_may_have_been_taken_and_a_refusal_was_not() {
    for (status, calls, open) in
        [(500, 1, true), (502, 1, true), (504, 1, true), (503, 3, false), (400, 1, false)]
    {
        let setting = Setting::new(None).await;
        setting.services.fail_all(status);
        assert_eq!(send_all(&setting.host).await, [Err(open); 4], "{status}");
        assert_eq!(setting.calls(), [calls; 4], "{status}");
    }
}

#[tokio::test]
async fn without_a_connection_nothing_was_taken() {
    let setting = Setting::new(None).await;
    let mut environment = setting.services.environment(&setting.database);
    environment.push(("AWS_ENDPOINT_URL".to_owned(), "http://127.0.0.1:1".to_owned()));
    assert_eq!(send_all(&host(environment, None)).await, [Err(false); 4]);
}
