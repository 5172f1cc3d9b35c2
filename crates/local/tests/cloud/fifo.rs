//! FIFO queues, with the real SDK client and behind a function.

use std::sync::atomic::Ordering;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::ProvideErrorMetadata;
use aws_sdk_sqs::operation::send_message::builders::SendMessageFluentBuilder;
use aws_sdk_sqs::types::{
    MessageSystemAttributeName as Attribute, QueueAttributeName, SendMessageBatchRequestEntry,
};
use jiff::SignedDuration;
use local::Cloud;
use serde_json::{Value, json};

use crate::product::{Product, local_api, sdk};

async fn start(product: &Product) -> (Cloud, Client) {
    let cloud = product.start().await;
    let sqs = Client::new(&sdk(cloud.aws_url()).await);
    (cloud, sqs)
}

fn url(cloud: &Cloud, queue: &str) -> String {
    cloud.template().queues[queue].url.clone()
}

/// Code and message of a refusal.
async fn refusal(request: SendMessageFluentBuilder) -> (String, String) {
    let error = request.send().await.unwrap_err().into_service_error();
    (error.code().unwrap().to_owned(), error.message().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_is_checked_and_what_is_sent_twice_is_there_once() {
    let (cloud, sqs) = start(&Product::default()).await;
    let (lines, plain) = (url(&cloud, "lines.fifo"), url(&cloud, "plain"));
    let steps_dead = url(&cloud, "StepsDeadLetters.fifo");
    let to = |url: &str, body: &str| sqs.send_message().queue_url(url).message_body(body);

    let (code, message) = refusal(to(&lines, "one")).await;
    assert_eq!(code, "MissingParameter");
    assert_eq!(message, "The request must contain the parameter MessageGroupId.");
    let (code, message) = refusal(to(&steps_dead, "one").message_group_id("a")).await;
    assert!(code == "InvalidParameterValue" && message.contains("ContentBasedDeduplication"), "{message}");
    for group in ["a b", "", "ü", &"a".repeat(129)] {
        let (code, message) = refusal(to(&lines, "one").message_group_id(group)).await;
        assert!(code == "InvalidParameterValue" && message.contains("MessageGroupId"), "{message}");
    }
    for request in [
        to(&lines, "one").message_group_id("a").delay_seconds(5),
        to(&plain, "one").message_deduplication_id("x"),
    ] {
        let (code, message) = refusal(request).await;
        assert!(code == "InvalidParameterValue" && message.contains("this queue type"), "{message}");
    }
    let fair = to(&plain, "one").message_group_id("a").send().await.unwrap();
    assert_eq!(fair.sequence_number(), None);

    let first = to(&lines, "one").message_group_id("a").delay_seconds(0).send().await.unwrap();
    let again = to(&lines, "one").message_group_id("a").send().await.unwrap();
    assert_eq!((again.message_id(), again.sequence_number()), (first.message_id(), first.sequence_number()));
    let other = to(&lines, "one").message_group_id("b").send().await.unwrap();
    assert!(other.sequence_number() > first.sequence_number());
    assert_eq!(first.sequence_number().unwrap().len(), 20);
    cloud.advance(SignedDuration::from_mins(5)).await;
    let later = to(&lines, "one").message_group_id("a").send().await.unwrap();
    assert_ne!(later.message_id(), first.message_id());
    let attributes = sqs.get_queue_attributes().queue_url(&lines).attribute_names(QueueAttributeName::All);
    let attributes = attributes.send().await.unwrap().attributes.unwrap();
    assert_eq!(attributes[&QueueAttributeName::ApproximateNumberOfMessages], "3");
    assert_eq!(attributes[&QueueAttributeName::FifoQueue], "true");
    assert_eq!(attributes[&QueueAttributeName::DeduplicationScope], "messageGroup");

    let entry = |id: &str| SendMessageBatchRequestEntry::builder().id(id).message_body(id);
    let batch = |second: SendMessageBatchRequestEntry| {
        let first = entry("x").message_group_id("c").build().unwrap();
        sqs.send_message_batch().queue_url(&lines).entries(first).entries(second).send()
    };
    let refused = batch(entry("y").build().unwrap()).await.unwrap_err().into_service_error();
    assert_eq!(refused.code(), Some("MissingParameter"), "one without a group fails all");
    let sent = batch(entry("y").message_group_id("c").build().unwrap()).await.unwrap();
    let [x, y] = sent.successful() else { panic!("{sent:?}") };
    assert!(x.sequence_number() < y.sequence_number());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_gets_one_group_after_the_other_and_nothing_behind_what_is_out() {
    let (cloud, sqs) = start(&Product::default()).await;
    let lines = url(&cloud, "lines.fifo");
    for (group, body) in [("a", "a1"), ("b", "b1"), ("a", "a2")] {
        sqs.send_message().queue_url(&lines).message_body(body).message_group_id(group).send().await.unwrap();
    }
    let receive = |limit: i32| {
        let request = sqs.receive_message().queue_url(&lines).max_number_of_messages(limit);
        request.message_system_attribute_names(Attribute::All).send()
    };
    let first = receive(1).await.unwrap().messages.unwrap().remove(0);
    let attributes = first.attributes().unwrap();
    assert_eq!(attributes[&Attribute::MessageGroupId], "a");
    assert_eq!(attributes[&Attribute::MessageDeduplicationId].len(), 64, "the digest of the body");
    assert_eq!(attributes[&Attribute::SequenceNumber].len(), 20);
    let second = receive(10).await.unwrap();
    let [second] = second.messages() else { panic!("{second:?}") };
    assert_eq!(second.body(), Some("b1"));
    let messages = local_api(&cloud, "GET", "/queues/lines.fifo/messages", Value::Null).await.json();
    assert_eq!(messages["items"][1]["group"], "b");
    let delete =
        || sqs.delete_message().queue_url(&lines).receipt_handle(first.receipt_handle().unwrap()).send();
    delete().await.unwrap();
    delete().await.unwrap();
    assert_eq!(receive(10).await.unwrap().messages()[0].body(), Some("a2"));
    cloud.advance(SignedDuration::from_secs(31)).await;
    let late = sqs.delete_message().queue_url(&lines).receipt_handle(second.receipt_handle().unwrap());
    let late = late.send().await.unwrap_err().into_service_error();
    assert!(late.message().unwrap().contains("The receipt handle has expired"), "{late:?}");

    let arn = |name: &str| format!("arn:aws:sqs:us-east-1:000000000000:{name}");
    let moving = sqs.start_message_move_task().source_arn(arn("StepsDeadLetters.fifo"));
    assert!(moving.destination_arn(arn("plain")).send().await.is_err(), "a queue of the other type");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_does_a_group_in_its_order_and_a_dead_letter_lets_it_go_on() {
    let product = Product::default();
    let (cloud, sqs) = start(&product).await;
    let steps = url(&cloud, "steps.fifo");
    let send = async |group: &str, body: &str| {
        let request = sqs.send_message().queue_url(&steps).message_body(body);
        request.message_group_id(group).message_deduplication_id(body).send().await.unwrap();
    };
    let many: Vec<String> = (100..150).map(|number| format!("m{number}")).collect();
    for body in &many {
        send("m", body).await;
    }
    assert!(cloud.drain().await);
    assert_eq!(product.steps.lock().unwrap().split_off(0), many);

    for body in ["a1", "poison"] {
        send("a", body).await;
    }
    assert!(cloud.drain().await);
    send("a", "a2").await;
    send("b", "b1").await;
    assert!(cloud.drain().await, "what waits for another one does not keep it busy");
    assert_eq!(*product.steps.lock().unwrap(), ["a1", "b1"]);
    // Both fail at the second receive. The third finds that of the first used up.
    assert!(cloud.advance(SignedDuration::from_secs(90)).await.idle);
    assert_eq!(*product.steps.lock().unwrap(), ["a1", "b1"]);
    assert!(cloud.advance(SignedDuration::from_secs(60)).await.idle);
    assert_eq!(*product.steps.lock().unwrap(), ["a1", "b1", "a2"]);
    let dead = local_api(&cloud, "GET", "/dead-letters", Value::Null).await.json();
    let dead = dead["items"].as_array().unwrap();
    assert_eq!((dead.len(), &dead[0]["body"], &dead[0]["group"]), (1, &json!("poison"), &json!("a")));

    product.cured.store(true, Ordering::SeqCst);
    let redrive = "/queues/StepsDeadLetters.fifo/redrive";
    assert_eq!(local_api(&cloud, "POST", redrive, json!({})).await.json()["moved"], 1);
    assert!(cloud.drain().await);
    assert_eq!(*product.steps.lock().unwrap(), ["a1", "b1", "a2", "poison"]);
}
