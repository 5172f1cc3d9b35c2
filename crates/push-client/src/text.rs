use aws_sdk_sns::{Client, types::MessageAttributeValue};
use primitives::PhoneNumber;
use sends::{Failure, Verdict};

/// Sends text messages to phones through SNS. Cheap to clone.
#[derive(Clone, Debug)]
pub struct TextClient {
    client: Client,
    sender_id: Option<String>,
}

/// A text message was not sent, or not surely.
#[derive(Debug, thiserror::Error)]
pub enum TextSendError {
    /// SNS takes no more at the moment: it did not take this one.
    #[error("the service of text messages takes no more at the moment ({code})")]
    Throttled {
        /// SNS's name for the error.
        code: String,
        /// Everything that is known, for the log.
        detail: String,
    },
    /// SNS could not be reached, or says that it cannot now: it did not take this one.
    #[error("the service of text messages is not available ({code})")]
    Unavailable {
        /// SNS's name for the error, or how the call failed.
        code: String,
        /// Everything that is known, for the log.
        detail: String,
    },
    /// The message may be on its way or not: SNS did not say.
    #[error("the service of text messages did not say whether it took the message ({code})")]
    Unknown {
        /// SNS's name for the error, or how the call failed.
        code: String,
        /// Everything that is known, for the log.
        detail: String,
    },
    /// SNS will never take this message: its number is refused, or does not want any. The detail is not kept:
    /// it names the number.
    #[error("the service of text messages refuses this number ({code})")]
    Rejected {
        /// SNS's name for the error.
        code: String,
    },
    /// SNS takes no message of ours: a permission is missing, or the account may not send there.
    #[error("the service of text messages takes none from us ({code})")]
    Refused {
        /// SNS's name for the error.
        code: String,
    },
}

impl TextClient {
    /// With this client of SNS, which must not repeat what may have been taken; and with this name for the
    /// sender, in countries where senders have one.
    pub fn new(client: Client, sender_id: Option<String>) -> Self {
        Self { client, sender_id }
    }

    /// Sends a message that somebody waits for. SNS knows no idempotency key: a call that is repeated sends
    /// twice. Callers keep a marker around it.
    ///
    /// <https://docs.aws.amazon.com/sns/latest/dg/sms_publish-to-phone.html>
    pub async fn send(&self, number: &PhoneNumber, text: &str) -> Result<(), TextSendError> {
        let mut publish = self.client.publish().phone_number(number.as_str()).message(text);
        publish = publish.message_attributes("AWS.SNS.SMS.SMSType", attribute("Transactional")?);
        if let Some(sender_id) = &self.sender_id {
            publish = publish.message_attributes("AWS.SNS.SMS.SenderID", attribute(sender_id)?);
        }
        let Err(error) = publish.send().await else { return Ok(()) };
        let Failure { verdict, code, detail } = Failure::of(error);
        Err(match (code.as_str(), verdict) {
            ("InvalidParameter" | "ParameterValueInvalid" | "OptedOut" | "OptedOutException", _) => {
                TextSendError::Rejected { code }
            }
            ("Throttled" | "ThrottledException", _) | (_, Verdict::Busy) => {
                TextSendError::Throttled { code, detail }
            }
            (_, Verdict::Refused) => TextSendError::Refused { code },
            (_, Verdict::Open) => TextSendError::Unknown { code, detail },
            (_, Verdict::Away) => TextSendError::Unavailable { code, detail },
        })
    }
}

fn attribute(value: &str) -> Result<MessageAttributeValue, TextSendError> {
    let built = MessageAttributeValue::builder().data_type("String").string_value(value).build();
    built.map_err(|_| TextSendError::Refused { code: "incomplete".to_owned() })
}
