//! A scheduled job: reconcile.

use lambda_host::{Error, Function, Host};
use serde::Serialize;
use table::{StoreError, Table};

/// What one run did, for the log and for whoever runs it by hand.
#[derive(Serialize)]
struct Summary {
    /// When it ran, RFC 3339.
    at: String,
}

/// The function.
pub async fn function(host: &Host) -> Result<Function, Error> {
    let table = host.table()?;
    Ok(host.schedule(move || {
        let table = table.clone();
        async move { Ok::<_, StoreError>(run(&table)) }
    }))
}

/// One run. It may come twice, or late: judge by the clock, and mark what is done in the transaction of its effect.
fn run(table: &Table) -> Summary {
    Summary { at: table.clock().now().to_string() }
}
