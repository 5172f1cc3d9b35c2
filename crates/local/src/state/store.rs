//! The lock around the state, the news of changes, and the files it is kept in.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::State;

/// How long changes are gathered before the state is written.
const SAVE_AFTER: Duration = Duration::from_millis(300);
/// The clock's offset, in milliseconds, beside the state. A jump moves the clock more often than
/// the whole state can be written.
const OFFSET_EXTENSION: &str = "clock";

/// State that tells when it changed.
#[derive(Debug)]
pub(crate) struct Store {
    state: Mutex<State>,
    changed: watch::Sender<u64>,
    /// Version that is in the file.
    saved: watch::Sender<u64>,
    /// Version that somebody waits for to be in the file.
    wanted: watch::Sender<u64>,
    file: Option<PathBuf>,
}

impl Store {
    /// Opens the file, or begins empty when there is none.
    pub(crate) fn open(file: Option<PathBuf>) -> std::io::Result<Self> {
        let mut state = match &file {
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
        if let Some(offset) = file.as_deref().and_then(saved_offset) {
            state.clock_offset_milliseconds = offset;
        }
        let version = || watch::Sender::new(0);
        Ok(Self { state: Mutex::new(state), changed: version(), saved: version(), wanted: version(), file })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while the lock is held leaves plain data that is still whole enough for a
        // development tool.
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
        // What is changed after this look may be in the file already; that is no harm.
        let version = *self.changed.borrow();
        let bytes = serde_json::to_vec(&*self.lock())?;
        write_whole(file, &bytes)?;
        self.saved.send_replace(version);
        Ok(())
    }

    /// Writes the clock's offset alone.
    pub(crate) fn save_offset(&self, milliseconds: i64) -> std::io::Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        write_whole(&file.with_extension(OFFSET_EXTENSION), milliseconds.to_string().as_bytes())
    }

    /// Waits until all that was changed so far is in the file. A service that has answered has it
    /// for good, even if the process is killed; many who wait at once share one writing.
    pub(crate) async fn settle(&self) {
        if self.file.is_none() {
            return;
        }
        let version = *self.changed.borrow();
        let mut saved = self.saved.subscribe();
        self.wanted.send_modify(|wanted| *wanted = version.max(*wanted));
        // Without a writer, as after the end, there is nothing to wait for.
        let _ended = saved.wait_for(|saved| *saved >= version).await;
    }

    /// Saves after changes until it is dropped: at once when somebody waits for it.
    pub(crate) async fn keep_saving(&self) {
        if self.file.is_none() {
            return;
        }
        let (mut changed, mut wanted) = (self.subscribe(), self.wanted.subscribe());
        // What was changed before is saved as well.
        changed.mark_changed();
        let mut pause = SAVE_AFTER;
        while changed.changed().await.is_ok() {
            let is_wanted = wanted.wait_for(|wanted| *wanted > *self.saved.borrow());
            // The time-out is the usual case: nobody waits, and changes are gathered.
            drop(tokio::time::timeout(pause, is_wanted).await);
            changed.mark_unchanged();
            let began = Instant::now();
            if let Err(error) = self.save() {
                tracing::error!(%error, "the state of the local cloud could not be saved");
                // Nobody is kept waiting for a disk that does not take it.
                self.saved.send_replace(*self.changed.borrow());
            }
            // A large state must not keep the machine busy with saving.
            pause = SAVE_AFTER.max(began.elapsed() * 10);
        }
    }
}

fn saved_offset(file: &Path) -> Option<i64> {
    std::fs::read_to_string(file.with_extension(OFFSET_EXTENSION)).ok()?.parse().ok()
}

fn write_whole(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut fresh = file.as_os_str().to_owned();
    fresh.push(".new");
    std::fs::write(&fresh, bytes)?;
    std::fs::rename(fresh, file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_saved_is_there_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("state.json");
        let store = Store::open(Some(file.clone())).unwrap();
        let mut news = store.subscribe();
        store.change(|state| state.clock_offset_milliseconds = 7);
        assert!(news.has_changed().unwrap());
        news.mark_unchanged();
        store.save().unwrap();
        let again = || Store::open(Some(file.clone())).unwrap();
        assert_eq!(again().read(|state| state.clock_offset_milliseconds), 7);
        store.save_offset(9).unwrap();
        assert_eq!(
            again().read(|state| state.clock_offset_milliseconds),
            9,
            "the clock is ahead of the rest"
        );
    }

    #[tokio::test]
    async fn what_has_settled_survives_the_process() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("state.json");
        let store = Store::open(Some(file.clone())).unwrap();
        let changes = async {
            for sequence in 1..=20 {
                store.change(|state| state.stripe.sequence = sequence);
                store.settle().await;
                let kept = Store::open(Some(file.clone())).unwrap();
                assert_eq!(kept.read(|state| state.stripe.sequence), sequence);
            }
        };
        tokio::select! {
            () = store.keep_saving() => panic!("it saves as long as there are changes"),
            () = changes => {}
        }
    }
}
