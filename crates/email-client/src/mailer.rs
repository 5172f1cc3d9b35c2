use aws_sdk_sesv2::{
    Client,
    error::{DisplayErrorContext, ProvideErrorMetadata, SdkError},
    operation::send_email::SendEmailError,
    types::{Body, Content, Destination, EmailContent, Message, MessageTag},
};
use primitives::{Email, EventId, Fault, FaultKind};

use crate::Mail;

/// Sends mails through SES, from one address. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Mailer {
    client: Client,
    from: String,
    configuration_set: Option<String>,
}

/// A mail was not sent.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// SES did not answer, or sends nothing more at the moment: try again.
    #[error("the mail service is not available ({code})")]
    Unavailable {
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
    /// SES takes no mail of ours: the sender is not verified, the account suspended, a name in the configuration wrong.
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
            Self::Unavailable { .. } => FaultKind::Unavailable,
            Self::Rejected { .. } => FaultKind::Invalid,
            Self::Refused { .. } => FaultKind::Internal,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Unavailable { .. } => "mail_unavailable",
            Self::Rejected { .. } => "mail_rejected",
            Self::Refused { .. } => "internal",
        }
    }
}

impl Mailer {
    /// Sends from `from`, which must be verified at SES. `configuration_set` says what SES tells about deliveries and bounces.
    pub fn new(client: Client, from: impl Into<String>, configuration_set: Option<String>) -> Self {
        Self { client, from: from.into(), configuration_set }
    }

    /// Sends the mail; says SES's id of it.
    ///
    /// SES knows no idempotency key: a call that is repeated sends twice. Callers keep a marker around it.
    pub async fn send<M: Mail>(&self, to: &Email, mail: &M, event: EventId) -> Result<String, SendError> {
        let rendered = mail.render();
        let body = Body::builder().html(utf8(rendered.html)?).text(utf8(rendered.text)?).build();
        let message = Message::builder().subject(utf8(rendered.subject)?).body(body).build();
        let answer = self
            .client
            .send_email()
            .from_email_address(&self.from)
            .destination(Destination::builder().to_addresses(to.as_str()).build())
            .content(EmailContent::builder().simple(message).build())
            .email_tags(tag("event_id", &event.to_string())?)
            .email_tags(tag("mail", M::TEMPLATE)?)
            .set_configuration_set_name(self.configuration_set.clone())
            .send()
            .await
            .map_err(sort)?;
        Ok(answer.message_id.unwrap_or_default())
    }
}

fn utf8(text: String) -> Result<Content, SendError> {
    Content::builder().data(text).charset("UTF-8").build().map_err(|error| incomplete(&error))
}

fn tag(name: &str, value: &str) -> Result<MessageTag, SendError> {
    MessageTag::builder().name(name).value(value).build().map_err(|error| incomplete(&error))
}

fn incomplete(error: &aws_sdk_sesv2::error::BuildError) -> SendError {
    SendError::Refused { code: "incomplete".to_owned(), detail: error.to_string() }
}

/// <https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html>
fn sort<R: std::fmt::Debug + Send + Sync + 'static>(error: SdkError<SendEmailError, R>) -> SendError {
    let code = match &error {
        SdkError::ServiceError(service) => service.err().code().unwrap_or("unknown").to_owned(),
        SdkError::TimeoutError(_) => "timeout".to_owned(),
        SdkError::DispatchFailure(_) => "no connection".to_owned(),
        _ => "bad answer".to_owned(),
    };
    let detail = DisplayErrorContext(error).to_string();
    match code.as_str() {
        "MessageRejected" | "BadRequestException" => SendError::Rejected { code, detail },
        "MailFromDomainNotVerifiedException"
        | "AccountSuspendedException"
        | "NotFoundException"
        | "AccessDeniedException" => SendError::Refused { code, detail },
        _ => SendError::Unavailable { code, detail },
    }
}
