use access::Tenant;
use table::{Query, StoreError, Table};

use crate::keys;

/// Erases the directory of an organization that is erased. Says how many items went.
pub async fn erase(table: &Table, tenant: Tenant) -> Result<u64, StoreError> {
    let (user, group) = (table.ids().next(), table.ids().next());
    let partitions = [
        keys::Tokens::key(tenant),
        keys::User::key(tenant, user),
        keys::Group::key(tenant, group),
        keys::GroupMember::key(tenant, group, user),
        keys::UserName::key(tenant, String::new()),
        keys::Claim::key(tenant, String::new(), String::new()),
    ];
    let mut erased = 0;
    for partition in partitions {
        erased += table.erase(Query::partition_of(&partition), None).await?;
    }
    Ok(u64::try_from(erased).unwrap_or(u64::MAX))
}
