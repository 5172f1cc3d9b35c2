use std::collections::BTreeMap;

use access::Permission;
use events::{
    Envelope, Event, MemberAdded, SubscriptionActivated, SubscriptionPaymentFailed, TrialEnded, TrialEnding,
};
use primitives::EventId;
use push_client::Notification;
use serde::{Deserialize, Serialize};

/// What people's devices are told about an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The first line.
    pub title: String,
    /// What happened.
    pub body: String,
    /// The event's name, for the app.
    pub event_type: String,
}

/// An event that is told.
struct Told {
    event: &'static str,
    /// Who is told: those whose role lets them look at what it is about.
    to: Permission,
    title: &'static str,
    body: &'static str,
}

const fn told(event: &'static str, to: Permission, title: &'static str, body: &'static str) -> Told {
    Told { event, to, title, body }
}

/// Which events are told, to whom, and how.
const TOLD: &[Told] = {
    use Permission::{ReadBilling, ReadMembers};
    &[
        told(
            TrialEnding::NAME,
            ReadBilling,
            "Your trial ends soon",
            "Choose a plan to keep everything open.",
        ),
        told(
            TrialEnded::NAME,
            ReadBilling,
            "Your trial has ended",
            "Choose a plan to go on. Your data is safe.",
        ),
        told(
            SubscriptionActivated::NAME,
            ReadBilling,
            "Your subscription is active",
            "Thank you! Everything is open.",
        ),
        told(
            SubscriptionPaymentFailed::NAME,
            ReadBilling,
            "A payment failed",
            "Please check the means of payment.",
        ),
        told(
            MemberAdded::NAME,
            ReadMembers,
            "Somebody new is here",
            "A new member has joined your organization.",
        ),
    ]
};

impl Notice {
    /// What is told about this event, and what its readers must be allowed; nothing where it is not for
    /// devices.
    pub fn about(event: &Envelope) -> Option<(Self, Permission)> {
        let told = TOLD.iter().find(|told| told.event == event.kind)?;
        let title = match event.data::<TrialEnding>() {
            Some(Ok(TrialEnding { days_left: 1, .. })) => "Your trial ends tomorrow".to_owned(),
            Some(Ok(TrialEnding { days_left, .. })) => format!("Your trial ends in {days_left} days"),
            _ => told.title.to_owned(),
        };
        let notice = Self { title, body: told.body.to_owned(), event_type: told.event.to_owned() };
        Some((notice, told.to))
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

#[cfg(test)]
mod tests {
    use events::{ActorRef, Aggregate, CATALOGUE};
    use primitives::{Ids, Timestamp};
    use serde_json::{Value, json};

    use super::*;

    fn event(kind: &str, data: Value) -> Envelope {
        Envelope {
            id: Ids::sequence().next(),
            kind: kind.to_owned(),
            version: 1,
            time: Timestamp::UNIX_EPOCH,
            org_id: None,
            aggregate: Aggregate { kind: "x".to_owned(), id: "x".to_owned() },
            sequence: 1,
            correlation_id: "test".to_owned(),
            actor: ActorRef::Anonymous,
            data,
        }
    }

    #[test]
    fn five_kinds_of_events_are_told_to_those_who_may_know() {
        let told: Vec<_> = CATALOGUE
            .iter()
            .filter_map(|kind| Some((kind.name, Notice::about(&event(kind.name, (kind.example)()))?.1)))
            .collect();
        let expected = [
            ("member.added", Permission::ReadMembers),
            ("trial.ending", Permission::ReadBilling),
            ("trial.ended", Permission::ReadBilling),
            ("subscription.activated", Permission::ReadBilling),
            ("subscription.payment_failed", Permission::ReadBilling),
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn the_days_of_a_trial_are_named() {
        let title = |days_left: u8| {
            let data = json!({ "ends_at": "2026-12-07T10:00:00Z", "days_left": days_left });
            Notice::about(&event("trial.ending", data)).unwrap().0.title
        };
        assert_eq!(
            (title(3).as_str(), title(1).as_str()),
            ("Your trial ends in 3 days", "Your trial ends tomorrow")
        );
    }
}
