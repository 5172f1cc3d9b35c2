//! Waiting until nothing is in flight, and moving the clock through everything that is due on the
//! way.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::Engine;

/// How long draining waits at most.
pub(crate) const DRAIN_LIMIT: Duration = Duration::from_secs(30);
/// How long draining sleeps at most before it looks again, should a change come without news (a
/// writer from outside).
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// What happened while the clock moved.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Advance {
    /// The virtual time after it.
    pub now: Timestamp,
    /// How far the virtual clock is ahead of the machine's now, seconds.
    pub offset_seconds: i64,
    /// Schedules that ran on the way.
    pub schedules_run: u64,
    /// Events that were put on a bus on the way.
    pub events_published: u64,
    /// Whether the clock moved all the way and everything caused by it is done; false when
    /// something kept running for 30 seconds, or a reset or the end of the process stopped the
    /// clock on its way.
    pub idle: bool,
}

impl Engine {
    /// Whether nothing is running and nothing waits that could run now. Messages which are delayed,
    /// or hidden after a failure, wait for the clock and do not count; neither do messages in
    /// queues that no function reads.
    pub(crate) fn is_idle(&self) -> bool {
        let now = self.clock.now();
        let quiet = |state: &crate::state::State| {
            state.processing == 0
                && state.stripe.is_quiet(now.as_second())
                && self
                    .consumed_queues()
                    .all(|name| state.queues.get(name).is_none_or(|queue| !queue.has_visible(now)))
        };
        // The order matters: work moves from calls to the stream to queues to calls. Looking at the
        // calls first and last, and at the state twice, nothing can slip past between two looks
        // without one of them seeing it.
        self.functions.running() == 0
            && self.store.read(quiet)
            && self.streams_are_read()
            && self.functions.running() == 0
            && self.store.read(quiet)
    }

    fn consumed_queues(&self) -> impl Iterator<Item = &str> {
        self.template
            .queue_sources
            .iter()
            .filter_map(|source| self.template.queue_by_arn(&source.queue_arn))
            .map(|queue| queue.name.as_str())
    }

    /// Waits until [`Self::is_idle`], at most 30 seconds; says whether it is.
    pub(crate) async fn drain(&self) -> bool {
        let began = Instant::now();
        let mut news = self.store.subscribe();
        loop {
            news.mark_unchanged();
            self.ring_streams();
            if self.is_idle() && !news.has_changed().unwrap_or(true) {
                return true;
            }
            if began.elapsed() > DRAIN_LIMIT || self.stop.is_cancelled() {
                return false;
            }
            tokio::select! {
                () = self.stop.cancelled() => {}
                // No news in time is as good as news: both lead to another look.
                _ = tokio::time::timeout(LOOK_AGAIN, news.changed()) => {}
            }
        }
    }

    /// Moves the clock forward by `by`. On the way it stops at every schedule and at every message
    /// that becomes visible, lets it run and waits for everything it causes, so that things happen
    /// in the order in which they would have happened.
    pub(crate) async fn advance(&self, by: SignedDuration) -> Advance {
        let _gate = self.clock_gate.lock().await;
        self.travel(self.after(by)).await
    }

    /// The same, but each schedule that is due on the way runs once, at the last of its times there,
    /// as after a machine has slept. A month of hourly runs that find nothing costs one.
    pub(crate) async fn jump(&self, by: SignedDuration) -> Advance {
        let _gate = self.clock_gate.lock().await;
        let target = self.after(by);
        self.skip_runs_before(target);
        self.travel(target).await
    }

    /// The same, a day at a time.
    pub(crate) async fn days(&self, by: SignedDuration) -> Advance {
        const DAY: SignedDuration = SignedDuration::from_hours(24);
        let (mut sum, mut left) = (self.jump(by.min(DAY)).await, by - by.min(DAY));
        while left.is_positive() && sum.idle {
            let day = self.jump(left.min(DAY)).await;
            left -= left.min(DAY);
            let runs = sum.schedules_run + day.schedules_run;
            let events = sum.events_published + day.events_published;
            sum = Advance { schedules_run: runs, events_published: events, ..day };
        }
        sum
    }

    fn after(&self, by: SignedDuration) -> Timestamp {
        self.clock.now().saturating_add(by).unwrap_or(Timestamp::MAX)
    }

    /// Moves the clock to `target`. The caller holds its gate.
    async fn travel(&self, target: Timestamp) -> Advance {
        let before =
            (self.schedules_run.load(Ordering::Relaxed), self.events_published.load(Ordering::Relaxed));
        let mut idle = self.drain().await;
        let mut arrived = false;
        // Between two stops nothing is half done: here it gives way to the end of the process and
        // to a reset.
        while idle && !self.stop.is_cancelled() && self.resets_waiting.load(Ordering::SeqCst) == 0 {
            let Some(next) = self.next_due().filter(|next| *next <= target) else {
                arrived = true;
                break;
            };
            self.set_clock(next);
            self.run_due_schedules().await;
            idle = self.drain().await;
        }
        // Something that does not end is no reason to stay where we are.
        if arrived || (!idle && !self.stop.is_cancelled()) {
            self.set_clock(target);
            self.sweep_now();
            idle = self.drain().await && idle;
        }
        Advance {
            now: self.clock.now(),
            offset_seconds: self.clock.offset_milliseconds() / 1_000,
            schedules_run: self.schedules_run.load(Ordering::Relaxed) - before.0,
            events_published: self.events_published.load(Ordering::Relaxed) - before.1,
            idle: idle && arrived,
        }
    }

    fn set_clock(&self, moment: Timestamp) {
        self.clock.advance_to(moment);
        let offset = self.clock.offset_milliseconds();
        self.store.change(|state| state.clock_offset_milliseconds = offset);
        // What is written to the table from now on is of this time, so the clock must not fall
        // behind it, even if the process is killed.
        if let Err(error) = self.store.save_offset(offset) {
            tracing::error!(%error, "the clock could not be saved");
        }
    }

    /// The next moment at which something happens by itself.
    fn next_due(&self) -> Option<Timestamp> {
        let now = self.clock.now();
        let message = self.store.read(|state| {
            self.consumed_queues().filter_map(|name| state.queues.get(name)?.next_visible_at(now)).min()
        });
        let webhook = self.store.read(|state| state.stripe.next_delivery());
        let webhook = webhook.and_then(|second| Timestamp::from_second(second).ok());
        [self.next_timer(), message, webhook].into_iter().flatten().min()
    }
}
