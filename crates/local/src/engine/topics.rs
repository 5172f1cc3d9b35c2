//! Topics: what is published to one is kept, and put into the queues that subscribe to it.

use serde_json::json;

use super::Engine;
use crate::state::{NewMessage, Notification, capture, random_id};

impl Engine {
    /// Publishes to a topic that the template has, and says the message's id.
    pub(crate) fn publish(&self, topic_arn: &str, subject: Option<String>, message: &str) -> String {
        let (id, at) = (random_id(), self.clock.now());
        let envelope = json!({
            "Type": "Notification",
            "MessageId": id,
            "TopicArn": topic_arn,
            "Subject": subject,
            "Message": message,
            "Timestamp": at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(),
            "SignatureVersion": "1",
            "Signature": "bG9jYWw=",
            "SigningCertURL": format!("{}/SimpleNotificationService.pem", self.place.aws_url),
            "UnsubscribeURL": format!("{}/?Action=Unsubscribe", self.place.aws_url),
        });
        let notification = Notification {
            id: id.clone(),
            at,
            topic_arn: topic_arn.to_owned(),
            subject,
            message: message.to_owned(),
        };
        self.store.change(|state| capture(&mut state.notifications, notification));
        for subscription in self.template.subscriptions.iter().filter(|one| one.topic_arn == topic_arn) {
            let body = if subscription.raw { message.to_owned() } else { envelope.to_string() };
            if let Some(queue) = self.template.queue_by_arn(&subscription.queue_arn) {
                self.send(queue, NewMessage { body, ..NewMessage::default() });
            }
        }
        id
    }
}
