//! Addresses that nobody writes to, since mails do not reach them or their owners do not want any.

use identity_core::{
    AddressHash, ListedSuppression, Suppressed, lift_suppression, list_suppressed, mail_suppression,
};
use primitives::{Email, Fault};
use serde::{Deserialize, Serialize};
use table::{Cause, CommitError, StoreError, Table};

use crate::limit::{Limit, WrongLimit};

/// The longest reason.
const LONGEST_REASON: usize = 500;

/// Which of them to list: all, the latest first, or this one.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Listing {
    #[serde(default)]
    email: Option<Email>,
    #[serde(default)]
    limit: Limit,
    /// Where the answer before said that it goes on.
    #[serde(default)]
    next: Option<String>,
}

/// Which one is written to again, by its address or as the list has it, and why.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Lifting {
    #[serde(default)]
    email: Option<Email>,
    #[serde(default)]
    address: Option<AddressHash>,
    reason: String,
}

/// What the commands answer.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum MailAnswer {
    List { suppressed: Vec<ListedSuppression>, next: Option<String> },
    One { suppressed: Option<Suppressed> },
    Lifted { lifted: bool },
}

pub(crate) async fn suppressed(table: &Table, listing: Listing) -> Result<MailAnswer, MailCommandError> {
    let limit = listing.limit.checked()?;
    if let Some(email) = listing.email {
        return Ok(MailAnswer::One { suppressed: mail_suppression(table, &email).await? });
    }
    let (suppressed, next) = list_suppressed(table, listing.next.as_deref(), limit).await?;
    Ok(MailAnswer::List { suppressed, next })
}

pub(crate) async fn lift(table: &Table, lifting: Lifting) -> Result<MailAnswer, MailCommandError> {
    let address = match (lifting.email, lifting.address) {
        (Some(email), None) => AddressHash::of(&email),
        (None, Some(address)) => address,
        _ => return Err(MailCommandError::Which),
    };
    let reason = lifting.reason.trim();
    if reason.is_empty() || reason.chars().count() > LONGEST_REASON {
        return Err(MailCommandError::Reason);
    }
    let cause = Cause::system("operator", format!("lift_{}", table.clock().now().as_millisecond()));
    Ok(MailAnswer::Lifted { lifted: lift_suppression(table, &cause, &address, reason).await? })
}

/// A command about suppressed addresses that cannot be carried out.
#[derive(Debug, thiserror::Error, Fault)]
pub(crate) enum MailCommandError {
    #[error(transparent)]
    #[fault(transparent)]
    Limit(#[from] WrongLimit),
    #[error("give `email`, or `address` as the list has it, and not both")]
    #[fault(Invalid, "invalid_request")]
    Which,
    #[error("say why in `reason`, in {LONGEST_REASON} characters at most")]
    #[fault(Invalid, "invalid_reason")]
    Reason,
    #[error(transparent)]
    #[fault(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    #[fault(transparent)]
    Commit(#[from] CommitError),
}
