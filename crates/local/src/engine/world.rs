//! The time between two resets. Whoever works for it is a visitor: a reset waits for all of them,
//! and cuts off who stays too long. The end of the process does the same.

use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};
use tokio_util::sync::CancellationToken;

/// The world that functions work in.
#[derive(Debug)]
pub(crate) struct World {
    gate: Arc<RwLock<()>>,
    /// Cancelled for good when the process ends.
    halt: CancellationToken,
    /// Cancelled when this world ends; a child of `halt`.
    over: Mutex<CancellationToken>,
}

/// Somebody at work in the world.
#[derive(Debug)]
pub(crate) struct Visit {
    _gate: OwnedRwLockReadGuard<()>,
    over: CancellationToken,
}

impl World {
    pub(crate) fn new(halt: CancellationToken) -> Self {
        let over = Mutex::new(halt.child_token());
        Self { gate: Arc::default(), halt, over }
    }

    fn over(&self) -> CancellationToken {
        self.over.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Enters. While a reset is on, this waits for the world after it. A visitor must not enter
    /// again.
    pub(crate) async fn enter(&self) -> Visit {
        let gate = Arc::clone(&self.gate).read_owned().await;
        Visit { _gate: gate, over: self.over() }
    }

    /// Ends this world: waits until all visitors are gone, and cuts off those who still work after
    /// `patience`. Nobody enters while the answer is held; when it is dropped, the next world
    /// begins.
    pub(crate) async fn end(&self, patience: Duration) -> OwnedRwLockWriteGuard<()> {
        let mut gate = pin!(Arc::clone(&self.gate).write_owned());
        let guard = if let Ok(guard) = tokio::time::timeout(patience, &mut gate).await {
            guard
        } else {
            self.over().cancel();
            gate.await
        };
        *self.over.lock().unwrap_or_else(PoisonError::into_inner) = self.halt.child_token();
        guard
    }
}

impl Visit {
    /// Works; `None` if the world ended first. The work is dropped where it stands then, as in a
    /// sandbox that is killed.
    pub(crate) async fn work<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            // The end counts first, so that what fails because of it is never taken for a failure.
            biased;
            () = self.over.cancelled() => None,
            done = work => Some(done),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_world_ends_when_its_visitors_are_gone_or_cut_off() {
        let halt = CancellationToken::new();
        let world = World::new(halt.clone());
        let visit = world.enter().await;
        let (cut_off, end) = tokio::join!(
            async move { visit.work(std::future::pending::<()>()).await },
            world.end(Duration::from_millis(1))
        );
        assert_eq!(cut_off, None);
        drop(end);
        let next = world.enter().await;
        assert_eq!(next.work(async { 7 }).await, Some(7), "the next world is not over");
        halt.cancel();
        assert_eq!(next.work(async { 7 }).await, None);
        drop(next);
        assert_eq!(world.enter().await.work(async { 7 }).await, None, "nothing begins any more");
    }
}
