//! What SES tells of a mail after it was sent: by event publishing or by feedback notifications, which have
//! one shape, through SNS, whose envelope may be around it.
//! <https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html>

use primitives::{Email, Timestamp};
use serde::Deserialize;
use serde_json::Value;

/// What SES tells of one mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feedback {
    /// What became of it.
    pub fate: Fate,
    /// For whom.
    pub addresses: Vec<Email>,
    /// When the mail was sent, by SES's clock: nothing of it is the receiver's to say.
    pub sent_at: Timestamp,
    /// SES's id of the mail: letters, digits and hyphens.
    pub mail_id: String,
}

/// What became of a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It was refused for good: nobody has the address.
    Bounced,
    /// It did not arrive this time.
    Delayed,
    /// Whoever got it called it unwanted.
    Complained,
    /// Nothing that says something about the address.
    Nothing,
}

/// What was told cannot be read. It says nothing of what was told, which has addresses in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not what SES tells of a mail: {0}")]
pub struct UnreadableFeedback(&'static str);

/// What SES publishes when it is told of the topic.
const TOPIC_VALIDATED: &str = "Successfully validated SNS topic for Amazon SES event publishing.";

/// Transient bounces that are about the mail, and not about the mailbox.
const ABOUT_THE_MAIL: [&str; 3] = ["MessageTooLarge", "ContentRejected", "AttachmentRejected"];

/// How many letters of SES's id are kept.
const LONGEST_ID: usize = 80;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    #[serde(alias = "notificationType")]
    event_type: String,
    mail: Sent,
    bounce: Option<Bounce>,
    complaint: Option<Complaint>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sent {
    timestamp: Timestamp,
    message_id: String,
    destination: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bounce {
    bounce_type: String,
    #[serde(default)]
    bounce_sub_type: String,
    bounced_recipients: Vec<Recipient>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Complaint {
    complained_recipients: Vec<Recipient>,
    complaint_feedback_type: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Recipient {
    email_address: String,
    /// Only where a delivery status notification came back.
    status: Option<String>,
}

impl Feedback {
    /// Reads a message of a queue behind SES's topic, with SNS's envelope or without. `None`: it is about no
    /// mail.
    pub fn read(message: &Value) -> Result<Option<Self>, UnreadableFeedback> {
        let told = match (message["Type"].as_str(), message["Message"].as_str()) {
            (Some("Notification"), Some(text)) if text.trim() == TOPIC_VALIDATED => return Ok(None),
            (Some("Notification"), Some(text)) => primitives::json::from_str(text)
                .map_err(|_| UnreadableFeedback("the notification holds no event"))?,
            _ => primitives::json::from_ref::<Told>(message)
                .map_err(|_| UnreadableFeedback("it has another shape"))?,
        };
        told.judged().map(Some)
    }
}

impl Told {
    fn judged(self) -> Result<Feedback, UnreadableFeedback> {
        let (fate, recipients) = match (self.event_type.as_str(), self.bounce, self.complaint) {
            ("Bounce", Some(bounce), _) => (bounce.fate()?, bounce.bounced_recipients),
            ("Complaint", _, Some(complaint)) => (complaint.fate(), complaint.complained_recipients),
            ("Bounce" | "Complaint", ..) => return Err(UnreadableFeedback("what it is about is missing")),
            // Sent, delivered, opened, …: it came to the address, or has not yet.
            (
                "Send" | "Delivery" | "DeliveryDelay" | "Open" | "Click" | "Reject" | "Rendering Failure"
                | "Subscription",
                ..,
            ) => (Fate::Nothing, Vec::new()),
            _ => return Err(UnreadableFeedback("this kind of event is unknown")),
        };
        let mut addresses = self.mail.addresses(&recipients);
        match fate {
            Fate::Nothing => addresses.clear(),
            _ if addresses.is_empty() => {
                return Err(UnreadableFeedback("it is about nobody whom the mail went to"));
            }
            _ => {}
        }
        let plain = |letter: &char| letter.is_ascii_alphanumeric() || *letter == '-';
        let mail_id = self.mail.message_id.chars().filter(plain).take(LONGEST_ID).collect();
        Ok(Feedback { fate, addresses, sent_at: self.mail.timestamp, mail_id })
    }
}

impl Sent {
    /// Whom it is about, of those whom the mail was sent to and no others: what the receiver's server calls
    /// the recipient is the receiver's to choose, also somebody else's address. A mail to one is about that
    /// one, wherever it was forwarded to.
    fn addresses(&self, recipients: &[Recipient]) -> Vec<Email> {
        let read = |text: &str| text.parse::<Email>().ok();
        if let [only] = self.destination.as_slice() {
            return read(only).into_iter().collect();
        }
        let named: Vec<Email> = recipients.iter().filter_map(|one| read(&one.email_address)).collect();
        let sent_to = self.destination.iter().filter_map(|address| read(address));
        sent_to.filter(|address| named.contains(address)).collect()
    }
}

impl Bounce {
    /// An answer of somebody who is on holiday comes as a transient bounce too, without the status of a
    /// delivery that failed.
    fn fate(&self) -> Result<Fate, UnreadableFeedback> {
        let failed = self.bounced_recipients.iter().any(|recipient| recipient.status.is_some());
        match self.bounce_type.as_str() {
            "Permanent" => Ok(Fate::Bounced),
            "Transient" if ABOUT_THE_MAIL.contains(&self.bounce_sub_type.as_str()) => Ok(Fate::Nothing),
            "Transient" if self.bounce_sub_type == "General" && !failed => Ok(Fate::Nothing),
            "Transient" | "Undetermined" => Ok(Fate::Delayed),
            _ => Err(UnreadableFeedback("this kind of bounce is unknown")),
        }
    }
}

impl Complaint {
    fn fate(&self) -> Fate {
        // somebody took a mail out of the folder that a program had put it into
        let is_none = self.complaint_feedback_type.as_deref() == Some("not-spam");
        if is_none { Fate::Nothing } else { Fate::Complained }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn told(kind: &str, to: &[&str], detail: &Value) -> Value {
        let mut told = json!({
            "eventType": kind,
            "mail": {
                "timestamp": "2026-11-23T10:00:00.123Z", "source": "hello@example.com",
                "messageId": "0107018b-1f2e-000000", "destination": to, "headersTruncated": false,
                "tags": { "ses:configuration-set": ["gantry"], "mail": ["magic-link"] },
            },
        });
        told[kind.to_lowercase()] = detail.clone();
        told
    }

    fn bounce(kind: &str, sub_type: &str, recipient: &Value) -> Value {
        json!({ "bounceType": kind, "bounceSubType": sub_type, "bouncedRecipients": [recipient],
            "timestamp": "2026-11-23T10:00:02.000Z", "feedbackId": "0107-feedback" })
    }

    fn fate(message: &Value) -> Fate {
        Feedback::read(message).unwrap().unwrap().fate
    }

    #[test]
    fn a_mail_is_bounced_delayed_or_unwanted() {
        let (to, failed) =
            (["ada@example.com"], json!({ "emailAddress": "ada@example.com", "status": "4.2.2" }));
        let on_holiday = json!({ "emailAddress": "ada@example.com" });
        for (kind, sub_type, recipient, expected) in [
            ("Permanent", "General", &failed, Fate::Bounced),
            ("Permanent", "NoEmail", &on_holiday, Fate::Bounced),
            ("Permanent", "OnAccountSuppressionList", &on_holiday, Fate::Bounced),
            ("Transient", "General", &failed, Fate::Delayed),
            ("Transient", "General", &on_holiday, Fate::Nothing),
            ("Transient", "MailboxFull", &on_holiday, Fate::Delayed),
            ("Transient", "MessageTooLarge", &failed, Fate::Nothing),
            ("Transient", "ContentRejected", &failed, Fate::Nothing),
            ("Undetermined", "Undetermined", &on_holiday, Fate::Delayed),
        ] {
            let message = told("Bounce", &to, &bounce(kind, sub_type, recipient));
            assert_eq!(fate(&message), expected, "{kind} {sub_type}");
        }
        let complaint = |kind: &str| {
            let detail = json!({ "complainedRecipients": [on_holiday], "complaintFeedbackType": kind });
            fate(&told("Complaint", &to, &detail))
        };
        assert_eq!((complaint("abuse"), complaint("not-spam")), (Fate::Complained, Fate::Nothing));
        assert_eq!(fate(&told("Delivery", &to, &json!({ "recipients": to }))), Fate::Nothing);
    }

    #[test]
    fn the_envelope_of_sns_may_be_around_it_and_both_names_of_the_kind_are_known() {
        let recipient = json!({ "emailAddress": "Ada@Example.com", "action": "failed", "status": "5.1.1" });
        let mut plain = told("Bounce", &["Ada@Example.com"], &bounce("Permanent", "General", &recipient));
        let wrapped = |plain: &Value| {
            json!({ "Type": "Notification", "MessageId": "1", "TopicArn": "arn:aws:sns:eu-central-1:000000000000:t",
                "Message": plain.to_string(), "Timestamp": "2026-11-23T10:00:03.000Z" })
        };
        let expected = Feedback::read(&plain).unwrap().unwrap();
        assert_eq!(expected.addresses, ["ada@example.com".parse().unwrap()]);
        assert_eq!(expected.sent_at, "2026-11-23T10:00:00.123Z".parse().unwrap());
        assert_eq!(Feedback::read(&wrapped(&plain)), Ok(Some(expected.clone())));
        let kind = plain.as_object_mut().unwrap().remove("eventType").unwrap();
        plain["notificationType"] = kind;
        assert_eq!(Feedback::read(&wrapped(&plain)), Ok(Some(expected)));
        let validated = json!({ "Type": "Notification", "Message": TOPIC_VALIDATED });
        assert_eq!(Feedback::read(&validated), Ok(None), "the first message of every topic");
    }

    /// Whoever's server refuses a mail may write any address into the refusal.
    #[test]
    fn a_refusal_is_about_those_alone_whom_the_mail_was_sent_to() {
        let victim = json!({ "emailAddress": "victim@example.org", "status": "5.1.1" });
        let detail = bounce("Permanent", "General", &victim);
        let addresses =
            |to: &[&str]| Feedback::read(&told("Bounce", to, &detail)).map(|told| told.unwrap().addresses);
        assert_eq!(addresses(&["eve@example.com"]), Ok(vec!["eve@example.com".parse().unwrap()]));
        assert!(addresses(&["eve@example.com", "ada@example.com"]).is_err());
        assert!(addresses(&[]).is_err() && addresses(&["no address"]).is_err());
    }

    #[test]
    fn what_is_something_else_is_refused_and_not_repeated_in_the_error() {
        let secret = "ada@example.com";
        let (to, recipient) = ([secret], json!({ "emailAddress": secret }));
        let mut no_time = told("Bounce", &to, &bounce("Permanent", "General", &recipient));
        no_time["mail"]["timestamp"] = json!(secret);
        for message in [
            json!(null),
            json!([]),
            json!(secret),
            json!({ "Type": "Notification", "Message": secret }),
            json!({ "Type": "SubscriptionConfirmation", "Token": secret, "SubscribeURL": "https://evil.example" }),
            told("Bounce", &to, &bounce("Eternal", secret, &recipient)),
            told(secret, &to, &json!({})),
            told("Complaint", &to, &json!({ "complainedRecipients": secret })),
            json!({ "eventType": "Bounce", "mail": told("Bounce", &to, &json!({}))["mail"] }),
            no_time,
        ] {
            let error = Feedback::read(&message).unwrap_err();
            assert!(!format!("{error} {error:?}").contains(secret), "{message}");
        }
    }

    proptest! {
        #[test]
        fn an_id_is_plain_whatever_is_told(id in ".{0,200}") {
            let recipient = json!({ "emailAddress": "ada@example.com" });
            let mut message = told("Bounce", &["ada@example.com"], &bounce("Permanent", "General", &recipient));
            message["mail"]["messageId"] = json!(id);
            let told = Feedback::read(&message).unwrap().unwrap();
            prop_assert!(told.mail_id.len() <= LONGEST_ID);
            prop_assert!(told.mail_id.bytes().all(|letter| letter.is_ascii_alphanumeric() || letter == b'-'));
        }
    }
}
