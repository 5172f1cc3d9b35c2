//! Every hour, erases the accounts whose end has come.
//!
//! A person is shut out first and gone last, with the others' parts between: so a run that dies anywhere is
//! gone on with by the next. Each account is put off before it is worked on: no two runs work on the same.

use std::time::Duration;

use futures::{StreamExt, stream};
use identity_core::keys::ERASURE;
use lambda_host::{Error, Function, Host};
use orgs::OrgError;
use primitives::{Expected, Fault, RequestId, SignedDuration, UserId};
use push::{DeviceError, Devices};
use push_client::PushClient;
use serde::Serialize;
use table::{Cause, CommitError, Due, Query, StoreError, Table, time_left};

/// Accounts per query.
const PAGE: usize = 100;
/// Accounts worked on at a time.
const PARALLEL: usize = 4;
/// For how long an account is one run's: longer than a run can take.
const LEASE: SignedDuration = SignedDuration::from_mins(15);
/// With less time than this left no account is begun; the next run goes on.
const RESERVE: Duration = Duration::from_secs(5);

/// What one run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
struct Run {
    /// Accounts that were erased.
    erased: usize,
    /// Accounts that need not be erased after all, or that another run works on.
    skipped: usize,
    /// Accounts that could not be erased. They stay due.
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
    /// Some accounts were not dealt with.
    #[error("{} accounts could not be erased; the next run goes on", .0.failed)]
    #[fault(Unavailable, "unfinished")]
    Unfinished(Run),
}

/// An account could not be erased.
#[derive(Debug, thiserror::Error)]
enum AccountError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Commit(#[from] CommitError),
    #[error(transparent)]
    Orgs(#[from] OrgError),
    #[error(transparent)]
    Devices(#[from] DeviceError),
}

#[derive(Clone)]
struct Eraser {
    table: Table,
    devices: Devices,
}

/// The function.
pub async fn function(host: &Host) -> Result<Function, Error> {
    let first = identity_core::keys::User::key(host.ids().next());
    let table = host.table_opened_with(first).await?;
    let devices = Devices::new(table.clone(), PushClient::new(host.push_endpoints()));
    let eraser = Eraser { table, devices };
    Ok(host.schedule(move || {
        let eraser = eraser.clone();
        async move {
            let run = eraser.run().await?;
            tracing::info!(?run, "account erasures");
            if run.complete && run.failed == 0 { Ok(run) } else { Err(ErasureError::Unfinished(run)) }
        }
    }))
}

impl Eraser {
    async fn run(&self) -> Result<Run, StoreError> {
        let run_id: RequestId = self.table.ids().next();
        let cause = Cause::system("cron-account-erasure", run_id.to_string());
        let mut run = Run::default();
        for shard in ERASURE.shards() {
            let mut place = None;
            loop {
                if time_left() <= RESERVE {
                    return Ok(run);
                }
                let due = self.table.due(&ERASURE, shard, place.as_deref(), PAGE).await?;
                let is_last = due.len() < PAGE;
                place = due.last().map(|last| last.place.clone());
                self.erase_all(&cause, due, &mut run).await;
                if is_last {
                    break;
                }
            }
        }
        run.complete = true;
        Ok(run)
    }

    async fn erase_all(&self, cause: &Cause, due: Vec<Due>, run: &mut Run) {
        let erase = |due: Due| async move { (due.id().to_owned(), self.erase(cause, &due).await) };
        let mut outcomes = stream::iter(due).map(erase).buffer_unordered(PARALLEL);
        while let Some((user_id, outcome)) = outcomes.next().await {
            match outcome {
                Ok(true) => run.erased += 1,
                Ok(false) => run.skipped += 1,
                Err(error) => {
                    tracing::error!(
                        user_id,
                        error = &error as &dyn std::error::Error,
                        "an account is not erased"
                    );
                    run.failed += 1;
                }
            }
        }
    }

    /// Says whether the account is erased.
    async fn erase(&self, cause: &Cause, due: &Due) -> Result<bool, AccountError> {
        // the entry was made with it
        let Ok(user_id) = due.id().parse::<UserId>() else { return Ok(false) };
        if time_left() <= RESERVE || !self.table.put_off(due, self.table.clock().now() + LEASE).await? {
            return Ok(false);
        }
        if !identity_core::begin_erasure(&self.table, cause, user_id).await? {
            return Ok(false);
        }
        orgs::leave_all(&self.table, cause, user_id).await?;
        for device_id in self.devices.all(user_id).await? {
            self.devices.remove(cause, user_id, device_id, &Expected::Any).await?;
        }
        self.table.erase(Query::partition_of(&push::keys::Devices::key(user_id)), None).await?;
        identity_core::end_erasure(&self.table, cause, user_id).await?;
        Ok(true)
    }
}
