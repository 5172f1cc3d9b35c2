//! The tasks of one local cloud: all of them end when it stops.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long running calls may take to end.
const SHUT_DOWN_LIMIT: Duration = Duration::from_secs(3);

/// How long what was cut off may take to be gone.
const HALT_LIMIT: Duration = Duration::from_secs(1);

/// Background tasks that end together, in two steps: first what lets new work begin, then what
/// running work needs.
#[derive(Clone, Debug)]
pub(crate) struct Tasks {
    /// Sources and the front door.
    sources: TaskTracker,
    /// What functions talk to.
    endpoints: TaskTracker,
    stop: CancellationToken,
    halt: CancellationToken,
}

impl Tasks {
    /// `stop` ends the sources and the front door, `halt` the rest.
    pub(crate) fn new(stop: CancellationToken, halt: CancellationToken) -> Self {
        Self { sources: TaskTracker::new(), endpoints: TaskTracker::new(), stop, halt }
    }

    /// Runs `work` until it ends or the cloud stops.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.sources.spawn(async move { stop.run_until_cancelled(work).await });
    }

    /// Runs `work` until it ends or everything else has ended.
    pub(crate) fn spawn_to_the_end(&self, work: impl Future<Output = ()> + Send + 'static) {
        let halt = self.halt.clone();
        self.endpoints.spawn(async move { halt.run_until_cancelled(work).await });
    }

    /// Serves HTTP until the cloud stops; requests that are running then may finish.
    pub(crate) fn serve_front(&self, listener: TcpListener, router: Router) {
        self.sources.spawn(serve(listener, router, self.stop.clone()));
    }

    /// Serves what functions talk to, until all of them have ended.
    pub(crate) fn serve_functions(&self, listener: TcpListener, router: Router) {
        self.endpoints.spawn(serve(listener, router, self.halt.clone()));
    }

    /// Ends everything, and waits for `calls` with it, but not for one that does not end.
    pub(crate) async fn shut_down(&self, calls: &TaskTracker) {
        self.stop.cancel();
        for tracker in [&self.sources, &self.endpoints, calls] {
            tracker.close();
        }
        let sources = futures::future::join(self.sources.wait(), calls.wait());
        if tokio::time::timeout(SHUT_DOWN_LIMIT, sources).await.is_err() {
            tracing::warn!("some calls were still running and are cut off");
        }
        self.halt.cancel();
        let rest = futures::future::join3(self.sources.wait(), calls.wait(), self.endpoints.wait());
        if tokio::time::timeout(HALT_LIMIT, rest).await.is_err() {
            tracing::debug!("some connections were still open");
        }
    }
}

async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let served = axum::serve(listener, service).with_graceful_shutdown(stop.cancelled_owned()).await;
    if let Err(error) = served {
        tracing::error!(%error, "an endpoint stopped");
    }
}

/// Runs one piece of work of its own, so that its panic is an error value and an abort ends it. The
/// task is aborted when the answer is dropped.
#[expect(clippy::disallowed_methods, reason = "the caller awaits it; the task only contains panics")]
pub(crate) fn contain<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> Contained<T> {
    Contained(tokio::spawn(work))
}

/// Work that was started by [`contain`].
pub(crate) struct Contained<T>(JoinHandle<T>);

impl<T> Contained<T> {
    /// Waits for the answer; a panic is the error.
    pub(crate) async fn answer(&mut self) -> Result<T, tokio::task::JoinError> {
        (&mut self.0).await
    }
}

impl<T> Drop for Contained<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
