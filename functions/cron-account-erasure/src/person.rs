//! The erasure of a person.

use std::collections::BTreeMap;

use audit::Erased;
use erasures::{Part, Subject};
use primitives::{Expected, OrgId, SignedDuration, UserId};
use table::{Cause, Query, Table, time_left};

use crate::{Eraser, ErasureFailed, Notes, Outcome, RESERVE};

/// For how long the person's own item stays behind the rest: the mail that tells of the erasure needs the
/// address that is in it, and nothing else is to have it. Shorter than the time to the next run, and longer
/// than such a mail takes as a rule, with what is tried again.
const ADDRESS_STAYS: SignedDuration = SignedDuration::from_mins(45);

/// Organizations that are looked at a time.
const PAGE: usize = 100;

/// Erases a person whose end has come: shut out first, gone last. The person is told in between, and the
/// next run takes the address. What is not done in time the next run goes on with.
pub(crate) async fn erase(eraser: &Eraser, cause: &Cause, user_id: UserId) -> Result<Outcome, ErasureFailed> {
    let (table, devices) = (&eraser.table, &eraser.devices);
    if !identity_core::begin_erasure(table, cause, user_id).await? {
        return Ok(Outcome::Skipped);
    }
    let subject = Subject::Person(user_id);
    let notes = Notes { table, cause, subject };
    // from now on whoever chains a row that names the person erases that, too
    let begun = erasures::begin(table, cause, subject, &[]).await?;
    let left = orgs::leave_all(table, cause, user_id).await?;
    notes.note(Part::Memberships, left).await?;
    let all = devices.all(user_id).await?;
    for device_id in &all {
        devices.remove(cause, user_id, *device_id, &Expected::Any).await?;
    }
    table.erase(Query::partition_of(&push::keys::Devices::key(user_id)), None).await?;
    notes.note(Part::Devices, u64::try_from(all.len()).unwrap_or(u64::MAX)).await?;
    notes.note(Part::Jobs, jobs::erase(table, jobs::Owner::Person(user_id)).await?).await?;
    let logs = logs(table, cause, user_id).await?;
    notes.note(Part::AuditRows, logs.rows).await?;
    if !logs.complete {
        return Err(ErasureFailed::OutOfTime);
    }
    if table.clock().now() < begun.begun_at + ADDRESS_STAYS {
        return Ok(Outcome::Waiting);
    }
    notes.note(Part::Account, 1 + identity_core::empty(table, user_id).await?).await?;
    identity_core::end_erasure(table, cause, user_id, || erasures::certified(table, subject)).await?;
    Ok(Outcome::Erased)
}

/// Erases the person from the logs of all organizations that know them, and from what is in no log.
async fn logs(table: &Table, cause: &Cause, user_id: UserId) -> Result<Erased, ErasureFailed> {
    let may_go_on = || time_left() > RESERVE;
    let emails = identity_core::addresses(table, user_id).await?;
    let (mut done, mut after) = (Erased::default(), None);
    loop {
        let (known, next) = identity_core::known_in(table, user_id, (PAGE, after.as_deref())).await?;
        let mut targets: BTreeMap<OrgId, Vec<String>> = BTreeMap::new();
        for one in known {
            targets.entry(one.org_id).or_default().push(one.target);
        }
        for (org_id, targets) in targets {
            let person = audit::Person { user_id, emails: &emails, targets: &targets };
            let erased = audit::erase_person(table, cause, org_id, person, may_go_on).await?;
            done.rows += erased.rows;
            if !erased.complete {
                return Ok(done);
            }
        }
        match next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    let own = audit::erase_own(table, user_id, may_go_on).await?;
    Ok(Erased { rows: done.rows + own.rows, complete: own.complete })
}
