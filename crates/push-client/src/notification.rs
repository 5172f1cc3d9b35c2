use std::collections::BTreeMap;

use primitives::EventId;
use serde_json::json;

/// What a device shows, in the form that SNS hands to each push service.
///
/// Sending is at least once: SNS takes no idempotency key, so a call whose answer was lost is
/// repeated. Every payload therefore carries the notification's id as its collapse key, by which a
/// device that has the notification already replaces it instead of showing it twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    id: EventId,
    message: String,
}

impl Notification {
    /// `data` is for the app, which shows it to nobody. `id` names the notification: repeated
    /// sending uses the same.
    pub fn new(id: EventId, title: &str, body: &str, data: &BTreeMap<String, String>) -> Self {
        let id_text = id.to_string();
        // https://developer.apple.com/documentation/usernotifications/generating-a-remote-notification
        let mut apns = json!({ "aps": { "alert": { "title": title, "body": body }, "sound": "default" } });
        for (name, value) in data {
            apns[name] = json!(value);
        }
        apns["notification_id"] = json!(id_text);
        let mut data = data.clone();
        data.insert("notification_id".to_owned(), id_text.clone());
        // https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages
        let fcm = json!({ "fcmV1Message": { "message": {
            "notification": { "title": title, "body": body },
            "data": data,
            "android": {
                "priority": "high",
                "collapse_key": id_text,
                "notification": { "tag": id_text, "sound": "default" },
            },
        } } });
        // https://docs.aws.amazon.com/sns/latest/dg/sns-send-custom-platform-specific-payloads-mobile-devices.html
        let message = json!({
            "default": body,
            "APNS": apns.to_string(),
            "APNS_SANDBOX": apns.to_string(),
            "GCM": fcm.to_string(),
        });
        Self { id, message: message.to_string() }
    }

    /// Its name, the same for every device and every repetition.
    pub fn id(&self) -> EventId {
        self.id
    }

    /// The message for `MessageStructure` `json`: one text with a payload for each service.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }
}

#[cfg(test)]
mod tests {
    use primitives::Ids;
    use serde_json::Value;

    use super::*;

    #[test]
    fn each_service_gets_its_own_payload_with_the_collapse_key() {
        let data = BTreeMap::from([("type".to_owned(), "trial.ending".to_owned())]);
        let notification = Notification::new(Ids::sequence().next(), "Trial \"ends\"", "In 3 days", &data);
        let message: Value = serde_json::from_str(notification.message()).unwrap();
        let payload = |name: &str| serde_json::from_str::<Value>(message[name].as_str().unwrap()).unwrap();
        let id = "evt_00000000000000000000000001";
        assert_eq!(message["default"], "In 3 days");
        assert_eq!(
            payload("APNS"),
            json!({
                "aps": { "alert": { "title": "Trial \"ends\"", "body": "In 3 days" }, "sound": "default" },
                "type": "trial.ending",
                "notification_id": id,
            })
        );
        assert_eq!(payload("APNS"), payload("APNS_SANDBOX"));
        let fcm = &payload("GCM")["fcmV1Message"]["message"];
        assert_eq!(fcm["notification"], json!({ "title": "Trial \"ends\"", "body": "In 3 days" }));
        assert_eq!(fcm["android"]["collapse_key"], id);
        assert_eq!(fcm["android"]["notification"]["tag"], id);
        assert_eq!(fcm["data"], json!({ "type": "trial.ending", "notification_id": id }));
    }

    #[test]
    fn apples_collapse_id_is_short_enough() {
        // At most 64 bytes:
        // https://developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns
        let notification = Notification::new(Ids::sequence().next(), "", "", &BTreeMap::new());
        assert!(notification.id().to_string().len() <= 64);
    }
}
