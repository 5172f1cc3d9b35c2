use access::Tenant;
use primitives::Ids;
use table::{CommitError, Query, Table};

use crate::keys::SsoConnection;

/// Erases the connections of an organization that is erased.
pub async fn erase(table: &Table, tenant: Tenant) -> Result<(), CommitError> {
    table.erase(Query::partition_of(&SsoConnection::key(tenant, Ids::unguessable())), None).await?;
    Ok(())
}
