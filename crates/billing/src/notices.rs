use std::time::Duration;

use access::Tenant;
use events::NewEvent;
use futures::{StreamExt, stream};
use primitives::{OrgId, Time, Timestamp};
use serde::Serialize;
use table::{
    Cause, Changes, Condition, Consistency, Decision, Due, Entry, Item, StoreError, Table, time_left,
};

use crate::{
    Account, BillingError, TrialNotice,
    api::Trial,
    events::{GraceEnding, TrialEnded, TrialEnding},
    grace::Grace,
    keys,
    overview::load,
    revenue,
};

/// What is due, per query.
const PAGE: usize = 100;
/// Of that, worked on at a time.
const PARALLEL: usize = 8;
/// With less time than this left no further page is begun; the next run goes on.
const RESERVE: Duration = Duration::from_secs(5);

/// What one run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct NoticeRun {
    /// Notices that were given.
    pub given: usize,
    /// What needed none after all: the index is a moment behind, or another run was faster.
    pub skipped: usize,
    /// Those that could not be given. They stay due.
    pub failed: usize,
    /// Whether all that was due was looked at before the time was up.
    pub complete: bool,
}

/// Gives every notice that is due, once each. Of trials: `trial.ending` with 7, 3 and 1 days left, and
/// `trial.ended` at the end. While payments fail: `grace.ending` on the days 3, 7, 14 and 20.
///
/// Runs may overlap, stop half-way and be repeated. One bad account does not keep the others from
/// theirs.
///
/// # Errors
/// When what is due cannot be found out.
pub async fn give_due_notices(table: &Table, cause: &Cause) -> Result<NoticeRun, StoreError> {
    let mut run = NoticeRun::default();
    for entry in [&keys::TRIAL_NOTICE, &keys::GRACE_NOTICE] {
        for shard in entry.shards() {
            let mut place = None;
            loop {
                if time_left() <= RESERVE {
                    return Ok(run);
                }
                let due = table.due(entry, shard, place.as_deref(), PAGE).await?;
                let is_last = due.len() < PAGE;
                place = due.last().map(|last| last.place.clone());
                give_notices(table, cause, (entry, due), &mut run).await;
                if is_last {
                    break;
                }
            }
        }
    }
    run.complete = true;
    Ok(run)
}

async fn give_notices(table: &Table, cause: &Cause, (entry, due): (&Entry, Vec<Due>), run: &mut NoticeRun) {
    let is_grace = entry.name == keys::GRACE_NOTICE.name;
    let give = |due: Due| async move {
        // the entry was made with it
        let org_id = due.id().parse().ok()?;
        let given = if is_grace {
            remind(table, cause, org_id).await.map(|day| day.is_some())
        } else {
            give_notice(table, cause, org_id).await.map(|notice| notice.is_some())
        };
        Some((org_id, given))
    };
    let mut outcomes = stream::iter(due).map(give).buffer_unordered(PARALLEL);
    while let Some(outcome) = outcomes.next().await {
        match outcome {
            Some((_, Ok(true))) => run.given += 1,
            Some((_, Ok(false))) => run.skipped += 1,
            Some((org_id, Err(error))) => {
                tracing::error!(%org_id, error = &error as &dyn std::error::Error, "a notice could not be given");
                run.failed += 1;
            }
            None => run.failed += 1,
        }
    }
}

/// Gives the reminder that is due, once; says of which day it is. Nothing where it is over meanwhile.
async fn remind(table: &Table, cause: &Cause, org_id: OrgId) -> Result<Option<u8>, BillingError> {
    let tenant = Tenant::trusted(org_id);
    let keys = [keys::Subscription::key(tenant), keys::Grace::key(tenant)];
    let remind = |_| async {
        let mut found = table.get_many(&keys, Consistency::Strong).await?;
        let (account, grace) = (found.take::<Account>(&keys[0])?, found.take::<Grace>(&keys[1])?);
        let now = table.clock().now();
        let due = account.zip(grace).and_then(|(account, grace)| Some((grace.due(now)?, account, grace)));
        let Some((day, account, grace)) = due else { return Ok(Decision::done(None)) };
        let next = grace.after(day);
        let mut changes = Changes::new().replace(&next);
        changes = changes.require(account.key(), Condition::VersionIs(account.version()));
        // full use, too, until the trial ends
        if account.trial.is_active(now) || now >= next.ends_at {
            return Ok(Decision::commit(changes, None));
        }
        let ending = GraceEnding { days_left: next.days_left(now), read_only_at: Time::from(next.ends_at) };
        // the next grace has a version of its own, and times only rise
        let sequence = u64::try_from(next.on(day).as_second()).unwrap_or_default();
        let event = NewEvent::new(Some(org_id), &org_id, sequence, &ending);
        Ok(Decision::commit(changes.publish(event), Some(day)))
    };
    table.decide(cause, remind).await
}

async fn give_notice(
    table: &Table,
    cause: &Cause,
    org_id: OrgId,
) -> Result<Option<TrialNotice>, BillingError> {
    let give = |_| async {
        let account = load(table, org_id).await?;
        let now = table.clock().now();
        let due = account.and_then(|account| account.give_notice(now));
        let Some((next, notice)) = due else { return Ok(Decision::done(None)) };
        let mut changes = Changes::new().replace(&next).publish(event(&next, notice, now));
        if notice == TrialNotice::Ended {
            changes = changes.and(revenue::trial_ended(org_id, now));
        }
        Ok(Decision::commit(changes, Some(notice)))
    };
    table.decide(cause, give).await
}

fn event(account: &Account, notice: TrialNotice, now: Timestamp) -> NewEvent {
    let (org_id, trial) = (account.org_id, Trial::of(&account.trial, now));
    let sequence = account.next_version();
    match notice {
        TrialNotice::Ended => NewEvent::new(Some(org_id), &org_id, sequence, &TrialEnded { trial }),
        TrialNotice::SevenDaysLeft | TrialNotice::ThreeDaysLeft | TrialNotice::OneDayLeft => {
            let ending = TrialEnding { trial, days_left: notice.days_left() };
            NewEvent::new(Some(org_id), &org_id, sequence, &ending)
        }
    }
}
