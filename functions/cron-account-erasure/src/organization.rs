//! The erasure of an organization.

use access::Tenant;
use primitives::OrgId;
use table::{Cause, Table, time_left};

use crate::{ErasureFailed, RESERVE};

/// Erases an organization whose end has come: shut first, gone last. Says whether it is erased; what is not
/// done in time the next run goes on with.
pub(crate) async fn erase(table: &Table, cause: &Cause, org_id: OrgId) -> Result<bool, ErasureFailed> {
    // one that began since: whoever paid would do so for ever. An operator cancels it at Stripe
    if billing::goes_on(table, Tenant::trusted(org_id)).await? {
        return Err(ErasureFailed::Subscribed);
    }
    if !orgs::begin_erasure(table, cause, org_id).await? {
        return Ok(false);
    }
    let may_go_on = || time_left() > RESERVE;
    if !orgs::empty(table, cause, org_id, may_go_on).await? || !audit::erase(table, org_id, may_go_on).await?
    {
        return Err(ErasureFailed::OutOfTime);
    }
    directory::erase(table, cause, Tenant::trusted(org_id)).await?;
    sso::erase(table, Tenant::trusted(org_id)).await?;
    scim::erase(table, Tenant::trusted(org_id)).await?;
    billing::erase(table, Tenant::trusted(org_id)).await?;
    jobs::erase(table, jobs::Owner::Org(Tenant::trusted(org_id))).await?;
    orgs::end_erasure(table, cause, org_id).await?;
    Ok(true)
}
