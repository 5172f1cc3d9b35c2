//! The tasks of one local cloud: all of them end when it stops.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long running requests may take to end.
const SHUT_DOWN_LIMIT: Duration = Duration::from_secs(3);

/// Background tasks that are stopped together.
#[derive(Clone, Debug)]
pub(crate) struct Tasks {
    tracker: TaskTracker,
    stop: CancellationToken,
}

impl Tasks {
    pub(crate) fn new(stop: CancellationToken) -> Self {
        Self { tracker: TaskTracker::new(), stop }
    }

    /// Runs `work` until it ends or the cloud stops.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tracker.spawn(async move { stop.run_until_cancelled(work).await });
    }

    /// Runs `work` to its end; it must end by itself when the cloud stops.
    pub(crate) fn finish(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.tracker.spawn(work);
    }

    /// Serves HTTP until the cloud stops; requests that are running then may finish.
    pub(crate) fn serve(&self, listener: TcpListener, router: Router) {
        let stop = self.stop.clone();
        self.finish(async move {
            let service = router.into_make_service_with_connect_info::<SocketAddr>();
            let served = axum::serve(listener, service).with_graceful_shutdown(stop.cancelled_owned()).await;
            if let Err(error) = served {
                tracing::error!(%error, "an endpoint stopped");
            }
        });
    }

    /// Stops all tasks and waits for them and for `calls`, but not for one that does not end.
    pub(crate) async fn shut_down(&self, calls: &TaskTracker) {
        self.stop.cancel();
        self.tracker.close();
        calls.close();
        let ended = futures::future::join(self.tracker.wait(), calls.wait());
        if tokio::time::timeout(SHUT_DOWN_LIMIT, ended).await.is_err() {
            tracing::warn!("some requests were still running and are cut off");
        }
    }
}

/// Runs one piece of work of its own, so that its panic is an error value and an abort ends it. The task is aborted when the answer is dropped.
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
