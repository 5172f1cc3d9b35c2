use std::time::Duration;

use tokio::time::Instant;

use crate::StoreError;

tokio::task_local! {
    static DEADLINE: Instant;
}

/// Runs the work with a deadline, after which no attempt is begun any more.
pub async fn within_deadline<F: Future>(deadline: Instant, work: F) -> F::Output {
    DEADLINE.scope(deadline, work).await
}

/// How much time is left for the work at hand: until its deadline, less a reserve for answering; 10 seconds
/// where it has none.
pub fn time_left() -> Duration {
    const RESERVE: Duration = Duration::from_millis(500);
    const WITHOUT_DEADLINE: Duration = Duration::from_secs(10);
    DEADLINE
        .try_with(|deadline| deadline.saturating_duration_since(Instant::now()).saturating_sub(RESERVE))
        .unwrap_or(WITHOUT_DEADLINE)
}

/// Waits before another attempt: full jitter over an exponentially growing span. Says no when the time left
/// is too short (<https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>).
pub async fn pause(attempt: u32, left: Duration) -> bool {
    pause_up_to(longest_pause(attempt), left).await
}

fn longest_pause(attempt: u32) -> Duration {
    const FIRST: Duration = Duration::from_millis(20);
    const LONGEST: Duration = Duration::from_millis(800);
    FIRST.saturating_mul(1 << attempt.min(10)).min(LONGEST)
}

async fn pause_up_to(longest: Duration, left: Duration) -> bool {
    let share = f64::from(u32::from_be_bytes(primitives::random_secret::<4>())) / f64::from(u32::MAX);
    let wait = Duration::from_millis(1) + longest.mul_f64(share);
    if wait >= left {
        return false;
    }
    tokio::time::sleep(wait).await;
    true
}

/// Waits before a decision is made again whose state moved under it, the `attempt`-th time. When there is no
/// time for another, the caller is asked to come back: many at once are no mistake of anybody's.
///
/// # Errors
/// When the time is up.
pub async fn decide_again(attempt: &mut u32) -> Result<(), StoreError> {
    let longest = longest_pause(*attempt);
    decide_again_within(longest, attempt).await
}

/// The same with a span that the caller knows: in which as many as are in each other's way get done.
///
/// # Errors
/// When the time is up.
pub async fn decide_again_within(longest: Duration, attempt: &mut u32) -> Result<(), StoreError> {
    if !pause_up_to(longest, time_left()).await {
        let detail = format!("the state moved under {} decisions", *attempt + 1);
        return Err(StoreError::Unavailable {
            operation: "TransactWriteItems",
            code: "contention".to_owned(),
            detail,
        });
    }
    *attempt += 1;
    Ok(())
}
