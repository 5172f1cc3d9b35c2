//! Every hour, erases the accounts and organizations whose end has come.
//!
//! Whoever it is, is shut out first and gone last, with the others' parts between: so a run that dies
//! anywhere is gone on with by the next. Each one is put off before it is worked on: no two runs work on the
//! same.

mod organization;
mod person;

use std::{sync::Arc, time::Duration};

use audit::AuditError;
use erasures::{Part, Subject};
use futures::{StreamExt, stream};
use lambda_host::{Error, Function, Host, Rotating, SecretError};
use orgs::OrgError;
use primitives::{Fault, OrgId, RequestId, SignedDuration, UserId};
use push::{DeviceError, Devices};
use push_client::PushClient;
use serde::Serialize;
use stripe_client::{Account, ClientOptions, StripeError};
use table::{Cause, CommitError, Due, Entry, StoreError, Table, time_left};

/// What is erased, in this order: whoever is the last owner of an organization can go when it is gone.
const ERASED: [(What, &Entry); 2] =
    [(What::Organization, &orgs::keys::ERASURE), (What::Account, &identity_core::keys::ERASURE)];

/// What an entry is about.
#[derive(Clone, Copy, Debug)]
enum What {
    Account,
    Organization,
}

/// Where all of them are listed.
fn shards() -> Vec<(What, &'static Entry, u8)> {
    let of = |(what, entry): (What, &'static Entry)| entry.shards().map(move |shard| (what, entry, shard));
    ERASED.into_iter().flat_map(of).collect()
}

/// Entries per query.
const PAGE: usize = 100;
/// How many are worked on at a time.
const PARALLEL: usize = 4;
/// For how long one is a run's: longer than a run can take.
const LEASE: SignedDuration = SignedDuration::from_mins(15);
/// With less time than this left nothing is begun; the next run goes on.
const RESERVE: Duration = Duration::from_secs(5);

/// What one run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
struct Run {
    /// How many were erased.
    erased: usize,
    /// Of how many people nothing is left but the address, which a mail needs.
    waiting: usize,
    /// How many need not be erased after all, or are another run's.
    skipped: usize,
    /// How many could not be erased. They stay due.
    failed: usize,
    /// Whether all that was due was looked at before the time was up.
    complete: bool,
}

/// A run did not do all there was to do. The next one goes on where it stopped.
#[derive(Debug, thiserror::Error, Fault)]
enum ErasureError {
    /// What is due could not be found out.
    #[error(transparent)]
    #[fault(transparent)]
    Store(#[from] StoreError),
    /// Some were not dealt with.
    #[error("{} accounts or organizations could not be erased; the next run goes on", .0.failed)]
    #[fault(Unavailable, "unfinished")]
    Unfinished(Run),
}

/// An account or an organization could not be erased.
#[derive(Debug, thiserror::Error)]
enum ErasureFailed {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Commit(#[from] CommitError),
    #[error(transparent)]
    Orgs(#[from] OrgError),
    #[error(transparent)]
    Devices(#[from] DeviceError),
    #[error(transparent)]
    Audit(#[from] AuditError),
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    Stripe(#[from] StripeError),
    #[error("it takes longer than one run")]
    OutOfTime,
    #[error("a subscription goes on; cancel it at Stripe")]
    Subscribed,
}

/// What became of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// It is gone.
    Erased,
    /// All is gone but the address of the person, who is told: a later run takes that.
    Waiting,
    /// It need not be erased, or is another run's.
    Skipped,
}

#[derive(Clone)]
struct Eraser {
    table: Table,
    devices: Devices,
    stripe: Arc<Rotating<Account>>,
}

/// What is written down of one while it goes on.
struct Notes<'a> {
    table: &'a Table,
    cause: &'a Cause,
    subject: Subject,
}

impl Notes<'_> {
    /// So much of a part went.
    async fn note(&self, part: Part, count: u64) -> Result<(), CommitError> {
        erasures::note(self.table, self.cause, self.subject, (part, count)).await
    }
}

/// Stripe has time, and is asked for one customer at a time.
fn stripe_options(host: &Host) -> Result<ClientOptions, Error> {
    let mut options = ClientOptions::default();
    if host.environment().optional("STRIPE_API_URL").is_some() {
        options.base_url = host.environment().url("STRIPE_API_URL")?;
    }
    Ok(options)
}

/// The function.
pub async fn function(host: &Host) -> Result<Function, Error> {
    let first = identity_core::keys::User::key(host.ids().next());
    let table = host.table_opened_with(first).await?;
    let devices = Devices::new(table.clone(), PushClient::new(host.push_endpoints()));
    let options = stripe_options(host)?;
    // read by the first who has a customer to delete: most runs have none
    let stripe = host.secret_text("STRIPE_SECRET_ARN", move |text| {
        Account::from_secret(text, options.clone()).map_err(|error| error.to_string())
    })?;
    let eraser = Eraser { table, devices, stripe: Arc::new(stripe) };
    Ok(host.schedule(move || {
        let eraser = eraser.clone();
        async move {
            let run = eraser.run().await?;
            tracing::info!(?run, "erasures");
            if run.complete && run.failed == 0 { Ok(run) } else { Err(ErasureError::Unfinished(run)) }
        }
    }))
}

impl Eraser {
    async fn run(&self) -> Result<Run, StoreError> {
        let run_id: RequestId = self.table.ids().next();
        let cause = Cause::system("cron-account-erasure", run_id.to_string());
        let mut run = Run::default();
        for (what, entry, shard) in shards() {
            let mut place = None;
            loop {
                if time_left() <= RESERVE {
                    return Ok(run);
                }
                let due = self.table.due(entry, shard, place.as_deref(), PAGE).await?;
                let is_last = due.len() < PAGE;
                place = due.last().map(|last| last.place.clone());
                self.erase_all(&cause, what, due, &mut run).await;
                if is_last {
                    break;
                }
            }
        }
        run.complete = true;
        Ok(run)
    }

    async fn erase_all(&self, cause: &Cause, what: What, due: Vec<Due>, run: &mut Run) {
        let erase = |due: Due| async move { (due.id().to_owned(), self.erase(cause, what, &due).await) };
        let mut outcomes = stream::iter(due).map(erase).buffer_unordered(PARALLEL);
        while let Some((id, outcome)) = outcomes.next().await {
            match outcome {
                Ok(Outcome::Erased) => run.erased += 1,
                Ok(Outcome::Waiting) => run.waiting += 1,
                Ok(Outcome::Skipped) => run.skipped += 1,
                Err(error) => {
                    tracing::error!(id, ?what, error = &error as &dyn std::error::Error, "not erased");
                    run.failed += 1;
                }
            }
        }
    }

    async fn erase(&self, cause: &Cause, what: What, due: &Due) -> Result<Outcome, ErasureFailed> {
        if time_left() <= RESERVE || !self.table.put_off(due, self.table.clock().now() + LEASE).await? {
            return Ok(Outcome::Skipped);
        }
        // the entry was made with an id
        match (what, due.id().parse::<UserId>(), due.id().parse::<OrgId>()) {
            (What::Account, Ok(user_id), _) => person::erase(self, cause, user_id).await,
            (What::Organization, _, Ok(org_id)) => organization::erase(self, cause, org_id).await,
            _ => Ok(Outcome::Skipped),
        }
    }
}
