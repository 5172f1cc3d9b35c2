use std::collections::BTreeMap;

use events::Told;
use primitives::EventId;
use push_client::Notification;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What people's devices show about an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// The first line.
    pub title: String,
    /// What happened.
    pub body: String,
    /// The event's name, for the app.
    pub event_type: String,
}

impl Alert {
    /// What devices show about an event with this data; nothing where it is not for devices.
    pub fn of(told: &Told, data: &Value) -> Option<Self> {
        let text = told.push?;
        let (title, body) = ((text.title)(data).into_owned(), text.body.to_owned());
        Some(Self { title, body, event_type: told.event.name.to_owned() })
    }

    /// The notification as devices get it: named by the event, so that a device shows it once.
    pub(crate) fn notification(&self, event_id: EventId, org_id: &impl ToString) -> Notification {
        let data = BTreeMap::from([
            ("type".to_owned(), self.event_type.clone()),
            ("org_id".to_owned(), org_id.to_string()),
        ]);
        Notification::new(event_id, &self.title, &self.body, &data)
    }
}
