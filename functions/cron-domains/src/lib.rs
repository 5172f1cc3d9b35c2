//! Every hour, looks up again the records of the domains whose turn it is.

use access::Tenant;
use directory::{CheckRun, check_due};
use dns_client::{DnsClient, Servers};
use lambda_host::{Error, Function, Host};
use primitives::{Fault, RequestId};
use table::{Cause, StoreError};

/// The function.
pub async fn function(host: &Host) -> Result<Function, Error> {
    let first = directory::keys::DomainNames::key(Tenant::trusted(host.ids().next()));
    let table = host.table_opened_with(first).await?;
    let servers = match host.environment().optional("DNS_SERVERS") {
        Some(_) => host.environment().parsed("DNS_SERVERS")?,
        None => Servers::of_system(),
    };
    let dns = DnsClient::new(servers);
    Ok(host.schedule(move || {
        let (table, dns) = (table.clone(), dns.clone());
        async move {
            let run_id: RequestId = table.ids().next();
            let cause = Cause::system("cron-domains", run_id.to_string());
            let run = check_due(&table, &cause, &dns).await?;
            tracing::info!(?run, "domain checks");
            if run.is_good() { Ok(run) } else { Err(DomainsError::Unfinished(run)) }
        }
    }))
}

/// A run did not do all there was to do. The next one goes on where it stopped.
#[derive(Debug, thiserror::Error, Fault)]
enum DomainsError {
    /// What is due could not be found out.
    #[error(transparent)]
    #[fault(transparent)]
    Store(#[from] StoreError),
    /// Some domains were not dealt with, or DNS answered about hardly any.
    #[error(
        "{} domains could not be dealt with, DNS did not answer about {}, and {} time; the next run goes on",
        .0.failed, .0.unanswered, if .0.complete { "there was" } else { "there was no more" }
    )]
    #[fault(Unavailable, "unfinished")]
    Unfinished(CheckRun),
}
