//! What operators run by hand, where a look into the table or a repair of it must not be typed as
//! single calls. Nothing invokes it but people, through IAM (`cargo xtask operate`); `CloudTrail`
//! says who.
//!
//! A command is an object with the member `command`, such as `{"command": "outbox.list", "from": …,
//! "until": …}`. A new one is a variant of [`Command`], and a function from its members to its
//! answer in the module of its subject. What a command must be: bounded (a limit, a `next` to go on
//! from, and an end before the function's time is up), and harmless when it is repeated or runs
//! twice at once.

mod limit;
mod mail;
mod outbox;
mod stripe;
mod who;

use audit::Handover;
use lambda_host::{Error, Function, Host};
use primitives::Fault;
use serde::{Deserialize, Serialize};

use mail::{MailAnswer, MailCommandError};
use outbox::{Outbox, OutboxAnswer, OutboxError, Span};
use stripe::{Listing, Stripe, StripeAnswer, StripeCommandError, Which};
use who::{StaffAnswer, StaffCommandError};

/// Everything that can be asked for.
#[derive(Debug, Deserialize)]
#[serde(tag = "command")]
enum Command {
    /// Which events of some hours are not marked as published.
    #[serde(rename = "outbox.list")]
    OutboxList(Span),
    /// Publishes them.
    #[serde(rename = "outbox.republish")]
    OutboxRepublish(Span),
    /// Which events from Stripe were put aside, and why.
    #[serde(rename = "stripe.parked")]
    StripeParked(Listing),
    /// Decides about them anew.
    #[serde(rename = "stripe.replay")]
    StripeReplay(Which),
    /// Which addresses nobody writes to, and why.
    #[serde(rename = "mail.suppressed")]
    MailSuppressed(mail::Listing),
    /// Has mails sent to one of them again.
    #[serde(rename = "mail.lift")]
    MailLift(mail::Lifting),
    /// Who is staff.
    #[serde(rename = "staff.list")]
    StaffList(who::Listing),
    /// Makes somebody one of our staff, or something else among them.
    #[serde(rename = "staff.put")]
    StaffPut(who::Appointing),
    /// Takes somebody out of our staff.
    #[serde(rename = "staff.remove")]
    StaffRemove(who::Dismissing),
}

/// What a command answers.
#[derive(Serialize)]
#[serde(untagged)]
enum Answer {
    Outbox(OutboxAnswer),
    Stripe(StripeAnswer),
    Mail(MailAnswer),
    Staff(StaffAnswer),
}

/// A command that was not carried out.
#[derive(Debug, thiserror::Error, Fault)]
#[error(transparent)]
enum CommandError {
    #[fault(transparent)]
    Outbox(#[from] OutboxError),
    #[fault(transparent)]
    Stripe(#[from] StripeCommandError),
    #[fault(transparent)]
    Mail(#[from] MailCommandError),
    #[fault(transparent)]
    Staff(#[from] StaffCommandError),
}

/// The function.
#[expect(
    clippy::unused_async,
    reason = "all functions are built in one way, and this one connects to nothing in init"
)]
pub async fn function(host: &Host) -> Result<Function, Error> {
    let table = host.table()?;
    let audit = Handover::new(host.queues(), host.environment().required("AUDIT_QUEUE_URL")?);
    let outbox = Outbox { table: table.clone(), bus: host.event_bus()?, audit };
    let stripe = Stripe::new(host, table.clone())?;
    Ok(host.command(move |command: Command| {
        let (table, outbox, stripe) = (table.clone(), outbox.clone(), stripe.clone());
        async move {
            tracing::info!(?command, "a command");
            let answer = match command {
                Command::OutboxList(span) => Answer::Outbox(OutboxAnswer::List(outbox.list(span).await?)),
                Command::OutboxRepublish(span) => {
                    Answer::Outbox(OutboxAnswer::Republished(outbox.republish(span).await?))
                }
                Command::StripeParked(listing) => Answer::Stripe(stripe.parked(listing).await?),
                Command::StripeReplay(which) => Answer::Stripe(stripe.replay(which).await?),
                Command::MailSuppressed(listing) => Answer::Mail(mail::suppressed(&table, listing).await?),
                Command::MailLift(lifting) => Answer::Mail(mail::lift(&table, lifting).await?),
                Command::StaffList(listing) => Answer::Staff(who::list(&table, listing).await?),
                Command::StaffPut(new) => Answer::Staff(who::put(&table, new).await?),
                Command::StaffRemove(old) => Answer::Staff(who::remove(&table, old).await?),
            };
            Ok::<_, CommandError>(answer)
        }
    }))
}
