//! Every hour, anchors the ends of the audit logs' chains where nobody can change them.

use audit::{AnchorError, AnchorRun, anchor_due};
use lambda_host::{Error, Function, Host};
use object_client::Objects;
use primitives::{Fault, RequestId};
use table::Cause;

/// The function.
pub async fn function(host: &Host) -> Result<Function, Error> {
    let table = host.table_opened_with(audit::keys::NewestAnchor::key()).await?;
    let objects = Objects::new(host.objects(), host.environment().required("AUDIT_ANCHOR_BUCKET")?);
    Ok(host.schedule(move || {
        let (table, objects) = (table.clone(), objects.clone());
        async move {
            let run_id: RequestId = table.ids().next();
            let cause = Cause::system("cron-audit-anchors", run_id.to_string());
            let run = anchor_due(&table, &cause, &objects).await?;
            tracing::info!(?run, "anchors");
            if run.is_good() { Ok(run) } else { Err(AnchorsError::Unfinished(run)) }
        }
    }))
}

/// A run did not do all there was to do. The next one goes on where it stopped.
#[derive(Debug, thiserror::Error, Fault)]
enum AnchorsError {
    /// No anchor could be made.
    #[error(transparent)]
    #[fault(transparent)]
    Anchor(#[from] AnchorError),
    /// Some chains were not anchored.
    #[error("{} chains could not be anchored, and {} time; the next run goes on", .0.failed, if .0.complete { "there was" } else { "there was no more" })]
    #[fault(Unavailable, "unfinished")]
    Unfinished(AnchorRun),
}
