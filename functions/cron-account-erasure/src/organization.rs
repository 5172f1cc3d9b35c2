//! The erasure of an organization.

use access::Tenant;
use erasures::{Part, Subject};
use primitives::OrgId;
use table::{Cause, time_left};

use crate::{Eraser, ErasureFailed, Notes, Outcome, RESERVE};

/// Erases an organization whose end has come: shut first, gone last, and what is outside of the table before
/// what is known of it. What is not done in time the next run goes on with.
pub(crate) async fn erase(eraser: &Eraser, cause: &Cause, org_id: OrgId) -> Result<Outcome, ErasureFailed> {
    let (table, tenant) = (&eraser.table, Tenant::trusted(org_id));
    // one that began since: whoever paid would do so for ever. An operator cancels it at Stripe
    if billing::goes_on(table, tenant).await? {
        return Err(ErasureFailed::Subscribed);
    }
    if !orgs::begin_erasure(table, cause, org_id).await? {
        return Ok(Outcome::Skipped);
    }
    let subject = Subject::Organization(org_id);
    erasures::begin(table, cause, subject, &orgs::owners_of(table, org_id).await?).await?;
    let notes = Notes { table, cause, subject };
    let may_go_on = || time_left() > RESERVE;
    let customers = billing::let_go(table, cause, tenant).await?;
    if !customers.is_empty() {
        let account = eraser.stripe.get().await?;
        for customer in &customers {
            account.client.delete_customer(customer).await?;
        }
    }
    let emptied = orgs::empty(table, cause, org_id, may_go_on).await?;
    notes.note(Part::Members, emptied.members).await?;
    notes.note(Part::Invites, emptied.invites).await?;
    if !emptied.complete {
        return Err(ErasureFailed::OutOfTime);
    }
    let log = audit::erase(table, org_id, may_go_on).await?;
    notes.note(Part::AuditRows, log.rows).await?;
    if !log.complete {
        return Err(ErasureFailed::OutOfTime);
    }
    notes.note(Part::Domains, directory::erase(table, cause, tenant).await?).await?;
    notes.note(Part::SsoConnections, sso::erase(table, tenant).await?).await?;
    notes.note(Part::Directory, scim::erase(table, tenant).await?).await?;
    notes.note(Part::Billing, billing::erase(table, tenant).await?).await?;
    // only now: a run that is repeated up to here deletes the same customers again
    if !customers.is_empty() {
        notes.note(Part::StripeCustomers, u64::try_from(customers.len()).unwrap_or(u64::MAX)).await?;
    }
    notes.note(Part::Usage, usage::erase(table, tenant).await?).await?;
    notes.note(Part::Jobs, jobs::erase(table, jobs::Owner::Org(tenant)).await?).await?;
    notes.note(Part::Settings, orgs::erase_rest(table, org_id).await?).await?;
    orgs::end_erasure(table, cause, org_id, || erasures::certified(table, subject)).await?;
    Ok(Outcome::Erased)
}
