//! The lock around the state, the news of changes, and the file it is kept in.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::State;

/// How long changes are gathered before the state is written.
const SAVE_AFTER: Duration = Duration::from_millis(300);

/// State that tells when it changed.
#[derive(Debug)]
pub(crate) struct Store {
    state: Mutex<State>,
    changed: watch::Sender<u64>,
    file: Option<PathBuf>,
}

impl Store {
    /// Opens the file, or begins empty when there is none.
    pub(crate) fn open(file: Option<PathBuf>) -> std::io::Result<Self> {
        let state = match &file {
            Some(path) if path.exists() => {
                serde_json::from_slice(&std::fs::read(path)?).map_err(|error| {
                    std::io::Error::other(format!(
                        "{} is damaged ({error}); start with --reset",
                        path.display()
                    ))
                })?
            }
            _ => State::default(),
        };
        Ok(Self { state: Mutex::new(state), changed: watch::Sender::new(0), file })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while the lock is held leaves plain data that is still whole enough for a development tool.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the state.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.lock())
    }

    /// Changes the state and wakes whoever waits for news.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.lock());
        self.touch();
        result
    }

    /// Wakes whoever waits for news, for changes outside the state (the clock, an invocation).
    pub(crate) fn touch(&self) {
        self.changed.send_modify(|version| *version = version.wrapping_add(1));
    }

    /// News of changes from now on.
    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Writes the state; a reader of the file sees the old or the new one, never half of it.
    pub(crate) fn save(&self) -> std::io::Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        let bytes = serde_json::to_vec(&*self.lock())?;
        write_whole(file, &bytes)
    }

    /// Saves after changes until it is dropped.
    pub(crate) async fn keep_saving(&self) {
        if self.file.is_none() {
            return;
        }
        let mut changed = self.subscribe();
        let mut pause = SAVE_AFTER;
        while changed.changed().await.is_ok() {
            tokio::time::sleep(pause).await;
            changed.mark_unchanged();
            let began = Instant::now();
            if let Err(error) = self.save() {
                tracing::error!(%error, "the state of the local cloud could not be saved");
            }
            // A large state must not keep the machine busy with saving.
            pause = SAVE_AFTER.max(began.elapsed() * 10);
        }
    }
}

fn write_whole(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let fresh = file.with_extension("new");
    std::fs::write(&fresh, bytes)?;
    std::fs::rename(fresh, file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_saved_is_there_again() {
        let folder = std::env::temp_dir().join(super::super::random_id());
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("state.json");
        let store = Store::open(Some(file.clone())).unwrap();
        let mut news = store.subscribe();
        store.change(|state| state.clock_offset_milliseconds = 7);
        assert!(news.has_changed().unwrap());
        news.mark_unchanged();
        store.save().unwrap();
        let again = Store::open(Some(file)).unwrap();
        assert_eq!(again.read(|state| state.clock_offset_milliseconds), 7);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
