//! What operators run by hand, where a look into the table or a repair of it must not be typed as single calls. Nothing invokes it but
//! people, through IAM (`cargo xtask operate`); `CloudTrail` says who.
//!
//! A command is an object with the member `command`, such as `{"command": "outbox.list", "from": …, "until": …}`. A new one is a variant of
//! [`Command`], and a function from its members to its answer in the module of its subject. What a command must be: bounded (a limit, a
//! `next` to go on from, and an end before the function's time is up), and harmless when it is repeated or runs twice at once.

mod outbox;

use lambda_host::{Error, Function, Host};
use serde::Deserialize;

use outbox::{Outbox, OutboxAnswer, Span};

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
}

/// The function.
pub async fn function(host: &Host) -> Result<Function, Error> {
    let outbox = Outbox { table: host.table().await?, bus: host.event_bus()? };
    Ok(host.command(move |command: Command| {
        let outbox = outbox.clone();
        async move {
            tracing::info!(?command, "a command");
            match command {
                Command::OutboxList(span) => outbox.list(span).await.map(OutboxAnswer::List),
                Command::OutboxRepublish(span) => outbox.republish(span).await.map(OutboxAnswer::Republished),
            }
        }
    }))
}
