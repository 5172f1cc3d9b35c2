//! Two lanes: sign-in mails, which somebody waits for, go first. What SES allows in a second is theirs, and
//! the others take what is left, at most half of it.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use events::{Envelope, Event};
use identity_core::events::{MagicLinkRequested, MailCodeRequested, PasswordResetRequested};
use primitives::{SignedDuration, Timestamp};
use tokio::time::{Instant, sleep, sleep_until};

/// The events whose mails somebody waits for.
const FOR_SIGNING_IN: [&str; 3] =
    [MagicLinkRequested::NAME, PasswordResetRequested::NAME, MailCodeRequested::NAME];

/// How many workers send sign-in mails at most: `MaximumConcurrency` of their queue.
pub const SIGN_IN_WORKERS: u32 = 6;

/// How many workers send the other mails at most: `MaximumConcurrency` of their queue.
pub const OTHER_WORKERS: u32 = 4;

/// The part of the rate that the other mails take at most.
const SHARE_OF_OTHERS: f64 = 0.5;

/// After a throttled mail of the other lane, none of it is tried for so long: the sign-in mails are before
/// it.
const OTHERS_STAND_BACK: SignedDuration = SignedDuration::from_secs(2);

/// The pause before a throttled sign-in mail is tried again by the same worker: between one and two of these.
const MOMENT: Duration = Duration::from_millis(200);

/// How the mails of one lane are sent. What it knows holds for one instance, which sends one mail at a time.
#[derive(Debug)]
pub(crate) struct Lane {
    gap: Duration,
    waits: bool,
    retry_after: u64,
    closed_until: Mutex<Timestamp>,
}

/// Both lanes.
#[derive(Debug)]
pub(crate) struct Lanes {
    sign_in: Lane,
    others: Lane,
}

impl Lanes {
    /// For an account that SES allows so many mails a second.
    pub(crate) fn new(rate: u16) -> Self {
        let rate = f64::from(rate.max(1));
        let lane = |workers: u32, share: f64, waits, retry_after| Lane {
            gap: Duration::from_secs_f64(f64::from(workers) / (rate * share)),
            waits,
            retry_after,
            closed_until: Mutex::new(Timestamp::UNIX_EPOCH),
        };
        Self {
            // 20 receives are more than 15 minutes: a link ends before its message does
            sign_in: lane(SIGN_IN_WORKERS, 1.0, true, 2),
            // 20 receives are more than half a day
            others: lane(OTHER_WORKERS, SHARE_OF_OTHERS, false, 15),
        }
    }

    /// The lane of the mails about this event.
    pub(crate) fn of(&self, event: &Envelope) -> &Lane {
        if FOR_SIGNING_IN.contains(&event.kind.as_str()) { &self.sign_in } else { &self.others }
    }
}

impl Lane {
    /// When a message that was throttled when it was received first comes again, seconds.
    pub(crate) fn retry_after(&self) -> u64 {
        self.retry_after
    }

    /// Whether SES said a moment ago that it takes no more, so that it is not worth asking.
    pub(crate) fn is_closed(&self, now: Timestamp) -> bool {
        now < *self.closed_until.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// SES takes no more at the moment. Says whether the mail is to be tried again here, after a pause that
    /// this waits for; otherwise the lane stands back, and the message comes again later.
    pub(crate) async fn throttled(&self, now: Timestamp) -> bool {
        if self.waits {
            let share = u32::from_be_bytes(primitives::random_secret::<4>());
            sleep(MOMENT + MOMENT.mul_f64(f64::from(share) / f64::from(u32::MAX))).await;
            return true;
        }
        *self.closed_until.lock().unwrap_or_else(PoisonError::into_inner) = now + OTHERS_STAND_BACK;
        false
    }

    /// The times at which one message's mails may be sent.
    pub(crate) fn turns(&self) -> Turns {
        Turns { gap: self.gap, next: Instant::now() }
    }
}

/// Keeps one worker to its part of the lane's rate: from one send to the next, and from the last one to the
/// end of the message, at least the lane's gap goes by. So it holds for any number of instances, without
/// anything that they share.
#[derive(Debug)]
pub(crate) struct Turns {
    gap: Duration,
    next: Instant,
}

impl Turns {
    /// Waits for the next time.
    pub(crate) async fn next(&mut self) {
        self.end().await;
        self.next = Instant::now() + self.gap;
    }

    /// Waits until another message's first mail may be sent.
    pub(crate) async fn end(&self) {
        sleep_until(self.next).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_workers_of_a_lane_together_keep_its_part_of_the_rate() {
        for rate in [1, 14, 50, 200] {
            let lanes = Lanes::new(rate);
            let a_second = |lane: &Lane, workers: u32| f64::from(workers) / lane.gap.as_secs_f64();
            assert!((a_second(&lanes.sign_in, SIGN_IN_WORKERS) - f64::from(rate)).abs() < 0.01);
            assert!((a_second(&lanes.others, OTHER_WORKERS) - f64::from(rate) / 2.0).abs() < 0.01);
        }
        assert!(Lanes::new(0).sign_in.gap <= Duration::from_secs(6), "a rate of nothing is one a second");
    }

    #[tokio::test]
    async fn a_worker_sends_no_faster_than_its_gap_and_a_message_ends_no_sooner() {
        let lane = Lanes::new(1_000).others;
        let began = Instant::now();
        let mut turns = lane.turns();
        for sent in 0..5 {
            turns.next().await;
            assert!(began.elapsed() >= lane.gap * sent);
        }
        turns.end().await;
        assert!(began.elapsed() >= lane.gap * 5);
    }

    #[tokio::test]
    async fn a_throttle_closes_the_other_lane_for_a_moment_and_never_the_sign_in_lane() {
        let lanes = Lanes::new(14);
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        assert!(lanes.sign_in.throttled(now).await && !lanes.sign_in.is_closed(now));
        assert!(!lanes.others.throttled(now).await && lanes.others.is_closed(now));
        assert!(!lanes.others.is_closed(now + OTHERS_STAND_BACK));
    }
}
