//! Keeps true what lists of members, and lists of a person's organizations, call them: copies of names and
//! addresses, where one read finds them; and the roles that groups of the directory give.
//!
//! An event says only what to look at. What is written is what the table says then, so that events may come
//! late, twice and in any order.

mod roles;

use std::time::Duration;

use access::Tenant;
use events::Envelope;
use identity_core::events::{EmailChangeUndone, EmailChanged, UserUpdated};
use lambda_host::{Error, Function, Host};
use orgs::{
    OrgError,
    events::{MemberAdded, MemberRemoved, MemberUpdated, OrganizationPoliciesUpdated, OrganizationUpdated},
};
use primitives::Fault;
use scim::events::ScimGroupUpdated;
use table::{Cause, CommitError, StoreError, Table, time_left};

/// With less time than this left no page is begun.
const TIME_FOR_A_PAGE: Duration = Duration::from_secs(5);

/// Why an event was not dealt with. It comes again.
#[derive(Debug, thiserror::Error, Fault)]
enum CopyError {
    #[error(transparent)]
    #[fault(transparent)]
    Orgs(#[from] OrgError),
    #[error(transparent)]
    #[fault(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    #[fault(transparent)]
    Commit(#[from] CommitError),
    #[error("the data of the event cannot be read: {0}")]
    #[fault(Invalid, "malformed_event")]
    Malformed(#[source] serde_json::Error),
    #[error("the event is about an organization's member, and names no organization")]
    #[fault(Invalid, "malformed_event")]
    Nowhere,
    #[error("an organization has more members than one run can look at; the next one goes on")]
    #[fault(Unavailable, "out_of_time")]
    OutOfTime,
}

/// The function.
pub async fn function(host: &Host) -> Result<Function, Error> {
    let first = orgs::keys::Org::key(Tenant::trusted(host.ids().next()));
    let table = host.table_opened_with(first).await?;
    Ok(host.bus_queue(move |event| {
        let table = table.clone();
        async move { deal_with(&table, &event).await }
    }))
}

/// Deals with one event; with one that changes nothing that is copied, by looking.
async fn deal_with(table: &Table, event: &Envelope) -> Result<(), CopyError> {
    let cause = Cause::system("queue-member-copies", &event.correlation_id);
    let tenant = || event.org_id.map(Tenant::trusted).ok_or(CopyError::Nowhere);
    let of_member = event
        .data::<MemberAdded>()
        .map(|data| data.map(|data| data.member.id))
        .or_else(|| event.data::<MemberUpdated>().map(|data| data.map(|data| data.member.id)))
        .or_else(|| event.data::<MemberRemoved>().map(|data| data.map(|data| data.member.id)));
    if let Some(member_id) = of_member {
        let member_id = member_id.map_err(CopyError::Malformed)?;
        return Ok(orgs::refresh_member(table, &cause, tenant()?, member_id).await?);
    }
    let of_person = event
        .data::<UserUpdated>()
        .map(|data| data.map(|data| data.user_id))
        .or_else(|| event.data::<EmailChanged>().map(|data| data.map(|data| data.user_id)))
        .or_else(|| event.data::<EmailChangeUndone>().map(|data| data.map(|data| data.user_id)));
    if let Some(user_id) = of_person {
        return Ok(orgs::refresh_person(table, &cause, user_id.map_err(CopyError::Malformed)?).await?);
    }
    let may_go_on = || time_left() > TIME_FOR_A_PAGE;
    if let Some(updated) = event.data::<ScimGroupUpdated>() {
        let ScimGroupUpdated { scim_group, previous, .. } = updated.map_err(CopyError::Malformed)?;
        // who came in or went has the right role already
        if !previous.contains_key("role") {
            return Ok(());
        }
        let group = (tenant()?, scim_group.id);
        let is_done = roles::refresh_group(table, &cause, group, may_go_on).await?;
        return if is_done { Ok(()) } else { Err(CopyError::OutOfTime) };
    }
    if let Some(updated) = event.data::<OrganizationUpdated>() {
        let previous = updated.map_err(CopyError::Malformed)?.previous;
        if !["name", "slug"].iter().any(|name| previous.contains_key(*name)) {
            return Ok(());
        }
    } else if event.data::<OrganizationPoliciesUpdated>().is_none() {
        return Ok(());
    }
    if orgs::refresh_organization(table, &cause, tenant()?, may_go_on).await? {
        Ok(())
    } else {
        Err(CopyError::OutOfTime)
    }
}
