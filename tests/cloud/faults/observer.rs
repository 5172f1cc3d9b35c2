//! Sees everything that comes over the event bus.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use aws_sdk_eventbridge::types::Target;
use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::Value;

use crate::product::Product;

/// A rule of the bus for all our events, and the queue that it fills.
pub(crate) struct Observer {
    queues: aws_sdk_sqs::Client,
    url: String,
    seen: Mutex<BTreeMap<String, Value>>,
}

impl Observer {
    pub(crate) async fn start(product: &Product, name: &str) -> Self {
        let (queues, bus) =
            (aws_sdk_sqs::Client::new(&product.sdk), aws_sdk_eventbridge::Client::new(&product.sdk));
        let bus_name = product.stack.output("EventBusName");
        let url = queues.create_queue().queue_name(name).send().await.unwrap().queue_url.unwrap();
        let attributes =
            queues.get_queue_attributes().queue_url(&url).attribute_names(QueueAttributeName::QueueArn);
        let attributes = attributes.send().await.unwrap().attributes.unwrap();
        let pattern = format!(r#"{{"source":["{}"]}}"#, events::SOURCE);
        bus.put_rule().name(name).event_bus_name(bus_name).event_pattern(pattern).send().await.unwrap();
        let target =
            Target::builder().id(name).arn(&attributes[&QueueAttributeName::QueueArn]).build().unwrap();
        bus.put_targets().rule(name).event_bus_name(bus_name).targets(target).send().await.unwrap();
        Self { queues, url, seen: Mutex::default() }
    }

    /// All events so far by their ids: one that came twice is here once.
    pub(crate) async fn events(&self) -> BTreeMap<String, Value> {
        loop {
            let receive = self.queues.receive_message().queue_url(&self.url).max_number_of_messages(10);
            let messages = receive.send().await.unwrap().messages.unwrap_or_default();
            if messages.is_empty() {
                return self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
            }
            for message in messages {
                let event: Value = serde_json::from_str(message.body().unwrap()).unwrap();
                let id = event["detail"]["id"].as_str().unwrap().to_owned();
                self.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(id, event["detail"].clone());
                let handle = message.receipt_handle.unwrap();
                self.queues
                    .delete_message()
                    .queue_url(&self.url)
                    .receipt_handle(handle)
                    .send()
                    .await
                    .unwrap();
            }
        }
    }

    /// The names of an organization's events so far, sorted.
    pub(crate) async fn of_org(&self, org_id: &str) -> Vec<String> {
        let events = self.events().await;
        let own = events.values().filter(|event| event["org_id"] == org_id);
        let mut names: Vec<_> = own.map(|event| event["type"].as_str().unwrap().to_owned()).collect();
        names.sort();
        names
    }
}
