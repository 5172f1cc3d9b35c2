//! Notes which addresses mails do not reach, or whose owners do not want them: what SES tells of mails after
//! they were sent, through a topic and a queue.
//!
//! What cannot be read fails at once and is soon among the dead letters: it may be news that nobody
//! understood yet. Repeated and late messages change nothing.

use email_client::{Fate, Feedback, UnreadableFeedback};
use identity_core::{SuppressionReason, note_undelivered};
use lambda_host::{Error, Function, Host, Intake};
use primitives::Fault;
use serde_json::Value;
use table::{Cause, CommitError, Table};

/// Why a message was not dealt with. It comes again.
#[derive(Debug, thiserror::Error, Fault)]
enum FeedbackError {
    #[error(transparent)]
    #[fault(Invalid, "malformed_feedback")]
    Unreadable(#[from] UnreadableFeedback),
    #[error(transparent)]
    #[fault(transparent, retry_after = 2)]
    Store(#[from] CommitError),
}

/// The function.
#[expect(clippy::unused_async, reason = "all functions are built in one way, and this one is in no hurry")]
pub async fn function(host: &Host) -> Result<Function, Error> {
    let table = host.table()?;
    let queue_urls = vec![host.environment().required("MAIL_FEEDBACK_QUEUE_URL")?.to_owned()];
    Ok(host.queue_with(Intake { queue_urls, ..Intake::default() }, move |message: Value| {
        let table = table.clone();
        async move { take_in(&table, &message).await }
    }))
}

async fn take_in(table: &Table, message: &Value) -> Result<(), FeedbackError> {
    let Some(told) = Feedback::read(message)? else { return Ok(()) };
    let reason = match told.fate {
        Fate::Bounced => SuppressionReason::Bounced,
        Fate::Delayed => SuppressionReason::Delayed,
        Fate::Complained => SuppressionReason::Complained,
        Fate::Nothing => return Ok(()),
    };
    let cause = Cause::system("queue-mail-feedback", format!("mail_{}", told.mail_id));
    for email in &told.addresses {
        let said = note_undelivered(table, &cause, email, reason, told.sent_at).await?;
        let until = said.map(|said| said.until.to_string());
        tracing::warn!(
            code = "mail_not_delivered",
            mail = told.mail_id,
            ?reason,
            until,
            "a mail did not arrive"
        );
    }
    Ok(())
}
