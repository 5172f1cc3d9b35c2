use std::time::Duration;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use tokio::time::Instant;

tokio::task_local! {
    static DEADLINE: Instant;
}

/// What is kept of the time for answering.
pub(crate) const RESERVE: Duration = Duration::from_millis(500);

/// Runs the work with a deadline, after which no attempt is begun any more.
pub async fn within_deadline<F: Future>(deadline: Instant, work: F) -> F::Output {
    DEADLINE.scope(deadline, work).await
}

/// How much time is left for the work at hand: until its deadline, less a reserve for answering; 10
/// seconds where it has none.
pub fn time_left() -> Duration {
    const WITHOUT_DEADLINE: Duration = Duration::from_secs(10);
    DEADLINE
        .try_with(|deadline| deadline.saturating_duration_since(Instant::now()).saturating_sub(RESERVE))
        .unwrap_or(WITHOUT_DEADLINE)
}

/// Why an attempt is made again, which says how soon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// Others are at the same item: they are done with it in milliseconds.
    Crowded,
    /// The table has no capacity or does not answer: it gets some in seconds, and less so the more
    /// ask.
    Throttled,
}

impl Pace {
    /// The span in which the next attempt is made, after so many: it grows exponentially.
    pub(crate) fn longest(self, attempts: u32) -> Duration {
        let (first, most) = match self {
            Self::Crowded => (20, 800),
            Self::Throttled => (100, 2000),
        };
        Duration::from_millis(first).saturating_mul(1 << attempts.min(10)).min(Duration::from_millis(most))
    }
}

/// Waits before another call to a service beside the table, which took nothing or only a part. Says
/// no when the time left is too short. For the table itself [`Table::decide`](crate::Table::decide)
/// waits.
pub async fn pause(attempts: u32, left: Duration) -> bool {
    pause_within(Pace::Crowded.longest(attempts), left).await
}

/// Waits before another attempt at the table. Says no when the time left is too short, which it is
/// not for the first attempt after a transaction that was in the way: that takes a few milliseconds
/// of what is kept for answering.
pub(crate) async fn pause_at(pace: Pace, attempts: u32) -> bool {
    let left = if (pace, attempts) == (Pace::Crowded, 0) { RESERVE } else { time_left() };
    pause_within(pace.longest(attempts), left).await
}

/// Waits anywhere within this span: full jitter, so that those who collided do not collide again
/// (<https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>).
pub(crate) async fn pause_within(span: Duration, left: Duration) -> bool {
    let share = f64::from(u32::from_be_bytes(primitives::random_secret::<4>())) / f64::from(u32::MAX);
    let wait = Duration::from_millis(1) + span.mul_f64(share);
    if wait >= left {
        return false;
    }
    tokio::time::sleep(wait).await;
    true
}

/// Sends a write of a single item. While a transaction holds the item the write is refused, and
/// nothing has happened: it is sent again, as the SDK does not.
pub(crate) async fn single<T, E, R, F>(mut send: impl FnMut() -> F) -> Result<T, SdkError<E, R>>
where
    E: ProvideErrorMetadata,
    F: Future<Output = Result<T, SdkError<E, R>>>,
{
    let mut attempts = 0;
    loop {
        let outcome = send().await;
        let is_held = outcome.as_ref().is_err_and(|error| {
            error.as_service_error().and_then(ProvideErrorMetadata::code)
                == Some("TransactionConflictException")
        });
        if !is_held || !pause_at(Pace::Crowded, attempts).await {
            return outcome;
        }
        attempts += 1;
    }
}
