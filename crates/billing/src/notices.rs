use std::time::Duration;

use events::NewEvent;
use futures::{StreamExt, stream};
use primitives::{OrgId, Timestamp};
use serde::Serialize;
use table::{Cause, Changes, Decision, Due, Item, StoreError, Table, time_left};

use crate::{
    Account, BillingError, TrialNotice,
    api::Trial,
    events::{TrialEnded, TrialEnding},
    keys,
    overview::load,
    revenue,
};

/// Trials per query.
const PAGE: usize = 100;
/// Trials worked on at a time.
const PARALLEL: usize = 8;
/// With less time than this left no further page is begun; the next run goes on.
const RESERVE: Duration = Duration::from_secs(5);

/// What one run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct NoticeRun {
    /// Notices that were given.
    pub given: usize,
    /// Trials that needed none after all: the index is a moment behind, or another run was faster.
    pub skipped: usize,
    /// Trials whose notice could not be given. They stay due.
    pub failed: usize,
    /// Whether all that was due was looked at before the time was up.
    pub complete: bool,
}

/// Gives every trial notice that is due, once each: `trial.ending` with 7, 3 and 1 days left,
/// `trial.ended` at the end.
///
/// Runs may overlap, stop half-way and be repeated. One bad account does not keep the others from
/// theirs.
///
/// # Errors
/// When what is due cannot be found out.
pub async fn give_due_notices(table: &Table, cause: &Cause) -> Result<NoticeRun, StoreError> {
    let mut run = NoticeRun::default();
    for shard in keys::TRIAL_NOTICE.shards() {
        let mut place = None;
        loop {
            if time_left() <= RESERVE {
                return Ok(run);
            }
            let trials = table.due(&keys::TRIAL_NOTICE, shard, place.as_deref(), PAGE).await?;
            let is_last = trials.len() < PAGE;
            place = trials.last().map(|last| last.place.clone());
            give_notices(table, cause, trials, &mut run).await;
            if is_last {
                break;
            }
        }
    }
    run.complete = true;
    Ok(run)
}

async fn give_notices(table: &Table, cause: &Cause, trials: Vec<Due>, run: &mut NoticeRun) {
    let give = |trial: Due| async move {
        // the entry was made with it
        let org_id = trial.id().parse().ok()?;
        Some((org_id, give_notice(table, cause, org_id).await))
    };
    let mut outcomes = stream::iter(trials).map(give).buffer_unordered(PARALLEL);
    while let Some(outcome) = outcomes.next().await {
        match outcome {
            Some((_, Ok(Some(_)))) => run.given += 1,
            Some((_, Ok(None))) => run.skipped += 1,
            Some((org_id, Err(error))) => {
                tracing::error!(%org_id, error = &error as &dyn std::error::Error, "a trial notice could not be given");
                run.failed += 1;
            }
            None => run.failed += 1,
        }
    }
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
