//! Every hour, sums up the usage of the hours that have ended, and tells of quotas that are used up.

use lambda_host::{Error, Function, Host};
use primitives::{Fault, RequestId};
use table::{Cause, StoreError};
use usage::{RollupRun, keys, roll_up_due};

/// The function.
pub async fn function(host: &Host) -> Result<Function, Error> {
    let table = host.table_opened_with(keys::nobodys(host.ids().next())).await?;
    Ok(host.schedule(move || {
        let table = table.clone();
        async move {
            let run_id: RequestId = table.ids().next();
            let cause = Cause::system("cron-usage-rollup", run_id.to_string());
            let run = roll_up_due(&table, &cause).await?;
            tracing::info!(?run, "usage");
            if run.is_good() { Ok(run) } else { Err(RollupError::Unfinished(run)) }
        }
    }))
}

/// A run did not do all there was to do. The next one goes on where it stopped.
#[derive(Debug, thiserror::Error, Fault)]
enum RollupError {
    /// What is due could not be found out.
    #[error(transparent)]
    #[fault(transparent)]
    Store(#[from] StoreError),
    /// Some hours were not summed up.
    #[error("{} hours could not be summed up, and {} time; the next run goes on", .0.failed, if .0.complete { "there was" } else { "there was no more" })]
    #[fault(Unavailable, "unfinished")]
    Unfinished(RollupRun),
}
