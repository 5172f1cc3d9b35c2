use aws_sdk_sesv2::{
    Client,
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
    operation::send_email::SendEmailError,
    types::{Body, Content, Destination, EmailContent, Message, MessageHeader, MessageTag},
};
use primitives::{Email, EventId, Fault};
use sends::{Failure, Verdict};

use crate::{Brand, Mail, Sender};

/// Sends mails through SES, from one address. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Mailer {
    client: Client,
    letterhead: Letterhead,
}

/// What all mails have in common.
#[derive(Clone, Debug)]
pub struct Letterhead {
    /// What the product is called and looks like.
    pub brand: Brand,
    /// Who they come from; the address must be verified at SES.
    pub from: Sender,
    /// Where answers go, when somebody reads them.
    pub reply_to: Option<Email>,
    /// What SES tells about deliveries and bounces.
    pub configuration_set: Option<String>,
}

/// A mail was not sent, or not surely.
#[derive(Debug, thiserror::Error, Fault)]
pub enum SendError {
    /// SES takes no more at the moment: it did not take this one.
    #[error("the mail service takes no more mails at the moment ({code})")]
    #[fault(Limited, "mail_throttled")]
    Throttled {
        /// SES's name for the error.
        code: String,
        /// Everything that is known, for the log.
        detail: String,
    },
    /// SES could not be reached, or says that it cannot now: it did not take this one.
    #[error("the mail service is not available ({code})")]
    #[fault(Unavailable, "mail_unavailable")]
    Unavailable {
        /// SES's name for the error, or how the call failed.
        code: String,
        /// Everything that is known, for the log.
        detail: String,
    },
    /// The mail may be on its way or not: SES did not say.
    #[error("the mail service did not say whether it took the mail ({code})")]
    #[fault(Unavailable, "mail_unknown")]
    Unknown {
        /// SES's name for the error, or how the call failed.
        code: String,
        /// Everything that is known, for the log.
        detail: String,
    },
    /// SES will never take this mail: its address or content is refused.
    #[error("the mail service refuses this mail ({code})")]
    #[fault(Invalid, "mail_rejected")]
    Rejected {
        /// SES's name for the error.
        code: String,
        /// Everything that is known, for the log.
        detail: String,
    },
    /// SES takes no mail of ours: the sender is not verified, the account suspended, a name in the
    /// configuration wrong.
    #[error("the mail service takes no mail from us ({code}); check MAIL_FROM and MAIL_CONFIGURATION_SET")]
    #[fault(Internal, "internal")]
    Refused {
        /// SES's name for the error.
        code: String,
        /// Everything that is known, for the log.
        detail: String,
    },
}

impl Mailer {
    /// Sends with this client, which must not repeat what may have been taken.
    pub fn new(client: Client, letterhead: Letterhead) -> Self {
        Self { client, letterhead }
    }

    /// Whose mails these are.
    pub fn brand(&self) -> &Brand {
        &self.letterhead.brand
    }

    /// Sends the mail; says SES's id of it.
    ///
    /// SES knows no idempotency key: a call that is repeated sends twice. Callers keep a marker
    /// around it.
    pub async fn send(&self, to: &Email, mail: &Mail, event: EventId) -> Result<String, SendError> {
        let body = Body::builder().html(utf8(&mail.html)?).text(utf8(&mail.text)?).build();
        let message = Message::builder()
            .subject(utf8(&mail.subject)?)
            .body(body)
            .set_headers(Some(self.headers(mail)?))
            .build();
        let answer = self
            .client
            .send_email()
            .from_email_address(self.letterhead.from.as_str())
            .set_reply_to_addresses(
                self.letterhead.reply_to.as_ref().map(|address| vec![address.to_string()]),
            )
            .destination(Destination::builder().to_addresses(to.as_str()).build())
            .content(EmailContent::builder().simple(message).build())
            .email_tags(tag("event_id", &event.to_string())?)
            .email_tags(tag("mail", &mail.name)?)
            .set_configuration_set_name(self.letterhead.configuration_set.clone())
            .send()
            .await
            .map_err(sort)?;
        Ok(answer.message_id.unwrap_or_default())
    }

    /// A mail of ours is written by a program, so no absence note answers it
    /// (<https://www.rfc-editor.org/rfc/rfc3834>). One that people may do without says how to say
    /// so, when somebody reads what they write: there is no page that would do it at a click.
    fn headers(&self, mail: &Mail) -> Result<Vec<MessageHeader>, SendError> {
        let mut headers = vec![header("Auto-Submitted", "auto-generated")?];
        if let Some(address) = self.letterhead.reply_to.as_ref().filter(|_| mail.optional) {
            headers.push(header("List-Unsubscribe", &format!("<mailto:{address}?subject=unsubscribe>"))?);
        }
        Ok(headers)
    }
}

fn utf8(text: &str) -> Result<Content, SendError> {
    Content::builder().data(text).charset("UTF-8").build().map_err(|error| incomplete(&error))
}

fn tag(name: &str, value: &str) -> Result<MessageTag, SendError> {
    MessageTag::builder().name(name).value(value).build().map_err(|error| incomplete(&error))
}

fn header(name: &str, value: &str) -> Result<MessageHeader, SendError> {
    MessageHeader::builder().name(name).value(value).build().map_err(|error| incomplete(&error))
}

fn incomplete(error: &aws_sdk_sesv2::error::BuildError) -> SendError {
    SendError::Refused { code: "incomplete".to_owned(), detail: error.to_string() }
}

/// <https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html>
fn sort(error: SdkError<SendEmailError, HttpResponse>) -> SendError {
    let unverified = error.message().is_some_and(|text| text.contains("not verified"));
    let Failure { verdict, code, detail } = Failure::of(error);
    match (code.as_str(), verdict) {
        // Not the address is wrong, but our account: a sender that is not verified, or a sandbox
        // that sends to verified addresses alone.
        ("MessageRejected", _) if unverified => SendError::Refused { code, detail },
        ("MessageRejected" | "BadRequestException", _) => SendError::Rejected { code, detail },
        (_, Verdict::Refused) => SendError::Refused { code, detail },
        (_, Verdict::Busy) => SendError::Throttled { code, detail },
        (_, Verdict::Open) => SendError::Unknown { code, detail },
        (_, Verdict::Away) => SendError::Unavailable { code, detail },
    }
}
