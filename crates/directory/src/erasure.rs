use access::Tenant;
use table::{Cause, Changes, CommitError, Decision, Query, Table};

use crate::{
    Domain, MOST,
    keys::{self, DomainNames},
};

/// Erases the domains of an organization that is erased: from then on they are anybody's to verify. Says how
/// many there were.
pub async fn erase(table: &Table, cause: &Cause, tenant: Tenant) -> Result<u64, CommitError> {
    let erase = |_| async move {
        let domains: Vec<Domain> = table.first(&keys::Domain::all(tenant).strong(), MOST).await?;
        let gone = |changes: Changes, domain: &Domain| changes.and(domain.released()).delete(domain);
        Ok::<_, CommitError>(Decision::commit(domains.iter().fold(Changes::new(), gone), domains.len()))
    };
    let erased = table.decide(cause, erase).await?;
    table.erase(Query::partition_of(&DomainNames::key(tenant)), None).await?;
    Ok(u64::try_from(erased).unwrap_or(u64::MAX))
}
