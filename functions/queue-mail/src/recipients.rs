use access::{Role, Tenant};
use email_client::Name;
use primitives::{Email, OrgId};
use serde::Deserialize;
use table::{Consistency, Key, Query, StoreError, Table};

/// How many members are read at once.
const PAGE: usize = 250;

/// How many owners are written to at most: enough for any organization, and an end to what one event can cause.
const MOST_OWNERS: usize = 50;

/// What is needed of a member.
#[derive(Debug, Deserialize)]
struct MemberRef {
    email: Email,
    role: Role,
}

/// What is needed of an organization.
#[derive(Debug, Deserialize)]
struct OrgRef {
    name: String,
}

/// The addresses of the organization's owners.
pub(crate) async fn owners(table: &Table, org_id: OrgId) -> Result<Vec<Email>, StoreError> {
    let members = Query::prefix("member", Key::Org(Tenant::trusted(org_id)).pk(), "MEMBER#");
    let (mut owners, mut reached) = (Vec::new(), None);
    loop {
        let (page, next): (Vec<MemberRef>, _) = table.after(&members, PAGE, reached.as_deref()).await?;
        owners.extend(page.into_iter().filter(|member| member.role == Role::Owner).map(|owner| owner.email));
        reached = next;
        if reached.is_none() || owners.len() >= MOST_OWNERS {
            owners.truncate(MOST_OWNERS);
            return Ok(owners);
        }
    }
}

/// The organization's name, as mails show it.
pub(crate) async fn name(table: &Table, org_id: OrgId) -> Result<Name, StoreError> {
    let key = Key::Org(Tenant::trusted(org_id));
    let org: Option<OrgRef> = table.get(&key, Consistency::Eventual).await?;
    Ok(org.map_or_else(|| Name::new("your organization"), |org| Name::new(&org.name)))
}
