//! What SES tells of mails to its mailbox simulator
//! (<https://docs.aws.amazon.com/ses/latest/dg/send-an-email-from-console.html>), where the configuration set
//! has somebody to tell.

use serde_json::{Value, json};

use crate::{engine::Engine, state::random_id};

/// Tells what became of a mail to the simulator. All others arrive, and nothing is told of that.
pub(super) fn tell(engine: &Engine, configuration_set: &str, mail_id: &str, from: &str, to: &[String]) {
    let told = to.iter().filter_map(|address| {
        let (kind, detail) = fate(address)?;
        let at = engine.clock.now().strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string();
        let mut event = json!({
            "eventType": kind,
            "mail": {
                "timestamp": at, "source": from, "sendingAccountId": crate::template::ACCOUNT, "messageId": mail_id,
                "destination": to, "headersTruncated": false,
                "tags": { "ses:configuration-set": [configuration_set] },
            },
        });
        event[kind.to_lowercase()] = detail;
        event[kind.to_lowercase()]["timestamp"] = json!(at);
        event[kind.to_lowercase()]["feedbackId"] = json!(random_id());
        Some((kind, event.to_string()))
    });
    for (kind, event) in told {
        let asked = engine.template.mail_destinations.iter().filter(|destination| {
            destination.configuration_set == configuration_set
                && destination.kinds.iter().any(|asked| asked.eq_ignore_ascii_case(kind))
        });
        for destination in asked {
            engine.publish(
                &destination.topic_arn,
                Some("Amazon SES Email Event Notification".to_owned()),
                &event,
            );
        }
    }
}

/// The simulator's mailboxes; what stands behind a `+` is for whoever sends.
fn fate(address: &str) -> Option<(&'static str, Value)> {
    let (mailbox, domain) = address.rsplit_once('@')?;
    if !domain.eq_ignore_ascii_case("simulator.amazonses.com") {
        return None;
    }
    let recipient = json!({ "emailAddress": address });
    let failed = |status: &str, code: &str| json!({ "emailAddress": address, "action": "failed", "status": status, "diagnosticCode": code });
    let bounce = |kind: &str, sub_type: &str, recipient: Value| json!({ "bounceType": kind, "bounceSubType": sub_type, "bouncedRecipients": [recipient] });
    match mailbox.split('+').next()?.to_ascii_lowercase().as_str() {
        "bounce" => {
            let recipient = failed("5.1.1", "smtp; 550 5.1.1 user unknown");
            Some(("Bounce", bounce("Permanent", "General", recipient)))
        }
        "suppressionlist" => Some(("Bounce", bounce("Permanent", "OnAccountSuppressionList", recipient))),
        "ooto" => Some(("Bounce", bounce("Transient", "General", recipient))),
        // SES's own simulator has no mailbox that is full.
        "full" => {
            let recipient = failed("4.2.2", "smtp; 452 4.2.2 mailbox full");
            Some(("Bounce", bounce("Transient", "MailboxFull", recipient)))
        }
        "complaint" => Some((
            "Complaint",
            json!({ "complainedRecipients": [recipient], "complaintFeedbackType": "abuse", "userAgent": "Amazon SES Mailbox Simulator" }),
        )),
        _ => None,
    }
}
