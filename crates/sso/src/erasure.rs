use access::Tenant;
use primitives::Ids;
use table::{CommitError, Query, Table};

use crate::keys::SsoConnection;

/// Erases the connections of an organization that is erased. Says how many there were.
pub async fn erase(table: &Table, tenant: Tenant) -> Result<u64, CommitError> {
    let partition = SsoConnection::key(tenant, Ids::unguessable());
    let erased = table.erase(Query::partition_of(&partition), None).await?;
    Ok(u64::try_from(erased).unwrap_or(u64::MAX))
}
