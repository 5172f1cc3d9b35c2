use aws_sdk_sesv2::{
    Client,
    config::http::HttpResponse,
    error::{DisplayErrorContext, ProvideErrorMetadata, SdkError},
    operation::send_email::SendEmailError,
    types::{Body, Content, Destination, EmailContent, Message, MessageHeader, MessageTag},
};
use primitives::{Email, EventId, Fault, FaultKind};
use sends::may_be_taken;

use crate::{Mail, Sender};

/// Sends mails through SES, from one address. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Mailer {
    client: Client,
    letterhead: Letterhead,
}

/// What all mails have in common.
#[derive(Clone, Debug)]
pub struct Letterhead {
    /// Who they come from; the address must be verified at SES.
    pub from: Sender,
    /// Where answers go, when somebody reads them.
    pub reply_to: Option<Email>,
    /// What SES tells about deliveries and bounces.
    pub configuration_set: Option<String>,
}

/// A mail was not sent, or not surely.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// SES takes no more at the moment: it did not take this one.
    #[error("the mail service takes no more mails at the moment ({code})")]
    Throttled {
        /// SES's name for the error.
        code: String,
        /// Everything that is known, for the log.
        detail: String,
    },
    /// SES could not be reached, or says that it cannot now: it did not take this one.
    #[error("the mail service is not available ({code})")]
    Unavailable {
        /// SES's name for the error, or how the call failed.
        code: String,
        /// Everything that is known, for the log.
        detail: String,
    },
    /// The mail may be on its way or not: SES did not say.
    #[error("the mail service did not say whether it took the mail ({code})")]
    Unknown {
        /// SES's name for the error, or how the call failed.
        code: String,
        /// Everything that is known, for the log.
        detail: String,
    },
    /// SES will never take this mail: its address or content is refused.
    #[error("the mail service refuses this mail ({code})")]
    Rejected {
        /// SES's name for the error.
        code: String,
        /// Everything that is known, for the log.
        detail: String,
    },
    /// SES takes no mail of ours: the sender is not verified, the account suspended, a name in the
    /// configuration wrong.
    #[error("the mail service takes no mail from us ({code}); check MAIL_FROM and MAIL_CONFIGURATION_SET")]
    Refused {
        /// SES's name for the error.
        code: String,
        /// Everything that is known, for the log.
        detail: String,
    },
}

impl Fault for SendError {
    fn kind(&self) -> FaultKind {
        match self {
            Self::Throttled { .. } => FaultKind::Limited,
            Self::Unavailable { .. } | Self::Unknown { .. } => FaultKind::Unavailable,
            Self::Rejected { .. } => FaultKind::Invalid,
            Self::Refused { .. } => FaultKind::Internal,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Throttled { .. } => "mail_throttled",
            Self::Unavailable { .. } => "mail_unavailable",
            Self::Unknown { .. } => "mail_unknown",
            Self::Rejected { .. } => "mail_rejected",
            Self::Refused { .. } => "internal",
        }
    }
}

impl Mailer {
    /// Sends with this client, which must not repeat what may have been taken.
    pub fn new(client: Client, letterhead: Letterhead) -> Self {
        Self { client, letterhead }
    }

    /// Sends the mail; says SES's id of it.
    ///
    /// SES knows no idempotency key: a call that is repeated sends twice. Callers keep a marker around it.
    pub async fn send<M: Mail>(&self, to: &Email, mail: &M, event: EventId) -> Result<String, SendError> {
        let rendered = mail.render();
        let body = Body::builder().html(utf8(rendered.html)?).text(utf8(rendered.text)?).build();
        let message = Message::builder()
            .subject(utf8(rendered.subject)?)
            .body(body)
            .set_headers(Some(self.headers::<M>()?))
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
            .email_tags(tag("mail", M::TEMPLATE)?)
            .set_configuration_set_name(self.letterhead.configuration_set.clone())
            .send()
            .await
            .map_err(sort)?;
        Ok(answer.message_id.unwrap_or_default())
    }

    /// A mail of ours is written by a program, so no absence note answers it
    /// (<https://www.rfc-editor.org/rfc/rfc3834>). One that people may do without says how to say so, when
    /// somebody reads what they write: there is no page that would do it at a click.
    fn headers<M: Mail>(&self) -> Result<Vec<MessageHeader>, SendError> {
        let mut headers = vec![header("Auto-Submitted", "auto-generated")?];
        if let Some(address) = self.letterhead.reply_to.as_ref().filter(|_| M::OPTIONAL) {
            headers.push(header("List-Unsubscribe", &format!("<mailto:{address}?subject=unsubscribe>"))?);
        }
        Ok(headers)
    }
}

fn utf8(text: String) -> Result<Content, SendError> {
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
    let open = may_be_taken(&error);
    let (code, status) = match &error {
        SdkError::ServiceError(service) => {
            let code = service.err().code().unwrap_or("unknown").to_owned();
            (code, Some(service.raw().status().as_u16()))
        }
        SdkError::TimeoutError(_) => ("timeout".to_owned(), None),
        SdkError::DispatchFailure(_) => ("no connection".to_owned(), None),
        _ => ("bad answer".to_owned(), None),
    };
    let unverified = error.message().is_some_and(|text| text.contains("not verified"));
    let detail = DisplayErrorContext(error).to_string();
    match code.as_str() {
        // Not the address is wrong, but our account: a sender that is not verified, or a sandbox that sends
        // to verified addresses alone.
        "MessageRejected" if unverified => SendError::Refused { code, detail },
        "MessageRejected" | "BadRequestException" => SendError::Rejected { code, detail },
        "MailFromDomainNotVerifiedException"
        | "AccountSuspendedException"
        | "NotFoundException"
        | "AccessDeniedException" => SendError::Refused { code, detail },
        // The rate, or the day's quota, is used up.
        "TooManyRequestsException" | "LimitExceededException" | "ThrottlingException" | "Throttling" => {
            SendError::Throttled { code, detail }
        }
        _ if status == Some(429) => SendError::Throttled { code, detail },
        _ if open => SendError::Unknown { code, detail },
        _ => SendError::Unavailable { code, detail },
    }
}
