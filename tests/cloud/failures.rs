//! What happens to messages that cannot be worked on.

use std::collections::HashMap;

use aws_sdk_sqs::types::QueueAttributeName;
use push::Device;
use serde_json::json;
use table::Consistency;
use xtask::cloud::STRIPE_WEBHOOK_SECRET;

use crate::{
    product::Product,
    story::{deliver, subscription_created},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_that_cannot_be_delivered_is_a_dead_letter_until_it_is_redriven() {
    const PHONE: &str = "9c9c9c9c9c9c9c9c9c9c9c9c9c9c9c9c9c9c9c9c9c9c9c9c9c9c9c9c9c9c9c9c";
    const THANKS: &str = "Thank you! Everything is open.";
    let product = Product::start().await;
    let sqs = aws_sdk_sqs::Client::new(&product.sdk);
    let (token, org_id) = product.owner("ada@dead-letter.example", "dead-letter").await;
    let device = product.device(&token, PHONE).await;
    let endpoint = endpoint_of(&product, &token, &device).await;
    let (queue, dead_letters) =
        (product.stack.resource("PushDeliveryQueue"), product.stack.resource("PushDeliveryDeadLetters"));
    // Five receives would take half an hour.
    let sooner = HashMap::from([(QueueAttributeName::VisibilityTimeout, "3".to_owned())]);
    sqs.set_queue_attributes().queue_url(queue).set_attributes(Some(sooner)).send().await.unwrap();
    let is_ours = |body: &str| body.contains(&org_id);
    let statement = json!({ "Effect": "Deny", "Action": "sns:Publish", "Resource": endpoint });
    let until_dead = async {
        deliver(&product, &subscription_created(&org_id), STRIPE_WEBHOOK_SECRET).await;
        let dead = async || {
            // Receiving is what moves a message that was received too often.
            let page = product.page("/_ministack/sqs/messages").await;
            let queues = page["messages"].as_object().unwrap().values().flat_map(|regions| {
                regions.as_object().unwrap().values().filter_map(|queues| queues.get(dead_letters))
            });
            let mut messages = queues.flat_map(|messages| messages.as_array().unwrap());
            messages.any(|message| is_ours(&message.to_string())).then_some(())
        };
        product.eventually("the push among the dead letters", dead).await;
    };
    product.without("QueuePushDeliveryFunctionRole", statement, until_dead).await;
    assert_eq!(product.told(PHONE, THANKS).await, 0);

    let asked =
        sqs.get_queue_attributes().queue_url(dead_letters).attribute_names(QueueAttributeName::QueueArn);
    let attributes = asked.send().await.unwrap().attributes.unwrap();
    let arn = &attributes[&QueueAttributeName::QueueArn];
    sqs.start_message_move_task().source_arn(arn).send().await.unwrap();
    let told = async || (product.told(PHONE, THANKS).await == 1).then_some(());
    product.eventually("the push after the redrive", told).await;
}

/// The ARN of the endpoint that stands for this device of the person's.
async fn endpoint_of(product: &Product, token: &str, device: &str) -> String {
    let user_id = product.get("/v1/me", token).await.text("/id").parse().unwrap();
    let key = push::keys::Device::key(user_id, device.parse().unwrap());
    let device: Option<Device> = product.table().get(&key, Consistency::Strong).await.unwrap();
    device.unwrap().endpoint_arn
}
