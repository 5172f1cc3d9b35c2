//! Codes that go to phones: in the lane of the mails that somebody waits for, and as those are sent once.

use events::Envelope;
use identity_core::{SmsCode, events::SmsCodeRequested, keys};
use push_client::TextSendError;
use table::{Claimed, Consistency, keys::Consumed, time_left};

use crate::{
    error::MailError,
    postman::{CONSUMER, LEASE, Postman, TIME_FOR_A_MAIL},
};

/// What is noted of a message that may be on its way.
const PERHAPS: &str = "?";

impl Postman {
    /// Sends the code that the event asks for, unless it was sent before, replaced, used, or is over.
    pub(crate) async fn text(&self, event: &Envelope, data: SmsCodeRequested) -> Result<(), MailError> {
        let key = keys::SmsCode::key(data.user_id, data.place);
        let code: Option<SmsCode> = self.table.get(&key, Consistency::Strong).await?;
        let now = self.table.clock().now();
        let Some(code) = code.filter(|code| code.code_id == data.code_id && code.is_open(now)) else {
            tracing::info!(event = %event.id, "a code for a phone is not asked for any more");
            return Ok(());
        };
        let digits = self.links.get().await?.current.sms_code(code.code_id);
        let text = self.words(&digits, code.valid_until.duration_since(event.time).as_secs());
        let marker = match self.table.claim(&Consumed::key(CONSUMER, event.id), LEASE).await? {
            Claimed::Done => return Ok(()),
            Claimed::InFlight { .. } => return Err(MailError::InFlight),
            Claimed::Mine(marker) => marker,
        };
        if time_left() < TIME_FOR_A_MAIL {
            self.table.give_up(marker, []).await?;
            return Err(MailError::OutOfTime);
        }
        let Err(error) = self.phones.send(&code.number, &text).await else {
            return Ok(self.table.finish(marker).await?);
        };
        let (is_over, remark) = match error {
            // a number that will never be right: nobody waits for it
            TextSendError::Rejected { .. } => (true, None),
            // as with mails: to lose it is worse than to send it twice, and to send it twenty times is worse
            // than to lose it
            TextSendError::Unknown { .. } => {
                (marker.steps_done().contains(PERHAPS), Some(PERHAPS.to_owned()))
            }
            TextSendError::Throttled { .. }
            | TextSendError::Unavailable { .. }
            | TextSendError::Refused { .. } => (false, None),
        };
        if is_over {
            tracing::error!(event = %event.id, ?error, "a code for a phone is given up");
            return Ok(self.table.finish(marker).await?);
        }
        self.table.give_up(marker, remark).await?;
        Err(MailError::Phone { source: error })
    }

    /// What stands in the SMS. By its last line browsers know for which page the code is, and offer it on no
    /// other (<https://wicg.github.io/sms-one-time-codes/>).
    fn words(&self, digits: &str, seconds: i64) -> String {
        let (product, minutes) = (self.mailer.brand().product(), (seconds + 30) / 60);
        let host = self.app_url.split("://").nth(1).unwrap_or_default();
        let host = host.split(['/', ':']).next().unwrap_or_default();
        format!(
            "{digits} is your code for {product}. It works for {minutes} minutes. Give it to nobody.\n\n@{host} #{digits}"
        )
    }
}
