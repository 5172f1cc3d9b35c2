use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpClient};
use tokio::sync::Notify;

use crate::{conflicts::Conflicts, tapped::tapped};

/// On which side of an outgoing call a process dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The call is not made.
    Before,
    /// The call is carried out, and its answer is lost.
    After,
}

/// Lets a process die at one of its outgoing calls to AWS.
///
/// Every client that uses [`Crashes::http_client`] is watched. At the chosen call the work is dropped where
/// it stands, with everything else that was in flight: nothing after it happens, no retry and no clean-up, as
/// when a sandbox is killed.
///
/// Every write is refused once because of another transaction, as [`Conflicts`] does it: what is tested here
/// has to bear that as well. Such a refusal is no call that is counted; a crash there is one before the call.
#[derive(Clone, Debug, Default)]
pub struct Crashes(Arc<State>);

#[derive(Debug, Default)]
struct State {
    calls: AtomicUsize,
    plan: Mutex<Option<(usize, Moment)>>,
    conflicts: Conflicts,
    died: Notify,
}

impl Crashes {
    /// An HTTP client, for plain HTTP, whose calls are counted.
    pub fn http_client(&self) -> SharedHttpClient {
        let state = Arc::clone(&self.0);
        tapped(move |request, connector| {
            let state = Arc::clone(&state);
            async move {
                if let Some(refusal) = state.conflicts.refusal(&request) {
                    return Ok(refusal);
                }
                let call = state.calls.fetch_add(1, Ordering::SeqCst);
                if state.is_now(call, Moment::Before) {
                    return state.die().await;
                }
                let answer = connector.call(request).await;
                if state.is_now(call, Moment::After) {
                    return state.die().await;
                }
                answer
            }
        })
    }

    /// Runs the work to its end; says what it gave and how many calls it made.
    pub async fn count<F: Future>(&self, work: F) -> (F::Output, usize) {
        self.0.plan(None);
        let output = work.await;
        (output, self.0.calls.load(Ordering::SeqCst))
    }

    /// Runs the work until its call number `call` (from 0) and drops it there; gives its output if it never
    /// got so far.
    pub async fn run<F: Future>(&self, call: usize, moment: Moment, work: F) -> Option<F::Output> {
        self.0.plan(Some((call, moment)));
        let output = tokio::select! {
            biased;
            () = self.0.died.notified() => None,
            output = work => Some(output),
        };
        self.0.plan(None);
        output
    }
}

impl State {
    fn plan(&self, plan: Option<(usize, Moment)>) {
        *self.plan.lock().unwrap_or_else(PoisonError::into_inner) = plan;
        self.calls.store(0, Ordering::SeqCst);
    }

    fn is_now(&self, call: usize, moment: Moment) -> bool {
        *self.plan.lock().unwrap_or_else(PoisonError::into_inner) == Some((call, moment))
    }

    async fn die<T>(&self) -> T {
        self.died.notify_one();
        std::future::pending().await
    }
}
