//! Looking up again, each week, whether the records of verified domains are there.

use std::time::Duration;

use access::Tenant;
use dns_client::DnsClient;
use futures::{StreamExt, stream};
use primitives::SignedDuration;
use serde::Serialize;
use table::{Cause, Changes, Consistency, Decision, Due, Item, StoreError, Table, time_left};

use crate::{
    DirectoryError,
    domain::{Domain, Seen},
    events::{DomainLapsed, DomainRecordMissed},
    keys::{self, CHECK, Place},
    operations::of,
};

/// Domains per query.
const PAGE: usize = 100;
/// Domains looked up at a time.
const PARALLEL: usize = 8;
/// For how long a domain is one run's: longer than a run can take.
const LEASE: SignedDuration = SignedDuration::from_mins(15);
/// With less time than this left no domain is begun; the next run goes on. A look-up takes 4 seconds at most.
const RESERVE: Duration = Duration::from_secs(6);

/// What one run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CheckRun {
    /// Domains whose record is there.
    pub found: usize,
    /// Domains whose record is not there, and which stay verified for now.
    pub missed: usize,
    /// Domains that are their organization's no more.
    pub lapsed: usize,
    /// Domains about which DNS did not answer. They are looked up again tomorrow.
    pub unanswered: usize,
    /// Domains that were not to be looked up after all, or that another run looks up.
    pub skipped: usize,
    /// Domains that could not be dealt with. They stay due.
    pub failed: usize,
    /// Whether all that was due was looked at before the time was up.
    pub complete: bool,
}

impl CheckRun {
    /// How many unanswered look-ups are no more their owners' matter.
    const MANY: usize = 10;

    /// Whether it did all there was to do, and DNS answered as it does. That most of many names have no
    /// answer means that we cannot ask.
    pub fn is_good(&self) -> bool {
        let answered = self.found + self.missed + self.lapsed;
        self.complete && self.failed == 0 && (self.unanswered < Self::MANY || self.unanswered < answered)
    }
}

/// What became of one domain.
enum Checked {
    As(Domain),
    Unanswered,
    Skipped,
}

/// Looks up the record of every domain whose turn it is.
///
/// Runs may overlap, stop half-way and be repeated. A domain is put off before it is looked up: no two runs
/// count the same one.
///
/// # Errors
/// When what is due cannot be found out.
pub async fn check_due(table: &Table, cause: &Cause, dns: &DnsClient) -> Result<CheckRun, StoreError> {
    let mut run = CheckRun::default();
    for shard in CHECK.shards() {
        let mut place = None;
        loop {
            if time_left() <= RESERVE {
                return Ok(run);
            }
            let due = table.due(&CHECK, shard, place.as_deref(), PAGE).await?;
            let is_last = due.len() < PAGE;
            place = due.last().map(|last| last.place.clone());
            let left = check_all(table, cause, dns, due, &mut run).await;
            if left {
                return Ok(run);
            }
            if is_last {
                break;
            }
        }
    }
    run.complete = true;
    Ok(run)
}

/// Says whether there was no time for some of them.
async fn check_all(table: &Table, cause: &Cause, dns: &DnsClient, due: Vec<Due>, run: &mut CheckRun) -> bool {
    let check = |due: Due| async move {
        if time_left() <= RESERVE {
            return None;
        }
        let place = due.id().to_owned();
        Some((place, check(table, cause, dns, &due).await))
    };
    let mut left = false;
    let mut outcomes = stream::iter(due).map(check).buffer_unordered(PARALLEL);
    while let Some(outcome) = outcomes.next().await {
        match outcome {
            None => left = true,
            Some((_, Ok(Checked::As(domain)))) if !domain.is_verified() => run.lapsed += 1,
            Some((_, Ok(Checked::As(domain)))) if domain.is_settled() => run.found += 1,
            Some((_, Ok(Checked::As(_)))) => run.missed += 1,
            Some((_, Ok(Checked::Unanswered))) => run.unanswered += 1,
            Some((_, Ok(Checked::Skipped))) => run.skipped += 1,
            Some((place, Err(error))) => {
                tracing::error!(place, error = &error as &dyn std::error::Error, "a domain was not checked");
                run.failed += 1;
            }
        }
    }
    left
}

async fn check(table: &Table, cause: &Cause, dns: &DnsClient, due: &Due) -> Result<Checked, DirectoryError> {
    // the entry was made with it
    let Ok(place) = due.id().parse::<Place>() else { return Ok(Checked::Skipped) };
    let key = &keys::Domain::key(Tenant::trusted(place.org_id), place.domain_id);
    if !table.put_off(due, table.clock().now() + LEASE).await? {
        return Ok(Checked::Skipped);
    }
    let domain: Option<Domain> = table.get(key, Consistency::Strong).await?;
    let Some(domain) = domain.filter(|domain| domain.is_due(table.clock().now())) else {
        return Ok(Checked::Skipped);
    };
    let seen = match dns.txt(&domain.record().name).await {
        Ok(records) if domain.is_shown_by(&records) => Seen::Found,
        Ok(_) => Seen::Missed,
        Err(error) => {
            tracing::warn!(domain = %domain.name, error = &error as &dyn std::error::Error, "no answer");
            Seen::Nothing
        }
    };
    let decide = |_| async move {
        let before: Option<Domain> = table.get(key, Consistency::Strong).await?;
        let now = table.clock().now();
        let Some(before) = before.filter(|domain| domain.is_due(now)) else {
            return Ok(Decision::done(Checked::Skipped));
        };
        let after = before.clone().checked(seen, now);
        let version = after.next_version();
        let changes = Changes::new().replace(&after);
        let changes = if !after.is_verified() {
            let event = DomainLapsed { domain: after.resource(version) };
            changes.and(before.released()).publish(of(&after, &event))
        } else if seen == Seen::Missed && after.is_first_missed() {
            let event = DomainRecordMissed { domain: after.resource(version) };
            changes.publish(of(&after, &event))
        } else {
            changes
        };
        let checked = if seen == Seen::Nothing { Checked::Unanswered } else { Checked::As(after) };
        Ok::<_, DirectoryError>(Decision::commit(changes, checked))
    };
    table.decide(cause, decide).await
}
