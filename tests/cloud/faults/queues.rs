//! A worker that fails on one message of ten.

use aws_sdk_sqs::types::{QueueAttributeName, SendMessageBatchRequestEntry};
use events::{ActorRef, Envelope, Event, NewEvent, OrganizationCreated};
use primitives::{Clock, Ids};
use serde_json::json;

use super::{
    events::{attribute, count, look_into},
    hide_messages_for, turn,
};

fn organization_created(number: usize) -> Envelope {
    let clock = Clock::system();
    let org_id = Ids::unguessable();
    let data = OrganizationCreated {
        org_id,
        name: format!("Ten {number}"),
        slug: format!("ten-{number}").parse().unwrap(),
        owner_user_id: Ids::unguessable(),
        owner_email: format!("owner{number}@ten.example").parse().unwrap(),
    };
    let event = NewEvent::new(Some(org_id), &org_id, 1, &data);
    Envelope {
        id: Ids::random(clock.clone()).next(),
        kind: OrganizationCreated::NAME.to_owned(),
        version: OrganizationCreated::VERSION,
        time: clock.now(),
        org_id: Some(org_id),
        aggregate: event.aggregate,
        sequence: 1,
        correlation_id: "ten".to_owned(),
        actor: ActorRef::System { name: "test".to_owned() },
        data: event.data,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_message_of_ten_goes_to_the_dead_letters_and_is_redriven() {
    let turn = turn().await;
    let product = &turn.product;
    hide_messages_for(product, "MailQueue", 1).await;
    let refused = json!({ "body": "Destination.ToAddresses[0] == 'owner7@ten.example'", "error": { "code": "TooManyRequestsException", "status": 429 } });
    turn.proxy.inject("ses", &[refused]).await;
    let queues = aws_sdk_sqs::Client::new(&product.sdk);
    let entries = (0..10).map(|number| {
        let body = json!({ "detail": organization_created(number) }).to_string();
        SendMessageBatchRequestEntry::builder().id(number.to_string()).message_body(body).build().unwrap()
    });
    let url = product.stack.resource("MailQueue");
    let sent = queues.send_message_batch().queue_url(url).set_entries(Some(entries.collect()));
    assert!(sent.send().await.unwrap().failed().is_empty());
    let mails = async |number: usize| product.mails(&format!("owner{number}@ten.example")).await.len();
    let dead =
        product.eventually("the dead letter", async || look_into(product, "MailDeadLetters").await).await;
    assert!(dead.body().unwrap().contains("owner7@ten.example"), "{dead:?}");
    for number in (0..10).filter(|number| *number != 7) {
        assert_eq!(mails(number).await, 1, "{number}");
    }
    assert_eq!(mails(7).await, 0);
    assert!(turn.proxy.heal("ses").await[0] >= 5, "it was tried as often as the queue allows");
    let source = attribute(product, "MailDeadLetters", QueueAttributeName::QueueArn).await;
    queues.start_message_move_task().source_arn(source).send().await.unwrap();
    product.eventually("the tenth mail", async || (mails(7).await == 1).then_some(())).await;
    assert_eq!(count(product, "MailDeadLetters").await, 0, "nothing is left behind");
}
