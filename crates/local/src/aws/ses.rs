//! SES version 2: `SendEmail`. Mails are kept for the local page and sent nowhere; of those to SES's mailbox
//! simulator is told what became of them.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use http::StatusCode;
use jiff::Timestamp;
use mail_parser::MessageParser;
use serde_json::{Value, json};

use super::{Answer, ServiceError, parse_json, text};
use crate::engine::Engine;
use crate::state::{Mail, capture, random_id};

/// Most recipients of a mail.
const RECIPIENT_LIMIT: usize = 50;

/// How many mails SES takes: a bucket that fills by so many a second and holds as many.
pub(crate) struct MailQuota {
    per_second: Option<u32>,
    bucket: Mutex<(f64, Timestamp)>,
}

impl MailQuota {
    pub(crate) fn new(per_second: Option<u32>, now: Timestamp) -> Self {
        Self { per_second, bucket: Mutex::new((f64::from(per_second.unwrap_or_default()), now)) }
    }

    /// Whether one more is taken.
    fn take(&self, now: Timestamp) -> bool {
        let Some(per_second) = self.per_second.map(f64::from) else { return true };
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let (left, at) = *bucket;
        let left = (left + now.duration_since(at).as_secs_f64().max(0.0) * per_second).min(per_second);
        let takes = left >= 1.0;
        *bucket = (if takes { left - 1.0 } else { left }, now);
        takes
    }
}

/// Answers one operation, which SES tells by the path.
pub(super) fn call(engine: &Engine, path: &str, body: &[u8]) -> Answer {
    match path {
        "/v2/email/outbound-emails" => send(engine, &parse_json(body)?),
        path => Err(ServiceError::unknown_operation(path)),
    }
}

fn bad_request(message: impl Into<String>) -> ServiceError {
    ServiceError::sender("BadRequestException", message)
}

fn send(engine: &Engine, request: &Value) -> Answer {
    let destination = &request["Destination"];
    let mut to: Vec<String> = ["ToAddresses", "CcAddresses", "BccAddresses"]
        .iter()
        .flat_map(|kind| destination[kind].as_array().into_iter().flatten())
        .filter_map(|address| address.as_str().map(str::to_owned))
        .collect();
    let content = &request["Content"];
    let mut mail = Mail {
        id: random_id(),
        at: engine.clock.now(),
        from: text(request, "FromEmailAddress").to_owned(),
        to: Vec::new(),
        subject: String::new(),
        text: None,
        html: None,
        headers: BTreeMap::new(),
    };
    if let Some(simple) = content.get("Simple") {
        read_simple(&mut mail, simple);
    } else if let Some(raw) = content["Raw"]["Data"].as_str() {
        read_raw(&mut mail, &mut to, raw)?;
    } else {
        return Err(bad_request("Content must be Simple or Raw; templates are not kept locally."));
    }
    if let Some(replies) = request["ReplyToAddresses"].as_array() {
        let replies: Vec<&str> = replies.iter().filter_map(Value::as_str).collect();
        mail.headers.insert("Reply-To".to_owned(), replies.join(", "));
    }
    if mail.from.is_empty() {
        return Err(bad_request("FromEmailAddress is missing."));
    }
    if to.is_empty() || to.len() > RECIPIENT_LIMIT {
        return Err(bad_request(format!("A mail has between 1 and {RECIPIENT_LIMIT} recipients.")));
    }
    if let Some(wrong) =
        to.iter().chain([&mail.from]).find(|address| !address.contains('@') || !address.is_ascii())
    {
        return Err(bad_request(format!("{wrong} is no address.")));
    }
    if let Some(refusal) = refuse_unverified(engine, &mail.from) {
        return Err(refusal);
    }
    if !engine.mail_quota.take(mail.at) {
        let message = "Maximum sending rate exceeded.";
        return Err(ServiceError::sender("TooManyRequestsException", message)
            .with_status(StatusCode::TOO_MANY_REQUESTS));
    }
    mail.to = to;
    let (id, from, to) = (mail.id.clone(), mail.from.clone(), mail.to.clone());
    engine.store.change(|state| capture(&mut state.mails, mail));
    super::feedback::tell(engine, text(request, "ConfigurationSetName"), &id, &from, &to);
    Ok(json!({ "MessageId": id }))
}

/// SES sends for verified identities only: here for the one that the template's parameter names,
/// which is an address, or a domain with those below it.
fn refuse_unverified(engine: &Engine, from: &str) -> Option<ServiceError> {
    let identity = engine.place.parameters.get("MailIdentity")?;
    let address = from.rsplit_once('<').map_or(from, |(_, address)| address.trim_end_matches('>')).trim();
    let domain = address.rsplit_once('@').map_or("", |(_, domain)| domain);
    let is_below = domain.strip_suffix(identity.as_str()).is_some_and(|rest| rest.ends_with('.'));
    if address == identity || domain == identity || is_below {
        return None;
    }
    let region = engine.place.region.to_uppercase();
    Some(ServiceError::sender(
        "MessageRejected",
        format!(
            "Email address is not verified. The following identities failed the check in region {region}: {from}"
        ),
    ))
}

fn read_simple(mail: &mut Mail, simple: &Value) {
    let part = |value: &Value| value["Data"].as_str().map(str::to_owned);
    mail.subject = part(&simple["Subject"]).unwrap_or_default();
    mail.text = part(&simple["Body"]["Text"]);
    mail.html = part(&simple["Body"]["Html"]);
    for header in simple["Headers"].as_array().into_iter().flatten() {
        mail.headers.insert(text(header, "Name").to_owned(), text(header, "Value").to_owned());
    }
}

fn read_raw(mail: &mut Mail, to: &mut Vec<String>, raw: &str) -> Result<(), ServiceError> {
    let bytes = base64::prelude::BASE64_STANDARD
        .decode(raw)
        .map_err(|error| bad_request(format!("Raw.Data is not base64: {error}")))?;
    let parsed = MessageParser::default()
        .parse(&bytes)
        .ok_or_else(|| bad_request("Raw.Data is not a MIME message."))?;
    parsed.subject().unwrap_or_default().clone_into(&mut mail.subject);
    mail.text = parsed.body_text(0).map(std::borrow::Cow::into_owned);
    mail.html = (parsed.html_body_count() > 0)
        .then(|| parsed.body_html(0))
        .flatten()
        .map(std::borrow::Cow::into_owned);
    let addresses = |address: Option<&mail_parser::Address<'_>>| -> Vec<String> {
        address
            .into_iter()
            .flat_map(|address| address.iter())
            .filter_map(|one| one.address().map(str::to_owned))
            .collect()
    };
    if mail.from.is_empty() {
        mail.from = addresses(parsed.from()).into_iter().next().unwrap_or_default();
    }
    if to.is_empty() {
        for list in [parsed.to(), parsed.cc(), parsed.bcc()] {
            to.extend(addresses(list));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn a_second_takes_as_many_as_its_quota_and_none_more() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let quota = MailQuota::new(Some(14), now);
        let taken = |at| (0..100).filter(|_| quota.take(at)).count();
        assert_eq!(taken(now), 14);
        assert_eq!(taken(now + SignedDuration::from_millis(500)), 7);
        assert_eq!(taken(now + SignedDuration::from_secs(60)), 14, "what was not used is not saved");
        assert!((0..100).all(|_| MailQuota::new(None, now).take(now)));
    }
}
