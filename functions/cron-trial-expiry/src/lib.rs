//! Every hour, announces the trials that end soon or have ended, and reminds those whose payments fail.

use access::Tenant;
use billing::{NoticeRun, give_due_notices};
use lambda_host::{Error, Function, Host};
use primitives::{Fault, RequestId};
use table::{Cause, StoreError};

/// The function.
pub async fn function(host: &Host) -> Result<Function, Error> {
    let first = billing::keys::Subscription::key(Tenant::trusted(host.ids().next()));
    let table = host.table_opened_with(first).await?;
    Ok(host.schedule(move || {
        let table = table.clone();
        async move {
            let run_id: RequestId = table.ids().next();
            let cause = Cause::system("cron-trial-expiry", run_id.to_string());
            let run = give_due_notices(&table, &cause).await?;
            tracing::info!(?run, "notices");
            if run.complete && run.failed == 0 { Ok(run) } else { Err(TrialExpiryError::Unfinished(run)) }
        }
    }))
}

/// A run did not do all there was to do. The next one goes on where it stopped.
#[derive(Debug, thiserror::Error, Fault)]
enum TrialExpiryError {
    /// What is due could not be found out.
    #[error(transparent)]
    #[fault(transparent)]
    Store(#[from] StoreError),
    /// Some were not dealt with.
    #[error("{} could not be dealt with, and {} time; the next run goes on", .0.failed, if .0.complete { "there was" } else { "there was no more" })]
    #[fault(Unavailable, "unfinished")]
    Unfinished(NoticeRun),
}
