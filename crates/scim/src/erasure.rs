use access::Tenant;
use table::{Query, StoreError, Table};

use crate::keys;

/// Erases the directory of an organization that is erased.
pub async fn erase(table: &Table, tenant: Tenant) -> Result<(), StoreError> {
    let (user, group) = (table.ids().next(), table.ids().next());
    let partitions = [
        keys::Tokens::key(tenant),
        keys::User::key(tenant, user),
        keys::Group::key(tenant, group),
        keys::GroupMember::key(tenant, group, user),
        keys::UserName::key(tenant, String::new()),
        keys::Claim::key(tenant, String::new(), String::new()),
    ];
    for partition in partitions {
        table.erase(Query::partition_of(&partition), None).await?;
    }
    Ok(())
}
