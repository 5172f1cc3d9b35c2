//! Event buses: rules match events and put them into queues.

use serde_json::{Value, json};

use super::Engine;
use crate::state::{BusEvent, NewMessage, random_id};
use crate::template::ACCOUNT;

/// One entry of a `PutEvents` request.
#[derive(Clone, Debug, Default)]
pub(crate) struct PutEntry {
    pub(crate) bus: String,
    pub(crate) source: String,
    pub(crate) detail_type: String,
    pub(crate) detail: String,
    pub(crate) resources: Vec<String>,
    pub(crate) time: Option<jiff::Timestamp>,
}

/// Why an entry was refused: code and message as EventBridge gives them.
#[derive(Debug)]
pub(crate) struct PutError {
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

impl Engine {
    /// Puts an event on its bus and delivers it to the queues of the matching rules.
    pub(crate) fn put_event(&self, entry: PutEntry) -> Result<String, PutError> {
        for (name, value) in
            [("Source", &entry.source), ("DetailType", &entry.detail_type), ("Detail", &entry.detail)]
        {
            if value.is_empty() {
                return Err(PutError {
                    code: "InvalidArgument",
                    message: format!("Parameter {name} is not valid. Reason: {name} is a required argument."),
                });
            }
        }
        if entry.source.starts_with("aws.") {
            return Err(PutError {
                code: "NotAuthorizedForSourceException",
                message: "Not authorized for the source.".to_owned(),
            });
        }
        let detail: Value =
            serde_json::from_str(&entry.detail).ok().filter(Value::is_object).ok_or_else(|| PutError {
                code: "MalformedDetail",
                message: "Detail is malformed.".to_owned(),
            })?;
        let bus = entry.bus.rsplit('/').next().unwrap_or_default();
        if bus != "default" && !self.template.buses.iter().any(|known| known == bus) {
            return Err(PutError {
                code: "ResourceNotFoundException",
                message: format!("Event bus {bus} does not exist."),
            });
        }
        let (id, now) = (random_id(), self.clock.now());
        let time = entry.time.unwrap_or(now).strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let event = json!({
            "version": "0",
            "id": id,
            "detail-type": entry.detail_type,
            "source": entry.source,
            "account": ACCOUNT,
            "time": time,
            "region": self.place.region,
            "resources": entry.resources,
            "detail": detail,
        });
        let rules: Vec<_> = self
            .template
            .rules
            .iter()
            .filter(|rule| rule.bus == bus && rule.pattern.matches(&event))
            .collect();
        self.note_event(BusEvent {
            id: id.clone(),
            at: now,
            bus: bus.to_owned(),
            source: entry.source,
            detail_type: entry.detail_type,
            detail: event["detail"].clone(),
            matched_rules: rules.iter().map(|rule| rule.name.clone()).collect(),
        });
        let body = event.to_string();
        for target in rules.iter().flat_map(|rule| &rule.targets) {
            if let Some(queue) = self.template.queue_by_arn(target) {
                self.send(queue, NewMessage { body: body.clone(), ..NewMessage::default() });
            }
        }
        Ok(id)
    }
}
