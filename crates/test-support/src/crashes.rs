use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_smithy_runtime_api::client::{
    http::{HttpConnector, SharedHttpClient},
    orchestrator::HttpRequest,
};
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
    run: Mutex<Run>,
    conflicts: Conflicts,
    died: Notify,
}

#[derive(Debug, Default)]
struct Run {
    /// Where it is to die.
    plan: Option<(usize, Moment)>,
    /// Its calls so far.
    made: Vec<Made>,
}

/// A call that was made.
#[derive(Debug)]
struct Made {
    /// Whether it may change what there is.
    writes: bool,
    /// Whether another was under way at the same time.
    is_beside: bool,
    is_open: bool,
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
                let call = state.run().begins(may_write(&request));
                if state.is_now(call, Moment::Before) {
                    return state.die().await;
                }
                let answer = connector.call(request).await;
                state.run().ends(call);
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
        (output, self.0.run().made.len())
    }

    /// Where the work that was just counted can die, each place once: the call (from 0) and the moment.
    ///
    /// A call that only reads leaves nothing behind: to die before it, or behind it, is to die behind the last
    /// one that wrote. So there is the moment before the first call, and the one behind each that may write;
    /// and both moments of a call during which another was under way, since either may be the first.
    pub fn deaths(&self) -> Vec<(usize, Moment)> {
        let run = self.0.run();
        let of_call = |(call, made): (usize, &Made)| {
            let before = (call == 0 || made.is_beside).then_some((call, Moment::Before));
            let after = (made.writes || made.is_beside).then_some((call, Moment::After));
            before.into_iter().chain(after)
        };
        run.made.iter().enumerate().flat_map(of_call).collect()
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
    fn run(&self) -> MutexGuard<'_, Run> {
        self.run.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn plan(&self, plan: Option<(usize, Moment)>) {
        *self.run() = Run { plan, made: Vec::new() };
    }

    fn is_now(&self, call: usize, moment: Moment) -> bool {
        self.run().plan == Some((call, moment))
    }

    async fn die<T>(&self) -> T {
        self.died.notify_one();
        std::future::pending().await
    }
}

impl Run {
    /// The number of the call that begins.
    fn begins(&mut self, writes: bool) -> usize {
        let mut is_beside = false;
        for other in self.made.iter_mut().filter(|made| made.is_open) {
            (is_beside, other.is_beside) = (true, true);
        }
        self.made.push(Made { writes, is_beside, is_open: true });
        self.made.len() - 1
    }

    /// One of a run before this one is not known any more.
    fn ends(&mut self, call: usize) {
        if let Some(made) = self.made.get_mut(call) {
            made.is_open = false;
        }
    }
}

/// Whether a request may change what there is. Services that speak JSON name the operation in a header; others
/// read with GET.
fn may_write(request: &HttpRequest) -> bool {
    const READS: [&str; 6] =
        ["GetItem", "BatchGetItem", "TransactGetItems", "Query", "Scan", "GetSecretValue"];
    match request.headers().get("x-amz-target") {
        Some(target) => target.split('.').next_back().is_none_or(|operation| !READS.contains(&operation)),
        None => request.method() != "GET",
    }
}
